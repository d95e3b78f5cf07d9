/*
 * circle.h: do the replies of one function come back to it, by the `then` of others? A mayfly.yml
 * with such a circle is refused; functions that are deployed one by one may make one. Loop thread only.
 */
#ifndef MF_NODE_DELIVERY_CIRCLE_H
#define MF_NODE_DELIVERY_CIRCLE_H

#include <stdbool.h>

#include <stdint.h>

struct queue_stat;
struct registry;

/* Does what is passed on to `target` lead to `name`, as the functions are deployed now? Where more
 * than MF_CIRCLE_FUNCTIONS_MAX of them follow, it may. */
bool circle_leads(const struct registry *registry, const char *target, const char *name);

/* A circle locks only where each of its queues is full: is this one, of which that was counted? */
bool circle_full(const struct queue_stat *own, uint64_t count_max);

#endif
