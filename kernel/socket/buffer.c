/*
 * buffer.c: see buffer.h.
 * Guarantees: an empty buffer begins anew, so that small messages one after the other use
 * the same page; one that was large is given back. Leaves to others: how much may be.
 * Owns the buffer's memory.
 */
#include "kernel/socket/buffer.h"

#include <asm/errno.h>

#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/socket/limits.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t buffer_room(const struct buffer *buffer, uint32_t most)
{
    return buffer->bytes < most ? most - buffer->bytes : 0;
}

int buffer_reserve(struct buffer *buffer, uint32_t bytes, uint32_t most)
{
    mf_assert(bytes <= buffer_room(buffer, most));
    uint32_t capacity = buffer->capacity ? buffer->capacity : SOCKET_BUFFER_BYTES_MIN;
    while (capacity - buffer->bytes < bytes)
        capacity *= 2;
    if (capacity == buffer->capacity)
        return 0;
    uint8_t *data = heap_take(capacity);
    if (!data)
        return -ENOMEM;
    buffer_look(buffer, 0, data, buffer->bytes);
    heap_give(buffer->data, buffer->capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->at = 0;
    return 0;
}

/* Where the byte stands that is so far behind the oldest, and how many lie there together. */
static uint8_t *place(const struct buffer *buffer, uint32_t from, uint32_t *together)
{
    uint32_t at = (buffer->at + from) & (buffer->capacity - 1);
    *together = buffer->capacity - at;
    return buffer->data + at;
}

int buffer_put(struct buffer *buffer, struct io *io, uint32_t bytes)
{
    mf_assert(bytes <= buffer->capacity - buffer->bytes);
    for (uint32_t done = 0; done < bytes;) {
        uint32_t part;
        uint8_t *to = place(buffer, buffer->bytes + done, &part);
        part = smaller(part, bytes - done);
        int error = io_get(io, to, part);
        if (error)
            return error;
        done += part;
    }
    buffer->bytes += bytes;
    return 0;
}

void buffer_add(struct buffer *buffer, const void *from, uint32_t bytes)
{
    const uint8_t *data = from;
    mf_assert(bytes <= buffer->capacity - buffer->bytes);
    while (bytes) {
        uint32_t part;
        uint8_t *to = place(buffer, buffer->bytes, &part);
        part = smaller(part, bytes);
        memcpy(to, data, part);
        buffer->bytes += part;
        data += part;
        bytes -= part;
    }
}

int buffer_get(const struct buffer *buffer, uint32_t from, struct io *io, uint32_t bytes)
{
    mf_assert(from <= buffer->bytes && bytes <= buffer->bytes - from);
    for (uint32_t done = 0; done < bytes;) {
        uint32_t part;
        const uint8_t *data = place(buffer, from + done, &part);
        part = smaller(part, bytes - done);
        int error = io_put(io, data, part);
        if (error)
            return error;
        done += part;
    }
    return 0;
}

void buffer_look(const struct buffer *buffer, uint32_t from, void *to, uint32_t bytes)
{
    uint8_t *data = to;
    mf_assert(from <= buffer->bytes && bytes <= buffer->bytes - from);
    for (uint32_t done = 0; done < bytes;) {
        uint32_t part;
        const uint8_t *there = place(buffer, from + done, &part);
        part = smaller(part, bytes - done);
        memcpy(data + done, there, part);
        done += part;
    }
}

const uint8_t *buffer_oldest(const struct buffer *buffer, uint32_t *bytes)
{
    if (buffer->bytes == 0) {
        *bytes = 0;
        return buffer->data;
    }
    const uint8_t *data = place(buffer, 0, bytes);
    *bytes = smaller(*bytes, buffer->bytes);
    return data;
}

void buffer_drop(struct buffer *buffer, uint32_t bytes)
{
    mf_assert(bytes <= buffer->bytes);
    buffer->bytes -= bytes;
    if (buffer->bytes) {
        buffer->at = (buffer->at + bytes) & (buffer->capacity - 1);
        return;
    }
    buffer->at = 0;
    if (buffer->capacity > SOCKET_BUFFER_KEPT_BYTES)
        buffer_close(buffer);
}

void buffer_close(struct buffer *buffer)
{
    heap_give(buffer->data, buffer->capacity);
    *buffer = (struct buffer){.data = NULL};
}
