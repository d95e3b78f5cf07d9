/*
 * room.h: letters in hand, and which of them may have room, of the buffer's part for letters and of the places
 * on the way. Looks only; callbacks.c acts. Loop thread only.
 */
#ifndef MF_NODE_CALLBACKS_ROOM_H
#define MF_NODE_CALLBACKS_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "node/callbacks/callbacks.h"
#include "node/egress/egress.h"
#include "node/egress/url.h"

/* One letter in hand. */
struct posting {
    struct link link;
    struct callbacks *callbacks;
    struct transfer *transfer; /* NULL: not on its way                          */
    uint64_t id;               /* the entry's, and the lease's name             */
    uint32_t number;
    uint64_t enqueued_ms;
    uint64_t taken_ns;
    uint64_t begun_ns;         /* of the POST                                  */
    uint64_t looked_ns, moved; /* when it had moved so many bytes              */
    size_t charged;
    bool ending;               /* its end is being written                      */
    bool fails;                /* on its way: to a host that took none since one failed */
    struct url url;            /* for its host and port; pointers not valid     */
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    size_t bytes;
    uint8_t letter[];
};

/* Is there room for one more, however large it is? While half of the share is free there is: most are small. */
bool room_left(const struct callbacks *callbacks);
/* It is not on its way, and its end is not being written. */
bool room_waits(const struct posting *posting);

/* May a letter that waits go on its way now?
 *
 * A host has four places at most, but fewer the more are taken by others: its second letter leaves four of
 * the sixteen free, its third eight. So four hosts that hang have eight places, and eight have twelve. A host
 * that let one fail and took none since has one place, and all such together MF_CALLBACKS_FAILING_MAX.
 * And one host's letters, but for the first, take no more than half of the memory that there is for all: while
 * they do, there is room for another (room_left()). */
enum room_place {
    ROOM_THERE,
    ROOM_WAIT, /* in hand, for the end of one on its way         */
    ROOM_BACK, /* into the queue: enough of its host's wait here */
};
enum room_place room_place(const struct posting *posting, bool fails);
/* On its way, large, and not moving for MF_CALLBACK_STALL_MS; since it was first asked. */
bool room_stalled(struct posting *posting, uint64_t now_ns);

#endif
