/* bench_queue.c: what a durable append costs: ours in files and in Redis, and Redis alone. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/bench.h"
#include "bench/dispatch.h"
#include "bench/queue_subject.h"

#define ROUNDS 5u
#define WINDOW 1024u /* appends on their way at once */
#define RATE_NS MF_NS_PER_S
#define WARM_UP_NS (200 * MF_NS_PER_MS)
#define LATENCIES 200u /* in each round */
#define CALLS 40u      /* the same      */
#define KINDS 3u

struct measured {
    struct queue_subject subject;
    struct samples rate, latency_us, dispatch_us;
};

static mf_err queue_run(struct bench_run *run, struct mf_why *why);

const struct bench bench_queue = {
    .name = "queue",
    .subjects = "mayfly/lmdb,mayfly/redis,redis",
    .own_subjects = true,
    .summary = "durable appends to a queue: how many, and how long one takes",
    .explain =
        "An append is one event of 256 bytes, answered by itself, when it is on the disk.\n"
        "mayfly/lmdb, mayfly/redis: the node's store, by the calls that the node makes, in the\n"
        "bench's own process; a queue with its default settings. redis: XADD to a stream, by\n"
        "hiredis, in the same event loop. Either Redis is a private server of its own, over a Unix\n"
        "socket, with `appendonly yes` and `appendfsync always`; a file of ours is in the same\n"
        "folder ($TMPDIR or /tmp), so on the same disk.\n"
        "5 rounds; in each, every subject in turn, on an empty queue.\n"
        "durable_appends: 1,024 appends are kept on their way, for a second, after 200 ms that do\n"
        "not count; answers by the time until the last one came. Every subject may put as many\n"
        "appends into one write to the disk as have come: that is the batch.\n"
        "append_latency: one after the other, 200 in each round, from before the call until the\n"
        "answer.\n"
        "dispatch_latency, of ours: a private node with that store, a warm function of one instance\n"
        "(process, reuse), 40 asynchronous calls in each round, one after the other: from the 202,\n"
        "which says that the event is on the disk, as a client in read(2) gets it, until the\n"
        "handler begins, by the clock that both share; 0 where the handler was first.",
    .run = queue_run,
};

static mf_err take_rate(struct measured *measured, struct mf_why *why)
{
    uint64_t count, took_ns;
    mf_err err = queue_subject_load(&measured->subject, WINDOW, bench_load_ns(WARM_UP_NS), &count, &took_ns, why);
    if (!err)
        err = queue_subject_load(&measured->subject, WINDOW, bench_load_ns(RATE_NS), &count, &took_ns, why);
    if (!err)
        err = samples_add(&measured->rate, (double)count * MF_NS_PER_S / (double)took_ns);
    return err;
}

static mf_err take_latency(struct measured *measured, uint32_t count, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        uint64_t answers, took_ns;
        err = queue_subject_load(&measured->subject, 1, 1, &answers, &took_ns, why);
        if (!err && answers != 1)
            err = mf_why(why, MF_EIO, "%s: no answer", measured->subject.kind->name);
        if (!err)
            err = samples_add(&measured->latency_us, (double)took_ns / MF_NS_PER_US);
    }
    return err;
}

static mf_err one_round(struct bench_run *run, struct measured *measured, struct mf_why *why)
{
    for (uint32_t k = 0; k < KINDS; k++) {
        if (measured[k].subject.left_out)
            continue;
        mf_err err = take_latency(&measured[k], LATENCIES, why);
        if (!err)
            err = take_rate(&measured[k], why);
        if (!err)
            err = measured[k].subject.kind->empty(&measured[k].subject);
        if (!err && measured[k].subject.kind->node_url)
            err = dispatch_measure(measured[k].subject.kind->node_url(&measured[k].subject), CALLS,
                                   &measured[k].dispatch_us, why);
        if (!err)
            err = bench_tick(run, why);
        if (err)
            return err;
    }
    return MF_OK;
}

/* One that cannot run here is left out, and named. */
static mf_err open_all(struct bench_run *run, struct measured *measured, struct mf_why *why)
{
    uint32_t opened = 0;
    for (uint32_t k = 0; k < KINDS; k++) {
        struct queue_subject *subject = &measured[k].subject;
        subject->kind = queue_subject_kinds[k];
        subject->left_out = !bench_wants(run, subject->kind->name);
        if (subject->left_out)
            continue;
        mf_err err = queue_subject_open(subject, why);
        if (err == MF_EUNSUPPORTED) {
            char text[MF_WHY_BYTES + 64];
            (void)snprintf(text, sizeof text, "queue: %s is left out: %.400s", subject->kind->name,
                           mf_why_text(why, err));
            run->options->remark(run->options->context, text);
        }
        if (err)
            queue_subject_close(subject);
        subject->left_out = err != MF_OK;
        if (err && err != MF_EUNSUPPORTED)
            return err;
        opened += !err;
    }
    return opened ? MF_OK : mf_why(why, MF_EUNSUPPORTED, "queue: no subject can run here; there are "
                                   "mayfly/lmdb, mayfly/redis and redis");
}

static mf_err add_rows(struct bench_run *run, struct measured *measured)
{
    struct subject subject = {.kind = NULL};
    if (!measured->rate.count)
        return MF_OK;
    (void)snprintf(subject.name, sizeof subject.name, "%s", measured->subject.kind->name);
    mf_err err = bench_row(run, &subject, "durable_appends", UNIT_PER_S, &measured->rate, NULL);
    if (!err)
        err = bench_row(run, &subject, "append_latency", UNIT_US, &measured->latency_us, NULL);
    if (!err && measured->dispatch_us.count)
        err = bench_row(run, &subject, "dispatch_latency", UNIT_US, &measured->dispatch_us, NULL);
    return err;
}

static mf_err queue_run(struct bench_run *run, struct mf_why *why)
{
    static struct measured measured[KINDS];
    uint32_t rounds = bench_samples(run, ROUNDS);
    memset(measured, 0, sizeof measured);
    mf_log_level_set(MF_LOG_WARN); /* the store's own lines are the node's, not the bench's */
    for (uint32_t k = 0; k < KINDS; k++)
        measured[k].subject.left_out = true;
    mf_err err = open_all(run, measured, why);
    for (uint32_t k = 0; k < KINDS; k++)
        run->total += measured[k].subject.left_out ? 0 : rounds;
    for (uint32_t round = 0; round < rounds && !err; round++)
        err = one_round(run, measured, why);
    for (uint32_t k = 0; k < KINDS; k++) {
        if (!err)
            err = add_rows(run, &measured[k]);
        if (!measured[k].subject.left_out)
            queue_subject_close(&measured[k].subject);
        samples_close(&measured[k].rate);
        samples_close(&measured[k].latency_us);
        samples_close(&measured[k].dispatch_us);
    }
    return err;
}
