/*
 * ring.h: the guest's end of a channel, as small as it can be. For raw guests
 * (no libc, no kernel of ours) and for host tests that play the guest. It keeps
 * the ABI's rules; a hostile guest breaks them by writing through `base` itself.
 */
#ifndef MF_TESTS_RAW_RING_H
#define MF_TESTS_RAW_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"

struct raw_ring {
    uint8_t *base;     /* of the channel                            */
    uint32_t in_head;  /* ours: descriptors consumed                */
    uint32_t out_tail; /* ours: descriptors published               */
    uint32_t out_data; /* where the next chunk to the node goes     */
};

static inline struct mf_channel_head *raw_control(const struct raw_ring *ring)
{
    return (struct mf_channel_head *)(void *)ring->base;
}

static inline struct mf_desc *raw_in_slot(const struct raw_ring *ring, uint32_t index)
{
    return (struct mf_desc *)(void *)(ring->base + MF_CHANNEL_TO_GUEST_SLOTS) +
           index % MF_RING_SLOTS;
}

static inline struct mf_desc *raw_out_slot(const struct raw_ring *ring, uint32_t index)
{
    return (struct mf_desc *)(void *)(ring->base + MF_CHANNEL_TO_NODE_SLOTS) +
           index % MF_RING_SLOTS;
}

static inline const uint8_t *raw_in_data(const struct raw_ring *ring, const struct mf_desc *desc)
{
    return ring->base + MF_CHANNEL_TO_GUEST_DATA + desc->data_offset;
}

/* The oldest message, still unreleased; its data stays put until raw_release(). */
static inline bool raw_peek(struct raw_ring *ring, struct mf_desc *desc)
{
    uint32_t tail = __atomic_load_n(&raw_control(ring)->to_guest.tail, __ATOMIC_ACQUIRE);
    if (tail == ring->in_head)
        return false;
    *desc = *raw_in_slot(ring, ring->in_head);
    return true;
}

static inline void raw_release(struct raw_ring *ring)
{
    ring->in_head++;
    __atomic_store_n(&raw_control(ring)->to_guest.head, ring->in_head, __ATOMIC_RELEASE);
}

/* Publish one message; its data is copied. False: no room now. desc->data_offset is
 * chosen here. */
static inline bool raw_put(struct raw_ring *ring, const struct mf_desc *desc, const void *data)
{
    uint32_t head = __atomic_load_n(&raw_control(ring)->to_node.head, __ATOMIC_ACQUIRE);
    if (head == ring->out_tail)
        ring->out_data = 0;
    if (ring->out_tail - head == MF_RING_SLOTS ||
        desc->data_bytes > MF_CHANNEL_DATA_BYTES - ring->out_data)
        return false;
    uint8_t *to = ring->base + MF_CHANNEL_TO_NODE_DATA + ring->out_data;
    for (uint32_t i = 0; i < desc->data_bytes; i++)
        to[i] = ((const uint8_t *)data)[i];
    struct mf_desc *slot = raw_out_slot(ring, ring->out_tail);
    *slot = *desc;
    slot->data_offset = ring->out_data;
    ring->out_data += desc->data_bytes;
    ring->out_tail++;
    __atomic_store_n(&raw_control(ring)->to_node.tail, ring->out_tail, __ATOMIC_SEQ_CST);
    return true;
}

/* After puts and releases: true if the node slept and must be rung. */
static inline bool raw_node_slept(struct raw_ring *ring)
{
    return __atomic_exchange_n(&raw_control(ring)->node_sleeping, 0, __ATOMIC_SEQ_CST) != 0;
}

/* Before `wait`: the doorbell's value to wait on, or false: something is here. */
static inline bool raw_sleep(struct raw_ring *ring, uint32_t *bell)
{
    struct mf_channel_head *control = raw_control(ring);
    *bell = __atomic_load_n(&control->bell, __ATOMIC_SEQ_CST);
    __atomic_store_n(&control->guest_sleeping, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&control->to_guest.tail, __ATOMIC_SEQ_CST) == ring->in_head)
        return true;
    __atomic_store_n(&control->guest_sleeping, 0, __ATOMIC_SEQ_CST);
    return false;
}

#endif
