/* buffer.h: bytes between two ends, in order: a ring that grows up to a bound. Zero is an
 * empty one. */
#ifndef KERNEL_SOCKET_BUFFER_H
#define KERNEL_SOCKET_BUFFER_H

#include <stdint.h>

#include "kernel/file/io.h"

struct buffer {
    uint8_t *data;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t at;       /* where the oldest byte stands */
    uint32_t bytes;
};

/* How many more it takes, of at most so many together; it may need memory that is not there. */
uint32_t buffer_room(const struct buffer *buffer, uint32_t most);

/* Room for so many more, of at most so many together: 0 or -ENOMEM. */
int buffer_reserve(struct buffer *buffer, uint32_t bytes, uint32_t most);

/* Bytes of a transfer, for which there is room. 0, or -EFAULT: then none was added. */
int buffer_put(struct buffer *buffer, struct io *io, uint32_t bytes);
/* The same from the kernel's memory. */
void buffer_add(struct buffer *buffer, const void *from, uint32_t bytes);

/* Copy from so far behind the oldest byte; nothing is taken. 0 or -EFAULT. */
int buffer_get(const struct buffer *buffer, uint32_t from, struct io *io, uint32_t bytes);
void buffer_look(const struct buffer *buffer, uint32_t from, void *to, uint32_t bytes);
/* Oldest bytes that lie together: where, and how many. */
const uint8_t *buffer_oldest(const struct buffer *buffer, uint32_t *bytes);
/* Take the oldest bytes away. */
void buffer_drop(struct buffer *buffer, uint32_t bytes);

void buffer_close(struct buffer *buffer);

#endif
