/*
 * dirty.c: the function of the resets: /N writes to N pages of its own memory. /N/clean
 * fails where one of them was not as it was when the function was deployed.
 */
#include <mayfly.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096u
#define PAGES_MAX 256ul

static volatile unsigned char memory[PAGES_MAX * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    char *rest;
    unsigned long pages = strtoul(mayfly_path(event) + 1, &rest, 10), found = 0;
    if (pages > PAGES_MAX)
        pages = PAGES_MAX;
    for (unsigned long page = 0; page < pages; page++)
        found += memory[page * PAGE_BYTES]++ != 0;
    if (found && strcmp(rest, "/clean") == 0)
        mayfly_fail(reply, "%lu pages of an earlier event", found);
    else
        mayfly_puts(reply, "ok");
}
