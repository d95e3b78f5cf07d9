/*
 * stream.c: two ends of a connection: what one writes lies in the other's buffer.
 * Guarantees: bytes arrive once, in order, and before the end; a writer is told of room
 * when the reader has made much of it, not at each byte.
 * Leaves to others: who is connected to whom (socket.c), waiting. Owns nothing.
 */
#include <asm/errno.h>
#include <asm/poll.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/transfer.h"

#define ROOM_TOLD (SOCKET_BUFFER_BYTES_MAX / 3) /* as Linux's: a third is free */

static uint32_t room_of(const struct socket *socket)
{
    return socket->peer ? buffer_room(&socket->peer->received, SOCKET_BUFFER_BYTES_MAX) : 0;
}

void stream_join(struct socket *a, struct socket *b)
{
    mf_assert(!a->peer && !b->peer);
    a->peer = b;
    b->peer = a;
    a->state = b->state = SOCKET_CONNECTED;
}

/* Nobody will read it: as Linux does, the first such bytes to a connection of IP's are taken, no
 * more than are under way at a time, and the answer to them is the error. */
static int64_t send_to_nobody(struct socket *socket, struct io *io)
{
    if (!socket->reset_next)
        return -EPIPE;
    int64_t bytes = io->bytes < SOCKET_BUFFER_BYTES_MAX ? (int64_t)io->bytes : SOCKET_BUFFER_BYTES_MAX;
    int error = io_skip(io, (uint64_t)bytes);
    if (error)
        return error;
    socket->reset_next = false;
    socket->error = EPIPE;
    file_changed(&socket->file);
    return bytes;
}

/* To one that takes bytes where they are. 0: it takes none, or is gone. */
static int64_t send_past(const struct socket *socket, struct io *io)
{
    struct socket *peer = socket->peer;
    if (!peer || !peer->take)
        return 0;
    (void)file_get(&peer->file); /* it may be closed meanwhile */
    int64_t taken = peer->take(io);
    peer->read_bytes += taken > 0 ? (uint64_t)taken : 0;
    file_put(&peer->file);
    return taken;
}

int64_t stream_send(struct socket *socket, struct io *io, struct rights **rights)
{
    int error = socket_error_take(socket);
    if (error)
        return -error;
    if (socket->state == SOCKET_CONNECTS)
        return -EAGAIN;
    if (socket->state != SOCKET_CONNECTED && socket->state != SOCKET_ENDED)
        return socket->family == FAMILY_UNIX ? -ENOTCONN : -EPIPE;
    if (socket->write_shut)
        return -EPIPE;
    if (socket->outside)
        return io->bytes ? outside_send(socket->outside, io) : 0;
    int64_t taken = send_past(socket, io);
    if (taken)
        return taken;
    if (!socket->peer)
        return send_to_nobody(socket, io);
    if (socket->peer->read_shut)
        return socket->family == FAMILY_UNIX ? -EPIPE : send_to_nobody(socket, io);
    struct socket *peer = socket->peer;
    uint32_t room = room_of(socket);
    uint32_t bytes = io->bytes < room ? (uint32_t)io->bytes : room;
    if (bytes == 0) {
        if (io->bytes)
            socket->wants_room = true;
        return io->bytes ? -EAGAIN : 0;
    }
    error = buffer_reserve(&peer->received, bytes, SOCKET_BUFFER_BYTES_MAX);
    if (!error)
        error = buffer_put(&peer->received, io, bytes);
    if (error)
        return error;
    if (io->bytes)
        socket->wants_room = true;
    if (rights && *rights) {
        uint64_t end = peer->read_bytes + peer->received.bytes;
        rights_send(*rights, peer, end - bytes, end);
        *rights = NULL;
    }
    file_changed(&peer->file);
    return bytes;
}

/* What is beside the first of so many bytes, of which are left those up to its end, unless it is looked at only: as
 * Linux does it, its like is received then, too. */
static struct rights *beside(struct socket *socket, uint32_t *bytes, bool looks)
{
    const struct rights *next = socket->rights;
    if (!next || next->from >= socket->read_bytes + *bytes)
        return NULL;
    if (next->end - socket->read_bytes < *bytes)
        *bytes = (uint32_t)(next->end - socket->read_bytes);
    return looks ? rights_copy(next) : rights_receive(socket);
}

int64_t stream_receive(struct socket *socket, struct io *io, uint32_t *flags, struct rights **rights)
{
    struct buffer *buffer = &socket->received;
    if (socket->outside && !buffer->bytes && !socket->finished)
        (void)outside_turn(); /* it may stand in the channel */
    uint32_t bytes = io->bytes < buffer->bytes ? (uint32_t)io->bytes : buffer->bytes;
    uint32_t how = *flags;
    *flags = 0;
    if (bytes) {
        struct rights *came = beside(socket, &bytes, how & SOCKET_PEEK);
        if (rights)
            *rights = came;
        else
            rights_drop(came);
        if (!(how & SOCKET_TRUNCATED) || socket->family == FAMILY_UNIX) {
            int error = buffer_get(buffer, 0, io, bytes);
            if (error)
                return error;
        }
        if (how & SOCKET_PEEK)
            return bytes;
        socket_drop(socket, bytes);
        return bytes;
    }
    int error = socket_error_take(socket);
    if (error)
        return error == EPIPE ? 0 : -error;
    if (socket->state == SOCKET_CONNECTS)
        return -EAGAIN;
    if (socket->state != SOCKET_CONNECTED && socket->state != SOCKET_ENDED)
        return socket->family == FAMILY_UNIX ? -EINVAL : -ENOTCONN;
    if (socket->read_shut || socket->finished || io->bytes == 0)
        return 0;
    return -EAGAIN;
}

const uint8_t *socket_oldest(const struct socket *socket, uint32_t *bytes)
{
    return buffer_oldest(&socket->received, bytes);
}

void socket_drop(struct socket *socket, uint32_t bytes)
{
    buffer_drop(&socket->received, bytes);
    socket->read_bytes += bytes;
    if (socket->outside)
        outside_taken(socket->outside, bytes);
    if (socket->peer && socket->peer->wants_room && room_of(socket->peer) >= ROOM_TOLD) {
        socket->peer->wants_room = false;
        file_changed(&socket->peer->file);
    }
}

uint64_t socket_peer_read(const struct socket *socket)
{
    return socket->peer ? socket->peer->read_bytes : socket->peer_read_bytes;
}

uint32_t stream_ready(struct socket *socket)
{
    uint32_t ready = 0;
    bool ends = socket->read_shut || socket->finished;
    switch ((enum socket_state)socket->state) {
    case SOCKET_NEW:
        return POLLOUT | POLLWRNORM | POLLHUP | (socket->error ? POLLIN | POLLRDNORM | POLLRDHUP | POLLERR : 0);
    case SOCKET_CONNECTS:
        return 0;
    case SOCKET_LISTENS:
        return socket->waiting ? POLLIN | POLLRDNORM : 0;
    case SOCKET_CONNECTED:
    case SOCKET_ENDED:
        break;
    }
    if (socket->received.bytes || ends || socket->error)
        ready |= POLLIN | POLLRDNORM;
    if (ends)
        ready |= POLLRDHUP;
    if (socket->error)
        ready |= POLLERR;
    if (ends && (socket->write_shut ||
                 (!socket->peer && !socket->outside && !socket->reset_next)))
        ready |= POLLHUP;
    if (socket->outside)
        return socket->write_shut || outside_may_send(socket->outside)
                   ? ready | POLLOUT | POLLWRNORM
                   : ready;
    if (!socket->peer || socket->write_shut || socket->peer->read_shut ||
        room_of(socket) >= ROOM_TOLD)
        ready |= POLLOUT | POLLWRNORM;
    else
        socket->wants_room = true;
    return ready;
}

void stream_reset(struct socket *socket, int error)
{
    socket->peer = NULL;
    socket->state = SOCKET_ENDED;
    socket->finished = true;
    socket->reset_next = false;
    socket->error = error;
    file_changed(&socket->file);
}

/* RFC 1122, 4.2.2.13: who closes without having read all that came resets. */
void stream_close(struct socket *socket)
{
    struct socket *peer = socket->peer;
    bool resets = socket->received.bytes ||
                  (socket->options.lingers && socket->options.linger_s == 0);
    socket->peer = NULL;
    if (socket->outside)
        outside_close(socket->outside, resets);
    if (!peer)
        return;
    peer->peer_read_bytes = socket->read_bytes;
    if (resets) {
        stream_reset(peer, ECONNRESET);
        return;
    }
    peer->peer = NULL;
    peer->state = SOCKET_ENDED;
    peer->finished = true;
    peer->reset_next = peer->family != FAMILY_UNIX;
    file_changed(&peer->file);
}
