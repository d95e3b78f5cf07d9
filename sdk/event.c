/*
 * event.c: what a handler reads of its event. Fields lie, unpacked in place, in the
 * buffer that `next` filled; so does a small body. Only a larger one is allocated.
 */
#include "sdk/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sdk/clock.h"
#include "sdk/port.h"
#include "sdk/reply.h"

#define BODY_ROOM_FIRST (256u << 10)

static bool place(struct mayfly_event *event, const struct field *field)
{
    switch (field->kind) {
    case MF_FIELD_METHOD:
        event->method = field->value;
        return true;
    case MF_FIELD_PATH:
        event->path = field->value;
        return true;
    case MF_FIELD_QUERY:
        event->query = field->value;
        return true;
    case MF_FIELD_TYPE:
        event->type = field->value;
        return true;
    case MF_FIELD_HEADER:
        if (event->header_count == MF_FIELDS_MAX)
            return false;
        event->header[event->header_count++] = (struct event_header){field->name, field->value};
        return true;
    default:
        return false;
    }
}

const char *event_open(struct mayfly_event *event, const struct mf_call_event *call, uint8_t *buffer,
                       struct mayfly_reply *reply)
{
    event->type = "http";
    event->method = event->path = event->query = "";
    event->header_count = 0;
    event->deadline_ns = call->deadline_ns;
    event->reply = reply;
    event->error_words = NULL;
    event->whole = NULL;
    event->whole_bytes = event->whole_read = event->start_read = 0;
    if (call->field_bytes > EVENT_BUFFER_BYTES ||
        call->body_bytes > EVENT_BUFFER_BYTES - call->field_bytes)
        return "the kernel's event does not fit its buffer";
    uint32_t at = 0;
    struct field field;
    while (at < call->field_bytes)
        if (!fields_unpack(buffer, call->field_bytes, &at, &field) || !place(event, &field))
            return "the event's fields cannot be read";
    event->start = (char *)buffer + call->field_bytes;
    event->start_bytes = call->body_bytes;
    event->start[event->start_bytes] = 0;
    event->more = !(call->flags & MF_CALL_END);
    return NULL;
}

void event_close(struct mayfly_event *event)
{
    free(event->whole);
    event->whole = NULL;
    arena_reset(&event->arena);
}

const char *mayfly_type(const struct mayfly_event *event) { return event->type; }
const char *mayfly_method(const struct mayfly_event *event) { return event->method; }
const char *mayfly_path(const struct mayfly_event *event) { return event->path; }
const char *mayfly_query(const struct mayfly_event *event) { return event->query; }

const char *mayfly_header(const struct mayfly_event *event, const char *name)
{
    for (uint32_t i = 0; i < event->header_count; i++)
        if (strcasecmp(event->header[i].name, name) == 0)
            return event->header[i].value;
    return NULL;
}

bool mayfly_each_header(const struct mayfly_event *event, size_t *at, const char **name,
                        const char **value)
{
    if (*at >= event->header_count)
        return false;
    *name = event->header[*at].name;
    *value = event->header[*at].value;
    ++*at;
    return true;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* More of the body from outside; an error ends the body and fails the event. */
static size_t pull(struct mayfly_event *event, void *buffer, size_t room)
{
    if (!event->more || !room)
        return 0;
    long got = port_body(buffer, room);
    if (got <= 0)
        event->more = false;
    if (got < 0)
        reply_break(event->reply, got == -ECANCELED
                                      ? "the caller left before the body was whole"
                                      : "the event's body could not be read to its end");
    return got > 0 ? (size_t)got : 0;
}

size_t mayfly_read(struct mayfly_event *event, void *buffer, size_t room)
{
    size_t bytes = least(room, event->start_bytes - event->start_read);
    if (bytes) {
        memcpy(buffer, event->start + event->start_read, bytes);
        event->start_read += bytes;
        return bytes;
    }
    bytes = least(room, event->whole_bytes - event->whole_read);
    if (bytes) {
        memcpy(buffer, event->whole + event->whole_read, bytes);
        event->whole_read += bytes;
        return bytes;
    }
    return pull(event, buffer, room);
}

/* Everything not yet read goes to one growing block, whose last byte stays free for the NUL. */
static bool gather(struct mayfly_event *event)
{
    size_t kept = event->start_bytes - event->start_read;
    size_t room = BODY_ROOM_FIRST;
    char *block = malloc(room);
    if (!block)
        return false;
    memcpy(block, event->start + event->start_read, kept);
    size_t bytes = kept, got;
    while ((got = pull(event, block + bytes, room - bytes - 1)) > 0) {
        bytes += got;
        if (bytes < room - 1)
            continue;
        char *larger = realloc(block, room * 2);
        if (!larger) {
            free(block);
            return false;
        }
        block = larger;
        room *= 2;
    }
    block[bytes] = 0;
    event->start_bytes = event->start_read = 0;
    event->whole = block;
    event->whole_bytes = bytes;
    return true;
}

struct mayfly_bytes mayfly_body(struct mayfly_event *event)
{
    if (event->more && !gather(event)) {
        event->more = false;
        event->start_bytes = event->start_read = 0;
        reply_break(event->reply, "the event's body does not fit into the function's memory");
    }
    if (event->whole)
        return (struct mayfly_bytes){event->whole + event->whole_read,
                                     event->whole_bytes - event->whole_read};
    if (!event->start_bytes)
        return (struct mayfly_bytes){"", 0};
    return (struct mayfly_bytes){event->start + event->start_read,
                                 event->start_bytes - event->start_read};
}

int64_t mayfly_deadline_ms(const struct mayfly_event *event)
{
    if (!event->deadline_ns)
        return INT64_MAX;
    uint64_t now = clock_monotonic_ns();
    return now < event->deadline_ns ? (int64_t)((event->deadline_ns - now) / 1000000u) : 0;
}

bool mayfly_cancelled(const struct mayfly_event *event)
{
    (void)event;
    return port_cancelled();
}

void *mayfly_alloc(struct mayfly_event *event, size_t bytes)
{
    return arena_take(&event->arena, bytes);
}
