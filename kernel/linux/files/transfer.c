/*
 * transfer.c: system calls that move bytes, and where in a file.
 * Leaves to others: waiting, and what write does besides (file/transfer.c). Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/fs/open.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/message.h"

#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

typedef int64_t transfer(struct file *file, struct io *io, uint64_t *at);

typedef int io_of(struct io *io, uint64_t address, uint64_t count);

/* at: NULL, or a position that the call brings along. */
static int64_t call(struct frame *frame, io_of *memory, transfer *move, uint64_t *at)
{
    struct io io;
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    if (at && *at > INT64_MAX)
        return -EINVAL;
    int error = memory(&io, frame_argument(frame, 1), frame_argument(frame, 2));
    struct socket *socket = socket_of(file);
    if (error || !socket || at)
        return error ? error : move(file, &io, at);
    bool reads = move == file_read; /* timeouts and signals are a socket's own */
    if (io.bytes == 0 && (reads || memory == io_vector))
        return 0;
    return reads ? message_read(socket, &io) : message_write(socket, &io);
}

static int64_t buffer_call(struct frame *frame, transfer *move, uint64_t *at)
{
    return call(frame, io_buffer, move, at);
}

static int64_t vector_call(struct frame *frame, transfer *move, uint64_t *at)
{
    return call(frame, io_vector, move, at);
}

int64_t linux_read(struct frame *frame)
{
    return buffer_call(frame, file_read, NULL);
}

int64_t linux_write(struct frame *frame)
{
    return buffer_call(frame, file_write, NULL);
}

int64_t linux_readv(struct frame *frame)
{
    return vector_call(frame, file_read, NULL);
}

int64_t linux_writev(struct frame *frame)
{
    return vector_call(frame, file_write, NULL);
}

int64_t linux_pread64(struct frame *frame)
{
    uint64_t at = frame_argument(frame, 3);
    return buffer_call(frame, file_read, &at);
}

int64_t linux_pwrite64(struct frame *frame)
{
    uint64_t at = frame_argument(frame, 3);
    return buffer_call(frame, file_write, &at);
}

int64_t linux_preadv(struct frame *frame)
{
    uint64_t at = frame_argument(frame, 3);
    return vector_call(frame, file_read, &at);
}

int64_t linux_pwritev(struct frame *frame)
{
    uint64_t at = frame_argument(frame, 3);
    return vector_call(frame, file_write, &at);
}

/* A position of -1 is the file's own; of the flags none changes what happens here but those
 * that are refused. */
static int64_t vector_call_2(struct frame *frame, transfer *move)
{
    uint64_t at = frame_argument(frame, 3);
    uint32_t flags = (uint32_t)frame_argument(frame, 5);
    if (flags & ~(uint32_t)RWF_KNOWN || flags & (RWF_NOWAIT | RWF_APPEND))
        return -EOPNOTSUPP;
    return vector_call(frame, move, at == UINT64_MAX ? NULL : &at);
}

int64_t linux_preadv2(struct frame *frame)
{
    return vector_call_2(frame, file_read);
}

int64_t linux_pwritev2(struct frame *frame)
{
    return vector_call_2(frame, file_write);
}

int64_t linux_lseek(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    if (!file->operations->seek)
        return -ESPIPE;
    return file->operations->seek(file, (int64_t)frame_argument(frame, 1),
                                  (int)frame_argument(frame, 2));
}

/* The next part of a file: where it lies, if it cannot change, or a copy. Bytes of it, or as read() has it. */
static int64_t part_of(struct file *from, uint64_t at, uint64_t bytes, struct io *io)
{
    static uint8_t part[SEND_PART_BYTES];
    const uint8_t *content = open_content(from, at, &bytes);
    if (content) {
        io_kernel(io, (void *)(uintptr_t)content, bytes); /* to be read */
        return (int64_t)bytes;
    }
    io_kernel(io, part, bytes < sizeof part ? bytes : sizeof part);
    int64_t result = from->operations->read(from, io, &at);
    io_kernel(io, part, result > 0 ? (size_t)result : 0);
    return result;
}

/*
 * From a file to whatever, in parts: what the goal did not take is read again, so only what it took
 * counts. It ends when all is moved, as Linux has it: of a call that waits, how far it came stands in its state.
 */
static int64_t send(struct file *from, uint64_t *from_at, struct file *to, uint64_t *to_at,
                    uint64_t bytes)
{
    uint64_t *done = call_state(sizeof *done, NULL);
    int64_t result = 0;
    *from_at += *done;
    while (*done < bytes) {
        struct io io;
        result = part_of(from, *from_at, bytes - *done, &io);
        if (result <= 0)
            break;
        result = to->operations->write(to, &io, to_at);
        if (result <= 0)
            break;
        *from_at += (uint64_t)result;
        *done += (uint64_t)result;
    }
    if (result == -EPIPE)
        file_broken();
    if (result == -EAGAIN)
        result = file_wait(to, WAIT_FOR_EVER);
    return result != WAIT && *done ? (int64_t)*done : result;
}

/* An offset of the program's, where it gave one; else the file's position. */
static int offset_in(uint64_t address, const struct file *file, uint64_t *at)
{
    *at = file->position;
    return address ? user_read(at, address, sizeof *at) : 0;
}

static int offset_out(uint64_t address, struct file *file, uint64_t at)
{
    if (address)
        return user_write(address, &at, sizeof at);
    file->position = at;
    return 0;
}

int64_t linux_sendfile(struct frame *frame)
{
    struct file *to = descriptor_file(frame_argument(frame, 0));
    struct file *from = descriptor_file(frame_argument(frame, 1));
    uint64_t offset = frame_argument(frame, 2), bytes = frame_argument(frame, 3), at;
    if (!to || !from || !file_may_write(to) || !to->operations->write || !file_may_read(from))
        return -EBADF;
    if (offset && !from->operations->positioned)
        return -ESPIPE;
    if (!from->operations->positioned || !from->operations->read || to->flags & O_APPEND)
        return -EINVAL;
    int error = offset_in(offset, from, &at);
    if (error)
        return error;
    if (at > INT64_MAX)
        return -EINVAL;
    if (bytes > TRANSFER_BYTES_MAX)
        bytes = TRANSFER_BYTES_MAX;
    int64_t done = send(from, &at, to, to->operations->positioned ? &to->position : NULL, bytes);
    if (done > 0)
        error = offset_out(offset, from, at);
    return error ? error : done;
}

int64_t linux_copy_file_range(struct frame *frame)
{
    struct file *from = descriptor_file(frame_argument(frame, 0));
    struct file *to = descriptor_file(frame_argument(frame, 2));
    uint64_t from_offset = frame_argument(frame, 1), to_offset = frame_argument(frame, 3);
    uint64_t bytes = frame_argument(frame, 4), from_at, to_at;
    if (!to || !from || !file_may_write(to) || !file_may_read(from) || to->flags & O_APPEND)
        return -EBADF;
    if (from->operations->list || to->operations->list)
        return -EISDIR;
    if (frame_argument(frame, 5) || !from->operations->positioned || !to->operations->positioned)
        return -EINVAL;
    int error = offset_in(from_offset, from, &from_at);
    if (!error)
        error = offset_in(to_offset, to, &to_at);
    if (error)
        return error;
    if (from_at > INT64_MAX || to_at > INT64_MAX)
        return -EINVAL;
    if (bytes > TRANSFER_BYTES_MAX)
        bytes = TRANSFER_BYTES_MAX;
    int64_t done = send(from, &from_at, to, &to_at, bytes);
    if (done > 0)
        error = offset_out(from_offset, from, from_at);
    if (done > 0 && !error)
        error = offset_out(to_offset, to, to_at);
    return error ? error : done;
}
