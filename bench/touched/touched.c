/*
 * touched.c: a program with a large heap. It sets up 16 MiB before its first event;
 * /READ/WRITE/NEAR reads READ pages of them and writes WRITE others, scattered in pieces of
 * NEAR pages, always the same. The answer proves that each page held what was set up.
 */
#include <mayfly.h>
#include <stdlib.h>

#define PAGE_BYTES 4096u
#define PAGES 4096ul
#define STEP 1237ul /* odd: goes through all the pieces before it comes to one again */
#define NEAR_MAX 64ul

static volatile unsigned char heap[PAGES * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static unsigned char first_of(unsigned long page)
{
    return (unsigned char)(page * 31 + 7);
}

int mayfly_init(void)
{
    for (unsigned long page = 0; page < PAGES; page++)
        for (unsigned long at = 0; at < PAGE_BYTES; at += 64)
            heap[page * PAGE_BYTES + at] = first_of(page + at);
    return 0;
}

static unsigned long page_of(unsigned long number, unsigned long near)
{
    return number / near * STEP % (PAGES / near) * near + number % near;
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    char *rest;
    unsigned long reads = strtoul(mayfly_path(event) + 1, &rest, 10);
    unsigned long writes = *rest ? strtoul(rest + 1, &rest, 10) : 0;
    unsigned long near = *rest ? strtoul(rest + 1, &rest, 10) : 1;
    unsigned long wrong = 0;
    near = near && near <= NEAR_MAX ? near : 1;
    for (unsigned long i = 0; i < reads + writes && i < PAGES; i++) {
        unsigned long page = page_of(i, near);
        wrong += heap[page * PAGE_BYTES] != first_of(page);
        if (i >= reads)
            heap[page * PAGE_BYTES]++;
    }
    if (wrong)
        mayfly_fail(reply, "%lu pages are not as they were set up", wrong);
    else
        mayfly_puts(reply, "ok");
}
