/*
 * envelope.h: an event as it waits in a function's queue: who called, when, its fields and
 * its body. A format of its own, which outlives the node that wrote it; what is read may be
 * anybody's. Pure functions, any thread.
 *
 * A head, then the call id, the fields (abi/event.h, of an event) and the body, nothing
 * between them, nothing behind. Little-endian.
 */
#ifndef MF_NODE_DELIVERY_ENVELOPE_H
#define MF_NODE_DELIVERY_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ENVELOPE_MAGIC 0x7665666du /* "mfev" */
#define ENVELOPE_VERSION 1u

struct envelope_head {
    uint32_t magic;
    uint16_t version;
    uint16_t call_id_bytes; /* 1 … MF_CALL_ID_BYTES_MAX        */
    uint32_t field_bytes;   /* 1 … MF_HEAD_BYTES_MAX           */
    uint32_t body_bytes;    /* at most MF_BODY_BYTES_MAX       */
    uint64_t arrived_ns;    /* CLOCK_REALTIME of who took it   */
};
_Static_assert(sizeof(struct envelope_head) == 24, "format");

/* How often it was begun, this time included, as the function sees it. Who writes an
 * envelope puts it among the fields with ATTEMPT_ROOM, so that there is room for any number. */
#define ATTEMPT_HEADER "x-mayfly-attempt"
#define ATTEMPT_ROOM "0000000000"

struct envelope {
    uint64_t arrived_ns;
    const char *call_id; /* borrowed, as is all of it; not terminated */
    size_t call_id_bytes;
    const uint8_t *fields;
    uint32_t field_bytes;
    const uint8_t *body;
    size_t body_bytes;
    /* What was seen by the way, by envelope_read() alone: */
    uint32_t attempt_at, attempt_bytes; /* of the fields, the one ATTEMPT_HEADER; 0: none, or more */
    bool names_caller;                  /* CALLBACK_HEADER is among them                           */
};

size_t envelope_bytes(const struct envelope *envelope);
void envelope_write(const struct envelope *envelope, uint8_t *room); /* envelope_bytes() of it */

/* The only envelope that fills these bytes, its fields valid; it points into them. MF_EFORMAT:
 * there is none. */
MF_CHECKED mf_err envelope_read(const void *data, size_t bytes, struct envelope *envelope,
                                struct mf_why *why);

/* The same of its first bytes, which hold all but the body, or less of that: it has none then. */
MF_CHECKED mf_err envelope_read_beginning(const void *data, size_t bytes, struct envelope *envelope);

/* The value of a header, its name in small letters; NULL: it has none. */
const char *envelope_header(const struct envelope *envelope, const char *name, size_t *bytes);

/* The fields with ATTEMPT_HEADER saying that number, once. room: MF_HEAD_BYTES_MAX. MF_ETOOBIG:
 * the writer left no room for it. */
MF_CHECKED mf_err envelope_fields(const struct envelope *envelope, uint32_t attempt,
                                  uint8_t *room, uint32_t *bytes);

#endif
