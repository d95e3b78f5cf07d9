/*
 * on_broker.h: a subject of ours connected to a private broker, with a workflow deployed: what
 * benches of triggers need. One thread.
 */
#ifndef MF_BENCH_ON_BROKER_H
#define MF_BENCH_ON_BROKER_H

#include "base/err.h"
#include "bench/broker.h"
#include "bench/scratch.h"
#include "bench/subject.h"

struct on_broker {
    struct subject *subject;
    struct broker broker;
    struct scratch folder;
    const char *options[3];
};
#define ON_BROKER_NONE ((struct on_broker){.broker.child = CHILD_NONE})

/* Start broker and, anew, the subject's node. more: lines of the broker's configuration. *on stays
 * where it is until it is closed, also on failure. MF_EUNSUPPORTED: there is no mosquitto here. */
MF_CHECKED mf_err on_broker_open(struct on_broker *on, struct subject *subject, const char *more,
                                 struct mf_why *why);
/* Deploy a mayfly.yml of that text. */
MF_CHECKED mf_err on_broker_deploy(struct on_broker *on, const char *yaml, struct mf_why *why);
/* Until the node has got to its broker, which it does when there is something to subscribe to. */
MF_CHECKED mf_err on_broker_await(const struct on_broker *on, struct mf_why *why);
void on_broker_close(struct on_broker *on);

#endif
