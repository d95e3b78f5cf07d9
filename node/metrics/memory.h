/* memory.h: what processes hold, from /proc. */
#ifndef MF_NODE_METRICS_MEMORY_H
#define MF_NODE_METRICS_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

uint64_t memory_resident_bytes(void); /* of this process; 0: cannot be told */

/* Proportional set size of a process; 0: cannot be told (it is another user's). Costs
 * tens of microseconds. */
uint64_t memory_pss_bytes(pid_t pid);

/* Of all instances of a function that can take events: the mean of those looked at, at
 * most *looks_left, times their number. The mean of a second ago is good enough: who asks every few
 * milliseconds would else take the loop for it. 0: none, or it cannot be told. Loop thread. */
struct function;
uint64_t memory_function_bytes(struct function *function, unsigned *looks_left);

#endif
