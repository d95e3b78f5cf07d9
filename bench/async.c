/* async.c: see async.h. HTTP over one kept connection; counts and values by the management API. */
#include "bench/async.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/node_api.h"

#define WAIT_NS (60 * MF_NS_PER_S)
#define LOOK_MS 1u     /* for one event */
#define LOOK_ALL_MS 5u /* for many: an answer has all metrics in it */
#define REPLY_BYTES 4096u

mf_err async_open(struct async *async, const struct subject *subject, struct mf_why *why)
{
    *async = ASYNC_NONE;
    subject_mayfly_places(subject, &async->port, async->api);
    mf_err err = connect_to(async->port, &async->connection);
    return err ? mf_why(why, err, "the node does not listen any more") : MF_OK;
}

void async_close(struct async *async)
{
    if (async->connection >= 0)
        close(async->connection);
    *async = ASYNC_NONE;
}

static mf_err write_all(int connection, const char *text, size_t bytes, struct mf_why *why)
{
    while (bytes > 0) {
        ssize_t done = write(connection, text, bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return mf_why(why, MF_EIO, "the node takes no request: %s", strerror(errno));
        text += done;
        bytes -= (size_t)done;
    }
    return MF_OK;
}

static mf_err await_202(int connection, uint64_t *accepted_ns, struct mf_why *why)
{
    struct http_reply reply = {0};
    char data[REPLY_BYTES];
    mf_err err = MF_EAGAIN;
    while (err == MF_EAGAIN) {
        ssize_t got = read(connection, data, sizeof data);
        if (got < 0 && errno == EINTR)
            continue;
        if (accepted_ns)
            *accepted_ns = mf_monotonic_ns();
        if (got <= 0)
            return mf_why(why, MF_EIO, "the node gives no answer");
        err = http_reply_feed(&reply, data, (size_t)got);
    }
    if (!err && reply.status != 202)
        err = mf_why(why, MF_EPROTO, "answered %u, not 202", reply.status);
    return err;
}

static mf_err post(struct async *async, const char *path, const char *type, const char *body,
                   uint64_t *accepted_ns, struct mf_why *why)
{
    struct mf_buf request = {0};
    mf_err err = mf_buf_printf(&request, "POST /async-function/%s HTTP/1.1\r\nHost: b\r\n%sContent-Length: "
                               "%zu\r\n\r\n%s", path, type, strlen(body), body);
    if (!err)
        err = write_all(async->connection, (const char *)request.data, request.bytes, why);
    mf_buf_close(&request);
    return err ? err : await_202(async->connection, accepted_ns, why);
}

mf_err async_call(struct async *async, const char *path, const char *body, uint64_t *accepted_ns,
                  struct mf_why *why)
{
    return post(async, path, "", body, accepted_ns, why);
}

mf_err async_call_batch(struct async *async, const char *path, uint64_t first, uint32_t count,
                        struct mf_why *why)
{
    struct mf_buf body = {0};
    mf_assert(count <= ASYNC_BATCH_MAX);
    mf_err err = mf_buf_printf(&body, "[");
    for (uint32_t i = 0; i < count && !err; i++)
        err = mf_buf_printf(&body, "%s{\"specversion\":\"1.0\",\"id\":\"%llu\",\"source\":\"/bench\","
                            "\"type\":\"mayfly.bench\"}", i ? "," : "", (unsigned long long)first + i);
    if (!err)
        err = mf_buf_printf(&body, "]");
    if (!err)
        err = post(async, path, "Content-Type: application/cloudevents-batch+json\r\n",
                   (const char *)body.data, NULL, why);
    mf_buf_close(&body);
    return err;
}

mf_err async_delivered(const struct async *async, const char *function, uint64_t *count,
                       struct mf_why *why)
{
    char series[128];
    double value = 0;
    (void)snprintf(series, sizeof series, "mayfly_deliveries_total{function=\"%.40s\",outcome=\"delivered\"}",
                   function);
    mf_err err = node_api_metric(async->api, series, &value, why);
    *count = (uint64_t)value;
    return err == MF_ENOENT ? MF_OK : err; /* it has had no event yet */
}

mf_err async_await(const struct async *async, const char *function, uint64_t wanted, struct mf_why *why)
{
    uint64_t until_ns = mf_monotonic_ns() + WAIT_NS, count = 0, before = 0;
    for (;;) {
        mf_err err = async_delivered(async, function, &count, why);
        if (err || count == wanted)
            return err;
        if (count > before)
            until_ns = mf_monotonic_ns() + WAIT_NS;
        before = count;
        if (bench_stop)
            return mf_why(why, MF_EAGAIN, "stopped");
        if (count > wanted || mf_monotonic_ns() > until_ns)
            return mf_why(why, MF_EPROTO, "%s had %llu events instead of %llu", function,
                          (unsigned long long)count, (unsigned long long)wanted);
        bench_settle(LOOK_ALL_MS);
    }
}

mf_err async_began(const struct async *async, uint32_t number, uint64_t *began_ns, struct mf_why *why)
{
    char target[64];
    uint64_t until_ns = mf_monotonic_ns() + WAIT_NS;
    (void)snprintf(target, sizeof target, "/v1/kv/late%%2F%u", number);
    for (;;) {
        struct mf_buf body = {0};
        mf_err err = node_api_get(async->api, target, &body, why);
        if (!err)
            *began_ns = strtoull((const char *)body.data, NULL, 10);
        mf_buf_close(&body);
        if (err != MF_ENOENT)
            return err;
        if (mf_monotonic_ns() > until_ns || bench_stop)
            return mf_why(why, MF_ETIMEDOUT, "the function was not called");
        bench_settle(LOOK_MS);
    }
}
