/*
 * ledger_many.c: changes of many entries of a queue at once: dead letters that are taken up again, and what is
 * removed, up to the queue's name.
 * Guarantees: count and bytes of a queue are those of its entries.
 */
#include "node/store/ledger.h"

static mf_err redrive_one(struct ledger *ledger, struct store_op *op, struct record_queue *queue,
                          uint64_t id, const struct record *dead)
{
    struct record_key key;
    uint64_t new_id;
    const uint8_t *body = dead->body.data;
    size_t bytes = dead->body.bytes - dead->dead.reason_bytes;
    mf_buf_drop(&ledger->scratch, ledger->scratch.bytes);
    mf_err err = mf_buf_add(&ledger->scratch, body + dead->dead.reason_bytes, bytes);
    if (err)
        return err;
    struct store_bytes event = {ledger->scratch.data, bytes};
    ledger_uncount(&queue->dead_count, &queue->dead_bytes, bytes);
    err = ledger_add_entry(ledger, queue, store_id_priority(id), op->now_ms, event, &new_id);
    key_of_dead(&key, queue->number, id);
    if (!err)
        err = store_op_id(op, new_id);
    return err ? err : ledger_remove(ledger, &key);
}

mf_err ledger_redrive(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t id = 0, moved_bytes = 0;
    mf_err err = MF_OK;
    while (!err && op->answer.count < op->count_max && moved_bytes <= MF_QUEUE_BATCH_BYTES_MAX &&
           !(err = ledger_next_id(ledger, queue->queue.number, true, &id))) {
        struct record_key key;
        struct record dead;
        key_of_dead(&key, queue->queue.number, id);
        if (ledger_get(ledger, RECORD_DEAD, &key, &dead) == MF_OK) {
            uint64_t bytes = dead.body.bytes - dead.dead.reason_bytes;
            if (!ledger_has_room(op, &queue->queue, 1, bytes)) {
                op->answer.err = op->answer.count ? MF_OK : MF_EFULL;
                break;
            }
            moved_bytes += bytes;
            err = redrive_one(ledger, op, &queue->queue, id, &dead);
        }
        if (!err)
            err = ledger_go_past(&id, true);
    }
    if (err && err != MF_ENOENT)
        return err;
    return op->answer.count ? ledger_kept_put(ledger, op, queue) : MF_OK;
}

static mf_err purge_dead(struct ledger *ledger, struct record_queue *queue, uint64_t id)
{
    struct record_key key;
    struct record record;
    key_of_dead(&key, queue->number, id);
    mf_err err = ledger_get(ledger, RECORD_DEAD, &key, &record);
    if (err && err != MF_EFORMAT)
        return err;
    ledger_uncount(&queue->dead_count, &queue->dead_bytes, err ? 0 : record.body.bytes - record.dead.reason_bytes);
    return ledger_remove(ledger, &key);
}

static mf_err purge_one(struct ledger *ledger, struct store_op *op, struct record_queue *queue, uint64_t id)
{
    static const struct store_bytes reason = {QUEUE_PURGED, sizeof QUEUE_PURGED - 1};
    mf_err err = store_op_id(op, id);
    if (err || op->dead)
        return err ? err : purge_dead(ledger, queue, id);
    err = ledger_drop(ledger, op, queue, id, reason);
    return err == MF_EFORMAT ? ledger_remove_entry(ledger, queue, id, 0) : err; /* of it nobody can say whose it was */
}

/* What is told of entries has a bound, as a peek's answer has. */
static bool may_purge(const struct store_op *op)
{
    return op->answer.count < op->count_max && op->ended_bytes < MF_SCAN_BYTES_MAX;
}

/* Nothing is left of it but its name, which is given back. */
static mf_err forget(struct ledger *ledger, const struct store_op *op, const struct record_queue *queue)
{
    struct record_key key;
    struct record floor;
    key_of_floor(&key, op->queue);
    mf_err err = ledger_get(ledger, RECORD_QUEUE, &key, &floor);
    if (err == MF_ENOENT || err == MF_EFORMAT)
        floor = (struct record){.kind = RECORD_QUEUE};
    else if (err)
        return err;
    if (floor.queue.counter < queue->counter)
        floor.queue.counter = queue->counter;
    err = ledger_put(ledger, &key, &floor);
    key_of_queue(&key, op->queue);
    ledger_kept_forget(ledger, op);
    return err ? err : ledger_remove(ledger, &key);
}

mf_err ledger_purge(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t id = 0;
    mf_err err = MF_OK;
    while (!err && may_purge(op) && !(err = ledger_next_id(ledger, queue->queue.number, op->dead, &id))) {
        err = purge_one(ledger, op, &queue->queue, id);
        if (!err)
            err = ledger_go_past(&id, op->dead);
    }
    if (err && err != MF_ENOENT)
        return err;
    if (op->queue_settings.tenant_queues_max && !queue->queue.count && !queue->queue.dead_count)
        return forget(ledger, op, &queue->queue);
    return op->answer.count ? ledger_kept_put(ledger, op, queue) : MF_OK;
}
