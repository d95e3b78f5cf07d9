/*
 * reply.c: see reply.h.
 * Guarantees: one head, its body behind it in order, at most MF_BODY_BYTES_MAX of that; with its last
 * message the event ends.
 * Leaves to others: the event (event.c), what fields are (fields.c), room in the ring (wire.c).
 * Owns how far the current event's reply has come.
 */
#include "kernel/event/reply.h"

#include <asm/errno.h>

#include "abi/event.h"
#include "kernel/core/user.h"
#include "kernel/event/fields.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"

#define CHUNK_LEAST 8192u /* less room than this: better wait than cut so small */

static struct {
    uint64_t bytes; /* of its body */
    bool begun;
} reply;

static bool flags_known(uint64_t flags);
static int64_t send(struct mf_desc *desc, struct ring_place place,
                    const struct event_data *body, uint64_t flags);
static struct ring_place reserve_for(uint32_t head_bytes, uint64_t body_bytes);

void reply_reset(void)
{
    reply.begun = false;
}

int64_t reply_begin(uint64_t status, const struct event_data *fields,
                    const struct event_data *body, uint64_t flags)
{
    const uint64_t id = event_current();
    if (!id)
        return -ENOENT;
    if (reply.begun)
        return -EALREADY;
    if (status < MF_STATUS_MIN || status > MF_STATUS_MAX || fields->bytes > MF_HEAD_BYTES_MAX ||
        !flags_known(flags))
        return -EINVAL;
    if (body->bytes > MF_BODY_BYTES_MAX)
        return -EFBIG;
    if (!event_data_there(fields) || !event_data_there(body))
        return -EFAULT;
    if (flags & MF_CALL_END)
        output_flush(); /* lines begun belong to the event */
    uint32_t head_bytes = (uint32_t)fields->bytes;
    struct ring_place place = reserve_for(head_bytes, body->bytes);
    if (head_bytes && user_read(place.data, fields->address, head_bytes) != 0)
        return -EFAULT;
    if (!fields_valid_reply(place.data, head_bytes))
        return -EINVAL;
    reply.bytes = 0;
    struct mf_desc desc = {.id = id,
                           .type = MF_MSG_REPLY,
                           .head_bytes = head_bytes,
                           .data_bytes = head_bytes,
                           .arg = status};
    return send(&desc, place, body, flags);
}

int64_t reply_write(const struct event_data *body, uint64_t flags)
{
    const uint64_t id = event_current();
    if (!id)
        return -ENOENT;
    if (!reply.begun || !flags_known(flags))
        return -EINVAL;
    if (body->bytes > MF_BODY_BYTES_MAX - reply.bytes)
        return -EFBIG;
    if (!event_data_there(body))
        return -EFAULT;
    if (body->bytes == 0 && !(flags & MF_CALL_END))
        return 0;
    if (flags & MF_CALL_END)
        output_flush();
    struct mf_desc desc = {.id = id, .type = MF_MSG_REPLY_BODY};
    return send(&desc, reserve_for(0, body->bytes), body, flags);
}

/* Of a reply or a part of one: MF_CALL_NEXT only at its end. */
static bool flags_known(uint64_t flags)
{
    return (flags & ~(uint64_t)(MF_CALL_END | MF_CALL_NEXT)) == 0 && flags != MF_CALL_NEXT;
}

/* The message in its place, with as much body as fits; the rest as more messages. */
static int64_t send(struct mf_desc *desc, struct ring_place place,
                    const struct event_data *body, uint64_t flags)
{
    const bool end = flags & MF_CALL_END;
    uint64_t at = 0;
    for (;;) {
        uint64_t left = body->bytes - at;
        uint32_t room = place.bytes - desc->data_bytes;
        uint32_t part = left < room ? (uint32_t)left : room;
        if (part && user_read(place.data + desc->data_bytes, body->address + at, part) != 0)
            return -EFAULT;
        at += part;
        reply.bytes += part;
        desc->data_bytes += part;
        desc->flags = end && at == body->bytes ? MF_MSG_END : 0;
        wire_publish(desc, &place);
        reply.begun = true;
        if (at == body->bytes)
            break;
        *desc = (struct mf_desc){.id = desc->id, .type = MF_MSG_REPLY_BODY};
        place = reserve_for(0, body->bytes - at);
    }
    if (end)
        event_end(flags & MF_CALL_NEXT);
    else
        wire_ring();
    return (int64_t)body->bytes;
}

/* For a message of so much head and some of so much body. */
static struct ring_place reserve_for(uint32_t head_bytes, uint64_t body_bytes)
{
    uint32_t room = MF_CHUNK_BYTES_MAX - head_bytes;
    uint32_t most = body_bytes < room ? (uint32_t)body_bytes : room;
    uint32_t least = most < CHUNK_LEAST ? most : CHUNK_LEAST;
    return wire_reserve(head_bytes + least, head_bytes + most);
}
