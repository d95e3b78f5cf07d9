/* eventfd.h: a counter that one can wait for (eventfd(2)). */
#ifndef KERNEL_FILE_EVENTFD_H
#define KERNEL_FILE_EVENTFD_H

#include <stdbool.h>

#include "kernel/file/file.h"

/* One reference, the caller's. flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *eventfd_create(uint64_t count, bool semaphore, uint32_t flags);

#endif
