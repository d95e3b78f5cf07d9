/*
 * bench_policy.c: a trace replayed over keep-alive policies. Nothing runs: the subjects
 * are the node's own decisions, and what a start costs is an input.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/trace.h"
#include "bench/trace_replay.h"

#define POLICIES "none,fixed:60,fixed:600,fixed:3600,hybrid,atc20,none+next,hybrid+next"

/* Measured of the process sandbox (docs/adr/0002-keep-alive.md); the last one is a promise. */
#define COLD_US 850u
#define WARM_US 100u
#define INSTANCE_KIB 500u
#define NEXT "+next"

struct replaying {
    struct bench_run *run;
    struct mf_why *why;
};

static mf_err policy_run(struct bench_run *run, struct mf_why *why);

const struct bench bench_policy = {
    .name = "policy",
    .subjects = POLICIES,
    .own_subjects = true,
    .summary = "a trace of calls, replayed over keep-alive policies",
    .explain =
        "Nothing is started and no clock is read: a trace is replayed over the functions that the\n"
        "node decides with. --trace FILE: one in the format of the Azure Functions trace of 2021\n"
        "(app,func,end_timestamp,duration); without it, the small one that ships with mayfly, which\n"
        "is made, not recorded (bench/traces/). Every subject is a policy: none, stop at once;\n"
        "fixed:S, after S seconds; hybrid:S, as the histogram of the function's idle times says\n"
        "(\"Serverless in the Wild\", ATC 2020), without a pattern after S seconds; hybrid is\n"
        "hybrid:60. It does not stop an instance that would be started again within ten minutes.\n"
        "atc20: as the paper has it, for however short a time, and without a pattern four hours, but\n"
        "without its time series forecast, for which it has these four hours, too. X+next: what\n"
        "usually follows in the same application is started while the function before it runs.\n"
        "--subject takes any of these, with other seconds, too.\n"
        "cold_starts: calls that found no idle instance. A call takes the one used last, or starts\n"
        "one; none waits, there is no maximum, starts take no time.\n"
        "memory_time: instances there, averaged over the trace, times --instance-kib (500).\n"
        "cpu_time: --cold-us (850) for every start, for a call or before one, its stop included, and\n"
        "--warm-us (100) for every call that found an instance; what functions compute is not in it.\n"
        "wakeups: timers that fire for the policy's sake: to unload (not if at once), to pre-warm,\n"
        "and to refill the pool after a start. Those of the calls themselves are not in it.",
    .run = policy_run,
};

static bool seconds_after(const char *text, const char *end, uint64_t *ns)
{
    char *rest;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long seconds = strtoull(text, &rest, 10);
    *ns = seconds * MF_NS_PER_S;
    return rest == end && seconds <= MF_IDLE_MS_MAX / 1000;
}

/* "none", "fixed:60", "hybrid", "hybrid:60", "atc20", each perhaps with "+next". */
static bool policy_from_name(const char *name, struct replay_policy *policy)
{
    const char *end = name + strlen(name);
    size_t suffix = sizeof NEXT - 1;
    policy->next_step = (size_t)(end - name) > suffix && strcmp(end - suffix, NEXT) == 0;
    if (policy->next_step)
        end -= suffix;
    size_t bytes = (size_t)(end - name);
    policy->keep = (struct keep_alive_policy){.fixed_ns = MF_IDLE_MS_DEFAULT * MF_NS_PER_MS,
                                              .unload_min_ns = KEEP_ALIVE_UNLOAD_MIN_NS};
    if (bytes == 4 && strncmp(name, "none", 4) == 0)
        policy->keep.kind = KEEP_ALIVE_NONE;
    else if (bytes == 6 && strncmp(name, "hybrid", 6) == 0)
        policy->keep.kind = KEEP_ALIVE_HYBRID;
    else if (bytes == 5 && strncmp(name, "atc20", 5) == 0)
        policy->keep = (struct keep_alive_policy){
            .kind = KEEP_ALIVE_HYBRID, .fixed_ns = KEEP_ALIVE_BINS * KEEP_ALIVE_BIN_NS};
    else if (strncmp(name, "fixed:", 6) == 0)
        return seconds_after(name + 6, end, &policy->keep.fixed_ns);
    else if (strncmp(name, "hybrid:", 7) == 0 &&
             seconds_after(name + 7, end, &policy->keep.fixed_ns))
        policy->keep.kind = KEEP_ALIVE_HYBRID;
    else
        return false;
    return true;
}

static mf_err tick(void *context)
{
    struct replaying *replaying = context;
    return bench_tick(replaying->run, replaying->why);
}

static mf_err add_rows(struct bench_run *run, const struct subject *subject, double span_s,
                       const struct replay_result *result)
{
    const struct bench_options *options = run->options;
    double kib = options->instance_kib ? options->instance_kib : INSTANCE_KIB;
    double cold_us = options->cold_us ? options->cold_us : COLD_US;
    double warm_us = options->warm_us ? options->warm_us : WARM_US;
    double cpu_us = cold_us * (double)(result->cold_starts + result->prewarms) +
                    warm_us * (double)(result->calls - result->cold_starts);
    mf_err err = bench_row_one(run, subject, "cold_starts", UNIT_COUNT, (double)result->cold_starts);
    if (!err)
        err = bench_row_one(run, subject, "memory_time", UNIT_KIB,
                            span_s > 0 ? result->instance_s / span_s * kib : 0);
    if (!err)
        err = bench_row_one(run, subject, "cpu_time", UNIT_US, cpu_us);
    return err ? err : bench_row_one(run, subject, "wakeups", UNIT_COUNT, (double)result->wakeups);
}

static mf_err replay_one(struct bench_run *run, const struct trace *trace, const char *name,
                         struct mf_why *why)
{
    struct subject subject = {.kind = NULL};
    struct replaying replaying = {run, why};
    struct replay_policy policy = {0};
    struct replay_result result;
    (void)snprintf(subject.name, sizeof subject.name, "%s", name);
    if (strlen(name) >= sizeof subject.name || !policy_from_name(name, &policy))
        return mf_why(why, MF_EINVAL, "policy: \"%.60s\" is no policy; there are none, fixed:SECONDS, "
                      "hybrid, hybrid:SECONDS (up to %d) and atc20, each also as X+next", name,
                      MF_IDLE_MS_MAX / 1000);
    policy.start_ns = (run->options->cold_us ? run->options->cold_us : COLD_US) * MF_NS_PER_US;
    mf_err err = trace_replay(trace, &policy, tick, &replaying, &result);
    return err ? err
               : add_rows(run, &subject, (double)trace->span_ns / (double)MF_NS_PER_S, &result);
}

static mf_err replay_all(struct bench_run *run, const struct trace *trace, const char *names,
                         struct mf_why *why)
{
    char *list = strdup(names), *rest = NULL;
    mf_err err = list ? MF_OK : MF_ENOMEM;
    uint32_t policies = 1;
    for (const char *c = names; *c; c++)
        policies += *c == ',';
    run->total = (uint64_t)policies * (trace->count / REPLAY_TICK_EVENTS + 1);
    for (char *name = list ? strtok_r(list, ",", &rest) : NULL; name && !err;
         name = strtok_r(NULL, ",", &rest))
        err = replay_one(run, trace, name, why);
    free(list);
    return err;
}

static mf_err policy_run(struct bench_run *run, struct mf_why *why)
{
    char made[PATH_MAX], text[256];
    const char *path = run->options->trace;
    struct trace trace;
    if (!path && !beside_us(BENCH_MADE_TRACE, made))
        return mf_why(why, MF_EUNSUPPORTED, "policy: %s is not beside the mayfly command; ./up --build "
                      "makes it, or give one with --trace FILE", BENCH_MADE_TRACE);
    mf_err err = trace_load(path ? path : made, &trace, why);
    if (err)
        return err;
    (void)snprintf(text, sizeof text, "policy: %zu calls of %u functions in %.1f hours%s", trace.count,
                   trace.functions.count, (double)trace.span_ns / 3600e9,
                   path ? "" : ", a made trace; --trace FILE for another");
    run->options->remark(run->options->context, text);
    err = replay_all(run, &trace, run->options->only ? run->options->only : POLICIES, why);
    trace_close(&trace);
    return err;
}
