/* burst.c: see burst.h. */
#include "node/pool/burst.h"

#define HALVINGS_MAX 31u

static uint32_t halvings(const struct burst *burst, uint64_t now_ns)
{
    uint64_t holds = now_ns > burst->peak_ns ? (now_ns - burst->peak_ns) / BURST_HOLD_NS : 0;
    return holds < HALVINGS_MAX ? (uint32_t)holds : HALVINGS_MAX;
}

void burst_start(struct burst *burst, uint32_t starting, uint64_t now_ns)
{
    if (starting < burst_expected(burst, now_ns))
        return;
    burst->peak = starting;
    burst->peak_ns = now_ns;
}

uint32_t burst_expected(const struct burst *burst, uint64_t now_ns)
{
    uint32_t expected = burst->peak >> halvings(burst, now_ns);
    return expected > 1 ? expected : 0;
}

uint64_t burst_falls_ns(const struct burst *burst, uint64_t now_ns)
{
    if (burst_expected(burst, now_ns) == 0)
        return UINT64_MAX;
    return burst->peak_ns + (halvings(burst, now_ns) + 1) * BURST_HOLD_NS;
}
