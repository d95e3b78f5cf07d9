/*
 * ledger_queue.c: what changes queues, and questions about them.
 * Guarantees: count and bytes of a queue are those of its entries; a refusal is found
 * before anything is written.
 */
#include <string.h>

#include "node/store/ledger.h"

static mf_err find_queue(struct ledger *ledger, const struct store_op *op, struct record *record);
static void peek(struct ledger *ledger, struct store_op *op, const struct record_queue *queue);
static mf_err append(struct ledger *ledger, struct store_op *op, struct record *queue);
static mf_err remove_entry(struct ledger *ledger, struct record_queue *queue, uint64_t id,
                           uint64_t event_bytes);
static mf_err put_dead(struct ledger *ledger, const struct store_op *op, struct record_queue *queue,
                       uint64_t id, uint32_t attempts, const struct record *entry,
                       struct store_bytes reason);
static mf_err end_lease(struct ledger *ledger, struct store_op *op, struct record *queue);
static mf_err bury_aged(struct ledger *ledger, struct store_op *op, struct record *queue);
static mf_err redrive(struct ledger *ledger, struct store_op *op, struct record *queue);
static mf_err purge(struct ledger *ledger, struct store_op *op, struct record *queue);

bool ledger_ask_queue(struct ledger *ledger, struct store_op *op)
{
    struct record queue;
    struct lease lease;
    mf_err err = find_queue(ledger, op, &queue);
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
    mf_err err = find_queue(ledger, op, &queue);
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
        return append(ledger, op, &queue);
    case STORE_TAKE:
        return bury_aged(ledger, op, &queue);
    case STORE_REDRIVE:
        return redrive(ledger, op, &queue);
    case STORE_PURGE:
        return purge(ledger, op, &queue);
    default:
        return end_lease(ledger, op, &queue);
    }
}

static mf_err find_queue(struct ledger *ledger, const struct store_op *op, struct record *record)
{
    struct record_key key;
    key_of_queue(&key, op->queue);
    return ledger_get(ledger, RECORD_QUEUE, &key, record);
}

static mf_err put_queue(struct ledger *ledger, const struct store_op *op,
                        const struct record *queue)
{
    struct record_key key;
    key_of_queue(&key, op->queue);
    return ledger_put(ledger, &key, queue);
}

/* Of something damaged nobody knows what it had counted for. */
static void uncount(uint64_t *count, uint64_t *bytes, uint64_t less_bytes)
{
    *count -= *count > 0;
    *bytes = *count && *bytes > less_bytes ? *bytes - less_bytes : 0;
}

/* ---- questions ---- */

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
static mf_err next_id(struct ledger *ledger, uint32_t queue, bool dead, uint64_t *id)
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
static mf_err go_past(uint64_t *id, bool dead)
{
    return __builtin_add_overflow(*id, dead ? 1u : 1u << STORE_ID_SHIFT, id) ? MF_ENOENT : MF_OK;
}

static void peek(struct ledger *ledger, struct store_op *op, const struct record_queue *queue)
{
    uint64_t id = op->id;
    mf_err err = id ? go_past(&id, op->dead) : MF_OK;
    while (!err && !(err = next_id(ledger, queue->number, op->dead, &id))) {
        if (op->answer.count == op->count_max || op->list_bytes >= MF_SCAN_BYTES_MAX) {
            op->answer.more = true;
            break;
        }
        err = op->dead ? tell_dead(ledger, op, queue->number, id)
                       : tell_entry(ledger, op, queue->number, id);
        if (!err)
            err = go_past(&id, op->dead);
    }
    op->answer.err = err == MF_ENOENT ? MF_OK : err;
}

/* ---- append ---- */

static mf_err number_queue(struct ledger *ledger, struct record_queue *queue)
{
    struct record_key key;
    struct record meta;
    record_key_start(&key, 'M');
    mf_err err = ledger_get(ledger, RECORD_META, &key, &meta);
    if (err)
        return err;
    if (meta.meta.queues == UINT32_MAX)
        return MF_EFULL;
    queue->number = ++meta.meta.queues;
    return ledger_put(ledger, &key, &meta);
}

static bool has_room(const struct store_op *op, const struct record_queue *queue, uint64_t count,
                     uint64_t bytes)
{
    const struct queue_settings *settings = &op->queue_settings;
    return queue->count <= settings->count_max && count <= settings->count_max - queue->count &&
           queue->bytes <= settings->bytes_max && bytes <= settings->bytes_max - queue->bytes;
}

static mf_err add_entry(struct ledger *ledger, struct record_queue *queue,
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
    while (!err && !has_room(op, left, op->event_count, bytes)) {
        struct record_key key;
        struct record entry;
        struct lease lease;
        err = next_id(ledger, left->number, false, &id);
        if (err || store_id_priority(id) != priority || op->aged_count == MF_QUEUE_DROPPED_MAX ||
            ++*looks > MF_QUEUE_DROP_LOOKS_MAX)
            return err ? err : MF_ENOENT;
        key_of_entry(&key, left->number, id);
        if (!lease_find(ledger, left->number, id, &lease) &&
            ledger_get(ledger, RECORD_ENTRY, &key, &entry) == MF_OK) {
            op->aged[op->aged_count++] = id;
            uncount(&left->count, &left->bytes, entry.body.bytes);
        }
        err = go_past(&id, false);
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
    if (!has_room(op, left, op->event_count, bytes)) {
        op->aged_count = 0;
        *left = *queue;
    }
    return MF_OK;
}

/* Nothing is removed unless that is enough. */
static mf_err make_room(struct ledger *ledger, struct store_op *op, struct record_queue *queue,
                        uint64_t bytes)
{
    struct record_queue left;
    mf_err err = choose_all_dropped(ledger, op, bytes, queue, &left);
    for (uint32_t i = 0; i < op->aged_count && !err; i++) {
        struct record_key key;
        struct record entry;
        key_of_entry(&key, queue->number, op->aged[i]);
        err = ledger_get(ledger, RECORD_ENTRY, &key, &entry);
        if (!err)
            err = remove_entry(ledger, queue, op->aged[i], entry.body.bytes);
    }
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
    mf_err err = MF_OK;
    key_of_tenant(&key, op->queue);
    size_t prefix = key.bytes;
    while (count < settings->tenant_queues_max &&
           !(err = ledger_seek(ledger->durable, &key, prefix, &found, &stored))) {
        if (record_read(RECORD_QUEUE, found, stored, &record) == MF_OK)
            used += record.queue.bytes + record.queue.dead_bytes;
        count++;
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
    mf_err err = find_queue(ledger, op, &queue);
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
    bool fits = has_room(op, &left, op->event_count, bytes);
    if (!fits && op->queue_settings.overflow == QUEUE_BURIES) {
        fits = buries(op, &left);
    } else if (!fits && op->queue_settings.overflow == QUEUE_DROPS) {
        err = choose_all_dropped(ledger, op, bytes, &queue.queue, &left);
        fits = has_room(op, &left, op->event_count, bytes);
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
        err = number_queue(ledger, &queue->queue);
    for (size_t i = 0; i < op->event_count && !err; i++) {
        uint64_t id = store_id(++queue->queue.counter, op->priority);
        entry.body = op->events[i];
        err = put_dead(ledger, op, &queue->queue, id, 0, &entry, reason);
        if (!err)
            err = store_op_id(op, id);
    }
    op->answer.number = (int64_t)op->event_count;
    return err ? err : put_queue(ledger, op, queue);
}

static mf_err append(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t bytes = appended_bytes(op), id;
    mf_err refusal, err = ledger_also_refused(ledger, op, &refusal);
    if (!err && !refusal && !op->judged)
        err = tenant_refuses(ledger, op, &queue->queue, bytes, &refusal);
    if (err || refusal) {
        op->answer.err = refusal;
        return err;
    }
    bool fits = has_room(op, &queue->queue, op->event_count, bytes);
    if (!fits && op->queue_settings.overflow == QUEUE_BURIES)
        return append_dead(ledger, op, queue);
    if (!fits && op->queue_settings.overflow == QUEUE_DROPS)
        err = make_room(ledger, op, &queue->queue, bytes);
    if (err)
        return err;
    if (!has_room(op, &queue->queue, op->event_count, bytes)) {
        op->answer.err = MF_EFULL;
        return MF_OK;
    }
    if (!queue->queue.number)
        err = number_queue(ledger, &queue->queue);
    for (size_t i = 0; i < op->event_count && !err; i++) {
        err = add_entry(ledger, &queue->queue, op->priority, op->now_ms, op->events[i], &id);
        if (!err)
            err = store_op_id(op, id);
    }
    return err ? err : put_queue(ledger, op, queue);
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

static mf_err remove_entry(struct ledger *ledger, struct record_queue *queue, uint64_t id,
                           uint64_t event_bytes)
{
    struct record_key key;
    mf_err err = remove_state(ledger, queue->number, id);
    key_of_entry(&key, queue->number, id);
    uncount(&queue->count, &queue->bytes, event_bytes);
    return err ? err : ledger_remove(ledger, &key);
}

static mf_err put_dead(struct ledger *ledger, const struct store_op *op, struct record_queue *queue,
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
    mf_err err = put_dead(ledger, op, queue, id, attempts, entry, reason);
    return err ? err : remove_entry(ledger, queue, id, bytes);
}

static mf_err end_lease(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    struct record_key key;
    struct record entry;
    struct lease lease;
    uint32_t number = queue->queue.number;
    key_of_entry(&key, number, op->id);
    mf_err err = MF_ENOENT;
    if (lease_find(ledger, number, op->id, &lease) && lease.attempts == op->attempts)
        err = ledger_get(ledger, RECORD_ENTRY, &key, &entry);
    if (!err && op->kind == STORE_BURY && queue->queue.dead_count >= op->queue_settings.dead_max)
        err = MF_EFULL;
    if (!err) {
        mf_err failed = ledger_also_refused(ledger, op, &err);
        if (failed)
            return failed;
        if (!err && op->also) /* what was read before is not good any more */
            err = ledger_get(ledger, RECORD_ENTRY, &key, &entry);
    }
    if (err) { /* damaged ones were never taken */
        op->answer.err = err;
        return MF_OK;
    }
    if (op->kind == STORE_NACK)
        return ledger_return(ledger, number, op->id, op->attempts, op->now_ms + op->span_ms);
    err = op->kind == STORE_ACK
              ? remove_entry(ledger, &queue->queue, op->id, entry.body.bytes)
              : bury(ledger, op, &queue->queue, op->id, op->attempts, &entry, op->reason);
    return err ? err : put_queue(ledger, op, queue);
}

static uint32_t attempts_of(struct ledger *ledger, uint32_t queue, uint64_t id)
{
    struct record_key key;
    struct record state;
    struct lease lease;
    if (lease_find(ledger, queue, id, &lease))
        return lease.attempts;
    key_of_state(&key, queue, id);
    return ledger_get(ledger, RECORD_STATE, &key, &state) ? 0 : state.state.attempts;
}

/* Nothing but this take knows of them, so all are there still, but for a purge. */
static mf_err bury_aged(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    static const struct store_bytes reason = {QUEUE_TOO_OLD, sizeof QUEUE_TOO_OLD - 1};
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < op->aged_count && !err; i++) {
        struct record_key key;
        struct record entry;
        uint64_t id = op->aged[i];
        struct lease lease;
        key_of_entry(&key, queue->queue.number, id);
        if (lease_find(ledger, queue->queue.number, id, &lease) && lease.due_ms > op->now_ms)
            continue; /* another take has it meanwhile, as dead letters were full */
        if (ledger_get(ledger, RECORD_ENTRY, &key, &entry) == MF_OK)
            err = bury(ledger, op, &queue->queue, id,
                       attempts_of(ledger, queue->queue.number, id), &entry, reason);
    }
    return err ? err : put_queue(ledger, op, queue);
}

/* ---- many at once ---- */

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
    uncount(&queue->dead_count, &queue->dead_bytes, bytes);
    err = add_entry(ledger, queue, store_id_priority(id), op->now_ms, event, &new_id);
    key_of_dead(&key, queue->number, id);
    if (!err)
        err = store_op_id(op, new_id);
    return err ? err : ledger_remove(ledger, &key);
}

static mf_err redrive(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t id = 0, moved_bytes = 0;
    mf_err err = MF_OK;
    while (!err && op->answer.count < op->count_max && moved_bytes <= MF_QUEUE_BATCH_BYTES_MAX &&
           !(err = next_id(ledger, queue->queue.number, true, &id))) {
        struct record_key key;
        struct record dead;
        key_of_dead(&key, queue->queue.number, id);
        if (ledger_get(ledger, RECORD_DEAD, &key, &dead) == MF_OK) {
            uint64_t bytes = dead.body.bytes - dead.dead.reason_bytes;
            if (!has_room(op, &queue->queue, 1, bytes)) {
                op->answer.err = op->answer.count ? MF_OK : MF_EFULL;
                break;
            }
            moved_bytes += bytes;
            err = redrive_one(ledger, op, &queue->queue, id, &dead);
        }
        if (!err)
            err = go_past(&id, true);
    }
    if (err && err != MF_ENOENT)
        return err;
    return op->answer.count ? put_queue(ledger, op, queue) : MF_OK;
}

static mf_err purge_one(struct ledger *ledger, struct store_op *op, struct record_queue *queue,
                        uint64_t id)
{
    struct record_key key;
    struct record record;
    if (op->dead)
        key_of_dead(&key, queue->number, id);
    else
        key_of_entry(&key, queue->number, id);
    mf_err err = ledger_get(ledger, op->dead ? RECORD_DEAD : RECORD_ENTRY, &key, &record);
    uint64_t bytes = err ? 0 : record.body.bytes - (op->dead ? record.dead.reason_bytes : 0);
    if (err && err != MF_EFORMAT)
        return err;
    err = store_op_id(op, id);
    if (err || !op->dead)
        return err ? err : remove_entry(ledger, queue, id, bytes);
    uncount(&queue->dead_count, &queue->dead_bytes, bytes);
    return ledger_remove(ledger, &key);
}

static mf_err purge(struct ledger *ledger, struct store_op *op, struct record *queue)
{
    uint64_t id = 0;
    mf_err err = MF_OK;
    while (!err && op->answer.count < op->count_max &&
           !(err = next_id(ledger, queue->queue.number, op->dead, &id))) {
        err = purge_one(ledger, op, &queue->queue, id);
        if (!err)
            err = go_past(&id, op->dead);
    }
    if (err && err != MF_ENOENT)
        return err;
    return op->answer.count ? put_queue(ledger, op, queue) : MF_OK;
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
