/*
 * fuzz_kernel_ring.c: the guest's end of a channel whose other end writes anything
 * anywhere. The input is a little program: an opcode byte, then its operands. No
 * expectation but: no crash, nothing outside the channel, every message that is let
 * through within the ABI, and no chunk over one that was not released.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "kernel/core/assert.h"
#include "kernel/event/ring.h"
#include "tests/fuzz/input.h"

#define STEPS_MAX 4096

static struct {
    uint32_t begin, end;
} chunk[MF_RING_SLOTS]; /* what was published, by slot */

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    fprintf(stderr, "%s at %s:%d\n", fact, file, line);
    abort();
}

static void node_writes(struct input *input, uint8_t *base)
{
    uint32_t at;
    switch (number(input, 1) % 3) {
    case 0: /* a control word */
        at = (uint32_t)number(input, 1) * 4 % sizeof(struct mf_channel_head);
        *(uint32_t *)(void *)(base + at) = (uint32_t)number(input, 4);
        break;
    case 1: { /* a descriptor, and its index */
        struct mf_channel_head *head = (struct mf_channel_head *)(void *)base;
        struct mf_desc desc = {.id = number(input, 1)};
        desc.type = (uint16_t)number(input, 1);
        desc.flags = (uint16_t)number(input, 1);
        desc.head_bytes = (uint32_t)number(input, 3);
        desc.data_offset = (uint32_t)number(input, 3);
        desc.data_bytes = (uint32_t)number(input, 3);
        uint32_t slot = head->to_guest.tail++ % MF_RING_SLOTS;
        memcpy(base + MF_CHANNEL_TO_GUEST_SLOTS + slot * sizeof desc, &desc, sizeof desc);
        break;
    }
    default: { /* takes one more, honestly */
        struct mf_channel_head *head = (struct mf_channel_head *)(void *)base;
        if (head->to_node.head != head->to_node.tail)
            head->to_node.head++;
    }
    }
}

static void guest_takes(struct input *input, struct ring *ring)
{
    struct mf_desc desc;
    uint32_t ahead = (uint32_t)number(input, 1);
    if (ring_peek(ring, ahead, &desc) != 1)
        return;
    mf_assert(desc.type >= MF_MSG_INVOKE && desc.type <= MF_MSG_DRAIN);
    mf_assert(desc.head_bytes <= desc.data_bytes && desc.data_bytes <= MF_CHUNK_BYTES_MAX);
    unsigned sum = 0;
    for (uint32_t i = 0; i < desc.data_bytes; i++)
        sum += ring_data(ring, &desc)[i];
    __asm__ volatile("" : : "r"(sum));
    if (ring_peek(ring, 0, &desc) == 1)
        ring_release(ring);
}

static void guest_puts(struct input *input, struct ring *ring)
{
    struct ring_place place;
    uint32_t most = (uint32_t)number(input, 3) % (MF_CHUNK_BYTES_MAX + 1);
    uint32_t least = most ? (uint32_t)number(input, 3) % (most + 1) : 0;
    int error = ring_reserve(ring, least, most, &place);
    mf_assert(error == 0 || error == -EAGAIN || error == -EPROTO);
    if (error)
        return;
    mf_assert(place.bytes >= least && place.bytes <= MF_CHUNK_BYTES_MAX);
    mf_assert(place.offset <= MF_CHANNEL_DATA_BYTES &&
              place.bytes <= MF_CHANNEL_DATA_BYTES - place.offset);
    uint32_t bytes = place.bytes < most ? place.bytes : most;
    memset(place.data, 0x55, bytes);
    for (uint32_t i = ring->out_released; i != ring->out_tail; i++) {
        uint32_t slot = i % MF_RING_SLOTS;
        mf_assert(bytes == 0 || place.offset >= chunk[slot].end ||
                  place.offset + bytes <= chunk[slot].begin);
    }
    chunk[ring->out_tail % MF_RING_SLOTS].begin = place.offset;
    chunk[ring->out_tail % MF_RING_SLOTS].end = place.offset + bytes;
    struct mf_desc desc = {.id = 1, .type = MF_MSG_REPLY_BODY, .data_bytes = bytes};
    ring_publish(ring, &desc, &place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    struct ring ring;
    uint8_t *base = aligned_alloc(MF_PAGE_BYTES, MF_CHANNEL_BYTES);
    if (!base)
        abort();
    memset(base, 0, sizeof(struct mf_channel_head));
    memset(base + MF_CHANNEL_TO_GUEST_SLOTS, 0, MF_PAGE_BYTES);
    memset(base + MF_CHANNEL_TO_GUEST_DATA, 0, MF_CHANNEL_DATA_BYTES);
    ring_open(&ring, base, RING_EVENTS);
    for (unsigned i = 0; i < STEPS_MAX && input.bytes; i++) {
        switch (number(&input, 1) % 5) {
        case 0:
            node_writes(&input, base);
            break;
        case 1:
            guest_takes(&input, &ring);
            break;
        case 2:
            (void)ring_take_node_sleep(&ring);
            break;
        case 3:
            ring_sleep(&ring, number(&input, 1) & 1);
            break;
        default:
            guest_puts(&input, &ring);
        }
    }
    free(base);
    return 0;
}
