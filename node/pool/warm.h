/*
 * warm.h: keep_alive.h in the pool: what a function's history is told, how long its idle
 * instances are kept, and the start of one before it is asked for. A history exists once a
 * function with `keep_alive: hybrid` has been called; others cost nothing. Pre-warms are
 * timers of the node's one heap: nothing wakes while none is due. Loop thread only.
 */
#ifndef MF_NODE_POOL_WARM_H
#define MF_NODE_POOL_WARM_H

#include <stdbool.h>
#include <stdint.h>

struct function;
struct instance;

/* A call of it has arrived; one has gone, however it ended. */
void warm_call(struct function *function);
void warm_call_gone(struct function *function);

/* For how long it is kept from when it became idle; KEEP_ALIVE_NEVER if it is not idle. */
uint64_t warm_keep_ns(const struct instance *instance);

/* Start an instance that nobody has asked for yet, if the function has none and may have one,
 * and keep it for keep_ns at least, unless it is used. */
void warm_start(struct function *function, uint64_t keep_ns);

/* As many as its setting min_instances says are kept, called or not: start those that are
 * missing, if they can be had now. lacks: some are. */
bool warm_lacks(const struct function *function);
void warm_minimum(struct function *function);

/* Forget what is known. */
void warm_close(struct function *function);

#endif
