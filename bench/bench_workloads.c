/* bench_workloads.c: the workloads of UniFaaS, from a device's message to what comes of it; and what units of them cost. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/on_broker.h"
#include "functions/devices/devices.h"

#define EVENTS 100u        /* of each workload */
#define WARM_UP 3u
#define WINDOW 1000u
#define WAIT_NS (60 * MF_NS_PER_S)
#define UNITS_MAX 10u
#define UNIT_SETTLE_MS 300 /* until they are there */
#define UNIT_TICKS 10u     /* messages of each device in a window; --samples: fewer */
#define TICK_NS (100 * MF_NS_PER_MS)
#define START_S 1700000000
#define STEP_S 60
#define SEED 1

static bool is_alarm(const char *payload)
{
    unsigned value = 0;
    return sscanf(payload, "{\"value\":%u", &value) == 1 && value > 50;
}

static bool is_opening(const char *payload)
{
    return strstr(payload, "\"open\"");
}

/* One of them. yaml: what stands beside its image; its end is a message of that topic. */
static const struct work {
    const char *name, *image, *yaml, *end;
    bool (*counts)(const char *payload); /* NULL: every message has an outcome */
} works[] = {
    {"lights", "lights", "triggers: [{mqtt: lights/+/motion}], allow: {publish: [lights/+/bulb]}",
     "lights/+/bulb", NULL},
    {"alert", "alert", "triggers: [{mqtt: smoke/+/value}], environment: {LIMIT: \"50\"}, then: [tell-alert]",
     "bench/told/alert", is_alarm},
    {"dhs", "dhs", "triggers: [{mqtt: health/+/weight}], allow: {read: [dhs/], write: [dhs/]}, "
     "then: [dhs-day, tell-dhs]", "bench/told/dhs", NULL},
    {"fdc", "fdc", "triggers: [{mqtt: home/+/door}], allow: {read: [fdc/], write: [fdc/]}, then: [tell-fdc]",
     "bench/told/fdc", is_opening},
    {"fib", "fib", "triggers: [{mqtt: fib/+/index}], then: [tell-fib]", "bench/told/fib", NULL},
};
#define WORKS (sizeof works / sizeof works[0])

static const struct scene scene = {.seed = SEED, .devices = UNITS_MAX, .start_s = START_S, .step_s = STEP_S};

struct measured {
    struct broker_client listener;
    uint64_t next; /* message of its devices */
    struct samples event_us;
    struct samples cpu_pct[UNITS_MAX + 1], memory_kib[UNITS_MAX + 1];
};

struct workloads {
    struct on_broker on;
    struct broker_client publisher;
    struct measured measured[WORKS];
    bool hidden; /* memory of processes */
};

static mf_err add_function(struct mf_buf *text, const char *name, const char *image, const char *yaml,
                           struct mf_why *why)
{
    char path[PATH_MAX];
    if (!beside_us(image, path))
        return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it", image);
    return mf_buf_printf(text, "  %s: {image: %s, %s}\n", name, path, yaml);
}

/* All of them, so that none has another's place; the instances of one are so many (0: as many as
 * its events ask for). */
static mf_err deploy(struct workloads *all, const struct work *crowded, uint32_t units, struct mf_why *why)
{
    struct mf_buf text = {0};
    const struct subject *subject = all->on.subject;
    const char *isolation = subject->isolation;
    mf_err err = mf_buf_printf(&text, "workflow: bench-workloads\ndefaults: {sandbox: %s%s%s}\nfunctions:\n",
                               subject->detail, *isolation ? ", isolation: " : "", isolation);
    for (size_t i = 0; i < WORKS && !err; i++) {
        const struct work *work = &works[i];
        char yaml[256], image[64], tell[32];
        int bytes = snprintf(yaml, sizeof yaml, "%s", work->yaml);
        if (work == crowded && units)
            (void)snprintf(yaml + bytes, sizeof yaml - (size_t)bytes, ", min_instances: %u, max_instances: %u",
                           units, units);
        (void)snprintf(image, sizeof image, "functions/%s.mf", work->image);
        err = add_function(&text, work->name, image, yaml, why);
        (void)snprintf(tell, sizeof tell, "tell-%s", work->name);
        (void)snprintf(yaml, sizeof yaml, "environment: {NAME: %s}", work->name);
        if (!err && strstr(work->yaml, tell))
            err = add_function(&text, tell, BENCH_TELL_IMAGE, yaml, why);
    }
    if (!err)
        err = add_function(&text, "dhs-day", "functions/dhs-day.mf",
                           "allow: {read: [dhs-day/], write: [dhs-day/]}", why);
    if (!err)
        err = on_broker_deploy(&all->on, (const char *)text.data, why);
    mf_buf_close(&text);
    return err;
}

static mf_err publish(struct workloads *all, const struct message *message, struct mf_why *why)
{
    return broker_publish(&all->publisher, message->topic, message->payload, WINDOW, why);
}

/* From before the message is published until its outcome has come. took_us NULL: it does not count. */
static mf_err event(struct workloads *all, size_t i, double *took_us, struct mf_why *why)
{
    struct measured *m = &all->measured[i];
    struct message message;
    do
        (void)workload_find(works[i].name)->message(&scene, 0, m->next++, &message);
    while (works[i].counts && !works[i].counts(message.payload));
    uint64_t heard = atomic_load(&m->listener.heard), from_ns = mf_monotonic_ns();
    mf_err err = publish(all, &message, why);
    if (!err)
        err = broker_await(&m->listener.heard, heard + 1, WAIT_NS, works[i].end, why);
    if (took_us)
        *took_us = (double)(atomic_load(&m->listener.heard_ns) - from_ns) / MF_NS_PER_US;
    return err;
}

static mf_err take_events(struct bench_run *run, struct workloads *all, size_t i, uint32_t count,
                          struct mf_why *why)
{
    mf_err err = MF_OK;
    double took_us = 0;
    for (uint32_t n = 0; n < WARM_UP + count && !err; n++) {
        err = event(all, i, &took_us, why);
        if (!err && n >= WARM_UP)
            err = samples_add(&all->measured[i].event_us, took_us);
    }
    return err ? err : bench_tick(run, why);
}

/* A message of each device every tick. */
static mf_err play(struct workloads *all, size_t i, uint32_t devices, uint32_t ticks, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t tick = 0; tick < ticks && !err; tick++) {
        uint64_t from_ns = mf_monotonic_ns();
        for (uint32_t device = 0; device < devices && !err; device++) {
            struct message message;
            (void)workload_find(works[i].name)->message(&scene, device, all->measured[i].next, &message);
            err = publish(all, &message, why);
        }
        all->measured[i].next++;
        uint64_t took_ns = mf_monotonic_ns() - from_ns;
        if (!err && took_ns < TICK_NS)
            bench_settle((uint32_t)((TICK_NS - took_ns) / MF_NS_PER_MS));
    }
    return err;
}

static mf_err take_units(struct bench_run *run, struct workloads *all, size_t i, uint32_t units,
                         uint32_t ticks, struct mf_why *why)
{
    static struct processes list;
    struct measured *m = &all->measured[i];
    struct usage before, after;
    struct memory memory;
    mf_err err = deploy(all, &works[i], units, why);
    bench_settle(UNIT_SETTLE_MS);
    if (!err)
        err = subject_usage(all->on.subject, &before);
    uint64_t from_ns = mf_monotonic_ns();
    if (!err)
        err = play(all, i, units, ticks, why);
    uint64_t took_ns = mf_monotonic_ns() - from_ns;
    if (!err)
        err = subject_usage(all->on.subject, &after);
    if (!err)
        err = subject_memory(all->on.subject, &list, &memory);
    if (err)
        return err;
    all->hidden |= memory.unreadable > 0;
    uint64_t used_ns = after.cpu_ns > before.cpu_ns ? after.cpu_ns - before.cpu_ns : 0;
    err = samples_add(&m->cpu_pct[units], 100 * (double)used_ns / (double)took_ns);
    if (!err)
        err = samples_add(&m->memory_kib[units], (double)memory.pss_kib);
    return err ? err : bench_tick(run, why);
}

static mf_err add_units(struct bench_run *run, const struct subject *subject, size_t i, struct workloads *all)
{
    struct measured *m = &all->measured[i];
    mf_err err = MF_OK;
    for (uint32_t units = 1; units <= UNITS_MAX && !err; units++) {
        char metric[32];
        (void)snprintf(metric, sizeof metric, "%s_cpu@%u", works[i].name, units);
        err = bench_row(run, subject, metric, UNIT_PCT, &m->cpu_pct[units], NULL);
        (void)snprintf(metric, sizeof metric, "%s_memory@%u", works[i].name, units);
        if (!err && !all->hidden)
            err = bench_row(run, subject, metric, UNIT_KIB, &m->memory_kib[units], NULL);
    }
    return err;
}

static mf_err add_rows(struct bench_run *run, const struct subject *subject, struct workloads *all)
{
    mf_err err = MF_OK;
    if (all->hidden)
        run->options->remark(run->options->context, "workloads: processes hide their memory from this user; no "
                             "row tells of it. Run as root for that.");
    for (size_t i = 0; i < WORKS && !err; i++) {
        char metric[32];
        json_t *row = NULL;
        (void)snprintf(metric, sizeof metric, "%s_event", works[i].name);
        err = bench_row(run, subject, metric, UNIT_US, &all->measured[i].event_us, &row);
        if (!err && json_object_set_new(row, "p90", json_real(samples_percentile(&all->measured[i].event_us, 90))))
            err = MF_ENOMEM;
        if (!err)
            err = add_units(run, subject, i, all);
    }
    return err;
}

static mf_err open_all(struct workloads *all, struct subject *subject, struct mf_why *why)
{
    mf_err err = on_broker_open(&all->on, subject, "", why);
    if (!err)
        err = broker_connect(&all->on.broker, NULL, &all->publisher, why);
    for (size_t i = 0; i < WORKS && !err; i++)
        err = broker_connect(&all->on.broker, works[i].end, &all->measured[i].listener, why);
    if (!err)
        err = deploy(all, NULL, 0, why);
    return err ? err : on_broker_await(&all->on, why);
}

static void close_all(struct workloads *all)
{
    for (size_t i = 0; i < WORKS; i++) {
        struct measured *m = &all->measured[i];
        broker_disconnect(&m->listener);
        samples_close(&m->event_us);
        for (uint32_t units = 1; units <= UNITS_MAX; units++) {
            samples_close(&m->cpu_pct[units]);
            samples_close(&m->memory_kib[units]);
        }
    }
    broker_disconnect(&all->publisher);
    on_broker_close(&all->on);
}

static mf_err workloads_run(struct bench_run *run, struct mf_why *why)
{
    static struct workloads all;
    struct subject *subject = &run->subject[0];
    uint32_t events = bench_samples(run, EVENTS), ticks = events < UNIT_TICKS ? events : UNIT_TICKS;
    memset(&all, 0, sizeof all);
    run->total = WORKS * (1 + UNITS_MAX);
    mf_err err = open_all(&all, subject, why);
    for (size_t i = 0; i < WORKS && !err; i++)
        err = take_events(run, &all, i, events, why);
    for (size_t i = 0; i < WORKS && !err; i++)
        for (uint32_t units = 1; units <= UNITS_MAX && !err; units++)
            err = take_units(run, &all, i, units, ticks, why);
    if (!err)
        err = add_rows(run, subject, &all);
    close_all(&all);
    return err;
}

const struct bench bench_workloads = {
    .name = "workloads",
    .subjects = "mayfly/process,mayfly/process:reuse,mayfly/kvm,mayfly/kvm:reuse",
    .summary = "the workloads of UniFaaS: an event from device to outcome, and 1 to 10 units of each",
    .explain =
        "A private mosquitto with its defaults, a private node connected to it, and functions/lights,\n"
        "alert, dhs, fdc and fib deployed as a workflow, with the messages that mayfly-devices plays.\n"
        "NAME_event: from before a device's message is given to the client's library until its outcome\n"
        "has come by MQTT: the bulb's message (lights), or what a second function publishes, which gets\n"
        "the first one's answer through a durable queue. QoS 1, one after the other, 100, after 3 that\n"
        "do not count. Of smoke detectors (alert) only alarms count, of doors (fdc) only openings. fib\n"
        "is for indices from 20 to 25. `p90` in the row is the 90th percentile.\n"
        "NAME_cpu@N, NAME_memory@N: N = 1 to 10 devices with ten messages a second each for a second,\n"
        "and as many instances of the function, no more and no fewer (min_instances, max_instances):\n"
        "processor time of all processes of the node, 100 is one processor; and their memory (PSS) at\n"
        "the end.\n"
        "--samples N: N events.",
    .run = workloads_run,
};
