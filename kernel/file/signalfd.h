/* signalfd.h: signals as a file, see signalfd(2). */
#ifndef KERNEL_FILE_SIGNALFD_H
#define KERNEL_FILE_SIGNALFD_H

#include "kernel/file/file.h"

/* NULL: no memory. flags: O_NONBLOCK. */
struct file *signalfd_create(uint64_t mask, uint32_t flags);
/* -EINVAL: it is none. */
int signalfd_set(struct file *file, uint64_t mask);

/* These signals have come, to whomever. */
void signalfd_tell(uint64_t signals);

#endif
