/*
 * event.h: fields of events and replies (abi/event.h), to bytes and back. The
 * bytes of a reply are a guest's, those of an event a client's. No allocation. Any thread.
 */
#ifndef MF_NODE_INSTANCE_EVENT_H
#define MF_NODE_INSTANCE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/event.h"
#include "base/err.h"

/* Writes fields into a caller's buffer; the first failure sticks. */
struct field_writer {
    uint8_t *data;
    uint32_t room;
    uint32_t bytes;
    uint32_t count;
    mf_err err; /* MF_ETOOBIG, MF_EINVAL or 0 */
};

void field_writer_init(struct field_writer *writer, void *data, uint32_t room);
/* Header names are lowered here; CR, LF, NUL in a value, or a name that is no token: MF_EINVAL. */
void field_put(struct field_writer *writer, enum mf_field_kind kind, const char *name,
               size_t name_bytes, const char *value, size_t value_bytes);

struct field {
    enum mf_field_kind kind;
    const char *name; /* borrowed, not terminated */
    uint32_t name_bytes;
    const char *value;
    uint32_t value_bytes;
};

struct field_reader {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t at;
    uint32_t count;
    uint32_t seen; /* kinds, a bit each */
    bool reply;    /* which kinds may stand here */
};

/* Next field. MF_ENOENT: the end. MF_EPROTO: breaks a rule of abi/event.h. */
void field_reader_init(struct field_reader *reader, const void *data, uint32_t bytes, bool reply);
MF_CHECKED mf_err field_next(struct field_reader *reader, struct field *field);

#endif
