/*
 * splice.c: bytes between a pipe and something else, without a buffer of the program's: splice(2), tee(2),
 * vmsplice(2).
 * Guarantees: what the goal did not take stays in the pipe. A call waits only for what Linux would.
 * Leaves to others: pipes (file/pipe.c), what files and sockets do. Owns how far a call came, in its state.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/limits.h"
#include "kernel/file/pipe.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/socket/socket.h"

/* SPLICE_F_… of fcntl.h: the others are advice. */
#define FLAG_NONBLOCK 2u
#define FLAGS_KNOWN 15u

struct splice {
    struct file *in, *out;
    uint64_t *at; /* of the one that is no pipe, where it has a position; NULL */
    uint64_t bytes;
    bool now; /* who finds a pipe empty or full does not wait */
};

static bool is_pipe(const struct file *file)
{
    return file->operations->pipe != NULL;
}

/* What may stand at the other end: Linux has it of few other files. */
static bool may_splice(struct file *file)
{
    return socket_of(file) || (file->operations->positioned && !file->operations->list);
}

static int64_t wait_pipe(const struct splice *splice, struct file *pipe)
{
    return splice->now ? -EAGAIN : wait_for(&pipe->changed, WAIT_FOR_EVER);
}

/* The goal takes no more. */
static int64_t wait_goal(const struct splice *splice, uint64_t done)
{
    if (!is_pipe(splice->out))
        return file_wait(splice->out, WAIT_FOR_EVER);
    return done ? -EAGAIN : wait_pipe(splice, splice->out);
}

/* Out of a pipe until it is empty or all is moved; it may wait for a goal that took some. */
static int64_t from_pipe(const struct splice *splice)
{
    uint64_t *done = call_state(sizeof *done, NULL);
    int64_t result = 0;
    while (*done < splice->bytes) {
        const uint8_t *data;
        uint64_t left = splice->bytes - *done;
        struct io io;
        result = pipe_oldest(splice->in, &data);
        if (result == -EAGAIN && !*done)
            return wait_pipe(splice, splice->in);
        if (result <= 0)
            break;
        io_kernel(&io, (void *)(uintptr_t)data, (uint64_t)result < left ? (size_t)result : left); /* to be read */
        result = splice->out->operations->write(splice->out, &io, splice->at);
        if (result <= 0)
            break;
        pipe_take(splice->in, (uint32_t)result);
        *done += (uint64_t)result;
    }
    if (result == -EPIPE)
        file_broken();
    if (result == -EAGAIN && *done < splice->bytes && file_ready(splice->in) & POLLIN)
        result = wait_goal(splice, *done);
    return result != WAIT && *done ? (int64_t)*done : result;
}

/* A socket that has nothing: of IP's, only the socket itself says whether that is waited for. */
static int64_t wait_source(const struct splice *splice)
{
    const struct socket *socket = socket_of(splice->in);
    return socket && socket->family == FAMILY_UNIX && splice->now ? -EAGAIN : file_wait(splice->in, WAIT_FOR_EVER);
}

/* Into a pipe what is there now; its room may lie in two parts. */
static int64_t to_pipe(const struct splice *splice)
{
    uint64_t done = 0;
    int64_t result = 0;
    for (int part = 0; part < 2 && done < splice->bytes; part++) {
        uint64_t left = splice->bytes - done;
        uint8_t *data;
        struct io io;
        int64_t room = pipe_room(splice->out, left, &data);
        if (room == -EPIPE)
            file_broken();
        if (room <= 0)
            return done ? (int64_t)done : room == -EAGAIN ? wait_pipe(splice, splice->out) : room;
        io_kernel(&io, data, (uint64_t)room < left ? (size_t)room : left);
        result = splice->in->operations->read(splice->in, &io, splice->at);
        if (result <= 0)
            break;
        pipe_put(splice->out, (uint32_t)result);
        done += (uint64_t)result;
        if (result < room)
            break;
    }
    if (done)
        return (int64_t)done;
    return result == -EAGAIN ? wait_source(splice) : result;
}

/* From the call's first and third arguments. */
static int ends(const struct frame *frame, unsigned out_at, uint64_t flags, struct splice *splice)
{
    *splice = (struct splice){.in = descriptor_file(frame_argument(frame, 0)),
                              .out = descriptor_file(frame_argument(frame, out_at))};
    if (!splice->in || !splice->out || !file_may_read(splice->in) || !file_may_write(splice->out))
        return -EBADF;
    uint32_t pipes = (is_pipe(splice->in) ? splice->in->flags : 0) | (is_pipe(splice->out) ? splice->out->flags : 0);
    splice->now = flags & FLAG_NONBLOCK || pipes & O_NONBLOCK;
    return 0;
}

static bool same_pipe(const struct splice *splice)
{
    return splice->in->operations->pipe(splice->in)->pipe == splice->out->operations->pipe(splice->out)->pipe;
}

/* Linux's order of refusals. */
static int check(const struct splice *splice, uint64_t in_at, uint64_t out_at)
{
    if ((is_pipe(splice->in) && in_at) || (is_pipe(splice->out) && out_at))
        return -ESPIPE;
    if (is_pipe(splice->in) && is_pipe(splice->out))
        return same_pipe(splice) ? -EINVAL : 0;
    if (!is_pipe(splice->in) && !is_pipe(splice->out))
        return -EINVAL;
    struct file *other = is_pipe(splice->in) ? splice->out : splice->in;
    if (!may_splice(other) || ((in_at || out_at) && !other->operations->positioned))
        return -EINVAL;
    if (other == splice->out ? other->flags & O_APPEND || !other->operations->write : !other->operations->read)
        return -EINVAL;
    return 0;
}

int64_t linux_splice(struct frame *frame)
{
    uint64_t in_at = frame_argument(frame, 1), out_at = frame_argument(frame, 3), flags = frame_argument(frame, 5);
    uint64_t bytes = frame_argument(frame, 4), at, given = in_at ? in_at : out_at;
    struct splice splice;
    if (bytes == 0)
        return 0;
    if ((uint32_t)flags & ~FLAGS_KNOWN)
        return -EINVAL;
    int error = ends(frame, 2, flags, &splice);
    if (!error)
        error = check(&splice, in_at, out_at);
    if (!error && given)
        error = user_read(&at, given, sizeof at);
    if (error)
        return error;
    struct file *other = is_pipe(splice.in) ? splice.out : splice.in;
    if (!given)
        at = other->position;
    if (at > INT64_MAX)
        return -EINVAL;
    splice.bytes = bytes < TRANSFER_BYTES_MAX ? bytes : TRANSFER_BYTES_MAX;
    splice.at = other->operations->positioned ? &at : NULL;
    int64_t done = is_pipe(splice.in) ? from_pipe(&splice) : to_pipe(&splice);
    if (done > 0 && given)
        error = user_write(given, &at, sizeof at);
    else if (done > 0 && splice.at)
        other->position = at;
    return error ? error : done;
}

int64_t linux_tee(struct frame *frame)
{
    uint64_t bytes = frame_argument(frame, 2), flags = frame_argument(frame, 3);
    const uint8_t *data;
    struct splice splice;
    struct io io;
    if ((uint32_t)flags & ~FLAGS_KNOWN)
        return -EINVAL;
    if (bytes == 0)
        return 0;
    int error = ends(frame, 1, flags, &splice);
    if (error)
        return error;
    if (!is_pipe(splice.in) || !is_pipe(splice.out) || same_pipe(&splice))
        return -EINVAL;
    int64_t part = pipe_oldest(splice.in, &data);
    if (part <= 0)
        return part == -EAGAIN ? wait_pipe(&splice, splice.in) : part;
    io_kernel(&io, (void *)(uintptr_t)data, (uint64_t)part < bytes ? (size_t)part : bytes); /* to be read */
    int64_t done = pipe_write(splice.out, &io, NULL);
    if (done == -EPIPE)
        file_broken();
    return done == -EAGAIN ? wait_pipe(&splice, splice.out) : done;
}

/* The pages stay the program's: what goes in is copied, as what comes out. */
int64_t linux_vmsplice(struct frame *frame)
{
    uint64_t flags = frame_argument(frame, 3);
    struct file *file = descriptor_file(frame_argument(frame, 0));
    const struct splice splice = {.now = flags & FLAG_NONBLOCK};
    struct io io;
    if ((uint32_t)flags & ~FLAGS_KNOWN)
        return -EINVAL;
    if (!file || !is_pipe(file))
        return -EBADF;
    int error = io_vector(&io, frame_argument(frame, 1), frame_argument(frame, 2));
    if (error || io.bytes == 0)
        return error;
    int64_t done = file_may_write(file) ? pipe_write(file, &io, NULL) : pipe_read(file, &io, NULL);
    if (done == -EPIPE)
        file_broken();
    return done == -EAGAIN ? wait_pipe(&splice, file) : done;
}
