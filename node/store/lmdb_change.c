/*
 * lmdb_change.c: changes to a file: all that wait in one commit; each alone where that fails, so
 * that it fails alone; and what still goes where the disk is full (lmdb_file.h).
 * Writing thread only.
 */
#include "base/clock.h"
#include "base/log.h"
#include "node/store/lmdb_worker.h"

/* All of them in one transaction. */
static mf_err try_changes(struct lmdb_worker *worker, struct link *changes)
{
    mf_err err = lmdb_file_begin(&worker->file);
    if (err)
        return err;
    for (struct link *at = changes->next; at != changes && !err; at = at->next) {
        struct store_op *op = list_of(at, struct store_op, link);
        if (op->kind != STORE_TAKE) /* which has its answer already */
            store_op_reset(op);
        for (struct store_op *child = op->also; child; child = child->also)
            store_op_reset(child);
        lmdb_step_begin(worker);
        worker->ledger.durable = &worker->file.write.tables;
        worker->ledger.frugal = worker->file.walled; /* an end needs the room that is kept back */
        err = ledger_change(&worker->ledger, op);
        lmdb_step_end(worker);
    }
    lmdb_step_begin(worker);
    worker->ledger.durable = &worker->file.write.tables;
    if (!err)
        err = ledger_write_down(&worker->ledger);
    ledger_let_go(&worker->ledger);
    lmdb_step_end(worker);
    if (err) {
        lmdb_file_abort(&worker->file);
        return err;
    }
    return lmdb_file_commit(&worker->file);
}

static mf_err grow_and_try(struct lmdb_worker *worker, struct link *changes)
{
    for (;;) {
        mf_err err = try_changes(worker, changes);
        if (!err || !worker->file.full)
            return err;
        lmdb_step_begin(worker);
        err = lmdb_file_grow(&worker->file);
        lmdb_step_end(worker);
        if (err)
            return err;
    }
}

/* Tell memory and the askers what became of it. */
static void settle(struct lmdb_worker *worker, struct link *changes, mf_err err)
{
    list_each(at, changes) {
        struct store_op *op = list_of(at, struct store_op, link);
        lmdb_step_begin(worker);
        ledger_settle(&worker->ledger, op, !err);
        lmdb_step_end(worker);
        if (err && op->kind != STORE_TAKE) {
            store_op_reset(op);
            op->answer.err = err;
        }
    }
    if (!err && worker->file.loose && !worker->sync_at_ns)
        worker->sync_at_ns = mf_monotonic_ns() + MF_STORE_SYNC_MS * MF_NS_PER_MS;
    port_put(&worker->owner->port, changes);
}

static bool grows(const struct store_op *op)
{
    return op->kind == STORE_APPEND || op->kind == STORE_SET || op->kind == STORE_COMPARE ||
           op->kind == STORE_INCREMENT || op->kind == STORE_REDRIVE || op->also;
}

static mf_err at_wall(struct lmdb_worker *worker, bool growing)
{
    lmdb_step_begin(worker);
    mf_err err = lmdb_file_at_wall(&worker->file, growing);
    lmdb_step_end(worker);
    return err;
}

/* One commit more, after which pages that were freed two commits ago can be used. */
static mf_err touch(struct lmdb_worker *worker)
{
    mf_err err = at_wall(worker, false);
    if (!err)
        err = lmdb_file_begin(&worker->file);
    if (err)
        return err;
    lmdb_step_begin(worker);
    worker->ledger.durable = &worker->file.write.tables;
    err = ledger_touch(&worker->ledger);
    lmdb_step_end(worker);
    if (err) {
        lmdb_file_abort(&worker->file);
        return err;
    }
    err = lmdb_file_commit(&worker->file);
    if (!err && worker->file.loose) /* the state of the last sync holds its pages */
        err = lmdb_file_sync(&worker->file);
    return err;
}

/* One operation, where there is no room but what lmdb_file.h says. */
static mf_err try_at_wall(struct lmdb_worker *worker, struct link *one)
{
    bool growing = grows(list_of(one->next, struct store_op, link));
    mf_err err = MF_EFULL;
    for (int i = 0; i < 3; i++) {
        err = at_wall(worker, growing);
        if (!err)
            err = try_changes(worker, one);
        if (err != MF_EFULL || !worker->file.full || touch(worker))
            break;
    }
    return err;
}

void lmdb_change(struct lmdb_worker *worker, struct link *changes)
{
    struct lmdb_file *file = &worker->file;
    if (list_empty(changes))
        return;
    lmdb_step_begin(worker);
    bool open = lmdb_file_be_open(file) == MF_OK; /* if not, no transaction begins */
    if (open && file->walled)
        lmdb_file_try_unwall(file);
    lmdb_step_end(worker);
    if (!file->walled) {
        mf_err err = grow_and_try(worker, changes);
        if (!err || (err != MF_EFULL && changes->next == changes->prev)) {
            settle(worker, changes, err);
            return;
        }
        file->walled = err == MF_EFULL;
        if (file->walled && mf_monotonic_ns() >= worker->quiet_until_ns) {
            mf_log(MF_LOG_WARN, "store.full", "file=%s", file->name);
            worker->quiet_until_ns = mf_monotonic_ns() + MF_NS_PER_S;
        }
    }
    while (!list_empty(changes)) { /* each alone, so that it fails alone */
        struct link one;
        link_init(&one);
        list_append(&one, changes->next);
        settle(worker, &one,
               file->walled ? try_at_wall(worker, &one) : grow_and_try(worker, &one));
    }
}
