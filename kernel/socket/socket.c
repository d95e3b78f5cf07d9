/*
 * socket.c: sockets as files; who is connected to whom.
 * Guarantees: a connection has two ends, each of which learns that the other is gone; nobody
 * waits for ever on a listener that is closed.
 * Leaves to others: bytes (stream.c, datagram.c), addresses (names.c), waiting (transfer of
 * files, linux/socket.c). Owns every struct socket that no descriptor refers to yet.
 */
#include "kernel/socket/socket.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/in.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/transfer.h"

#define MODE_SOCKET 0140777u /* S_IFSOCK, for everybody: octal, as inode(7) */

static const struct file_operations operations;
static void close_waiting(struct socket *socket);
static void adopt_early(void);

static struct socket *early; /* connections from outside, before the program has listened at all */
static bool has_listened;

struct socket *socket_of(struct file *file)
{
    return file->operations == &operations ? (struct socket *)(void *)file : NULL;
}

static struct socket *create(uint16_t family, enum socket_type type, uint32_t flags)
{
    struct socket *socket = heap_take(sizeof *socket);
    if (!socket)
        return NULL;
    file_init(&socket->file, &operations, O_RDWR | flags);
    socket->family = family;
    socket->type = (uint8_t)type;
    socket->local = socket->remote = address_any(family);
    socket_options_start(&socket->options);
    return socket;
}

static int decode(int family, int type, int protocol)
{
    if (family != FAMILY_UNIX && family != FAMILY_INET && family != FAMILY_INET6)
        return -EAFNOSUPPORT;
    if (type != SOCKET_STREAM && type != SOCKET_DATAGRAM)
        return -ESOCKTNOSUPPORT;
    int own = type == SOCKET_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (family == FAMILY_UNIX)
        own = 1; /* PF_UNIX */
    return protocol == 0 || protocol == own ? 0 : -EPROTONOSUPPORT;
}

int socket_create(int family, int type, int protocol, uint32_t flags, struct socket **socket)
{
    int error = decode(family, type, protocol);
    if (error)
        return error;
    *socket = create((uint16_t)family, (enum socket_type)type, flags);
    return *socket ? 0 : -ENOMEM;
}

int socket_pair(int family, int type, int protocol, uint32_t flags, struct socket *pair[2])
{
    int error = decode(family, type, protocol);
    if (error)
        return error;
    if (family != FAMILY_UNIX)
        return -EOPNOTSUPP;
    pair[0] = create(FAMILY_UNIX, (enum socket_type)type, flags);
    pair[1] = pair[0] ? create(FAMILY_UNIX, (enum socket_type)type, flags) : NULL;
    if (!pair[1]) {
        if (pair[0])
            file_put(&pair[0]->file);
        return -ENOMEM;
    }
    stream_join(pair[0], pair[1]);
    return 0;
}

int socket_bind(struct socket *socket, const struct address *address)
{
    struct address at = *address;
    if (at.family == FAMILY_UNSPEC && socket->family == FAMILY_INET)
        at = address_any(FAMILY_INET);
    if (at.family != socket->family)
        return socket->family == FAMILY_UNIX ? -EINVAL : -EAFNOSUPPORT;
    if (socket->bound || socket->state != SOCKET_NEW)
        return -EINVAL;
    if (at.family != FAMILY_UNIX && !address_is_local(&at))
        return -EADDRNOTAVAIL;
    if (at.family == FAMILY_INET6 && address_is_v4(&at) && socket->options.only_v6)
        return -EINVAL;
    return name_take(socket, &at);
}

int socket_listen(struct socket *socket, int backlog)
{
    if (socket->type != SOCKET_STREAM)
        return -EOPNOTSUPP;
    if (socket->state != SOCKET_NEW && socket->state != SOCKET_LISTENS)
        return -EINVAL;
    if (!socket->bound) {
        const struct address any = address_any(socket->family);
        int error = socket->family == FAMILY_UNIX ? -EINVAL : name_take(socket, &any);
        if (error)
            return error;
    }
    uint32_t most = (uint32_t)backlog; /* a negative one is large, as Linux has it */
    socket->backlog = most < SOCKET_BACKLOG_MAX ? most : SOCKET_BACKLOG_MAX;
    socket->state = SOCKET_LISTENS;
    has_listened = true;
    adopt_early();
    file_changed(&socket->file);
    return 0;
}

int socket_accept(struct socket *socket, uint32_t flags, struct socket **accepted)
{
    if (socket->type != SOCKET_STREAM)
        return -EOPNOTSUPP;
    if (socket->state != SOCKET_LISTENS)
        return -EINVAL;
    struct socket *first = socket->waiting;
    if (!first)
        return -EAGAIN;
    socket->waiting = first->waiting_next;
    if (!socket->waiting)
        socket->waiting_last = NULL;
    socket->waiting_count--;
    first->listener = NULL;
    first->file.flags |= flags;
    *accepted = first;
    return 0;
}

static void await_accept(struct socket *end, struct socket *listener)
{
    end->listener = listener;
    *(listener->waiting_last ? &listener->waiting_last->waiting_next : &listener->waiting) = end;
    listener->waiting_last = end;
    listener->waiting_count++;
    file_changed(&listener->file);
}

/* The listener's end of a connection, which waits there to be accepted. */
static int join_listener(struct socket *socket, struct socket *listener,
                         const struct address *to)
{
    struct socket *end = create(listener->family, SOCKET_STREAM, 0);
    if (!end)
        return -ENOMEM;
    end->options = listener->options;
    end->local = address_as(to, listener->family);
    end->remote = address_as(&socket->local, listener->family);
    stream_join(socket, end);
    await_accept(end, listener);
    file_changed(&socket->file);
    return 0;
}

/* To who listens at its port, whose family it takes. False: nobody does. */
static bool give_to_listener(struct socket *end)
{
    struct address at = address_loopback(FAMILY_INET, end->local.port);
    struct socket *listener = name_listener(&at);
    if (!listener) {
        at = address_loopback(FAMILY_INET6, end->local.port);
        listener = name_listener(&at);
    }
    if (!listener)
        return false;
    struct address client = end->remote;
    end->family = listener->family;
    end->options = listener->options;
    end->local = address_as(&at, listener->family);
    end->remote = address_as(&client, listener->family);
    if (end->remote.family != listener->family) /* one that cannot say it */
        end->remote = lookup_host();
    end->remote.port = client.port;
    await_accept(end, listener);
    return true;
}

/* Of the node's connections as many wait to be accepted as there may be streams. */
int socket_arrives(uint16_t port, const struct address *client, struct outside *outside,
                   struct socket **socket)
{
    if (has_listened && !socket_listens_at(port))
        return -ECONNREFUSED;
    struct socket *end = create(FAMILY_INET, SOCKET_STREAM, 0);
    if (!end)
        return -ENOMEM;
    end->local.port = port;
    end->remote = *client;
    end->outside = outside;
    end->state = SOCKET_CONNECTED;
    *socket = end;
    if (give_to_listener(end))
        return 0;
    end->waiting_next = early;
    early = end;
    return 0;
}

static void adopt_early(void)
{
    struct socket *waits = early;
    early = NULL;
    while (waits) {
        struct socket *end = waits;
        waits = end->waiting_next;
        end->waiting_next = NULL;
        if (give_to_listener(end))
            continue;
        end->waiting_next = early;
        early = end;
    }
}

void socket_connected(struct socket *socket)
{
    socket->state = SOCKET_CONNECTED;
    file_changed(&socket->file);
}

void socket_connect_failed(struct socket *socket, int error)
{
    socket->state = SOCKET_NEW;
    socket->error = error;
    socket->remote = address_any(socket->family);
    file_changed(&socket->file);
}

/* A connection to the outside: asked for. */
static int connect_outside(struct socket *socket, const struct address *address)
{
    const struct address machine = lookup_host();
    struct address to = *address;
    if (memcmp(to.data, machine.data, ADDRESS_INET_BYTES) == 0)
        to = address_loopback(FAMILY_INET, to.port); /* the node's machine, by its own name */
    if (to.port == 0)
        return -ECONNREFUSED;
    int error = outside_connect(socket, &to);
    if (error)
        return error == -EAGAIN ? -ENOBUFS : error;
    if (address_is_any(&socket->local)) {
        uint16_t port = socket->bound ? socket->local.port : name_free_port();
        socket->local = lookup_own(socket->family, port);
    }
    socket->remote = *address;
    return -EINPROGRESS;
}

/* A path that nobody has is no file (unix(7)). */
static int nobody_there(const struct address *to)
{
    bool is_path = to->family == FAMILY_UNIX && to->bytes && to->data[0];
    return is_path && !name_exists(to) ? -ENOENT : -ECONNREFUSED;
}

/* One more than the backlog says, as on Linux. There TCP asks again and again where more come, so that
 * they wait, too; here they do from the start. */
static int may_wait(const struct socket *listener, uint32_t backlog, int refusal)
{
    return listener->waiting_count > backlog ? refusal : 0;
}

/* Where it goes to, of those that are here; of IP, any address is the loopback's. */
static int find_listener(struct socket *socket, struct address *to, struct socket **listener)
{
    if (socket->family != FAMILY_UNIX) {
        if (address_is_any(to)) {
            struct address here = address_loopback(
                address_is_v4(to) ? FAMILY_INET : FAMILY_INET6, to->port);
            *to = address_as(&here, socket->family);
        }
    }
    *listener = name_listener(to);
    if (!*listener)
        return nobody_there(to);
    return socket->family == FAMILY_UNIX ? may_wait(*listener, (*listener)->backlog, -EAGAIN)
                                         : may_wait(*listener, SOCKET_BACKLOG_MAX, -ECONNREFUSED);
}

static int connect_stream(struct socket *socket, const struct address *address)
{
    struct address to = *address;
    struct socket *listener;
    if (socket->state == SOCKET_LISTENS)
        return socket->family == FAMILY_UNIX ? -EINVAL : -EISCONN;
    if (socket->state == SOCKET_CONNECTS)
        return -EALREADY;
    if (socket->state != SOCKET_NEW)
        return -EISCONN;
    int error = socket_error_take(socket); /* of the last attempt */
    if (error)
        return -error;
    if (socket->family != FAMILY_UNIX && !address_is_local(&to))
        return connect_outside(socket, &to);
    error = find_listener(socket, &to, &listener);
    if (error)
        return error;
    if (socket->family != FAMILY_UNIX) {
        uint16_t port = socket->bound ? socket->local.port : name_free_port();
        if (address_is_any(&socket->local)) {
            struct address from = address_loopback(
                address_is_v4(&to) ? FAMILY_INET : FAMILY_INET6, port);
            socket->local = address_as(&from, socket->family);
        }
    }
    socket->remote = to;
    return join_listener(socket, listener, &to);
}

static int connect_datagram(struct socket *socket, const struct address *to)
{
    if (socket->peer)
        return -EISCONN;
    if (to->family == FAMILY_UNSPEC) {
        socket->state = SOCKET_NEW;
        socket->remote = address_any(socket->family);
        return 0;
    }
    if (socket->family == FAMILY_UNIX) {
        if (!name_receiver(to, &socket->local))
            return nobody_there(to);
    } else {
        if (!address_is_local(to) && !lookup_is_at(to))
            return -ENETUNREACH; /* untold: how resolvers look for a route */
        if (!socket->bound) {
            const struct address any = address_any(socket->family);
            int error = name_take(socket, &any);
            if (error)
                return error;
        }
    }
    socket->remote = *to;
    if (to->family != FAMILY_UNIX && address_is_any(to)) {
        struct address here =
            address_loopback(address_is_v4(to) ? FAMILY_INET : FAMILY_INET6, to->port);
        socket->remote = address_as(&here, socket->family);
    }
    socket->state = SOCKET_CONNECTED;
    return 0;
}

int socket_connect(struct socket *socket, const struct address *address)
{
    bool none = address->family == FAMILY_UNSPEC;
    if (!none && address->family != socket->family)
        return socket->family == FAMILY_UNIX ? -EINVAL : -EAFNOSUPPORT;
    if (socket->family == FAMILY_INET6 && !none && address_is_v4(address) &&
        socket->options.only_v6)
        return -ENETUNREACH;
    if (socket->type == SOCKET_DATAGRAM)
        return connect_datagram(socket, address);
    return none ? -EAFNOSUPPORT : connect_stream(socket, address);
}

int socket_shutdown(struct socket *socket, bool read, bool write)
{
    struct socket *peer = socket->peer;
    if (socket->state == SOCKET_NEW && socket->family != FAMILY_UNIX)
        return -ENOTCONN;
    if (socket->state == SOCKET_LISTENS && socket->family != FAMILY_UNIX) {
        if (!read)
            return 0;
        close_waiting(socket);
        socket->state = SOCKET_NEW; /* it listens no more */
        file_changed(&socket->file);
        return 0;
    }
    socket->read_shut |= read;
    socket->write_shut |= write;
    file_changed(&socket->file);
    if (socket->outside && write)
        outside_finish(socket->outside);
    if (!peer)
        return 0;
    if (write && socket->type == SOCKET_STREAM)
        peer->finished = true;
    file_changed(&peer->file);
    return 0;
}

int64_t socket_send(struct socket *socket, struct io *io, const struct address *to)
{
    if (socket->type == SOCKET_DATAGRAM)
        return datagram_send(socket, io, to);
    if (to && socket->family == FAMILY_UNIX)
        return socket->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    return stream_send(socket, io); /* of IP an address is not looked at */
}

int64_t socket_receive(struct socket *socket, struct io *io, uint32_t *flags,
                       struct address *from)
{
    if (from)
        *from = (struct address){.family = FAMILY_UNSPEC};
    if (socket->type == SOCKET_DATAGRAM)
        return datagram_receive(socket, io, flags, from);
    return stream_receive(socket, io, flags);
}

void socket_name(const struct socket *socket, struct address *address)
{
    *address = socket->local;
}

int socket_peer_name(const struct socket *socket, struct address *address)
{
    if (socket->state != SOCKET_CONNECTED && !(socket->state == SOCKET_ENDED && !socket->error))
        return -ENOTCONN;
    *address = socket->remote;
    return 0;
}

int socket_error_take(struct socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

bool socket_listens_at(uint16_t port)
{
    const struct address v4 = address_loopback(FAMILY_INET, port);
    const struct address v6 = address_loopback(FAMILY_INET6, port);
    return name_listener(&v4) || name_listener(&v6);
}

int socket_open_to(uint16_t port, struct socket **socket)
{
    const struct address v4 = address_loopback(FAMILY_INET, port);
    const struct address to =
        name_listener(&v4) ? v4 : address_loopback(FAMILY_INET6, port);
    int error = socket_create(to.family, SOCKET_STREAM, 0, O_NONBLOCK, socket);
    if (error)
        return error;
    error = socket_connect(*socket, &to);
    if (error)
        file_put(&(*socket)->file);
    return error;
}

void socket_outside(const struct address *address, const char *what)
{
    static uint32_t told;
    if (told == SOCKET_OUTSIDE_TOLD_MAX)
        return;
    told++;
    struct text line = {.bytes = 0};
    text_add(&line, what);
    text_add(&line, " to ");
    address_text(address, &line);
    text_add(&line, " is refused: to the outside lead connections, and name look-ups");
    output_kernel(MF_LOG_WARN, line.data, line.bytes);
}

static int64_t read_socket(struct file *file, struct io *io, uint64_t *position)
{
    uint32_t flags = 0;
    (void)position;
    return socket_receive(socket_of(file), io, &flags, NULL);
}

static int64_t write_socket(struct file *file, struct io *io, uint64_t *position)
{
    (void)position;
    return socket_send(socket_of(file), io, NULL);
}

static uint32_t ready_socket(struct file *file)
{
    struct socket *socket = socket_of(file);
    return socket->type == SOCKET_DATAGRAM ? datagram_ready(socket) : stream_ready(socket);
}

static int stat_socket(struct file *file, struct file_stat *stat)
{
    stat->number = file->number;
    stat->mode = MODE_SOCKET;
    stat->links = 1;
    stat->block_bytes = SOCKET_BUFFER_BYTES_MIN;
    return 0;
}

static int64_t control_socket(struct file *file, uint64_t request, uint64_t argument)
{
    const struct socket *socket = socket_of(file);
    int32_t bytes;
    switch ((uint32_t)request) {
    case FIONREAD:
        if (socket->state == SOCKET_LISTENS)
            return -EINVAL;
        bytes = (int32_t)(socket->type == SOCKET_DATAGRAM ? datagram_bytes(socket)
                                                          : socket->received.bytes);
        return user_write(argument, &bytes, sizeof bytes);
    case TIOCOUTQ: /* SIOCOUTQ */
        bytes = socket->peer && socket->type == SOCKET_STREAM
                    ? (int32_t)socket->peer->received.bytes
                    : 0;
        return user_write(argument, &bytes, sizeof bytes);
    case SIOCATMARK:
        bytes = 0;
        return user_write(argument, &bytes, sizeof bytes);
    default:
        return -ENOTTY;
    }
}

/* Nobody accepts those that wait: their other ends are reset. */
static void close_waiting(struct socket *socket)
{
    struct socket *waits;
    while (socket_accept(socket, 0, &waits) == 0) {
        if (waits->peer)
            stream_reset(waits->peer, ECONNRESET);
        waits->peer = NULL;
        if (waits->outside)
            outside_close(waits->outside, true);
        file_put(&waits->file);
    }
}

static void close_socket(struct file *file)
{
    struct socket *socket = socket_of(file);
    if (socket->state == SOCKET_LISTENS)
        close_waiting(socket);
    name_give(socket);
    lookup_forget(socket);
    if (socket->type == SOCKET_STREAM) {
        stream_close(socket);
    } else if (socket->peer) {
        socket->peer->peer = NULL;
        socket->peer->state = SOCKET_ENDED;
        file_changed(&socket->peer->file);
    }
    buffer_close(&socket->received);
    heap_give(socket, sizeof *socket);
}

static const struct file_operations operations = {
    .name = "socket",
    .read = read_socket,
    .write = write_socket,
    .ready = ready_socket,
    .stat = stat_socket,
    .control = control_socket,
    .close = close_socket,
};
