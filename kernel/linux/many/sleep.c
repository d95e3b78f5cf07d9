/*
 * sleep.c: system calls that sleep, while others run.
 * Guarantees: a sleep ends when its time has come, no sooner, or by a handler.
 * Owns nothing.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/time.h"
#include "kernel/task/wait.h"

static int64_t sleep_until(uint64_t deadline_ns, uint64_t left_at);

int64_t linux_nanosleep(struct frame *frame)
{
    uint64_t ns, *deadline_ns = call_state(sizeof *deadline_ns, NULL);
    if (*deadline_ns == 0) {
        int error = time_read(frame_argument(frame, 0), &ns);
        if (error)
            return error;
        *deadline_ns = time_monotonic() + ns;
    }
    return sleep_until(*deadline_ns, frame_argument(frame, 1));
}

int64_t linux_clock_nanosleep(struct frame *frame)
{
    uint64_t clock = (uint32_t)frame_argument(frame, 0);
    uint64_t ns, now_ns, *deadline_ns = call_state(sizeof *deadline_ns, NULL);
    bool absolute = frame_argument(frame, 1) & TIMER_ABSTIME;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    if (*deadline_ns == 0) {
        int error = time_read(frame_argument(frame, 2), &ns);
        if (!error && absolute)
            error = time_clock(clock, &now_ns);
        if (error)
            return error;
        if (absolute)
            ns = ns > now_ns ? ns - now_ns : 0;
        *deadline_ns = time_monotonic() + ns;
    }
    return sleep_until(*deadline_ns, absolute ? 0 : frame_argument(frame, 3));
}

int64_t linux_clock_settime(struct frame *frame)
{
    uint64_t ns;
    int error = time_clock(frame_argument(frame, 0), &ns);
    return error ? error : -EPERM;
}

int64_t linux_settimeofday(struct frame *frame)
{
    (void)frame;
    return -EPERM;
}

int64_t linux_pause(struct frame *frame)
{
    (void)frame;
    int64_t result = wait_for(NULL, WAIT_FOR_EVER);
    return result == WAIT_INTERRUPTED ? -EINTR : result;
}

/* left_at: where to say how much was left, if a signal ends it; or 0. */
static int64_t sleep_until(uint64_t deadline_ns, uint64_t left_at)
{
    int64_t result = wait_for(NULL, deadline_ns);
    if (result == -ETIMEDOUT)
        return 0;
    if (result != WAIT_INTERRUPTED)
        return result;
    uint64_t now_ns = time_monotonic();
    struct timespec left = time_spec(deadline_ns > now_ns ? deadline_ns - now_ns : 0);
    return left_at && user_write(left_at, &left, sizeof left) != 0 ? -EFAULT : -EINTR;
}
