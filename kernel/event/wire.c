/*
 * wire.c: waiting for the node, and waking it, by the rule of abi/channel.h.
 * Guarantees: before the guest sleeps, the node knows of all that was sent and of all
 * room that was made: it may wait for either. No exit but for a sleep, for a node
 * that sleeps, or for the time of a line (once in a second). Leaves to others: what messages mean (event.c).
 * Owns the rings.
 */
#include "kernel/event/wire.h"

#include <asm/errno.h>

#include "kernel/core/bss.h"
#include "kernel/core/clock.h"
#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"

#define LINE_NS 20000000u /* of one that is told at once, to the next */
#define EARLY_BYTES (MF_CHANNEL_DATA_BYTES / 4)
#define EARLY_MESSAGES (MF_RING_SLOTS / 4)

static struct ring ring;
static struct ring streams BSS_LARGE; /* as of streams_of() */
static bool streams_open;
static bool unrung; /* sent or released since the node was last rung */
static uint32_t unrung_bytes; /* of what was sent */
static struct {
    uint32_t messages, bytes; /* of streams, released since the node was last told of room */
} freed BSS_LARGE;
static uint64_t line_ns; /* when the node was last rung for a line */
static bool wait_rings; /* `wait` with idle does */

static _Noreturn void nonsense(void)
{
    fault_words(MF_CAUSE_PROTOCOL, "nonsense from the node on the channel");
}

void wire_start(uint64_t channel_base, bool rings)
{
    wait_rings = rings;
    ring_open(&ring, (void *)channel_base, RING_EVENTS);
    streams_open = false;
    unrung = false;
}

bool wire_peek(uint32_t ahead, struct mf_desc *desc)
{
    int got = ring_peek(&ring, ahead, desc);
    if (got < 0)
        nonsense();
    return got == 1;
}

const uint8_t *wire_data(const struct mf_desc *desc)
{
    return ring_data(&ring, desc);
}

void wire_release(void)
{
    ring_release(&ring);
    unrung = true;
}

void wire_wait(bool idle)
{
    struct mf_desc desc;
    uint32_t seen = wire_doze(idle);
    if (ring_peek(&ring, 0, &desc) == 0)
        wire_sleep(0, seen, idle);
    wire_awake();
}

uint32_t wire_doze(bool idle)
{
    wire_ring_before(idle);
    uint32_t seen = ring_bell(&ring);
    ring_sleep(&ring, true);
    return seen;
}

void wire_sleep(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)hypercall_wait(deadline_ns, seen, idle);
}

void wire_awake(void)
{
    ring_sleep(&ring, false);
}

struct ring_place wire_reserve(uint32_t least, uint32_t most)
{
    struct ring_place place;
    int error;
    while ((error = ring_reserve(&ring, least, most, &place)) == -EAGAIN) {
        wire_ring();
        uint32_t seen = ring_bell(&ring);
        ring_sleep(&ring, true);
        if (ring_reserve(&ring, least, most, &place) == -EAGAIN)
            (void)hypercall_wait(0, seen, false);
        ring_sleep(&ring, false);
    }
    if (error)
        nonsense();
    return place;
}

bool wire_try_reserve(uint32_t bytes, struct ring_place *place)
{
    return ring.base && ring_reserve(&ring, bytes, bytes, place) == 0;
}

void wire_publish(struct mf_desc *desc, const struct ring_place *place)
{
    ring_publish(&ring, desc, place);
    unrung = true;
    unrung_bytes += desc->data_bytes;
}

/* Opened when it is first used: a C function's start writes no page for it. */
static struct ring *streams_of(void)
{
    if (!streams_open) {
        ring_open(&streams, ring.base, RING_STREAMS);
        freed.messages = EARLY_MESSAGES - 1; /* the first one says that somebody is there */
        freed.bytes = 0;
    }
    streams_open = true;
    return &streams;
}

bool wire_stream_peek(struct mf_desc *desc)
{
    int got = ring_peek(streams_of(), 0, desc);
    if (got < 0)
        nonsense();
    return got == 1;
}

const uint8_t *wire_stream_data(const struct mf_desc *desc)
{
    return ring_data(streams_of(), desc);
}

/* The node waits for room only while there is next to none: less than this is not worth to be told. */
void wire_stream_release(uint32_t bytes)
{
    ring_release(streams_of());
    freed.bytes += bytes;
    if (++freed.messages < EARLY_MESSAGES && freed.bytes < EARLY_BYTES)
        return;
    freed.messages = freed.bytes = 0;
    unrung = true;
}

bool wire_stream_reserve(uint32_t least, uint32_t most, struct ring_place *place)
{
    int error = ring_reserve(streams_of(), least, most, place);
    if (error && error != -EAGAIN)
        nonsense();
    return error == 0;
}

void wire_stream_publish(struct mf_desc *desc, const struct ring_place *place)
{
    ring_publish(streams_of(), desc, place);
    unrung = true;
}

void wire_result_clear(void)
{
    ring_result_clear(&ring);
}

/* Events that come meanwhile wake it, too, and wait in the ring for their turn. */
void wire_result_wait(uint32_t number, struct mf_result *result)
{
    int error;
    wire_ring();
    while ((error = ring_result_take(&ring, number, result)) == 0) {
        uint32_t seen = ring_bell(&ring);
        ring_sleep(&ring, true);
        error = ring_result_take(&ring, number, result);
        if (error == 0)
            (void)hypercall_wait(0, seen, false);
        ring_sleep(&ring, false);
    }
    if (error < 0)
        nonsense();
}

const uint8_t *wire_result_data(void)
{
    return ring_result_data(&ring);
}

void wire_result_wipe(uint32_t bytes)
{
    ring_result_wipe(&ring, bytes);
}

void wire_ring(void)
{
    if (!unrung)
        return;
    unrung = false;
    unrung_bytes = 0;
    if (ring_take_node_sleep(&ring))
        hypercall_ring();
}

void wire_ring_line(bool at_once)
{
    uint64_t now_ns, realtime_ns;
    if (!at_once && clock_counts()) {
        hypercall_clock(&now_ns, &realtime_ns);
        if (now_ns - line_ns < LINE_NS && now_ns >= line_ns)
            return;
        line_ns = now_ns;
    }
    wire_ring();
}

void wire_ring_early(void)
{
    if (unrung_bytes >= EARLY_BYTES)
        wire_ring();
}

void wire_ring_before(bool idle)
{
    if (!idle || !wait_rings)
        wire_ring();
}

void wire_sleep_until(uint64_t deadline_ns)
{
    wire_ring();
    uint32_t seen = ring_bell(&ring);
    for (;;) { /* a doorbell meanwhile is for a later wire_wait() to answer */
        uint32_t bell = hypercall_wait(deadline_ns, seen, false);
        if (bell == seen && deadline_ns)
            return;
        seen = bell;
    }
}
