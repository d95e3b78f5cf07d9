/*
 * outward.h: connections that guests ask for: may they, and to where. The rule is that of
 * requests (egress/allowed.h, setting `allow.http`), asked of the address and of each name that the
 * node has looked up for the function and found there. Loop thread only.
 */
#ifndef MF_NODE_STREAMS_OUTWARD_H
#define MF_NODE_STREAMS_OUTWARD_H

#include "abi/channel.h"

struct instance;

/* A socket that connects, or has: *fd. An errno: it may not, which the function's log says, or cannot. */
int outward_connect(struct instance *instance, const struct mf_stream_address *asked, int *fd);

#endif
