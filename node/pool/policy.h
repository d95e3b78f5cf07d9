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

/* How long an event should wait for a running instance before another one is started
 * for it: as long as a start takes, if events are short; else not at all. */
uint64_t policy_patience_ns(uint32_t live, uint64_t service_ns, uint64_t start_ns);

/* The running estimate: rises at once, falls by a 16th of the difference, so that one
 * slow event stops the queueing ahead for some time. */
uint64_t policy_learn_ns(uint64_t known_ns, uint64_t sample_ns);

#endif
