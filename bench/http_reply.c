/* http_reply.c: a line at a time in the head, a count of bytes in the body. */
#include "bench/http_reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static mf_err status_line(struct http_reply *reply)
{
    if (strncmp(reply->line, "HTTP/1.", 7) != 0 || reply->line_bytes < 12)
        return MF_EPROTO;
    char *end = NULL;
    unsigned long status = strtoul(reply->line + 9, &end, 10);
    if (end != reply->line + 12 || status < 100 || status > 599)
        return MF_EPROTO;
    reply->status = (unsigned)status;
    reply->until_close = status != 204 && status != 304;
    return MF_OK;
}

static mf_err number(const char *text, int base, uint64_t *value)
{
    char *end = NULL;
    unsigned long long parsed = strtoull(text, &end, base);
    if (end == text || parsed > UINT32_MAX)
        return MF_EPROTO;
    *value = parsed;
    return MF_OK;
}

static const char *value_of(const char *line, const char *name)
{
    size_t bytes = strlen(name);
    if (strncasecmp(line, name, bytes) != 0 || line[bytes] != ':')
        return NULL;
    return line + bytes + 1 + strspn(line + bytes + 1, " \t");
}

static mf_err header_line(struct http_reply *reply)
{
    const char *value;
    if ((value = value_of(reply->line, "Content-Length"))) {
        reply->until_close = false;
        return number(value, 10, &reply->left);
    }
    if ((value = value_of(reply->line, "Transfer-Encoding")) && strcasecmp(value, "chunked") == 0) {
        reply->until_close = false;
        reply->chunked = true;
    }
    if ((value = value_of(reply->line, "Connection")) && strcasecmp(value, "close") == 0)
        reply->closes = true;
    return MF_OK;
}

static mf_err head_ends(struct http_reply *reply)
{
    if (!reply->status)
        return MF_EPROTO;
    if (reply->status < 200) /* an interim reply; the real one follows */
        *reply = (struct http_reply){0};
    else if (reply->chunked)
        reply->part = HTTP_CHUNK_SIZE;
    else
        reply->part = reply->left || reply->until_close ? HTTP_BODY : HTTP_DONE;
    return MF_OK;
}

/* A whole line stands in reply->line. */
static mf_err line_ends(struct http_reply *reply)
{
    switch (reply->part) {
    case HTTP_HEAD:
        if (reply->line_bytes == 0)
            return head_ends(reply);
        return reply->status ? header_line(reply) : status_line(reply);
    case HTTP_CHUNK_SIZE:
        if (reply->line_bytes == 0) /* the line end behind a chunk's data */
            return MF_OK;
        reply->part = HTTP_CHUNK;
        if (number(reply->line, 16, &reply->left))
            return MF_EPROTO;
        if (reply->left == 0)
            reply->part = HTTP_TRAILER;
        return MF_OK;
    case HTTP_TRAILER:
        if (reply->line_bytes == 0)
            reply->part = HTTP_DONE;
        return MF_OK;
    default:
        return MF_EPROTO;
    }
}

static mf_err feed_line(struct http_reply *reply, char byte)
{
    if (byte == '\r')
        return MF_OK;
    if (byte != '\n') {
        if (reply->line_bytes < sizeof reply->line - 1)
            reply->line[reply->line_bytes++] = byte;
        return MF_OK;
    }
    reply->line[reply->line_bytes] = 0;
    mf_err err = line_ends(reply);
    reply->line_bytes = 0;
    return err;
}

static void keep(struct http_reply *reply, const char *data, uint64_t bytes)
{
    size_t room = sizeof reply->body - reply->body_bytes;
    size_t kept = bytes < room ? (size_t)bytes : room;
    memcpy(reply->body + reply->body_bytes, data, kept);
    reply->body_bytes += kept;
}

mf_err http_reply_feed(struct http_reply *reply, const char *data, size_t bytes)
{
    mf_err err = MF_OK;
    for (size_t at = 0; at < bytes && !err && reply->part != HTTP_DONE;) {
        if (reply->part != HTTP_BODY && reply->part != HTTP_CHUNK) {
            err = feed_line(reply, data[at++]);
            continue;
        }
        if (reply->until_close) {
            keep(reply, data + at, bytes - at);
            break;
        }
        uint64_t step = reply->left < bytes - at ? reply->left : bytes - at;
        keep(reply, data + at, step);
        reply->left -= step;
        at += step;
        if (reply->left == 0)
            reply->part = reply->part == HTTP_BODY ? HTTP_DONE : HTTP_CHUNK_SIZE;
    }
    if (err)
        return err;
    return reply->part == HTTP_DONE ? MF_OK : MF_EAGAIN;
}

bool http_reply_ended(struct http_reply *reply)
{
    if (reply->part == HTTP_BODY && reply->until_close)
        reply->part = HTTP_DONE;
    return reply->part == HTTP_DONE;
}
