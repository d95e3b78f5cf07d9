/*
 * letter.h: how an asynchronous call ended, as it is told to whom its caller named
 * (X-Callback-Url), and as it waits to be sent: an envelope (delivery/envelope.h) whose method
 * is POST, whose path is the URL, and whose headers are those to send. Pure functions, any
 * thread; what is read may be anybody's.
 *
 * To the function's headers come X-Call-Id, X-Function-Name, X-Function-Status and
 * X-Duration-Seconds, the last attempt's. What the reply says of those, or of the connection, is
 * left out; all of it is, if it leaves them no room.
 */
#ifndef MF_NODE_CALLBACKS_LETTER_H
#define MF_NODE_CALLBACKS_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CALLBACK_HEADER "x-callback-url"

struct letter {
    const char *url; /* borrowed, as is all of it; not terminated */
    size_t url_bytes;
    const char *call_id;
    size_t call_id_bytes;
    const char *function;
    uint32_t status;
    uint64_t took_ns;
    uint64_t now_ns;         /* CLOCK_REALTIME                    */
    const uint8_t *fields;   /* of the reply, checked             */
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
};

/* The URL in an event's fields. False: its caller wants no word. */
bool letter_wanted(const uint8_t *fields, uint32_t field_bytes, const char **url, size_t *url_bytes);

/* Added to *out. MF_ETOOBIG: not even the URL fits. */
MF_CHECKED mf_err letter_write(const struct letter *letter, struct mf_buf *out);

/* What was written: now to be sent. headers: fields of a reply in room, MF_HEAD_BYTES_MAX.
 * MF_EFORMAT: it is none. */
struct letter_out {
    const char *url;
    size_t url_bytes;
    const char *call_id;
    size_t call_id_bytes;
    uint32_t header_bytes;
    const uint8_t *body;
    size_t body_bytes;
};
MF_CHECKED mf_err letter_read(const void *data, size_t bytes, uint8_t *room, struct letter_out *letter);

#endif
