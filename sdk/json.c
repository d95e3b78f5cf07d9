/*
 * json.c: a recursive descent through RFC 8259. Guarantees: reads only text[0 …
 * bytes), recurses at most MAYFLY_JSON_DEPTH_MAX deep, and either builds the whole
 * value or says what is wrong where.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/mayfly_json.h"
#include "sdk/utf8.h"

struct reader {
    struct mayfly_event *event;
    const char *text;
    size_t bytes;
    size_t at;
    unsigned depth;
    const char *fault; /* the first one; reader->at stands where it is */
};

static bool value(struct reader *r, struct mayfly_json *to);

static bool wrong(struct reader *r, const char *fault)
{
    if (!r->fault)
        r->fault = fault;
    return false;
}

/* The next character, or -1 at the end. */
static int peek(const struct reader *r)
{
    return r->at < r->bytes ? (unsigned char)r->text[r->at] : -1;
}

static bool accept(struct reader *r, char c)
{
    if (peek(r) != (unsigned char)c)
        return false;
    r->at++;
    return true;
}

static void skip_space(struct reader *r)
{
    int c;
    while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        r->at++;
}

static void *take(struct reader *r, size_t bytes)
{
    void *memory = mayfly_alloc(r->event, bytes);
    if (!memory)
        wrong(r, "the function's memory is too small for this document");
    return memory;
}

static bool digits(struct reader *r)
{
    size_t from = r->at;
    for (int c; (c = peek(r)) >= '0' && c <= '9';)
        r->at++;
    return r->at > from || wrong(r, "a digit belongs here");
}

static bool number(struct reader *r, struct mayfly_json *to)
{
    size_t from = r->at;
    (void)accept(r, '-');
    if (accept(r, '0')) {
        if (peek(r) >= '0' && peek(r) <= '9')
            return wrong(r, "a number does not begin with 0");
    } else if (!digits(r)) {
        return false;
    }
    if (accept(r, '.') && !digits(r))
        return false;
    if (accept(r, 'e') || accept(r, 'E')) {
        if (!accept(r, '+'))
            (void)accept(r, '-');
        if (!digits(r))
            return false;
    }
    char copy[MAYFLY_JSON_NUMBER_MAX + 1];
    size_t bytes = r->at - from;
    if (bytes > MAYFLY_JSON_NUMBER_MAX)
        return wrong(r, "a number of more than 256 characters");
    memcpy(copy, r->text + from, bytes);
    copy[bytes] = 0;
    to->kind = MAYFLY_JSON_NUMBER;
    to->number = strtod(copy, NULL);
    return isfinite(to->number) || wrong(r, "a number too large for a double");
}

static bool hex4(struct reader *r, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(r);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return wrong(r, "four hexadecimal digits belong after \\u");
        *code = *code << 4 | (uint32_t)digit;
        r->at++;
    }
    return true;
}

/* Behind "\u": a code point, by two escapes where it is past U+FFFF. */
static bool unicode_escape(struct reader *r, char *to, size_t *out)
{
    uint32_t code, low;
    if (!hex4(r, &code))
        return false;
    if (code >= 0xdc00 && code <= 0xdfff)
        return wrong(r, "the second half of a surrogate pair without its first");
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!accept(r, '\\') || !accept(r, 'u'))
            return wrong(r, "the second half of a surrogate pair belongs here");
        if (!hex4(r, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return wrong(r, "the second half of a surrogate pair belongs before this");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += utf8_write(code, to + *out);
    return true;
}

static bool escape(struct reader *r, char *to, size_t *out)
{
    static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    if (accept(r, 'u'))
        return unicode_escape(r, to, out);
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found)
        return wrong(r, "no such escape");
    to[(*out)++] = means[found - from];
    r->at++;
    return true;
}

/* How far the string that starts at r->at reaches; its decoded form is never longer. */
static size_t raw_length(const struct reader *r)
{
    size_t at = r->at;
    while (at < r->bytes && r->text[at] != '"')
        at += r->text[at] == '\\' ? 2 : 1;
    return at - r->at;
}

/* Behind the opening quote. */
static bool string(struct reader *r, const char **text, size_t *bytes)
{
    char *to = take(r, raw_length(r) + 1);
    size_t out = 0;
    while (to) {
        int c = peek(r);
        if (c < 0)
            return wrong(r, "the text ends inside a string");
        if (accept(r, '"')) {
            to[out] = 0;
            *text = to;
            *bytes = out;
            return true;
        }
        if (c < 0x20)
            return wrong(r, "a control character inside a string; write it as an escape");
        if (accept(r, '\\')) {
            if (!escape(r, to, &out))
                return false;
            continue;
        }
        size_t sequence = utf8_sequence(r->text + r->at, r->bytes - r->at);
        if (!sequence)
            return wrong(r, "not UTF-8");
        memcpy(to + out, r->text + r->at, sequence);
        out += sequence;
        r->at += sequence;
    }
    return false;
}

static bool member_name(struct reader *r, struct mayfly_json *child)
{
    skip_space(r);
    if (!accept(r, '"'))
        return wrong(r, "a name in double quotes belongs here");
    if (!string(r, &child->name, &child->name_bytes))
        return false;
    skip_space(r);
    return accept(r, ':') || wrong(r, "a colon belongs here");
}

/* Behind the opening bracket. */
static bool children(struct reader *r, struct mayfly_json *to, char close)
{
    const struct mayfly_json **link = &to->first;
    if (++r->depth > MAYFLY_JSON_DEPTH_MAX)
        return wrong(r, "nested more than 64 deep");
    skip_space(r);
    bool more = !accept(r, close);
    while (more) {
        struct mayfly_json *child = take(r, sizeof *child);
        if (!child)
            return false;
        *child = (struct mayfly_json){0};
        if (close == '}' && !member_name(r, child))
            return false;
        if (!value(r, child))
            return false;
        *link = child;
        link = &child->next;
        to->count++;
        skip_space(r);
        more = accept(r, ',');
        if (!more && !accept(r, close))
            return wrong(r, close == ']' ? "a comma or ] belongs here" : "a comma or } belongs here");
    }
    r->depth--;
    return true;
}

static bool word(struct reader *r, const char *expected)
{
    size_t bytes = strlen(expected);
    if (r->bytes - r->at < bytes || memcmp(r->text + r->at, expected, bytes) != 0)
        return wrong(r, "no such word; true, false and null are the only ones");
    r->at += bytes;
    return true;
}

static bool value(struct reader *r, struct mayfly_json *to)
{
    skip_space(r);
    switch (peek(r)) {
    case -1:
        return wrong(r, "the text ends where a value belongs");
    case '{':
        r->at++;
        to->kind = MAYFLY_JSON_OBJECT;
        return children(r, to, '}');
    case '[':
        r->at++;
        to->kind = MAYFLY_JSON_ARRAY;
        return children(r, to, ']');
    case '"':
        r->at++;
        to->kind = MAYFLY_JSON_STRING;
        return string(r, &to->text, &to->text_bytes);
    case 't':
        to->kind = MAYFLY_JSON_BOOL;
        to->boolean = true;
        return word(r, "true");
    case 'f':
        to->kind = MAYFLY_JSON_BOOL;
        return word(r, "false");
    case 'n':
        return word(r, "null");
    default:
        if (peek(r) != '-' && (peek(r) < '0' || peek(r) > '9'))
            return wrong(r, "a value belongs here");
        return number(r, to);
    }
}

static void locate(const struct reader *r, struct mayfly_json_error *error)
{
    *error = (struct mayfly_json_error){.what = r->fault, .line = 1, .column = 1};
    for (size_t i = 0; i < r->at; i++) {
        error->column++;
        if (r->text[i] == '\n') {
            error->line++;
            error->column = 1;
        }
    }
}

const struct mayfly_json *mayfly_json_parse(struct mayfly_event *event, const char *text,
                                            size_t bytes, struct mayfly_json_error *error)
{
    struct reader r = {.event = event, .text = text, .bytes = bytes};
    struct mayfly_json *root = take(&r, sizeof *root);
    if (root) {
        *root = (struct mayfly_json){0};
        if (value(&r, root)) {
            skip_space(&r);
            if (r.at < r.bytes)
                wrong(&r, "something follows the value");
        }
    }
    if (!r.fault)
        return root;
    locate(&r, error);
    return NULL;
}

const struct mayfly_json *mayfly_json_member(const struct mayfly_json *parent, const char *name)
{
    if (!parent || parent->kind != MAYFLY_JSON_OBJECT)
        return NULL;
    const struct mayfly_json *found = NULL;
    size_t bytes = strlen(name);
    for (const struct mayfly_json *at = parent->first; at; at = at->next)
        if (at->name_bytes == bytes && memcmp(at->name, name, bytes) == 0)
            found = at;
    return found;
}

double mayfly_json_number(const struct mayfly_json *value, const char *name, double otherwise)
{
    const struct mayfly_json *found = mayfly_json_member(value, name);
    return found && found->kind == MAYFLY_JSON_NUMBER ? found->number : otherwise;
}

const char *mayfly_json_text(const struct mayfly_json *value, const char *name,
                             const char *otherwise)
{
    const struct mayfly_json *found = mayfly_json_member(value, name);
    bool text = found && found->kind == MAYFLY_JSON_STRING &&
                strlen(found->text) == found->text_bytes;
    return text ? found->text : otherwise;
}

bool mayfly_json_bool(const struct mayfly_json *value, const char *name, bool otherwise)
{
    const struct mayfly_json *found = mayfly_json_member(value, name);
    return found && found->kind == MAYFLY_JSON_BOOL ? found->boolean : otherwise;
}

const char *mayfly_json_kind_name(const struct mayfly_json *parent)
{
    static const char *const name[] = {
        [MAYFLY_JSON_NULL] = "null",       [MAYFLY_JSON_BOOL] = "a boolean",
        [MAYFLY_JSON_NUMBER] = "a number", [MAYFLY_JSON_STRING] = "a string",
        [MAYFLY_JSON_ARRAY] = "an array",  [MAYFLY_JSON_OBJECT] = "an object",
    };
    return parent ? name[parent->kind] : "nothing";
}

void mayfly_json_write_string(struct mayfly_reply *reply, const char *text)
{
    size_t bytes = strlen(text);
    mayfly_puts(reply, "\"");
    for (size_t at = 0; at < bytes;) {
        unsigned char c = (unsigned char)text[at];
        size_t sequence = utf8_sequence(text + at, bytes - at);
        if (c == '"' || c == '\\')
            mayfly_printf(reply, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            mayfly_printf(reply, "\\u%04x", c);
        else if (sequence)
            mayfly_write(reply, text + at, sequence);
        else
            mayfly_puts(reply, "\xef\xbf\xbd");
        at += sequence ? sequence : 1;
    }
    mayfly_puts(reply, "\"");
}
