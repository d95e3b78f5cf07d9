/* bench_memory.c: what functions that have nothing to do hold: user space and kernel. */
#include <stdio.h>

#include "bench/bench.h"
#include "bench/kernel_memory.h"

#define STEPS 8u
#define STEPS_MAX 64u
#define STEP_LIGHT 125u /* instances: 1,000 in 8 steps */
#define STEP_QUICK 3u
#define STEP_HEAVY 4u   /* of a container run-time      */
#define SETTLE_MS 2500  /* the kernel sums up its counters once in two seconds */

/* A column of the curve: so many instances, so much memory. */
enum column { PSS, DIRTY, NODE, KERNEL, KERNEL_MEMINFO, COLUMNS };

static const char *const metric[COLUMNS] = {
    [PSS] = "pss_per_instance",
    [DIRTY] = "private_dirty_per_instance",
    [NODE] = "node_rss_per_instance",
    [KERNEL] = "kernel_per_instance",
    [KERNEL_MEMINFO] = "kernel_per_instance_meminfo",
};

struct curve {
    uint32_t count;
    double instances[STEPS_MAX + 1];
    double kib[COLUMNS][STEPS_MAX + 1];
    uint32_t unreadable;
    bool covered; /* by the cgroup */
    struct kernel_memory kernel;
};

static bool is_light(const struct subject *subject)
{
    return subject->kind != &subject_oci;
}

static mf_err take_point(struct subject *subject, uint32_t instances, struct curve *curve)
{
    static struct processes list;
    struct memory memory;
    mf_err err = subject_memory(subject, &list, &memory);
    if (err)
        return err;
    uint32_t at = curve->count++;
    curve->instances[at] = (double)instances;
    curve->kib[PSS][at] = (double)memory.pss_kib;
    curve->kib[DIRTY][at] = (double)memory.private_dirty_kib;
    curve->kib[KERNEL_MEMINFO][at] = (double)kernel_memory_kib();
    curve->kib[KERNEL][at] = (double)kernel_memory_grouped_kib(&curve->kernel);
    curve->covered = kernel_memory_covers(&curve->kernel, &list);
    curve->unreadable = memory.unreadable;
    curve->kib[NODE][at] = list.count ? (double)rss_kib_of(list.pid[0]) : 0;
    return MF_OK;
}

static mf_err add_column(struct bench_run *run, struct subject *subject, const struct curve *curve,
                         enum column column)
{
    struct samples samples = {0};
    json_t *row = NULL;
    double kib = 0;
    const double *values = curve->kib[column];
    if (column == KERNEL && !curve->covered)
        values = curve->kib[KERNEL_MEMINFO];
    mf_err err = slope(curve->instances, values, curve->count, &kib);
    if (!err)
        err = samples_add(&samples, kib);
    if (!err)
        err = bench_row(run, subject, metric[column], UNIT_KIB, &samples, &row);
    if (!err && row && column == KERNEL &&
        json_object_set_new(row, "method",
                            json_string(curve->covered ? "memory cgroup" : "meminfo")) != 0)
        err = MF_ENOMEM;
    samples_close(&samples);
    for (uint32_t i = 1; run->options->sweep && i < curve->count && !err; i++) {
        char name[64];
        double more_kib = values[i] - values[0];
        (void)snprintf(name, sizeof name, "%s@%.0f", metric[column], curve->instances[i]);
        err = bench_row_one(run, subject, name, UNIT_KIB, more_kib / curve->instances[i]);
    }
    return err;
}

/* meminfo means nothing for the few instances of a container run-time. */
static bool can_tell(const struct subject *subject, const struct curve *curve, enum column column)
{
    if (column == NODE)
        return subject->kind == &subject_mayfly;
    if (column < KERNEL)
        return !curve->unreadable;
    return is_light(subject) || (column == KERNEL && curve->covered);
}

static mf_err add_rows(struct bench_run *run, struct subject *subject, const struct curve *curve)
{
    mf_err err = MF_OK;
    if (curve->unreadable)
        run->options->remark(run->options->context,
                             "memory: processes hide their memory from this user; no row tells of "
                             "it. Run as root for that.");
    if (!curve->covered && !is_light(subject))
        run->options->remark(run->options->context,
                             "memory: a container run-time's processes are in another cgroup than "
                             "ours; no row tells of the kernel's memory for them.");
    for (enum column column = 0; column < COLUMNS && !err; column++)
        if (can_tell(subject, curve, column))
            err = add_column(run, subject, curve, column);
    if (!err && subject->kind == &subject_mayfly)
        err = bench_row_one(run, subject, "node_rss", UNIT_KIB, curve->kib[NODE][0]);
    return err;
}

static mf_err memory_run(struct bench_run *run, struct mf_why *why)
{
    static struct curve curve;
    static struct processes list;
    struct subject *subject = &run->subject[0];
    uint32_t steps = bench_samples(run, STEPS), step = is_light(subject) ? STEP_LIGHT : STEP_HEAVY;
    step = bench_number(step, STEP_QUICK);
    steps = steps < STEPS_MAX ? steps : STEPS_MAX;
    run->total = steps * step + steps + 1;
    curve = (struct curve){0};
    list.count = 0;
    mf_err err = subject->kind->processes(subject, &list);
    if (!err)
        kernel_memory_open(&curve.kernel, &list);
    if (!err)
        err = bench_prepare(run, subject, steps * step, CONTENT_SAME, why);
    for (uint32_t i = 0; i <= steps && !err; i++) {
        if (i > 0)
            err = subject_start_range(subject, (i - 1) * step, i * step, why);
        bench_settle(SETTLE_MS);
        if (!err)
            err = subject_alive(subject, i * step, why);
        if (!err)
            err = take_point(subject, i * step, &curve);
        if (!err)
            err = bench_tick(run, why);
    }
    if (!err)
        err = add_rows(run, subject, &curve);
    /* Containers have cgroups of their own below ours: they have to go first. */
    mf_err ended = subject->kind->prepare(subject, 0, CONTENT_SAME, err ? NULL : why);
    kernel_memory_close(&curve.kernel);
    return err ? err : ended;
}

const struct bench bench_memory = {
    .name = "memory",
    .subjects = "mayfly/process:reuse,mayfly/kvm,runc,runsc,process",
    .peers = true,
    .summary = "memory of an idle instance, in user space and in the kernel",
    .explain =
        "0, 125, 250 … 1,000 instances (runc, runsc: 0, 4 … 32), each of which has answered one\n"
        "request and waits; 2.5 s later all processes of the subject are read. All are copies of\n"
        "one program, so they share its pages. mayfly/process:reuse: by default an instance of the\n"
        "process sandbox serves one event and ends, so none is idle. Figures are slopes over these\n"
        "points (the median over all pairs of them), so what is there once (daemon, pool, shared\n"
        "text) is in none.\n"
        "pss_per_instance, private_dirty_per_instance: sums over all processes, from smaps_rollup.\n"
        "mayfly: daemon, spawner, blanks, instances; runc: the container's; runsc: its gofer and\n"
        "sandbox.\n"
        "kernel_per_instance: page tables, task structures, stacks, namespaces, descriptors, VM.\n"
        "`method` in the row says how it was read. `memory cgroup`: subject and bench are put into\n"
        "a cgroup of their own, whose kernel memory is counted by the kernel (kmem.usage_in_bytes,\n"
        "or `kernel` of memory.stat); nobody else is in it. `meminfo`, where no cgroup may be made:\n"
        "all memory of the machine that is neither free nor page cache nor anonymous; what others\n"
        "do is in it, so it is not taken of the few containers. kernel_per_instance_meminfo is that\n"
        "figure in any case, to compare: it has what the kernel charges to nobody, too. runsc puts\n"
        "itself into a cgroup elsewhere; nothing is told of the kernel's memory for it.\n"
        "node_rss: resident memory of the daemon, the 1,000 functions deployed, before the first\n"
        "instance; node_rss_per_instance: what it grows by for each.\n"
        "--samples N: N steps. --sweep: FIGURE@N as well, (memory at N less memory at 0) / N.",
    .run = memory_run,
};
