/*
 * dispatch.h: each call's way from its function's queue (waiting.h) to an instance
 * (choice.h) and back. It waits at most as long as the function's settings say.
 * Loop thread only.
 */
#ifndef MF_NODE_POOL_DISPATCH_H
#define MF_NODE_POOL_DISPATCH_H

#include <stdint.h>

struct call;
struct function;
struct instance;
struct outcome;
struct timer;

/* Take over a call (call.h). May answer at once. */
void dispatch_submit(struct function *function, struct call *call);

/* Nobody waits for it any more. done() will not be called; release() comes. */
void dispatch_cancel(struct call *call);

/* Give waiting calls to instances, as far as it goes. After anything that may help. */
void dispatch_place(struct function *function);

/* The head event of an instance has ended like this. */
void dispatch_ended(struct instance *instance, const struct outcome *outcome);

/* The instance is dead: its head is answered so, what had not begun waits again. Of one
 * that never began any (instance.unbegun) its head does, too: then outcome is NULL. */
void dispatch_lost(struct instance *instance, const struct outcome *outcome);

/* fire() of a function's timer. */
void dispatch_queue_timer(struct timer *timer, uint64_t now_ns);

/* Answer every waiting call so. */
void dispatch_refuse_all(struct function *function, const struct outcome *outcome);

#endif
