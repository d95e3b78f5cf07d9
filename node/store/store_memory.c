/*
 * store_memory.c: the back end that keeps everything in memory: for tests, and as the
 * plainest user of the ledger. Loop thread only.
 */
#include <stdlib.h>

#include "node/store/ledger.h"
#include "node/store/port.h"

struct memory_store {
    struct store store;
    struct ledger ledger;
    struct port port;
};

static void memory_submit(struct store *store, struct store_op *op)
{
    struct memory_store *memory = (struct memory_store *)store;
    struct link done;
    bool changes = store_op_changes(op->kind);
    link_init(&done);
    if (!changes)
        changes = ledger_ask(&memory->ledger, op);
    if (changes) {
        mf_err err = ledger_change(&memory->ledger, op);
        if (!err)
            err = ledger_write_down(&memory->ledger);
        ledger_let_go(&memory->ledger);
        if (err) /* no memory: half of it may be done, as nobody asks here to survive that */
            op->answer.err = err;
        ledger_settle(&memory->ledger, op, !err);
    }
    list_append(&done, &op->link);
    port_put(&memory->port, &done);
}

static void memory_close(struct store *store)
{
    struct memory_store *memory = (struct memory_store *)store;
    port_close(&memory->port, store);
    tables_memory_destroy(memory->ledger.durable);
    ledger_close(&memory->ledger);
}

static const struct store_kind memory_kind = {.submit = memory_submit, .close = memory_close};

mf_err store_memory_open(uv_loop_t *loop, struct store **store, struct mf_why *why)
{
    struct memory_store *memory = calloc(1, sizeof *memory);
    if (!memory)
        return MF_ENOMEM;
    store_init(&memory->store, &memory_kind, loop);
    memory->ledger.durable = tables_memory_create();
    mf_err err = memory->ledger.durable ? ledger_open(&memory->ledger, why) : MF_ENOMEM;
    if (!err)
        err = port_open(&memory->port, &memory->store);
    if (err) {
        tables_memory_destroy(memory->ledger.durable);
        ledger_close(&memory->ledger);
        free(memory);
        return err;
    }
    *store = &memory->store;
    return MF_OK;
}
