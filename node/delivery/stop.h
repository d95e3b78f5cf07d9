/*
 * stop.h: functions that take no events until somebody starts them again: because of
 * `overload: stop-workflow`, or by hand. What waits for them stays; what comes is refused, with
 * the reason. A stop outlives the node: a key of the store's own space. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_STOP_H
#define MF_NODE_DELIVERY_STOP_H

struct delivery;
struct function;

/* The reason is cut to MF_STOP_REASON_BYTES_MAX. Of one that is stopped: nothing happens. */
void stop_function(struct function *function, const char *reason);
/* Let it go on; whoever deploys it does that, too. */
void stop_lift(struct function *function);
/* Its function is removed: forget. */
void stop_forget(struct function *function);

/* When the node starts: stop what was; then delivery_sweep(). Where the store is away, nothing
 * is known to be stopped, which is logged. */
void stop_restore(struct delivery *delivery);

#endif
