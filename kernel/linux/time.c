/*
 * time.c: system calls for clocks. Clocks are the node's, by hypercall.
 * Leaves to others: sleep (one/, many/). Owns nothing.
 */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/times.h>
#include <stdbool.h>

#include "kernel/core/hypercall.h"
#include "kernel/core/start.h"
#include "kernel/core/user.h"
#include "kernel/linux/call.h"
#include "kernel/linux/time.h"
#include "kernel/linux/usage.h"

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

struct timespec time_spec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (int64_t)(ns / NS_PER_S), .tv_nsec = (int64_t)(ns % NS_PER_S)};
}

int time_read(uint64_t address, uint64_t *ns)
{
    struct timespec time;
    int error = user_read(&time, address, sizeof time);
    if (error)
        return error;
    if (time.tv_sec < 0 || time.tv_nsec < 0 || (uint64_t)time.tv_nsec >= NS_PER_S)
        return -EINVAL;
    bool far = (uint64_t)time.tv_sec >= TIME_NEVER_NS / NS_PER_S;
    *ns = far ? TIME_NEVER_NS : (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
    return 0;
}

uint64_t time_monotonic(void)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    return monotonic;
}

int64_t linux_clock_gettime(struct frame *frame)
{
    uint64_t ns;
    int error = time_clock(frame_argument(frame, 0), &ns);
    if (error)
        return error;
    struct timespec time = time_spec(ns);
    return user_write(frame_argument(frame, 1), &time, sizeof time);
}

int64_t linux_clock_getres(struct frame *frame)
{
    struct timespec resolution = {.tv_nsec = 1};
    uint64_t to = frame_argument(frame, 1);
    uint64_t ns;
    int error = time_clock(frame_argument(frame, 0), &ns);
    if (error || to == 0)
        return error;
    return user_write(to, &resolution, sizeof resolution);
}

int64_t linux_gettimeofday(struct frame *frame)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    struct timeval time = {.tv_sec = (int64_t)(realtime / NS_PER_S),
                           .tv_usec = (int64_t)(realtime % NS_PER_S / NS_PER_US)};
    struct timezone zone = {0};
    int error = 0;
    if (frame_argument(frame, 0))
        error = user_write(frame_argument(frame, 0), &time, sizeof time);
    if (!error && frame_argument(frame, 1))
        error = user_write(frame_argument(frame, 1), &zone, sizeof zone);
    return error;
}

int64_t linux_time(struct frame *frame)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    int64_t seconds = (int64_t)(realtime / NS_PER_S);
    if (frame_argument(frame, 0) &&
        user_write(frame_argument(frame, 0), &seconds, sizeof seconds) != 0)
        return -EFAULT;
    return seconds;
}

int64_t linux_times(struct frame *frame)
{
    struct tms times = {.tms_utime = (int64_t)(usage_of_process() / (NS_PER_S / START_CLOCK_TICKS))};
    if (frame_argument(frame, 0) &&
        user_write(frame_argument(frame, 0), &times, sizeof times) != 0)
        return -EFAULT;
    return (int64_t)(time_monotonic() / (NS_PER_S / START_CLOCK_TICKS));
}

int time_clock(uint64_t clock, uint64_t *ns)
{
    uint64_t monotonic, realtime;
    hypercall_clock(&monotonic, &realtime);
    switch ((uint32_t)clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *ns = realtime;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = monotonic;
        return 0;
    default:
        return usage_clock((int32_t)clock, ns);
    }
}
