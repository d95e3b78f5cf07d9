/*
 * http_reply.h: tells where an HTTP/1.1 reply ends (RFC 9112, section 6), reading
 * it piece by piece. Knows Content-Length, chunked, 204 and 304, and replies that
 * end with the connection. Keeps the status and the body's first bytes.
 */
#ifndef MF_BENCH_HTTP_REPLY_H
#define MF_BENCH_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HTTP_BODY_BYTES_KEPT 32u
#define HTTP_LINE_BYTES_MAX 1024u /* of a header line we look into; longer ones are cut */

enum http_part { HTTP_HEAD, HTTP_BODY, HTTP_CHUNK_SIZE, HTTP_CHUNK, HTTP_TRAILER, HTTP_DONE };

/* Zero-initialised: before the first byte. */
struct http_reply {
    enum http_part part;
    unsigned status;      /* 0 until the status line was read */
    bool chunked;
    bool closes;          /* "Connection: close" */
    bool until_close;     /* no length given: the body ends with the connection */
    uint64_t left;        /* bytes of the body or chunk still to come */
    size_t body_bytes;    /* of body, kept */
    char body[HTTP_BODY_BYTES_KEPT];
    size_t line_bytes;
    char line[HTTP_LINE_BYTES_MAX];
};

/* Read the next bytes. 0: the reply is complete (what follows it in data is
 * ignored); MF_EAGAIN: not yet; MF_EPROTO: this is no HTTP reply. */
MF_CHECKED mf_err http_reply_feed(struct http_reply *reply, const char *data, size_t bytes);

/* The connection has ended: was the reply complete by that? */
bool http_reply_ended(struct http_reply *reply);

#endif
