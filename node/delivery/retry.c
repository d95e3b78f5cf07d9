/* retry.c: see retry.h. */
#include "node/delivery/retry.h"

#include "base/limits.h"

enum verdict retry_verdict(enum situation situation, uint32_t status)
{
    switch (situation) {
    case SITUATION_REPLIED:
        return status < 500 ? VERDICT_DELIVERED : VERDICT_FAILED;
    case SITUATION_NO_FREE_INSTANCE:
    case SITUATION_CANNOT_START:
    case SITUATION_NODE_FULL:
        return VERDICT_OVERLOAD;
    case SITUATION_UNKNOWN_FUNCTION:
    case SITUATION_STOPPED:
    case SITUATION_STOPPING:
        return VERDICT_RETURN;
    default:
        return VERDICT_FAILED;
    }
}

static uint64_t doubled(uint64_t first_ms, uint64_t most_ms, uint32_t times)
{
    uint64_t ms = first_ms;
    for (uint32_t i = 1; i < times && ms < most_ms; i++)
        ms *= 2;
    return ms < most_ms ? ms : most_ms;
}

/* From one half to all of it. */
static uint64_t jitter(uint64_t ms, uint32_t chance)
{
    return ms - (ms / 2 * chance >> 32);
}

uint64_t retry_delay_ms(uint32_t attempts, uint32_t chance)
{
    return jitter(doubled(MF_RETRY_MS_FIRST, MF_RETRY_MS_MAX, attempts), chance);
}

uint64_t retry_overload_ms(uint32_t times, uint32_t chance)
{
    return jitter(doubled(MF_OVERLOAD_MS_FIRST, MF_OVERLOAD_MS_MAX, times), chance);
}

uint64_t retry_trouble_ms(uint32_t times)
{
    return doubled(MF_DELIVERY_TROUBLE_MS_FIRST, MF_DELIVERY_TROUBLE_MS_MAX, times);
}
