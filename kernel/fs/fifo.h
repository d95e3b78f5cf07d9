/* fifo.h: named pipes, fifo(7): files of a file system that are ends of one pipe. */
#ifndef KERNEL_FS_FIFO_H
#define KERNEL_FS_FIFO_H

#include "kernel/fs/open.h"

/* The opened file becomes an end of its place's pipe. -EINVAL: it neither reads nor writes;
 * -ENXIO: O_NONBLOCK, and nobody reads; -ENOMEM. */
int fifo_join(struct opened *opened);
void fifo_leave(struct opened *opened);
struct pipe_end *fifo_end(struct file *file);

/* Is it one, and has to wait for another end before its open is over? 0: no. WAIT, WAIT_INTERRUPTED. */
int64_t fifo_wait(struct file *file);

#endif
