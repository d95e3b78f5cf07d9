/* policy.c: see policy.h. Pure functions; any thread. */
#include "node/pool/policy.h"

#include "abi/channel.h"

#define LEARN_SHARE 64u

/* How many events of service_ns are over within_ns; at least one. */
static uint32_t within(uint64_t service_ns, uint64_t within_ns)
{
    if (service_ns == 0 || service_ns >= within_ns)
        return 1;
    uint64_t count = within_ns / service_ns;
    return count < MF_EVENTS_AHEAD_MAX ? (uint32_t)count : MF_EVENTS_AHEAD_MAX;
}

uint32_t policy_ahead(uint64_t service_ns)
{
    return within(service_ns, POLICY_AHEAD_NS);
}

uint32_t policy_gather(uint64_t service_ns)
{
    return within(service_ns, POLICY_GATHER_NS);
}

uint64_t policy_patience_ns(uint32_t live, uint64_t service_ns, uint64_t start_ns)
{
    if (live == 0)
        return 0;
    if (service_ns == 0)
        return start_ns;
    return policy_ahead(service_ns) == 1 ? 0 : start_ns * live;
}

uint64_t policy_learn_ns(uint64_t known_ns, uint64_t sample_ns)
{
    uint64_t sample = sample_ns ? sample_ns : 1;
    if (known_ns == 0)
        return sample;
    return known_ns - known_ns / LEARN_SHARE + sample / LEARN_SHARE;
}
