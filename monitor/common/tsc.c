/* tsc.c: no library calls: also in the trampoline. */
#include "monitor/common/tsc.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "tsc_arch.h"

#define APART_NS_MIN (20 * MF_NS_PER_MS) /* an error of a microsecond is then one of 50 in a million */
#define TICKS_MAX 10000u                 /* between two readings, with one of the clock between them */
#define TRIES 8u
#define SLEPT_NS_MIN (100 * MF_NS_PER_MS)

struct tsc_moment tsc_moment(void)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t realtime_ns = mf_realtime_ns();
        uint64_t before = tsc_arch_read();
        uint64_t ns = mf_monotonic_ns();
        uint64_t after = tsc_arch_read();
        if (after - before <= TICKS_MAX)
            return (struct tsc_moment){before + (after - before) / 2, ns, realtime_ns - ns};
    }
    return (struct tsc_moment){0};
}

static bool slept(const struct tsc_moment *from, const struct tsc_moment *to)
{
    return to->apart_ns - from->apart_ns + SLEPT_NS_MIN > 2 * SLEPT_NS_MIN;
}

uint64_t tsc_scale(const struct tsc_moment *from, const struct tsc_moment *to)
{
    if (!from->counter || to->counter <= from->counter || to->monotonic_ns <= from->monotonic_ns ||
        to->monotonic_ns - from->monotonic_ns < APART_NS_MIN || slept(from, to))
        return 0;
    uint64_t ns = to->monotonic_ns - from->monotonic_ns, ticks = to->counter - from->counter;
    for (; ns >> 31; ns >>= 1)
        ticks >>= 1;
    return ticks ? (ns << 32) / ticks : 0;
}
