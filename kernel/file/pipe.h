/* pipe.h: pipes: bytes from one end to the other. */
#ifndef KERNEL_FILE_PIPE_H
#define KERNEL_FILE_PIPE_H

#include <stdint.h>

#include "kernel/file/file.h"

/* Two files, one reference each, for the caller. flags: O_NONBLOCK or 0. -ENOMEM. */
int pipe_create(uint32_t flags, struct file **reads, struct file **writes);

/* How many bytes it takes before a writer waits. -EBADF: no pipe. */
int64_t pipe_capacity(struct file *file);
/* Whole pages, up to PIPE_BYTES_MAX. -EBADF, -EPERM, -EBUSY: it holds more, -ENOMEM. */
int64_t pipe_capacity_set(struct file *file, uint64_t bytes);

#endif
