/* bench_sweep.c: requests a second, from one client to thousands. */
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "bench/bench.h"

#define ROUNDS 3u
#define CLIENTS_MAX 4096u
#define STEPS 13u /* 1, 2, 4 … CLIENTS_MAX */
#define WARM_UP_NS (200 * MF_NS_PER_MS)
#define LOAD_NS (500 * MF_NS_PER_MS)
#define SETTLE_MS 50 /* thousands of connections end */

struct sweep {
    struct load_target target;
    struct samples rate[STEPS];
    uint64_t errors[STEPS];
};

/* A load that went wrong altogether is a rate of what was answered, and at least one error. */
static mf_err take(struct sweep *sweep, uint32_t step, struct mf_why *why)
{
    uint32_t clients = 1u << step, cpus = load_cpus();
    struct load_plan plan = {.target = &sweep->target,
                             .connections = clients,
                             .threads = cpus < LOAD_THREADS_MAX ? cpus : LOAD_THREADS_MAX,
                             .keep_alive = true,
                             .warm_up_ns = WARM_UP_NS,
                             .duration_ns = LOAD_NS};
    struct load_result result;
    plan.threads = plan.threads < clients ? plan.threads : clients;
    mf_err err = bench_load(&plan, &result, why);
    if (err == MF_EIO) {
        result.errors += !result.errors;
        err = MF_OK;
    }
    if (!err)
        err = samples_add(&sweep->rate[step], (double)result.answered / result.elapsed_s);
    sweep->errors[step] += result.errors;
    load_result_close(&result);
    bench_settle(SETTLE_MS);
    return err;
}

static mf_err add_rows(struct bench_run *run, struct subject *subject, struct sweep *sweep)
{
    mf_err err = MF_OK;
    for (uint32_t step = 0; step < STEPS && !err && !subject->left_out; step++) {
        char name[32];
        struct samples errors = {0};
        (void)snprintf(name, sizeof name, "requests_per_second@%u", 1u << step);
        err = bench_row_isolated(run, subject, name, UNIT_PER_S, &sweep->rate[step]);
        (void)snprintf(name, sizeof name, "errors@%u", 1u << step);
        if (!err)
            err = samples_add(&errors, (double)sweep->errors[step]);
        if (!err)
            err = bench_row_isolated(run, subject, name, UNIT_COUNT, &errors);
        samples_close(&errors);
    }
    return err;
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static mf_err sweep_run(struct bench_run *run, struct mf_why *why)
{
    static struct sweep sweep[BENCH_SUBJECTS_MAX];
    uint32_t rounds = bench_samples(run, ROUNDS);
    mf_err err = MF_OK;
    allow_descriptors();
    run->total = (uint64_t)rounds * STEPS * run->subject_count;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        sweep[s] = (struct sweep){0};
        err = run->subject[s].kind->serve(&run->subject[s], &sweep[s].target, why);
        err = bench_outcome(run, &run->subject[s], err, why);
    }
    for (uint32_t round = 0; round < rounds && !err; round++)
        for (uint32_t step = 0; step < STEPS && !err; step++)
            for (uint32_t s = 0; s < run->subject_count && !err; s++) {
                if (run->subject[s].left_out)
                    continue;
                err = bench_outcome(run, &run->subject[s], take(&sweep[s], step, why), why);
                if (!err)
                    err = bench_tick(run, why);
            }
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = add_rows(run, &run->subject[s], &sweep[s]);
        for (uint32_t step = 0; step < STEPS; step++)
            samples_close(&sweep[s].rate[step]);
    }
    return err;
}

const struct bench bench_sweep = {
    .name = "sweep",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse,http-server,runc",
    .peers = true,
    .together = true,
    .summary = "as throughput, from one client to 4,096",
    .explain =
        "requests_per_second@N: as in `throughput`, with N = 1, 2, 4 … 4,096 clients, each for half\n"
        "a second, after 200 ms that do not count; three rounds, all subjects in turn at every N.\n"
        "errors@N: other statuses, broken replies and connections, over the rounds.\n"
        "http-server as in `warm`; runc: a static C server of one thread, which answers as little.",
    .run = sweep_run,
};
