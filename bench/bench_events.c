/* bench_events.c: events from a broker through functions and out again, all of it durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/account.h"
#include "bench/async.h"
#include "bench/publisher.h"
#include "bench/sink.h"

#define ROUNDS 3u
#define EVENTS 10000u    /* in each round */
#define EVENTS_FRESH 2000u /* the same, where each has a process of its own */
#define WINDOW 2000u     /* published and not acknowledged by the broker */
#define TRIPS 100u       /* in each round */
#define READINGS 50u
#define WARM_UP 100u
#define WAIT_NS (60 * MF_NS_PER_S)
#define TOPIC_BYTES 64
#define SUBJECTS 5u
#define EVERY 7u /* one in so many values is above the limit */

/* The broker alone, and ours. Each has topics of its own: all are there at once. */
struct measured {
    struct subject subject; /* kind NULL: the broker alone */
    uint32_t number;
    struct async async;
    struct broker_client listener;
    char smoke[TOPIC_BYTES], motion[TOPIC_BYTES], reading[TOPIC_BYTES];
    uint64_t events, alerts; /* sent so far */
    struct samples rate, trip_us, co2_us, cpu_us[ACCOUNT_PARTY_COUNT];
    char name[16], mqtt[48];
    const char *options[8];
};

struct stage {
    struct broker broker;
    struct publisher publisher;
    struct sink sink;
    struct scratch folder;
    struct measured measured[SUBJECTS];
};

static mf_err events_run(struct bench_run *run, struct mf_why *why);

const struct bench bench_events = {
    .name = "events",
    .subjects = "mayfly/process:reuse,mayfly/process,mayfly/kvm:reuse,mayfly/kvm,mosquitto",
    .own_subjects = true,
    .summary = "events from MQTT through functions to MQTT and a webhook, each durable on its way",
    .explain =
        "A private mosquitto with its defaults, and for each of ours a private node connected to\n"
        "it, with functions/alert, lights, threshold and slack deployed as a workflow, triggers on\n"
        "topics of its own, everything else at its default: queues survive a power cut, every event\n"
        "is acknowledged by itself. The generator is the bench, on the same processors.\n"
        "3 rounds; in each, every subject in turn; 100 events before, that do not count.\n"
        "events_per_second: 10,000 messages of QoS 1 (mayfly/process: 2,000), as fast as the broker takes\n"
        "them, twenty in one write, 2,000 unacknowledged at most, to `alert`; one in seven is an alert, which\n"
        "goes through a second queue to a second function. Events by the time from the first message until\n"
        "the node has delivered all events and all alerts, which it counts (/metrics); another number of\n"
        "alerts than was sent fails the bench.\n"
        "cpu_generator, cpu_broker, cpu_node, cpu_instances: processor time for one of these events, of the\n"
        "bench, of the broker, of the node's daemon and of all its other processes.\n"
        "mqtt_round_trip: a message to `lights`, which publishes another: from before the first is\n"
        "written until the second has come. One after the other, 100 a round.\n"
        "co2_event: a reading above the limit to `threshold`, whose answer goes through a queue to\n"
        "`slack`, which posts it: until the webhook has the request. 50 a round.\n"
        "mosquitto: the broker alone, from the same generator to one subscriber of QoS 1.",
    .run = events_run,
};

static const char yaml[] =
    "workflow: bench-events\n"
    "defaults: {sandbox: %s%s%s}\n"
    "functions:\n"
    "  alert: {image: %s, triggers: [{mqtt: %s}], queue_max: 1000000, then: [user]}\n"
    "  user: {image: %s, queue_max: 1000000}\n"
    "  lights: {image: %s, triggers: [{mqtt: %s}], allow: {publish: [lights/+/bulb]}}\n"
    "  threshold: {image: %s, triggers: [{mqtt: %s}], then: [slack],\n"
    "              environment: {WEBHOOK: \"http://127.0.0.1:%u/services/T/B/X\"}}\n"
    "  slack: {image: %s, allow: {http: [\"127.0.0.1:%u\"]}}\n";

static mf_err write_workflow(const struct stage *stage, const struct measured *m, const char *path,
                             struct mf_why *why)
{
    static const char *const names[] = {"functions/alert.mf", BENCH_NOOP_IMAGE, "functions/lights.mf",
                                        "functions/threshold.mf", "functions/slack.mf"};
    char image[5][PATH_MAX];
    for (size_t i = 0; i < 5; i++)
        if (!beside_us(names[i], image[i]))
            return mf_why(why, MF_EUNSUPPORTED, "%s is not beside the mayfly command; ./up --build makes it",
                          names[i]);
    FILE *file = fopen(path, "w");
    if (!file)
        return mf_why(why, MF_EIO, "%s cannot be written", path);
    const char *isolation = m->subject.isolation;
    fprintf(file, yaml, m->subject.detail, *isolation ? ", isolation: " : "", isolation, image[0],
            m->smoke, image[1], image[2], m->motion, image[3], m->reading, stage->sink.port, image[4],
            stage->sink.port);
    return fclose(file) == 0 ? MF_OK : mf_why(why, MF_EIO, "%s cannot be written", path);
}

static mf_err open_ours(struct stage *stage, struct measured *m, struct mf_why *why)
{
    char path[SCRATCH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/mayfly-%u.yml", stage->folder.path, m->number);
    (void)snprintf(m->name, sizeof m->name, "bench-%u", m->number);
    (void)snprintf(m->mqtt, sizeof m->mqtt, "%s", stage->broker.url);
    const char *const options[] = {"--mqtt", m->mqtt, "--node-name", m->name, NULL};
    memcpy(m->options, options, sizeof options);
    m->subject.options = m->options;
    mf_err err = m->subject.kind->open(&m->subject, why);
    if (!err)
        err = write_workflow(stage, m, path, why);
    const char *const deploy[] = {"deploy", "-f", path, NULL};
    if (!err)
        err = async_open(&m->async, &m->subject, why);
    return err ? err : subject_mayfly_command(&m->subject, deploy, why);
}

static bool is_alone(const struct measured *m)
{
    return !m->subject.kind;
}

static mf_err open_one(struct stage *stage, struct measured *m, struct mf_why *why)
{
    char bulb[TOPIC_BYTES];
    (void)snprintf(m->smoke, sizeof m->smoke, "smoke/s%u/value", m->number);
    (void)snprintf(m->motion, sizeof m->motion, "lights/s%u/motion", m->number);
    (void)snprintf(m->reading, sizeof m->reading, "device/sck/s%u/readings", m->number);
    (void)snprintf(bulb, sizeof bulb, "lights/s%u/bulb", m->number);
    mf_err err = is_alone(m) ? MF_OK : open_ours(stage, m, why);
    return err ? err : broker_connect(&stage->broker, is_alone(m) ? m->smoke : bulb, &m->listener, why);
}

/* name: "mayfly/kvm:reuse". */
static void name_subject(struct measured *m, const char *name)
{
    struct subject *subject = &m->subject;
    (void)snprintf(subject->name, sizeof subject->name, "%s", name);
    if (strcmp(name, "mosquitto") == 0)
        return;
    subject->kind = &subject_mayfly;
    subject->detail = strstr(name, "kvm") ? "kvm" : "process";
    const char *isolation = strchr(name, ':');
    (void)snprintf(subject->isolation, sizeof subject->isolation, "%s", isolation ? isolation + 1 : "");
}

static mf_err await_all(struct measured *m, struct mf_why *why)
{
    if (is_alone(m))
        return broker_await(&m->listener.heard, m->events, WAIT_NS, "messages", why);
    mf_err err = async_await(&m->async, "alert", m->events, why);
    return err ? err : async_await(&m->async, "user", m->alerts, why);
}

static mf_err send_value(struct stage *stage, struct measured *m, struct mf_why *why)
{
    bool alert = m->events % EVERY == 0;
    char text[64];
    (void)snprintf(text, sizeof text, "{\"value\":%u,\"room\":\"s%u\",\"n\":%llu}", alert ? 61 : 12,
                   m->number, (unsigned long long)m->events);
    m->events++;
    m->alerts += alert;
    return publisher_send(&stage->publisher, m->smoke, text, WINDOW, why);
}

static uint64_t events_of(const struct measured *m)
{
    const struct subject *subject = &m->subject;
    bool fresh = !is_alone(m) && strcmp(subject->detail, "process") == 0 &&
                 strcmp(subject->isolation, "reuse") != 0;
    return fresh ? EVENTS_FRESH : EVENTS;
}

static mf_err send_values(struct stage *stage, struct measured *m, uint64_t count, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint64_t i = 0; i < count && !err; i++)
        err = send_value(stage, m, why);
    if (!err)
        err = publisher_flush(&stage->publisher, why);
    return err ? err : await_all(m, why);
}

static mf_err take_rate(struct stage *stage, struct measured *m, struct mf_why *why)
{
    struct subject *ours = is_alone(m) ? NULL : &m->subject;
    struct account before, after;
    mf_err err = account_read(&stage->broker, ours, &before);
    uint64_t from_ns = mf_monotonic_ns();
    if (!err)
        err = send_values(stage, m, events_of(m), why);
    double seconds = (double)(mf_monotonic_ns() - from_ns) / MF_NS_PER_S;
    if (!err)
        err = account_read(&stage->broker, ours, &after);
    if (!err)
        err = account_add(&before, &after, events_of(m), m->cpu_us);
    return err ? err : samples_add(&m->rate, (double)events_of(m) / seconds);
}

/* From before a message is published until `heard` has counted one more. */
static mf_err trip(struct stage *stage, const char *topic, const char *text,
                   const atomic_uint_fast64_t *heard, const atomic_uint_fast64_t *heard_ns,
                   double *took_us, struct mf_why *why)
{
    uint64_t before = atomic_load(heard), from_ns = mf_monotonic_ns();
    mf_err err = publisher_send(&stage->publisher, topic, text, WINDOW, why);
    if (!err)
        err = publisher_flush(&stage->publisher, why);
    if (!err)
        err = broker_await(heard, before + 1, WAIT_NS, topic, why);
    *took_us = (double)(atomic_load(heard_ns) - from_ns) / MF_NS_PER_US;
    return err;
}

static mf_err take_trip(struct stage *stage, struct measured *m, double *took_us, struct mf_why *why)
{
    if (!is_alone(m))
        return trip(stage, m->motion, "{\"motion\":true}", &m->listener.heard, &m->listener.heard_ns,
                    took_us, why);
    m->events++;
    return trip(stage, m->smoke, "{\"motion\":true}", &m->listener.heard, &m->listener.heard_ns, took_us, why);
}

static mf_err take_reading(struct stage *stage, struct measured *m, double *took_us, struct mf_why *why)
{
    static const char reading[] = "{\"data\":[{\"recorded_at\":\"2018-01-11T17:52:51Z\",\"sensors\":["
                                  "{\"id\":112,\"value\":1207},{\"id\":56,\"value\":66.35}]}]}";
    return trip(stage, m->reading, reading, &stage->sink.taken, &stage->sink.taken_ns, took_us, why);
}

static mf_err warm_up(struct stage *stage, struct measured *m, struct mf_why *why)
{
    double ignored;
    mf_err err = send_values(stage, m, WARM_UP, why);
    if (!err)
        err = take_trip(stage, m, &ignored, why);
    if (!err && !is_alone(m))
        err = take_reading(stage, m, &ignored, why);
    return err;
}

static mf_err one_round(struct stage *stage, struct measured *m, struct mf_why *why)
{
    double took_us = 0;
    mf_err err = warm_up(stage, m, why);
    for (uint32_t i = 0; i < TRIPS && !err; i++) {
        err = take_trip(stage, m, &took_us, why);
        if (!err)
            err = samples_add(&m->trip_us, took_us);
    }
    for (uint32_t i = 0; i < READINGS && !err && !is_alone(m); i++) {
        err = take_reading(stage, m, &took_us, why);
        if (!err)
            err = samples_add(&m->co2_us, took_us);
    }
    return err ? err : take_rate(stage, m, why);
}

static void leave_out(struct bench_run *run, struct measured *m, mf_err err, const struct mf_why *why)
{
    char text[MF_WHY_BYTES + 96];
    (void)snprintf(text, sizeof text, "events: %s is left out: %.400s", m->subject.name,
                   mf_why_text(why, err));
    run->options->remark(run->options->context, text);
    m->subject.left_out = true;
}

static mf_err open_all(struct bench_run *run, struct stage *stage, struct mf_why *why)
{
    char names[128];
    (void)snprintf(names, sizeof names, "%s", bench_events.subjects);
    uint32_t number = 0;
    mf_err err = MF_OK;
    for (char *rest = names, *name; (name = strsep(&rest, ",")) != NULL && !err; number++) {
        struct measured *m = &stage->measured[number];
        m->number = number;
        name_subject(m, name);
        m->subject.left_out = !bench_wants(run, name);
        if (m->subject.left_out)
            continue;
        err = open_one(stage, m, why);
        if (err == MF_EUNSUPPORTED) {
            leave_out(run, m, err, why);
            err = MF_OK;
        }
    }
    return err;
}

static mf_err add_rows(struct bench_run *run, struct measured *m)
{
    if (!m->rate.count)
        return MF_OK;
    mf_err err = bench_row(run, &m->subject, "events_per_second", UNIT_PER_S, &m->rate, NULL);
    if (!err)
        err = bench_row(run, &m->subject, "mqtt_round_trip", UNIT_US, &m->trip_us, NULL);
    if (!err && m->co2_us.count)
        err = bench_row(run, &m->subject, "co2_event", UNIT_US, &m->co2_us, NULL);
    return err ? err : account_rows(run, &m->subject, m->cpu_us);
}

static void close_all(struct stage *stage)
{
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        struct measured *m = &stage->measured[i];
        broker_disconnect(&m->listener);
        async_close(&m->async);
        if (m->subject.kind)
            m->subject.kind->close(&m->subject);
        samples_close(&m->rate);
        samples_close(&m->trip_us);
        samples_close(&m->co2_us);
        for (int party = 0; party < ACCOUNT_PARTY_COUNT; party++)
            samples_close(&m->cpu_us[party]);
    }
    publisher_close(&stage->publisher);
    broker_close(&stage->broker);
    sink_close(&stage->sink);
    scratch_close(&stage->folder);
}

static mf_err events_run(struct bench_run *run, struct mf_why *why)
{
    static struct stage stage;
    uint32_t rounds = bench_samples(run, ROUNDS);
    memset(&stage, 0, sizeof stage);
    stage.publisher = PUBLISHER_NONE;
    for (uint32_t i = 0; i < SUBJECTS; i++)
        stage.measured[i].async = ASYNC_NONE;
    run->total = (uint64_t)rounds * SUBJECTS;
    mf_err err = scratch_open(&stage.folder, why);
    if (!err)
        err = sink_open(&stage.sink, why);
    if (!err)
        err = broker_open(&stage.broker, "", why);
    if (!err)
        err = publisher_open(&stage.publisher, &stage.broker, why);
    if (!err)
        err = open_all(run, &stage, why);
    for (uint32_t round = 0; round < rounds && !err; round++) {
        for (uint32_t i = 0; i < SUBJECTS && !err; i++) {
            if (!stage.measured[i].subject.left_out)
                err = one_round(&stage, &stage.measured[i], why);
            if (!err)
                err = bench_tick(run, why);
        }
    }
    for (uint32_t i = 0; i < SUBJECTS && !err; i++)
        err = add_rows(run, &stage.measured[i]);
    close_all(&stage);
    return err;
}
