/* bench_rest.c: functions that have nothing to do: what they wake, and what they hold. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench.h"

#define IDLE_INSTANCES 20u
#define IDLE_SETTLE_MS 3000
#define IDLE_S 10u
#define MEMORY_STEP 4u
#define MEMORY_STEPS 8u /* 32 instances */
#define MEMORY_STEPS_MAX 64u
#define MEMORY_SETTLE_MS 1500 /* the kernel sums up its counters once a second */

/* Start instances from … to-1 and leave them. */
static mf_err start_more(struct subject *subject, uint32_t from, uint32_t to, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = from; i < to && !err; i++)
        err = subject_start(subject, i, 0, NULL, why);
    return err;
}

static mf_err usage_now(struct subject *subject, struct usage *usage)
{
    static struct processes list;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (!err)
        usage_of(&list, usage);
    return err;
}

static mf_err idle_run(struct bench_run *run, struct mf_why *why)
{
    struct subject *subject = &run->subject[0];
    struct usage before, after;
    run->total = bench_samples(run, IDLE_S);
    mf_err err = subject->kind->prepare(subject, IDLE_INSTANCES, why);
    if (!err)
        err = start_more(subject, 0, IDLE_INSTANCES, why);
    bench_settle(IDLE_SETTLE_MS);
    if (!err)
        err = usage_now(subject, &before);
    while (run->done < run->total && !err) {
        bench_settle(1000);
        err = bench_tick(run, why);
    }
    if (!err)
        err = usage_now(subject, &after);
    if (!err)
        err = bench_row_one(run, subject, "wakeups", UNIT_COUNT,
                            (double)(after.switches - before.switches));
    if (!err)
        err = bench_row_one(run, subject, "cpu_time", UNIT_US,
                            (double)(after.cpu_ns - before.cpu_ns) / MF_NS_PER_US);
    return err;
}

const struct bench bench_idle = {
    .name = "idle",
    .subjects = "mayfly/process,mayfly/kvm",
    .summary = "ten seconds of 20 instances that have nothing to do",
    .explain =
        "20 functions have each answered one request and now wait; three seconds later, over ten\n"
        "seconds: wakeups, the context switches (of either kind) of all threads of all processes\n"
        "of the node, daemon, spawner, blanks and instances; cpu_time, their processor time.\n"
        "There are no triggers but HTTP yet, so no broker whose keep-alive would count apart.\n"
        "--samples N: N seconds.",
    .run = idle_run,
};

/* The curves: so many instances, so much memory. */
struct points {
    uint32_t count;
    double instances[MEMORY_STEPS_MAX + 1];
    double pss_kib[MEMORY_STEPS_MAX + 1];
    double dirty_kib[MEMORY_STEPS_MAX + 1];
    double taken_kib[MEMORY_STEPS_MAX + 1]; /* MemAvailable, less */
    uint32_t unreadable;
    double node_rss_kib;
};

static mf_err take_point(struct subject *subject, struct points *points)
{
    static struct processes list;
    struct memory memory;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (err)
        return err;
    memory_of(&list, &memory);
    uint32_t index = points->count++;
    points->instances[index] = (double)index * MEMORY_STEP;
    points->pss_kib[index] = (double)memory.pss_kib;
    points->dirty_kib[index] = (double)memory.private_dirty_kib;
    points->taken_kib[index] = -(double)memory_available_kib();
    points->unreadable = memory.unreadable;
    points->node_rss_kib = list.count ? (double)rss_kib_of(list.pid[0]) : 0;
    return MF_OK;
}

static mf_err add_memory(struct bench_run *run, struct subject *subject, const struct points *points)
{
    double pss = 0, dirty = 0, taken = 0;
    mf_err err = slope(points->instances, points->pss_kib, points->count, &pss);
    if (!err)
        err = slope(points->instances, points->dirty_kib, points->count, &dirty);
    if (!err)
        err = slope(points->instances, points->taken_kib, points->count, &taken);
    if (err)
        return err;
    if (!points->unreadable) {
        err = bench_row_one(run, subject, "pss_per_instance", UNIT_KIB, pss);
        if (!err)
            err = bench_row_one(run, subject, "private_dirty_per_instance", UNIT_KIB, dirty);
        if (!err)
            err = bench_row_one(run, subject, "kernel_per_instance", UNIT_KIB, taken - pss);
    } else {
        run->options->remark(run->options->context,
                             "memory: processes hide their memory from this user; no rows but "
                             "node_rss. Run as root for all.");
    }
    if (!err && subject->kind == &subject_mayfly)
        err = bench_row_one(run, subject, "node_rss", UNIT_KIB, points->node_rss_kib);
    return err;
}

static mf_err memory_run(struct bench_run *run, struct mf_why *why)
{
    struct subject *subject = &run->subject[0];
    struct points points = {0};
    uint32_t steps = bench_samples(run, MEMORY_STEPS);
    steps = steps < MEMORY_STEPS_MAX ? steps : MEMORY_STEPS_MAX;
    run->total = steps + 1;
    mf_err err = subject->kind->prepare(subject, steps * MEMORY_STEP, why);
    for (uint32_t i = 0; i <= steps && !err; i++) {
        if (i > 0)
            err = start_more(subject, (i - 1) * MEMORY_STEP, i * MEMORY_STEP, why);
        bench_settle(MEMORY_SETTLE_MS);
        if (!err)
            err = take_point(subject, &points);
        if (!err)
            err = bench_tick(run, why);
    }
    return err ? err : add_memory(run, subject, &points);
}

const struct bench bench_memory = {
    .name = "memory",
    .subjects = "mayfly/process,mayfly/kvm,runc,runsc,process",
    .peers = true,
    .summary = "memory of an idle instance, in user space and in the kernel",
    .explain =
        "0, 4, 8 … 32 instances, each of which has answered one request and waits; 1.5 s later all\n"
        "processes of the subject are read. Figures are slopes over these points (the median over\n"
        "all pairs of them), so what is there once (daemon, pool, shared text) is in none.\n"
        "pss_per_instance, private_dirty_per_instance: sums over all processes, from smaps_rollup.\n"
        "mayfly: daemon, spawner, blanks, instances; runc: the container's; runsc: its gofer and\n"
        "sandbox. kernel_per_instance: how much MemAvailable falls for each, less pss: page tables,\n"
        "task structures, namespaces, VM. Other activity on the machine is in it, so keep it quiet.\n"
        "node_rss: resident memory of the daemon when it holds the 32.\n"
        "--samples N: N steps of 4 instances.",
    .run = memory_run,
};
