/* hostile.c: the bad neighbour of `mayfly bench neighbour`: spins, floods its log, or dies. And the good one of
 * `mayfly bench fair`, which works: some milliseconds of a processor, however long it has to wait for one. */
#include <mayfly.h>
#include <string.h>

static void spin(void)
{
    for (volatile unsigned long turns = 0;; turns++)
        ;
}

#define WORK_TURNS 2500000ul

static void work(void)
{
    for (volatile unsigned long turns = 0; turns < WORK_TURNS; turns++)
        ;
}

static void flood(void)
{
    for (unsigned long line = 0;; line++)
        mayfly_log(MAYFLY_INFO, "line %lu of a flood", line);
}

void mayfly_handle(struct mayfly_event *event, struct mayfly_reply *reply)
{
    const char *path = mayfly_path(event);
    if (strcmp(path, "/spin") == 0)
        spin();
    else if (strcmp(path, "/flood") == 0)
        flood();
    else if (strcmp(path, "/die") == 0)
        __builtin_trap();
    else if (strcmp(path, "/work") == 0)
        work();
    mayfly_puts(reply, "peaceful");
}
