/*
 * datagram.c: messages, each with where it is from.
 * Guarantees: a message arrives whole, or not at all. A receiver without room costs the other
 * end of a pair a wait, another sender of AF_UNIX an ENOBUFS, and with IP the message.
 * Leaves to others: addresses (names.c), waiting. Owns nothing.
 */
#include <asm/errno.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/socket/limits.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/netlink.h"
#include "kernel/socket/transfer.h"

/* Before each message in its receiver's buffer; the address's data between the two. */
struct head {
    uint32_t bytes;
    uint16_t family, port, address_bytes, has_rights;
};

#define HEAD_BYTES_MAX (sizeof(struct head) + ADDRESS_NAME_BYTES_MAX)
_Static_assert(SOCKET_MESSAGE_BYTES_MAX + HEAD_BYTES_MAX <= SOCKET_BUFFER_BYTES_MAX, "the longest is taken");

static struct head oldest(const struct buffer *buffer)
{
    struct head head = {.bytes = 0};
    if (buffer->bytes)
        buffer_look(buffer, 0, &head, sizeof head);
    return head;
}

uint32_t datagram_bytes(const struct socket *socket)
{
    struct head head = oldest(&socket->received);
    uint32_t bytes = head.bytes, at = (uint32_t)sizeof head + head.address_bytes + bytes;
    while (socket->type == SOCKET_PACKETS && at < socket->received.bytes) {
        buffer_look(&socket->received, at, &head, sizeof head);
        at += (uint32_t)sizeof head + head.address_bytes + head.bytes;
        bytes += head.bytes;
    }
    return bytes;
}

int datagram_deliver(struct socket *to, const struct address *from, struct io *io, struct rights **rights)
{
    struct buffer *buffer = &to->received;
    uint32_t bytes = (uint32_t)io->bytes;
    const struct head head = {.bytes = bytes,
                              .family = from->family,
                              .port = from->port,
                              .address_bytes = from->bytes,
                              .has_rights = rights && *rights};
    uint32_t whole = (uint32_t)sizeof head + from->bytes + bytes;
    if (whole > buffer_room(buffer, SOCKET_BUFFER_BYTES_MAX))
        return -EAGAIN;
    int error = buffer_reserve(buffer, whole, SOCKET_BUFFER_BYTES_MAX);
    if (error)
        return error;
    /* The message first, behind the room for its head: it may not be there. */
    struct buffer behind = *buffer;
    behind.bytes += (uint32_t)sizeof head + from->bytes;
    error = buffer_put(&behind, io, bytes);
    if (error)
        return error;
    buffer_add(buffer, &head, sizeof head);
    buffer_add(buffer, from->data, from->bytes);
    buffer->bytes += bytes;
    if (head.has_rights) {
        rights_send(*rights, to, 0, 0);
        *rights = NULL;
    }
    file_changed(&to->file);
    return 0;
}

/* Where to, and from where; the sender gets a name if it has none. */
static int find(struct socket *socket, const struct address *to, struct socket **receiver)
{
    *receiver = socket->peer;
    if (socket->type == SOCKET_PACKETS) /* an address is not looked at */
        return socket->peer ? 0 : socket->state == SOCKET_ENDED ? -EPIPE : -ENOTCONN;
    if (socket->peer)
        return to ? -EISCONN : 0;
    if (!to && socket->state != SOCKET_CONNECTED)
        return socket->state == SOCKET_ENDED  ? -ECONNREFUSED
               : socket->family == FAMILY_UNIX ? -ENOTCONN
                                               : -EDESTADDRREQ;
    if (!to)
        to = &socket->remote;
    if ((to->family == FAMILY_UNIX) != (socket->family == FAMILY_UNIX))
        return to->family == FAMILY_UNSPEC ? -EINVAL : -EAFNOSUPPORT;
    if (socket->family == FAMILY_INET && !address_is_v4(to))
        return -EAFNOSUPPORT;
    if (socket->family == FAMILY_UNIX) {
        bool connected = to == &socket->remote;
        *receiver = name_receiver(to, &socket->local, connected ? &socket->remote_path : NULL);
        return *receiver ? 0 : connected ? -ECONNREFUSED : name_refusal(to, SOCKET_DATAGRAM);
    }
    if (to->port == 0)
        return -EINVAL;
    if (!address_is_local(to)) {
        socket_outside(to, "a datagram");
        return -ENETUNREACH;
    }
    if (!socket->bound) {
        const struct address any = address_any(socket->family);
        int error = name_take(socket, &any);
        if (error)
            return error;
    }
    struct address at = *to;
    if (address_is_any(to))
        at = address_loopback(address_is_v4(to) ? FAMILY_INET : FAMILY_INET6, to->port);
    struct address from = address_loopback(
        address_is_v4(&at) ? FAMILY_INET : FAMILY_INET6, socket->local.port);
    from = address_as(&from, to->family);
    *receiver = name_receiver(&at, &from, NULL);
    return 0;
}

static struct address sender(const struct socket *socket, const struct socket *receiver)
{
    if (socket->family == FAMILY_UNIX)
        return socket->local;
    struct address from = socket->local;
    if (address_is_any(&from)) {
        bool v4 = receiver->family == FAMILY_INET || socket->family == FAMILY_INET ||
                  address_is_v4(&receiver->local) || address_is_v4(&socket->local);
        from = address_loopback(v4 ? FAMILY_INET : FAMILY_INET6, socket->local.port);
    }
    return address_as(&from, receiver->family);
}

static uint32_t bytes_max(const struct socket *socket)
{
    return socket->family == FAMILY_UNIX ? SOCKET_MESSAGE_BYTES_MAX : SOCKET_DATAGRAM_BYTES_MAX;
}

int64_t datagram_send(struct socket *socket, struct io *io, const struct address *to, struct rights **rights)
{
    struct socket *receiver;
    int64_t bytes = (int64_t)io->bytes;
    int error = socket_error_take(socket);
    if (error)
        return -error;
    if (socket->write_shut)
        return -EPIPE;
    if (io->bytes > bytes_max(socket))
        return -EMSGSIZE;
    if (socket->family == FAMILY_NETLINK)
        return netlink_ask(socket, io);
    const struct address *at = to || socket->state != SOCKET_CONNECTED ? to : &socket->remote;
    if (at && socket->family != FAMILY_UNIX && at->family == socket->family && lookup_is_at(at)) {
        const struct address any = address_any(socket->family);
        error = socket->bound ? 0 : name_take(socket, &any);
        return error ? error : lookup_ask(socket, io, at);
    }
    error = find(socket, to, &receiver);
    if (error)
        return error;
    if (!receiver || receiver->read_shut) {
        if (receiver && socket->family == FAMILY_UNIX)
            return -EPIPE;
        if (!receiver && !to) { /* the answer to it: port unreachable */
            socket->error = ECONNREFUSED;
            file_changed(&socket->file);
        }
        error = io_skip(io, io->bytes);
        return error ? error : bytes;
    }
    const struct address from = sender(socket, receiver);
    error = datagram_deliver(receiver, &from, io, rights);
    if (error == -EAGAIN && socket->family != FAMILY_UNIX)
        error = io_skip(io, io->bytes); /* as a network loses it */
    if (error == -EAGAIN && !socket->peer)
        return -ENOBUFS; /* its reader does not know whom to tell of room */
    if (error == -EAGAIN)
        socket->wants_room = true;
    return error ? error : bytes;
}

int64_t datagram_receive(struct socket *socket, struct io *io, uint32_t *flags,
                         struct address *from, struct rights **rights)
{
    struct buffer *buffer = &socket->received;
    uint32_t how = *flags;
    *flags = 0;
    if (!buffer->bytes) {
        int error = socket_error_take(socket);
        if (error)
            return -error;
        if (socket->type == SOCKET_PACKETS && socket->state < SOCKET_CONNECTED)
            return -ENOTCONN;
        return socket->read_shut || socket->finished ? 0 : -EAGAIN;
    }
    const struct head head = oldest(buffer);
    uint32_t front = (uint32_t)sizeof head + head.address_bytes;
    uint32_t bytes = io->bytes < head.bytes ? (uint32_t)io->bytes : head.bytes;
    int error = buffer_get(buffer, front, io, bytes);
    if (error)
        return error;
    if (from) {
        *from = (struct address){
            .family = head.family, .port = head.port, .bytes = head.address_bytes};
        buffer_look(buffer, sizeof head, from->data, head.address_bytes);
    }
    struct rights *came = !head.has_rights ? NULL : how & SOCKET_PEEK ? rights_copy(socket->rights) : rights_receive(socket);
    if (rights)
        *rights = came;
    else
        rights_drop(came);
    if (!(how & SOCKET_PEEK)) {
        buffer_drop(buffer, front + head.bytes);
        if (socket->peer && socket->peer->wants_room) {
            socket->peer->wants_room = false;
            file_changed(&socket->peer->file);
        }
    }
    if (bytes < head.bytes)
        *flags = SOCKET_TRUNCATED;
    return how & SOCKET_TRUNCATED ? head.bytes : bytes;
}

uint32_t datagram_ready(struct socket *socket)
{
    if (socket->type == SOCKET_PACKETS && socket->state < SOCKET_CONNECTED)
        return stream_ready(socket);
    uint32_t ready = POLLOUT | POLLWRNORM;
    if (socket->received.bytes || socket->read_shut || socket->finished || socket->error)
        ready |= POLLIN | POLLRDNORM;
    if (socket->read_shut || socket->finished)
        ready |= POLLRDHUP;
    if (socket->error)
        ready |= POLLERR;
    if ((socket->read_shut || socket->finished) && (socket->write_shut || socket->state == SOCKET_ENDED))
        ready |= POLLHUP;
    if (socket->peer &&
        buffer_room(&socket->peer->received, SOCKET_BUFFER_BYTES_MAX) < bytes_max(socket) + HEAD_BYTES_MAX) {
        ready &= ~(uint32_t)(POLLOUT | POLLWRNORM);
        socket->wants_room = true;
    }
    return ready;
}
