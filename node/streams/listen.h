/*
 * listen.h: functions whose settings say `listen` have a port of this machine: each connection to it
 * becomes a stream to the port that their program listens on. What holds an instance for them is
 * a call (pool/call.h) that is answered when the last of its connections has ended: one call for
 * all connections with isolation `reuse`, else one for each. Without a connection there is
 * no instance and no call. More than an instance may have, or instances there may be, are not
 * accepted yet. Loop thread only.
 */
#ifndef MF_NODE_STREAMS_LISTEN_H
#define MF_NODE_STREAMS_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define HOLD_NS (UINT64_MAX / 4) /* connections last as long as their ends want */

struct call;
struct function;
struct hold;
struct instance;
struct listening;
struct stream;

/* The function has another version, or none any more; or the node stops. A port that cannot be had is
 * asked for again from time to time. */
void listen_settle(struct function *function);
void listen_close(struct function *function);

/* Does it listen there, as its setting says it? */
bool listen_at(const struct function *function, const char *text);
/* The port that it listens on; 0: none. */
uint16_t listen_port(const struct function *function);
/* Where it listens, "127.0.0.1:9000", or NULL; then why not, or NULL, since it is to listen nowhere.
 * Both are the function's. */
const char *listen_where(const struct function *function, const char **why);

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
