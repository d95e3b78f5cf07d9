/* account.c: see account.h. */
#include "bench/account.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static uint64_t cpu_ns_of(const struct processes *list)
{
    struct usage usage;
    usage_of(list, &usage);
    return usage.cpu_ns;
}

mf_err account_read(const struct broker *broker, struct subject *subject, struct account *account)
{
    static struct processes node, daemon; /* large; one thread */
    const struct processes broker_alone = {.count = 1, .pid = {broker->child.pid}};
    *account = (struct account){0};
    account->cpu_ns[ACCOUNT_GENERATOR] = mf_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    account->cpu_ns[ACCOUNT_BROKER] = cpu_ns_of(&broker_alone);
    if (!subject)
        return MF_OK;
    node.count = 0;
    mf_err err = subject->kind->processes(subject, &node);
    if (err)
        return err;
    daemon.count = 1; /* the first of them */
    daemon.pid[0] = node.pid[0];
    node.pid[0] = node.pid[--node.count];
    account->cpu_ns[ACCOUNT_NODE] = cpu_ns_of(&daemon);
    account->cpu_ns[ACCOUNT_INSTANCES] = cpu_ns_of(&node);
    return MF_OK;
}

mf_err account_add(const struct account *before, const struct account *after, uint64_t events,
                   struct samples us[static ACCOUNT_PARTY_COUNT])
{
    mf_err err = MF_OK;
    for (int i = 0; i < ACCOUNT_PARTY_COUNT && !err; i++) {
        uint64_t spent_ns = after->cpu_ns[i] > before->cpu_ns[i] ? after->cpu_ns[i] - before->cpu_ns[i] : 0;
        err = samples_add(&us[i], (double)spent_ns / MF_NS_PER_US / (double)events);
    }
    return err;
}

mf_err account_rows(struct bench_run *run, const struct subject *subject,
                    struct samples us[static ACCOUNT_PARTY_COUNT])
{
    static const char *const metric[] = {
#define METRIC(NAME, name) [ACCOUNT_##NAME] = "cpu_" name,
        ACCOUNT_PARTIES(METRIC)
#undef METRIC
    };
    mf_err err = MF_OK;
    for (int i = 0; i < (subject->kind ? ACCOUNT_PARTY_COUNT : ACCOUNT_NODE) && !err; i++)
        err = bench_row(run, subject, metric[i], UNIT_US, &us[i], NULL);
    return err;
}
