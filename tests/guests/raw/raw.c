/*
 * raw.c: the hostile kernel: takes events by the rules, and does what each says
 * (orders.h) against them. Freestanding; stands where the library OS would.
 */
#include "raw/raw.h"

#include <stddef.h>

#include "abi/cause.h"

_Static_assert(offsetof(struct order, number) == 8, "entry.S");
_Static_assert(offsetof(struct order, address) == 24, "entry.S");
_Static_assert(offsetof(struct order, argument) == 40, "entry.S");

struct raw_ring raw_ring;
const struct mf_boot *raw_boot;

_Noreturn void raw_main(const struct mf_boot *boot);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

/* The compiler may ask for these two. */
void *memcpy(void *to, const void *from, size_t bytes)
{
    raw_bytes(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    for (volatile uint8_t *at = to; bytes--;)
        *at++ = (uint8_t)value;
    return to;
}

void raw_bytes(void *to, const void *from, uint64_t bytes)
{
    volatile uint8_t *out = to;
    const volatile uint8_t *in = from;
    while (bytes--)
        *out++ = *in++;
}

void raw_ring_node(void)
{
    static struct mf_hc_ring ring __attribute__((aligned(8)));
    if (raw_node_slept(&raw_ring))
        raw_hypercall(MF_HC_ring, (uint64_t)(uintptr_t)&ring);
}

static void console(const char *text, uint32_t bytes)
{
    static struct mf_hc_console call __attribute__((aligned(8)));
    call.address = (uint64_t)(uintptr_t)text;
    call.bytes = bytes;
    raw_hypercall(MF_HC_console, (uint64_t)(uintptr_t)&call);
}

static char *hex(char *at, uint64_t value)
{
    *at++ = '0';
    *at++ = 'x';
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[value >> shift & 15];
    *at++ = ' ';
    return at;
}

/* An exception that no order expected: say which, and go as a kernel's bug. */
void raw_unexpected(void)
{
    static char text[160];
    static struct mf_hc_fault fault __attribute__((aligned(8))) = {.cause = MF_CAUSE_KERNEL_BUG};
    char *at = text;
    at = hex(at, raw_trap.vector);
    at = hex(at, raw_trap.address);
    at = hex(at, raw_trap.error);
    at = hex(at, raw_trap.rip);
    at = hex(at, raw_trap.rsp);
    *at++ = '\n';
    console(text, (uint32_t)(at - text));
    raw_hypercall(MF_HC_fault, (uint64_t)(uintptr_t)&fault);
    for (;;)
        ;
}

static void wait_for_bell(void)
{
    static struct mf_hc_wait wait __attribute__((aligned(8)));
    uint32_t bell;
    if (!raw_sleep(&raw_ring, &bell))
        return;
    wait.deadline_ns = 0;
    wait.seen = bell;
    wait.idle = 1;
    raw_hypercall(MF_HC_wait, (uint64_t)(uintptr_t)&wait);
    raw_control(&raw_ring)->guest_sleeping = 0;
}

static void serve(const struct mf_desc *event)
{
    static struct order order;
    static struct answer answer;
    uint32_t body = event->data_bytes - event->head_bytes;
    memset(&order, 0, sizeof order);
    memset(&answer, 0, sizeof answer);
    raw_bytes(&order, raw_in_data(&raw_ring, event) + event->head_bytes,
              body < sizeof order ? body : sizeof order);
    uint64_t id = event->id;
    raw_release(&raw_ring);
    if (!raw_obey(&order, id, &answer))
        return;
    struct mf_desc reply = {.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END,
                            .data_bytes = sizeof answer, .arg = 200};
    while (!raw_put(&raw_ring, &reply, &answer))
        raw_ring_node();
    raw_ring_node();
}

void raw_main(const struct mf_boot *boot)
{
    static struct mf_hc_halt halt __attribute__((aligned(8)));
    raw_boot = boot;
    raw_ring.base = (uint8_t *)(uintptr_t)boot->channel_base;
    for (;;) {
        struct mf_desc message;
        if (!raw_peek(&raw_ring, &message)) {
            wait_for_bell();
            continue;
        }
        if (message.type == MF_MSG_DRAIN)
            raw_hypercall(MF_HC_halt, (uint64_t)(uintptr_t)&halt);
        if (message.type == MF_MSG_INVOKE)
            serve(&message);
        else
            raw_release(&raw_ring);
    }
}
