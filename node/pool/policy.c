/* policy.c: see policy.h. Pure functions; any thread. */
#include "node/pool/policy.h"

#include "abi/channel.h"

#define LEARN_SHARE 16u

uint32_t policy_ahead(uint64_t service_ns)
{
    if (service_ns == 0 || service_ns >= POLICY_AHEAD_NS)
        return 1;
    uint64_t ahead = POLICY_AHEAD_NS / service_ns;
    return ahead < MF_EVENTS_AHEAD_MAX ? (uint32_t)ahead : MF_EVENTS_AHEAD_MAX;
}

uint64_t policy_patience_ns(uint32_t live, uint64_t service_ns, uint64_t start_ns)
{
    if (live == 0 || policy_ahead(service_ns) == 1)
        return 0;
    return start_ns;
}

uint64_t policy_learn_ns(uint64_t known_ns, uint64_t sample_ns)
{
    uint64_t sample = sample_ns ? sample_ns : 1;
    if (known_ns == 0 || sample >= known_ns)
        return sample;
    uint64_t fall = (known_ns - sample) / LEARN_SHARE;
    return known_ns - (fall ? fall : 1);
}
