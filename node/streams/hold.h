/*
 * hold.h: what holds an instance for connections of clients (listen.h): a call (pool/call.h) that is answered
 * when the last of its connections has ended: one call for all connections with isolation `reuse`,
 * else one for each. Without a connection there is no instance and no call. Loop thread only.
 */
#ifndef MF_NODE_STREAMS_HOLD_H
#define MF_NODE_STREAMS_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct call;
struct hold;
struct instance;
struct listening;
struct stream;

/* Of listen.c. A connection that is counted, into an instance, or to wait for one. MF_ENOMEM: it stays
 * the caller's. */
MF_CHECKED mf_err hold_add(struct listening *listening, struct stream *stream);
/* Nobody listens any more: those that have an instance go on. */
void holds_leave(struct listening *listening);

/* Of dispatch.c, by exchange.c: the call's connections into this instance. MF_ENOENT: there are none. */
MF_CHECKED mf_err hold_begin(struct instance *instance, struct call *call);

/* Its instance could not begin: are there connections for another one? */
bool hold_waits(const struct call *call);
/* How long the instance that it has may hold on, from now. */
uint64_t hold_limit_ns(const struct call *call);

/* Of streams.c. Nobody is there any more behind one of its connections: if behind none, the program
 * has its time limit to end them. */
void hold_rests(struct hold *hold);
/* One of its connections has ended; true: it was the last one, for now. */
bool hold_leave(struct hold *hold);
bool hold_is_over(const struct hold *hold);
void hold_end(struct hold *hold); /* its call is answered; it may be gone afterwards */
/* Its instance is dead. True: the connection waits for another one, since nothing had begun. */
bool hold_take_back(struct hold *hold, struct stream *stream, bool unbegun);

#endif
