/*
 * run_delay.h: how long a process has been ready to run without a processor, so that what
 * an event takes can be told from what the machine's load makes of it. Without that, load
 * makes events look long, long events get more instances, and those make more load.
 */
#ifndef MF_NODE_POOL_RUN_DELAY_H
#define MF_NODE_POOL_RUN_DELAY_H

#include <stdint.h>
#include <sys/types.h>

/* Of the process's main thread so far; 0: cannot be told. A few microseconds. */
uint64_t run_delay_of_ns(pid_t pid);

#endif
