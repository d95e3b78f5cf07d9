/*
 * ledger_kept.c: records of queues that the changes of one transaction read and write: in it each is
 * read once and written once, however many of its operations are about it (store_lmdb.c).
 * Guarantees: what is put is found by the next change of the same transaction; nothing is kept
 * beyond its end. Owns nothing but the ledger's `kept`.
 */
#include <string.h>

#include "node/store/ledger.h"

static struct kept_queue *find(struct ledger *ledger, const struct queue *queue)
{
    for (uint32_t i = 0; i < LEDGER_KEPT_MAX; i++)
        if (ledger->kept[i].queue == queue)
            return &ledger->kept[i];
    return NULL;
}

static mf_err write_down(struct ledger *ledger, struct kept_queue *kept)
{
    struct record_key key;
    if (!kept->changed)
        return MF_OK;
    key_of_queue(&key, kept->queue);
    mf_err err = ledger_put(ledger, &key, &kept->record);
    kept->changed = err != MF_OK;
    return err;
}

/* A place for one more: the one after that which was given last. */
static mf_err make_place(struct ledger *ledger, const struct queue *queue, struct kept_queue **place)
{
    struct kept_queue *kept = &ledger->kept[ledger->kept_next++ % LEDGER_KEPT_MAX];
    mf_err err = write_down(ledger, kept);
    if (err)
        return err;
    *kept = (struct kept_queue){.queue = queue};
    *place = kept;
    return MF_OK;
}

mf_err ledger_kept_find(struct ledger *ledger, const struct store_op *op, struct record *record)
{
    struct kept_queue *kept = find(ledger, op->queue);
    if (kept) {
        *record = kept->record;
        return MF_OK;
    }
    mf_err err = ledger_find_queue(ledger, op, record);
    if (err)
        return err;
    err = make_place(ledger, op->queue, &kept);
    if (!err)
        kept->record = *record;
    return err;
}

mf_err ledger_kept_put(struct ledger *ledger, const struct store_op *op, const struct record *record)
{
    struct kept_queue *kept = find(ledger, op->queue);
    mf_err err = kept ? MF_OK : make_place(ledger, op->queue, &kept);
    if (err)
        return err;
    kept->record = *record;
    kept->record.body = (struct store_bytes){0};
    kept->changed = true;
    return MF_OK;
}

void ledger_kept_forget(struct ledger *ledger, const struct store_op *op)
{
    struct kept_queue *kept = find(ledger, op->queue);
    if (kept)
        *kept = (struct kept_queue){0};
}

mf_err ledger_write_down(struct ledger *ledger)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < LEDGER_KEPT_MAX && !err; i++)
        err = write_down(ledger, &ledger->kept[i]);
    return err ? err : ledger_notes_write_down(ledger);
}

void ledger_let_go(struct ledger *ledger)
{
    memset(ledger->kept, 0, sizeof ledger->kept);
    ledger_notes_let_go(ledger);
}
