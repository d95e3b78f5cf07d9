/*
 * paper_crowd.c: see paper_crowd.h. How a burst is taken: bench_burst.c; what memory is: bench_memory.c.
 * Functions are of one image: they differ by name, and no instance has run before.
 */
#include "bench/paper_crowd.h"

#include <string.h>

#define POINTS 3u /* none, half of them, all */
#define SETTLE_MS 500

/* Of a sandbox one subject each, as in `memory`: by default an instance of the process sandbox serves
 * one event and ends. */
static bool lives_on(const struct bench_run *run, const struct subject *subject)
{
    const char *asked = run->options->isolation;
    if (strcmp(subject->detail, "kvm") == 0)
        return asked ? strcmp(asked, "fresh") != 0 : !subject->isolation[0];
    return strcmp(asked ? asked : subject->isolation, "reuse") == 0;
}

static mf_err bursts_of(struct bench_run *run, struct subject *subject, const struct crowd *crowd,
                        struct mf_why *why)
{
    const uint32_t starts = bench_number(crowd->burst_starts, 3), asked = bench_samples(run, crowd->bursts);
    const uint32_t bursts = asked < crowd->bursts ? asked : crowd->bursts;
    struct bench_answers answers = {{0}, {0}};
    mf_err err = MF_OK;
    run->done = 0;
    run->total = starts * bursts;
    subject->program = crowd->program;
    for (uint32_t i = 0; i < bursts && !err; i++)
        err = bench_one_burst(run, subject, starts, CONTENT_SAME, &answers, why);
    err = bench_outcome(run, subject, err, why);
    if (!err && answers.last_us.count)
        err = bench_row(run, subject, crowd->burst, UNIT_US, &answers.last_us, NULL);
    samples_close(&answers.last_us);
    samples_close(&answers.mean_us);
    return err;
}

mf_err crowd_burst(struct bench_run *run, const struct crowd *crowd, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        struct subject *subject = &run->subject[s];
        if (subject->kind == &subject_mayfly && !subject->left_out &&
            (!subject->isolation[0] || run->options->isolation))
            err = bursts_of(run, subject, crowd, why);
    }
    return err;
}

static mf_err curve_of(struct bench_run *run, struct subject *subject, uint32_t half, double *kib_each,
                       struct mf_why *why)
{
    static struct processes list;
    struct memory memory;
    double instances[POINTS], kib[POINTS];
    mf_err err = bench_prepare(run, subject, (POINTS - 1) * half, CONTENT_SAME, why);
    if (!err && bench_await_cold(subject, why) == MF_EEXIST)
        err = MF_EEXIST;
    for (uint32_t i = 0; i < POINTS && !err; i++) {
        instances[i] = (double)i * half;
        if (i > 0)
            err = subject_start_range(subject, (i - 1) * half, i * half, why);
        bench_settle(SETTLE_MS);
        if (!err)
            err = subject_alive(subject, i * half, why);
        if (!err)
            err = subject_memory(subject, &list, &memory);
        if (!err && memory.unreadable)
            err = MF_EDENIED; /* they do not say */
        if (!err)
            kib[i] = (double)memory.pss_kib;
    }
    return err ? err : slope(instances, kib, POINTS, kib_each);
}

static mf_err idle_of(struct bench_run *run, struct subject *subject, const struct crowd *crowd,
                      struct mf_why *why)
{
    const uint32_t half = bench_number(crowd->idle_instances, 2) / 2;
    double kib = 0;
    run->done = 0;
    run->total = 2 * half;
    subject->program = crowd->program;
    mf_err err = curve_of(run, subject, half, &kib, why);
    for (uint32_t i = 0; i < 2 * half; i++) {
        mf_err ended = subject->kind->end(subject, i, NULL, err ? NULL : why);
        err = err ? err : ended;
    }
    if (err == MF_EDENIED) {
        run->options->remark(run->options->context,
                             "paper: processes hide their memory from this user; no row tells of it. "
                             "Run as root for that.");
        return MF_OK;
    }
    err = bench_outcome(run, subject, err, why);
    return err ? err : bench_row_one(run, subject, crowd->idle, UNIT_KIB, kib);
}

mf_err crowd_idle(struct bench_run *run, const struct crowd *crowd, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++) {
        struct subject *subject = &run->subject[s];
        if (subject->kind == &subject_mayfly && !subject->left_out && lives_on(run, subject))
            err = idle_of(run, subject, crowd, why);
    }
    return err;
}
