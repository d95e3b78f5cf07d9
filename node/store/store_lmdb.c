/*
 * store_lmdb.c: the back end that keeps everything in two files of LMDB: one for what has to
 * survive a power cut, one for what has to survive the process. Each has a thread of its own.
 *
 * The writing thread takes all changes that wait as one batch: one transaction, one commit
 * (group commit): the more wait while the disk writes, the more the next commit carries. The
 * reading thread answers questions meanwhile, over what is committed: it never waits for the
 * disk's writing, only for the lock, which no commit holds.
 *
 * Guarantees: a change is answered after the commit that holds it; one that fails alone
 * does not take the others with it. Nothing here runs while nothing waits, but for one sync
 * MF_STORE_SYNC_MS after the first change to the second file.
 * Leaves to others: what operations mean (ledger.h), how a batch of changes becomes a commit
 * (lmdb_change.c), LMDB's ways (lmdb_file.h).
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/store/lmdb_worker.h"

static void *read_on(void *context);
static void *write_on(void *context);

static void lmdb_submit(struct store *store, struct store_op *op)
{
    struct lmdb_store *lmdb = (struct lmdb_store *)store;
    enum store_durability durability =
        op->queue ? op->queue_settings.durability : op->space_settings.durability;
    struct lmdb_worker *worker = &lmdb->worker[durability == STORE_PROCESS_CRASH];
    lane_put(store_op_changes(op->kind) ? &worker->writing : &worker->reading, op);
}

/* ---- open and close ---- */

static mf_err recover(struct lmdb_worker *worker, struct mf_why *why)
{
    mf_err err = lmdb_file_begin(&worker->file);
    if (err)
        return err;
    worker->ledger.durable = &worker->file.write.tables;
    err = ledger_open(&worker->ledger, why);
    if (err) {
        lmdb_file_abort(&worker->file);
        return err;
    }
    err = lmdb_file_commit(&worker->file);
    if (!err)
        err = lmdb_file_sync(&worker->file);
    if (!err)
        taken_clear(&worker->ledger.taken);
    return err;
}

static mf_err open_worker(struct lmdb_store *lmdb, enum store_durability durability,
                          const struct store_options *options, struct mf_why *why)
{
    bool loose = durability == STORE_PROCESS_CRASH;
    struct lmdb_worker *worker = &lmdb->worker[loose];
    worker->owner = lmdb;
    (void)pthread_mutex_init(&worker->step, NULL);
    mf_err err = lmdb_file_open(&worker->file, options->directory,
                                loose ? "process-crash.mdb" : "power-loss.mdb", loose,
                                options->file_bytes_max, why);
    if (!err)
        err = taken_open(worker->file.dir_fd,
                         loose ? "process-crash.taken" : "power-loss.taken", MF_STORE_TAKEN_MAX,
                         &worker->ledger.taken, why);
    if (!err)
        err = recover(worker, why);
    if (err && why && !why->text[0])
        (void)mf_why(why, err, "%s: %s", worker->file.path, mf_err_words(err));
    if (!err)
        err = lane_start(&worker->writing, write_on, worker);
    return err ? err : lane_start(&worker->reading, read_on, worker);
}

static void close_worker(struct lmdb_worker *worker)
{
    lane_end(&worker->reading); /* which may hand something to the other one */
    lane_end(&worker->writing);
    ledger_close(&worker->ledger);
    lmdb_file_close(&worker->file);
    if (worker->owner)
        (void)pthread_mutex_destroy(&worker->step);
}

static void lmdb_close(struct store *store)
{
    struct lmdb_store *lmdb = (struct lmdb_store *)store;
    close_worker(&lmdb->worker[0]);
    close_worker(&lmdb->worker[1]);
    port_close(&lmdb->port, store);
}

static const struct store_kind lmdb_kind = {.submit = lmdb_submit, .close = lmdb_close};

mf_err store_lmdb_open(uv_loop_t *loop, const struct store_options *options, struct store **store,
                       struct mf_why *why)
{
    if (!options->directory)
        return mf_why(why, MF_EINVAL, "the store in files needs a directory");
    struct lmdb_store *lmdb = calloc(1, sizeof *lmdb);
    if (!lmdb)
        return MF_ENOMEM;
    store_init(&lmdb->store, &lmdb_kind, loop);
    lmdb->worker[0].file.dir_fd = lmdb->worker[1].file.dir_fd = -1; /* for close_worker() */
    mf_err err = open_worker(lmdb, STORE_POWER_LOSS, options, why);
    if (!err)
        err = open_worker(lmdb, STORE_PROCESS_CRASH, options, why);
    if (!err)
        err = port_open(&lmdb->port, &lmdb->store);
    if (err) {
        close_worker(&lmdb->worker[0]);
        close_worker(&lmdb->worker[1]);
        free(lmdb);
        return err;
    }
    *store = &lmdb->store;
    return MF_OK;
}

/* ---- the threads ---- */

/* In a step of its own, so that a change waits for one question, not for all. */
static void ask_one(struct lmdb_worker *worker, struct store_op *op, struct link *done)
{
    bool more = false;
    lmdb_step_begin(worker);
    mf_err err = lmdb_file_begin_read(&worker->file);
    if (!err) {
        worker->ledger.durable = &worker->file.read.tables;
        more = ledger_ask(&worker->ledger, op);
        lmdb_file_end_read(&worker->file);
    }
    lmdb_step_end(worker);
    if (err)
        op->answer.err = err;
    if (more)
        lane_put(&worker->writing, op);
    else
        list_append(done, &op->link);
}

static void *read_on(void *context)
{
    struct lane *lane = context;
    struct lmdb_worker *worker = lane->owner;
    struct link batch, done;
    bool stop = false;
    link_init(&batch);
    link_init(&done);
    for (;;) {
        lane_take(lane, 0, &batch, &stop);
        if (stop)
            return NULL;
        while (!list_empty(&batch)) {
            struct store_op *op = list_of(batch.next, struct store_op, link);
            list_remove(&op->link);
            ask_one(worker, op, &done);
        }
        if (!list_empty(&done))
            port_put(&worker->owner->port, &done);
    }
}

static void sync_late(struct lmdb_worker *worker)
{
    mf_err err = lmdb_file_sync(&worker->file);
    worker->sync_at_ns = err ? mf_monotonic_ns() + MF_STORE_SYNC_MS * MF_NS_PER_MS : 0;
    if (err)
        mf_log(MF_LOG_ERROR, "store.sync-failed", "file=%s why=\"%s\"", worker->file.name,
               mf_err_words(err));
}

static void *write_on(void *context)
{
    struct lane *lane = context;
    struct lmdb_worker *worker = lane->owner;
    struct link batch;
    bool stop = false;
    link_init(&batch);
    for (;;) {
        lane_take(lane, worker->sync_at_ns, &batch, &stop);
        if (worker->sync_at_ns && (stop || mf_monotonic_ns() >= worker->sync_at_ns))
            sync_late(worker);
        if (stop)
            return NULL;
        lmdb_change(worker, &batch);
        if (lmdb_file_holds_much(&worker->file))
            sync_late(worker);
    }
}
