/* time.h: time of the program's, for other families of system calls. */
#ifndef KERNEL_LINUX_TIME_H
#define KERNEL_LINUX_TIME_H

#include <linux/time.h>
#include <stdint.h>

#define TIME_NEVER_NS (1ull << 62) /* as good as never; sums of two do not overflow */

/* A struct timespec of the program's, in nanoseconds. -EFAULT, -EINVAL. */
int time_read(uint64_t address, uint64_t *ns);

/* A clock of Linux's. -EINVAL. */
int time_clock(uint64_t clock, uint64_t *ns);

struct timespec time_spec(uint64_t ns);

uint64_t time_monotonic(void);

#endif
