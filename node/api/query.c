/*
 * query.c: what stands behind a request's question mark, and in the segments of its path (request.h).
 * Guarantees: a number is one, or the request is refused before anybody handles it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/url_text.h"
#include "node/api/request.h"

bool api_decode(const char *text, size_t bytes, char *to, size_t room, size_t *decoded)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) {
        int high = 0, low = 0;
        if (text[i] == '%' && (bytes - i < 3 || (high = mf_hex_digit(text[i + 1])) < 0 ||
                               (low = mf_hex_digit(text[i + 2])) < 0))
            return false;
        if (count == room)
            return false;
        to[count++] = text[i] == '%' ? (char)(high << 4 | low) : text[i];
        i += text[i] == '%' ? 2 : 0;
    }
    *decoded = count;
    return true;
}

bool api_query_text(const struct api_request *request, const char *name, char *to, size_t room,
                    size_t *bytes)
{
    size_t length = strlen(name);
    *bytes = 0;
    for (const char *at = request->query; *at; at += strcspn(at, "&"), at += *at == '&')
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return api_decode(at + length + 1, strcspn(at + length + 1, "&"), to, room, bytes);
    return true;
}

unsigned api_query_number(const struct api_request *request, const char *name, unsigned otherwise,
                          unsigned most)
{
    size_t bytes = strlen(name);
    for (const char *at = request->query; *at; at += strcspn(at, "&"), at += *at == '&') {
        if (strncmp(at, name, bytes) != 0 || at[bytes] != '=')
            continue;
        unsigned long value = strtoul(at + bytes + 1, NULL, 10);
        return value < most ? (unsigned)value : most;
    }
    return otherwise;
}

/* Of a parameter that is a number for whoever has it; NULL: of none. */
static const char *number_of(const char *at)
{
    static const char *const names[] = {"count", "dead", "dry_run", "follow", "life_ms", "qos", "retain", "tail"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t bytes = strlen(names[i]);
        if (strncmp(at, names[i], bytes) == 0 && at[bytes] == '=')
            return at + bytes + 1;
    }
    return NULL;
}

mf_err api_query_check(const struct api_request *request, struct mf_why *why)
{
    for (const char *at = request->query; *at; at += strcspn(at, "&"), at += *at == '&') {
        const char *digits = number_of(at);
        size_t bytes = digits ? strspn(digits, "0123456789") : 0;
        if (digits && (bytes == 0 || bytes > 10 || (digits[bytes] && digits[bytes] != '&') ||
                       strtoull(digits, NULL, 10) > UINT32_MAX))
            return mf_why(why, MF_EINVAL, "%.*s: a number from 0 to %u belongs there", (int)(digits - at - 1), at,
                          UINT32_MAX);
    }
    return MF_OK;
}
