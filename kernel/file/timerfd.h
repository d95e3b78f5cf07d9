/* timerfd.h: times that one can wait for (timerfd_create(2)). */
#ifndef KERNEL_FILE_TIMERFD_H
#define KERNEL_FILE_TIMERFD_H

#include <stdint.h>

#include "kernel/file/file.h"

/* When it comes next, and how often then; CLOCK_MONOTONIC, 0: not. */
struct timerfd_times {
    uint64_t at_ns, interval_ns;
};

/* One reference, the caller's. flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *timerfd_create(uint32_t clock, uint32_t flags);

/* -EINVAL: not one of these. */
int timerfd_set(struct file *file, const struct timerfd_times *times);
int timerfd_get(struct file *file, struct timerfd_times *times);
int timerfd_clock(struct file *file, uint32_t *clock);

#endif
