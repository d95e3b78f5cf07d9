/* bench_neighbour.c: what a function's callers notice of a hostile one beside it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"

#define ROUNDS 5u
#define WARM_UP_NS (300 * MF_NS_PER_MS)
#define ROUND_NS MF_NS_PER_S
#define SETTLE_MS 300 /* the node ends what its hostile client left behind */
#define READ_US 50000 /* so that the hostile client sees that its round is over */

/* What the neighbour does; the first is nothing, and the measure of the others. */
static const char *const deed[] = {"quiet", "spin", "flood", "die"};
#define DEEDS (sizeof deed / sizeof deed[0])

struct hostile {
    struct load_target target;
    _Atomic bool over;
};

/* One request whose reply may never come. The end of the round ends the connection, and
 * by that the work. */
static void hostile_call(struct hostile *hostile)
{
    int connection;
    struct mf_why ignored;
    char reply[4096];
    if (connect_to(ntohs(hostile->target.address.sin_port), &connection) != MF_OK)
        return;
    const struct timeval patience = {.tv_usec = READ_US};
    (void)setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (request_send(connection, &hostile->target, &ignored) == MF_OK)
        while (!hostile->over && recv(connection, reply, sizeof reply, 0) < 0)
            ;
    close(connection);
}

static void *hostile_client(void *argument)
{
    struct hostile *hostile = argument;
    while (!hostile->over)
        hostile_call(hostile);
    return NULL;
}

/* The good function's latencies while the neighbour does its deed. */
static mf_err measure(const struct load_target *good, const struct load_target *bad,
                      struct load_result *result, struct mf_why *why)
{
    const struct load_plan plan = {.target = good,
                                   .connections = 1,
                                   .threads = 1,
                                   .keep_alive = true,
                                   .warm_up_ns = WARM_UP_NS,
                                   .duration_ns = ROUND_NS};
    struct hostile hostile = {.over = false};
    pthread_t thread;
    if (!bad)
        return bench_load(&plan, result, why);
    hostile.target = *bad;
    *result = (struct load_result){0};
    if (pthread_create(&thread, NULL, hostile_client, &hostile) != 0)
        return mf_why(why, MF_ENOMEM, "no thread for the hostile client");
    mf_err err = bench_load(&plan, result, why);
    hostile.over = true;
    pthread_join(thread, NULL);
    return err;
}

struct neighbour {
    struct samples latency_us[DEEDS];
    struct load_target good, bad[DEEDS];
};

static mf_err serve(struct subject *subject, struct neighbour *neighbour, struct mf_why *why)
{
    mf_err err = subject->kind->serve(subject, &neighbour->good, why);
    for (size_t d = 1; d < DEEDS && !err; d++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/%s", deed[d]);
        const struct mayfly_function hostile = {
            .image = BENCH_HOSTILE_IMAGE, .name = "bench-hostile", .path = path};
        err = subject_mayfly_deploy(subject, &hostile, &neighbour->bad[d], why);
    }
    return err;
}

static mf_err take(struct subject *subject, struct neighbour *neighbour, size_t d,
                   struct mf_why *why)
{
    (void)subject;
    struct load_result result;
    mf_err err = measure(&neighbour->good, d ? &neighbour->bad[d] : NULL, &result, why);
    if (!err)
        err = samples_add_all(&neighbour->latency_us[d], &result.latency_us);
    load_result_close(&result);
    bench_settle(SETTLE_MS);
    return err;
}

static mf_err neighbour_run(struct bench_run *run, struct mf_why *why)
{
    static struct neighbour neighbour[BENCH_SUBJECTS_MAX];
    memset(neighbour, 0, sizeof neighbour);
    uint32_t rounds = bench_samples(run, ROUNDS);
    run->total = (uint64_t)rounds * run->subject_count * DEEDS;
    mf_err err = MF_OK;
    for (uint32_t s = 0; s < run->subject_count && !err; s++)
        err = serve(&run->subject[s], &neighbour[s], why);
    for (uint32_t round = 0; round < rounds && !err; round++)
        for (uint32_t s = 0; s < run->subject_count && !err; s++)
            for (size_t d = 0; d < DEEDS && !err; d++) {
                err = take(&run->subject[s], &neighbour[s], d, why);
                if (!err)
                    err = bench_tick(run, why);
            }
    for (uint32_t s = 0; s < run->subject_count; s++)
        for (size_t d = 0; d < DEEDS; d++) {
            char metric[32];
            (void)snprintf(metric, sizeof metric, "latency@%s", deed[d]);
            if (!err)
                err = bench_row_isolated(run, &run->subject[s], metric, UNIT_US,
                                         &neighbour[s].latency_us[d]);
            samples_close(&neighbour[s].latency_us[d]);
        }
    return err;
}

const struct bench bench_neighbour = {
    .name = "neighbour",
    .subjects = "mayfly/process,mayfly/kvm",
    .together = true,
    .summary = "one client's latency while another function misbehaves",
    .explain =
        "latency@quiet: as `latency` of `warm`: one keep-alive connection to the C no-op, one\n"
        "request after the other. 5 rounds of one second each in turn, after 300 ms that do not\n"
        "count.\n"
        "latency@spin, @flood, @die: the same while a second client has one request at a time\n"
        "with a hostile function on the same node, which computes without end, writes log records\n"
        "without end, or executes an illegal instruction at once, again and again. All settings\n"
        "are defaults: nothing holds the hostile function but what holds every function.",
    .run = neighbour_run,
};
