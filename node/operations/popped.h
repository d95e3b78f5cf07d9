/*
 * popped.h: what a running event has popped from named queues. It is leased until the event has ended: a
 * reply below 500 acknowledges it, anything else gives it back, as its own event would be; after as many
 * attempts as its function's events have it is a dead letter. Loop thread only.
 */
#ifndef MF_NODE_OPERATIONS_POPPED_H
#define MF_NODE_OPERATIONS_POPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct call;
struct outcome;
struct queue;

/* Of that event, from now on; it has a reference to the queue of its own. MF_EFULL: it has as many as it
 * may (MF_POPS_PER_EVENT_MAX); MF_ENOMEM. Then nothing was changed. */
MF_CHECKED mf_err popped_add(struct call *call, struct queue *queue, uint64_t id, uint32_t attempts);

/* The event has ended so. */
void popped_settle(struct call *call, const struct outcome *outcome);

#endif
