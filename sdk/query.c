/*
 * query.c: parameters of a query, as forms write them: name=value joined by '&',
 * %XX and + decoded (WHATWG URL, application/x-www-form-urlencoded parsing). What is
 * no escape, or would be a NUL, stays as it is.
 */
#include <string.h>

#include "sdk/event.h"
#include "sdk/query.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One character, %XX decoded, of a form a plus, too; *at moves behind it. */
static char decoded(const char *text, size_t bytes, size_t *at, bool form)
{
    char c = text[(*at)++];
    if (form && c == '+')
        return ' ';
    if (c != '%' || bytes - *at < 2)
        return c;
    int high = hex(text[*at]), low = hex(text[*at + 1]);
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return c;
    *at += 2;
    return (char)(high << 4 | low);
}

static size_t decode(const char *text, size_t bytes, char *to, bool form)
{
    size_t out = 0;
    for (size_t at = 0; at < bytes;)
        to[out++] = decoded(text, bytes, &at, form);
    to[out] = 0;
    return out;
}

size_t percent_decode(const char *text, size_t bytes, char *to)
{
    return decode(text, bytes, to, false);
}

size_t query_decode(const char *text, size_t bytes, char *to)
{
    return decode(text, bytes, to, true);
}

static bool same(const char *text, size_t bytes, const char *name)
{
    size_t at = 0;
    while (at < bytes) {
        char c = decoded(text, bytes, &at, true);
        if (*name == 0 || c != *name++)
            return false;
    }
    return *name == 0;
}

bool query_find(const char *query, const char *name, const char **value, size_t *bytes)
{
    while (*query) {
        size_t whole = strcspn(query, "&");
        size_t key = strcspn(query, "=&");
        if (same(query, key, name)) {
            *value = query + (key < whole ? key + 1 : whole);
            *bytes = key < whole ? whole - key - 1 : 0;
            return true;
        }
        query += whole;
        query += *query == '&';
    }
    return false;
}

const char *mayfly_parameter(struct mayfly_event *event, const char *name)
{
    const char *value;
    size_t bytes;
    if (!query_find(event->query, name, &value, &bytes))
        return NULL;
    char *text = mayfly_alloc(event, bytes + 1);
    if (text)
        query_decode(value, bytes, text);
    return text;
}
