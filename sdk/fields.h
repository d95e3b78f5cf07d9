/*
 * fields.h: the fields of events and replies (abi/event.h), read and written by
 * the guest. The rules checked here are those that the node checks, so that a
 * mistake in a handler becomes a message in its log instead of a dead instance.
 */
#ifndef MF_SDK_FIELDS_H
#define MF_SDK_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/event.h"

struct fields {
    uint8_t *data; /* room for MF_HEAD_BYTES_MAX, or for what is added, as its owner sees to it */
    uint32_t bytes;
    uint32_t count;
};

/* Add one. NULL: done; else what is wrong with it, nothing added. Header names are
 * lowered. */
const char *fields_add(struct fields *fields, enum mf_field_kind kind, const char *name,
                       size_t name_bytes, const char *value, size_t value_bytes);

/* One field, unpacked in place: its eight bytes of struct become the two NULs that
 * end name and value. */
struct field {
    uint16_t kind;
    const char *name; /* "" but for a header */
    const char *value;
    uint32_t value_bytes;
};

/* Unpack the field at *at and move *at behind it. False: the data ends inside it. */
bool fields_unpack(uint8_t *data, uint32_t bytes, uint32_t *at, struct field *field);

/* RFC 9110, 5.6.2. */
bool fields_token_char(unsigned char c);

#endif
