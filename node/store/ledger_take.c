/*
 * ledger_take.c: which entries a take gets. In each priority: those whose lease passed,
 * those that came back and may be taken, those that nobody has had yet.
 * Guarantees: no entry is leased twice at a time; what is too old is not taken while the
 * dead letters have room for it.
 */
#include "node/store/ledger.h"

struct take {
    struct ledger *ledger;
    struct store_op *op;
    const struct record_queue *queue;
    struct shelf shelf;
    bool full; /* nothing more goes into this answer, though there may be more */
};

static mf_err take_expired(struct take *take, enum queue_priority priority);
static mf_err take_returned(struct take *take, enum queue_priority priority);
static mf_err take_fresh(struct take *take, enum queue_priority priority);
static mf_err take_one(struct take *take, uint64_t id, uint32_t attempts_before,
                       const struct store_bytes *stored);
static uint64_t next_due(struct take *take);

/* An error here is of a single entry that cannot be had now: what was taken is taken. */
mf_err ledger_take(struct ledger *ledger, struct store_op *op, const struct record_queue *queue)
{
    struct take take = {.ledger = ledger, .op = op, .queue = queue};
    mf_err err = MF_OK;
    for (int p = QUEUE_URGENT; p < QUEUE_PRIORITIES && !err && !take.full; p++) {
        enum queue_priority priority = (enum queue_priority)p;
        take.shelf = shelf_read(ledger, queue->number, priority);
        err = take_expired(&take, priority);
        if (!err && !take.full)
            err = take_returned(&take, priority);
        if (!err && !take.full)
            err = take_fresh(&take, priority);
        shelf_write(ledger, queue->number, priority, &take.shelf);
    }
    op->answer.due_ms = take.full || err ? op->now_ms : next_due(&take);
    return op->answer.count ? MF_OK : err;
}

static mf_err take_expired(struct take *take, enum queue_priority priority)
{
    uint64_t due_ms = 0, id = 0;
    mf_err err = MF_OK;
    struct lease lease;
    while (!err && !take->full &&
           lease_next(take->ledger, take->queue->number, priority, &due_ms, &id) &&
           due_ms <= take->op->now_ms) {
        if (lease_find(take->ledger, take->queue->number, id, &lease))
            err = take_one(take, id, lease.attempts, NULL);
        id++;
    }
    return err;
}

static mf_err take_returned(struct take *take, enum queue_priority priority)
{
    uint32_t queue = take->queue->number;
    uint64_t due_ms = take->shelf.returned_ms, id = 0;
    struct record_key key;
    struct store_bytes found, value;
    struct record state;
    struct lease lease;
    mf_err err = MF_OK;
    while (!err && !take->full) {
        key_of_due(&key, queue, priority, due_ms, id);
        err = ledger_seek(take->ledger->durable, &key, KEY_PREFIX_PRIORITY, &found, &value);
        if (err || found.bytes != key.bytes)
            break;
        due_ms = record_key_read(found, KEY_PREFIX_PRIORITY, 8);
        id = record_key_read(found, KEY_PREFIX_PRIORITY + 8, 8);
        if (due_ms > take->op->now_ms)
            break;
        if (!lease_find(take->ledger, queue, id, &lease)) {
            key_of_state(&key, queue, id);
            if (!ledger_get(take->ledger, RECORD_STATE, &key, &state))
                err = take_one(take, id, state.state.attempts, NULL);
        }
        if (!take->full && !err)
            take->shelf.returned_ms = due_ms;
        if (++id == 0) /* no id of ours, but it may stand in a file */
            break;
    }
    return err == MF_ENOENT ? MF_OK : err;
}

/* Whether nobody has had it: those that somebody had are found otherwise. */
static bool is_fresh(struct take *take, uint64_t id)
{
    struct record_key key;
    struct store_bytes value;
    struct lease lease;
    if (lease_find(take->ledger, take->queue->number, id, &lease))
        return false;
    key_of_state(&key, take->queue->number, id);
    return take->ledger->durable->kind->get(take->ledger->durable, record_key_of(&key), &value) ==
           MF_ENOENT;
}

static mf_err take_fresh(struct take *take, enum queue_priority priority)
{
    struct record_key key;
    struct store_bytes found, value;
    mf_err err = MF_OK;
    while (!err && !take->full) {
        key_of_entry(&key, take->queue->number, store_id(0, priority));
        key.bytes = KEY_PREFIX_PRIORITY;
        record_key_number(&key, take->shelf.fresh_id, 8);
        err = ledger_seek(take->ledger->durable, &key, KEY_PREFIX_PRIORITY, &found, &value);
        if (err || found.bytes != key.bytes)
            break;
        uint64_t id = record_key_read(found, KEY_PREFIX_PRIORITY, 8);
        if (store_id_priority(id) == priority && is_fresh(take, id))
            err = take_one(take, id, 0, &value);
        if (id == UINT64_MAX)
            break;
        if (!take->full && !err)
            take->shelf.fresh_id = id + 1;
    }
    return err == MF_ENOENT ? MF_OK : err;
}

static bool is_aged(const struct take *take, const struct record_entry *entry)
{
    const struct store_op *op = take->op;
    uint64_t age_ms_max = op->queue_settings.age_ms_max;
    return age_ms_max && op->now_ms > entry->enqueued_ms &&
           op->now_ms - entry->enqueued_ms > age_ms_max &&
           take->queue->dead_count + op->aged_count < op->queue_settings.dead_max;
}

/* Into the answer, or among the aged, or neither where that cannot be. stored: its record, if it was found. */
static mf_err take_one(struct take *take, uint64_t id, uint32_t attempts_before,
                       const struct store_bytes *stored)
{
    struct store_op *op = take->op;
    struct record_key key;
    struct record record;
    key_of_entry(&key, take->queue->number, id);
    mf_err err = stored ? ledger_read(take->ledger, RECORD_ENTRY, &key, *stored, &record)
                        : ledger_get(take->ledger, RECORD_ENTRY, &key, &record);
    if (err == MF_ENOENT)
        lease_end(take->ledger, take->queue->number, id); /* ended while the lease was passing */
    if (err)
        return MF_OK;
    if (is_aged(take, &record.entry)) {
        if (op->aged_count == MF_QUEUE_AGED_MAX)
            take->full = true;
        else
            op->aged[op->aged_count++] = id;
        return MF_OK;
    }
    if (op->answer.count == op->count_max ||
        (op->answer.count && (op->list_bytes >= op->bytes_max ||
                              record.body.bytes > op->bytes_max - op->list_bytes))) {
        take->full = true;
        return MF_OK;
    }
    struct queue_entry entry = {.id = id,
                                .priority = store_id_priority(id),
                                .enqueued_ms = record.entry.enqueued_ms,
                                .due_ms = op->now_ms + op->span_ms,
                                .attempts = attempts_before + 1,
                                .event = record.body};
    err = store_op_entry(op, &entry);
    if (err)
        return err;
    err = lease_take(take->ledger, take->queue->number, id, entry.attempts, entry.due_ms);
    if (err)
        op->answer.count--;
    return err;
}

static uint64_t next_due(struct take *take)
{
    uint64_t next_ms = STORE_NEVER;
    for (int p = QUEUE_URGENT; p < QUEUE_PRIORITIES; p++) {
        enum queue_priority priority = (enum queue_priority)p;
        uint64_t due_ms = take->op->now_ms + 1, id = 0;
        struct record_key key;
        struct store_bytes found, value;
        if (lease_next(take->ledger, take->queue->number, priority, &due_ms, &id) &&
            due_ms < next_ms)
            next_ms = due_ms;
        key_of_due(&key, take->queue->number, priority, take->op->now_ms + 1, 0);
        if (!ledger_seek(take->ledger->durable, &key, KEY_PREFIX_PRIORITY, &found, &value) &&
            found.bytes == key.bytes) {
            due_ms = record_key_read(found, KEY_PREFIX_PRIORITY, 8);
            if (due_ms < next_ms)
                next_ms = due_ms;
        }
    }
    return next_ms;
}
