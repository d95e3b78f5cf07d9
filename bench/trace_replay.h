/*
 * trace_replay.h: a trace over a keep-alive policy: the very functions that the node
 * decides with (node/pool/keep_alive.h), called when the node would call them.
 *
 * The model: a call takes an idle instance of its function, the one used last; where there
 * is none it starts one, so calls never queue. An instance is unloaded when the policy says
 * so. Starts take no time; what they cost is counted.
 */
#ifndef MF_BENCH_TRACE_REPLAY_H
#define MF_BENCH_TRACE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/trace.h"
#include "node/pool/keep_alive.h"

struct replay_policy {
    struct keep_alive_policy keep;
    bool next_step; /* pre-warm what usually follows in the same application */
    uint64_t start_ns; /* what a cold start takes, for that                  */
};

struct replay_result {
    uint64_t calls;
    uint64_t cold_starts;  /* calls that found no instance                              */
    uint64_t prewarms;     /* instances started before a call                           */
    uint64_t wakeups;      /* by timers: to unload, to pre-warm, to refill after a start */
    double instance_s;     /* seconds that instances were there, all together           */
};

/* tick(context) before every so many calls; other than MF_OK ends the replay. */
#define REPLAY_TICK_EVENTS 65536u
MF_CHECKED mf_err trace_replay(const struct trace *trace, const struct replay_policy *policy,
                               mf_err (*tick)(void *context), void *context,
                               struct replay_result *result);

#endif
