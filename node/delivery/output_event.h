/*
 * output_event.h: a function's reply as an event for another function: its id, its fields.
 * What is read may be anybody's: a guest's reply, a stored event. Pure functions, any thread.
 *
 * CloudEvents 1.0.2 in HTTP binary mode: TYPE (decoded) and ce-type are the reply's ce-type, else
 * OUTPUT_TYPE; ce-id, ce-source and ce-time are the reply's, for who produces an event names it, else
 * the output's id, /functions/NAME of who replied, and now. What another function's source would be
 * is not taken: nobody speaks for another. content-type and all other ce-… headers (but
 * ce-specversion) are the reply's. The call's id is the output's id in any case.
 */
#ifndef MF_NODE_DELIVERY_OUTPUT_EVENT_H
#define MF_NODE_DELIVERY_OUTPUT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define OUTPUT_TYPE "mayfly.reply"
#define OUTPUT_ID_BYTES 32u /* hexadecimal digits */

/* How often the event was passed on, and the id of the one whose reply it is. A client cannot
 * set the former. */
#define HOPS_HEADER "x-mayfly-hops"
#define CAUSE_HEADER "x-mayfly-cause"

/* The same input, function and target give the same id, whoever does it again and when. */
void output_id(const char *call_id, size_t call_id_bytes, const char *function, const char *target,
               char id[static OUTPUT_ID_BYTES + 1]);

/* Of an event's fields; 0: it was not passed on. */
uint32_t output_hops(const uint8_t *fields, uint32_t field_bytes);

/* Whose reply it is. */
struct output_origin {
    const char *function;
    const char *call_id;
    size_t call_id_bytes;
    uint32_t hops;      /* of the output: one more than its input's */
    uint64_t now_ns;    /* CLOCK_REALTIME                           */
};

/* An output's fields. The id, OUTPUT_ID_BYTES long, is to be put at these places. */
struct output_fields {
    uint32_t bytes;
    uint32_t ids;
    uint32_t id_at[2];
};

/* reply: checked, abi/event.h. room: MF_HEAD_BYTES_MAX. MF_ETOOBIG: they do not fit. */
MF_CHECKED mf_err output_fields_make(const struct output_origin *origin, const uint8_t *reply,
                                     uint32_t reply_bytes, uint8_t *room,
                                     struct output_fields *fields);
/* A reply in structured mode: what it says as headers, in room (MF_HEAD_BYTES_MAX), as if it had come
 * so. body is written over; *event points into it. MF_EINVAL: it is no event; MF_ETOOBIG: too long. */
struct cloudevent;
struct mf_why;
MF_CHECKED mf_err output_unfold(char *body, size_t bytes, uint8_t *room, uint32_t *field_bytes,
                                struct cloudevent *event, struct mf_why *why);
/* Is it one? */
bool output_is_folded(const uint8_t *reply, uint32_t reply_bytes);

void output_fields_name(const struct output_fields *fields, const char *id, uint8_t *data);

#endif
