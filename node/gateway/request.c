/*
 * request.c: targets and headers, from HTTP's words to an event's.
 * Guarantees: no header that belongs to the connection reaches a function.
 * Leaves to others: limits and characters of fields (instance/event.c). Any thread.
 */
#include "node/gateway/request.h"

#include <string.h>
#include <strings.h>

#define FUNCTION_PREFIX "/function/"
#define ASYNC_PREFIX "/async-function/"

/* RFC 9110, 7.6.1 and 10.1.1: of the connection, not of the message. Content-Length goes
 * too: the event's body says itself how long it is. */
static const char *const stays[] = {
    "connection", "keep-alive", "proxy-connection",  "te",     "trailer",
    "upgrade",    "expect",     "transfer-encoding", "content-length",
};

static bool same(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    return a_bytes == b_bytes && strncasecmp(a, b, a_bytes) == 0;
}

/* Of the path, if it begins so; else 0. */
static size_t prefix_bytes(const struct target *target, const char *prefix)
{
    size_t bytes = strlen(prefix);
    return target->path_bytes >= bytes && memcmp(target->path, prefix, bytes) == 0 ? bytes : 0;
}

mf_err target_parse(const char *text, struct target *target)
{
    *target = (struct target){0};
    if (strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0) {
        text = strstr(text, "//") + 2;
        text += strcspn(text, "/?");
    } else if (*text != '/') {
        return MF_EINVAL;
    }
    const char *end = text + strlen(text);
    const char *query = strchr(text, '?');
    target->path = text;
    target->path_bytes = (size_t)((query ? query : end) - text);
    if (query) {
        target->query = query + 1;
        target->query_bytes = (size_t)(end - query) - 1;
    }
    size_t prefix = prefix_bytes(target, FUNCTION_PREFIX);
    if (!prefix) {
        prefix = prefix_bytes(target, ASYNC_PREFIX);
        target->async = prefix > 0;
    }
    if (prefix) {
        const char *name = text + prefix;
        size_t left = target->path_bytes - prefix;
        const char *slash = memchr(name, '/', left);
        target->name = name;
        target->name_bytes = slash ? (size_t)(slash - name) : left;
        target->path = name + target->name_bytes;
        target->path_bytes = left - target->name_bytes;
    }
    if (target->path_bytes == 0) {
        target->path = "/";
        target->path_bytes = 1;
    }
    return MF_OK;
}

void request_begin(struct field_writer *writer, const char *method, const struct target *target)
{
    field_put(writer, MF_FIELD_METHOD, NULL, 0, method, strlen(method));
    field_put(writer, MF_FIELD_PATH, NULL, 0, target->path, target->path_bytes);
    if (target->query)
        field_put(writer, MF_FIELD_QUERY, NULL, 0, target->query, target->query_bytes);
}

void hop_by_hop_add(struct hop_by_hop *hops, const char *value, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        size_t start = at;
        while (at < bytes && value[at] != ',')
            at++;
        size_t end = at++;
        while (start < end && (value[start] == ' ' || value[start] == '\t'))
            start++;
        while (end > start && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        if (end == start)
            continue;
        if (hops->count == CONNECTION_OPTIONS_MAX) {
            hops->too_many = true;
            return;
        }
        hops->listed[hops->count].name = value + start;
        hops->listed[hops->count++].bytes = end - start;
    }
}

bool header_stays(const struct hop_by_hop *hops, const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++)
        if (same(name, bytes, stays[i], strlen(stays[i])))
            return true;
    for (unsigned i = 0; hops && i < hops->count; i++)
        if (same(name, bytes, hops->listed[i].name, hops->listed[i].bytes))
            return true;
    return false;
}

bool call_id_valid(const char *text, size_t bytes)
{
    if (bytes == 0 || bytes > MF_CALL_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}
