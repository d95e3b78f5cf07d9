/*
 * json_scan.c: see json_scan.h.
 * Guarantees: reads nothing outside the text; time in proportion to it.
 */
#include "node/events/json_scan.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

/* The containers around the value that is being read: a bit each, set for an object. */
struct nest {
    unsigned depth;
    uint8_t object[MF_JSON_DEPTH_MAX / 8];
};

static bool scan_plain(struct json_scan *scan, enum json_scanned *kind);
static bool open_container(struct json_scan *scan, struct nest *nest, bool *empty);
static bool go_on(struct json_scan *scan, struct nest *nest, bool *over);
static bool scan_key(struct json_scan *scan);

static void blanks(struct json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

bool json_scan_take(struct json_scan *scan, char c)
{
    blanks(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

bool json_scan_end(struct json_scan *scan)
{
    blanks(scan);
    return scan->at == scan->end;
}

bool json_scan_value(struct json_scan *scan, enum json_scanned *kind, struct json_scan *value)
{
    struct nest nest = {0};
    bool first = true;
    blanks(scan);
    value->at = scan->at;
    for (;;) {
        enum json_scanned here = JSON_SCANNED_NULL;
        bool over = true;
        blanks(scan);
        if (scan->at < scan->end && (*scan->at == '{' || *scan->at == '[')) {
            here = *scan->at == '{' ? JSON_SCANNED_OBJECT : JSON_SCANNED_ARRAY;
            if (!open_container(scan, &nest, &over))
                return false;
        } else if (!scan_plain(scan, &here)) {
            return false;
        }
        if (first)
            *kind = here;
        first = false;
        if (over && !go_on(scan, &nest, &over)) /* a value has ended: what follows it? */
            return false;
        if (over) {
            value->end = scan->at;
            return true;
        }
    }
}

bool json_scan_whole(const char *text, size_t bytes)
{
    struct json_scan scan = {text, text + bytes}, value;
    enum json_scanned kind;
    return json_scan_value(&scan, &kind, &value) && json_scan_end(&scan);
}

static bool in_object(const struct nest *nest)
{
    unsigned top = nest->depth - 1;
    return nest->object[top / 8] >> top % 8 & 1;
}

/* At { or [. *empty: it has ended already; else its first value comes, behind its key. */
static bool open_container(struct json_scan *scan, struct nest *nest, bool *empty)
{
    bool object = *scan->at == '{';
    if (nest->depth == MF_JSON_DEPTH_MAX)
        return false;
    uint8_t bit = (uint8_t)(1u << nest->depth % 8), *byte = &nest->object[nest->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    scan->at++;
    *empty = json_scan_take(scan, object ? '}' : ']');
    if (*empty)
        return true;
    nest->depth++;
    return !object || scan_key(scan);
}

/* Behind a value: to the next one, out of what ends here. *over: that was the whole. */
static bool go_on(struct json_scan *scan, struct nest *nest, bool *over)
{
    while (nest->depth) {
        bool object = in_object(nest);
        if (json_scan_take(scan, ',')) {
            *over = false;
            return !object || scan_key(scan);
        }
        if (!json_scan_take(scan, object ? '}' : ']'))
            return false;
        nest->depth--;
    }
    *over = true;
    return true;
}

static bool hex4(const char *at, unsigned *code)
{
    *code = 0;
    for (unsigned i = 0; i < 4; i++) {
        char c = at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *code = *code << 4 | digit;
    }
    return true;
}

/* Behind the backslash. */
static bool scan_escape(struct json_scan *scan)
{
    unsigned code, low;
    if (scan->at == scan->end)
        return false;
    char c = *scan->at++;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    if (scan->end - scan->at < 4 || !hex4(scan->at, &code) || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    scan->at += 4;
    if (code < 0xd800 || code > 0xdbff)
        return true;
    if (scan->end - scan->at < 6 || scan->at[0] != '\\' || scan->at[1] != 'u' ||
        !hex4(scan->at + 2, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    scan->at += 6;
    return true;
}

/* At its first quote. */
static bool scan_string(struct json_scan *scan)
{
    for (scan->at++; scan->at < scan->end;) {
        unsigned char c = (unsigned char)*scan->at;
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c < ' ')
            return false;
        if (c == '\\') {
            scan->at++;
            if (!scan_escape(scan))
                return false;
        } else if (c < 0x80) {
            scan->at++;
        } else {
            size_t bytes = mf_utf8_length((const uint8_t *)scan->at, (size_t)(scan->end - scan->at));
            if (bytes == 0)
                return false;
            scan->at += bytes;
        }
    }
    return false;
}

static bool scan_key(struct json_scan *scan)
{
    blanks(scan);
    return scan->at < scan->end && *scan->at == '"' && scan_string(scan) &&
           json_scan_take(scan, ':');
}

static bool digits(struct json_scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > from;
}

/* RFC 8259, 6. */
static bool scan_number(struct json_scan *scan)
{
    if (*scan->at == '-')
        scan->at++;
    if (scan->at < scan->end && *scan->at == '0')
        scan->at++;
    else if (!digits(scan))
        return false;
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!digits(scan))
            return false;
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        return digits(scan);
    }
    return true;
}

static bool scan_plain(struct json_scan *scan, enum json_scanned *kind)
{
    static const struct {
        const char *text;
        size_t bytes;
        enum json_scanned kind;
    } word[] = {{"true", 4, JSON_SCANNED_TRUE},
                {"false", 5, JSON_SCANNED_FALSE},
                {"null", 4, JSON_SCANNED_NULL}};
    if (scan->at == scan->end)
        return false;
    if (*scan->at == '"') {
        *kind = JSON_SCANNED_STRING;
        return scan_string(scan);
    }
    if (*scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9')) {
        *kind = JSON_SCANNED_NUMBER;
        return scan_number(scan);
    }
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        if ((size_t)(scan->end - scan->at) < word[i].bytes ||
            memcmp(scan->at, word[i].text, word[i].bytes) != 0)
            continue;
        *kind = word[i].kind;
        scan->at += word[i].bytes;
        return true;
    }
    return false;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* No character is longer than its escape, so that what is written never passes what is read. */
size_t json_scan_unescape(char *text, size_t bytes)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = text, *end = text + bytes;
    char *to = text;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape ? escape : end) - at);
        memmove(to, at, run);
        to += run;
        at += run;
        if (!escape)
            break;
        at += 2;
        if (at[-1] != 'u') {
            *to++ = meant[strchr(plain, at[-1]) - plain];
            continue;
        }
        unsigned code = 0, low = 0;
        (void)hex4(at, &code);
        at += 4;
        if (code >= 0xd800 && code <= 0xdbff) {
            (void)hex4(at + 2, &low);
            at += 6;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        to += put_utf8(to, code);
    }
    return (size_t)(to - text);
}
