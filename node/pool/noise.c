/* noise.c: see noise.h. Pure functions; any thread. */
#include "node/pool/noise.h"

#include "base/clock.h"

#define ONE_NS (MF_NS_PER_S / MF_NOISE_PER_S)
#define BURST_NS (MF_NOISE_BURST * ONE_NS)

void noise_add(struct noise *noise, uint64_t now_ns)
{
    noise->charged_ns = (noise->charged_ns > now_ns ? noise->charged_ns : now_ns) + ONE_NS;
}

bool noise_too_much(const struct noise *noise, uint64_t now_ns)
{
    return noise->charged_ns > now_ns && noise->charged_ns - now_ns > BURST_NS;
}
