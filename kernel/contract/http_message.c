/*
 * http_message.c: see http_message.h.
 * Guarantees: however the bytes are cut, the result is the same; what is passed on keeps
 * abi/event.h's rules; a message has one length only (RFC 9112, 6.3), and one that two
 * readers could read differently is refused, or ends its connection.
 * Leaves to others: what to do about a message that is wrong. Owns nothing.
 */
#include "kernel/contract/http_message.h"

#include "abi/event.h"
#include "kernel/contract/http_line.h"
#include "kernel/contract/http_request.h"
#include "kernel/core/string.h"

static void take_line(struct http_message *message);
static void start_line(struct http_message *message);
static void header_line(struct http_message *message);
static void head_end(struct http_message *message);
static void chunk_size_line(struct http_message *message);
static void trailer_line(struct http_message *message);
static size_t take_head(struct http_message *message, const uint8_t *data, size_t bytes);
static size_t take_body(struct http_message *message, const uint8_t *data, size_t bytes,
                        struct http_piece *piece);

static void wrong(struct http_message *message, const char *what)
{
    message->state = HTTP_WRONG;
    message->wrong = what;
}

void http_message_begin(struct http_message *message, enum http_kind kind, bool head,
                        struct http_room *room)
{
    *message = (struct http_message){.room = room, .kind = kind, .no_body = head};
}

size_t http_message_take(struct http_message *message, const uint8_t *data, size_t bytes,
                         struct http_piece *piece)
{
    size_t at = 0;
    *piece = (struct http_piece){.bytes = 0};
    while (at < bytes && !piece->bytes) {
        bool had_head = message->head_done;
        switch (message->state) {
        case HTTP_BODY_LENGTH:
        case HTTP_BODY_CHUNK:
        case HTTP_BODY_CLOSE:
            at += take_body(message, data + at, bytes - at, piece);
            break;
        case HTTP_DONE:
        case HTTP_WRONG:
            return at;
        default:
            at += take_head(message, data + at, bytes - at);
        }
        if (message->head_done && !had_head)
            break;
    }
    return at;
}

uint64_t http_message_plain(const struct http_message *message)
{
    uint64_t most = MF_BODY_BYTES_MAX - message->body_bytes;
    if (message->state == HTTP_BODY_CLOSE)
        return most;
    if ((message->state != HTTP_BODY_LENGTH && message->state != HTTP_BODY_CHUNK) || message->left > most)
        return 0;
    return message->left ? message->left - 1 : 0;
}

void http_message_pass(struct http_message *message, uint64_t bytes)
{
    message->at += bytes;
    message->body_bytes += bytes;
    if (message->state != HTTP_BODY_CLOSE)
        message->left -= bytes;
}

void http_message_end(struct http_message *message)
{
    switch (message->state) {
    case HTTP_BODY_CLOSE:
        message->state = HTTP_DONE;
        break;
    case HTTP_DONE:
    case HTTP_WRONG:
        break;
    case HTTP_START:
        wrong(message, message->at ? "it was closed within its first line"
                                   : "it was closed without a byte");
        break;
    case HTTP_HEADERS:
        wrong(message, "it was closed within its headers");
        break;
    default:
        wrong(message, "it was closed before the end of its body");
    }
}

bool http_message_keeps(const struct http_message *message)
{
    return message->state == HTTP_DONE && !message->close && (!message->old || message->keep) &&
           !(message->chunked && (message->has_length || message->old)) &&
           (message->kind == HTTP_REQUEST || message->no_body || message->chunked ||
            message->has_length);
}

/* To the end of a line, or of what is there. */
static size_t take_head(struct http_message *message, const uint8_t *data, size_t bytes)
{
    char *line = message->room->line;
    for (size_t at = 0; at < bytes; at++) {
        message->at++;
        if (data[at] == '\n') {
            take_line(message);
            message->line_bytes = 0;
            return at + 1;
        }
        if (message->line_bytes == sizeof message->room->line) {
            wrong(message, "a line of its head is too long");
            return at + 1;
        }
        line[message->line_bytes++] = (char)data[at];
    }
    return bytes;
}

static void take_line(struct http_message *message)
{
    if (message->line_bytes && message->room->line[message->line_bytes - 1] == '\r')
        message->line_bytes--;
    switch (message->state) {
    case HTTP_START:
        start_line(message);
        break;
    case HTTP_HEADERS:
        if (message->line_bytes)
            header_line(message);
        else
            head_end(message);
        break;
    case HTTP_CHUNK_SIZE:
        chunk_size_line(message);
        break;
    case HTTP_CHUNK_END:
        if (message->line_bytes)
            wrong(message, "a chunk is longer than it says");
        else
            message->state = HTTP_CHUNK_SIZE;
        break;
    case HTTP_TRAILERS:
        trailer_line(message);
        break;
    default:
        break;
    }
}

/* What came before the first line that counts is forgotten. */
static void start_line(struct http_message *message)
{
    const struct http_text line = {message->room->line, message->line_bytes};
    message->field_bytes = message->field_count = 0;
    message->close = message->keep = message->chunked = message->has_length = false;
    if (message->kind == HTTP_RESPONSE) {
        if (!http_status_line(line, &message->status, &message->old))
            return wrong(message, "its first line is none of HTTP/1.0 or HTTP/1.1");
    } else {
        struct http_text method, target;
        if (!http_request_line(line, &method, &target, &message->old))
            return wrong(message, "its first line is no request's of HTTP/1.0 or HTTP/1.1");
        if (method.bytes > HTTP_METHOD_BYTES_MAX)
            return wrong(message, "its method is none that is served");
        if (target.bytes > sizeof message->room->target)
            return wrong(message, "its target is too long");
        memcpy(message->method, method.text, method.bytes);
        message->method[method.bytes] = 0;
        memcpy(message->room->target, target.text, target.bytes);
        message->target_bytes = (uint32_t)target.bytes;
    }
    message->state = HTTP_HEADERS;
}

static void put_field(struct http_message *message, struct http_text name, struct http_text value)
{
    struct mf_field field = {MF_FIELD_HEADER, (uint16_t)name.bytes, (uint32_t)value.bytes};
    uint8_t *to = message->room->fields + message->field_bytes;
    if (name.bytes > MF_FIELD_NAME_MAX || value.bytes > MF_FIELD_VALUE_MAX)
        return wrong(message, "a header of it is too long");
    if (message->field_count == MF_FIELDS_MAX)
        return wrong(message, "it has too many headers");
    if (sizeof field + name.bytes + value.bytes > MF_HEAD_BYTES_MAX - message->field_bytes)
        return wrong(message, "its headers are too large");
    memcpy(to, &field, sizeof field);
    memcpy(to + sizeof field, name.text, name.bytes);
    if (value.bytes)
        memcpy(to + sizeof field + name.bytes, value.text, value.bytes);
    message->field_bytes += (uint32_t)(sizeof field + name.bytes + value.bytes);
    message->field_count++;
}

static void take_length(struct http_message *message, struct http_text value)
{
    uint64_t length;
    if (!http_decimal(value, &length))
        return wrong(message, "its Content-Length is no number");
    if (message->has_length && message->length != length)
        return wrong(message, "it has two lengths");
    message->has_length = true;
    message->length = length;
}

static void header_line(struct http_message *message)
{
    struct http_text name, value;
    if (!http_header_line((struct http_text){message->room->line, message->line_bytes},
                          message->room->line, &name, &value))
        return wrong(message, "a line of its head is no header");
    if (http_text_is(name, "content-length")) {
        take_length(message, value);
    } else if (http_text_is(name, "transfer-encoding")) {
        if (message->chunked || !http_text_is_any_case(value, "chunked"))
            return wrong(message, "its Transfer-Encoding is another than chunked");
        message->chunked = true;
    } else if (http_text_is(name, "connection")) {
        message->close |= http_list_has(value, "close");
        message->keep |= http_list_has(value, "keep-alive");
    }
    if (message->state == HTTP_HEADERS && !http_header_stays(name.text, name.bytes))
        put_field(message, name, value);
}

/* RFC 9112, 6.3, in its order. */
static void body_begin(struct http_message *message)
{
    const uint16_t status = message->status;
    message->head_done = true;
    if (message->kind == HTTP_RESPONSE && (message->no_body || status == 204 || status == 304)) {
        message->no_body = true;
        message->state = HTTP_DONE;
    } else if (message->chunked) {
        message->state = HTTP_CHUNK_SIZE;
    } else if (message->has_length && message->length > MF_BODY_BYTES_MAX) {
        wrong(message, "its body is larger than a reply may be");
    } else if (message->has_length) {
        message->left = message->length;
        message->state = message->left ? HTTP_BODY_LENGTH : HTTP_DONE;
    } else {
        message->state = message->kind == HTTP_RESPONSE ? HTTP_BODY_CLOSE : HTTP_DONE;
    }
}

static void head_end(struct http_message *message)
{
    if (message->kind == HTTP_REQUEST || message->status >= MF_STATUS_MIN)
        return body_begin(message);
    if (message->status == 101)
        return wrong(message, "it changes to another protocol");
    if (++message->interim > HTTP_INTERIM_MAX)
        return wrong(message, "too many responses 1xx come before it");
    message->state = HTTP_START;
}

static size_t take_body(struct http_message *message, const uint8_t *data, size_t bytes,
                        struct http_piece *piece)
{
    bool until_close = message->state == HTTP_BODY_CLOSE;
    size_t part = until_close || bytes < message->left ? bytes : (size_t)message->left;
    if (part > MF_BODY_BYTES_MAX - message->body_bytes) {
        wrong(message, "its body is larger than a reply may be");
        return part;
    }
    *piece = (struct http_piece){data, part};
    message->at += part;
    message->body_bytes += part;
    if (until_close)
        return part;
    message->left -= part;
    if (message->left == 0)
        message->state = message->state == HTTP_BODY_CHUNK ? HTTP_CHUNK_END : HTTP_DONE;
    return part;
}

static void chunk_size_line(struct http_message *message)
{
    uint64_t size;
    if (!http_chunk_size((struct http_text){message->room->line, message->line_bytes}, &size))
        return wrong(message, "a chunk's size is no number");
    if (size > MF_BODY_BYTES_MAX - message->body_bytes)
        return wrong(message, "its body is larger than a reply may be");
    message->left = size;
    message->state = size ? HTTP_BODY_CHUNK : HTTP_TRAILERS;
}

/* Trailers are not passed on: a reply has none. */
static void trailer_line(struct http_message *message)
{
    message->trailer_bytes += message->line_bytes + 2;
    if (message->trailer_bytes > HTTP_TRAILER_BYTES_MAX)
        wrong(message, "its trailers are too large");
    else if (message->line_bytes == 0)
        message->state = HTTP_DONE;
}
