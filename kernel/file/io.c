/*
 * io.c: see io.h.
 * Guarantees: an address of the program's is read and written by user.h only.
 * Leaves to others: what the bytes are. Owns nothing.
 */
#include "kernel/file/io.h"

#include <asm/errno.h>
#include <linux/uio.h>

#include "kernel/core/assert.h"
#include "kernel/core/limits.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/file/limits.h"

static int go_on(struct io *io);
static void moved(struct io *io, uint64_t bytes);

int io_buffer(struct io *io, uint64_t address, uint64_t bytes)
{
    if (bytes > INT64_MAX || (bytes && !user_range(address, bytes)))
        return -EFAULT;
    if (bytes > TRANSFER_BYTES_MAX)
        bytes = TRANSFER_BYTES_MAX;
    *io = (struct io){.bytes = bytes, .address = address, .here = bytes};
    return 0;
}

int io_vector(struct io *io, uint64_t address, uint64_t entries)
{
    uint64_t bytes = 0;
    if (entries > IOV_MAX_ENTRIES)
        return -EINVAL;
    for (uint64_t i = 0; i < entries; i++) {
        struct iovec entry;
        int error = user_read(&entry, address + i * sizeof entry, sizeof entry);
        if (error)
            return error;
        if (entry.iov_len > INT64_MAX)
            return -EINVAL;
        if (entry.iov_len && !user_range((uint64_t)entry.iov_base, entry.iov_len))
            return -EFAULT;
        bytes += entry.iov_len < TRANSFER_BYTES_MAX ? entry.iov_len : TRANSFER_BYTES_MAX;
    }
    if (bytes > TRANSFER_BYTES_MAX)
        bytes = TRANSFER_BYTES_MAX;
    *io = (struct io){.bytes = bytes, .vector = address, .entries = entries};
    return 0;
}

void io_kernel(struct io *io, void *buffer, size_t bytes)
{
    *io = (struct io){
        .bytes = bytes, .address = (uint64_t)buffer, .here = bytes, .kernel = true};
}

int io_here(struct io *io, uint64_t *address, uint64_t *bytes)
{
    int error = go_on(io);
    *address = io->address;
    *bytes = io->here < io->bytes ? io->here : io->bytes;
    return error;
}

/* One buffer's part of a transfer of so many bytes. */
static int part_of(struct io *io, uint64_t bytes, uint64_t *address, size_t *part)
{
    uint64_t here;
    mf_assert(bytes <= io->bytes);
    int error = io_here(io, address, &here);
    *part = (size_t)(here < bytes ? here : bytes);
    return error;
}

/* To the program's memory, or from there; ours is the other end. */
static int transfer(struct io *io, uint8_t *ours, size_t bytes, bool out)
{
    while (bytes) {
        uint64_t address;
        size_t part;
        int error = part_of(io, bytes, &address, &part);
        if (!error && io->kernel)
            memcpy(out ? (void *)address : ours, out ? ours : (const void *)address, part);
        else if (!error)
            error = out ? user_write(address, ours, part) : user_read(ours, address, part);
        if (error)
            return error;
        moved(io, part);
        ours += part;
        bytes -= part;
    }
    return 0;
}

int io_put(struct io *io, const void *from, size_t bytes)
{
    return transfer(io, (uint8_t *)(uintptr_t)from, bytes, true);
}

int io_get(struct io *io, void *to, size_t bytes)
{
    return transfer(io, to, bytes, false);
}

int io_zero(struct io *io, size_t bytes)
{
    static const uint8_t zeros[COPY_BYTES];
    while (bytes) {
        size_t part = bytes < sizeof zeros ? bytes : sizeof zeros;
        int error = io_put(io, zeros, part);
        if (error)
            return error;
        bytes -= part;
    }
    return 0;
}

int io_skip(struct io *io, uint64_t bytes)
{
    if (bytes > io->bytes)
        return -EFAULT; /* a vector that another thread changed while the call waited */
    while (bytes) {
        uint64_t address;
        size_t part;
        int error = part_of(io, bytes, &address, &part);
        if (error)
            return error;
        moved(io, part);
        bytes -= part;
    }
    return 0;
}

/* On to the next buffer that is not empty, if this one is moved. */
static int go_on(struct io *io)
{
    while (io->here == 0 && io->entries && io->bytes) {
        struct iovec entry;
        int error = user_read(&entry, io->vector, sizeof entry);
        if (error)
            return error;
        io->address = (uint64_t)entry.iov_base;
        io->here = entry.iov_len;
        io->vector += sizeof entry;
        io->entries--;
    }
    return io->here == 0 && io->bytes ? -EFAULT : 0; /* a vector that changed under us */
}

static void moved(struct io *io, uint64_t bytes)
{
    io->address += bytes;
    io->here -= bytes;
    io->bytes -= bytes;
}
