/*
 * redis_poll.h: a hiredis connection in a libuv loop. hiredis 0.14 brings such a thing, but it
 * ignores libuv's errors, so that a refused or reset connection is never noticed. Loop thread only.
 */
#ifndef MF_NODE_STORE_REDIS_POLL_H
#define MF_NODE_STORE_REDIS_POLL_H

#include <hiredis/async.h>
#include <uv.h>

#include "base/err.h"

/* From now until the connection ends. What it needs goes with it, a turn of the loop later. */
MF_CHECKED mf_err redis_poll_attach(redisAsyncContext *context, uv_loop_t *loop);

#endif
