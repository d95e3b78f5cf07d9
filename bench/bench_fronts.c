/* bench_fronts.c: what threads that speak HTTP, beside the functions' own, buy, and whether
 * clients in different threads are served alike. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"

#define ROUNDS 5u
#define WARM_UP_NS (500 * MF_NS_PER_MS) /* the node is new: its first instances start in it */
#define LOAD_NS MF_NS_PER_S
#define CLIENTS 64u

enum { WITHOUT, WITH, WAYS };

struct fronts {
    struct samples rate[WAYS];
    struct samples slowest_pct[WAYS];
    struct samples gain_pct;
    struct samples errors[WAYS]; /* one: of all rounds */
};

/* The client with the fewest answers, in percent of the mean. */
static double slowest_pct(struct load_result *result)
{
    return 100 * samples_min(&result->client_answers) * CLIENTS / (double)result->answered;
}

static mf_err take(struct bench_run *run, struct subject *subject, struct fronts *fronts, int way,
                   double *rate, struct mf_why *why)
{
    uint32_t cpus = load_cpus();
    struct load_target target;
    struct load_result result;
    double ignored_us;
    char text[16];
    (void)snprintf(text, sizeof text, "%u", way == WITH ? bench_fronts_most() : 0);
    const struct load_plan plan = {.target = &target,
                                   .connections = CLIENTS,
                                   .threads = cpus < LOAD_THREADS_MAX ? cpus : LOAD_THREADS_MAX,
                                   .keep_alive = true,
                                   .warm_up_ns = WARM_UP_NS,
                                   .duration_ns = LOAD_NS};
    mf_err err = subject_mayfly_restart(subject, text, &ignored_us, why);
    if (!err)
        err = subject->kind->serve(subject, &target, why);
    if (err)
        return err;
    err = bench_load(&plan, &result, why);
    if (!err) {
        *rate = (double)result.answered / result.elapsed_s;
        err = samples_add(&fronts->rate[way], *rate);
    }
    if (!err)
        err = samples_add(&fronts->slowest_pct[way], slowest_pct(&result));
    if (!err && !fronts->errors[way].count)
        err = samples_add(&fronts->errors[way], 0);
    if (!err)
        fronts->errors[way].value[0] += (double)result.errors;
    load_result_close(&result);
    return err ? err : bench_tick(run, why);
}

static mf_err add_rows(struct bench_run *run, struct subject *subject, struct fronts *fronts)
{
    static const char *const name[WAYS] = {"none", "fronts"};
    mf_err err = MF_OK;
    for (int way = 0; way < WAYS && !err; way++) {
        char metric[40];
        (void)snprintf(metric, sizeof metric, "requests_per_second@%s", name[way]);
        err = bench_row_isolated(run, subject, metric, UNIT_PER_S, &fronts->rate[way]);
        (void)snprintf(metric, sizeof metric, "slowest_client@%s", name[way]);
        if (!err)
            err = bench_row_isolated(run, subject, metric, UNIT_PCT, &fronts->slowest_pct[way]);
        (void)snprintf(metric, sizeof metric, "errors@%s", name[way]);
        if (!err)
            err = bench_row_isolated(run, subject, metric, UNIT_COUNT, &fronts->errors[way]);
    }
    return err ? err : bench_row_isolated(run, subject, "gain", UNIT_PCT, &fronts->gain_pct);
}

static mf_err fronts_run(struct bench_run *run, struct mf_why *why)
{
    static struct fronts fronts[BENCH_SUBJECTS_MAX];
    uint32_t rounds = bench_samples(run, ROUNDS);
    mf_err err = MF_OK;
    memset(fronts, 0, sizeof fronts);
    run->total = (uint64_t)rounds * run->subject_count * WAYS;
    for (uint32_t round = 0; round < rounds && !err; round++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            double rate[WAYS] = {0};
            for (int way = 0; way < WAYS && !err; way++)
                err = take(run, &run->subject[s], &fronts[s], way, &rate[way], why);
            if (!err)
                err = samples_add(&fronts[s].gain_pct, 100 * (rate[WITH] / rate[WITHOUT] - 1));
        }
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = add_rows(run, &run->subject[s], &fronts[s]);
        for (int way = 0; way < WAYS; way++) {
            samples_close(&fronts[s].rate[way]);
            samples_close(&fronts[s].slowest_pct[way]);
            samples_close(&fronts[s].errors[way]);
        }
        samples_close(&fronts[s].gain_pct);
    }
    return err;
}

const struct bench bench_fronts = {
    .name = "fronts",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse",
    .together = true,
    .summary = "HTTP in the functions' thread alone, and in threads beside it",
    .explain =
        "requests_per_second@none, @fronts: as in `throughput`, but after 500 ms that do not count,\n"
        "of a node with --fronts 0, and with as many fronts as there are processors beside one,\n"
        "but one at least. 5 rounds; in each, every subject both ways in turn, on a node that is\n"
        "started anew for it.\n"
        "gain: of the second over the first, per round.\n"
        "slowest_client@none, @fronts: answers that the client with the fewest got, of the 64\n"
        "clients' mean: 100 is the same for all.\n"
        "errors@none, @fronts: other statuses, broken replies and connections, over all rounds.",
    .run = fronts_run,
};
