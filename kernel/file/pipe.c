/*
 * pipe.c: see pipe.h and pipe(7).
 * Guarantees: up to PIPE_ATOMIC_BYTES of one write stand together; who reads from a pipe that
 * nobody can write to finds its end, who writes for nobody gets EPIPE.
 * Leaves to others: waiting (transfer.c), named pipes' files (fs/fifo.h). Owns the buffer, which grows as
 * it is needed.
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

struct end {
    struct file file;
    struct pipe_end end;
};

struct pipe {
    struct pipe_end *ends;
    uint32_t readers, writers;           /* now                            */
    uint32_t readers_ever, writers_ever; /* counted on                     */
    struct wait_queue joined;            /* who waits for the other end    */
    uint8_t *data;
    uint32_t room;     /* bytes of data                        */
    uint32_t capacity; /* and how many they may become         */
    uint32_t at, bytes; /* the oldest byte, and how many there are */
};

static const struct file_operations operations;
static int make_room(struct pipe *pipe, uint64_t bytes);

struct pipe *pipe_alone(void)
{
    struct pipe *pipe = heap_take(sizeof *pipe);
    if (pipe)
        pipe->capacity = PIPE_BYTES;
    return pipe;
}

bool pipe_has_readers(const struct pipe *pipe)
{
    return pipe->readers != 0;
}

void pipe_join(struct pipe *pipe, struct pipe_end *end, struct file *file)
{
    bool reads = file_may_read(file), writes = file_may_write(file);
    pipe->readers += reads;
    pipe->readers_ever += reads;
    pipe->writers += writes;
    pipe->writers_ever += writes;
    *end = (struct pipe_end){.next = pipe->ends, .pipe = pipe, .file = file};
    end->alone = reads ? pipe->writers == 0 : pipe->readers == 0;
    end->others_then = reads ? pipe->writers_ever : pipe->readers_ever;
    pipe->ends = end;
    wait_wake(&pipe->joined, WAIT_ALL);
}

/* There was no other end when it joined, and there has been none since. */
static bool is_alone(const struct pipe_end *end)
{
    const struct pipe *pipe = end->pipe;
    return end->alone && end->others_then == (file_may_read(end->file) ? pipe->writers_ever
                                                                       : pipe->readers_ever);
}

int64_t pipe_wait(struct pipe_end *end)
{
    return is_alone(end) ? wait_for(&end->pipe->joined, WAIT_FOR_EVER) : 0;
}

static void readers_changed(struct pipe *pipe)
{
    for (struct pipe_end *end = pipe->ends; end; end = end->next)
        if (file_may_read(end->file))
            file_changed(end->file);
}

static void writers_changed(struct pipe *pipe)
{
    for (struct pipe_end *end = pipe->ends; end; end = end->next)
        if (file_may_write(end->file))
            file_changed(end->file);
}

bool pipe_leave(struct pipe_end *end)
{
    struct pipe *pipe = end->pipe;
    struct pipe_end **link = &pipe->ends;
    while (*link != end)
        link = &(*link)->next;
    *link = end->next;
    pipe->readers -= file_may_read(end->file);
    pipe->writers -= file_may_write(end->file);
    if (!pipe->ends) {
        heap_give(pipe->data, pipe->room);
        heap_give(pipe, sizeof *pipe);
        return true;
    }
    if (pipe->writers == 0)
        readers_changed(pipe);
    if (pipe->readers == 0)
        writers_changed(pipe);
    return false;
}

static struct end *end_create(struct pipe *pipe, uint32_t flags)
{
    struct end *end = heap_take(sizeof *end);
    if (end) {
        file_init(&end->file, &operations, flags);
        pipe_join(pipe, &end->end, &end->file);
    }
    return end;
}

int pipe_create(uint32_t flags, struct file **reads, struct file **writes)
{
    struct pipe *pipe = pipe_alone();
    struct end *first = pipe ? end_create(pipe, O_RDONLY | flags) : NULL;
    struct end *second = first ? end_create(pipe, O_WRONLY | flags) : NULL;
    if (!second) {
        if (first)
            file_put(&first->file);
        else
            heap_give(pipe, sizeof *pipe);
        return -ENOMEM;
    }
    first->end.alone = false;
    *reads = &first->file;
    *writes = &second->file;
    return 0;
}

static struct pipe *pipe_of(struct file *file)
{
    return file->operations->pipe(file)->pipe;
}

static struct pipe *pipe_or_none(struct file *file)
{
    return file->operations->pipe ? pipe_of(file) : NULL;
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
        return bytes > 1u << 31 ? -EINVAL : -EPERM;
    uint32_t capacity = PIPE_BYTES_MIN;
    while (capacity < bytes)
        capacity *= 2;
    if (pipe->bytes > capacity)
        return -EBUSY;
    if (pipe->room > capacity && move(pipe, capacity) != 0)
        return -ENOMEM;
    pipe->capacity = capacity;
    writers_changed(pipe);
    return capacity;
}

int64_t pipe_oldest(struct file *file, const uint8_t **data)
{
    const struct pipe *pipe = pipe_of(file);
    if (pipe->bytes == 0)
        return pipe->writers ? -EAGAIN : 0;
    *data = pipe->data + pipe->at;
    return pipe->room - pipe->at < pipe->bytes ? pipe->room - pipe->at : pipe->bytes;
}

/* Untold: so many of the oldest are gone. */
static void drop(struct pipe *pipe, uint32_t bytes)
{
    pipe->bytes -= bytes;
    pipe->at = pipe->bytes ? (pipe->at + bytes) % pipe->room : 0; /* of an empty one, the next ones lie in a row */
}

void pipe_take(struct file *file, uint32_t bytes)
{
    drop(pipe_of(file), bytes);
    writers_changed(pipe_of(file));
}

int64_t pipe_read(struct file *file, struct io *io, uint64_t *position)
{
    struct pipe *pipe = pipe_of(file);
    const uint8_t *data;
    uint64_t done = 0;
    int64_t part;
    (void)position;
    while ((part = pipe_oldest(file, &data)) > 0 && io->bytes) {
        if ((uint64_t)part > io->bytes)
            part = (int64_t)io->bytes;
        if (io_put(io, data, (size_t)part) != 0)
            break;
        drop(pipe, (uint32_t)part);
        done += (uint64_t)part;
    }
    if (done == 0)
        return part > 0 ? -EFAULT : part;
    writers_changed(pipe);
    return (int64_t)done;
}

/* Behind the newest: how much lies together. */
static uint32_t free_part(const struct pipe *pipe, uint8_t **data)
{
    uint32_t to = (pipe->at + pipe->bytes) % pipe->room;
    *data = pipe->data + to;
    return to < pipe->at || pipe->bytes == pipe->room ? pipe->at - to : pipe->room - to;
}

int64_t pipe_room(struct file *file, uint64_t wanted, uint8_t **data)
{
    struct pipe *pipe = pipe_of(file);
    if (pipe->readers == 0)
        return -EPIPE;
    int error = make_room(pipe, wanted);
    if (error)
        return error;
    return pipe->bytes == pipe->room ? -EAGAIN : (int64_t)free_part(pipe, data);
}

void pipe_put(struct file *file, uint32_t bytes)
{
    struct pipe *pipe = pipe_of(file);
    pipe->bytes += bytes;
    readers_changed(pipe);
}

int64_t pipe_write(struct file *file, struct io *io, uint64_t *position)
{
    struct pipe *pipe = pipe_of(file);
    uint8_t *data;
    uint64_t done = 0;
    int64_t room = pipe_room(file, io->bytes, &data);
    (void)position;
    if (room < 0)
        return room;
    if (io->bytes <= PIPE_ATOMIC_BYTES && pipe->room - pipe->bytes < io->bytes)
        return -EAGAIN;
    while (io->bytes && pipe->bytes < pipe->room) {
        uint32_t part = free_part(pipe, &data);
        if (part > io->bytes)
            part = (uint32_t)io->bytes;
        if (io_get(io, data, part) != 0)
            break;
        pipe->bytes += part;
        done += part;
    }
    if (done == 0)
        return -EFAULT;
    readers_changed(pipe);
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

uint32_t pipe_ready(struct file *file)
{
    const struct pipe *pipe = pipe_of(file);
    uint32_t ready = 0;
    if (file_may_read(file))
        ready |= (pipe->bytes ? POLLIN | POLLRDNORM : 0u) |
                 (pipe->writers || is_alone(file->operations->pipe(file)) ? 0u : POLLHUP);
    if (file_may_write(file))
        ready |= (pipe->capacity - pipe->bytes >= PIPE_ATOMIC_BYTES ? POLLOUT | POLLWRNORM : 0u) |
                 (pipe->readers ? 0u : POLLERR);
    return ready;
}

int64_t pipe_control(struct file *file, uint64_t request, uint64_t argument)
{
    const int32_t bytes = (int32_t)pipe_of(file)->bytes;
    return request == FIONREAD ? user_write(argument, &bytes, sizeof bytes) : -ENOTTY;
}

static struct pipe_end *end_of(struct file *file)
{
    return &((struct end *)(void *)file)->end;
}

static void pipe_close(struct file *file)
{
    (void)pipe_leave(end_of(file));
    heap_give(file, sizeof(struct end));
}

static const struct file_operations operations = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .ready = pipe_ready,
    .control = pipe_control,
    .pipe = end_of,
    .close = pipe_close,
};
