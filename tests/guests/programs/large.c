/*
 * large.c: a function whose snapshot is mapped, not copied: 2 MiB set up before the first
 * event. Each event finds all of it as it was set up but for what earlier events wrote, and
 * writes every eighth page: "replies N wrong, event M".
 */
#include <mayfly.h>
#include <stdint.h>

#define PAGE_BYTES 4096u
#define PAGES 512u
#define STRIDE 8u

static volatile uint8_t heap[PAGES * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static unsigned events;

static uint8_t first_of(unsigned page, unsigned at)
{
    return (uint8_t)(page * 31 + at / 256 + 7);
}

int mayfly_init(void)
{
    for (unsigned page = 0; page < PAGES; page++)
        for (unsigned at = 0; at < PAGE_BYTES; at += 256)
            heap[page * PAGE_BYTES + at] = first_of(page, at);
    return 0;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    unsigned wrong = 0;
    (void)event;
    for (unsigned page = 0; page < PAGES; page += STRIDE / 2) {
        bool written = page % STRIDE == 0;
        for (unsigned at = 0; at < PAGE_BYTES; at += 256)
            wrong += heap[page * PAGE_BYTES + at] !=
                     (uint8_t)(first_of(page, at) + (written && at == 0 ? events : 0));
        if (written)
            heap[page * PAGE_BYTES]++;
    }
    events++;
    mayfly_printf(reply, "%u wrong, event %u", wrong, events);
}
