/*
 * ledger_append.c: what is appended to queues, and what makes room for it.
 * Guarantees: a refusal is found before anything is written.
 */
#include <string.h>

#include "node/store/ledger.h"

/* A new one. Ids of one that had its name are not given again: somebody may hold some still. */
static mf_err number_queue(struct ledger *ledger, const struct store_op *op, struct record_queue *queue)
{
    struct record_key key;
    struct record meta, floor;
    key_of_floor(&key, op->queue);
    mf_err err = ledger_get(ledger, RECORD_QUEUE, &key, &floor);
    if (err && err != MF_ENOENT && err != MF_EFORMAT)
        return err;
    if (!err)
        queue->counter = floor.queue.counter;
    record_key_start(&key, 'M');
    err = ledger_get(ledger, RECORD_META, &key, &meta);
    if (err)
        return err;
    if (meta.meta.queues == UINT32_MAX)
        return MF_EFULL;
    queue->number = ++meta.meta.queues;
    return ledger_put(ledger, &key, &meta);
}

bool ledger_has_room(const struct store_op *op, const struct record_queue *queue, uint64_t count,
                     uint64_t bytes)
{
    const struct queue_settings *settings = &op->queue_settings;
    return queue->count <= settings->count_max && count <= settings->count_max - queue->count &&
           queue->bytes <= settings->bytes_max && bytes <= settings->bytes_max - queue->bytes;
}

mf_err ledger_add_entry(struct ledger *ledger, struct record_queue *queue,
                        enum queue_priority priority, uint64_t now_ms, struct store_bytes event,
                        uint64_t *id)
{
    struct record_key key;
    struct record entry = {
        .kind = RECORD_ENTRY, .entry = {.enqueued_ms = now_ms}, .body = event};
    *id = store_id(++queue->counter, priority);
    key_of_entry(&key, queue->number, *id);
    queue->count++;
    queue->bytes += event.bytes;
    return ledger_put(ledger, &key, &entry);
}

/* Which entries of a priority make room for an append: into op->aged; *left is the queue
 * without them. MF_ENOENT: there are no more. */
static mf_err choose_dropped(struct ledger *ledger, struct store_op *op,
                             enum queue_priority priority, uint64_t bytes,
                             struct record_queue *left, uint32_t *looks)
{
    uint64_t id = store_id(0, priority);
    mf_err err = MF_OK;
    while (!err && !ledger_has_room(op, left, op->event_count, bytes)) {
        struct record_key key;
        struct record entry;
        struct lease lease;
        err = ledger_next_id(ledger, left->number, false, &id);
        if (err || store_id_priority(id) != priority || op->aged_count == MF_QUEUE_DROPPED_MAX ||
            ++*looks > MF_QUEUE_DROP_LOOKS_MAX)
            return err ? err : MF_ENOENT;
        key_of_entry(&key, left->number, id);
        if (!lease_find(ledger, left->number, id, &lease) &&
            ledger_get(ledger, RECORD_ENTRY, &key, &entry) == MF_OK) {
            op->aged[op->aged_count++] = id;
            ledger_uncount(&left->count, &left->bytes, entry.body.bytes);
        }
        err = ledger_go_past(&id, false);
    }
    return err;
}

/* Into op->aged, what has to go; nothing if all of it is not enough. *left is the queue then. */
static mf_err choose_all_dropped(struct ledger *ledger, struct store_op *op, uint64_t bytes,
                                 const struct record_queue *queue, struct record_queue *left)
{
    uint32_t looks = 0;
    *left = *queue;
    op->aged_count = 0;
    for (int p = QUEUE_PRIORITIES - 1; p >= (int)op->priority && queue->number; p--) {
        mf_err err = choose_dropped(ledger, op, (enum queue_priority)p, bytes, left, &looks);
        if (err && err != MF_ENOENT && err != MF_EFORMAT)
            return err;
    }
    if (!ledger_has_room(op, left, op->event_count, bytes)) {
        op->aged_count = 0;
        *left = *queue;
    }
    return MF_OK;
}

mf_err ledger_drop(struct ledger *ledger, struct store_op *op, struct record_queue *queue, uint64_t id,
                   struct store_bytes reason)
{
    struct record_key key;
    struct record entry;
    struct store_own_note note;
    key_of_entry(&key, queue->number, id);
    mf_err err = ledger_get(ledger, RECORD_ENTRY, &key, &entry);
    if (err)
        return err;
    const struct queue_entry told = {.id = id,
                                     .priority = store_id_priority(id),
                                     .enqueued_ms = entry.entry.enqueued_ms,
                                     .attempts = ledger_attempts(ledger, queue->number, id),
                                     .reason = reason,
                                     .event = entry.body};
    bool noted = ledger_own_note(op, &told, &note);
    err = store_op_ended(op, &told);
    if (!err)
        err = ledger_remove_entry(ledger, queue, id, entry.body.bytes);
    return err || !noted ? err : ledger_note_own(ledger, &note);
}

/* Nothing is removed unless that is enough. */
static mf_err make_room(struct ledger *ledger, struct store_op *op, struct record_queue *queue,
                        uint64_t bytes)
{
    static const struct store_bytes reason = {QUEUE_WAS_FULL, sizeof QUEUE_WAS_FULL - 1};
    struct record_queue left;
    mf_err err = choose_all_dropped(ledger, op, bytes, queue, &left);
    for (uint32_t i = 0; i < op->aged_count && !err; i++)
        err = ledger_drop(ledger, op, queue, op->aged[i], reason);
    op->answer.number = op->aged_count;
    return err;
}

static uint64_t appended_bytes(const struct store_op *op)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < op->event_count; i++)
        bytes += op->events[i].bytes;
    return bytes;
}

static bool buries(const struct store_op *op, const struct record_queue *queue)
{
    const uint64_t dead_max = op->queue_settings.dead_max;
    return queue->dead_count <= dead_max && op->event_count <= dead_max - queue->dead_count;
}

/* Of all queues of the tenant, the first so many that may be. */
static mf_err tenant_refuses(struct ledger *ledger, const struct store_op *op,
                             const struct record_queue *queue, uint64_t bytes, mf_err *refusal)
{
    const struct queue_settings *settings = &op->queue_settings;
    struct record_key key;
    struct store_bytes found, stored;
    struct record record;
    uint32_t count = 0;
    uint64_t used = 0;
    mf_err err = settings->tenant_queues_max ? ledger_write_down(ledger) : MF_OK;
    if (err)
        return err;
    key_of_tenant(&key, op->queue);
    size_t prefix = key.bytes;
    while (count < settings->tenant_queues_max &&
           !(err = ledger_seek(ledger->durable, &key, prefix, &found, &stored))) {
        if (record_read(RECORD_QUEUE, found, stored, &record) == MF_OK)
            used += record.queue.bytes + record.queue.dead_bytes;
        count += found.bytes > prefix; /* but for the one that has no name */
        key.bytes = 0;
        record_key_bytes(&key, found);
        record_key_number(&key, 0, 1); /* the next key that there can be */
    }
    if (err && err != MF_ENOENT)
        return err;
    bool fits = !settings->tenant_queues_max ||
                ((queue->number || count < settings->tenant_queues_max) &&
                 used <= settings->tenant_bytes_max && bytes <= settings->tenant_bytes_max - used);
    *refusal = fits ? MF_OK : MF_EFULL;
    return MF_OK;
}

mf_err ledger_append_refused(struct ledger *ledger, struct store_op *op, mf_err *refusal)
{
    uint64_t bytes = appended_bytes(op);
    struct record queue;
    struct record_queue left;
    mf_err err = ledger_kept_find(ledger, op, &queue);
    if (err == MF_EFORMAT)
        *refusal = err;
    if (err == MF_EFORMAT)
        return MF_OK;
    if (err == MF_ENOENT)
        queue = (struct record){.kind = RECORD_QUEUE};
    else if (err)
        return err;
    err = tenant_refuses(ledger, op, &queue.queue, bytes, refusal);
    if (err || *refusal)
        return err;
    left = queue.queue;
    bool fits = ledger_has_room(op, &left, op->event_count, bytes);
    if (!fits && op->queue_settings.overflow == QUEUE_BURIES) {
        fits = buries(op, &left);
    } else if (!fits && op->queue_settings.overflow == QUEUE_DROPS) {
        err = choose_all_dropped(ledger, op, bytes, &queue.queue, &left);
        fits = ledger_has_room(op, &left, op->event_count, bytes);
        op->aged_count = 0;
        if (err)
            return err;
    }
    *refusal = fits ? MF_OK : MF_EFULL;
    return MF_OK;
}

/* What has no room, as dead letters. */
static mf_err append_dead(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    static const struct store_bytes reason = {QUEUE_WAS_FULL, sizeof QUEUE_WAS_FULL - 1};
    struct record entry = {.kind = RECORD_ENTRY, .entry = {.enqueued_ms = op->now_ms}};
    mf_err err = MF_OK;
    if (!buries(op, &queue->queue)) {
        op->answer.err = MF_EFULL;
        return MF_OK;
    }
    if (!queue->queue.number)
        err = number_queue(ledger, op, &queue->queue);
    for (size_t i = 0; i < op->event_count && !err; i++) {
        uint64_t id = store_id(++queue->queue.counter, op->priority);
        const struct queue_entry ended = {.id = id,
                                          .priority = op->priority,
                                          .enqueued_ms = op->now_ms,
                                          .died_ms = op->now_ms,
                                          .reason = reason,
                                          .event = op->events[i]};
        struct store_own_note note;
        entry.body = op->events[i];
        err = ledger_put_dead(ledger, op, &queue->queue, id, 0, &entry, reason);
        if (!err && ledger_own_note(op, &ended, &note))
            err = ledger_note_own(ledger, &note);
        if (!err)
            err = store_op_id(op, id);
    }
    op->answer.number = (int64_t)op->event_count;
    return err ? err : ledger_kept_put(ledger, op, queue);
}

mf_err ledger_append(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t bytes = appended_bytes(op), id;
    mf_err refusal, err = ledger_also_refused(ledger, op, &refusal);
    if (!err && !refusal && !op->judged)
        err = tenant_refuses(ledger, op, &queue->queue, bytes, &refusal);
    if (err || refusal) {
        op->answer.err = refusal;
        return err;
    }
    bool fits = ledger_has_room(op, &queue->queue, op->event_count, bytes);
    if (!fits && op->queue_settings.overflow == QUEUE_BURIES)
        return append_dead(ledger, op, queue);
    if (!fits && op->queue_settings.overflow == QUEUE_DROPS)
        err = make_room(ledger, op, &queue->queue, bytes);
    if (err)
        return err;
    if (!ledger_has_room(op, &queue->queue, op->event_count, bytes)) {
        op->answer.err = MF_EFULL;
        return MF_OK;
    }
    if (!queue->queue.number)
        err = number_queue(ledger, op, &queue->queue);
    for (size_t i = 0; i < op->event_count && !err; i++) {
        err = ledger_add_entry(ledger, &queue->queue, op->priority, op->now_ms, op->events[i], &id);
        if (!err)
            err = store_op_id(op, id);
    }
    return err ? err : ledger_kept_put(ledger, op, queue);
}
