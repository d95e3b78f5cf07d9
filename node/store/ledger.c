/*
 * ledger.c: steps of an operation, records in tables, keys of queues.
 * Guarantees: what is damaged is told, counted and passed over, never believed.
 */
#include "node/store/ledger.h"

#include <string.h>

#include "base/log.h"

static mf_err recover(struct ledger *ledger);

mf_err ledger_open(struct ledger *ledger, struct mf_why *why)
{
    struct record_key key;
    struct record record = {.kind = RECORD_META, .meta = {.format = RECORD_FORMAT}};
    ledger->memory = tables_memory_create();
    if (!ledger->memory)
        return MF_ENOMEM;
    record_key_start(&key, 'M');
    mf_err err = ledger_get(ledger, RECORD_META, &key, &record);
    if (err == MF_ENOENT)
        err = ledger_put(ledger, &key, &record);
    else if (err == MF_EFORMAT)
        return mf_why(why, err, "it is of another version of mayfly, or damaged; with it moved "
                      "away, the node starts with an empty store");
    return err ? err : recover(ledger);
}

void ledger_close(struct ledger *ledger)
{
    tables_memory_destroy(ledger->memory);
    taken_close(&ledger->taken);
    mf_buf_close(&ledger->scratch);
    ledger->memory = NULL;
}

/* What the last process had taken came back. */
static mf_err recover(struct ledger *ledger)
{
    struct taken_slot slot;
    struct record record;
    struct record_key key;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->taken.slots; i++) {
        if (!taken_read(&ledger->taken, i, &slot) ||
            store_id_priority(slot.id) >= QUEUE_PRIORITIES)
            continue;
        key_of_entry(&key, slot.queue, slot.id);
        if (ledger_get(ledger, RECORD_ENTRY, &key, &record))
            continue; /* it was ended */
        mf_err err = ledger_return(ledger, slot.queue, slot.id, slot.attempts, 0);
        if (err)
            return err;
        count++;
    }
    if (count)
        mf_log(MF_LOG_WARN, "store.returned", "entries=%u why=\"taken when the last node ended\"",
               count);
    return MF_OK;
}

bool ledger_ask(struct ledger *ledger, struct store_op *op)
{
    if (op->queue)
        return ledger_ask_queue(ledger, op);
    ledger_ask_space(ledger, op);
    return false;
}

mf_err ledger_change(struct ledger *ledger, struct store_op *op)
{
    mf_err err = op->queue ? ledger_change_queue(ledger, op) : ledger_change_space(ledger, op);
    op->answer.bounded = !err && op->answer.err == MF_EFULL;
    return err || op->answer.err ? err : ledger_also_append(ledger, op);
}

void ledger_settle(struct ledger *ledger, struct store_op *op, bool committed)
{
    if (op->queue)
        ledger_settle_queue(ledger, op, committed);
    for (struct store_op *child = op->also; child && !op->answer.err; child = child->also)
        ledger_settle_queue(ledger, child, committed);
}

mf_err ledger_touch(struct ledger *ledger)
{
    struct record_key key;
    struct record meta;
    record_key_start(&key, 'M');
    mf_err err = ledger_get(ledger, RECORD_META, &key, &meta);
    return err ? err : ledger_put(ledger, &key, &meta);
}

/* ---- records ---- */

mf_err ledger_get(struct ledger *ledger, enum record_kind kind, const struct record_key *key,
                  struct record *record)
{
    struct store_bytes stored;
    mf_err err = ledger->durable->kind->get(ledger->durable, record_key_of(key), &stored);
    return err ? err : ledger_read(ledger, kind, key, stored, record);
}

mf_err ledger_read(struct ledger *ledger, enum record_kind kind, const struct record_key *key,
                   struct store_bytes stored, struct record *record)
{
    mf_err err = record_read(kind, record_key_of(key), stored, record);
    if (err == MF_EFORMAT && ledger->damaged++ % 1024 == 0)
        mf_log(MF_LOG_ERROR, "store.damaged", "table=%c count=%llu", key->data[0],
               (unsigned long long)ledger->damaged);
    return err;
}

mf_err ledger_put(struct ledger *ledger, const struct record_key *key, const struct record *record)
{
    uint8_t *room;
    mf_err err = ledger->durable->kind->put(ledger->durable, record_key_of(key),
                                            record_bytes(record), &room);
    if (!err)
        record_write(record, record_key_of(key), room);
    return err;
}

mf_err ledger_remove(struct ledger *ledger, const struct record_key *key)
{
    mf_err err = ledger->durable->kind->remove(ledger->durable, record_key_of(key));
    return err == MF_ENOENT ? MF_OK : err;
}

mf_err ledger_seek(struct tables *tables, const struct record_key *key, size_t prefix,
                   struct store_bytes *found, struct store_bytes *value)
{
    mf_err err = tables->kind->seek(tables, record_key_of(key), found, value);
    if (!err && (found->bytes < prefix || memcmp(found->data, key->data, prefix) != 0))
        err = MF_ENOENT;
    return err;
}

void key_of_tenant(struct record_key *key, const struct queue *queue)
{
    record_key_start(key, 'Q');
    record_key_text(key, queue->tenant, true);
}

void key_of_floor(struct record_key *key, const struct queue *queue)
{
    key_of_tenant(key, queue);
}

void key_of_queue(struct record_key *key, const struct queue *queue)
{
    key_of_tenant(key, queue);
    record_key_text(key, queue->name, false);
}

void key_of_entry(struct record_key *key, uint32_t queue, uint64_t id)
{
    record_key_start(key, 'e');
    record_key_number(key, queue, 4);
    record_key_number(key, store_id_priority(id), 1);
    record_key_number(key, id, 8);
}

void key_of_state(struct record_key *key, uint32_t queue, uint64_t id)
{
    record_key_start(key, 's');
    record_key_number(key, queue, 4);
    record_key_number(key, id, 8);
}

void key_of_due(struct record_key *key, uint32_t queue, enum queue_priority priority,
                uint64_t due_ms, uint64_t id)
{
    record_key_start(key, 'd');
    record_key_number(key, queue, 4);
    record_key_number(key, priority, 1);
    record_key_number(key, due_ms, 8);
    record_key_number(key, id, 8);
}

void key_of_dead(struct record_key *key, uint32_t queue, uint64_t id)
{
    record_key_start(key, 'x');
    record_key_number(key, queue, 4);
    record_key_number(key, id, 8);
}
