/*
 * socket.c: sockets as files.
 * Guarantees: a connection has two ends, each of which learns that the other is gone.
 * Leaves to others: bytes (stream.c, datagram.c), who gets to whom (connect.c, listen.c), addresses
 * (names.c), waiting (transfer of files, linux/socket.c). Owns nothing: a socket is its descriptors'.
 */
#include "kernel/socket/socket.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/in.h>
#include <linux/netlink.h>
#include <stddef.h>

#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/listen.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/netlink.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/transfer.h"

#define MODE_SOCKET 0140777u /* S_IFSOCK, for everybody: octal, as inode(7) */

static const struct file_operations operations;

struct socket *socket_of(struct file *file)
{
    return file->operations == &operations ? (struct socket *)(void *)file : NULL;
}

struct socket *socket_make(uint16_t family, enum socket_type type, uint32_t flags)
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
    if (family == FAMILY_NETLINK)
        return type != SOCKET_DATAGRAM && type != SOCKET_RAW ? -ESOCKTNOSUPPORT
               : protocol == NETLINK_ROUTE                   ? 0
                                                             : -EPROTONOSUPPORT;
    if (family != FAMILY_UNIX && family != FAMILY_INET && family != FAMILY_INET6)
        return -EAFNOSUPPORT;
    if (type != SOCKET_STREAM && type != SOCKET_DATAGRAM && !(type == SOCKET_PACKETS && family == FAMILY_UNIX))
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
    if (type == SOCKET_RAW) /* of netlink, where it is the same */
        type = SOCKET_DATAGRAM;
    *socket = socket_make((uint16_t)family, (enum socket_type)type, flags);
    return *socket ? 0 : -ENOMEM;
}

int socket_pair(int family, int type, int protocol, uint32_t flags, struct socket *pair[2])
{
    int error = decode(family, type, protocol);
    if (error)
        return error;
    if (family != FAMILY_UNIX)
        return -EOPNOTSUPP;
    pair[0] = socket_make(FAMILY_UNIX, (enum socket_type)type, flags);
    pair[1] = pair[0] ? socket_make(FAMILY_UNIX, (enum socket_type)type, flags) : NULL;
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
    if (at.family == FAMILY_NETLINK) {
        socket->local = at;
        netlink_name(socket);
        return 0;
    }
    if (socket->bound || socket->state != SOCKET_NEW)
        return -EINVAL;
    if (at.family != FAMILY_UNIX && !address_is_local(&at))
        return -EADDRNOTAVAIL;
    if (at.family == FAMILY_INET6 && address_is_v4(&at) && socket->options.only_v6)
        return -EINVAL;
    return name_take(socket, &at);
}

int socket_shutdown(struct socket *socket, bool read, bool write)
{
    struct socket *peer = socket->peer;
    if (socket->state == SOCKET_NEW && socket->family != FAMILY_UNIX)
        return -ENOTCONN;
    if (socket->state == SOCKET_LISTENS && socket->family != FAMILY_UNIX) {
        if (!read)
            return 0;
        listener_close(socket);
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
    if (write && socket->type != SOCKET_DATAGRAM)
        peer->finished = true;
    file_changed(&peer->file);
    return 0;
}

int64_t socket_send(struct socket *socket, struct io *io, const struct address *to, struct rights **rights)
{
    int error = rights && *rights ? rights_may_send(*rights) : 0;
    if (error)
        return error;
    if (socket->type != SOCKET_STREAM)
        return datagram_send(socket, io, to, rights);
    if (to && socket->family == FAMILY_UNIX)
        return socket->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    return stream_send(socket, io, rights); /* of IP an address is not looked at */
}

int64_t socket_receive(struct socket *socket, struct io *io, uint32_t *flags,
                       struct address *from, struct rights **rights)
{
    if (rights)
        *rights = NULL;
    if (from)
        *from = (struct address){.family = FAMILY_UNSPEC};
    if (socket->type != SOCKET_STREAM)
        return datagram_receive(socket, io, flags, from, rights);
    return stream_receive(socket, io, flags, rights);
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
    return socket_receive(socket_of(file), io, &flags, NULL, NULL);
}

static int64_t write_socket(struct file *file, struct io *io, uint64_t *position)
{
    (void)position;
    return socket_send(socket_of(file), io, NULL, NULL);
}

static uint32_t ready_socket(struct file *file)
{
    struct socket *socket = socket_of(file);
    return socket->type != SOCKET_STREAM ? datagram_ready(socket) : stream_ready(socket);
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
        bytes = (int32_t)(socket->type != SOCKET_STREAM ? datagram_bytes(socket)
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
        return netlink_control(request, argument);
    }
}

static void close_socket(struct file *file)
{
    struct socket *socket = socket_of(file);
    if (socket->state == SOCKET_LISTENS)
        listener_close(socket);
    name_give(socket);
    place_drop(&socket->remote_path);
    lookup_forget(socket);
    if (socket->type != SOCKET_DATAGRAM) {
        stream_close(socket);
    } else if (socket->peer) {
        socket->peer->peer = NULL;
        socket->peer->state = SOCKET_ENDED;
        file_changed(&socket->peer->file);
    }
    buffer_close(&socket->received);
    while (socket->rights)
        rights_drop(rights_receive(socket));
    heap_give(socket, sizeof *socket);
    rights_collect(NULL); /* who was reached by what it had received */
}

/* Of one that is in messages, too. */
static void close_descriptor(struct file *file)
{
    if (socket_of(file)->on_way)
        rights_collect(socket_of(file));
}

static const struct file_operations operations = {
    .name = "socket",
    .read = read_socket,
    .write = write_socket,
    .ready = ready_socket,
    .stat = stat_socket,
    .control = control_socket,
    .descriptor_closed = close_descriptor,
    .close = close_socket,
};
