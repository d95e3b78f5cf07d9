/*
 * rights.c: see rights.h.
 * Guarantees: at most RIGHTS_ON_WAY_MAX files are on their way; what one drop leads to is dropped in a row, not one
 * within the other, however long the chain.
 * Leaves to others: control data (linux/control.c), which bytes they are beside (stream.c, datagram.c).
 * Owns what is on its way, and its files' references.
 */
#include "kernel/socket/rights.h"

#include <asm/errno.h>
#include <stddef.h>

#include "kernel/core/assert.h"
#include "kernel/core/heap.h"
#include "kernel/socket/socket.h"

static struct rights *first; /* on their way */
static uint32_t on_way;      /* files */

static size_t bytes_of(uint32_t room)
{
    return sizeof(struct rights) + room * sizeof(struct file *);
}

struct rights *rights_create(uint32_t room)
{
    struct rights *rights = heap_take(bytes_of(room));
    if (rights)
        rights->room = room;
    return rights;
}

int rights_add(struct rights *rights, struct file *file)
{
    if (rights->count == rights->room)
        return -EINVAL;
    rights->file[rights->count++] = file_get(file);
    return 0;
}

void rights_drop(struct rights *rights)
{
    static struct rights *dropped;
    static bool drops;
    if (!rights)
        return;
    rights->next = dropped;
    dropped = rights;
    if (drops) /* a file's end led here */
        return;
    drops = true;
    while (dropped) {
        struct rights *one = dropped;
        dropped = one->next;
        for (uint32_t i = 0; i < one->count; i++)
            file_put(one->file[i]);
        heap_give(one, bytes_of(one->room));
    }
    drops = false;
}

/* Its sockets have one more message that they are in, or one less. */
static void count(const struct rights *rights, bool sent)
{
    for (uint32_t i = 0; i < rights->count; i++) {
        struct socket *socket = socket_of(rights->file[i]);
        if (socket)
            socket->on_way += sent ? 1u : UINT32_MAX;
    }
    on_way += sent ? rights->count : 0 - rights->count;
}

int rights_may_send(const struct rights *rights)
{
    if (on_way + rights->count > RIGHTS_ON_WAY_MAX)
        rights_collect(NULL);
    return on_way + rights->count > RIGHTS_ON_WAY_MAX ? -ETOOMANYREFS : 0;
}

void rights_send(struct rights *rights, struct socket *to, uint64_t from, uint64_t end)
{
    mf_assert(!rights->to);
    struct rights **last = &to->rights;
    while (*last)
        last = &(*last)->next;
    *last = rights;
    rights->next = NULL;
    rights->to = to;
    rights->from = from;
    rights->end = end;
    rights->way_previous = NULL;
    rights->way_next = first;
    if (first)
        first->way_previous = rights;
    first = rights;
    count(rights, true);
}

struct rights *rights_receive(struct socket *socket)
{
    struct rights *rights = socket->rights;
    mf_assert(rights && rights->to == socket);
    socket->rights = rights->next;
    *(rights->way_previous ? &rights->way_previous->way_next : &first) = rights->way_next;
    if (rights->way_next)
        rights->way_next->way_previous = rights->way_previous;
    rights->to = NULL;
    count(rights, false);
    return rights;
}

struct rights *rights_copy(const struct rights *rights)
{
    struct rights *copy = rights_create(rights->count);
    for (uint32_t i = 0; copy && i < rights->count; i++)
        copy->file[copy->count++] = file_get(rights->file[i]);
    return copy;
}

/* Whose hands a message is in: a connection that waits is its listener's. */
static struct socket *holder(const struct rights *rights)
{
    return rights->to->listener ? rights->to->listener : rights->to;
}

/* Only messages refer to it. */
static bool only_on_way(const struct socket *socket, const struct socket *closing)
{
    return socket->file.references == socket->on_way + (socket == closing ? 1u : 0u);
}

/* What can be reached by messages of those that can be reached. Each turn finds one more, at least. */
static void mark(const struct socket *closing)
{
    bool more = true;
    for (const struct rights *rights = first; rights; rights = rights->way_next)
        holder(rights)->reached = !only_on_way(holder(rights), closing);
    for (uint32_t turn = 0; more && turn <= RIGHTS_ON_WAY_MAX; turn++) {
        more = false;
        for (const struct rights *rights = first; rights; rights = rights->way_next)
            for (uint32_t i = 0; holder(rights)->reached && i < rights->count; i++) {
                struct socket *socket = socket_of(rights->file[i]);
                more |= socket && !socket->reached;
                if (socket)
                    socket->reached = true;
            }
    }
}

void rights_collect(const struct socket *closing)
{
    struct rights *lost = NULL;
    if (!first)
        return;
    mark(closing);
    for (struct rights *rights = first; rights;) {
        if (holder(rights)->reached) {
            rights = rights->way_next;
            continue;
        }
        struct rights *one = rights_receive(rights->to); /* it, or an older one that is lost, too */
        one->next = lost;
        lost = one;
        rights = first;
    }
    while (lost) {
        struct rights *one = lost;
        lost = one->next;
        rights_drop(one);
    }
}
