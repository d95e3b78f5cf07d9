/* spawner_link.h: the pool's spawner: started, heard, replaced. Loop thread only. */
#ifndef MF_NODE_POOL_SPAWNER_LINK_H
#define MF_NODE_POOL_SPAWNER_LINK_H

#include "node/pool/pool.h"

/* Start one and listen to it. */
MF_CHECKED mf_err spawner_link_up(struct pool *pool, struct mf_why *why);
/* Listen to pool->spawner, which runs. */
MF_CHECKED mf_err spawner_link_watch(struct pool *pool);
/* fire() of pool->spawner_retry: after one has died, another. */
void spawner_link_retry(struct timer *timer, uint64_t now_ns);

#endif
