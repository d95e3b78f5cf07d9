/*
 * dispatch.h: which call goes to which instance. A call waits in its function's
 * queue, at most as long as the function's settings say, until an instance takes it:
 *
 *   1. if events are very short: one that runs and has few, so as to wake none for nothing;
 *   2. an idle one, the one used last, or one that has been rolled back;
 *   3. if events are short: one that runs and has room ahead;
 *   4. a new one, if there may be one more, after the call has waited for as long as
 *      policy_patience_ns() says: not at all if none lives, or if events are long.
 *
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
struct version;

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

/* fire() of an instance's and of a function's timer. */
void dispatch_instance_timer(struct timer *timer, uint64_t now_ns);
void dispatch_queue_timer(struct timer *timer, uint64_t now_ns);

/* The function has another version, or none any more: old instances drain. */
void dispatch_redeployed(struct function *function);
/* It takes no events: those that run go on, but its connections end in time. */
void dispatch_stopped(struct function *function);

/* Answer every waiting call so. */
void dispatch_refuse_all(struct function *function, const struct outcome *outcome);

#endif
