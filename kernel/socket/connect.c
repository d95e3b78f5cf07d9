/*
 * connect.c: where a socket is connected to: somebody here, or the outside.
 * Guarantees: checks first; what fails has changed nothing but what Linux changes.
 * Leaves to others: who waits (listen.c), the outside (outside.c, lookup.c), addresses (names.c). Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>

#include "kernel/core/string.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/listen.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/path.h"

static int connect_stream(struct socket *socket, const struct address *address);
/* A datagram socket's, from now on: the file that the path leads to now, whatever becomes of the path. */
static void keep_path(struct socket *socket, const struct place *file)
{
    place_hold(file);
    place_drop(&socket->remote_path);
    socket->remote_path = *file;
}

static int connect_datagram(struct socket *socket, const struct address *to);

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

/* The loopback, of the family of that address, as the socket says it. */
static struct address here(const struct socket *socket, const struct address *like, uint16_t port)
{
    const struct address loopback = address_loopback(address_is_v4(like) ? FAMILY_INET : FAMILY_INET6, port);
    return address_as(&loopback, socket->family);
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

/* One more than the backlog says, as on Linux. There TCP asks again and again where more come, so that
 * they wait, too; here they do from the start. */
static int may_wait(const struct socket *listener, uint32_t backlog, int refusal)
{
    return listener->waiting_count > backlog ? refusal : 0;
}

/* Where it goes to, of those that are here; of IP, any address is the loopback's. */
static int find_listener(struct socket *socket, struct address *to, struct socket **listener)
{
    if (socket->family != FAMILY_UNIX && address_is_any(to))
        *to = here(socket, to, to->port);
    *listener = name_listener(to);
    if (!*listener)
        return socket->family == FAMILY_UNIX ? name_refusal(to, (enum socket_type)socket->type) : -ECONNREFUSED;
    if ((*listener)->type != socket->type) /* names that are no paths are of each type's own, unix(7) */
        return to->data[0] ? -EPROTOTYPE : -ECONNREFUSED;
    if (socket->family == FAMILY_UNIX)
        *to = (*listener)->local; /* as it was bound, whatever path leads there */
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
        if (address_is_any(&socket->local))
            socket->local = here(socket, &to, port);
    }
    socket->remote = to;
    return listener_join(socket, listener, &to);
}

static int connect_datagram(struct socket *socket, const struct address *to)
{
    if (socket->peer)
        return -EISCONN;
    if (to->family == FAMILY_UNSPEC) {
        socket->state = SOCKET_NEW;
        socket->remote = address_any(socket->family);
        keep_path(socket, &(struct place){0});
        return 0;
    }
    if (socket->family == FAMILY_UNIX) {
        const struct socket *receiver = name_receiver(to, &socket->local, NULL);
        if (!receiver)
            return name_refusal(to, SOCKET_DATAGRAM);
        keep_path(socket, &receiver->path);
        to = &receiver->local; /* as it was bound, whatever path leads there */
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
    if (to->family != FAMILY_UNIX && address_is_any(to))
        socket->remote = here(socket, to, to->port);
    socket->state = SOCKET_CONNECTED;
    return 0;
}
