/*
 * overdue.h: what time alone brings to an instance: its event's deadline, the end of the wait
 * of events behind that one, the end of its state's time. Loop thread only.
 */
#ifndef MF_NODE_POOL_OVERDUE_H
#define MF_NODE_POOL_OVERDUE_H

#include <stdint.h>

struct timer;

/* fire() of an instance's timer. */
void overdue_fire(struct timer *timer, uint64_t now_ns);

#endif
