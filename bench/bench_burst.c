/* bench_burst.c: many cold starts at once. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "bench/bench.h"

#define BURST_STARTS bench_number(100, 10)
#define BURST_ROUNDS 5u
#define BURST_SETTLE_MS 500
#define SWEEP_STEP bench_number(10, 1)

struct burst {
    uint32_t count;
    int epoll;
    struct subject_call *call;
};

static mf_err burst_open(struct burst *burst, uint32_t count)
{
    *burst = (struct burst){.count = count, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    burst->call = calloc(count, sizeof *burst->call);
    if (burst->epoll < 0 || !burst->call)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        burst->call[i] = subject_call(i);
    return MF_OK;
}

static void burst_close(struct burst *burst)
{
    for (uint32_t i = 0; burst->call && i < burst->count; i++)
        if (burst->call[i].connection >= 0)
            close(burst->call[i].connection);
    free(burst->call);
    if (burst->epoll >= 0)
        close(burst->epoll);
}

static mf_err connect_all(struct burst *burst, struct subject *subject, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < burst->count && !err; i++) {
        err = subject->kind->connect(subject, &burst->call[i], why);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        if (!err && epoll_ctl(burst->epoll, EPOLL_CTL_ADD, burst->call[i].connection, &event) != 0)
            err = mf_err_from_errno(errno);
    }
    return err;
}

/* The next connection on which an answer begins, and when. */
static mf_err next_answer(struct burst *burst, uint32_t *index, uint64_t *at_ns,
                          struct mf_why *why)
{
    struct epoll_event event;
    int ready;
    do
        ready = epoll_wait(burst->epoll, &event, 1, CHILD_ANSWER_S * 1000);
    while (ready < 0 && errno == EINTR && !bench_stop);
    *at_ns = mf_monotonic_ns();
    if (ready != 1)
        return mf_why(why, MF_ETIMEDOUT, "no answer within %d s", CHILD_ANSWER_S);
    *index = event.data.u32;
    if (epoll_ctl(burst->epoll, EPOLL_CTL_DEL, burst->call[*index].connection, NULL) != 0)
        return mf_err_from_errno(errno);
    return MF_OK;
}

static mf_err begin_all(struct burst *burst, struct subject *subject, struct bench_answers *answers,
                        struct mf_why *why)
{
    uint64_t began_ns = mf_monotonic_ns(), at_ns = 0, ignored_ns;
    double sum_us = 0;
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < burst->count && !err; i++)
        err = subject->kind->begin(subject, &burst->call[i], why);
    for (uint32_t i = 0; i < burst->count && !err; i++) {
        uint32_t index = 0;
        err = next_answer(burst, &index, &at_ns, why);
        if (!err)
            err = subject_reply(subject, &burst->call[index], &ignored_ns, why);
        sum_us += (double)(at_ns - began_ns) / MF_NS_PER_US;
    }
    if (!err)
        err = samples_add(&answers->last_us, (double)(at_ns - began_ns) / MF_NS_PER_US);
    return err ? err : samples_add(&answers->mean_us, sum_us / burst->count);
}

mf_err bench_one_burst(struct bench_run *run, struct subject *subject, uint32_t count,
                       enum subject_content content, struct bench_answers *answers,
                       struct mf_why *why)
{
    struct burst burst;
    mf_err err = burst_open(&burst, count);
    if (!err)
        err = bench_prepare(run, subject, count, content, why);
    if (!err && bench_await_cold(subject, why) == MF_EEXIST)
        err = MF_EEXIST;
    if (!err)
        err = connect_all(&burst, subject, why);
    bench_settle(BURST_SETTLE_MS);
    if (!err)
        err = begin_all(&burst, subject, answers, why);
    for (uint32_t i = 0; i < count; i++) {
        mf_err ended = subject->kind->end(subject, i, NULL, err ? NULL : why);
        err = err ? err : ended;
    }
    burst_close(&burst);
    return err;
}

static mf_err add_row(struct bench_run *run, const struct subject *subject, const char *metric,
                      uint32_t count, bool sweep, struct samples *samples)
{
    char name[32];
    json_t *row = NULL;
    (void)snprintf(name, sizeof name, sweep ? "%s@%u" : "%s", metric, count);
    mf_err err = bench_row(run, subject, name, UNIT_US, samples, &row);
    if (!err && row && subject->kind == &subject_mayfly &&
        json_object_set_new(row, "pool", json_integer(MF_BLANKS_DEFAULT)) != 0)
        err = MF_ENOMEM;
    return err;
}

static mf_err bursts_of(struct bench_run *run, uint32_t count, bool sweep, struct mf_why *why)
{
    struct bench_answers answers[BENCH_SUBJECTS_MAX] = {0};
    uint32_t rounds = bench_samples(run, BURST_ROUNDS);
    mf_err err = MF_OK;
    for (uint32_t round = 0; round < rounds && !err; round++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++) {
            if (run->subject[s].left_out)
                continue;
            err = bench_outcome(run, &run->subject[s],
                                bench_one_burst(run, &run->subject[s], count, CONTENT_DISTINCT,
                                                &answers[s], why),
                                why);
        }
    for (uint32_t s = 0; s < run->subject_count; s++) {
        if (!err)
            err = add_row(run, &run->subject[s], "last_answer", count, sweep, &answers[s].last_us);
        if (!err)
            err = add_row(run, &run->subject[s], "mean_answer", count, sweep, &answers[s].mean_us);
        samples_close(&answers[s].last_us);
        samples_close(&answers[s].mean_us);
    }
    return err;
}

static mf_err burst_run(struct bench_run *run, struct mf_why *why)
{
    bool sweep = run->options->sweep;
    uint32_t first = sweep ? SWEEP_STEP : BURST_STARTS;
    uint32_t steps = (BURST_STARTS - first) / SWEEP_STEP + 1;
    uint64_t starts = (uint64_t)steps * (first + BURST_STARTS) / 2;
    run->total = starts * bench_samples(run, BURST_ROUNDS) * run->subject_count;
    mf_err err = MF_OK;
    for (uint32_t count = first; count <= BURST_STARTS && !err; count += SWEEP_STEP)
        err = bursts_of(run, count, sweep, why);
    return err;
}

const struct bench bench_burst = {
    .name = "burst",
    .subjects = "mayfly/process,mayfly/kvm,runc,runsc",
    .together = true,
    .summary = "100 cold starts at once; --sweep: 10, 20 … 100",
    .explain =
        "100 functions (containers) that never ran, all asked at once: 100 connections are open,\n"
        "half a second later one client writes all requests (starts all run-times), one after\n"
        "the other without waiting. last_answer: from before the first request is written to the\n"
        "first byte of the last reply. mean_answer: mean, over the 100, from the same moment to\n"
        "the first byte of each. What a subject starts, and that every answer is checked, is as in\n"
        "`cold`; no two bursts share a function.\n"
        "The pool is as it is when idle; `pool` in the row is how many blanks that is.\n"
        "5 bursts of each subject in turn; percentiles are over bursts. No warm-up.",
    .run = burst_run,
};
