/*
 * lmdb_worker.h: one of the two files of store_lmdb.c, and who works on it: its reading and its
 * writing thread.
 */
#ifndef MF_NODE_STORE_LMDB_WORKER_H
#define MF_NODE_STORE_LMDB_WORKER_H

#include "node/store/lane.h"
#include "node/store/ledger.h"
#include "node/store/lmdb_file.h"
#include "node/store/port.h"

struct lmdb_store;

struct lmdb_worker {
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
    struct lmdb_worker worker[2]; /* by enum store_durability */
};

/* One step of the ledger, or of reading in the file: the other thread waits. */
static inline void lmdb_step_begin(struct lmdb_worker *worker)
{
    (void)pthread_mutex_lock(&worker->step);
}

static inline void lmdb_step_end(struct lmdb_worker *worker)
{
    (void)pthread_mutex_unlock(&worker->step);
}

/* lmdb_change.c, of the writing thread: all of these, in as few commits as it goes; then they are
 * answered, and the list is empty. */
void lmdb_change(struct lmdb_worker *worker, struct link *changes);

#endif
