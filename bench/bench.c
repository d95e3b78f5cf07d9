/*
 * bench.c: finds subjects, opens those that can run here, runs a bench over them,
 * closes them. Owns nothing after bench_run() returns.
 */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/limits.h"
#include "image/settings.h"

volatile sig_atomic_t bench_stop;
static bool quick; /* this process's benches are */

static const char *const isolations[] = {"reuse", "reset", "fresh", NULL};

static const struct bench *const benches[] = {
#define BENCH(name) &bench_##name,
    BENCHES(BENCH)
#undef BENCH
        NULL,
};

static const struct known {
    const char *name;
    const struct subject_kind *kind;
    const char *detail;
} known[] = {
    {"mayfly/process", &subject_mayfly, "process"},
    {"mayfly/kvm", &subject_mayfly, "kvm"},
    {"runc", &subject_oci, "runc"},
    {"runsc", &subject_oci, "runsc"},
    {"process", &subject_program, NULL},
    {"http-server", &subject_program, NULL},
};
#define KNOWN_COUNT (sizeof known / sizeof known[0])

const struct bench *const *bench_all(void)
{
    return benches;
}

const struct bench *bench_find(const char *name)
{
    for (size_t i = 0; benches[i]; i++)
        if (strcmp(benches[i]->name, name) == 0)
            return benches[i];
    return NULL;
}

uint32_t bench_fronts_most(void)
{
    uint32_t cpus = load_cpus(), fronts = cpus > 1 ? cpus - 1 : 1;
    return fronts < MF_FRONTS_MAX ? fronts : MF_FRONTS_MAX;
}

/* As node/options.c has it. */
uint32_t bench_http_threads(void)
{
    uint32_t cpus = load_cpus(), fronts = cpus > 2 ? cpus - 2 : 0;
    return 1 + (fronts < MF_FRONTS_MAX ? fronts : MF_FRONTS_MAX);
}

static bool is_isolation(const char *name)
{
    for (size_t i = 0; isolations[i]; i++)
        if (strcmp(isolations[i], name) == 0)
            return true;
    return false;
}

/* Is name an item of a comma list? */
static bool listed(const char *list, const char *name)
{
    size_t bytes = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, bytes) == 0 && (at[bytes] == ',' || at[bytes] == 0))
            return true;
    }
    return false;
}

const char *bench_default_isolation(void)
{
    static char name[ISOLATION_BYTES];
    struct settings settings;
    settings_init(&settings);
    json_t *all = settings_to_json(&settings);
    const char *value = json_string_value(json_object_get(all, "isolation"));
    (void)snprintf(name, sizeof name, "%s", value ? value : "reuse");
    json_decref(all);
    settings_close(&settings);
    return name;
}

bool bench_has_isolation(void)
{
    struct settings settings;
    settings_init(&settings);
    json_t *all = settings_to_json(&settings);
    bool has = json_object_get(all, "isolation") != NULL;
    json_decref(all);
    settings_close(&settings);
    return has;
}

/* --subject names it, or what it is without its isolation. */
static bool wanted(const struct bench_options *options, const char *name, const char *base)
{
    return !options->only || listed(options->only, name) || listed(options->only, base);
}

static void add_subject(struct bench_run *run, const char *name, const char *isolation,
                        const struct subject_kind *kind, const char *detail)
{
    char whole[SUBJECT_NAME_BYTES];
    (void)snprintf(whole, sizeof whole, "%.40s%s%s", name, isolation ? ":" : "",
                   isolation ? isolation : "");
    if (run->subject_count == BENCH_SUBJECTS_MAX || !wanted(run->options, whole, name))
        return;
    struct subject *subject = &run->subject[run->subject_count++];
    *subject = (struct subject){.kind = kind, .detail = detail};
    memcpy(subject->name, whole, sizeof whole);
    if (isolation)
        (void)snprintf(subject->isolation, sizeof subject->isolation, "%s", isolation);
}

/* As the bench lists it, NAME or NAME:ISOLATION. NAME:X stands for itself only where X is
 * not the default that NAME has anyway, and where --isolation does not set it for all. */
static void add_known(struct bench_run *run, const struct bench *bench, const struct known *subject)
{
    if (subject->kind != &subject_mayfly) {
        if (listed(bench->subjects, subject->name))
            add_subject(run, subject->name, NULL, subject->kind, subject->detail);
        return;
    }
    bool plain = listed(bench->subjects, subject->name);
    const char *asked = run->options->isolation;
    if (plain)
        add_subject(run, subject->name, asked, subject->kind, subject->detail);
    for (size_t i = 0; isolations[i]; i++) {
        char name[SUBJECT_NAME_BYTES];
        (void)snprintf(name, sizeof name, "%s:%s", subject->name, isolations[i]);
        if (!listed(bench->subjects, name) || (plain && asked) ||
            (plain && strcmp(isolations[i], bench_default_isolation()) == 0))
            continue;
        add_subject(run, subject->name, isolations[i], subject->kind, subject->detail);
    }
}

static void find_subjects(struct bench_run *run, const struct bench *bench)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        add_known(run, bench, &known[i]);
    for (uint32_t i = 0; bench->peers && i < run->options->peer_count; i++)
        add_subject(run, run->options->peer[i].name, NULL, &subject_program,
                    run->options->peer[i].command);
}

static void leave_out(struct bench_run *run, struct subject *subject, const char *reason)
{
    char text[MF_WHY_BYTES + 128];
    (void)snprintf(text, sizeof text, "%s: %s is left out: %s", run->name, subject->name, reason);
    run->options->remark(run->options->context, text);
    subject->kind->close(subject);
    subject->left_out = true;
}

/* MF_EUNSUPPORTED: left out, said so. */
static mf_err open_subject(struct bench_run *run, struct subject *subject, struct mf_why *why)
{
    struct mf_why reason = {{0}};
    mf_err err = subject->kind->open(subject, &reason);
    if (err == MF_EUNSUPPORTED) {
        leave_out(run, subject, reason.text);
    } else if (err) {
        (void)mf_why(why, err, "%s: %s", subject->name, mf_why_text(&reason, err));
        subject->kind->close(subject);
    }
    return err;
}

static mf_err run_together(const struct bench *bench, struct bench_run *run, struct mf_why *why)
{
    mf_err err = MF_OK;
    uint32_t opened = 0;
    for (uint32_t i = 0; i < run->subject_count && !err; i++) {
        err = open_subject(run, &run->subject[i], why);
        if (!err)
            run->subject[opened++] = run->subject[i];
        else if (err == MF_EUNSUPPORTED)
            err = MF_OK;
    }
    run->subject_count = opened;
    if (!err)
        err = opened ? bench->run(run, why)
                     : mf_why(why, MF_EUNSUPPORTED, "%s: no subject can run here", bench->name);
    for (uint32_t i = 0; i < opened; i++)
        if (!run->subject[i].left_out)
            run->subject[i].kind->close(&run->subject[i]);
    return err;
}

static mf_err run_one_by_one(const struct bench *bench, struct bench_run *run, struct mf_why *why)
{
    mf_err err = MF_OK;
    uint32_t count = run->subject_count, opened = 0;
    for (uint32_t i = 0; i < count && !err; i++) {
        struct bench_run alone = {.name = run->name,
                                  .options = run->options,
                                  .rows = run->rows,
                                  .subject_count = 1,
                                  .subject = {run->subject[i]}};
        err = open_subject(&alone, &alone.subject[0], why);
        if (err == MF_EUNSUPPORTED) {
            err = MF_OK;
            continue;
        }
        if (err)
            break;
        opened++;
        err = bench_outcome(&alone, &alone.subject[0], bench->run(&alone, why), why);
        if (!alone.subject[0].left_out)
            alone.subject[0].kind->close(&alone.subject[0]);
    }
    if (!err && !opened)
        err = mf_why(why, MF_EUNSUPPORTED, "%s: no subject can run here", bench->name);
    return err;
}

mf_err bench_run(const struct bench *bench, const struct bench_options *options,
                 struct rows *rows, struct mf_why *why)
{
    if (options->isolation && !is_isolation(options->isolation))
        return mf_why(why, MF_EINVAL, "no isolation \"%s\"; there are reuse, reset and fresh",
                      options->isolation);
    quick = options->quick;
    struct bench_run run = {.name = bench->name, .options = options, .rows = rows};
    if (bench->own_subjects)
        return bench->run(&run, why);
    find_subjects(&run, bench);
    if (!run.subject_count)
        return mf_why(why, MF_EINVAL, "%s has none of these subjects; it has: %s", bench->name,
                      bench->subjects);
    return bench->together ? run_together(bench, &run, why) : run_one_by_one(bench, &run, why);
}

bool bench_wants(const struct bench_run *run, const char *name)
{
    return !run->options->only || listed(run->options->only, name);
}

mf_err bench_tick(struct bench_run *run, struct mf_why *why)
{
    run->done++;
    run->options->progress(run->options->context, run->name, run->done, run->total);
    return bench_stop ? mf_why(why, MF_EAGAIN, "%s: stopped", run->name) : MF_OK;
}

mf_err bench_prepare(struct bench_run *run, struct subject *subject, uint32_t count,
                     enum subject_content content, struct mf_why *why)
{
    mf_err err = subject->kind->prepare(subject, count, content, why);
    for (uint32_t i = 0; i < count && !err; i++) {
        err = subject->kind->make(subject, i, why);
        if (!err)
            err = bench_tick(run, why);
    }
    return err;
}

mf_err bench_outcome(struct bench_run *run, struct subject *subject, mf_err err,
                     struct mf_why *why)
{
    struct mf_why reason = *why;
    if (!err)
        return MF_OK;
    if ((subject->kind == &subject_mayfly && err != MF_EUNSUPPORTED) || bench_stop)
        return mf_why(why, err, "%s: %.400s", subject->name, mf_why_text(&reason, err));
    leave_out(run, subject, mf_why_text(&reason, err));
    return MF_OK;
}

mf_err bench_row(struct bench_run *run, const struct subject *subject, const char *metric,
                 enum row_unit unit, struct samples *samples, json_t **row)
{
    if (subject->left_out)
        return MF_OK;
    return rows_add(run->rows, run->name, subject->name, metric, unit, samples, row);
}

mf_err bench_row_one(struct bench_run *run, const struct subject *subject, const char *metric,
                     enum row_unit unit, double value)
{
    return rows_add_one(run->rows, run->name, subject->name, metric, unit, value);
}

mf_err bench_row_isolated(struct bench_run *run, const struct subject *subject, const char *metric,
                          enum row_unit unit, struct samples *samples)
{
    mf_err err = bench_row(run, subject, metric, unit, samples, NULL);
    if (err || subject->kind != &subject_mayfly || subject->isolation[0])
        return err;
    struct subject named = *subject;
    (void)snprintf(named.name, sizeof named.name, "%.40s:%s", subject->name,
                   bench_default_isolation());
    return bench_row(run, &named, metric, unit, samples, NULL);
}

#define QUICK_PART 10u
#define QUICK_AGAIN 4u

uint32_t bench_number(uint32_t usual, uint32_t few)
{
    return quick ? few : usual;
}

uint64_t bench_load_ns(uint64_t usual_ns)
{
    return quick ? usual_ns / QUICK_PART : usual_ns;
}

mf_err bench_load(const struct load_plan *plan, struct load_result *result, struct mf_why *why)
{
    struct load_plan now = *plan;
    now.warm_up_ns = bench_load_ns(plan->warm_up_ns);
    now.duration_ns = bench_load_ns(plan->duration_ns);
    mf_err err = load_run(&now, result, why);
    /* It may have been too short for a machine as busy as this. */
    for (uint32_t i = 0; i < QUICK_AGAIN && quick && err == MF_EIO && !result->answered && !result->errors; i++) {
        load_result_close(result);
        now.duration_ns *= 4;
        err = load_run(&now, result, why);
    }
    return err;
}

void bench_settle(uint32_t ms)
{
    if (quick && ms > BENCH_SETTLE_MS)
        ms = ms / QUICK_PART > BENCH_SETTLE_MS ? ms / QUICK_PART : BENCH_SETTLE_MS;
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (ms && !bench_stop)
        nanosleep(&rest, NULL);
}

void bench_shuffle(uint32_t *order, uint32_t count)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t left = count; left > 1; left--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t pick = (uint32_t)((state >> 33) % left), other = order[left - 1];
        order[left - 1] = order[pick];
        order[pick] = other;
    }
}

uint32_t bench_samples(const struct bench_run *run, uint32_t usual)
{
    return run->options->samples ? run->options->samples : usual;
}
