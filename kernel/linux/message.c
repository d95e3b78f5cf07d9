/*
 * message.c: system calls that send and receive by sockets.
 * Guarantees: of a stream a send that may wait ends when all is sent; a receive with what is
 * there, or all of it (MSG_WAITALL); a message is sent and received whole or not at all.
 * Leaves to others: sockets (kernel/socket/). Owns how far a call came, in its state.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/socket.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/control.h"
#include "kernel/linux/message.h"
#include "kernel/linux/time.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/socket.h"
#include "kernel/task/wait.h"

/* MSG_…, beside those of socket.h */
#define FLAG_OOB 0x1u
#define FLAG_DONTWAIT 0x40u
#define FLAG_WAITALL 0x100u
#define FLAG_ERRQUEUE 0x2000u
#define FLAG_NOSIGNAL 0x4000u
#define FLAG_WAITFORONE 0x10000u
#define FLAG_CONTROL_TRUNCATED 0x8u
#define FLAG_CLOSE_ON_EXEC 0x40000000u

/* struct msghdr and struct mmsghdr, as Linux's ABI has them. */
struct message {
    uint64_t name;
    uint32_t name_bytes, name_pad;
    uint64_t vector, entries;
    uint64_t control, control_bytes;
    uint32_t flags, flags_pad;
};
struct message_of_many {
    struct message message;
    uint32_t bytes, pad;
};
_Static_assert(sizeof(struct message) == 56 && sizeof(struct message_of_many) == 64, "Linux's ABI");

/* Of a call that has begun: zero at first. */
struct progress {
    uint64_t end_ns; /* 0: not set yet */
    uint64_t bytes;  /* moved so far, of a stream */
    uint32_t count;  /* of several messages, how many are through */
};

static struct progress *progress(void)
{
    return call_state(sizeof(struct progress), NULL);
}

static int find(const struct frame *frame, struct socket **socket)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    *socket = file ? socket_of(file) : NULL;
    return !file ? -EBADF : *socket ? 0 : -ENOTSOCK;
}

/* For a transfer that found nothing to do. */
static int64_t wait_changed(struct socket *socket, uint32_t flags, uint64_t timeout_ns)
{
    struct progress *so_far = progress();
    if (flags & FLAG_DONTWAIT)
        return -EAGAIN;
    if (so_far->end_ns == 0)
        so_far->end_ns = timeout_ns ? time_monotonic() + timeout_ns : WAIT_FOR_EVER;
    int64_t result = file_wait(&socket->file, so_far->end_ns);
    return result == -ETIMEDOUT ? -EAGAIN : result;
}

/* What a stream's call answers that came so far before it had to stop. */
static int64_t stopped(struct progress *so_far, int64_t result)
{
    int64_t bytes = (int64_t)so_far->bytes;
    if (result == WAIT)
        return WAIT;
    so_far->bytes = 0;
    return bytes ? bytes : result;
}

static int64_t send_all(struct socket *socket, struct io *io, const struct address *to,
                        uint32_t flags, struct rights **rights)
{
    struct progress *so_far = progress();
    if (flags & FLAG_OOB)
        return -EOPNOTSUPP;
    if (socket->type != SOCKET_STREAM) {
        int64_t sent = socket_send(socket, io, to, rights);
        return sent == -EAGAIN ? wait_changed(socket, flags, socket->options.send_timeout_ns)
                               : sent;
    }
    int error = io_skip(io, so_far->bytes);
    if (error)
        return error;
    for (;;) {
        int64_t sent = socket_send(socket, io, to, rights);
        if (sent >= 0) {
            so_far->bytes += (uint64_t)sent;
            if (io->bytes == 0)
                return stopped(so_far, 0);
            continue;
        }
        if (sent == -EPIPE && !(flags & FLAG_NOSIGNAL) && so_far->bytes == 0)
            file_broken();
        if (sent == -EAGAIN)
            sent = wait_changed(socket, flags, socket->options.send_timeout_ns);
        return stopped(so_far, sent);
    }
}

/* rights: as socket_receive() has it. */
static int64_t receive_all(struct socket *socket, struct io *io, uint32_t flags, uint32_t *out,
                           struct address *from, struct rights **rights)
{
    struct progress *so_far = progress();
    bool stream = socket->type == SOCKET_STREAM;
    if (flags & FLAG_OOB)
        return -EINVAL;
    if (flags & FLAG_ERRQUEUE) /* errors of a network, of which there is none */
        return -EAGAIN;
    int error = stream ? io_skip(io, so_far->bytes) : 0;
    if (error)
        return error;
    for (;;) {
        *out = flags & (SOCKET_PEEK | SOCKET_TRUNCATED);
        int64_t got = socket_receive(socket, io, out, from, rights);
        if (got == -EAGAIN) {
            got = wait_changed(socket, flags, socket->options.receive_timeout_ns);
            return stream ? stopped(so_far, got) : got;
        }
        if (!stream || !(flags & FLAG_WAITALL) || flags & SOCKET_PEEK)
            return got;
        if (got <= 0)
            return stopped(so_far, got);
        so_far->bytes += (uint64_t)got;
        if (io->bytes == 0 || (rights && *rights)) /* what comes beside bytes ends a call */
            return stopped(so_far, 0);
    }
}

int64_t message_read(struct socket *socket, struct io *io)
{
    uint32_t flags;
    return receive_all(socket, io, 0, &flags, NULL, NULL);
}

int64_t message_write(struct socket *socket, struct io *io)
{
    return send_all(socket, io, NULL, 0, NULL);
}

int64_t linux_sendto(struct frame *frame)
{
    struct socket *socket;
    struct address to;
    struct io io;
    uint64_t name = frame_argument(frame, 4);
    int error = find(frame, &socket);
    if (!error)
        error = io_buffer(&io, frame_argument(frame, 1), frame_argument(frame, 2));
    if (!error && name)
        error = address_read(&to, name, (uint32_t)frame_argument(frame, 5));
    if (error)
        return error;
    return send_all(socket, &io, name ? &to : NULL, (uint32_t)frame_argument(frame, 3), NULL);
}

/* Of a socket of Unix's that is not bound, Linux tells no address at all. */
static bool has_name(const struct address *from)
{
    return from->family != FAMILY_UNSPEC && (from->family != FAMILY_UNIX || from->bytes);
}

int64_t linux_recvfrom(struct frame *frame)
{
    struct socket *socket;
    struct address from;
    struct io io;
    uint32_t flags;
    int error = find(frame, &socket);
    if (!error)
        error = io_buffer(&io, frame_argument(frame, 1), frame_argument(frame, 2));
    if (error)
        return error;
    int64_t got = receive_all(socket, &io, (uint32_t)frame_argument(frame, 3), &flags, &from, NULL);
    uint64_t name = frame_argument(frame, 4);
    if (got < 0 || !name)
        return got;
    uint32_t none = 0;
    error = !has_name(&from)
                ? user_write(frame_argument(frame, 5), &none, sizeof none)
                : address_write(&from, name, frame_argument(frame, 5));
    return error ? error : got;
}

static int64_t send_message(struct socket *socket, const struct message *message, uint32_t flags)
{
    const struct control control = {message->control, message->control_bytes};
    struct address to;
    struct rights *rights = NULL;
    struct io io;
    bool named = message->name && message->name_bytes;
    int error = io_vector(&io, message->vector, message->entries);
    if (!error && named)
        error = address_read(&to, message->name, message->name_bytes);
    if (!error)
        error = control_read(socket, &control, &rights);
    if (error)
        return error;
    if (progress()->bytes) { /* they went with the first ones */
        rights_drop(rights);
        rights = NULL;
    }
    int64_t sent = send_all(socket, &io, named ? &to : NULL, flags, &rights);
    rights_drop(rights);
    return sent;
}

/* The message's own words change: how long the name is, flags, control data. */
static int64_t receive_message(struct socket *socket, struct message *message, uint32_t flags)
{
    const struct control control = {message->control, message->control_bytes};
    struct address from;
    struct rights *rights = NULL;
    struct io io;
    uint32_t out, whole = 0;
    bool cut;
    int error = io_vector(&io, message->vector, message->entries);
    if (error)
        return error;
    if (message->name && message->name_bytes > INT32_MAX)
        return -EINVAL;
    int64_t got = receive_all(socket, &io, flags, &out, &from, &rights);
    if (got >= 0 && message->name && has_name(&from))
        error = address_put(&from, message->name, message->name_bytes, &whole);
    if (got < 0 || error) {
        rights_drop(rights);
        return got < 0 ? got : error;
    }
    message->name_bytes = whole;
    message->control_bytes = control_write(socket, &control, rights, flags & FLAG_CLOSE_ON_EXEC, &cut);
    message->flags = out | (flags & FLAG_CLOSE_ON_EXEC) | (cut ? FLAG_CONTROL_TRUNCATED : 0);
    return got;
}

int64_t linux_sendmsg(struct frame *frame)
{
    struct socket *socket;
    struct message message;
    int error = find(frame, &socket);
    if (!error)
        error = user_read(&message, frame_argument(frame, 1), sizeof message);
    return error ? error : send_message(socket, &message, (uint32_t)frame_argument(frame, 2));
}

int64_t linux_recvmsg(struct frame *frame)
{
    struct socket *socket;
    struct message message;
    uint64_t at = frame_argument(frame, 1);
    int error = find(frame, &socket);
    if (!error)
        error = user_read(&message, at, sizeof message);
    if (error)
        return error;
    int64_t got = receive_message(socket, &message, (uint32_t)frame_argument(frame, 2));
    if (got < 0)
        return got;
    error = user_write(at, &message, sizeof message);
    return error ? error : got;
}

/* One after the other, until one is not done: then what was done before counts. */
static int64_t many(struct frame *frame, bool receives)
{
    struct socket *socket;
    uint64_t at = frame_argument(frame, 1);
    uint64_t count = (uint32_t)frame_argument(frame, 2);
    uint32_t flags = (uint32_t)frame_argument(frame, 3);
    struct progress *so_far = progress();
    int64_t result = find(frame, &socket);
    if (count > SOCKET_MESSAGES_MAX)
        count = SOCKET_MESSAGES_MAX;
    while (result >= 0 && so_far->count < count) {
        struct message_of_many one;
        uint64_t here = at + so_far->count * sizeof one;
        bool may_wait = so_far->count == 0 || (receives && !(flags & FLAG_WAITFORONE));
        uint32_t how = (flags & ~FLAG_WAITFORONE) | (may_wait ? 0 : FLAG_DONTWAIT);
        result = user_read(&one, here, sizeof one);
        if (result < 0)
            break;
        result = receives ? receive_message(socket, &one.message, how)
                          : send_message(socket, &one.message, how);
        if (result < 0)
            break;
        one.bytes = (uint32_t)result;
        result = user_write(here, &one, sizeof one);
        if (result == 0)
            so_far->count++;
    }
    return result == WAIT || so_far->count == 0 ? result : (int64_t)so_far->count;
}

int64_t linux_sendmmsg(struct frame *frame)
{
    return many(frame, false);
}

int64_t linux_recvmmsg(struct frame *frame)
{
    if (frame_argument(frame, 4)) { /* a timeout */
        uint64_t ns;
        int error = time_read(frame_argument(frame, 4), &ns);
        if (error)
            return error;
    }
    return many(frame, true);
}
