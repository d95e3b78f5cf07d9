/*
 * clock.c: see clock.h. Owns the difference to the host's clock, and the point from which it
 * counts.
 * Guarantees: what clock_at() tells never goes back, also where the host's clock was adjusted:
 * it then stands still until the host's has caught up.
 */
#include "kernel/core/clock.h"

#include "abi/boot.h"

static uint64_t ahead_ns; /* the program's, of the host's */

static struct {
    uint64_t scale;                     /* 0: nothing is counted */
    uint64_t counter;                   /* 0: not set */
    uint64_t monotonic_ns, realtime_ns; /* then */
    uint64_t least_ns, least_real_ns;   /* have been told already */
} point;

void clock_resume(uint64_t frozen_ns, uint64_t host_ns)
{
    if (frozen_ns > host_ns) /* else nothing is written: a page less */
        ahead_ns = frozen_ns - host_ns;
}

uint64_t clock_of_host(uint64_t host_ns)
{
    return host_ns + ahead_ns;
}

uint64_t clock_for_host(uint64_t program_ns)
{
    return program_ns > ahead_ns ? program_ns - ahead_ns : 1;
}

void clock_start(const struct mf_boot *boot)
{
    point.scale = boot->tsc_scale;
    point.counter = boot->tsc;
    point.monotonic_ns = boot->monotonic_ns;
    point.realtime_ns = boot->realtime_ns;
    point.least_ns = point.least_real_ns = 0;
}

void clock_stop(void)
{
    point.scale = 0;
    point.counter = 0;
    point.monotonic_ns = point.realtime_ns = point.least_ns = point.least_real_ns = 0;
}

bool clock_counts(void)
{
    return point.scale != 0;
}

static uint64_t to_ns(uint64_t ticks)
{
    unsigned __int128 wide = (unsigned __int128)ticks * point.scale >> 32;
    return wide >> 64 ? UINT64_MAX : (uint64_t)wide;
}

/* A counter that has gone back, over a sleep of the host, is far away, too. */
static bool is_near(uint64_t counter, uint64_t *since_ns)
{
    *since_ns = to_ns(counter - point.counter);
    return point.counter && *since_ns < CLOCK_COUNTED_NS;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t tell_real(uint64_t realtime_ns)
{
    bool is_step = point.least_real_ns > realtime_ns + CLOCK_STEP_NS;
    return is_step ? realtime_ns : larger(realtime_ns, point.least_real_ns);
}

void clock_set(uint64_t before, uint64_t after, uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    uint64_t since_ns;
    if (point.counter) { /* the last that may have been told */
        if (!is_near(before, &since_ns))
            since_ns = CLOCK_COUNTED_NS;
        point.least_ns = larger(point.least_ns, point.monotonic_ns + since_ns);
        point.least_real_ns = tell_real(point.realtime_ns + since_ns);
    }
    point.counter = 0;
    if (point.scale && before <= after && to_ns(after - before) <= CLOCK_ASKED_NS) {
        point.counter = before + (after - before) / 2;
        point.monotonic_ns = *monotonic_ns;
        point.realtime_ns = *realtime_ns;
    }
    *monotonic_ns = larger(*monotonic_ns, point.least_ns);
    *realtime_ns = tell_real(*realtime_ns);
}

bool clock_at(uint64_t counter, uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    uint64_t since_ns;
    if (!is_near(counter, &since_ns))
        return false;
    *monotonic_ns = larger(point.monotonic_ns + since_ns, point.least_ns);
    *realtime_ns = tell_real(point.realtime_ns + since_ns);
    return true;
}
