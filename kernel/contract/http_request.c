/*
 * http_request.c: see http_request.h.
 * Guarantees: one request, whatever the fields hold: no byte of a value ends a line or
 * parts the request line; nothing outside the bytes given is read or written.
 * Leaves to others: the body (http.c). Owns nothing.
 */
#include "kernel/contract/http_request.h"

#include <asm/errno.h>

#include "abi/event.h"
#include "kernel/contract/limits.h"
#include "kernel/core/string.h"

struct part {
    const char *text;
    uint32_t bytes;
};

struct event_parts {
    struct part method, path, query;
    bool is_event, has_query;
};

struct writer {
    uint8_t *to;
    size_t room, at;
    bool full;
};

struct field {
    uint16_t kind;
    struct part name, value;
};

static void put(struct writer *writer, const void *bytes, size_t count)
{
    if (count > writer->room - writer->at) {
        writer->full = true;
        return;
    }
    memcpy(writer->to + writer->at, bytes, count);
    writer->at += count;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

/* Of the request line: what would part it is escaped (RFC 3986, 2.1). */
static void put_target(struct writer *writer, struct part part)
{
    static const char hex[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < part.bytes; i++) {
        uint8_t c = (uint8_t)part.text[i];
        const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (c > ' ' && c < 0x7f && c != '#')
            put(writer, &c, 1);
        else
            put(writer, escaped, sizeof escaped);
    }
}

static void put_decimal(struct writer *writer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    put(writer, digits + at, sizeof digits - at);
}

static bool is(struct part part, const char *text)
{
    return part.bytes == strlen(text) && memcmp(part.text, text, part.bytes) == 0;
}

bool http_header_stays(const char *name, size_t bytes)
{
    static const char *const stays[] = {
        "connection", "keep-alive", "proxy-connection",  "te",     "trailer",
        "upgrade",    "expect",     "transfer-encoding", "content-length",
    };
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++)
        if (bytes == strlen(stays[i]) && memcmp(name, stays[i], bytes) == 0)
            return true;
    return false;
}

static bool one_line(struct part part)
{
    for (uint32_t i = 0; i < part.bytes; i++)
        if (part.text[i] == 0 || part.text[i] == '\r' || part.text[i] == '\n')
            return false;
    return true;
}

/* A token, as a header's name in lower case (abi/event.h). */
static bool is_token(struct part part, bool lower)
{
    for (uint32_t i = 0; i < part.bytes; i++) {
        char c = part.text[i];
        if (lower && c >= 'A' && c <= 'Z')
            return false;
        if (c <= ' ' || c >= 0x7f || c == ':' || c == '"' || c == '(' || c == ')' || c == ',' ||
            c == '/' || (c >= ';' && c <= '@') || (c >= '[' && c <= ']') || c == '{' || c == '}')
            return false;
    }
    return part.bytes > 0;
}

/* 1: the field at *at, which moves on; 0: the end; -EPROTO. */
static int next_field(const uint8_t *fields, uint32_t bytes, uint32_t *at, struct field *field)
{
    struct mf_field head;
    if (*at == bytes)
        return 0;
    if (bytes - *at < sizeof head)
        return -EPROTO;
    memcpy(&head, fields + *at, sizeof head);
    *at += (uint32_t)sizeof head;
    if (head.name_bytes > bytes - *at || head.value_bytes > bytes - *at - head.name_bytes)
        return -EPROTO;
    field->kind = head.kind;
    field->name = (struct part){(const char *)fields + *at, head.name_bytes};
    field->value = (struct part){(const char *)fields + *at + head.name_bytes, head.value_bytes};
    *at += head.name_bytes + head.value_bytes;
    return one_line(field->value) ? 1 : -EPROTO;
}

bool http_event_header(const uint8_t *fields, uint32_t field_bytes, const char *name,
                       const char **value, uint32_t *value_bytes)
{
    struct field field;
    uint32_t at = 0;
    while (next_field(fields, field_bytes, &at, &field) == 1) {
        if (field.kind != MF_FIELD_HEADER || !is(field.name, name))
            continue;
        *value = field.value.text;
        *value_bytes = field.value.bytes;
        return true;
    }
    return false;
}

static int find_parts(const uint8_t *fields, uint32_t bytes, struct event_parts *parts)
{
    struct field field;
    uint32_t at = 0;
    int got;
    *parts = (struct event_parts){.method = {"POST", 4}, .path = {"/", 1}};
    while ((got = next_field(fields, bytes, &at, &field)) == 1) {
        switch (field.kind) {
        case MF_FIELD_METHOD:
            parts->method = field.value;
            break;
        case MF_FIELD_PATH:
            parts->path = field.value;
            break;
        case MF_FIELD_QUERY:
            parts->query = field.value;
            parts->has_query = true;
            break;
        case MF_FIELD_HEADER:
            if (!is_token(field.name, true))
                return -EPROTO;
            break;
        case MF_FIELD_TYPE:
            break;
        default:
            return -EPROTO;
        }
    }
    if (got == 0 && (!is_token(parts->method, false) || !parts->path.bytes))
        return -EPROTO;
    return got;
}

static void put_start(struct writer *writer, const struct event_parts *parts)
{
    put(writer, parts->method.text, parts->method.bytes);
    put_text(writer, parts->path.text[0] == '/' || is(parts->path, "*") ? " " : " /");
    put_target(writer, parts->path);
    if (parts->has_query) {
        put_text(writer, "?");
        put_target(writer, parts->query);
    }
    put_text(writer, " HTTP/1.1\r\n");
}

/* The event's headers; a second Host would make it no request (RFC 9112, 3.2). */
static void put_headers(struct writer *writer, const char *host, const uint8_t *fields,
                        uint32_t bytes)
{
    struct field field;
    uint32_t at = 0;
    bool has_host = false;
    while (next_field(fields, bytes, &at, &field) == 1) {
        if (field.kind != MF_FIELD_HEADER ||
            http_header_stays(field.name.text, field.name.bytes))
            continue;
        if (is(field.name, "host")) {
            if (has_host)
                continue;
            has_host = true;
        }
        put(writer, field.name.text, field.name.bytes);
        put_text(writer, ": ");
        put(writer, field.value.text, field.value.bytes);
        put_text(writer, "\r\n");
    }
    if (has_host)
        return;
    put_text(writer, "host: ");
    put_text(writer, host);
    put_text(writer, "\r\n");
}

/* Methods whose meaning has a body say that there is none (RFC 9110, 8.6). */
static bool says_empty(struct part method)
{
    return is(method, "POST") || is(method, "PUT") || is(method, "PATCH");
}

int64_t http_request_head(struct http_request *request, const uint8_t *fields,
                          uint32_t field_bytes, uint8_t *to, size_t room)
{
    struct event_parts parts;
    struct writer writer = {.to = to, .room = room};
    int error = find_parts(fields, field_bytes, &parts);
    if (error)
        return error;
    if (is(parts.method, "CONNECT"))
        return -EINVAL;
    request->head = is(parts.method, "HEAD");
    put_start(&writer, &parts);
    put_headers(&writer, request->host, fields, field_bytes);
    if (request->body_bytes || says_empty(parts.method)) {
        put_text(&writer, "content-length: ");
        put_decimal(&writer, request->body_bytes);
        put_text(&writer, "\r\n");
    }
    put_text(&writer, "\r\n");
    return writer.full ? -E2BIG : (int64_t)writer.at;
}
