/* bench_cold.c: a cold start as its caller sees it, and what it costs everybody. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench.h"

#define COLD_SAMPLES 1000u /* of ours */
#define COLD_OTHERS_EVERY 10u
#define COST_SAMPLES 30u
#define WARM_UPS bench_number(3, 0)
#define COLD_MS_MAX 10000u /* until nothing runs after the last deploy */
#define COLD_AGAIN_MS 100u
#define REFILL_MS 100 /* the pool makes up for the blank that was taken */

struct cost {
    struct samples cpu_us, faults;
};

/* How one start of a subject is taken; the results are the bench's own. */
typedef mf_err (*take_start)(struct bench_run *run, uint32_t subject, uint32_t instance,
                             bool counts, void *results, struct mf_why *why);

/* How many starts of each subject: ours takes part in every round, others in every
 * others_every-th one after the warm-ups. */
struct rounds {
    uint32_t samples, others_every;
};

static bool is_ours(const struct subject *subject)
{
    return subject->kind == &subject_mayfly;
}

static bool takes_part(const struct subject *subject, const struct rounds *rounds, uint32_t round)
{
    if (subject->left_out || subject->rests)
        return false;
    return is_ours(subject) || round < WARM_UPS || (round - WARM_UPS) % rounds->others_every == 0;
}

static uint32_t starts_of(const struct subject *subject, const struct rounds *rounds)
{
    if (subject->rests)
        return 0;
    uint32_t every = is_ours(subject) ? 1 : rounds->others_every;
    return WARM_UPS + (rounds->samples + every - 1) / every;
}

mf_err bench_await_cold(struct subject *subject, struct mf_why *why)
{
    mf_err err = subject->kind->is_cold ? subject->kind->is_cold(subject, why) : MF_OK;
    for (uint32_t waited_ms = 0; err == MF_EEXIST && waited_ms < COLD_MS_MAX && !bench_stop;
         waited_ms += COLD_AGAIN_MS) {
        bench_settle(COLD_AGAIN_MS);
        err = subject->kind->is_cold(subject, why);
    }
    return err;
}

/* Deploy everything, then look that nothing of it runs or is mapped. */
static mf_err make_all(struct bench_run *run, const struct rounds *rounds, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        struct subject *subject = &run->subject[s];
        if (subject->rests)
            continue;
        err = bench_prepare(run, subject, starts_of(subject, rounds), CONTENT_DISTINCT, why);
        if (!err)
            err = bench_await_cold(subject, why);
        if (err == MF_EDENIED) {
            run->options->remark(run->options->context,
                                 "processes hide from this user what they map; that none maps a "
                                 "function's file is not checked. Run as root for that.");
            err = MF_OK;
        }
        err = bench_outcome(run, subject, err, why);
    }
    return err;
}

/* One round is one start of every subject that takes part (A B A B …), each of an instance
 * that never ran before, in random order. */
static mf_err interleave(struct bench_run *run, const struct rounds *rounds, take_start take,
                         void *results, struct mf_why *why)
{
    uint32_t count = rounds->samples + WARM_UPS, next[BENCH_SUBJECTS_MAX] = {0};
    uint32_t *order[BENCH_SUBJECTS_MAX] = {0};
    mf_err err = MF_OK;
    run->total = 0;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        uint32_t starts = starts_of(&run->subject[s], rounds);
        run->total += 2 * (uint64_t)starts;
        order[s] = calloc(starts, sizeof *order[s]);
        if (order[s])
            bench_shuffle(order[s], starts);
        else if (starts)
            err = MF_ENOMEM;
    }
    if (!err)
        err = make_all(run, rounds, why);
    for (uint32_t i = 0; i < count && !err; i++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            if (!takes_part(&run->subject[s], rounds, i))
                continue;
            err = take(run, s, order[s][next[s]++], i >= WARM_UPS, results, why);
            err = bench_outcome(run, &run->subject[s], err, why);
            if (!err)
                err = bench_tick(run, why);
        }
    for (uint32_t s = 0; s < run->subject_count; s++)
        free(order[s]);
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

mf_err bench_cold_starts(struct bench_run *run, uint32_t starts, struct samples *took_us,
                         struct mf_why *why)
{
    const struct rounds rounds = {starts, 1};
    return interleave(run, &rounds, take_latency, took_us, why);
}

static mf_err cold_run(struct bench_run *run, struct mf_why *why)
{
    struct samples took_us[BENCH_SUBJECTS_MAX] = {0};
    const struct rounds rounds = {bench_samples(run, COLD_SAMPLES), COLD_OTHERS_EVERY};
    mf_err err = interleave(run, &rounds, take_latency, took_us, why);
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
        "mayfly: a private node at its defaults. 1,000 functions are deployed before the first\n"
        "request. Each is a copy of one small C program with a page of random data of its own:\n"
        "another image, another hash, other pages. Then it is looked whether any process of the\n"
        "node but the daemon maps a file of the node's state; if one still does after ten seconds,\n"
        "the bench fails. Every sample is the first request ever to one of them, in random order,\n"
        "and carries a nonce; the function transforms it by its own data, the bench checks the\n"
        "reply. The function is removed after its sample, 20 ms before the next, so the pool of\n"
        "blanks is full again. Images and snapshots are in the page cache.\n"
        "process, runc, runsc: a static C server that answers the same way, a copy with its own\n"
        "data for every start, in every tenth round; from just before the program, or the\n"
        "run-time's `run`, is started. The request waits in the listening socket\n"
        "that the server inherits, so no time is lost by polling; runsc cannot pass one on, its\n"
        "server speaks over a socket pair as standard input and output. Bundles are what\n"
        "`runc spec` writes, with another command and no terminal.\n"
        "Subjects take turns, one sample each; the first 3 of each are warm-ups. --samples N: N\n"
        "functions of ours, a tenth as many of the others.",
    .run = cold_run,
};

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
    mf_err err = subject_usage(subject, &before);
    if (!err)
        err = subject_start(subject, instance, BENCH_SETTLE_MS, NULL, why);
    bench_settle(REFILL_MS);
    if (!err)
        err = subject_usage(subject, &after);
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
    const struct rounds rounds = {bench_samples(run, COST_SAMPLES), 1};
    mf_err err = interleave(run, &rounds, take_cost, cost, why);
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
