/*
 * exchange.h: calls into an instance's ring, its messages out of it. Loop thread only.
 */
#ifndef MF_NODE_POOL_EXCHANGE_H
#define MF_NODE_POOL_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct call;
struct instance;

/* Would a put now carry the call's fields and a useful start of its body? */
bool exchange_room(const struct instance *instance, const struct call *call);

/* Put a call's event into the ring: fields and as much of the body as fits; the rest
 * follows by exchange_continue(). MF_EPROTO: the guest broke the ring. */
MF_CHECKED mf_err exchange_send(struct instance *instance, struct call *call,
                                uint64_t deadline_ns);
/* More of the body of instance->sending. True if something was put. May end the instance. */
bool exchange_continue(struct instance *instance);
bool exchange_could_continue(const struct instance *instance);

/* The call ended: if its body is still on the way, that ends here too. */
void exchange_abandon(struct instance *instance, const struct call *call);

/* Nobody waits for an event in the ring any more. */
void exchange_cancel(struct instance *instance, struct call *call);

/* Take what the guest has said; true if there was something. May end the instance. */
bool exchange_take(struct instance *instance);
/* As much as a ring holds. May end the instance. */
void exchange_take_rest(struct instance *instance);
/* Of a guest that is being ended: what it has logged, and nothing else. */
void exchange_last_words(struct instance *instance);

#endif
