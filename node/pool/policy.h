/*
 * policy.h: when to queue ahead and when to start, as pure functions of what is known.
 */
#ifndef MF_NODE_POOL_POLICY_H
#define MF_NODE_POOL_POLICY_H

#include <stdint.h>

/* How many events one instance may have in its ring, given what an event takes
 * (0: not known): as many as are over within POLICY_AHEAD_NS, at least one. */
#define POLICY_AHEAD_NS 1000000u
uint32_t policy_ahead(uint64_t service_ns);

/* How many to gather in a running one before an idle one is woken: a wake-up costs as much
 * as several short events (32 to 47 us across processors). */
#define POLICY_GATHER_NS 100000u
uint32_t policy_gather(uint64_t service_ns);

/* How long an event should wait for an instance that lives before another one is started
 * for it. Events known to be long: not at all. Not known yet: as long as a start takes, to
 * see. Short: as long for each instance that lives, for they share the processors. */
uint64_t policy_patience_ns(uint32_t live, uint64_t service_ns, uint64_t start_ns);

/* The running mean, of about the last 64 samples: so it is what a place in the ring costs
 * on average, and one slow event in a hundred stops the queueing ahead. */
uint64_t policy_learn_ns(uint64_t known_ns, uint64_t sample_ns);

#endif
