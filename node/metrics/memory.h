/* memory.h: what processes hold, from /proc. Any thread. */
#ifndef MF_NODE_METRICS_MEMORY_H
#define MF_NODE_METRICS_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

uint64_t memory_resident_bytes(void); /* of this process; 0: cannot be told */

/* Proportional set size of a process; 0: cannot be told (it is another user's). Costs
 * tens of microseconds. */
uint64_t memory_pss_bytes(pid_t pid);

#endif
