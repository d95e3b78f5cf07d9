#include "node/store/store_op.h"
mf_err store_redis_open(uv_loop_t *loop, const struct store_options *options,
                                  struct store **store, struct mf_why *why)
{ (void)loop;(void)options;(void)store; return mf_why(why, MF_EUNSUPPORTED, "not yet"); }
