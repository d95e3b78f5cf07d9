/* bench_reset.c: what a clean instance for every event costs, by isolation. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"

#define ROUNDS 5u
#define PATH_ANY "/10"         /* dirties ten pages              */
#define PATH_CLEAN "/10/clean" /* the same, and they must be clean */
#define WARM_UP_NS (200 * MF_NS_PER_MS)
#define ONE_NS (500 * MF_NS_PER_MS)
#define MANY_NS (2 * MF_NS_PER_S) /* of fresh VMs there are few in a second */
#define MANY_CLIENTS 64u

/* What one round tells of a subject. */
struct round {
    double cpu_us;    /* of the whole node, per event, one client, one instance */
    double period_us; /* from one reply to the next                             */
};

struct clean {
    struct load_target target, single; /* of usual functions; of one with a single instance */
    struct samples latency_us, rate, reset_us, wait_us;
    uint64_t errors;
    struct round round; /* of the round that runs */
};

static bool is_reuse(const struct subject *subject)
{
    return strcmp(subject->isolation, "reuse") == 0;
}

static mf_err deploy(struct subject *subject, struct clean *clean, struct mf_why *why)
{
    struct mayfly_function function = {.image = BENCH_DIRTY_IMAGE,
                                       .name = "bench-dirty",
                                       .path = is_reuse(subject) ? PATH_ANY : PATH_CLEAN};
    mf_err err = subject_mayfly_deploy(subject, &function, &clean->target, why);
    function.name = "bench-dirty-1";
    function.max_instances = 1;
    return err ? err : subject_mayfly_deploy(subject, &function, &clean->single, why);
}

static mf_err load(const struct load_target *target, uint32_t clients, uint64_t duration_ns,
                   struct load_result *result, struct mf_why *why)
{
    uint32_t cpus = load_cpus();
    const struct load_plan plan = {.target = target,
                                   .connections = clients,
                                   .threads = clients > 1 ? cpus : 1,
                                   .keep_alive = true,
                                   .warm_up_ns = WARM_UP_NS,
                                   .duration_ns = duration_ns};
    return bench_load(&plan, result, why);
}

static mf_err take_latency(struct clean *clean, struct mf_why *why)
{
    struct load_result result;
    mf_err err = load(&clean->target, 1, ONE_NS, &result, why);
    if (!err)
        err = samples_add_all(&clean->latency_us, &result.latency_us);
    clean->errors += result.errors;
    load_result_close(&result);
    return err;
}

static mf_err take_rate(struct clean *clean, struct mf_why *why)
{
    struct load_result result;
    mf_err err = load(&clean->target, MANY_CLIENTS, MANY_NS, &result, why);
    if (!err)
        err = samples_add(&clean->rate, (double)result.answered / result.elapsed_s);
    clean->errors += result.errors;
    load_result_close(&result);
    return err;
}

/* One client, one instance: every event has to wait until the instance is clean again. The
 * processor time is of the warm-up, too, whose events are as many to the second. */
static mf_err take_single(struct subject *subject, struct clean *clean, struct mf_why *why)
{
    struct load_result result;
    struct usage before = {0}, after = {0};
    mf_err err = subject_usage(subject, &before);
    if (err)
        return err;
    err = load(&clean->single, 1, ONE_NS, &result, why);
    if (!err)
        err = subject_usage(subject, &after);
    if (!err) {
        double seconds = result.elapsed_s + (double)bench_load_ns(WARM_UP_NS) / MF_NS_PER_S;
        clean->round.period_us = result.elapsed_s * 1e6 / (double)result.answered;
        clean->round.cpu_us = (double)(after.cpu_ns - before.cpu_ns) / MF_NS_PER_US /
                              (seconds * 1e6 / clean->round.period_us);
    }
    clean->errors += result.errors;
    load_result_close(&result);
    return err;
}

static const struct clean *reuse_of(const struct bench_run *run, const struct clean *clean,
                                    const struct subject *subject)
{
    for (uint32_t s = 0; s < run->subject_count; s++)
        if (!run->subject[s].left_out && is_reuse(&run->subject[s]) &&
            strcmp(run->subject[s].detail, subject->detail) == 0)
            return &clean[s];
    return NULL;
}

/* What is left of a round's figures when those of reuse, in the same round, are taken away. */
static mf_err compare(struct bench_run *run, struct clean *clean)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        const struct clean *reuse = reuse_of(run, clean, &run->subject[s]);
        if (run->subject[s].left_out || is_reuse(&run->subject[s]) || !reuse)
            continue;
        err = samples_add(&clean[s].reset_us, clean[s].round.cpu_us - reuse->round.cpu_us);
        if (!err)
            err = samples_add(&clean[s].wait_us,
                              clean[s].round.period_us - reuse->round.period_us);
    }
    return err;
}

static mf_err one_round(struct bench_run *run, struct clean *clean, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        if (run->subject[s].left_out)
            continue;
        err = take_latency(&clean[s], why);
        if (!err)
            err = take_single(&run->subject[s], &clean[s], why);
        if (!err)
            err = take_rate(&clean[s], why);
        err = bench_outcome(run, &run->subject[s], err, why);
        if (!err)
            err = bench_tick(run, why);
    }
    return err ? err : compare(run, clean);
}

static mf_err add_rows(struct bench_run *run, struct subject *subject, struct clean *clean)
{
    mf_err err = MF_OK;
    if (clean->latency_us.count)
        err = bench_row(run, subject, "latency", UNIT_US, &clean->latency_us, NULL);
    if (!err)
        err = bench_row(run, subject, "requests_per_second", UNIT_PER_S, &clean->rate, NULL);
    if (!err && !subject->left_out)
        err = bench_row_one(run, subject, "errors", UNIT_COUNT, (double)clean->errors);
    if (!err && clean->reset_us.count)
        err = bench_row(run, subject, "reset", UNIT_US, &clean->reset_us, NULL);
    if (!err && clean->wait_us.count)
        err = bench_row(run, subject, "reset_wait", UNIT_US, &clean->wait_us, NULL);
    return err;
}

static mf_err reset_run(struct bench_run *run, struct mf_why *why)
{
    static struct clean clean[BENCH_SUBJECTS_MAX];
    uint32_t rounds = bench_samples(run, ROUNDS);
    mf_err err = MF_OK;
    memset(clean, 0, sizeof clean);
    run->total = (uint64_t)rounds * run->subject_count;
    for (uint32_t s = 0; s < run->subject_count && !err; s++)
        err = bench_outcome(run, &run->subject[s], deploy(&run->subject[s], &clean[s], why), why);
    for (uint32_t round = 0; round < rounds && !err; round++)
        err = one_round(run, clean, why);
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = add_rows(run, &run->subject[s], &clean[s]);
        samples_close(&clean[s].latency_us);
        samples_close(&clean[s].rate);
        samples_close(&clean[s].reset_us);
        samples_close(&clean[s].wait_us);
    }
    return err;
}

const struct bench bench_reset = {
    .name = "reset",
    .subjects = "mayfly/process:reuse,mayfly/process:fresh,mayfly/kvm:reuse,mayfly/kvm:reset,"
                "mayfly/kvm:fresh",
    .together = true,
    .summary = "a clean instance for every event: what it costs, by isolation",
    .explain =
        "A function that writes to ten pages for every event. Under reset and fresh it fails if\n"
        "it finds one of them written: every event has to see the function as it was deployed.\n"
        "5 rounds; in each, every subject in turn is loaded three times, after 200 ms that do not\n"
        "count. latency: one client, half a second, as in `warm`. requests_per_second: 64\n"
        "clients, two seconds, as in `throughput`. errors: other statuses, broken replies and\n"
        "connections, over all of it.\n"
        "reset: processor time of the whole node (daemon, spawner, blanks, instances) for one\n"
        "event, less the same under reuse in the same round. One client, half a second, a\n"
        "function of one instance. In it is all that making clean costs, off the caller's path or\n"
        "on it, with the faults of the event after it.\n"
        "reset_wait: from one reply to the next in the same load, less the same under reuse: how\n"
        "much of it a caller notices who comes at once, when there is no other instance.\n"
        "Both are over rounds.",
    .run = reset_run,
};
