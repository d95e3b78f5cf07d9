/*
 * http_line.c: see http_line.h.
 * Guarantees: what a header gives is a token in lower case and a value of one line.
 * Owns nothing.
 */
#include "kernel/contract/http_line.h"

#include "kernel/core/string.h"

#define VERSION_BYTES (sizeof "HTTP/1.1" - 1)
#define DIGITS_MAX 15u /* of a length, decimal or hexadecimal: no overflow */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct http_text trimmed(struct http_text text)
{
    while (text.bytes && is_blank(text.text[0])) {
        text.text++;
        text.bytes--;
    }
    while (text.bytes && is_blank(text.text[text.bytes - 1]))
        text.bytes--;
    return text;
}

/* RFC 9110, 5.6.2. */
static bool is_token_char(char c)
{
    static const char other[] = "!#$%&'*+-.^_`|~";
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    for (size_t i = 0; i < sizeof other - 1; i++)
        if (c == other[i])
            return true;
    return false;
}

bool http_text_is(struct http_text text, const char *word)
{
    return text.bytes == strlen(word) && memcmp(text.text, word, text.bytes) == 0;
}

bool http_text_is_any_case(struct http_text text, const char *word)
{
    if (text.bytes != strlen(word))
        return false;
    for (size_t i = 0; i < text.bytes; i++)
        if (lower(text.text[i]) != word[i])
            return false;
    return true;
}

bool http_list_has(struct http_text list, const char *word)
{
    size_t at = 0;
    while (at < list.bytes) {
        size_t start = at;
        while (at < list.bytes && list.text[at] != ',')
            at++;
        if (http_text_is_any_case(trimmed((struct http_text){list.text + start, at - start}), word))
            return true;
        at++;
    }
    return false;
}

bool http_decimal(struct http_text text, uint64_t *value)
{
    *value = 0;
    if (text.bytes == 0 || text.bytes > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text.text[i] - '0');
    }
    return true;
}

/* HTTP-version: "HTTP/1." DIGIT */
static bool version(const char *text, bool *old)
{
    *old = text[VERSION_BYTES - 1] == '0';
    return memcmp(text, "HTTP/1.", VERSION_BYTES - 1) == 0 && text[VERSION_BYTES - 1] >= '0' &&
           text[VERSION_BYTES - 1] <= '9';
}

/* status-line = HTTP-version SP status-code [ SP reason ] */
bool http_status_line(struct http_text line, uint16_t *status, bool *old)
{
    const char *code = line.text + VERSION_BYTES + 1;
    if (line.bytes < VERSION_BYTES + 4 || !version(line.text, old) || code[-1] != ' ')
        return false;
    if (line.bytes > VERSION_BYTES + 4 && code[3] != ' ')
        return false;
    if (code[0] < '1' || code[0] > '5')
        return false;
    *status = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (code[i] < '0' || code[i] > '9')
            return false;
        *status = (uint16_t)(*status * 10 + (code[i] - '0'));
    }
    return true;
}

/* request-line = method SP request-target SP HTTP-version */
bool http_request_line(struct http_text line, struct http_text *method, struct http_text *target,
                       bool *old)
{
    size_t at = 0;
    while (at < line.bytes && is_token_char(line.text[at]))
        at++;
    *method = (struct http_text){line.text, at};
    if (at == 0 || line.bytes - at < sizeof " x " - 1 + VERSION_BYTES || line.text[at] != ' ')
        return false;
    size_t end = line.bytes - VERSION_BYTES - 1;
    if (line.text[end] != ' ' || !version(line.text + end + 1, old))
        return false;
    *target = (struct http_text){line.text + at + 1, end - at - 1};
    for (size_t i = 0; i < target->bytes; i++)
        if (target->text[i] <= ' ' || target->text[i] == 0x7f)
            return false;
    return target->bytes > 0;
}

/* field-line = field-name ":" OWS field-value OWS; folded ones are refused, as
 * RFC 9112, 5.2 allows. */
bool http_header_line(struct http_text line, char *storage, struct http_text *name,
                      struct http_text *value)
{
    size_t at = 0;
    for (; at < line.bytes && is_token_char(line.text[at]); at++)
        storage[at] = lower(line.text[at]);
    if (at == 0 || at == line.bytes || line.text[at] != ':')
        return false;
    *name = (struct http_text){line.text, at};
    *value = trimmed((struct http_text){line.text + at + 1, line.bytes - at - 1});
    for (size_t i = 0; i < value->bytes; i++)
        if (value->text[i] == 0 || value->text[i] == '\r' || value->text[i] == '\n')
            return false;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_chunk_size(struct http_text line, uint64_t *size)
{
    size_t at = 0;
    *size = 0;
    for (; at < line.bytes && hex_digit(line.text[at]) >= 0; at++) {
        if (at == DIGITS_MAX)
            return false;
        *size = *size << 4 | (uint64_t)hex_digit(line.text[at]);
    }
    if (at == 0)
        return false;
    while (at < line.bytes && is_blank(line.text[at]))
        at++;
    return at == line.bytes || line.text[at] == ';';
}
