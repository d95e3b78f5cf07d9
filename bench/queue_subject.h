/*
 * queue_subject.h: a durable queue that takes appends: ours in files, ours in Redis, Redis
 * driven directly. One event an append; answered means that it is on the disk. One thread.
 */
#ifndef MF_BENCH_QUEUE_SUBJECT_H
#define MF_BENCH_QUEUE_SUBJECT_H

#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "bench/child.h"
#include "bench/scratch.h"

#define QUEUE_EVENT_BYTES 256u

struct store;
struct queue;
struct redisAsyncContext;
struct queue_subject;

struct queue_subject_kind {
    const char *name;
    mf_err (*open)(struct queue_subject *subject, struct mf_why *why);
    void (*close)(struct queue_subject *subject);
    mf_err (*append)(struct queue_subject *subject); /* subject->answered grows, later */
    mf_err (*empty)(struct queue_subject *subject);  /* between rounds                  */
    const char *(*node_url)(const struct queue_subject *subject); /* --store; NULL: not ours */
};

struct queue_subject {
    const struct queue_subject_kind *kind;
    uv_loop_t loop;
    struct scratch scratch;
    struct child redis; /* a private server, appendfsync always */
    char url[128];
    struct store *store;
    struct queue *queue;
    struct redisAsyncContext *direct;
    uint64_t answered, failed, emptied;
    bool left_out;
};

/* mayfly/lmdb, mayfly/redis, redis; NULL behind the last. */
extern const struct queue_subject_kind *const queue_subject_kinds[];

/* MF_EUNSUPPORTED: no redis-server here. */
MF_CHECKED mf_err queue_subject_open(struct queue_subject *subject, struct mf_why *why);
void queue_subject_close(struct queue_subject *subject); /* half-opened ones, too */

/* Append one after the other, `window` of them on their way at once, for so long, and wait
 * for all; how many that were, and how long it took. */
MF_CHECKED mf_err queue_subject_load(struct queue_subject *subject, uint32_t window,
                                     uint64_t duration_ns, uint64_t *count, uint64_t *took_ns,
                                     struct mf_why *why);

#endif
