/*
 * event.h: the fields of an event and of a reply, as they stand at the start of
 * an INVOKE's or REPLY's data: one struct mf_field after another, unaligned, each
 * followed by its name and its value, no terminators, no padding.
 *
 * A decoder refuses: a field that ends past head_bytes, a kind that it does not
 * know or that does not belong to the direction, a limit passed, a name where
 * the kind has none, a header name that is not an RFC 9110 token, a NUL, CR or LF
 * in a value. Header names are lower case. Each kind but HEADER occurs once at
 * most; an HTTP event has METHOD and PATH, every other has TYPE.
 */
#ifndef MF_ABI_EVENT_H
#define MF_ABI_EVENT_H

#include <stdint.h>

struct mf_field {
    uint16_t kind;        /* MF_FIELD_…             */
    uint16_t name_bytes;  /* 0 but for HEADER       */
    uint32_t value_bytes;
};
_Static_assert(sizeof(struct mf_field) == 8, "ABI: mf_field");

/* X(number, NAME, in events, in replies, meaning) */
#define MF_FIELDS(X)                                                                     \
    X(1, METHOD, 1, 0, "HTTP method, as sent")                                           \
    X(2, PATH, 1, 0, "what follows the function's name, with its slash; \"/\" if empty") \
    X(3, QUERY, 1, 0, "what follows the question mark, not decoded")                     \
    X(4, HEADER, 1, 1, "one header; name and value")                                     \
    X(5, TYPE, 1, 0, "kind of event that is not HTTP")

#define MF_FIELD_ENUM(nr, NAME, in_event, in_reply, meaning) MF_FIELD_##NAME = nr,
enum mf_field_kind { MF_FIELDS(MF_FIELD_ENUM) };

#define MF_FIELDS_MAX 128u
#define MF_FIELD_NAME_MAX 256u
#define MF_FIELD_VALUE_MAX 16384u
#define MF_HEAD_BYTES_MAX 32768u
#define MF_STATUS_MIN 200u /* of a reply; 1xx are the server's own */
#define MF_STATUS_MAX 599u

#endif
