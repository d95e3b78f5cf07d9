/* queue_subject.c: see queue_subject.h. */
#include "bench/queue_subject.h"

#include <hiredis/async.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "node/store/redis_poll.h"
#include "node/store/store.h"

#define REDIS_IN_DEBIAN "/usr/bin/redis-check-rdb" /* redis-tools: the server by another name */

static const uint8_t event[QUEUE_EVENT_BYTES];

/* ---- a private Redis ---- */

static bool listens(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return yes;
}

static mf_err start_redis(struct queue_subject *subject, struct mf_why *why)
{
    char server[SCRATCH_BYTES + 16], path[SCRATCH_BYTES + 16];
    (void)snprintf(server, sizeof server, "%s/redis-server", subject->scratch.path);
    (void)snprintf(path, sizeof path, "%s/redis.sock", subject->scratch.path);
    (void)snprintf(subject->url, sizeof subject->url, "redis+unix:%s", path);
    bool debian = access("/usr/bin/redis-server", X_OK) != 0;
    if (debian && (access(REDIS_IN_DEBIAN, X_OK) != 0 || symlink(REDIS_IN_DEBIAN, server) != 0))
        return mf_why(why, MF_EUNSUPPORTED, "no redis-server here (Debian: redis-tools)");
    const char *const argv[] = {debian ? server : "redis-server", "--port", "0", "--unixsocket",
                                path, "--dir", subject->scratch.path, "--appendonly", "yes",
                                "--appendfsync", "always", "--save", "", NULL};
    const struct child_plan plan = {.argv = argv, .in = -1, .out = -1, .passed = -1};
    mf_err err = child_start(&plan, &subject->redis, why);
    for (int i = 0; i < CHILD_START_MS / 20 && !err && !listens(path); i++)
        bench_settle(20);
    if (!err && !listens(path))
        err = mf_why(why, MF_EUNSUPPORTED, "redis-server does not start");
    return err;
}

/* ---- ours ---- */

static mf_err open_store(struct queue_subject *subject, const struct store_options *options,
                         struct mf_why *why)
{
    mf_err err = store_open(&subject->loop, options, &subject->store, why);
    return err ? err
               : queue_get(subject->store, "bench", "queue", &(struct queue_settings){0},
                           &subject->queue);
}

static mf_err open_lmdb(struct queue_subject *subject, struct mf_why *why)
{
    const struct store_options options = {.directory = subject->scratch.path};
    return open_store(subject, &options, why);
}

static mf_err open_redis(struct queue_subject *subject, struct mf_why *why)
{
    mf_err err = start_redis(subject, why);
    const struct store_options options = {.url = subject->url};
    return err ? err : open_store(subject, &options, why);
}

static void close_store(struct queue_subject *subject)
{
    if (subject->queue)
        queue_put(subject->queue);
    store_close(subject->store);
}

static struct store_ask ask_of(struct queue_subject *subject, store_done done)
{
    return (struct store_ask){.now_ms = mf_realtime_ns() / MF_NS_PER_MS, .done = done, .context = subject};
}

static void store_answered(void *context, const struct store_answer *answer)
{
    struct queue_subject *subject = context;
    subject->answered++;
    subject->failed += answer->err != MF_OK;
}

static mf_err store_append(struct queue_subject *subject)
{
    const struct store_bytes one = {event, sizeof event};
    const struct store_ask ask = ask_of(subject, store_answered);
    return queue_append(subject->queue, QUEUE_BULK, &one, 1, &ask);
}

static void store_purged(void *context, const struct store_answer *answer)
{
    struct queue_subject *subject = context;
    subject->emptied = answer->err || answer->count < MF_QUEUE_BATCH_MAX ? 2 : 1;
}

static mf_err store_empty(struct queue_subject *subject)
{
    mf_err err = MF_OK;
    for (subject->emptied = 1; subject->emptied == 1 && !err;) {
        const struct store_ask ask = ask_of(subject, store_purged);
        subject->emptied = 0;
        err = queue_purge(subject->queue, false, MF_QUEUE_BATCH_MAX, &ask);
        while (!err && !subject->emptied)
            (void)uv_run(&subject->loop, UV_RUN_ONCE);
    }
    return err;
}

/* ---- Redis itself ---- */

static void direct_answered(redisAsyncContext *context, void *data, void *private)
{
    struct queue_subject *subject = private;
    const redisReply *reply = data;
    (void)context;
    subject->answered++;
    subject->failed += !reply || reply->type == REDIS_REPLY_ERROR;
}

static mf_err open_direct(struct queue_subject *subject, struct mf_why *why)
{
    mf_err err = start_redis(subject, why);
    if (err)
        return err;
    subject->direct = redisAsyncConnectUnix(subject->url + sizeof "redis+unix:" - 1);
    if (!subject->direct || subject->direct->err)
        return mf_why(why, MF_EIO, "redis: cannot connect");
    return redis_poll_attach(subject->direct, &subject->loop);
}

static void close_direct(struct queue_subject *subject)
{
    if (subject->direct)
        redisAsyncFree(subject->direct);
}

static mf_err direct_append(struct queue_subject *subject)
{
    return redisAsyncCommand(subject->direct, direct_answered, subject, "XADD queue * e %b", event,
                             sizeof event) == REDIS_OK ? MF_OK : MF_EIO;
}

static mf_err direct_empty(struct queue_subject *subject)
{
    uint64_t before = subject->answered;
    if (redisAsyncCommand(subject->direct, direct_answered, subject, "DEL queue") != REDIS_OK)
        return MF_EIO;
    while (subject->answered == before)
        (void)uv_run(&subject->loop, UV_RUN_ONCE);
    return MF_OK;
}

static const char *lmdb_url(const struct queue_subject *subject)
{
    (void)subject; /* its node has a folder of its own */
    return "lmdb:";
}

static const char *redis_url(const struct queue_subject *subject)
{
    return subject->url;
}

static const struct queue_subject_kind
    kind_lmdb = {"mayfly/lmdb", open_lmdb, close_store, store_append, store_empty, lmdb_url},
    kind_redis = {"mayfly/redis", open_redis, close_store, store_append, store_empty, redis_url},
    kind_direct = {"redis", open_direct, close_direct, direct_append, direct_empty, NULL};

const struct queue_subject_kind *const queue_subject_kinds[] = {&kind_lmdb, &kind_redis, &kind_direct, NULL};

/* ---- alike ---- */

mf_err queue_subject_open(struct queue_subject *subject, struct mf_why *why)
{
    subject->redis = CHILD_NONE;
    if (uv_loop_init(&subject->loop) != 0)
        return mf_why(why, MF_EIO, "libuv gives no event loop");
    mf_err err = scratch_open(&subject->scratch, why);
    return err ? err : subject->kind->open(subject, why);
}

void queue_subject_close(struct queue_subject *subject)
{
    subject->kind->close(subject);
    (void)uv_run(&subject->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&subject->loop);
    if (subject->redis.pid)
        child_end(&subject->redis, SIGTERM, NULL);
    scratch_close(&subject->scratch);
}

mf_err queue_subject_load(struct queue_subject *subject, uint32_t window, uint64_t duration_ns,
                          uint64_t *count, uint64_t *took_ns, struct mf_why *why)
{
    uint64_t from_ns = mf_monotonic_ns(), before = subject->answered, asked = 0;
    mf_err err = MF_OK;
    bool goes_on = true; /* one at least */
    while (!err && (goes_on || asked > subject->answered - before)) {
        while (!err && goes_on && asked - (subject->answered - before) < window) {
            err = subject->kind->append(subject);
            asked += !err;
            goes_on = mf_monotonic_ns() - from_ns < duration_ns;
        }
        (void)uv_run(&subject->loop, UV_RUN_ONCE);
        goes_on = goes_on && mf_monotonic_ns() - from_ns < duration_ns;
    }
    *count = subject->answered - before;
    *took_ns = mf_monotonic_ns() - from_ns;
    if (err || subject->failed)
        return mf_why(why, err ? err : MF_EIO, "%s: %llu appends failed", subject->kind->name,
                      (unsigned long long)subject->failed);
    return MF_OK;
}
