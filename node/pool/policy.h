/*
 * policy.h: when to queue ahead and when to start, as pure functions of what is known.
 */
#ifndef MF_NODE_POOL_POLICY_H
#define MF_NODE_POOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* What a function's events take, as of late: running means, 0 while not known. An event
 * that wakes its instance takes longer than one that follows another in the ring. */
struct event_times {
    uint64_t any_ns;
    uint64_t woke_ns;
    uint64_t followed_ns;
    uint64_t start_ns; /* a cold start, to its first answer */
};

/* Learn from one event, how long it took with a processor at hand: all events of an
 * instance's beginning are measured, later one in so many. */
#define POLICY_SAMPLES_FIRST 4
#define POLICY_SAMPLE_EVERY 32
void policy_learn_event(struct event_times *times, uint64_t took_ns, bool woke);
void policy_learn_start(struct event_times *times, uint64_t took_ns);

/* How many events one instance may have in its ring: as many as are over within
 * POLICY_AHEAD_NS, at least one. */
#define POLICY_AHEAD_NS 1000000u
uint32_t policy_ahead(const struct event_times *times);

/* How many to gather in one that runs before an idle one is woken: as long as the wait
 * behind them is shorter than the waking. At most policy_ahead(). */
uint32_t policy_gather(const struct event_times *times);

/* How long an event should wait for one of `live` instances before another is started for
 * it. None lives, or events are known to be long: not at all. Otherwise as long as a start
 * takes for each that lives, for they share the processors. */
uint64_t policy_patience_ns(const struct event_times *times, uint32_t live);

/* What decides when another instance may be started. */
struct scale_view {
    uint32_t live, most;       /* instances that can take events; that it may have  */
    uint64_t waiting;          /* events, also those in its durable queue           */
    uint64_t threshold;        /* setting scale_threshold                           */
    uint64_t arrived_ns;       /* the event whose turn it is                        */
    uint64_t patience_ns;      /* policy_patience_ns()                              */
    uint64_t started_ns;       /* the last start; 0: none, or one has ended since   */
    uint64_t grace_ns;         /* setting grace_ms                                  */
    uint64_t held_until_ns;    /* after faults                                      */
};

/* From when on another one may be started for an event that waits. UINT64_MAX: not before
 * something else happens. The first one at once, whatever threshold and grace say. */
uint64_t policy_start_ns(const struct scale_view *view);

#endif
