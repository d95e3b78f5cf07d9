/*
 * ring.h: the guest's end of the channel (abi/channel.h): descriptors and data of
 * either direction, no hypercalls, no waiting. The node is trusted to keep the
 * instance alive, yet what it writes is checked: nonsense gives -EPROTO.
 */
#ifndef KERNEL_EVENT_RING_H
#define KERNEL_EVENT_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"
#include "abi/operation.h"

/* Which pair of rings: events', or streams'. */
enum ring_kind { RING_EVENTS, RING_STREAMS };

struct ring {
    uint8_t *base;          /* the channel                                         */
    enum ring_kind kind;
    uint32_t in_head;       /* to the guest: released                              */
    uint32_t out_tail;      /* to the node: published                              */
    uint32_t out_released;  /* to the node: taken, as last seen                    */
    uint32_t data_tail;     /* to the node: where the next chunk goes              */
    uint32_t data_end[MF_RING_SLOTS]; /* to the node: end of each slot's chunk     */
};

void ring_open(struct ring *ring, void *base, enum ring_kind kind);

/* Copy the message that stands so many behind the oldest. 1: there is one, checked;
 * 0: none; -EPROTO. */
int ring_peek(const struct ring *ring, uint32_t ahead, struct mf_desc *desc);
const uint8_t *ring_data(const struct ring *ring, const struct mf_desc *desc);
/* Give the oldest message's slot and data back. */
void ring_release(struct ring *ring);

struct ring_place {
    uint8_t *data;
    uint32_t offset;
    uint32_t bytes; /* contiguous room, at most MF_CHUNK_BYTES_MAX */
};

/* Room for a message of least to most bytes (most if it can be). It is the
 * caller's until the next call. 0, -EAGAIN, or -EPROTO. */
int ring_reserve(struct ring *ring, uint32_t least, uint32_t most, struct ring_place *place);
/* Send a message whose data (desc->data_bytes) stands in the place reserved last. */
void ring_publish(struct ring *ring, struct mf_desc *desc, const struct ring_place *place);

/* The node sleeps, and from now on it is known that we wake it. */
bool ring_take_node_sleep(struct ring *ring);

/* The doorbell's value; read it before ring_sleep(). */
uint32_t ring_bell(const struct ring *ring);
/* The result area (abi/operation.h). take: 1: the answer to that number, copied and checked;
 * 0: not yet; -EPROTO. */
void ring_result_clear(struct ring *ring);
int ring_result_take(const struct ring *ring, uint32_t number, struct mf_result *result);
const uint8_t *ring_result_data(const struct ring *ring);
void ring_result_wipe(struct ring *ring, uint32_t bytes); /* its data */

/* Say that we sleep, or no longer. Look at the rings once more in between. */
void ring_sleep(struct ring *ring, bool asleep);

#endif
