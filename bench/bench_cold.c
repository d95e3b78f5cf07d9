/* bench_cold.c: a cold start as its caller sees it, and what it costs everybody. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench.h"

#define COLD_SAMPLES 100u
#define COST_SAMPLES 30u
#define WARM_UPS 3u
#define REFILL_MS 100 /* the pool makes up for the blank that was taken */

struct cost {
    struct samples cpu_us, faults;
};

/* How one start of a subject is taken; the results are the bench's own. */
typedef mf_err (*take_start)(struct bench_run *run, uint32_t subject, uint32_t instance,
                             bool counts, void *results, struct mf_why *why);

/* samples + WARM_UPS starts of every subject in turn (A B A B …), each of an instance
 * that never ran before, in random order. */
static mf_err interleave(struct bench_run *run, uint32_t samples, take_start take, void *results,
                         struct mf_why *why)
{
    uint32_t count = samples + WARM_UPS;
    uint32_t *order = calloc(count, sizeof *order);
    if (!order)
        return MF_ENOMEM;
    bench_shuffle(order, count);
    run->total = (uint64_t)count * run->subject_count;
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++)
        err = bench_outcome(run, &run->subject[s],
                            run->subject[s].kind->prepare(&run->subject[s], count, why), why);
    for (uint32_t i = 0; i < count && !err; i++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            if (run->subject[s].left_out)
                continue;
            err = take(run, s, order[i], i >= WARM_UPS, results, why);
            err = bench_outcome(run, &run->subject[s], err, why);
            if (!err)
                err = bench_tick(run, why);
        }
    free(order);
    return err;
}

static mf_err take_latency(struct bench_run *run, uint32_t s, uint32_t instance, bool counts,
                           void *results, struct mf_why *why)
{
    struct subject *subject = &run->subject[s];
    struct samples *took_us = results;
    double us = 0;
    mf_err err = subject_start(subject, instance, BENCH_SETTLE_MS, &us, why);
    if (!err && counts)
        err = samples_add(&took_us[s], us);
    mf_err ended = subject->kind->end(subject, instance, NULL, err ? NULL : why);
    return err ? err : ended;
}

static mf_err cold_run(struct bench_run *run, struct mf_why *why)
{
    struct samples took_us[BENCH_SUBJECTS_MAX] = {0};
    mf_err err = interleave(run, bench_samples(run, COLD_SAMPLES), take_latency, took_us, why);
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = bench_row(run, &run->subject[s], "cold_start", UNIT_US, &took_us[s], NULL);
        samples_close(&took_us[s]);
    }
    return err;
}

const struct bench bench_cold = {
    .name = "cold",
    .subjects = "mayfly/process,mayfly/kvm,runc,runsc,process",
    .peers = true,
    .together = true,
    .summary = "from a request for a function of which nothing runs to its reply",
    .explain =
        "cold_start: nothing of the function runs; from just before the HTTP request is written\n"
        "to the first byte of the reply, read by a client that waits in read(2). The connection\n"
        "is there 20 ms before, so that nobody pays for it.\n"
        "mayfly: a private node at its defaults. Every sample is the first request ever to a\n"
        "function of its own name, deployed before the run; all are the same C no-op. The\n"
        "function is removed after its sample, 20 ms before the next, so the pool of blanks is\n"
        "full again. Images are in the page cache.\n"
        "process, runc, runsc: a static C server that answers the same; from just before the\n"
        "program, or the run-time's `run`, is started. The request waits in the listening socket\n"
        "that the server inherits, so no time is lost by polling; runsc cannot pass one on, its\n"
        "server speaks over a socket pair as standard input and output. Bundles are what\n"
        "`runc spec` writes, with another command and no terminal.\n"
        "Subjects take turns, one sample each; the first 3 of each are warm-ups.",
    .run = cold_run,
};

static mf_err usage_now(struct subject *subject, struct usage *usage)
{
    static struct processes list;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (!err)
        usage_of(&list, usage);
    return err;
}

static double cpu_us(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static mf_err take_cost(struct bench_run *run, uint32_t s, uint32_t instance, bool counts,
                        void *results, struct mf_why *why)
{
    struct subject *subject = &run->subject[s];
    struct cost *cost = (struct cost *)results + s;
    struct usage before = {0}, after = {0};
    struct rusage whole = {0};
    mf_err err = usage_now(subject, &before);
    if (!err)
        err = subject_start(subject, instance, BENCH_SETTLE_MS, NULL, why);
    bench_settle(REFILL_MS);
    if (!err)
        err = usage_now(subject, &after);
    mf_err ended = subject->kind->end(subject, instance, &whole, err ? NULL : why);
    err = err ? err : ended;
    double us = (double)(after.cpu_ns - before.cpu_ns) / MF_NS_PER_US;
    double faults = (double)(after.faults - before.faults);
    if (subject->kind->cost_at_end) {
        us = cpu_us(&whole);
        faults = (double)(whole.ru_minflt + whole.ru_majflt);
    }
    if (!err && counts)
        err = samples_add(&cost->cpu_us, us);
    if (!err && counts)
        err = samples_add(&cost->faults, faults);
    return err;
}

static mf_err start_cost_run(struct bench_run *run, struct mf_why *why)
{
    struct cost cost[BENCH_SUBJECTS_MAX] = {0};
    mf_err err = interleave(run, bench_samples(run, COST_SAMPLES), take_cost, cost, why);
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = bench_row(run, &run->subject[s], "cpu_time", UNIT_US, &cost[s].cpu_us, NULL);
        if (!err)
            err = bench_row(run, &run->subject[s], "page_faults", UNIT_COUNT, &cost[s].faults,
                            NULL);
        samples_close(&cost[s].cpu_us);
        samples_close(&cost[s].faults);
    }
    return err;
}

const struct bench bench_start_cost = {
    .name = "start_cost",
    .subjects = "mayfly/process,mayfly/kvm,runc,runsc,process",
    .peers = true,
    .together = true,
    .summary = "what one cold start costs everybody who has a part in it",
    .explain =
        "cpu_time: processor time, user and system, as the scheduler counts it, of one cold start\n"
        "as in `cold`. mayfly: all processes of the node (daemon, spawner, blanks, instances)\n"
        "from before the request to 100 ms after the reply, so the making of the blank that\n"
        "replaces the one taken is in it. process, peers: the process, up to then. runc, runsc:\n"
        "everything the run-time started, until the container was killed, so its end is in it\n"
        "(what a run-time's helpers used is known only when they have ended). Work of kernel\n"
        "threads is in none of them.\n"
        "page_faults: minor and major, of the same processes over the same time.",
    .run = start_cost_run,
};
