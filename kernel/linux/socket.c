/*
 * socket.c: system calls that make sockets and connect them.
 * Guarantees: what a call waits for is looked at anew each time it begins.
 * Leaves to others: sockets (kernel/socket/), sending and receiving (message.c).
 * Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <stdbool.h>

#include "kernel/core/text.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/time.h"
#include "kernel/socket/socket.h"
#include "kernel/task/wait.h"

/* SOCK_…, beside the type */
#define TYPE_MASK 0xf
#define TYPE_NONBLOCK O_NONBLOCK
#define TYPE_CLOEXEC O_CLOEXEC

enum { SHUT_READ, SHUT_WRITE, SHUT_BOTH }; /* SHUT_… */

static int find(const struct frame *frame, struct socket **socket)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    *socket = file ? socket_of(file) : NULL;
    return !file ? -EBADF : *socket ? 0 : -ENOTSOCK;
}

/* Of a type with flags. */
static int take_flags(int *type, uint32_t *flags, bool *close_on_exec)
{
    if (*type & ~(TYPE_MASK | TYPE_NONBLOCK | TYPE_CLOEXEC))
        return -EINVAL;
    *flags = *type & TYPE_NONBLOCK ? O_NONBLOCK : 0;
    *close_on_exec = *type & TYPE_CLOEXEC;
    *type &= TYPE_MASK;
    return 0;
}

static void tell_of_family(const struct frame *frame, int error)
{
    if (error == -EAFNOSUPPORT || error == -ESOCKTNOSUPPORT)
        call_tell(frame, error == -EAFNOSUPPORT ? "asks for a family of sockets that is not there"
                                                : "asks for a type of sockets that is not there");
}

int64_t linux_socket(struct frame *frame)
{
    int type = (int)frame_argument(frame, 1);
    uint32_t flags;
    bool close_on_exec;
    struct socket *socket;
    int error = take_flags(&type, &flags, &close_on_exec);
    if (!error)
        error = socket_create((int)frame_argument(frame, 0), type, (int)frame_argument(frame, 2),
                              flags, &socket);
    tell_of_family(frame, error);
    return error ? error : descriptor_add(&socket->file, close_on_exec, 0);
}

int64_t linux_socketpair(struct frame *frame)
{
    int type = (int)frame_argument(frame, 1);
    uint32_t flags;
    bool close_on_exec;
    struct socket *pair[2];
    int error = take_flags(&type, &flags, &close_on_exec);
    if (!error && !user_range(frame_argument(frame, 3), 2 * sizeof(int32_t)))
        error = -EFAULT;
    if (!error)
        error = socket_pair((int)frame_argument(frame, 0), type, (int)frame_argument(frame, 2),
                            flags, pair);
    if (error)
        return error;
    int64_t first = descriptor_add(&pair[0]->file, close_on_exec, 0);
    if (first < 0) {
        file_put(&pair[1]->file);
        return first;
    }
    int64_t second = descriptor_add(&pair[1]->file, close_on_exec, 0);
    const int32_t numbers[2] = {(int32_t)first, (int32_t)second};
    error = second < 0 ? (int)second
                       : user_write(frame_argument(frame, 3), numbers, sizeof numbers);
    if (error) {
        (void)descriptor_close((uint64_t)first);
        if (second >= 0)
            (void)descriptor_close((uint64_t)second);
    }
    return error;
}

int64_t linux_bind(struct frame *frame)
{
    struct socket *socket;
    struct address address;
    int error = find(frame, &socket);
    if (!error)
        error = address_read(&address, frame_argument(frame, 1), (uint32_t)frame_argument(frame, 2));
    return error ? error : socket_bind(socket, &address);
}

int64_t linux_listen(struct frame *frame)
{
    struct socket *socket;
    int error = find(frame, &socket);
    return error ? error : socket_listen(socket, (int)frame_argument(frame, 1));
}

/* Until the socket has changed, or its own timeout (SO_RCVTIMEO and SO_SNDTIMEO). */
static int64_t wait_changed(struct socket *socket, uint64_t timeout_ns)
{
    uint64_t *end_ns = call_state(sizeof *end_ns, NULL);
    if (*end_ns == 0)
        *end_ns = timeout_ns ? time_monotonic() + timeout_ns : WAIT_FOR_EVER;
    int64_t result = file_wait(&socket->file, *end_ns);
    return result == -ETIMEDOUT ? -EAGAIN : result;
}

static int64_t accept_one(struct frame *frame, int flags)
{
    struct socket *socket, *accepted;
    int error = find(frame, &socket);
    if (error)
        return error;
    if (flags & ~(TYPE_NONBLOCK | TYPE_CLOEXEC))
        return -EINVAL;
    error = socket_accept(socket, flags & TYPE_NONBLOCK ? O_NONBLOCK : 0, &accepted);
    if (error == -EAGAIN)
        return wait_changed(socket, socket->options.receive_timeout_ns);
    if (error)
        return error;
    struct address address = accepted->remote;
    error = address_write(&address, frame_argument(frame, 1), frame_argument(frame, 2));
    if (error) {
        file_put(&accepted->file);
        return error;
    }
    return descriptor_add(&accepted->file, flags & TYPE_CLOEXEC, 0);
}

int64_t linux_accept(struct frame *frame)
{
    return accept_one(frame, 0);
}

int64_t linux_accept4(struct frame *frame)
{
    return accept_one(frame, (int)frame_argument(frame, 3));
}

/* Of a connect that has begun; its first word is wait_changed()'s. */
struct connecting {
    uint64_t end_ns;
    bool begun;
};

/* As a connect that was begun has ended. */
static int64_t connect_ended(struct socket *socket)
{
    int error = socket_error_take(socket);
    return socket->state == SOCKET_CONNECTED && !error ? 0 : error ? -error : -ECONNABORTED;
}

/* Of IP, even the loopback's answer comes after a call that does not wait: programs (CPython's tests) know it so. */
static int64_t connect_begun(struct socket *socket, int error)
{
    if (socket->family == FAMILY_UNIX || socket->type != SOCKET_STREAM)
        return error;
    if (error != 0 && error != -ECONNREFUSED && error != -EINPROGRESS)
        return error;
    if (error == -ECONNREFUSED)
        socket_connect_failed(socket, ECONNREFUSED);
    socket->begun = true;
    return -EINPROGRESS;
}

int64_t linux_connect(struct frame *frame)
{
    struct socket *socket;
    struct address address;
    struct connecting *connecting = call_state(sizeof *connecting, NULL);
    int error = find(frame, &socket);
    if (!error)
        error = address_read(&address, frame_argument(frame, 1), (uint32_t)frame_argument(frame, 2));
    if (error)
        return error;
    bool waits = !(socket->file.flags & O_NONBLOCK);
    if ((connecting->begun || socket->begun) && socket->state != SOCKET_CONNECTS) {
        socket->begun = false;
        return connect_ended(socket);
    }
    error = waits && socket->state == SOCKET_CONNECTS ? -EINPROGRESS
                                                      : socket_connect(socket, &address);
    if (!waits)
        return connect_begun(socket, error);
    if (error != -EINPROGRESS)
        return error;
    connecting->begun = true;
    int64_t result = wait_changed(socket, socket->options.send_timeout_ns);
    return result == -EAGAIN ? -EINPROGRESS : result;
}

int64_t linux_getsockname(struct frame *frame)
{
    struct socket *socket;
    struct address address;
    int error = find(frame, &socket);
    if (error)
        return error;
    socket_name(socket, &address);
    return address_write(&address, frame_argument(frame, 1), frame_argument(frame, 2));
}

int64_t linux_getpeername(struct frame *frame)
{
    struct socket *socket;
    struct address address;
    int error = find(frame, &socket);
    if (!error)
        error = socket_peer_name(socket, &address);
    return error ? error
                 : address_write(&address, frame_argument(frame, 1), frame_argument(frame, 2));
}

int64_t linux_shutdown(struct frame *frame)
{
    struct socket *socket;
    int how = (int)frame_argument(frame, 1);
    int error = find(frame, &socket);
    if (error)
        return error;
    if (how < SHUT_READ || how > SHUT_BOTH)
        return -EINVAL;
    return socket_shutdown(socket, how != SHUT_WRITE, how != SHUT_READ);
}

static void tell_of_option(const struct frame *frame, uint32_t level, uint32_t name)
{
    struct text kind = {.bytes = 0};
    text_add(&kind, "level ");
    text_hex(&kind, level);
    text_add(&kind, " option");
    call_tell_option(frame, text_string(&kind), name);
}

int64_t linux_setsockopt(struct frame *frame)
{
    struct socket *socket;
    int error = find(frame, &socket), name = (int)frame_argument(frame, 2);
    if (error)
        return error;
    error = socket_option_set(socket, (int)frame_argument(frame, 1), name, frame_argument(frame, 3),
                              (uint32_t)frame_argument(frame, 4));
    if (error == -ENOPROTOOPT)
        tell_of_option(frame, (uint32_t)frame_argument(frame, 1), (uint32_t)name);
    return error;
}

int64_t linux_getsockopt(struct frame *frame)
{
    struct socket *socket;
    int error = find(frame, &socket);
    return error ? error
                 : socket_option_get(socket, (int)frame_argument(frame, 1),
                                     (int)frame_argument(frame, 2), frame_argument(frame, 3),
                                     frame_argument(frame, 4));
}
