/*
 * account.h: who had which part in an event, by processor time: it says where events a second go on a
 * machine whose processors all of them share, and hardly depends on what else runs there. One thread.
 */
#ifndef MF_BENCH_ACCOUNT_H
#define MF_BENCH_ACCOUNT_H

#include "bench/bench.h"
#include "bench/broker.h"

/* X(NAME, name in the rows) */
#define ACCOUNT_PARTIES(X)                                                             \
    X(GENERATOR, "generator") /* the bench itself */                                   \
    X(BROKER, "broker")                                                                \
    X(NODE, "node")           /* the daemon, all its threads */                        \
    X(INSTANCES, "instances") /* monitors with their guests, and who makes them */
#define ACCOUNT_PARTY(NAME, name) ACCOUNT_##NAME,
enum account_party { ACCOUNT_PARTIES(ACCOUNT_PARTY) ACCOUNT_PARTY_COUNT };

/* Nanoseconds so far. Those of processes that ended are known to a hundredth of a second. */
struct account {
    uint64_t cpu_ns[ACCOUNT_PARTY_COUNT];
};

/* subject: a node of ours that is open; NULL: none has a part. */
MF_CHECKED mf_err account_read(const struct broker *broker, struct subject *subject, struct account *account);

/* For each event of so many between two accounts, one more sample of each party. */
MF_CHECKED mf_err account_add(const struct account *before, const struct account *after, uint64_t events,
                              struct samples us[static ACCOUNT_PARTY_COUNT]);
/* cpu_generator, cpu_broker …; of ours all, else the first two. */
MF_CHECKED mf_err account_rows(struct bench_run *run, const struct subject *subject,
                               struct samples us[static ACCOUNT_PARTY_COUNT]);

#endif
