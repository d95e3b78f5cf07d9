/* policy.c: see policy.h. Pure functions; any thread. */
#include "node/pool/policy.h"

#include "abi/channel.h"

#define MEAN_OF 16u               /* samples, about */
#define START_NS_ASSUMED 2000000u /* before the first one was measured */

static uint64_t learn(uint64_t known_ns, uint64_t sample_ns)
{
    uint64_t sample = sample_ns ? sample_ns : 1;
    return known_ns ? known_ns - known_ns / MEAN_OF + sample / MEAN_OF : sample;
}

void policy_learn_event(struct event_times *times, uint64_t took_ns, bool woke)
{
    uint64_t *kind = woke ? &times->woke_ns : &times->followed_ns;
    *kind = learn(*kind, took_ns);
    times->any_ns = learn(times->any_ns, took_ns);
}

void policy_learn_start(struct event_times *times, uint64_t took_ns)
{
    times->start_ns = learn(times->start_ns, took_ns);
}

static uint32_t at_most(uint64_t count, uint32_t most)
{
    return count < most ? (uint32_t)count : most;
}

uint32_t policy_ahead(const struct event_times *times)
{
    if (times->any_ns == 0 || times->any_ns >= POLICY_AHEAD_NS)
        return 1;
    return at_most(POLICY_AHEAD_NS / times->any_ns, MF_EVENTS_AHEAD_MAX);
}

uint32_t policy_gather(const struct event_times *times)
{
    uint32_t ahead = policy_ahead(times);
    if (ahead == 1 || times->woke_ns == 0)
        return 1;
    if (times->followed_ns == 0)
        return 2; /* to see */
    if (times->woke_ns <= times->followed_ns)
        return 1;
    return at_most(1 + (times->woke_ns - times->followed_ns) / times->followed_ns, ahead);
}

uint64_t policy_patience_ns(const struct event_times *times, uint32_t live)
{
    if (times->any_ns && policy_ahead(times) == 1)
        return 0;
    return live * (times->start_ns ? times->start_ns : START_NS_ASSUMED);
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

uint64_t policy_start_ns(const struct scale_view *view)
{
    uint64_t at_ns = later(view->arrived_ns + view->patience_ns, view->held_until_ns);
    if (view->live >= view->most || (view->live > 0 && view->waiting <= view->threshold))
        return UINT64_MAX;
    if (view->live > 0 && view->started_ns)
        at_ns = later(at_ns, view->started_ns + view->grace_ns);
    return at_ns;
}
