/* blanks.h: the pool's blanks: made ahead, taken, made again. Loop thread only. */
#ifndef MF_NODE_POOL_BLANKS_H
#define MF_NODE_POOL_BLANKS_H

#include "node/pool/pool.h"

/* What else it is to become what it becomes. */
struct start {
    uint32_t flags;  /* MF_START_…                                     */
    int snapshot_fd; /* with MF_START_RESTORE; borrowed, as the next   */
    int pagemap_fd;  /* with MF_START_RESET                            */
    int touched_fd;  /* with MF_START_TOUCHED                          */
};

/* A blank that has been handed the image and settings of function's version; the pool's no more. start
 * NULL: it is still to be handed them, by blanks_order(). MF_EAGAIN: the spawner takes no more
 * requests now. */
MF_CHECKED mf_err blanks_take(struct pool *pool, const struct function *function,
                              const struct version *version, const struct start *start,
                              struct instance **instance, struct mf_why *why);
MF_CHECKED mf_err blanks_order(struct instance *instance, const struct version *version,
                               const struct start *start, struct mf_why *why);

/* That the instance has once it has started. */
int blanks_nice(const struct instance *instance);

/* One was taken: there will be others. */
void blanks_taken(struct pool *pool);
/* fire() of pool->refill: as many as are wanted; while a burst of starts goes on, those that are kept
 * for others' first instances. */
void blanks_refill(struct timer *timer, uint64_t now_ns);

#endif
