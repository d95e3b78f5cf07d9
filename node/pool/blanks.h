/* blanks.h: the pool's blanks: made ahead, taken, made again. Loop thread only. */
#ifndef MF_NODE_POOL_BLANKS_H
#define MF_NODE_POOL_BLANKS_H

#include "node/pool/pool.h"

/* A blank that has been handed version's image and settings; the pool's no more. MF_EAGAIN:
 * the spawner takes no more requests now. */
MF_CHECKED mf_err blanks_take(struct pool *pool, const struct version *version,
                              struct instance **instance, struct mf_why *why);

/* fire() of pool->refill: as many as are wanted. */
void blanks_refill(struct timer *timer, uint64_t now_ns);

#endif
