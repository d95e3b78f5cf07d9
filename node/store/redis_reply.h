/*
 * redis_reply.h: the script's answers to ours. What a server sends is checked like anything
 * from outside: a broken one is MF_EPROTO. No state.
 */
#ifndef MF_NODE_STORE_REDIS_REPLY_H
#define MF_NODE_STORE_REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "node/store/store_op.h"

/* The answer of the operation from the reply, NULL: there was none. */
void redis_reply_read(struct store_op *op, const redisReply *reply);

#endif
