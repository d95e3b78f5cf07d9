/*
 * store_queue.c: what can be asked of queues: checks, one struct for each operation.
 * Guarantees: what a back end gets is within every limit. Loop thread only.
 */
#include "node/store/store_op.h"

static mf_err begin_queue(struct queue *queue, enum store_op_kind kind,
                          const struct store_ask *ask, size_t bytes, struct store_op **op)
{
    mf_err err = store_op_begin(queue->store, kind, ask, bytes, op);
    if (err)
        return err;
    queue->references++;
    (*op)->queue = queue;
    (*op)->queue_settings = queue->settings;
    return MF_OK;
}

mf_err queue_append(struct queue *queue, enum queue_priority priority,
                    const struct store_bytes *events, size_t count, const struct store_ask *ask)
{
    return queue_append_beside(queue, priority, events, count, NULL, ask);
}

mf_err queue_append_beside(struct queue *queue, enum queue_priority priority,
                           const struct store_bytes *events, size_t count,
                           const struct store_beside *beside, const struct store_ask *ask)
{
    struct store_op *op;
    size_t bytes = 0;
    if (!store_counts(count, MF_QUEUE_BATCH_MAX) || (unsigned)priority >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (events[i].bytes > MF_EVENT_BYTES_MAX)
            return MF_ETOOBIG;
        bytes += events[i].bytes;
    }
    if (bytes > MF_QUEUE_BATCH_BYTES_MAX)
        return MF_ETOOBIG;
    size_t list_bytes = count * sizeof *events;
    mf_err err = begin_queue(queue, STORE_APPEND, ask, list_bytes + bytes, &op);
    if (err)
        return err;
    uint8_t *at = op->bytes + list_bytes;
    op->priority = priority;
    op->events = (struct store_bytes *)(void *)op->bytes;
    op->event_count = count;
    for (size_t i = 0; i < count; i++)
        op->events[i] = store_op_keep(&at, events[i]);
    return store_op_submit_beside(op, beside);
}

mf_err queue_take(struct queue *queue, uint32_t count_max, size_t bytes_max, uint64_t lease_ms,
                  const struct store_ask *ask)
{
    struct store_op *op;
    if (!store_counts(count_max, MF_QUEUE_BATCH_MAX) || !store_counts(lease_ms, MF_QUEUE_LEASE_MS_MAX))
        return MF_EINVAL;
    mf_err err = begin_queue(queue, STORE_TAKE, ask, 0, &op);
    if (err)
        return err;
    op->count_max = count_max;
    op->bytes_max = bytes_max;
    op->span_ms = lease_ms;
    store_op_submit(op);
    return MF_OK;
}

/* What ends or changes a lease; as far as it has these. */
struct lease_end {
    uint64_t id;
    uint32_t attempts;
    uint64_t span_ms; /* of the delay, or of the lease from now on */
    struct store_bytes reason;
    const struct store_note *note;
    const struct store_beside *beside;
};

static mf_err end_lease(struct queue *queue, enum store_op_kind kind, const struct lease_end *end,
                        const struct store_ask *ask)
{
    struct store_op *op;
    const struct store_note *note = end->note;
    size_t note_bytes = note ? STORE_NOTE_KEY_BYTES + note->text.bytes : 0;
    if (store_id_priority(end->id) >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    if (note && note->text.bytes > MF_NOTE_BYTES_MAX)
        return MF_ETOOBIG;
    mf_err err = begin_queue(queue, kind, ask, end->reason.bytes + note_bytes, &op);
    if (err)
        return err;
    uint8_t *at = op->bytes;
    op->id = end->id;
    op->attempts = end->attempts;
    op->span_ms = end->span_ms;
    op->reason = store_op_keep(&at, end->reason);
    if (note) {
        op->key = store_op_keep(&at, (struct store_bytes){note->key, STORE_NOTE_KEY_BYTES});
        op->value = store_op_keep(&at, note->text);
    }
    return store_op_submit_beside(op, end->beside);
}

mf_err queue_ack(struct queue *queue, uint64_t id, uint32_t attempts, const struct store_ask *ask)
{
    return queue_ack_beside(queue, id, attempts, NULL, ask);
}

mf_err queue_ack_beside(struct queue *queue, uint64_t id, uint32_t attempts,
                        const struct store_beside *beside, const struct store_ask *ask)
{
    return end_lease(queue, STORE_ACK, &(struct lease_end){.id = id, .attempts = attempts, .beside = beside}, ask);
}

mf_err queue_ack_noted(struct queue *queue, uint64_t id, uint32_t attempts,
                       const struct store_note *note, const struct store_ask *ask)
{
    return end_lease(queue, STORE_ACK, &(struct lease_end){.id = id, .attempts = attempts, .note = note}, ask);
}

mf_err queue_nack(struct queue *queue, uint64_t id, uint32_t attempts, uint64_t delay_ms,
                  const struct store_ask *ask)
{
    if (delay_ms > MF_QUEUE_DELAY_MS_MAX)
        return MF_EINVAL;
    return end_lease(queue, STORE_NACK, &(struct lease_end){.id = id, .attempts = attempts, .span_ms = delay_ms}, ask);
}

mf_err queue_extend(struct queue *queue, uint64_t id, uint32_t attempts, uint64_t lease_ms,
                    const struct store_ask *ask)
{
    if (!store_counts(lease_ms, MF_QUEUE_LEASE_MS_MAX))
        return MF_EINVAL;
    return end_lease(queue, STORE_EXTEND, &(struct lease_end){.id = id, .attempts = attempts, .span_ms = lease_ms}, ask);
}

mf_err queue_bury(struct queue *queue, uint64_t id, uint32_t attempts, struct store_bytes reason,
                  const struct store_ask *ask)
{
    return queue_bury_noted(queue, id, attempts, reason, NULL, ask);
}

mf_err queue_bury_noted(struct queue *queue, uint64_t id, uint32_t attempts, struct store_bytes reason,
                        const struct store_note *note, const struct store_ask *ask)
{
    if (reason.bytes > MF_QUEUE_REASON_BYTES_MAX)
        return MF_ETOOBIG;
    return end_lease(queue, STORE_BURY,
                     &(struct lease_end){.id = id, .attempts = attempts, .reason = reason, .note = note}, ask);
}

mf_err queue_stat(struct queue *queue, const struct store_ask *ask)
{
    struct store_op *op;
    mf_err err = begin_queue(queue, STORE_STAT, ask, 0, &op);
    if (!err)
        store_op_submit(op);
    return err;
}

mf_err queue_siblings(struct queue *queue, struct store_bytes after, const struct store_ask *ask)
{
    struct store_op *op;
    if (after.bytes > MF_NAME_BYTES_MAX)
        return MF_EINVAL;
    mf_err err = begin_queue(queue, STORE_SIBLINGS, ask, after.bytes, &op);
    if (err)
        return err;
    uint8_t *at = op->bytes;
    op->after = store_op_keep(&at, after);
    op->count_max = MF_QUEUE_NAMES_MAX;
    store_op_submit(op);
    return MF_OK;
}

static mf_err on_many(struct queue *queue, enum store_op_kind kind, bool dead, uint64_t after_id,
                      uint32_t count_max, size_t bytes_max, const struct store_ask *ask)
{
    struct store_op *op;
    if (!store_counts(count_max, MF_QUEUE_BATCH_MAX) || store_id_priority(after_id) >= QUEUE_PRIORITIES)
        return MF_EINVAL;
    mf_err err = begin_queue(queue, kind, ask, 0, &op);
    if (err)
        return err;
    op->dead = dead;
    op->id = after_id;
    op->count_max = count_max;
    op->bytes_max = bytes_max;
    store_op_submit(op);
    return MF_OK;
}

mf_err queue_peek(struct queue *queue, bool dead, uint64_t after_id, uint32_t count_max,
                  size_t body_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_PEEK, dead, after_id, count_max, body_max, ask);
}

mf_err queue_redrive(struct queue *queue, uint32_t count_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_REDRIVE, true, 0, count_max, 0, ask);
}

mf_err queue_purge(struct queue *queue, bool dead, uint32_t count_max, const struct store_ask *ask)
{
    return on_many(queue, STORE_PURGE, dead, 0, count_max, 0, ask);
}
