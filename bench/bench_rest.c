/* bench_rest.c: functions that have nothing to do: what they wake, and what they hold. */
#include <stdlib.h>

#include "base/clock.h"
#include "bench/bench.h"

#define IDLE_INSTANCES 20u
#define IDLE_SETTLE_MS 3000
#define IDLE_MS 10000
#define IDLE_STEP_MS 500
#define MEMORY_INSTANCES 32u
#define MEMORY_STEP 4u
#define MEMORY_POINTS (MEMORY_INSTANCES / MEMORY_STEP + 1)
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
    run->total = IDLE_MS / IDLE_STEP_MS;
    mf_err err = subject->kind->prepare(subject, IDLE_INSTANCES, why);
    if (!err)
        err = start_more(subject, 0, IDLE_INSTANCES, why);
    bench_settle(IDLE_SETTLE_MS);
    if (!err)
        err = usage_now(subject, &before);
    for (uint32_t ms = 0; ms < IDLE_MS && !err; ms += IDLE_STEP_MS) {
        bench_settle(IDLE_STEP_MS);
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
        "There are no triggers but HTTP yet, so no broker whose keep-alive would count apart.",
    .run = idle_run,
};

/* One point of the curves: so many instances, so much memory. */
struct point {
    double instances[MEMORY_POINTS];
    double pss_kib[MEMORY_POINTS];
    double dirty_kib[MEMORY_POINTS];
    double taken_kib[MEMORY_POINTS]; /* MemAvailable, less */
    uint32_t unreadable;
    double node_rss_kib;
};

static mf_err take_point(struct subject *subject, uint32_t index, struct point *point)
{
    static struct processes list;
    struct memory memory;
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (err)
        return err;
    memory_of(&list, &memory);
    point->instances[index] = (double)index * MEMORY_STEP;
    point->pss_kib[index] = (double)memory.pss_kib;
    point->dirty_kib[index] = (double)memory.private_dirty_kib;
    point->taken_kib[index] = -(double)memory_available_kib();
    point->unreadable = memory.unreadable;
    point->node_rss_kib = list.count ? (double)rss_kib_of(list.pid[0]) : 0;
    return MF_OK;
}

static mf_err add_memory(struct bench_run *run, struct subject *subject, const struct point *point)
{
    double pss = slope(point->instances, point->pss_kib, MEMORY_POINTS);
    double dirty = slope(point->instances, point->dirty_kib, MEMORY_POINTS);
    double taken = slope(point->instances, point->taken_kib, MEMORY_POINTS);
    mf_err err = MF_OK;
    if (!point->unreadable) {
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
        err = bench_row_one(run, subject, "node_rss", UNIT_KIB, point->node_rss_kib);
    return err;
}

static mf_err memory_run(struct bench_run *run, struct mf_why *why)
{
    struct subject *subject = &run->subject[0];
    struct point point = {0};
    run->total = MEMORY_POINTS;
    mf_err err = subject->kind->prepare(subject, MEMORY_INSTANCES, why);
    for (uint32_t i = 0; i < MEMORY_POINTS && !err; i++) {
        if (i > 0)
            err = start_more(subject, (i - 1) * MEMORY_STEP, i * MEMORY_STEP, why);
        bench_settle(MEMORY_SETTLE_MS);
        if (!err)
            err = take_point(subject, i, &point);
        if (!err)
            err = bench_tick(run, why);
    }
    return err ? err : add_memory(run, subject, &point);
}

const struct bench bench_memory = {
    .name = "memory",
    .subjects = "mayfly/process,mayfly/kvm,runc,runsc,process",
    .peers = true,
    .summary = "memory of an idle instance, in user space and in the kernel",
    .explain =
        "0, 4, 8 … 32 instances, each of which has answered one request and waits; 1.5 s later all\n"
        "processes of the subject are read. Figures are slopes (least squares) over these points,\n"
        "so what is there once (daemon, pool, shared text) is in none of them.\n"
        "pss_per_instance, private_dirty_per_instance: sums over all processes, from smaps_rollup.\n"
        "mayfly: daemon, spawner, blanks, instances; runc: the container's; runsc: its gofer and\n"
        "sandbox. kernel_per_instance: how much MemAvailable falls for each, less pss: page tables,\n"
        "task structures, namespaces, VM. Other activity on the machine is in it, so keep it quiet.\n"
        "node_rss: resident memory of the daemon when it holds the 32.",
    .run = memory_run,
};
