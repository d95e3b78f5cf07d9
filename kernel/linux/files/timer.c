/*
 * timer.c: system calls on timers that are descriptors. Times of CLOCK_REALTIME are converted when
 * they are set: a clock that is set later does not move them. Owns nothing.
 */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/timerfd.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/time.h"

#define NS_PER_S 1000000000ull

int64_t linux_timerfd_create(struct frame *frame)
{
    uint32_t clock = (uint32_t)frame_argument(frame, 0);
    uint32_t flags = (uint32_t)frame_argument(frame, 1);
    if (flags & ~(uint32_t)(TFD_NONBLOCK | TFD_CLOEXEC) ||
        (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME))
        return -EINVAL;
    struct file *file = timerfd_create(clock, flags & TFD_NONBLOCK);
    return file ? descriptor_add(file, flags & TFD_CLOEXEC, 0) : -ENOMEM;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (int64_t)(ns / NS_PER_S),
                             .tv_nsec = (int64_t)(ns % NS_PER_S)};
}

static int tell(uint64_t to, const struct timerfd_times *times, uint64_t now_ns)
{
    uint64_t left_ns = times->at_ns > now_ns ? times->at_ns - now_ns : times->at_ns ? 1 : 0;
    const struct itimerspec spec = {timespec_of(times->interval_ns), timespec_of(left_ns)};
    return user_write(to, &spec, sizeof spec);
}

/* When a time of the timer's clock comes, by the clock that deadlines have. */
static uint64_t when(uint64_t value_ns, bool absolute, uint32_t clock, uint64_t now_ns,
                     uint64_t real_ns)
{
    uint64_t clock_ns = clock == CLOCK_REALTIME ? real_ns : now_ns;
    if (!absolute)
        return now_ns + value_ns;
    return value_ns > clock_ns ? now_ns + (value_ns - clock_ns) : now_ns;
}

int64_t linux_timerfd_settime(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    uint32_t flags = (uint32_t)frame_argument(frame, 1), clock;
    uint64_t new = frame_argument(frame, 2), old = frame_argument(frame, 3);
    uint64_t value_ns, now_ns, real_ns;
    struct timerfd_times before, times;
    if (!file)
        return -EBADF;
    if (flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    int error = timerfd_clock(file, &clock);
    if (!error)
        error = time_read(new, &times.interval_ns);
    if (!error)
        error = time_read(new + sizeof(struct timespec), &value_ns);
    if (!error)
        error = timerfd_get(file, &before);
    if (error)
        return error;
    hypercall_clock(&now_ns, &real_ns);
    times.at_ns = value_ns == 0 ? 0
                                : when(value_ns, flags & TFD_TIMER_ABSTIME, clock, now_ns, real_ns);
    if (old)
        error = tell(old, &before, now_ns);
    return error ? error : timerfd_set(file, &times);
}

int64_t linux_timerfd_gettime(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    struct timerfd_times times;
    if (!file)
        return -EBADF;
    int error = timerfd_get(file, &times);
    return error ? error : tell(frame_argument(frame, 1), &times, time_monotonic());
}
