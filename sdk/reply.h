/*
 * reply.h: a reply inside the SDK. It stays in memory until its body passes
 * REPLY_BUFFER_BYTES or the handler returns; then one call hands it over.
 *
 *   open ──(body larger than the buffer)──▶ begun ──┐
 *     └───────────(handler returns)─────────────────┴──▶ ended
 *   broken: a message stands in `fault`; the end is `fail` instead of a reply.
 */
#ifndef MF_SDK_REPLY_H
#define MF_SDK_REPLY_H

#include "abi/channel.h"
#include "sdk/fields.h"
#include "sdk/mayfly.h"

#define REPLY_BUFFER_BYTES 32768u
#define REPLY_SMALL_BYTES 1024u
#define FIELDS_SMALL_BYTES 512u

struct mayfly_reply {
    unsigned status;
    bool begun;        /* status and headers are out             */
    bool refused;      /* the caller does not take any more      */
    size_t body_bytes; /* written by the handler so far, in all  */
    size_t buffered;
    struct fields fields;
    size_t fault_bytes; /* 0: not broken */
    char *fault;
    uint8_t *buffer;
    size_t room; /* of it */
};

/* Ready for the next event. */
void reply_open(struct mayfly_reply *reply);

/* The handler returned: hand over what is left, or the failure. */
void reply_end(struct mayfly_reply *reply);

/* Fail the event unless it has failed before, and say so in the log. */
void reply_break(struct mayfly_reply *reply, const char *message);

#endif
