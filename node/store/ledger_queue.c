/*
 * ledger_queue.c: what changes queues, and questions about them.
 * Guarantees: count and bytes of a queue are those of its entries; a refusal is found
 * before anything is written.
 */
#include <string.h>

#include "node/store/ledger.h"

static mf_err siblings(struct ledger *ledger, struct store_op *op);
static void peek(struct ledger *ledger, struct store_op *op, const struct record_queue *queue);
static mf_err end_lease(struct ledger *ledger, struct store_op *op, struct record *queue);
static mf_err bury_aged(struct ledger *ledger, struct store_op *op, struct record *queue);

bool ledger_ask_queue(struct ledger *ledger, struct store_op *op)
{
    struct record queue;
    struct lease lease;
    if (op->kind == STORE_SIBLINGS) {
        op->answer.err = siblings(ledger, op);
        return false;
    }
    mf_err err = ledger_find_queue(ledger, op, &queue);
    if (op->kind == STORE_TAKE)
        op->answer.due_ms = STORE_NEVER;
    if (err) { /* never appended to: as if empty */
        op->answer.err = err == MF_ENOENT && op->kind != STORE_EXTEND ? MF_OK : err;
        return false;
    }
    op->queue_number = queue.queue.number;
    switch (op->kind) {
    case STORE_TAKE:
        op->answer.err = ledger_take(ledger, op, &queue.queue);
        return op->aged_count > 0;
    case STORE_EXTEND:
        if (!lease_find(ledger, queue.queue.number, op->id, &lease) ||
            lease.attempts != op->attempts)
            op->answer.err = MF_ENOENT;
        else
            op->answer.err = lease_move(ledger, queue.queue.number, op->id,
                                        op->now_ms + op->span_ms);
        return false;
    case STORE_PEEK:
        peek(ledger, op, &queue.queue);
        return false;
    default:
        op->answer.stat = (struct queue_stat){queue.queue.count, queue.queue.bytes,
                                              queue.queue.dead_count, queue.queue.dead_bytes};
        return false;
    }
}

mf_err ledger_change_queue(struct ledger *ledger, struct store_op *op)
{
    struct record queue;
    mf_err err = ledger_kept_find(ledger, op, &queue);
    if (err == MF_ENOENT && op->kind == STORE_APPEND) {
        queue = (struct record){.kind = RECORD_QUEUE};
        err = MF_OK;
    }
    if (err == MF_ENOENT || err == MF_EFORMAT) {
        bool emptied = op->kind == STORE_PURGE || op->kind == STORE_REDRIVE;
        op->answer.err = err == MF_ENOENT && emptied ? MF_OK : err;
        return MF_OK;
    }
    if (err)
        return err;
    op->queue_number = queue.queue.number;
    switch (op->kind) {
    case STORE_APPEND:
        return ledger_append(ledger, op, &queue);
    case STORE_TAKE:
        return bury_aged(ledger, op, &queue);
    case STORE_REDRIVE:
        return ledger_redrive(ledger, op, &queue);
    case STORE_PURGE:
        return ledger_purge(ledger, op, &queue);
    default:
        return end_lease(ledger, op, &queue);
    }
}

mf_err ledger_find_queue(struct ledger *ledger, const struct store_op *op, struct record *record)
{
    struct record_key key;
    key_of_queue(&key, op->queue);
    return ledger_get(ledger, RECORD_QUEUE, &key, record);
}

/* Of something damaged nobody knows what it had counted for. */
void ledger_uncount(uint64_t *count, uint64_t *bytes, uint64_t less_bytes)
{
    *count -= *count > 0;
    *bytes = *count && *bytes > less_bytes ? *bytes - less_bytes : 0;
}

/* ---- questions ---- */

static mf_err tell_sibling(struct store_op *op, struct store_bytes name, const struct record_queue *queue)
{
    const struct queue_stat stat = {queue->count, queue->bytes, queue->dead_count, queue->dead_bytes};
    return store_op_pair(op, &(struct space_pair){.key = name, .value = {&stat, sizeof stat}});
}

/* Under the tenant's key alone is what is left of those that gave their names back. */
static mf_err siblings(struct ledger *ledger, struct store_op *op)
{
    struct record_key key;
    struct store_bytes found, value;
    struct record record;
    mf_err err;
    key_of_tenant(&key, op->queue);
    const size_t prefix = key.bytes;
    record_key_bytes(&key, op->after);
    record_key_number(&key, 0, 1);
    while (!(err = ledger_seek(ledger->durable, &key, prefix, &found, &value))) {
        if (found.bytes > sizeof key.data - 1)
            return MF_EFORMAT;
        if (op->answer.count == op->count_max) {
            op->answer.more = true;
            return MF_OK;
        }
        key.bytes = 0;
        record_key_bytes(&key, found);
        struct store_bytes name = {key.data + prefix, key.bytes - prefix};
        err = ledger_read(ledger, RECORD_QUEUE, &key, value, &record);
        if (!err)
            err = tell_sibling(op, name, &record.queue);
        if (err && err != MF_EFORMAT) /* a damaged one is passed over */
            return err;
        record_key_number(&key, 0, 1);
    }
    return err == MF_ENOENT ? MF_OK : err;
}

static mf_err tell_entry(struct ledger *ledger, struct store_op *op, uint32_t queue, uint64_t id)
{
    struct record_key key;
    struct record record, state;
    struct lease lease;
    struct queue_entry entry = {.id = id, .priority = store_id_priority(id)};
    key_of_entry(&key, queue, id);
    mf_err err = ledger_get(ledger, RECORD_ENTRY, &key, &record);
    if (err)
        return err == MF_EFORMAT ? MF_OK : err; /* passed over */
    entry.enqueued_ms = record.entry.enqueued_ms;
    entry.event = record.body;
    key_of_state(&key, queue, id);
    if (lease_find(ledger, queue, id, &lease)) {
        entry.attempts = lease.attempts;
        entry.due_ms = lease.due_ms;
    } else if (!ledger_get(ledger, RECORD_STATE, &key, &state)) {
        entry.attempts = state.state.attempts;
        entry.due_ms = state.state.due_ms;
    }
    if (entry.event.bytes > op->bytes_max)
        entry.event.data = NULL;
    return store_op_entry(op, &entry);
}

static mf_err tell_dead(struct ledger *ledger, struct store_op *op, uint32_t queue, uint64_t id)
{
    struct record_key key;
    struct record record;
    key_of_dead(&key, queue, id);
    mf_err err = ledger_get(ledger, RECORD_DEAD, &key, &record);
    if (err)
        return err == MF_EFORMAT ? MF_OK : err;
    const uint8_t *body = record.body.data;
    uint32_t reason_bytes = record.dead.reason_bytes;
    struct queue_entry entry = {.id = id,
                                .priority = store_id_priority(id),
                                .enqueued_ms = record.dead.enqueued_ms,
                                .attempts = record.dead.attempts,
                                .died_ms = record.dead.died_ms,
                                .reason = {body, reason_bytes},
                                .event = {body + reason_bytes, record.body.bytes - reason_bytes}};
    if (entry.event.bytes > op->bytes_max)
        entry.event.data = NULL;
    return store_op_entry(op, &entry);
}

/* The first entry, or dead letter, that is not before `id` in the order of peeking. */
mf_err ledger_next_id(struct ledger *ledger, uint32_t queue, bool dead, uint64_t *id)
{
    struct record_key key;
    struct store_bytes found, value;
    if (dead)
        key_of_dead(&key, queue, *id);
    else
        key_of_entry(&key, queue, *id);
    mf_err err = ledger_seek(ledger->durable, &key, KEY_PREFIX_QUEUE, &found, &value);
    if (!err && found.bytes != key.bytes)
        err = MF_EFORMAT;
    if (!err)
        *id = record_key_read(found, found.bytes - 8, 8);
    if (!err && store_id_priority(*id) >= QUEUE_PRIORITIES)
        err = MF_EFORMAT;
    return err;
}

/* The id behind that one: of ids that end in their priority, both are in its table. MF_ENOENT:
 * there is none, though one like it may stand in a file. */
mf_err ledger_go_past(uint64_t *id, bool dead)
{
    return __builtin_add_overflow(*id, dead ? 1u : 1u << STORE_ID_SHIFT, id) ? MF_ENOENT : MF_OK;
}

static void peek(struct ledger *ledger, struct store_op *op, const struct record_queue *queue)
{
    uint64_t id = op->id;
    mf_err err = id ? ledger_go_past(&id, op->dead) : MF_OK;
    while (!err && !(err = ledger_next_id(ledger, queue->number, op->dead, &id))) {
        if (op->answer.count == op->count_max || op->list_bytes >= MF_SCAN_BYTES_MAX) {
            op->answer.more = true;
            break;
        }
        err = op->dead ? tell_dead(ledger, op, queue->number, id)
                       : tell_entry(ledger, op, queue->number, id);
        if (!err)
            err = ledger_go_past(&id, op->dead);
    }
    op->answer.err = err == MF_ENOENT ? MF_OK : err;
}

/* ---- the end of a lease ---- */

/* Out of the tables of what came back. */
static mf_err remove_state(struct ledger *ledger, uint32_t queue, uint64_t id)
{
    struct record_key key, due;
    struct record state;
    key_of_state(&key, queue, id);
    mf_err err = ledger_get(ledger, RECORD_STATE, &key, &state);
    if (err == MF_ENOENT)
        return MF_OK;
    if (!err) {
        key_of_due(&due, queue, store_id_priority(id), state.state.due_ms, id);
        err = ledger_remove(ledger, &due);
    }
    if (err && err != MF_EFORMAT)
        return err;
    return ledger_remove(ledger, &key);
}

mf_err ledger_return(struct ledger *ledger, uint32_t queue, uint64_t id, uint32_t attempts,
                     uint64_t due_ms)
{
    struct record_key key;
    uint8_t *room;
    struct record state = {.kind = RECORD_STATE,
                           .state = {.due_ms = due_ms, .attempts = attempts}};
    mf_err err = remove_state(ledger, queue, id);
    key_of_state(&key, queue, id);
    if (!err)
        err = ledger_put(ledger, &key, &state);
    key_of_due(&key, queue, store_id_priority(id), due_ms, id);
    return err ? err : ledger->durable->kind->put(ledger->durable, record_key_of(&key), 0, &room);
}

mf_err ledger_remove_entry(struct ledger *ledger, struct record_queue *queue, uint64_t id,
                           uint64_t event_bytes)
{
    struct record_key key;
    mf_err err = remove_state(ledger, queue->number, id);
    key_of_entry(&key, queue->number, id);
    ledger_uncount(&queue->count, &queue->bytes, event_bytes);
    return err ? err : ledger_remove(ledger, &key);
}

mf_err ledger_put_dead(struct ledger *ledger, const struct store_op *op, struct record_queue *queue,
                       uint64_t id, uint32_t attempts, const struct record *entry,
                       struct store_bytes reason)
{
    struct record_key key;
    struct record dead = {.kind = RECORD_DEAD,
                          .dead = {.enqueued_ms = entry->entry.enqueued_ms,
                                   .died_ms = op->now_ms,
                                   .attempts = attempts,
                                   .reason_bytes = (uint32_t)reason.bytes}};
    mf_buf_drop(&ledger->scratch, ledger->scratch.bytes);
    mf_err err = mf_buf_add(&ledger->scratch, reason.data, reason.bytes);
    if (!err)
        err = mf_buf_add(&ledger->scratch, entry->body.data, entry->body.bytes);
    if (err)
        return err;
    dead.body = (struct store_bytes){ledger->scratch.data, ledger->scratch.bytes};
    queue->dead_count++;
    queue->dead_bytes += dead.body.bytes - reason.bytes;
    key_of_dead(&key, queue->number, id);
    return ledger_put(ledger, &key, &dead);
}

/* What entry points to is gone after it. */
static mf_err bury(struct ledger *ledger, const struct store_op *op, struct record_queue *queue,
                   uint64_t id, uint32_t attempts, const struct record *entry,
                   struct store_bytes reason)
{
    uint64_t bytes = entry->body.bytes;
    mf_err err = ledger_put_dead(ledger, op, queue, id, attempts, entry, reason);
    return err ? err : ledger_remove_entry(ledger, queue, id, bytes);
}

/* The entry of a lease. Only one that is buried is read anew: it was when it was taken. */
static mf_err leased_entry(struct ledger *ledger, const struct store_op *op, uint32_t queue, struct record *entry)
{
    struct record_key key;
    struct store_bytes stored;
    key_of_entry(&key, queue, op->id);
    if (op->kind == STORE_BURY)
        return ledger_get(ledger, RECORD_ENTRY, &key, entry);
    mf_err err = ledger->durable->kind->get(ledger->durable, record_key_of(&key), &stored);
    *entry = (struct record){.kind = RECORD_ENTRY};
    return err ? err : record_body_bytes(RECORD_ENTRY, stored, &entry->body.bytes);
}

static mf_err end_lease(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    struct record entry;
    struct lease lease;
    uint32_t number = queue->queue.number;
    mf_err err = MF_ENOENT;
    if (lease_find(ledger, number, op->id, &lease) && lease.attempts == op->attempts)
        err = leased_entry(ledger, op, number, &entry);
    if (!err && op->kind == STORE_BURY && queue->queue.dead_count >= op->queue_settings.dead_max)
        err = MF_EFULL;
    if (!err) {
        mf_err failed = ledger_also_refused(ledger, op, &err);
        if (failed)
            return failed;
        if (!err && op->also) /* what was read before is not good any more */
            err = leased_entry(ledger, op, number, &entry);
    }
    if (err) { /* damaged ones were never taken */
        op->answer.err = err;
        return MF_OK;
    }
    if (op->kind == STORE_NACK)
        return ledger_return(ledger, number, op->id, op->attempts, op->now_ms + op->span_ms);
    err = op->kind == STORE_ACK
              ? ledger_remove_entry(ledger, &queue->queue, op->id, entry.body.bytes)
              : bury(ledger, op, &queue->queue, op->id, op->attempts, &entry, op->reason);
    if (!err)
        err = ledger_note(ledger, op);
    return err ? err : ledger_kept_put(ledger, op, queue);
}

uint32_t ledger_attempts(struct ledger *ledger, uint32_t queue, uint64_t id)
{
    struct record_key key;
    struct record state;
    struct lease lease;
    if (lease_find(ledger, queue, id, &lease))
        return lease.attempts;
    key_of_state(&key, queue, id);
    return ledger_get(ledger, RECORD_STATE, &key, &state) ? 0 : state.state.attempts;
}

/* Told, noted, and among the dead. */
static mf_err bury_one_aged(struct ledger *ledger, struct store_op *op, struct record_queue *queue, uint64_t id,
                            const struct record *entry)
{
    static const struct store_bytes reason = {QUEUE_TOO_OLD, sizeof QUEUE_TOO_OLD - 1};
    struct store_own_note note;
    const struct queue_entry told = {.id = id,
                                     .priority = store_id_priority(id),
                                     .enqueued_ms = entry->entry.enqueued_ms,
                                     .attempts = ledger_attempts(ledger, queue->number, id),
                                     .died_ms = op->now_ms,
                                     .reason = reason,
                                     .event = entry->body};
    bool noted = ledger_own_note(op, &told, &note);
    mf_err err = store_op_ended(op, &told);
    if (!err)
        err = bury(ledger, op, queue, id, told.attempts, entry, reason);
    return err || !noted ? err : ledger_note_own(ledger, &note);
}

/* Nothing but this take knows of them, so all are there still, but for a purge. */
static mf_err bury_aged(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    mf_err err = MF_OK;
    op->ended_count = 0; /* of a transaction that was given up */
    for (uint32_t i = 0; i < op->aged_count && !err; i++) {
        struct record_key key;
        struct record entry;
        uint64_t id = op->aged[i];
        struct lease lease;
        key_of_entry(&key, queue->queue.number, id);
        if (lease_find(ledger, queue->queue.number, id, &lease) && lease.due_ms > op->now_ms)
            continue; /* another take has it meanwhile, as dead letters were full */
        if (ledger_get(ledger, RECORD_ENTRY, &key, &entry) == MF_OK)
            err = bury_one_aged(ledger, op, &queue->queue, id, &entry);
    }
    return err ? err : ledger_kept_put(ledger, op, queue);
}

/* ---- afterwards ---- */

static void look_again(struct ledger *ledger, uint32_t queue, enum queue_priority priority,
                       const struct shelf *least)
{
    struct shelf shelf = shelf_read(ledger, queue, priority);
    if (least->fresh_id < shelf.fresh_id)
        shelf.fresh_id = least->fresh_id;
    if (least->returned_ms < shelf.returned_ms)
        shelf.returned_ms = least->returned_ms;
    shelf_write(ledger, queue, priority, &shelf);
}

void ledger_settle_queue(struct ledger *ledger, struct store_op *op, bool committed)
{
    struct shelf from_start = {0}, returned = {UINT64_MAX, op->now_ms + op->span_ms};
    uint32_t number = op->queue_number;
    if (op->kind == STORE_REDRIVE || op->answer.err || !number)
        return;
    /* Of a dropped one: a take may have had it while this was being written. */
    for (uint32_t i = 0; i < op->aged_count && committed; i++)
        lease_end(ledger, number, op->aged[i]);
    if (op->kind == STORE_TAKE) {
        for (int p = QUEUE_URGENT; p < QUEUE_PRIORITIES && !committed; p++)
            look_again(ledger, number, (enum queue_priority)p, &from_start);
        op->ended_count = committed ? op->ended_count : 0;
    }
    if (!committed)
        return;
    if (op->kind == STORE_PURGE && !op->dead)
        for (size_t i = 0; i < op->answer.count; i++)
            lease_end(ledger, number, op->ids[i]);
    if (op->kind == STORE_ACK || op->kind == STORE_NACK || op->kind == STORE_BURY)
        lease_end(ledger, number, op->id);
    if (op->kind == STORE_NACK)
        look_again(ledger, number, store_id_priority(op->id), &returned);
}
