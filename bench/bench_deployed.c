/* bench_deployed.c: a node with very many functions, none of which runs. */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "bench/bench.h"

#define FUNCTIONS 10000u
#define RESTARTS 5u
#define SETTLE_MS 500 /* until the pool of blanks is there */

/* Daemon, spawner, and the blanks that belong to nobody. */
#define PROCESSES_OF_THE_NODE (2u + MF_BLANKS_DEFAULT)

struct deployed {
    uint32_t functions;
    struct samples deploy_us, start_us, rss_kib;
    uint64_t rss_deploying_kib;
    uint32_t more_processes;
};

/* A node that takes no more is a result, not a failure: how many it took is in the rows. */
static mf_err deploy_all(struct bench_run *run, struct subject *subject, uint32_t wanted,
                         struct deployed *deployed, struct mf_why *why)
{
    mf_err err = subject->kind->prepare(subject, wanted, CONTENT_DISTINCT, why);
    for (uint32_t i = 0; i < wanted && !err; i++) {
        uint64_t from_ns = mf_monotonic_ns();
        err = subject->kind->make(subject, i, why);
        if (err && i > 0) {
            char text[MF_WHY_BYTES + 64];
            (void)snprintf(text, sizeof text, "deployed: no more than %u functions: %.400s", i,
                           mf_why_text(why, err));
            run->options->remark(run->options->context, text);
            return MF_OK;
        }
        deployed->functions = i + 1;
        if (!err)
            err = samples_add(&deployed->deploy_us,
                              (double)(mf_monotonic_ns() - from_ns) / MF_NS_PER_US);
        if (!err)
            err = bench_tick(run, why);
    }
    return err;
}

static mf_err look(struct subject *subject, struct deployed *deployed, uint64_t *rss_kib)
{
    static struct processes list;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (err)
        return err;
    *rss_kib = rss_kib_of(list.pid[0]);
    uint32_t more = list.count > PROCESSES_OF_THE_NODE ? list.count - PROCESSES_OF_THE_NODE : 0;
    deployed->more_processes = more > deployed->more_processes ? more : deployed->more_processes;
    return MF_OK;
}

static mf_err restart(struct subject *subject, struct deployed *deployed, struct mf_why *why)
{
    double took_us = 0;
    uint64_t rss_kib = 0;
    mf_err err = subject_mayfly_restart(subject, NULL, &took_us, why);
    bench_settle(SETTLE_MS);
    if (!err)
        err = look(subject, deployed, &rss_kib);
    if (!err)
        err = samples_add(&deployed->start_us, took_us);
    return err ? err : samples_add(&deployed->rss_kib, (double)rss_kib);
}

static mf_err add_rows(struct bench_run *run, struct subject *subject, struct deployed *deployed)
{
    mf_err err = bench_row_one(run, subject, "functions", UNIT_COUNT, deployed->functions);
    if (!err)
        err = bench_row(run, subject, "deploy", UNIT_US, &deployed->deploy_us, NULL);
    if (!err)
        err = bench_row(run, subject, "start", UNIT_US, &deployed->start_us, NULL);
    if (!err)
        err = bench_row(run, subject, "node_rss", UNIT_KIB, &deployed->rss_kib, NULL);
    if (!err)
        err = bench_row_one(run, subject, "node_rss_deploying", UNIT_KIB,
                            (double)deployed->rss_deploying_kib);
    return err ? err : bench_row_one(run, subject, "processes", UNIT_COUNT, deployed->more_processes);
}

static mf_err deployed_run(struct bench_run *run, struct mf_why *why)
{
    struct subject *subject = &run->subject[0];
    struct deployed deployed = {0};
    uint32_t wanted = bench_samples(run, FUNCTIONS);
    run->total = wanted + RESTARTS;
    mf_err err = deploy_all(run, subject, wanted, &deployed, why);
    bench_settle(SETTLE_MS);
    if (!err)
        err = look(subject, &deployed, &deployed.rss_deploying_kib);
    for (uint32_t i = 0; i < RESTARTS && !err; i++) {
        err = restart(subject, &deployed, why);
        if (!err)
            err = bench_tick(run, why);
    }
    if (!err)
        err = add_rows(run, subject, &deployed);
    samples_close(&deployed.deploy_us);
    samples_close(&deployed.start_us);
    samples_close(&deployed.rss_kib);
    return err;
}

const struct bench bench_deployed = {
    .name = "deployed",
    .subjects = "mayfly/process",
    .summary = "10,000 functions deployed, none running",
    .explain =
        "10,000 functions are deployed, one `mayfly deploy` after the other; each is an image of\n"
        "its own, as in `cold`. Then the node is stopped (SIGTERM) and started again, five times.\n"
        "functions: how many it took; if it refuses one, why is said on standard error.\n"
        "deploy: of one, the command's whole run; the copying of its image is in it.\n"
        "start: from before `mayfly node` is executed to its answer to /healthz, everything in the\n"
        "page cache.\n"
        "node_rss: resident memory of the daemon, half a second after each start.\n"
        "node_rss_deploying: the same half a second after the last deploy, before the first stop.\n"
        "processes: how many more there are than daemon, spawner and a full pool of blanks.\n"
        "--samples N: N functions.",
    .run = deployed_run,
};
