/*
 * names.c: see names.h.
 * Guarantees: two sockets have one address only if both allow it (SO_REUSEADDR while none
 * listens, SO_REUSEPORT); :: has IPv4's addresses, too, unless it is IPV6_V6ONLY.
 * Leaves to others: which addresses there are (socket.c). Owns the list of names.
 */
#include "kernel/socket/names.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/core/string.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/path.h"

static struct socket *first;
static uint16_t last_port = SOCKET_PORT_LAST;
static uint32_t last_name;

#define NAME_DIGITS 5u /* of a name that nobody chose, unix(7) */
#define NAMES_FREE (1u << (4 * NAME_DIGITS))

static bool has_v4(const struct socket *socket)
{
    return address_is_v4(&socket->local) ||
           (address_is_any(&socket->local) && !socket->options.only_v6);
}

static bool has_v6(const struct socket *socket)
{
    return socket->family == FAMILY_INET6 && !address_is_v4(&socket->local);
}

/* Would a packet to one's address be the other's as well? Ports are equal. */
static bool meet(const struct socket *a, const struct socket *b)
{
    if (!(has_v4(a) && has_v4(b)) && !(has_v6(a) && has_v6(b)))
        return false;
    return address_is_any(&a->local) || address_is_any(&b->local) ||
           memcmp(a->local.data, b->local.data, ADDRESS_INET_BYTES) == 0;
}

static bool may_share(const struct socket *a, const struct socket *b)
{
    if (a->options.value[OPTION_REUSEPORT] && b->options.value[OPTION_REUSEPORT])
        return true;
    return a->options.value[OPTION_REUSEADDR] && b->options.value[OPTION_REUSEADDR] &&
           (a->type == SOCKET_DATAGRAM ||
            (a->state != SOCKET_LISTENS && b->state != SOCKET_LISTENS));
}

static bool is_taken(const struct socket *socket)
{
    for (const struct socket *other = first; other; other = other->name_next) {
        if (other == socket || (other->family == FAMILY_UNIX) != (socket->family == FAMILY_UNIX))
            continue;
        if (socket->family == FAMILY_UNIX) {
            if (!path_is(&socket->local) && address_same(&other->local, &socket->local))
                return true; /* of paths the file says so */
            continue;
        }
        if (other->type == socket->type && other->local.port == socket->local.port &&
            meet(other, socket) && !may_share(other, socket))
            return true;
    }
    return false;
}

uint16_t name_free_port(void)
{
    last_port = last_port >= SOCKET_PORT_LAST ? SOCKET_PORT_FIRST : (uint16_t)(last_port + 1);
    return last_port;
}

static bool choose(struct socket *socket)
{
    if (socket->family != FAMILY_UNIX) {
        for (uint32_t i = SOCKET_PORT_FIRST; i <= SOCKET_PORT_LAST; i++) {
            socket->local.port = name_free_port();
            if (!is_taken(socket))
                return true;
        }
        return false;
    }
    socket->local.bytes = 1 + NAME_DIGITS;
    for (uint32_t i = 0; i < NAMES_FREE; i++) {
        last_name = (last_name + 1) % NAMES_FREE;
        for (uint32_t k = 0; k < NAME_DIGITS; k++)
            socket->local.data[1 + k] =
                (uint8_t)"0123456789abcdef"[last_name >> (4 * (NAME_DIGITS - 1 - k)) & 15];
        if (!is_taken(socket))
            return true;
    }
    return false;
}

int name_take(struct socket *socket, const struct address *address)
{
    const struct address old = socket->local;
    mf_assert(!socket->bound);
    socket->local = *address;
    bool free = address->family == FAMILY_UNIX ? address->bytes == 0 : address->port == 0;
    int error = (free ? !choose(socket) : is_taken(socket)) ? -EADDRINUSE : 0;
    if (!error && path_is(&socket->local))
        error = path_make(&socket->local, &socket->path);
    if (error) {
        socket->local = old;
        return error;
    }
    place_hold(&socket->path);
    socket->bound = true;
    socket->name_previous = NULL;
    socket->name_next = first;
    if (first)
        first->name_previous = socket;
    first = socket;
    return 0;
}

void name_give(struct socket *socket)
{
    if (!socket->bound)
        return;
    *(socket->name_previous ? &socket->name_previous->name_next : &first) = socket->name_next;
    if (socket->name_next)
        socket->name_next->name_previous = socket->name_previous;
    socket->bound = false;
    place_drop(&socket->path);
    socket->path = (struct place){0};
}

/* 0: not its; 1: as any address is; 2: its own. file: of a path, else nobody's. */
static unsigned fits(const struct socket *socket, const struct address *address, const struct place *file)
{
    if ((socket->family == FAMILY_UNIX) != (address->family == FAMILY_UNIX))
        return 0;
    if (path_is(address))
        return place_same(&socket->path, file) ? 2 : 0;
    if (address->family == FAMILY_UNIX)
        return address_same(&socket->local, address) ? 2 : 0;
    if (socket->local.port != address->port ||
        !(address_is_v4(address) ? has_v4(socket) : has_v6(socket)))
        return 0;
    if (address_is_any(&socket->local))
        return 1;
    return memcmp(socket->local.data, address->data, ADDRESS_INET_BYTES) == 0 ? 2 : 0;
}

struct socket *name_listener(const struct address *address)
{
    struct socket *best = NULL;
    unsigned best_fits = 0;
    struct place file = {0};
    if (path_is(address) && path_find(address, &file) != 0)
        return NULL;
    for (struct socket *socket = first; socket; socket = socket->name_next) {
        unsigned how = socket->state == SOCKET_LISTENS ? fits(socket, address, &file) : 0;
        if (how > best_fits) {
            best = socket;
            best_fits = how;
        }
    }
    return best;
}

struct socket *name_receiver(const struct address *address, const struct address *from,
                             const struct place *file)
{
    struct socket *best = NULL;
    unsigned best_fits = 0;
    struct place found = {0};
    if (path_is(address) && !file && path_find(address, &found) != 0)
        return NULL;
    for (struct socket *socket = first; socket; socket = socket->name_next) {
        unsigned how = socket->type == SOCKET_DATAGRAM ? fits(socket, address, file ? file : &found) : 0;
        if (how && socket->state == SOCKET_CONNECTED) {
            const struct address peer = address_as(&socket->remote, from->family);
            how = address_same(&peer, from) ? how + 2 : 0; /* it hears nobody else */
        }
        if (how > best_fits) {
            best = socket;
            best_fits = how;
        }
    }
    return best;
}

bool name_exists(const struct address *address)
{
    mf_assert(address->family != FAMILY_UNIX);
    for (const struct socket *socket = first; socket; socket = socket->name_next)
        if (fits(socket, address, NULL))
            return true;
    return false;
}

int name_refusal(const struct address *address, enum socket_type type)
{
    struct place file = {0};
    int error = path_is(address) ? path_find(address, &file) : 0;
    for (const struct socket *socket = first; !error && socket; socket = socket->name_next)
        if (path_is(address) && socket->type != type && fits(socket, address, &file))
            error = -EPROTOTYPE;
    return error ? error : -ECONNREFUSED;
}
