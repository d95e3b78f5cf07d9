/*
 * lane.h: a thread of a store, and the operations that wait for it. Anybody may put; take is the
 * thread's own.
 */
#ifndef MF_NODE_STORE_LANE_H
#define MF_NODE_STORE_LANE_H

#include <pthread.h>

#include "node/store/store_op.h"

struct lane {
    void *owner;         /* for the thread */
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct link waiting; /* under the lock */
    bool stop;           /* the same       */
};

/* work(lane) in a thread of its own, which takes no signals. MF_ENOMEM: there is none. */
MF_CHECKED mf_err lane_start(struct lane *lane, void *(*work)(void *), void *owner);
/* It does all that waits, and ends. One that was not started is no error. */
void lane_end(struct lane *lane);

void lane_put(struct lane *lane, struct store_op *op);
/* What waits, at most MF_STORE_BATCH_MAX; empty: it is until_ns (CLOCK_MONOTONIC; 0: never), or
 * time to stop: then *stop. */
void lane_take(struct lane *lane, uint64_t until_ns, struct link *batch, bool *stop);

#endif
