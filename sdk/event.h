/* event.h: an event inside the SDK, and how it comes about. See mayfly.h for the rest. */
#ifndef MF_SDK_EVENT_H
#define MF_SDK_EVENT_H

#include "abi/calls.h"
#include "abi/channel.h"
#include "sdk/arena.h"
#include "sdk/fields.h"
#include "sdk/mayfly.h"

#define EVENT_BUFFER_BYTES MF_CHUNK_BYTES_MAX

struct event_header {
    const char *name;
    const char *value;
};

struct mayfly_event {
    const char *type;
    const char *method;
    const char *path;
    const char *query;
    uint64_t deadline_ns;
    uint32_t header_count;
    struct mayfly_reply *reply; /* of this event, to fail it */

    char *start;        /* the body's start, which came with the event */
    size_t start_bytes;
    size_t start_read;  /* how much of it the handler has taken */
    bool more;          /* `body` gives the rest */
    char *whole;        /* malloc: the body, if it did not come with the event */
    size_t whole_bytes;
    size_t whole_read;

    const char *error_words; /* of the last operation that failed; NULL: none */

    struct arena arena;
    struct event_header header[MF_FIELDS_MAX];
};

/* Make *event of what `next` left in buffer, which has one byte more than
 * EVENT_BUFFER_BYTES. NULL: done, else what is wrong. */
const char *event_open(struct mayfly_event *event, const struct mf_call_event *call, uint8_t *buffer,
                       struct mayfly_reply *reply);
/* Give back what the event holds. */
void event_close(struct mayfly_event *event);

#endif
