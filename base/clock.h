/* clock.h: time in nanoseconds. Any thread. */
#ifndef MF_BASE_CLOCK_H
#define MF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define MF_NS_PER_S  1000000000ull
#define MF_NS_PER_MS 1000000ull
#define MF_NS_PER_US 1000ull

static inline uint64_t mf_clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * MF_NS_PER_S + (uint64_t)t.tv_nsec;
}

static inline uint64_t mf_monotonic_ns(void) { return mf_clock_ns(CLOCK_MONOTONIC); }
static inline uint64_t mf_realtime_ns(void) { return mf_clock_ns(CLOCK_REALTIME); }

#endif
