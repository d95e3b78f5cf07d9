/* bench_load.c: functions that run already: one client's latency, many clients' rate. */
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"

#define WARM_ROUNDS 10u
#define WARM_UP_NS (200 * MF_NS_PER_MS)
#define WARM_NS (500 * MF_NS_PER_MS)
#define THROUGHPUT_ROUNDS 5u
#define THROUGHPUT_NS MF_NS_PER_S
#define THROUGHPUT_CLIENTS 64u
#define BARE "http-server"

/* rounds × subjects in turn; each run's result goes to take(). */
typedef mf_err (*take_load)(struct bench_run *run, uint32_t subject, uint32_t round,
                            struct load_result *result, void *results);

static mf_err take_turns(struct bench_run *run, uint32_t rounds, struct load_plan plan,
                         bool changes_cpu, take_load take, void *results, struct mf_why *why)
{
    struct load_target target[BENCH_SUBJECTS_MAX];
    mf_err err = MF_OK;
    run->total = (uint64_t)rounds * run->subject_count;
    for (uint32_t s = 0; s < run->subject_count && !err; s++)
        err = bench_outcome(run, &run->subject[s],
                            run->subject[s].kind->serve(&run->subject[s], &target[s], why), why);
    for (uint32_t round = 0; round < rounds && !err; round++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            struct load_result result;
            if (run->subject[s].left_out)
                continue;
            plan.target = &target[s];
            plan.first_cpu = changes_cpu ? round : 0;
            err = bench_load(&plan, &result, why);
            if (!err)
                err = take(run, s, round, &result, results);
            load_result_close(&result);
            err = bench_outcome(run, &run->subject[s], err, why);
            if (!err)
                err = bench_tick(run, why);
        }
    return err;
}

struct warm {
    struct samples latency_us;
    struct samples round_us; /* the median of each round */
};

static mf_err take_warm(struct bench_run *run, uint32_t s, uint32_t round,
                        struct load_result *result, void *results)
{
    (void)run, (void)round;
    struct warm *warm = (struct warm *)results + s;
    if (!result->latency_us.count)
        return MF_EIO;
    mf_err err = samples_add(&warm->round_us, samples_percentile(&result->latency_us, 50));
    return err ? err : samples_add_all(&warm->latency_us, &result->latency_us);
}

/* Per round, ours less the bare server's: what is left when the machine's mood is
 * taken out. round_us of both are in the order of rounds, nobody has sorted them. */
static mf_err add_added(struct bench_run *run, const struct subject *subject,
                        const struct warm *ours, const struct warm *bare)
{
    struct samples added_us = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < ours->round_us.count && i < bare->round_us.count && !err; i++)
        err = samples_add(&added_us, ours->round_us.value[i] - bare->round_us.value[i]);
    if (!err && added_us.count)
        err = bench_row_isolated(run, subject, "added_latency", UNIT_US, &added_us);
    samples_close(&added_us);
    return err;
}

static mf_err warm_run(struct bench_run *run, struct mf_why *why)
{
    struct warm warm[BENCH_SUBJECTS_MAX] = {0};
    const struct load_plan plan = {.connections = 1,
                                   .threads = 1,
                                   .keep_alive = true,
                                   .warm_up_ns = WARM_UP_NS,
                                   .duration_ns = WARM_NS};
    mf_err err =
        take_turns(run, bench_samples(run, WARM_ROUNDS), plan, true, take_warm, warm, why);
    const struct warm *bare = NULL;
    for (uint32_t s = 0; s < run->subject_count; s++)
        if (strcmp(run->subject[s].name, BARE) == 0 && !run->subject[s].left_out)
            bare = &warm[s];
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        err = bench_row_isolated(run, &run->subject[s], "latency", UNIT_US, &warm[s].latency_us);
        if (!err && bare && run->subject[s].kind == &subject_mayfly)
            err = add_added(run, &run->subject[s], &warm[s], bare);
    }
    for (uint32_t s = 0; s < run->subject_count; s++) {
        samples_close(&warm[s].latency_us);
        samples_close(&warm[s].round_us);
    }
    return err;
}

const struct bench bench_warm = {
    .name = "warm",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse,http-server",
    .peers = true,
    .together = true,
    .summary = "one client, one request after the other, to a function that runs",
    .explain =
        "latency: one keep-alive connection, one request at a time, from before the request is\n"
        "written to the reply's last byte. 10 rounds; in each, every subject is loaded for half a\n"
        "second over a new connection, after 200 ms that do not count. The client is pinned to\n"
        "one processor, to the next one in the next round, for all subjects alike.\n"
        "http-server: bare libmicrohttpd in libuv loops that answer `ok`, as many threads as\n"
        "the node has for HTTP.\n"
        "added_latency: per round, the median of ours less the median of http-server's; its\n"
        "percentiles are over rounds.\n"
        "mayfly/X has the default isolation, and its rows appear under that name, too.",
    .run = warm_run,
};

struct throughput {
    struct samples rate;
    uint64_t errors;
};

static mf_err take_throughput(struct bench_run *run, uint32_t s, uint32_t round,
                              struct load_result *result, void *results)
{
    (void)run, (void)round;
    struct throughput *throughput = (struct throughput *)results + s;
    throughput->errors += result->errors;
    return samples_add(&throughput->rate, (double)result->answered / result->elapsed_s);
}

static mf_err add_throughput(struct bench_run *run, const struct subject *subject,
                             struct throughput *throughput)
{
    struct samples errors = {0};
    mf_err err = bench_row_isolated(run, subject, "requests_per_second", UNIT_PER_S,
                                    &throughput->rate);
    if (!err)
        err = samples_add(&errors, (double)throughput->errors);
    if (!err)
        err = bench_row_isolated(run, subject, "errors", UNIT_COUNT, &errors);
    samples_close(&errors);
    return err;
}

static mf_err throughput_run(struct bench_run *run, struct mf_why *why)
{
    struct throughput throughput[BENCH_SUBJECTS_MAX] = {0};
    uint32_t cpus = load_cpus();
    const struct load_plan plan = {.connections = THROUGHPUT_CLIENTS,
                                   .threads = cpus < LOAD_THREADS_MAX ? cpus : LOAD_THREADS_MAX,
                                   .keep_alive = true,
                                   .warm_up_ns = WARM_UP_NS,
                                   .duration_ns = THROUGHPUT_NS};
    mf_err err = take_turns(run, bench_samples(run, THROUGHPUT_ROUNDS), plan, false,
                            take_throughput, throughput, why);
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = add_throughput(run, &run->subject[s], &throughput[s]);
        samples_close(&throughput[s].rate);
    }
    return err;
}

const struct bench bench_throughput = {
    .name = "throughput",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse,http-server",
    .peers = true,
    .together = true,
    .summary = "64 clients, each with its next request as soon as it has its reply",
    .explain =
        "requests_per_second: 64 keep-alive connections in closed loops, spread over one load\n"
        "thread a processor, each pinned, on the same processors as what they load. 5 rounds of\n"
        "one second a subject in turn, after 200 ms that do not count; only replies with status\n"
        "200 count. Percentiles are over rounds.\n"
        "errors: other statuses, broken replies and connections, over all rounds.\n"
        "http-server as in `warm`.",
    .run = throughput_run,
};
