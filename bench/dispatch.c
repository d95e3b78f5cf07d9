/* dispatch.c: asynchronous calls of a function that says when it began (dispatch.h). */
#include "bench/dispatch.h"

#include <stdio.h>

#include "base/clock.h"
#include "bench/async.h"
#include "bench/bench.h"

#define WARM_UP 5u

static mf_err open_node(struct subject *subject, const char *store_url, struct mf_why *why)
{
    const char *const options[] = {"--store", store_url, NULL};
    struct load_target ignored;
    *subject = (struct subject){.name = "mayfly/process", .kind = &subject_mayfly, .detail = "process",
                                .isolation = "reuse", .options = options};
    mf_err err = subject->kind->open(subject, why);
    subject->options = NULL; /* they end with this call */
    return err ? err
               : subject_mayfly_deploy(subject, &(struct mayfly_function){.image = BENCH_LATE_IMAGE,
                                       .name = "late", .path = "", .max_instances = 1}, &ignored, why);
}

mf_err dispatch_measure(const char *store_url, uint32_t count, struct samples *us, struct mf_why *why)
{
    static struct subject subject;
    struct async async = ASYNC_NONE;
    mf_err err = open_node(&subject, store_url, why);
    if (!err)
        err = async_open(&async, &subject, why);
    for (uint32_t i = 0; i < count + WARM_UP && !err; i++) {
        char key[ASYNC_KEY_BYTES];
        uint64_t accepted_ns = 0, began_ns = 0;
        (void)snprintf(key, sizeof key, ASYNC_KEY_FORMAT, i);
        err = async_call(&async, "late", key, &accepted_ns, why);
        if (!err)
            err = async_began(&async, i, &began_ns, why);
        /* The function may begin before the answer has come. */
        double took_us = began_ns > accepted_ns ? (double)(began_ns - accepted_ns) / MF_NS_PER_US : 0;
        if (!err && i >= WARM_UP)
            err = samples_add(us, took_us);
    }
    async_close(&async);
    subject.kind->close(&subject);
    return err;
}
