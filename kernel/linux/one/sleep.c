/*
 * sleep.c: system calls that sleep, where all sleeps then.
 * Guarantees: a sleep ends when its time has come, no sooner. Owns nothing.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "kernel/core/hypercall.h"
#include "kernel/event/event.h"
#include "kernel/linux/calls_one.h"
#include "kernel/linux/time.h"

static int64_t sleep_until(uint64_t clock, uint64_t at_ns);

int64_t linux_nanosleep(struct frame *frame)
{
    uint64_t ns, start;
    int error = time_read(frame_argument(frame, 0), &ns);
    if (!error)
        error = time_clock(CLOCK_MONOTONIC, &start);
    return error ? error : sleep_until(CLOCK_MONOTONIC, start + ns);
}

int64_t linux_clock_nanosleep(struct frame *frame)
{
    uint64_t clock = (uint32_t)frame_argument(frame, 0);
    uint64_t ns, start;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    int error = time_read(frame_argument(frame, 2), &ns);
    if (error)
        return error;
    if (frame_argument(frame, 1) & TIMER_ABSTIME)
        return sleep_until(clock, ns);
    error = time_clock(CLOCK_MONOTONIC, &start);
    return error ? error : sleep_until(CLOCK_MONOTONIC, start + ns);
}

/* The monitor waits by CLOCK_MONOTONIC; another clock is compared, then converted. */
static int64_t sleep_until(uint64_t clock, uint64_t at_ns)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    uint64_t now_ns = clock == CLOCK_REALTIME ? realtime : monotonic;
    if (at_ns > now_ns)
        event_sleep(monotonic + (at_ns - now_ns));
    return 0;
}
