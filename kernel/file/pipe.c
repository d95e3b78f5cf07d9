/*
 * pipe.c: see pipe.h and pipe(7).
 * Guarantees: up to PIPE_ATOMIC_BYTES of one write stand together; who reads from a pipe that
 * nobody can write to finds its end, who writes for nobody gets EPIPE.
 * Leaves to others: waiting (transfer.c). Owns the buffer, which grows as it is needed.
 */
#include "kernel/file/pipe.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/file/limits.h"

struct pipe;

struct end {
    struct file file;
    struct pipe *pipe;
};

struct pipe {
    struct end *reads, *writes; /* NULL: closed */
    uint8_t *data;
    uint32_t room;     /* bytes of data                        */
    uint32_t capacity; /* and how many they may become         */
    uint32_t at, bytes; /* the oldest byte, and how many there are */
};

static const struct file_operations reading, writing;
static int make_room(struct pipe *pipe, uint64_t bytes);

static struct end *end_create(struct pipe *pipe, const struct file_operations *operations,
                              uint32_t flags)
{
    struct end *end = heap_take(sizeof *end);
    if (end) {
        file_init(&end->file, operations, flags);
        end->pipe = pipe;
    }
    return end;
}

int pipe_create(uint32_t flags, struct file **reads, struct file **writes)
{
    struct pipe *pipe = heap_take(sizeof *pipe);
    if (!pipe)
        return -ENOMEM;
    pipe->capacity = PIPE_BYTES;
    pipe->reads = end_create(pipe, &reading, O_RDONLY | flags);
    pipe->writes = end_create(pipe, &writing, O_WRONLY | flags);
    if (!pipe->reads || !pipe->writes) {
        heap_give(pipe->reads, sizeof *pipe->reads);
        heap_give(pipe->writes, sizeof *pipe->writes);
        heap_give(pipe, sizeof *pipe);
        return -ENOMEM;
    }
    *reads = &pipe->reads->file;
    *writes = &pipe->writes->file;
    return 0;
}

static struct pipe *pipe_of(struct file *file)
{
    return ((struct end *)(void *)file)->pipe;
}

static struct pipe *pipe_or_none(struct file *file)
{
    bool is_one = file->operations == &reading || file->operations == &writing;
    return is_one ? pipe_of(file) : NULL;
}

int64_t pipe_capacity(struct file *file)
{
    const struct pipe *pipe = pipe_or_none(file);
    return pipe ? (int64_t)pipe->capacity : -EBADF;
}

/* Into a buffer of another size, from its beginning on. */
static int move(struct pipe *pipe, uint32_t room)
{
    uint8_t *data = heap_take(room);
    if (!data)
        return -ENOMEM;
    uint32_t first = pipe->room - pipe->at < pipe->bytes ? pipe->room - pipe->at : pipe->bytes;
    if (pipe->bytes) {
        memcpy(data, pipe->data + pipe->at, first);
        memcpy(data + first, pipe->data, pipe->bytes - first);
    }
    heap_give(pipe->data, pipe->room);
    pipe->data = data;
    pipe->room = room;
    pipe->at = 0;
    return 0;
}

int64_t pipe_capacity_set(struct file *file, uint64_t bytes)
{
    struct pipe *pipe = pipe_or_none(file);
    if (!pipe)
        return -EBADF;
    if (bytes > PIPE_BYTES_MAX)
        return -EPERM;
    uint32_t capacity = PIPE_BYTES_MIN;
    while (capacity < bytes)
        capacity *= 2;
    if (pipe->bytes > capacity)
        return -EBUSY;
    if (pipe->room > capacity && move(pipe, capacity) != 0)
        return -ENOMEM;
    pipe->capacity = capacity;
    if (pipe->writes)
        file_changed(&pipe->writes->file);
    return capacity;
}

static int64_t pipe_read(struct file *file, struct io *io, uint64_t *position)
{
    struct pipe *pipe = pipe_of(file);
    uint64_t done = 0;
    (void)position;
    if (pipe->bytes == 0)
        return pipe->writes ? -EAGAIN : 0;
    while (io->bytes && pipe->bytes) {
        uint32_t part = pipe->room - pipe->at < pipe->bytes ? pipe->room - pipe->at : pipe->bytes;
        if (part > io->bytes)
            part = (uint32_t)io->bytes;
        if (io_put(io, pipe->data + pipe->at, part) != 0)
            return done ? (int64_t)done : -EFAULT;
        pipe->at = (pipe->at + part) % pipe->room;
        pipe->bytes -= part;
        done += part;
    }
    if (pipe->bytes == 0)
        pipe->at = 0; /* the next ones lie in a row */
    if (pipe->writes)
        file_changed(&pipe->writes->file);
    return (int64_t)done;
}

static int64_t pipe_write(struct file *file, struct io *io, uint64_t *position)
{
    struct pipe *pipe = pipe_of(file);
    uint64_t done = 0;
    (void)position;
    if (!pipe->reads)
        return -EPIPE;
    int error = make_room(pipe, io->bytes);
    if (error)
        return error;
    uint32_t left = pipe->room - pipe->bytes;
    if (left == 0 || (io->bytes <= PIPE_ATOMIC_BYTES && left < io->bytes))
        return -EAGAIN;
    while (io->bytes && pipe->bytes < pipe->room) {
        uint32_t to = (pipe->at + pipe->bytes) % pipe->room;
        uint32_t part = to < pipe->at ? pipe->at - to : pipe->room - to;
        if (part > io->bytes)
            part = (uint32_t)io->bytes;
        if (io_get(io, pipe->data + to, part) != 0)
            break;
        pipe->bytes += part;
        done += part;
    }
    if (done == 0)
        return -EFAULT;
    file_changed(&pipe->reads->file);
    return (int64_t)done;
}

/* Let so many bytes more find a place, as far as the capacity allows. */
static int make_room(struct pipe *pipe, uint64_t bytes)
{
    uint32_t room = pipe->room ? pipe->room : PIPE_BYTES_MIN;
    while (room < pipe->capacity && room - pipe->bytes < bytes)
        room *= 2;
    return room == pipe->room ? 0 : move(pipe, room);
}

static uint32_t readable(struct file *file)
{
    const struct pipe *pipe = pipe_of(file);
    return (pipe->bytes ? POLLIN | POLLRDNORM : 0u) | (pipe->writes ? 0u : POLLHUP);
}

static uint32_t writable(struct file *file)
{
    const struct pipe *pipe = pipe_of(file);
    uint32_t room = pipe->capacity - pipe->bytes;
    return (room >= PIPE_ATOMIC_BYTES ? POLLOUT | POLLWRNORM : 0u) | (pipe->reads ? 0u : POLLERR);
}

static int64_t pipe_control(struct file *file, uint64_t request, uint64_t argument)
{
    const int32_t bytes = (int32_t)pipe_of(file)->bytes;
    return request == FIONREAD ? user_write(argument, &bytes, sizeof bytes) : -ENOTTY;
}

static void pipe_close(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    if (file->operations == &reading)
        pipe->reads = NULL;
    else
        pipe->writes = NULL;
    if (pipe->reads)
        file_changed(&pipe->reads->file);
    if (pipe->writes)
        file_changed(&pipe->writes->file);
    if (!pipe->reads && !pipe->writes) {
        heap_give(pipe->data, pipe->room);
        heap_give(pipe, sizeof *pipe);
    }
    heap_give(file, sizeof(struct end));
}

static const struct file_operations reading = {
    .name = "pipe",
    .read = pipe_read,
    .ready = readable,
    .control = pipe_control,
    .close = pipe_close,
};
static const struct file_operations writing = {
    .name = "pipe",
    .write = pipe_write,
    .ready = writable,
    .control = pipe_control,
    .close = pipe_close,
};
