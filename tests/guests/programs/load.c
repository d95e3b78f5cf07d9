/* load.c: acts that take without end: time, memory, log. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"

#define PIECE (64u << 10)

void act_loop(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    for (;;)
        __asm__ volatile("");
}

void act_loop_calls(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    for (;;)
        (void)getppid();
}

void act_sleeps(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    for (;;)
        sleep(1000);
}

/* Until there is none left; then says so, which is what a program may do. */
void act_allocates(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    size_t pieces = 0;
    char *piece;
    while ((piece = malloc(PIECE)) != NULL) {
        memset(piece, 1, PIECE);
        pieces++;
    }
    mayfly_puts(reply, pieces > 16 ? "no memory left" : "hardly any memory");
}

/* One page of every two, so that no mapping joins the next. */
void act_maps(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    unsigned count = 0;
    for (;;) {
        char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (two == MAP_FAILED)
            break;
        two[0] = 1;
        if (munmap(two + 4096, 4096) != 0)
            break;
        count++;
    }
    mayfly_puts(reply, count > 16 ? "no mapping left" : "hardly any mapping");
}

void act_log_flood(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    for (;;)
        mayfly_log(MAYFLY_WARN, "%0*d", 4000, 1);
}

void act_console_flood(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event, (void)reply;
    static char line[4000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (;;)
        if (write(STDERR_FILENO, line, sizeof line) < 0)
            continue;
}

/* More body than a reply may have. */
void act_reply_flood(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    static char piece[PIECE];
    for (unsigned i = 0; i < 2 * (6u << 20) / PIECE; i++)
        mayfly_write(reply, piece, sizeof piece);
}

/* Answers before it has read the body, however large. */
void act_never_reads(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_puts(reply, "not read");
}

/* Long enough to be preempted many times. */
void act_spins_then_answers(struct mayfly_event *event, struct mayfly_reply *reply)
{
    struct timespec start, now;
    uint64_t spin_ns = number_of(event, "ms", 200) * 1000000;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t passed_ns;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        passed_ns = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000000 +
                    (uint64_t)now.tv_nsec - (uint64_t)start.tv_nsec;
    } while (passed_ns < spin_ns);
    mayfly_puts(reply, "done");
}

void act_fails(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_fail(reply, "on purpose");
}

void act_two_replies(struct mayfly_event *event, struct mayfly_reply *reply)
{
    (void)event;
    mayfly_answer(reply, 200, "text/plain", "one");
    mayfly_answer(reply, 200, "text/plain", "two");
}

/* Asleep with a deadline of its own, then an answer. */
void act_naps(struct mayfly_event *event, struct mayfly_reply *reply)
{
    uint64_t ms = number_of(event, "ms", 100);
    struct timespec nap = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    mayfly_puts(reply, nanosleep(&nap, NULL) == 0 ? "slept" : "woken early");
}
