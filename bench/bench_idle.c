/* bench_idle.c: functions that have nothing to do, all triggers connected: what wakes them. */
#include "base/clock.h"
#include "bench/bench.h"
#include "bench/on_broker.h"

#define IDLE_INSTANCES 20u
#define IDLE_SETTLE_MS 8000 /* the node writes down what they used, once */
#define IDLE_S 10u
#define PING_WAKEUPS 2u /* to send a sign of life, and for its answer */

static const char yaml[] =
    "workflow: bench-idle\n"
    "functions:\n"
    "  triggered:\n"
    "    image: %s\n"
    "    sandbox: %s\n"
    "    triggers:\n"
    "      - {mqtt: bench/idle/#}\n"
    "      - {every: 1h}\n"
    "      - {cron: \"0 0 1 1 *\", timezone: Europe/Berlin}\n"
    "      - {key: bench/idle/}\n"
    "      - {queue: bench-idle}\n";

struct reading {
    struct usage usage;
    uint64_t pings;
};

static mf_err connect_triggers(struct on_broker *on, struct subject *subject, struct mf_why *why)
{
    char image[PATH_MAX];
    struct mf_buf text = {0};
    mf_err err = on_broker_open(on, subject, BROKER_KEEP_ALIVE_CONFIG, why);
    (void)beside_us(BENCH_NOOP_IMAGE, image); /* the subject looked for it */
    if (!err)
        err = mf_buf_printf(&text, yaml, image, subject->detail);
    if (!err)
        err = on_broker_deploy(on, (const char *)text.data, why);
    mf_buf_close(&text);
    return err ? err : on_broker_await(on, why);
}

static mf_err look(const struct on_broker *on, struct subject *subject, struct reading *reading,
                   struct mf_why *why)
{
    mf_err err = broker_pings(&on->broker, &reading->pings, why);
    return err ? err : subject_usage(subject, &reading->usage);
}

static mf_err add_rows(struct bench_run *run, const struct subject *subject,
                       const struct reading *before, const struct reading *after)
{
    uint64_t switches = after->usage.switches - before->usage.switches;
    uint64_t kept_alive = PING_WAKEUPS * (after->pings - before->pings);
    if (kept_alive > switches) /* the reading cut one in two */
        kept_alive = switches;
    mf_err err = bench_row_one(run, subject, "wakeups", UNIT_COUNT, (double)(switches - kept_alive));
    if (!err)
        err = bench_row_one(run, subject, "keepalive_wakeups", UNIT_COUNT, (double)kept_alive);
    if (!err)
        err = bench_row_one(run, subject, "cpu_time", UNIT_US,
                            (double)(after->usage.cpu_ns - before->usage.cpu_ns) / MF_NS_PER_US);
    return err;
}

static mf_err measure(struct bench_run *run, const struct on_broker *on, struct subject *subject,
                      struct mf_why *why)
{
    struct reading before, after;
    mf_err err = bench_prepare(run, subject, IDLE_INSTANCES, CONTENT_SAME, why);
    if (!err)
        err = subject_start_range(subject, 0, IDLE_INSTANCES, why);
    bench_settle(IDLE_SETTLE_MS);
    if (!err)
        err = subject_alive(subject, IDLE_INSTANCES, why);
    if (!err)
        err = look(on, subject, &before, why);
    while (!err && run->done < run->total) {
        bench_settle(1000);
        err = bench_tick(run, why);
    }
    if (!err)
        err = look(on, subject, &after, why);
    return err ? err : add_rows(run, subject, &before, &after);
}

static mf_err idle_run(struct bench_run *run, struct mf_why *why)
{
    static struct on_broker on;
    struct subject *subject = &run->subject[0];
    run->total = IDLE_INSTANCES + bench_samples(run, IDLE_S);
    mf_err err = connect_triggers(&on, subject, why);
    if (!err)
        err = measure(run, &on, subject, why);
    on_broker_close(&on);
    return err;
}

const struct bench bench_idle = {
    .name = "idle",
    .subjects = "mayfly/process:reuse,mayfly/kvm",
    .summary = "ten seconds of 20 instances that have nothing to do, all triggers connected",
    .explain =
        "A private mosquitto, and a node connected to it. One function has each kind of trigger: a\n"
        "topic, an interval, cron, a key, a queue. 20 others have each answered one request and now\n"
        "wait; eight seconds later, when the node has written down what they used, over ten seconds:\n"
        "wakeups: the context switches (of either kind) of all threads of all processes of the node,\n"
        "daemon, spawner, blanks and instances, less keepalive_wakeups: two for each sign of life\n"
        "that the broker has had of the node, to send it and for its answer. The broker asks for one\n"
        "every ten seconds (`max_keepalive 10`; the node's own interval is a minute), so most runs\n"
        "have one.\n"
        "cpu_time: their processor time, that of the signs of life included.\n"
        "mayfly/process:reuse: by default an instance of the process sandbox serves one event and\n"
        "ends, so none is idle.\n"
        "--samples N: N seconds.",
    .run = idle_run,
};
