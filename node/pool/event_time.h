/*
 * event_time.h: what an event took of its instance. Measured, now and then, with what was
 * lost to other processes taken off, so that the policy knows how long events are; and charged
 * to usage, always. Times are of CLOCK_MONOTONIC. Loop thread only.
 */
#ifndef MF_NODE_POOL_EVENT_TIME_H
#define MF_NODE_POOL_EVENT_TIME_H

#include <stdint.h>

struct instance;

/* The head event has begun: measure it, or not. */
void event_time_begin(struct instance *instance);
/* It is over, well: the policy learns from it. Not of holds, which last as long as they like. */
void event_time_learn(struct instance *instance, uint64_t now_ns);
/* It is over, in whatever way: sets its call's ran_ns, and charges the function. */
void event_time_charge(struct instance *instance, uint64_t now_ns);

#endif
