/*
 * main.c: main() of every function: one event after the other.
 * Guarantees: each event is answered or failed before the next is asked for.
 * Leaves to others: where events come from (port.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/event.h"
#include "sdk/large.h"
#include "sdk/local.h"
#include "sdk/port.h"
#include "sdk/reply.h"
#include "sdk/restored.h"

/* A byte more than `next` may fill: the NUL behind a body. */
static uint8_t buffer[EVENT_BUFFER_BYTES + 1] SDK_LARGE;
static struct mayfly_event event;
static struct mayfly_reply reply;

__attribute__((weak)) int mayfly_init(void) { return 0; }

static void serve(const struct mf_call_event *call)
{
    if (call->flags & MF_CALL_RESTORED)
        restored();
    reply_open(&reply);
    const char *fault = event_open(&event, call, buffer, &reply);
    if (fault)
        reply_break(&reply, fault);
    else
        mayfly_handle(&event, &reply);
    reply_end(&reply);
    event_close(&event);
}

/* Only a person passes arguments. */
static void arguments(int argc, char **argv)
{
    const char *head = getenv("MAYFLY_HEAD");
    if (head && head[0] && strcmp(head, "0") != 0)
        local_show_head();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--head") == 0) {
            local_show_head();
            continue;
        }
        bool help = strcmp(argv[i], "--help") == 0;
        fprintf(help ? stdout : stderr,
                "usage: %s [--head] < EVENT\n"
                "A mayfly function, run by hand: reads one event from standard input, an HTTP/1.1\n"
                "request or just a body, and prints the reply; with --head its status and headers\n"
                "too. Exit code 1: the reply's status was 400 or more.\n",
                argv[0]);
        exit(help ? 0 : 2);
    }
}

int main(int argc, char **argv)
{
    arguments(argc, argv);
    arena_reset(&event.arena);
    int failed = mayfly_init();
    if (failed) {
        mayfly_log(MAYFLY_ERROR, "mayfly_init() returned %d: no event is served", failed);
        return 1;
    }
    for (;;) {
        struct mf_call_event call;
        long result = port_next(&call, buffer, EVENT_BUFFER_BYTES);
        if (result >= 0)
            serve(&call);
        else if (result != -E2BIG && result != -EINTR)
            return 1; /* the kernel has said why in its own log */
    }
}
