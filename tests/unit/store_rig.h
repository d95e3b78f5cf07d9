/*
 * store_rig.h: a store of any kind with a loop, for tests that ask one thing after the other
 * and look at the answer. The clock is the test's.
 */
#ifndef MF_TESTS_STORE_RIG_H
#define MF_TESTS_STORE_RIG_H

#include "node/store/store.h"

struct rig {
    uv_loop_t loop;
    struct store *store;
    uint64_t now_ms;
    struct store_answer got; /* of the last question; good until the next */
    uint32_t answered;
    struct {
        void **list;
        size_t count, room;
    } copies;
};

#define RIG_TENANT "acme"

MF_CHECKED mf_err rig_open(struct rig *rig, const struct store_options *options,
                           struct mf_why *why);
void rig_close(struct rig *rig);

/* To be passed to an operation, whose result rig_wait() takes: the answer's error in the end. */
const struct store_ask *rig_ask(struct rig *rig);
mf_err rig_wait(struct rig *rig, mf_err asked);
void rig_run_until(struct rig *rig, uint32_t answered); /* so many answers, since ever */

#define RIG(rig, call) rig_wait((rig), (call))

struct queue *rig_queue(struct rig *rig, const char *name, const struct queue_settings *settings);
struct space *rig_space(struct rig *rig, const char *tenant);

static inline struct store_bytes rig_text(const char *text)
{
    return (struct store_bytes){text, __builtin_strlen(text)};
}

/* Appends one; its id. */
uint64_t rig_append(struct rig *rig, struct queue *queue, const char *text);
/* Takes at most one for a second; NULL: there was none. */
const struct queue_entry *rig_take(struct rig *rig, struct queue *queue);

/* Where a redis-server runs, for the life of the test program; it is started in `directory`,
 * which exists, with more arguments. False: there is no redis-server here. */
struct rig_redis {
    int pid; /* 0: none */
    char directory[64];
    char url[128];
};
bool rig_redis_start(struct rig_redis *redis, const char *directory);
void rig_redis_stop(struct rig_redis *redis, int signal);

#endif
