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
 * Leaves to others: what operations mean (ledger.h), LMDB's ways (lmdb_file.h).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/store/ledger.h"
#include "node/store/lmdb_file.h"
#include "node/store/port.h"

struct lmdb_store;
struct worker;

/* A thread and what waits for it. */
struct lane {
    struct worker *worker;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct link waiting; /* under the lock */
    bool stop;           /* the same       */
};

struct worker {
    struct lmdb_store *owner;
    struct lmdb_file file;
    struct ledger ledger;
    pthread_mutex_t step;    /* one step of the ledger at a time; reading in the file */
    struct lane reading, writing;
    uint64_t quiet_until_ns; /* no line about a full disk before   */
    uint64_t sync_at_ns;     /* CLOCK_MONOTONIC; 0: everything is on the disk */
};

struct lmdb_store {
    struct store store;
    struct port port;
    struct worker worker[2]; /* by enum store_durability */
};

static void *read_on(void *context);
static void *write_on(void *context);

static void put_in_lane(struct lane *lane, struct store_op *op)
{
    (void)pthread_mutex_lock(&lane->lock);
    bool first = list_empty(&lane->waiting);
    list_append(&lane->waiting, &op->link);
    if (first)
        (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
}

static void lmdb_submit(struct store *store, struct store_op *op)
{
    struct lmdb_store *lmdb = (struct lmdb_store *)store;
    enum store_durability durability =
        op->queue ? op->queue_settings.durability : op->space_settings.durability;
    struct worker *worker = &lmdb->worker[durability == STORE_PROCESS_CRASH];
    put_in_lane(store_op_changes(op->kind) ? &worker->writing : &worker->reading, op);
}

/* ---- open and close ---- */

static mf_err recover(struct worker *worker, struct mf_why *why)
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

static mf_err start_lane(struct worker *worker, struct lane *lane, void *(*work)(void *))
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    lane->worker = worker;
    link_init(&lane->waiting);
    if (pthread_condattr_init(&attributes) != 0)
        return MF_ENOMEM;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&lane->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&lane->lock, NULL);
    (void)sigfillset(&all); /* signals are the loop's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    lane->runs = pthread_create(&lane->thread, NULL, work, lane) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (lane->runs)
        return MF_OK;
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
    return MF_ENOMEM;
}

/* It does all that waits, and ends. */
static void end_lane(struct lane *lane)
{
    if (!lane->runs)
        return;
    (void)pthread_mutex_lock(&lane->lock);
    lane->stop = true;
    (void)pthread_cond_signal(&lane->wake);
    (void)pthread_mutex_unlock(&lane->lock);
    (void)pthread_join(lane->thread, NULL);
    (void)pthread_cond_destroy(&lane->wake);
    (void)pthread_mutex_destroy(&lane->lock);
    lane->runs = false;
}

static mf_err open_worker(struct lmdb_store *lmdb, enum store_durability durability,
                          const struct store_options *options, struct mf_why *why)
{
    bool loose = durability == STORE_PROCESS_CRASH;
    struct worker *worker = &lmdb->worker[loose];
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
        err = start_lane(worker, &worker->writing, write_on);
    return err ? err : start_lane(worker, &worker->reading, read_on);
}

static void close_worker(struct worker *worker)
{
    end_lane(&worker->reading); /* which may hand something to the other one */
    end_lane(&worker->writing);
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

static void step_begin(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->step);
}

static void step_end(struct worker *worker)
{
    (void)pthread_mutex_unlock(&worker->step);
}

static struct timespec when(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / MF_NS_PER_S), .tv_nsec = (long)(ns % MF_NS_PER_S)};
}

/* What waits; empty: it is until_ns (0: never), or time to stop: then *stop. */
static void next_batch(struct lane *lane, uint64_t until_ns, struct link *batch, bool *stop)
{
    struct timespec until = when(until_ns);
    (void)pthread_mutex_lock(&lane->lock);
    while (list_empty(&lane->waiting) && !lane->stop) {
        if (!until_ns)
            (void)pthread_cond_wait(&lane->wake, &lane->lock);
        else if (pthread_cond_timedwait(&lane->wake, &lane->lock, &until) != 0)
            break;
    }
    for (unsigned i = 0; i < MF_STORE_BATCH_MAX && !list_empty(&lane->waiting); i++)
        list_append(batch, lane->waiting.next);
    *stop = lane->stop && list_empty(batch); /* nothing is added any more */
    (void)pthread_mutex_unlock(&lane->lock);
}

/* In a step of its own, so that a change waits for one question, not for all. */
static void ask_one(struct worker *worker, struct store_op *op, struct link *done)
{
    bool more = false;
    step_begin(worker);
    mf_err err = lmdb_file_begin_read(&worker->file);
    if (!err) {
        worker->ledger.durable = &worker->file.read.tables;
        more = ledger_ask(&worker->ledger, op);
        lmdb_file_end_read(&worker->file);
    }
    step_end(worker);
    if (err)
        op->answer.err = err;
    if (more)
        put_in_lane(&worker->writing, op);
    else
        list_append(done, &op->link);
}

static void *read_on(void *context)
{
    struct lane *lane = context;
    struct link batch, done;
    bool stop = false;
    link_init(&batch);
    link_init(&done);
    for (;;) {
        next_batch(lane, 0, &batch, &stop);
        if (stop)
            return NULL;
        while (!list_empty(&batch)) {
            struct store_op *op = list_of(batch.next, struct store_op, link);
            list_remove(&op->link);
            ask_one(lane->worker, op, &done);
        }
        if (!list_empty(&done))
            port_put(&lane->worker->owner->port, &done);
    }
}

static void sync_late(struct worker *worker)
{
    mf_err err = lmdb_file_sync(&worker->file);
    worker->sync_at_ns = err ? mf_monotonic_ns() + MF_STORE_SYNC_MS * MF_NS_PER_MS : 0;
    if (err)
        mf_log(MF_LOG_ERROR, "store.sync-failed", "file=%s why=\"%s\"", worker->file.name,
               mf_err_words(err));
}

static void change_all(struct worker *worker, struct link *changes);

static void *write_on(void *context)
{
    struct lane *lane = context;
    struct worker *worker = lane->worker;
    struct link batch;
    bool stop = false;
    link_init(&batch);
    for (;;) {
        next_batch(lane, worker->sync_at_ns, &batch, &stop);
        if (worker->sync_at_ns && (stop || mf_monotonic_ns() >= worker->sync_at_ns))
            sync_late(worker);
        if (stop)
            return NULL;
        change_all(worker, &batch);
        if (lmdb_file_holds_much(&worker->file))
            sync_late(worker);
    }
}

/* All of them in one transaction. */
static mf_err try_changes(struct worker *worker, struct link *changes)
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
        step_begin(worker);
        worker->ledger.durable = &worker->file.write.tables;
        worker->ledger.frugal = worker->file.walled; /* an end needs the room that is kept back */
        err = ledger_change(&worker->ledger, op);
        step_end(worker);
    }
    step_begin(worker);
    worker->ledger.durable = &worker->file.write.tables;
    if (!err)
        err = ledger_write_down(&worker->ledger);
    ledger_let_go(&worker->ledger);
    step_end(worker);
    if (err) {
        lmdb_file_abort(&worker->file);
        return err;
    }
    return lmdb_file_commit(&worker->file);
}

static mf_err grow_and_try(struct worker *worker, struct link *changes)
{
    for (;;) {
        mf_err err = try_changes(worker, changes);
        if (!err || !worker->file.full)
            return err;
        step_begin(worker);
        err = lmdb_file_grow(&worker->file);
        step_end(worker);
        if (err)
            return err;
    }
}

/* Tell memory and the askers what became of it. */
static void settle(struct worker *worker, struct link *changes, mf_err err)
{
    list_each(at, changes) {
        struct store_op *op = list_of(at, struct store_op, link);
        step_begin(worker);
        ledger_settle(&worker->ledger, op, !err);
        step_end(worker);
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

static mf_err at_wall(struct worker *worker, bool growing)
{
    step_begin(worker);
    mf_err err = lmdb_file_at_wall(&worker->file, growing);
    step_end(worker);
    return err;
}

/* One commit more, after which pages that were freed two commits ago can be used. */
static mf_err touch(struct worker *worker)
{
    mf_err err = at_wall(worker, false);
    if (!err)
        err = lmdb_file_begin(&worker->file);
    if (err)
        return err;
    step_begin(worker);
    worker->ledger.durable = &worker->file.write.tables;
    err = ledger_touch(&worker->ledger);
    step_end(worker);
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
static mf_err try_at_wall(struct worker *worker, struct link *one)
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

static void change_all(struct worker *worker, struct link *changes)
{
    struct lmdb_file *file = &worker->file;
    if (list_empty(changes))
        return;
    step_begin(worker);
    bool open = lmdb_file_be_open(file) == MF_OK; /* if not, no transaction begins */
    if (open && file->walled)
        lmdb_file_try_unwall(file);
    step_end(worker);
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
