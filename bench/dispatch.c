/* dispatch.c: asynchronous calls of a function that says when it began (dispatch.h). */
#include "bench/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/node_api.h"

#define WARM_UP 5u
#define WAIT_NS (20 * MF_NS_PER_S)
#define LOOK_MS 1u
#define KEY_BYTES 24

struct dispatch {
    struct subject subject;
    uint16_t port;
    char api[SUBJECT_API_BYTES];
    int connection;
};

static mf_err open_node(struct dispatch *dispatch, const char *store_url, struct mf_why *why)
{
    const char *const options[] = {"--store", store_url, NULL};
    struct subject *subject = &dispatch->subject;
    struct load_target ignored;
    *subject = (struct subject){.name = "mayfly/process", .kind = &subject_mayfly, .detail = "process",
                                .isolation = "reuse", .options = options};
    mf_err err = subject->kind->open(subject, why);
    subject->options = NULL; /* they end with this call */
    if (!err)
        err = subject_mayfly_deploy(subject, &(struct mayfly_function){.image = "bench-late.mf",
                                    .name = "late", .path = "", .max_instances = 1}, &ignored, why);
    if (err)
        return err;
    subject_mayfly_places(subject, &dispatch->port, dispatch->api);
    return connect_to(dispatch->port, &dispatch->connection);
}

/* The call is accepted: 202, which is said when the event is durable. */
static mf_err call(struct dispatch *dispatch, const char *key, uint64_t *accepted_ns, struct mf_why *why)
{
    char text[1024];
    int bytes = snprintf(text, sizeof text,
                         "POST /async-function/late HTTP/1.1\r\nHost: b\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(key), key);
    if (write(dispatch->connection, text, (size_t)bytes) != bytes)
        return mf_why(why, MF_EIO, "the node takes no request");
    size_t have = 0;
    do {
        ssize_t got = read(dispatch->connection, text + have, sizeof text - 1 - have);
        if (got <= 0)
            return mf_why(why, MF_EIO, "the node gives no answer");
        *accepted_ns = mf_monotonic_ns();
        have += (size_t)got;
        text[have] = 0;
    } while (!strstr(text, "\r\n\r\n") && have < sizeof text - 1);
    return strncmp(text, "HTTP/1.1 202", 12) == 0 ? MF_OK
                                                  : mf_why(why, MF_EPROTO, "an answer that is no 202: %.60s", text);
}

/* When the function says it began. */
static mf_err await(struct dispatch *dispatch, const char *key, uint64_t *began_ns, struct mf_why *why)
{
    char target[64];
    uint64_t until_ns = mf_monotonic_ns() + WAIT_NS;
    (void)snprintf(target, sizeof target, "/v1/kv/late%%2F%s", key + sizeof "late/" - 1);
    for (;;) {
        struct mf_buf body = {0};
        mf_err err = node_api_get(dispatch->api, target, &body, why);
        if (!err)
            *began_ns = strtoull((const char *)body.data, NULL, 10);
        mf_buf_close(&body);
        if (err != MF_ENOENT)
            return err;
        if (mf_monotonic_ns() > until_ns)
            return mf_why(why, MF_ETIMEDOUT, "the function was not called");
        bench_settle(LOOK_MS);
    }
}

mf_err dispatch_measure(const char *store_url, uint32_t count, struct samples *us, struct mf_why *why)
{
    static struct dispatch dispatch;
    dispatch = (struct dispatch){.connection = -1};
    mf_err err = open_node(&dispatch, store_url, why);
    for (uint32_t i = 0; i < count + WARM_UP && !err; i++) {
        char key[KEY_BYTES];
        uint64_t accepted_ns = 0, began_ns = 0;
        (void)snprintf(key, sizeof key, "late/%u", i);
        err = call(&dispatch, key, &accepted_ns, why);
        if (!err)
            err = await(&dispatch, key, &began_ns, why);
        /* The function may begin before the answer has come. */
        double took_us = began_ns > accepted_ns ? (double)(began_ns - accepted_ns) / MF_NS_PER_US : 0;
        if (!err && i >= WARM_UP)
            err = samples_add(us, took_us);
    }
    if (dispatch.connection >= 0)
        close(dispatch.connection);
    dispatch.subject.kind->close(&dispatch.subject);
    return err;
}
