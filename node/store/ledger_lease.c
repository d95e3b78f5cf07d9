/*
 * ledger_lease.c: leases and hints, in tables in memory.
 *   l queue:4 id:8                       struct lease
 *   d queue:4 priority:1 due_ms:8 id:8   –, the same in the order of their end
 *   h queue:4 priority:1                 struct shelf
 * Guarantees: a lease has a slot in `taken` where there are slots.
 */
#include <string.h>

#include "node/store/ledger.h"

static void key_of_lease(struct record_key *key, uint32_t queue, uint64_t id)
{
    record_key_start(key, 'l');
    record_key_number(key, queue, 4);
    record_key_number(key, id, 8);
}

static mf_err put(struct ledger *ledger, const struct record_key *key, const void *value,
                  size_t bytes)
{
    uint8_t *room;
    mf_err err = ledger->memory->kind->put(ledger->memory, record_key_of(key), bytes, &room);
    if (!err && bytes)
        memcpy(room, value, bytes);
    return err;
}

static void forget(struct ledger *ledger, const struct record_key *key)
{
    (void)ledger->memory->kind->remove(ledger->memory, record_key_of(key));
}

bool lease_find(struct ledger *ledger, uint32_t queue, uint64_t id, struct lease *lease)
{
    struct record_key key;
    struct store_bytes value;
    key_of_lease(&key, queue, id);
    if (ledger->memory->kind->get(ledger->memory, record_key_of(&key), &value))
        return false;
    memcpy(lease, value.data, sizeof *lease);
    return true;
}

/* Both keys, or none. */
static mf_err write_lease(struct ledger *ledger, uint32_t queue, uint64_t id,
                          const struct lease *lease)
{
    struct record_key key, due;
    key_of_lease(&key, queue, id);
    key_of_due(&due, queue, store_id_priority(id), lease->due_ms, id);
    mf_err err = put(ledger, &due, NULL, 0);
    if (err)
        return err;
    err = put(ledger, &key, lease, sizeof *lease);
    if (err)
        forget(ledger, &due);
    return err;
}

mf_err lease_take(struct ledger *ledger, uint32_t queue, uint64_t id, uint32_t attempts,
                  uint64_t due_ms)
{
    struct lease lease;
    bool again = lease_find(ledger, queue, id, &lease);
    if (again) {
        mf_err err = lease_move(ledger, queue, id, due_ms);
        if (err)
            return err;
        lease.due_ms = due_ms;
    } else {
        lease = (struct lease){.due_ms = due_ms, .slot = TAKEN_NONE};
        if (ledger->taken.slot && (lease.slot = taken_add(&ledger->taken)) == TAKEN_NONE)
            return MF_EAGAIN;
    }
    lease.attempts = attempts;
    mf_err err = write_lease(ledger, queue, id, &lease);
    if (lease.slot == TAKEN_NONE)
        return err;
    if (!err)
        taken_write(&ledger->taken, lease.slot, queue, id, attempts);
    else if (!again)
        taken_remove(&ledger->taken, lease.slot);
    return err;
}

mf_err lease_move(struct ledger *ledger, uint32_t queue, uint64_t id, uint64_t due_ms)
{
    struct lease lease;
    struct record_key before;
    if (!lease_find(ledger, queue, id, &lease))
        return MF_ENOENT;
    if (lease.due_ms == due_ms)
        return MF_OK;
    key_of_due(&before, queue, store_id_priority(id), lease.due_ms, id);
    lease.due_ms = due_ms;
    mf_err err = write_lease(ledger, queue, id, &lease);
    if (!err)
        forget(ledger, &before);
    return err;
}

void lease_end(struct ledger *ledger, uint32_t queue, uint64_t id)
{
    struct lease lease;
    struct record_key key;
    if (!lease_find(ledger, queue, id, &lease))
        return;
    key_of_due(&key, queue, store_id_priority(id), lease.due_ms, id);
    forget(ledger, &key);
    key_of_lease(&key, queue, id);
    forget(ledger, &key);
    if (lease.slot != TAKEN_NONE)
        taken_remove(&ledger->taken, lease.slot);
}

bool lease_next(struct ledger *ledger, uint32_t queue, enum queue_priority priority,
                uint64_t *due_ms, uint64_t *id)
{
    struct record_key key;
    struct store_bytes found, value;
    key_of_due(&key, queue, priority, *due_ms, *id);
    if (ledger_seek(ledger->memory, &key, KEY_PREFIX_PRIORITY, &found, &value))
        return false;
    *due_ms = record_key_read(found, KEY_PREFIX_PRIORITY, 8);
    *id = record_key_read(found, KEY_PREFIX_PRIORITY + 8, 8);
    return true;
}

static void key_of_shelf(struct record_key *key, uint32_t queue, enum queue_priority priority)
{
    record_key_start(key, 'h');
    record_key_number(key, queue, 4);
    record_key_number(key, priority, 1);
}

struct shelf shelf_read(struct ledger *ledger, uint32_t queue, enum queue_priority priority)
{
    struct record_key key;
    struct store_bytes value;
    struct shelf shelf = {0};
    key_of_shelf(&key, queue, priority);
    if (!ledger->memory->kind->get(ledger->memory, record_key_of(&key), &value))
        memcpy(&shelf, value.data, sizeof shelf);
    return shelf;
}

/* Only a hint: without memory for it, the next take looks longer. */
void shelf_write(struct ledger *ledger, uint32_t queue, enum queue_priority priority,
                 const struct shelf *shelf)
{
    struct record_key key;
    key_of_shelf(&key, queue, priority);
    if (put(ledger, &key, shelf, sizeof *shelf))
        forget(ledger, &key);
}
