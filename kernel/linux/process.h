/* process.h: the end of the program, and its bounds. */
#ifndef KERNEL_LINUX_PROCESS_H
#define KERNEL_LINUX_PROCESS_H

#include <linux/resource.h>

#include "kernel/x86_64/frame.h"

/* The instance ends, with the status that is the call's first argument: as a fault, if an
 * answer is owed. */
_Noreturn void process_exit(const struct frame *frame);

/* How many descriptors it may have; file.c and files/start.c. */
extern const uint64_t process_descriptors_max;

/* Of RLIMIT_…: what it is at the start, and now (one/thread.c, many/limit.c). -EINVAL. */
int process_limit_first(uint64_t resource, struct rlimit64 *limit);
int process_limit(uint64_t resource, struct rlimit64 *limit);

#endif
