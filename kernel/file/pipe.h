/*
 * pipe.h: pipes: bytes from one end to the other. Those of pipe(2) have one end each; those that have a
 * name (fs/fifo.h) as many as there are files open of it, some of which read and write.
 */
#ifndef KERNEL_FILE_PIPE_H
#define KERNEL_FILE_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/file/file.h"

/* Two files, one reference each, for the caller. flags: O_NONBLOCK or 0. -ENOMEM. */
int pipe_create(uint32_t flags, struct file **reads, struct file **writes);

/* How many bytes it takes before a writer waits. -EBADF: no pipe. */
int64_t pipe_capacity(struct file *file);
/* Whole pages, up to PIPE_BYTES_MAX. -EBADF, -EPERM, -EINVAL: far past it, -EBUSY: it holds more, -ENOMEM. */
int64_t pipe_capacity_set(struct file *file, uint64_t bytes);

/*
 * For who moves bytes without a buffer between (splice(2)). file is a pipe's end: its operation `pipe` is there.
 * The oldest bytes that lie together, how many: 0 at the end, -EAGAIN: none yet; and that so many are taken.
 */
int64_t pipe_oldest(struct file *file, const uint8_t **data);
void pipe_take(struct file *file, uint32_t bytes);
/* Room that lies together, for `wanted` at best, how much: -EPIPE, -EAGAIN, -ENOMEM; and that so many stand there now. */
int64_t pipe_room(struct file *file, uint64_t wanted, uint8_t **data);
void pipe_put(struct file *file, uint32_t bytes);

/* A file's part in a pipe, its maker's to own. */
struct pipe_end {
    struct pipe_end *next;
    struct pipe *pipe;
    struct file *file;
    bool alone;           /* when it joined, there was none to be its other end */
    uint32_t others_then; /* how many of those there had been ever              */
};

/* Without ends; the last one that leaves gives it back, which is true. NULL: no memory. */
struct pipe *pipe_alone(void);
bool pipe_has_readers(const struct pipe *pipe);
/* The file reads, writes or both, by its flags. */
void pipe_join(struct pipe *pipe, struct pipe_end *end, struct file *file);
bool pipe_leave(struct pipe_end *end);
/* 0: there is another end, or was one since it joined. WAIT, WAIT_INTERRUPTED. */
int64_t pipe_wait(struct pipe_end *end);

/* Operations (file.h) of files whose operation `pipe` says which end they are. */
int64_t pipe_read(struct file *file, struct io *io, uint64_t *position);
int64_t pipe_write(struct file *file, struct io *io, uint64_t *position);
uint32_t pipe_ready(struct file *file);
int64_t pipe_control(struct file *file, uint64_t request, uint64_t argument);

#endif
