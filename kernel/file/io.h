/*
 * io.h: where the bytes of a transfer come from or go to: a buffer, or a vector of them, of
 * the program's; or a buffer of the kernel's. A cursor: what was moved is behind it.
 */
#ifndef KERNEL_FILE_IO_H
#define KERNEL_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io {
    uint64_t bytes;   /* left, all together                       */
    uint64_t address; /* of what is left of the current buffer    */
    uint64_t here;    /* bytes left of it                         */
    uint64_t vector;  /* address of the entry of the next one     */
    uint64_t entries; /* left there                               */
    bool kernel;      /* the buffer is the kernel's               */
};

/* A buffer of the program's. -EFAULT: it cannot be one. More than TRANSFER_BYTES_MAX is cut. */
int io_buffer(struct io *io, uint64_t address, uint64_t bytes);
/* A vector of the program's. -EFAULT, -EINVAL as readv(2) has it. */
int io_vector(struct io *io, uint64_t address, uint64_t entries);
void io_kernel(struct io *io, void *buffer, size_t bytes);

/* Move bytes, at most io->bytes, and go on by them. 0 or -EFAULT: then some may have been
 * moved, and the cursor is where the bad buffer begins. */
int io_put(struct io *io, const void *from, size_t bytes);
int io_get(struct io *io, void *to, size_t bytes);
int io_zero(struct io *io, size_t bytes);
int io_skip(struct io *io, uint64_t bytes);

/* The current buffer, not empty unless all is moved. */
int io_here(struct io *io, uint64_t *address, uint64_t *bytes);

#endif
