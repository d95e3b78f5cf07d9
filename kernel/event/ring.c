/*
 * ring.c: the guest's end of a pair of rings.
 * Guarantees: no access outside the channel; every descriptor copied once, then
 * checked; a chunk to the node never overlaps one that the node has not released.
 * Leaves to others: sleeping and ringing (event.c), what messages mean.
 * Owns the guest's words in the channel's head, and its direction's data.
 */
#include "kernel/event/ring.h"

#include <asm/errno.h>
#include <stddef.h>

#include "abi/event.h"
#include "kernel/core/assert.h"
#include "kernel/core/string.h"

#define DATA_ALIGN 16u /* of a chunk's start */
#define DESC_WORDS (sizeof(struct mf_desc) / sizeof(uint64_t))

static bool decode(const struct ring *ring, const struct mf_desc *desc);
static int see_released(struct ring *ring);
static struct ring_place find_place(struct ring *ring, uint32_t most);

static struct mf_channel_head *head_of(const struct ring *ring)
{
    return (struct mf_channel_head *)(void *)ring->base;
}

static struct mf_ring *incoming(const struct ring *ring)
{
    return ring->kind == RING_STREAMS ? &head_of(ring)->streams_to_guest : &head_of(ring)->to_guest;
}

static struct mf_ring *outgoing(const struct ring *ring)
{
    return ring->kind == RING_STREAMS ? &head_of(ring)->streams_to_node : &head_of(ring)->to_node;
}

static uint32_t place_of(const struct ring *ring, uint32_t events, uint32_t streams)
{
    return ring->kind == RING_STREAMS ? streams : events;
}

static uint64_t *slot_of(const struct ring *ring, uint32_t slots, uint32_t index)
{
    uint32_t offset = (index % MF_RING_SLOTS) * (uint32_t)sizeof(struct mf_desc);
    return (uint64_t *)(void *)(ring->base + slots + offset);
}

void ring_open(struct ring *ring, void *base, enum ring_kind kind)
{
    *ring = (struct ring){.base = base, .kind = kind};
}

int ring_peek(const struct ring *ring, uint32_t ahead, struct mf_desc *desc)
{
    uint32_t tail = __atomic_load_n(&incoming(ring)->tail, __ATOMIC_ACQUIRE);
    uint32_t waiting = tail - ring->in_head;
    if (waiting > MF_RING_SLOTS)
        return -EPROTO;
    if (ahead >= waiting)
        return 0;
    uint32_t slots = place_of(ring, MF_CHANNEL_TO_GUEST_SLOTS, MF_STREAMS_TO_GUEST_SLOTS);
    const uint64_t *slot = slot_of(ring, slots, ring->in_head + ahead);
    uint64_t words[DESC_WORDS];
    for (uint32_t i = 0; i < DESC_WORDS; i++)
        words[i] = __atomic_load_n(&slot[i], __ATOMIC_RELAXED);
    memcpy(desc, words, sizeof *desc);
    return decode(ring, desc) ? 1 : -EPROTO;
}

const uint8_t *ring_data(const struct ring *ring, const struct mf_desc *desc)
{
    return ring->base + place_of(ring, MF_CHANNEL_TO_GUEST_DATA, MF_STREAMS_TO_GUEST_DATA) +
           desc->data_offset;
}

void ring_release(struct ring *ring)
{
    ring->in_head++;
    __atomic_store_n(&incoming(ring)->head, ring->in_head, __ATOMIC_RELEASE);
}

int ring_reserve(struct ring *ring, uint32_t least, uint32_t most, struct ring_place *place)
{
    mf_assert(least <= most && most <= MF_CHUNK_BYTES_MAX);
    int error = see_released(ring);
    if (error)
        return error;
    if (ring->out_tail - ring->out_released == MF_RING_SLOTS)
        return -EAGAIN;
    *place = find_place(ring, most);
    return place->bytes >= least ? 0 : -EAGAIN;
}

void ring_publish(struct ring *ring, struct mf_desc *desc, const struct ring_place *place)
{
    mf_assert(desc->data_bytes <= place->bytes && desc->head_bytes <= desc->data_bytes);
    desc->data_offset = place->offset;
    uint32_t slots = place_of(ring, MF_CHANNEL_TO_NODE_SLOTS, MF_STREAMS_TO_NODE_SLOTS);
    memcpy(slot_of(ring, slots, ring->out_tail), desc, sizeof *desc);
    if (desc->data_bytes)
        ring->data_tail =
            (place->offset + desc->data_bytes + DATA_ALIGN - 1) & ~(DATA_ALIGN - 1);
    ring->data_end[ring->out_tail % MF_RING_SLOTS] = ring->data_tail;
    ring->out_tail++;
    __atomic_store_n(&outgoing(ring)->tail, ring->out_tail, __ATOMIC_RELEASE);
}

bool ring_take_node_sleep(struct ring *ring)
{
    uint32_t *sleeping = &head_of(ring)->node_sleeping;
    /* Our index before, the node's word after, in one order for both sides. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(sleeping, __ATOMIC_ACQUIRE) == 1 &&
           __atomic_exchange_n(sleeping, 0, __ATOMIC_SEQ_CST) == 1;
}

uint32_t ring_bell(const struct ring *ring)
{
    return __atomic_load_n(&head_of(ring)->bell, __ATOMIC_ACQUIRE);
}

void ring_sleep(struct ring *ring, bool asleep)
{
    __atomic_store_n(&head_of(ring)->guest_sleeping, asleep, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static struct mf_result *result_of(const struct ring *ring)
{
    return (struct mf_result *)(void *)(ring->base + MF_CHANNEL_RESULT);
}

void ring_result_clear(struct ring *ring)
{
    __atomic_store_n(&result_of(ring)->number, 0, __ATOMIC_RELEASE);
}

int ring_result_take(const struct ring *ring, uint32_t number, struct mf_result *result)
{
    if (__atomic_load_n(&result_of(ring)->number, __ATOMIC_ACQUIRE) != number)
        return 0;
    memcpy(result, result_of(ring), sizeof *result);
    return result->error < MF_RESULT_COUNT && result->data_bytes <= MF_CHUNK_BYTES_MAX &&
                   result->head_bytes <= result->data_bytes
               ? 1
               : -EPROTO;
}

const uint8_t *ring_result_data(const struct ring *ring)
{
    return (const uint8_t *)(result_of(ring) + 1);
}

void ring_result_wipe(struct ring *ring, uint32_t bytes)
{
    memset(result_of(ring) + 1, 0, bytes);
}

static bool decode_of_streams(const struct mf_desc *desc)
{
    if (desc->id == 0 || desc->head_bytes ||
        desc->flags & ~(desc->type == MF_MSG_RECEIVED ? MF_MSG_END : 0u))
        return false;
    switch (desc->type) {
    case MF_MSG_OPEN:
        return desc->data_bytes == sizeof(struct mf_stream_address) && desc->arg &&
               desc->arg <= UINT16_MAX;
    case MF_MSG_OPENED:
        return desc->data_bytes == 0;
    case MF_MSG_RECEIVED:
        return desc->data_bytes <= MF_STREAM_WINDOW;
    case MF_MSG_GRANT:
        return desc->data_bytes == 0 && desc->arg && desc->arg <= MF_STREAM_CREDIT_MAX;
    case MF_MSG_CLOSED:
        return desc->data_bytes == 0 && desc->arg <= MF_STREAM_ERRNO_MAX;
    case MF_MSG_NAMED:
        return desc->data_bytes <= 16 * MF_NAME_ADDRESSES_MAX && desc->data_bytes % 16 == 0 &&
               desc->arg < MF_NAME_COUNT;
    default:
        return false;
    }
}

/* The rules of abi/channel.h for what the node may send. */
static bool decode(const struct ring *ring, const struct mf_desc *desc)
{
    if (desc->data_bytes > MF_CHUNK_BYTES_MAX || desc->data_offset > MF_CHANNEL_DATA_BYTES ||
        desc->data_bytes > MF_CHANNEL_DATA_BYTES - desc->data_offset)
        return false;
    if (desc->head_bytes > desc->data_bytes || desc->head_bytes > MF_HEAD_BYTES_MAX)
        return false;
    if (ring->kind == RING_STREAMS)
        return decode_of_streams(desc);
    switch (desc->type) {
    case MF_MSG_INVOKE:
        return desc->id != 0 && (desc->flags & ~MF_MSG_END) == 0;
    case MF_MSG_BODY:
        return desc->id != 0 && (desc->flags & ~MF_MSG_END) == 0 && desc->head_bytes == 0;
    case MF_MSG_CANCEL:
        return desc->id != 0 && desc->flags == 0 && desc->data_bytes == 0;
    case MF_MSG_DRAIN:
        return desc->flags == 0 && desc->data_bytes == 0;
    default:
        return false;
    }
}

static int see_released(struct ring *ring)
{
    uint32_t head = __atomic_load_n(&outgoing(ring)->head, __ATOMIC_ACQUIRE);
    if (head - ring->out_released > ring->out_tail - ring->out_released)
        return -EPROTO;
    ring->out_released = head;
    if (ring->out_tail == head) { /* empty: begin again at the first page */
        ring->data_tail = 0;
        ring->data_end[(head - 1) % MF_RING_SLOTS] = 0;
    }
    return 0;
}

/*
 * What the node has not released lies in [floor, data_tail), or, once the tail has
 * begun again at 0, everywhere but [data_tail, floor); floor is where the chunk
 * released last ends. The tail stops short of the floor below it, so that equal
 * always means that nothing lies there.
 */
static struct ring_place find_place(struct ring *ring, uint32_t most)
{
    uint32_t floor = ring->data_end[(ring->out_released - 1) % MF_RING_SLOTS];
    uint32_t offset = ring->data_tail;
    uint32_t room;
    if (offset < floor) {
        room = floor - offset - DATA_ALIGN;
    } else {
        uint32_t below = floor > DATA_ALIGN ? floor - DATA_ALIGN : 0;
        room = MF_CHANNEL_DATA_BYTES - offset;
        if (room < most && below > room) {
            offset = 0;
            room = below;
        }
    }
    return (struct ring_place){
        .data = ring->base + place_of(ring, MF_CHANNEL_TO_NODE_DATA, MF_STREAMS_TO_NODE_DATA) + offset,
        .offset = offset,
        .bytes = room < MF_CHUNK_BYTES_MAX ? room : MF_CHUNK_BYTES_MAX,
    };
}
