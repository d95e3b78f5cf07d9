/*
 * store_also.c: the appends beside a change (store.h, struct store_beside): operations of their
 * own, children of the one that was asked for.
 * Guarantees: no queue twice; none that the back end could not change in the same step.
 */
#include <stdlib.h>
#include <string.h>

#include "node/store/store_op.h"

/* One LMDB file has what is as durable. */
static enum store_durability durability_of(const struct store_op *op)
{
    return op->queue ? op->queue_settings.durability : op->space_settings.durability;
}

static mf_err check(const struct store_op *op, const struct store_also *also)
{
    if (also->event.bytes > MF_EVENT_BYTES_MAX)
        return MF_ETOOBIG;
    if ((unsigned)also->priority >= QUEUE_PRIORITIES ||
        also->queue->settings.durability != durability_of(op) ||
        (op->kind == STORE_APPEND && also->queue == op->queue))
        return MF_EINVAL;
    for (const struct store_op *other = op->also; other; other = other->also)
        if (other->queue == also->queue)
            return MF_EINVAL;
    return MF_OK;
}

static mf_err attach(struct store_op *op, const struct store_also *also)
{
    mf_err err = check(op, also);
    if (err)
        return err;
    size_t bytes = sizeof *also + also->event.bytes; /* the list of one, and it */
    struct store_op *child = calloc(1, sizeof *child + bytes);
    if (!child)
        return MF_ENOMEM;
    struct store_bytes *event = (struct store_bytes *)(void *)child->bytes;
    uint8_t *copy = child->bytes + sizeof *event;
    if (also->event.bytes)
        memcpy(copy, also->event.data, also->event.bytes);
    *event = (struct store_bytes){copy, also->event.bytes};
    link_init(&child->link);
    child->kind = STORE_APPEND;
    child->queue = also->queue;
    child->queue_settings = also->queue->settings;
    child->queue->references++;
    child->now_ms = op->now_ms;
    child->priority = also->priority;
    child->events = event;
    child->event_count = 1;
    child->also = op->also;
    op->also = child;
    op->held_bytes += bytes;
    return MF_OK;
}

mf_err store_op_attach(struct store_op *op, const struct store_beside *beside)
{
    mf_err err = beside->count > MF_STORE_ALSO_MAX ? MF_EINVAL : MF_OK;
    for (size_t i = beside->count; i > 0 && !err; i--) /* each goes before the others */
        err = attach(op, &beside->list[i - 1]);
    return err;
}

void store_op_detach(struct store_op *op, bool hints)
{
    while (op->also) {
        struct store_op *child = op->also;
        struct queue *queue = child->queue;
        op->also = child->also;
        store_op_reset(child);
        free(child);
        if (hints)
            store_hint(queue->store, queue);
        queue_put(queue);
    }
}
