/* bench_idle.c: functions that have nothing to do: what they wake. */
#include "base/clock.h"
#include "bench/bench.h"

#define IDLE_INSTANCES 20u
#define IDLE_SETTLE_MS 8000 /* the node writes down what they used, once */
#define IDLE_S 10u

static mf_err idle_run(struct bench_run *run, struct mf_why *why)
{
    struct subject *subject = &run->subject[0];
    struct usage before, after;
    run->total = IDLE_INSTANCES + bench_samples(run, IDLE_S);
    mf_err err = bench_prepare(run, subject, IDLE_INSTANCES, CONTENT_SAME, why);
    if (!err)
        err = subject_start_range(subject, 0, IDLE_INSTANCES, why);
    bench_settle(IDLE_SETTLE_MS);
    if (!err)
        err = subject_alive(subject, IDLE_INSTANCES, why);
    if (!err)
        err = subject_usage(subject, &before);
    while (run->done < run->total && !err) {
        bench_settle(1000);
        err = bench_tick(run, why);
    }
    if (!err)
        err = subject_usage(subject, &after);
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
    .subjects = "mayfly/process:reuse,mayfly/kvm",
    .summary = "ten seconds of 20 instances that have nothing to do",
    .explain =
        "20 functions have each answered one request and now wait; eight seconds later, when the\n"
        "node has written down what they used, over ten seconds: wakeups, the context switches (of either kind) of all threads of all processes\n"
        "of the node, daemon, spawner, blanks and instances; cpu_time, their processor time.\n"
        "mayfly/process:reuse: by default an instance of the process sandbox serves one event and\n"
        "ends, so none is idle.\n"
        "No broker is connected, whose keep-alive would count apart.\n"
        "--samples N: N seconds.",
    .run = idle_run,
};
