/*
 * async.h: asynchronous calls of a node's functions, one after the other over one connection, and
 * what became of them, as anybody can see it. One thread.
 */
#ifndef MF_BENCH_ASYNC_H
#define MF_BENCH_ASYNC_H

#include <stdint.h>

#include "base/err.h"
#include "bench/subject.h"

#define ASYNC_BATCH_MAX 128u /* events of one request */

/* Of a node of ours, which stays where it is. connection -1: none. */
struct async {
    int connection;
    uint16_t port;
    char api[SUBJECT_API_BYTES];
};
#define ASYNC_NONE ((struct async){.connection = -1})

MF_CHECKED mf_err async_open(struct async *async, const struct subject *subject, struct mf_why *why);
void async_close(struct async *async);

/* POST body to /async-function/PATH; accepted_ns (may be NULL): CLOCK_MONOTONIC when the 202 came,
 * which says that the event is durable. MF_EPROTO: another answer. */
MF_CHECKED mf_err async_call(struct async *async, const char *path, const char *body,
                             uint64_t *accepted_ns, struct mf_why *why);
/* So many events without a body in one request, at most ASYNC_BATCH_MAX; their ids are 0, 1 … behind
 * `first`. */
MF_CHECKED mf_err async_call_batch(struct async *async, const char *path, uint64_t first, uint32_t count,
                                   struct mf_why *why);

/* How many asynchronous events the function has had and taken. */
MF_CHECKED mf_err async_delivered(const struct async *async, const char *function, uint64_t *count,
                                  struct mf_why *why);
/* Wait until they are so many. MF_EPROTO: they are more, or become no more before. */
MF_CHECKED mf_err async_await(const struct async *async, const char *function, uint64_t wanted,
                              struct mf_why *why);

/* When the function bench/late began with the event whose body was `late/NUMBER`, by CLOCK_MONOTONIC;
 * waits for it. */
#define ASYNC_KEY_FORMAT "late/%u"
#define ASYNC_KEY_BYTES 24
MF_CHECKED mf_err async_began(const struct async *async, uint32_t number, uint64_t *began_ns,
                              struct mf_why *why);

#endif
