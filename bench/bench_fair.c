/* bench_fair.c: what a function with few events notices of one whose queue is never empty, and what that one loses. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bench/async.h"
#include "bench/bench.h"

#define EVENTS 200u            /* of B, under each condition: its 99th is the third slowest */
#define EVENTS_A_ROUND 50u
#define EVERY_NS (100 * MF_NS_PER_MS)
#define WARM_UP 5u             /* of B's, that do not count */
#define RAMP_MS 1000           /* until as many instances run as will */
#define ALONE_NS_MIN (500 * MF_NS_PER_MS)
#define FEED_MS 10             /* between two looks at A's queue */
#define RATE_OF 16             /* of which the last so many count */
#define WINDOW_MIN 64u
#define CONDITIONS 2u

/* What A does. */
static const struct load {
    const char *name, *function, *path, *image;
} loads[CONDITIONS] = {
    {"long", "bench-long", "bench-long/work", BENCH_HOSTILE_IMAGE},
    {"short", "bench-short", "bench-short", BENCH_NOOP_IMAGE},
};

/* Keeps work for half a second in A's queue, in a thread of its own. */
struct feeder {
    const struct load *load;
    struct async async;
    uint64_t sent, delivered, looked_ns;
    double rate; /* of late: delivered in a second */
    atomic_bool over;
    mf_err err;
    struct mf_why why;
    pthread_t thread;
};

/* Of B's events, from before they are sent. */
struct latency {
    struct samples began_us;    /* until the handler begins */
    struct samples durable_us;  /* of that, until they are known to be durable */
};

/* One subject. */
struct fair_bench {
    uint32_t number; /* of B's next event */
    struct latency alone, beside[CONDITIONS];
    struct samples rate_alone[CONDITIONS], rate_beside[CONDITIONS], kept[CONDITIONS];
    uint64_t sent[CONDITIONS];
};

/* How many events should wait: as many as half a second takes, and a few at least. */
static uint64_t window(struct feeder *feeder, uint64_t delivered)
{
    uint64_t now_ns = mf_monotonic_ns(), since_ns = now_ns - feeder->looked_ns;
    double now = (double)(delivered - feeder->delivered) * MF_NS_PER_S / (double)(since_ns ? since_ns : 1);
    feeder->rate += (now - feeder->rate) / RATE_OF;
    feeder->delivered = delivered;
    feeder->looked_ns = now_ns;
    return WINDOW_MIN + (uint64_t)(feeder->rate / 2);
}

static void *feed(void *argument)
{
    struct feeder *feeder = argument;
    while (!feeder->over && !feeder->err) {
        uint64_t delivered = 0;
        feeder->err = async_delivered(&feeder->async, feeder->load->function, &delivered, &feeder->why);
        uint64_t wanted = window(feeder, delivered) + delivered;
        while (!feeder->err && !feeder->over && feeder->sent + WINDOW_MIN / 4 <= wanted) {
            uint64_t room = wanted - feeder->sent;
            uint32_t count = room < ASYNC_BATCH_MAX ? (uint32_t)room : ASYNC_BATCH_MAX;
            feeder->err = async_call_batch(&feeder->async, feeder->load->path, feeder->sent, count, &feeder->why);
            feeder->sent += count;
        }
        bench_settle(FEED_MS);
    }
    return NULL;
}

static mf_err feeder_start(struct feeder *feeder, const struct subject *subject, const struct load *load,
                           uint64_t sent, struct mf_why *why)
{
    *feeder = (struct feeder){.load = load, .sent = sent, .delivered = sent, .looked_ns = mf_monotonic_ns()};
    mf_err err = async_open(&feeder->async, subject, why);
    if (!err && pthread_create(&feeder->thread, NULL, feed, feeder) != 0) {
        async_close(&feeder->async);
        err = mf_why(why, MF_ENOMEM, "no thread that feeds a queue");
    }
    return err;
}

/* And until the queue is empty. */
static mf_err feeder_end(struct feeder *feeder, mf_err err, struct mf_why *why)
{
    feeder->over = true;
    pthread_join(feeder->thread, NULL);
    if (!err && feeder->err) {
        *why = feeder->why;
        err = feeder->err;
    }
    if (!err)
        err = async_await(&feeder->async, feeder->load->function, feeder->sent, why);
    async_close(&feeder->async);
    return err;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec at = {(time_t)(at_ns / MF_NS_PER_S), (long)(at_ns % MF_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0 && !bench_stop)
        ;
}

static mf_err add_latency(struct latency *latency, uint64_t sent_ns, uint64_t durable_ns, uint64_t began_ns)
{
    mf_err err = samples_add(&latency->began_us, (double)(began_ns - sent_ns) / MF_NS_PER_US);
    return err ? err : samples_add(&latency->durable_us, (double)(durable_ns - sent_ns) / MF_NS_PER_US);
}

/* So many of B's events, ten a second; then what became of them. latency NULL: they do not count. */
static mf_err call_b(struct fair_bench *fair, const struct subject *subject, uint32_t count,
                     struct latency *latency, struct mf_why *why)
{
    uint64_t sent_ns[EVENTS_A_ROUND], durable_ns[EVENTS_A_ROUND], from_ns = mf_monotonic_ns();
    uint32_t first = fair->number;
    struct async async;
    mf_assert(count <= EVENTS_A_ROUND);
    mf_err err = async_open(&async, subject, why);
    for (uint32_t i = 0; i < count && !err; i++) {
        char key[ASYNC_KEY_BYTES];
        sleep_until(from_ns + i * EVERY_NS);
        (void)snprintf(key, sizeof key, ASYNC_KEY_FORMAT, fair->number++);
        sent_ns[i] = mf_monotonic_ns();
        err = async_call(&async, "late", key, &durable_ns[i], why);
    }
    for (uint32_t i = 0; i < count && !err; i++) {
        uint64_t began_ns = 0;
        err = async_began(&async, first + i, &began_ns, why);
        if (!err && latency)
            err = add_latency(latency, sent_ns[i], durable_ns[i], began_ns);
    }
    async_close(&async);
    return err;
}

static mf_err rate_of(const struct feeder *feeder, uint64_t *count, uint64_t *at_ns, struct mf_why *why)
{
    mf_err err = async_delivered(&feeder->async, feeder->load->function, count, why);
    *at_ns = mf_monotonic_ns();
    return err;
}

/* A's events a second while B has `count` events, or (0) none for as long as those would take. */
static mf_err measure(struct fair_bench *fair, const struct subject *subject, const struct feeder *feeder,
                      uint32_t count, uint64_t alone_ns, struct latency *latency, double *rate, struct mf_why *why)
{
    uint64_t before = 0, after = 0, from_ns = 0, to_ns = 0;
    mf_err err = rate_of(feeder, &before, &from_ns, why);
    if (!err && count)
        err = call_b(fair, subject, count, latency, why);
    else if (!err)
        bench_settle((uint32_t)(alone_ns / MF_NS_PER_MS));
    if (!err)
        err = rate_of(feeder, &after, &to_ns, why);
    *rate = (double)(after - before) * MF_NS_PER_S / (double)(to_ns - from_ns);
    return err;
}

static mf_err beside(struct fair_bench *fair, const struct subject *subject, uint32_t condition,
                     uint32_t count, struct mf_why *why)
{
    static struct feeder feeder; /* one at a time */
    double alone = 0, both = 0;
    uint64_t alone_ns = count * EVERY_NS > ALONE_NS_MIN ? count * EVERY_NS : ALONE_NS_MIN;
    mf_err err = feeder_start(&feeder, subject, &loads[condition], fair->sent[condition], why);
    if (err)
        return err;
    bench_settle(RAMP_MS);
    err = measure(fair, subject, &feeder, 0, alone_ns, NULL, &alone, why);
    if (!err)
        err = measure(fair, subject, &feeder, count, 0, &fair->beside[condition], &both, why);
    err = feeder_end(&feeder, err, why);
    fair->sent[condition] = feeder.sent;
    if (!err)
        err = samples_add(&fair->rate_alone[condition], alone);
    if (!err)
        err = samples_add(&fair->rate_beside[condition], both);
    return err ? err : samples_add(&fair->kept[condition], alone > 0 ? 100 * both / alone : 0);
}

static mf_err take_round(struct bench_run *run, struct subject *subject, struct fair_bench *fair,
                         uint32_t count, struct mf_why *why)
{
    mf_err err = call_b(fair, subject, WARM_UP, NULL, why);
    if (!err)
        err = call_b(fair, subject, count, &fair->alone, why);
    for (uint32_t i = 0; i < CONDITIONS && !err; i++) {
        err = beside(fair, subject, i, count, why);
        if (!err)
            err = bench_tick(run, why);
    }
    return err;
}

static mf_err serve(struct subject *subject, struct mf_why *why)
{
    struct load_target ignored;
    const struct mayfly_function b = {.image = BENCH_LATE_IMAGE, .name = "late", .path = ""};
    mf_err err = subject_mayfly_deploy(subject, &b, &ignored, why);
    for (uint32_t i = 0; i < CONDITIONS && !err; i++) {
        const struct mayfly_function a = {.image = loads[i].image, .name = loads[i].function, .path = ""};
        err = subject_mayfly_deploy(subject, &a, &ignored, why);
    }
    return err;
}

static mf_err add(struct bench_run *run, const struct subject *subject, const char *what, uint32_t condition,
                  enum row_unit unit, struct samples *samples)
{
    char metric[32];
    (void)snprintf(metric, sizeof metric, "%s@%s", what, loads[condition].name);
    return bench_row(run, subject, metric, unit, samples, NULL);
}

static mf_err add_rows(struct bench_run *run, const struct subject *subject, struct fair_bench *fair)
{
    mf_err err = bench_row(run, subject, "latency@alone", UNIT_US, &fair->alone.began_us, NULL);
    if (!err)
        err = bench_row(run, subject, "durable@alone", UNIT_US, &fair->alone.durable_us, NULL);
    for (uint32_t i = 0; i < CONDITIONS && !err; i++) {
        char metric[32];
        (void)snprintf(metric, sizeof metric, "slowdown@%s", loads[i].name);
        err = add(run, subject, "latency", i, UNIT_US, &fair->beside[i].began_us);
        if (!err)
            err = add(run, subject, "durable", i, UNIT_US, &fair->beside[i].durable_us);
        if (!err)
            err = bench_row_one(run, subject, metric, UNIT_PCT,
                                100 * samples_percentile(&fair->beside[i].began_us, 99) /
                                    samples_percentile(&fair->alone.began_us, 99));
        if (!err)
            err = add(run, subject, "rate_alone", i, UNIT_PER_S, &fair->rate_alone[i]);
        if (!err)
            err = add(run, subject, "rate_beside", i, UNIT_PER_S, &fair->rate_beside[i]);
        if (!err)
            err = add(run, subject, "kept", i, UNIT_PCT, &fair->kept[i]);
    }
    return err;
}

static void latency_close(struct latency *latency)
{
    samples_close(&latency->began_us);
    samples_close(&latency->durable_us);
}

static void fair_bench_close(struct fair_bench *fair)
{
    latency_close(&fair->alone);
    for (uint32_t i = 0; i < CONDITIONS; i++) {
        latency_close(&fair->beside[i]);
        samples_close(&fair->rate_alone[i]);
        samples_close(&fair->rate_beside[i]);
        samples_close(&fair->kept[i]);
    }
}

static mf_err fair_run(struct bench_run *run, struct mf_why *why)
{
    static struct fair_bench fair;
    struct subject *subject = &run->subject[0];
    uint32_t events = bench_samples(run, EVENTS);
    uint32_t rounds = (events + EVENTS_A_ROUND - 1) / EVENTS_A_ROUND;
    memset(&fair, 0, sizeof fair);
    run->total = (uint64_t)rounds * CONDITIONS;
    mf_err err = serve(subject, why);
    for (uint32_t round = 0; round < rounds && !err; round++)
        err = take_round(run, subject, &fair, (events + rounds - 1) / rounds, why);
    if (!err)
        err = add_rows(run, subject, &fair);
    fair_bench_close(&fair);
    return err;
}

const struct bench bench_fair = {
    .name = "fair",
    .subjects = "mayfly/process:reuse,mayfly/process:reset,mayfly/kvm:reuse,mayfly/kvm:reset",
    .summary = "ten events a second of one function beside another one's queue that is never empty",
    .explain =
        "Two functions of one node, all settings but isolation at their defaults; their events are\n"
        "asynchronous calls. B has ten a second, A as many as it can take: what it does in half a second,\n"
        "and 64 more, always waits in its queue. A computes some milliseconds for each, always the same\n"
        "work (long), or answers at once (short).\n"
        "latency@alone: of B, from before the POST to /async-function/ is written until the handler\n"
        "begins, by the clock that both share; so the commit that makes the event durable is in it.\n"
        "latency@long, @short: the same beside A.\n"
        "durable@alone, @long, @short: of the same events, until the 202 has come, which says that the event is\n"
        "durable: the disk's part, as somebody sees it who has then to be woken.\n"
        "slowdown@long, @short: the 99th percentile of that to the one alone; 100 is the same.\n"
        "rate_alone@, rate_beside@: A's events that were delivered in a second, for five seconds\n"
        "without B and five with it, after a second that does not count; kept@: the second of the\n"
        "first, per round.\n"
        "4 rounds of 50 events of B under each condition. Whoever keeps A's queue full is on the\n"
        "same processors; it asks for batches of 128 events, every 10 ms at most.\n"
        "--samples N: N events.",
    .run = fair_run,
};
