/*
 * listen.c: who listens, and who waits to be accepted there.
 * Guarantees: nobody waits for ever on a listener that is closed. What comes from outside before the
 * program has listened at all waits for it.
 * Leaves to others: who may wait (connect.c), addresses (names.c). Owns every struct socket that waits.
 */
#include "kernel/socket/listen.h"

#include <asm/errno.h>

#include "kernel/socket/limits.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/transfer.h"

static struct socket *early; /* connections from outside, before the program has listened at all */
static bool has_listened;

static void await_accept(struct socket *end, struct socket *listener);
static bool give_to_listener(struct socket *end);
static void adopt_early(void);

int socket_listen(struct socket *socket, int backlog)
{
    if (socket->type == SOCKET_DATAGRAM)
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
    if (socket->type == SOCKET_DATAGRAM)
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

int listener_join(struct socket *socket, struct socket *listener, const struct address *to)
{
    struct socket *end = socket_make(listener->family, (enum socket_type)listener->type, 0);
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

void listener_close(struct socket *socket)
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

bool socket_listens_at(uint16_t port)
{
    const struct address v4 = address_loopback(FAMILY_INET, port);
    const struct address v6 = address_loopback(FAMILY_INET6, port);
    return name_listener(&v4) || name_listener(&v6);
}

/* Of the node's connections as many wait to be accepted as there may be streams. */
int socket_arrives(uint16_t port, const struct address *client, struct outside *outside,
                   struct socket **socket)
{
    if (has_listened && !socket_listens_at(port))
        return -ECONNREFUSED;
    struct socket *end = socket_make(FAMILY_INET, SOCKET_STREAM, 0);
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

static void await_accept(struct socket *end, struct socket *listener)
{
    end->listener = listener;
    *(listener->waiting_last ? &listener->waiting_last->waiting_next : &listener->waiting) = end;
    listener->waiting_last = end;
    listener->waiting_count++;
    file_changed(&listener->file);
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
