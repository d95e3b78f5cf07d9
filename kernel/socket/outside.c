/*
 * outside.c: see outside.h.
 * Guarantees: never more is sent than there is credit for; each id is closed once, and used again
 * when both sides have; what finds no room in the ring is sent by a later turn.
 * Leaves to others: what a socket is (socket.c), names (lookup.c), the node's own checks.
 * Owns every struct outside.
 */
#include "kernel/socket/outside.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/core/bss.h"
#include "kernel/core/heap.h"
#include "kernel/core/string.h"
#include "kernel/event/wire.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/transfer.h"

#define BLOCK_IDS 512u
#define BLOCKS (MF_STREAM_ID_MAX / BLOCK_IDS + 1)
#define UNRUNG_MAX 8u /* then the node is rung; at the latest when another task is looked for */
#define PIECE_LEAST 4096u /* less room in the ring than this: better wait than cut so small */

struct outside {
    struct outside *due_next; /* of those that have something to send yet */
    struct socket *socket;    /* NULL: closed                              */
    uint32_t id;
    uint32_t credit;          /* that the node has given                   */
    uint32_t owed;            /* taken by the program, not given back yet  */
    uint16_t error;           /* to say with CLOSE                         */
    bool inbound, connects;
    bool end_due, close_due, ended;
    bool closed, node_closed; /* CLOSE sent, CLOSED taken                  */
    bool wants_ring;          /* its program waits for room there          */
    bool is_due;
};

static struct outside **block[BLOCKS] BSS_LARGE;
static struct outside *due;
static uint32_t last_id;
static uint32_t unrung; /* messages with bytes that the node was not rung for */
static uint32_t inbound_count, asking_count, outbound_count;

static void send_due(struct outside *outside);
static void forget(struct outside *outside);
static bool take(const struct mf_desc *desc);

static struct outside **slot_of(uint32_t id)
{
    struct outside **ids = id <= MF_STREAM_ID_MAX ? block[id / BLOCK_IDS] : NULL;
    return ids ? &ids[id % BLOCK_IDS] : NULL;
}

static struct outside *find(uint64_t id)
{
    struct outside **slot = id <= MF_STREAM_ID_MAX ? slot_of((uint32_t)id) : NULL;
    return slot ? *slot : NULL;
}

/* With an id that is free. */
static struct outside *create(uint32_t id)
{
    struct outside ***ids = &block[id / BLOCK_IDS];
    if (!*ids)
        *ids = heap_take(BLOCK_IDS * sizeof(struct outside *));
    struct outside *outside = *ids ? heap_take(sizeof *outside) : NULL;
    if (!outside)
        return NULL;
    *outside = (struct outside){.id = id, .credit = MF_STREAM_WINDOW};
    (*ids)[id % BLOCK_IDS] = outside;
    return outside;
}

/* Its own, odd: the next one that is free. 0: none is. */
static uint32_t free_id(void)
{
    if (outbound_count == MF_STREAMS_MAX)
        return 0;
    do
        last_id = last_id + 2 > MF_STREAM_ID_MAX || last_id == 0 ? 1 : last_id + 2;
    while (find(last_id));
    return last_id;
}

static void make_due(struct outside *outside)
{
    if (outside->is_due)
        return;
    outside->is_due = true;
    outside->due_next = due;
    due = outside;
}

static bool publish(const struct outside *outside, enum mf_message type, uint64_t arg)
{
    struct ring_place place;
    struct mf_desc desc = {.id = outside->id, .type = (uint16_t)type, .arg = arg};
    if (!wire_stream_reserve(0, 0, &place))
        return false;
    wire_stream_publish(&desc, &place);
    return true;
}

int outside_connect(struct socket *socket, const struct address *to)
{
    struct ring_place place;
    struct mf_stream_address address = {.port = to->port};
    uint32_t id = free_id();
    if (!id)
        return -ENOBUFS;
    memcpy(address.address, to->data, sizeof address.address);
    if (!wire_stream_reserve(sizeof address, sizeof address, &place))
        return -EAGAIN;
    struct outside *outside = create(id);
    if (!outside)
        return -ENOMEM;
    memcpy(place.data, &address, sizeof address);
    struct mf_desc desc = {.id = id, .type = MF_MSG_CONNECT, .data_bytes = sizeof address};
    wire_stream_publish(&desc, &place);
    wire_ring();
    outside->connects = true;
    outside->socket = socket;
    socket->outside = outside;
    socket->state = SOCKET_CONNECTS;
    asking_count++;
    outbound_count++;
    return 0;
}

int64_t outside_send(struct outside *outside, struct io *io)
{
    uint64_t sent = 0;
    int error = 0;
    while (io->bytes && outside->credit) {
        struct ring_place place;
        uint32_t most = io->bytes < outside->credit ? (uint32_t)io->bytes : outside->credit;
        most = most < MF_CHUNK_BYTES_MAX ? most : MF_CHUNK_BYTES_MAX;
        if (!wire_stream_reserve(most < PIECE_LEAST ? most : PIECE_LEAST, most, &place)) {
            outside->wants_ring = true;
            make_due(outside);
            break;
        }
        most = most < place.bytes ? most : place.bytes;
        error = io_get(io, place.data, most);
        if (error)
            break;
        struct mf_desc desc = {.id = outside->id, .type = MF_MSG_SENT, .data_bytes = most};
        wire_stream_publish(&desc, &place);
        outside->credit -= most;
        sent += most;
        unrung++;
    }
    if (io->bytes && !error)
        outside->socket->wants_room = true;
    if (sent >= PIECE_LEAST || unrung >= UNRUNG_MAX) {
        unrung = 0;
        wire_ring();
    }
    return sent ? (int64_t)sent : error ? error : -EAGAIN;
}

bool outside_may_send(struct outside *outside)
{
    struct ring_place place;
    if (outside->credit && wire_stream_reserve(1, PIECE_LEAST, &place))
        return true;
    outside->socket->wants_room = true;
    if (outside->credit) {
        outside->wants_ring = true;
        make_due(outside);
    }
    return false;
}

void outside_taken(struct outside *outside, uint32_t bytes)
{
    outside->owed += bytes;
    if (outside->owed < MF_STREAM_WINDOW / 2)
        return;
    send_due(outside);
    wire_ring();
}

void outside_finish(struct outside *outside)
{
    if (outside->ended || outside->connects)
        return;
    outside->end_due = true;
    send_due(outside);
    wire_ring();
}

void outside_close(struct outside *outside, bool resets)
{
    outside->socket->outside = NULL;
    outside->socket = NULL;
    outside->end_due = false;
    outside->close_due = true;
    outside->error = resets ? ECONNRESET : 0;
    send_due(outside);
    wire_ring();
}

/* Credit, the end, the close: in this order, as far as there is room. */
static void send_due(struct outside *outside)
{
    if (!outside->socket || (outside->owed >= MF_STREAM_WINDOW / 2 &&
                             publish(outside, MF_MSG_CREDIT, outside->owed)))
        outside->owed = 0;
    if (outside->end_due) {
        struct ring_place place;
        struct mf_desc desc = {.id = outside->id, .type = MF_MSG_SENT, .flags = MF_MSG_END};
        if (wire_stream_reserve(0, 0, &place)) {
            wire_stream_publish(&desc, &place);
            outside->end_due = false;
            outside->ended = true;
        }
    }
    if (outside->close_due && publish(outside, MF_MSG_CLOSE, outside->error)) {
        outside->close_due = false;
        outside->closed = true;
    }
    if (outside->end_due || outside->close_due || outside->owed >= MF_STREAM_WINDOW / 2)
        make_due(outside);
    else if (outside->closed && outside->node_closed && !outside->is_due)
        forget(outside);
}

static void no_longer_asks(struct outside *outside)
{
    if (outside->connects)
        asking_count--;
    outside->connects = false;
}

static void forget(struct outside *outside)
{
    mf_assert(!outside->socket && !outside->is_due);
    no_longer_asks(outside);
    if (outside->inbound)
        inbound_count--;
    else
        outbound_count--;
    *slot_of(outside->id) = NULL;
    heap_give(outside, sizeof *outside);
}

bool outside_turn(void)
{
    struct mf_desc desc;
    bool moved = false;
    while (wire_stream_peek(&desc)) {
        if (!take(&desc))
            break;
        wire_stream_release(desc.data_bytes);
        moved = true;
    }
    struct outside *waits = due;
    due = NULL;
    while (waits) {
        struct outside *outside = waits;
        waits = outside->due_next;
        outside->is_due = false;
        struct ring_place place;
        if (outside->wants_ring && outside->socket &&
            wire_stream_reserve(PIECE_LEAST, PIECE_LEAST, &place)) {
            outside->wants_ring = false;
            file_changed(&outside->socket->file);
            moved = true;
        }
        if (outside->wants_ring && outside->socket)
            make_due(outside);
        send_due(outside);
    }
    if (moved || unrung) {
        unrung = 0;
        wire_ring();
    }
    return moved;
}

static struct address address_of(const struct mf_stream_address *from)
{
    struct address address = address_any(FAMILY_INET6);
    memcpy(address.data, from->address, sizeof from->address);
    address.port = from->port;
    return address_as(&address, FAMILY_INET);
}

/* Closed on both sides, but in the list yet: its id is free, and the node knows that. */
static void forget_due(struct outside *outside)
{
    struct outside **at = &due;
    while (outside->is_due && *at != outside)
        at = &(*at)->due_next;
    if (outside->is_due)
        *at = outside->due_next;
    outside->is_due = false;
    forget(outside);
}

/* A connection for a port of the program. False: no memory, and no room to say so. */
static bool take_open(const struct mf_desc *desc)
{
    struct mf_stream_address from;
    memcpy(&from, wire_stream_data(desc), sizeof from);
    struct outside *outside = find(desc->id);
    if (desc->id > MF_STREAM_ID_MAX || desc->id % 2 ||
        (outside && !(outside->closed && outside->node_closed)))
        return true; /* the node knows better */
    if (outside)
        forget_due(outside);
    outside = create((uint32_t)desc->id);
    if (!outside) {
        const struct outside none = {.id = (uint32_t)desc->id};
        return publish(&none, MF_MSG_CLOSE, ENOMEM);
    }
    const struct address client = address_of(&from);
    outside->inbound = true;
    inbound_count++;
    int error = socket_arrives((uint16_t)desc->arg, &client, outside, &outside->socket);
    if (error) {
        outside->close_due = true;
        outside->error = (uint16_t)-error;
        send_due(outside);
    }
    return true;
}

static void take_bytes(struct outside *outside, const struct mf_desc *desc)
{
    struct socket *socket = outside->socket;
    uint32_t bytes = desc->data_bytes;
    if (!socket || socket->finished)
        return;
    if (bytes && !socket->read_shut) {
        if (bytes > buffer_room(&socket->received, SOCKET_BUFFER_BYTES_MAX) ||
            buffer_reserve(&socket->received, bytes, SOCKET_BUFFER_BYTES_MAX) != 0) {
            socket->outside = NULL;
            outside->socket = NULL;
            outside->end_due = false;
            outside->close_due = true;
            outside->error = ENOMEM;
            stream_reset(socket, ECONNRESET);
            send_due(outside);
            return;
        }
        buffer_add(&socket->received, wire_stream_data(desc), bytes);
    } else if (bytes) {
        outside_taken(outside, bytes);
    }
    if (desc->flags & MF_MSG_END)
        socket->finished = true;
    file_changed(&socket->file);
}

/* The node's end is closed, in good order or for this reason. */
static void take_closed(struct outside *outside, int error)
{
    struct socket *socket = outside->socket;
    bool connects = outside->connects;
    no_longer_asks(outside);
    outside->node_closed = true;
    if (socket) {
        socket->outside = NULL;
        outside->socket = NULL;
        if (connects)
            socket_connect_failed(socket, error ? error : ECONNREFUSED);
        else
            stream_reset(socket, error);
    }
    outside->end_due = false;
    if (!outside->closed)
        outside->close_due = true;
    send_due(outside);
}

static bool take(const struct mf_desc *desc)
{
    struct outside *outside = find(desc->id);
    if (desc->type == MF_MSG_OPEN)
        return take_open(desc);
    if (desc->type == MF_MSG_NAMED) {
        lookup_answered(desc->id, (enum mf_name)desc->arg, wire_stream_data(desc), desc->data_bytes);
        return true;
    }
    if (!outside || outside->node_closed)
        return true; /* it was closed for want of memory */
    switch (desc->type) {
    case MF_MSG_OPENED:
        no_longer_asks(outside);
        if (outside->socket)
            socket_connected(outside->socket);
        break;
    case MF_MSG_RECEIVED:
        take_bytes(outside, desc);
        break;
    case MF_MSG_GRANT:
        outside->credit += (uint32_t)desc->arg;
        if (outside->socket && outside->socket->wants_room) {
            outside->socket->wants_room = false;
            file_changed(&outside->socket->file);
        }
        break;
    case MF_MSG_CLOSED:
        take_closed(outside, (int)desc->arg);
        break;
    default:
        break;
    }
    return true;
}

bool outside_holds(void)
{
    return inbound_count > 0;
}

bool outside_asks(void)
{
    return asking_count > 0 || lookup_waits();
}

void outside_cut(void)
{
    for (uint32_t i = 0; i < BLOCKS; i++) {
        for (uint32_t k = 0; block[i] && k < BLOCK_IDS; k++) {
            struct outside *outside = block[i][k];
            if (!outside)
                continue;
            if (outside->socket) {
                outside->socket->outside = NULL;
                stream_reset(outside->socket, ECONNRESET);
            }
            heap_give(outside, sizeof *outside);
        }
        heap_give(block[i], BLOCK_IDS * sizeof(struct outside *));
        block[i] = NULL;
    }
    due = NULL;
    inbound_count = outbound_count = asking_count = 0;
    lookup_cut();
}
