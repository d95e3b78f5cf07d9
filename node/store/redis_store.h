/*
 * redis_store.h: the back end in a Redis server, of store_redis.c and the files named below.
 *
 *   away ──retry──▶ connecting ──main connected──▶ greeting ──script loaded──▶ ready
 *    ▲                  │                             │                          │
 *    └──────────────────┴─────────────────────────────┴── any error, no answer ──┘
 *
 * There are two connections: `main` for operations, `ear` for what other nodes publish. They
 * live and die together. While away, operations are answered MF_EDEAD; while connecting and
 * greeting they wait. When the connection is lost, those that were sent are answered
 * MF_EDEAD: nobody knows whether they were done.
 *
 * Guarantees: no timer runs while the connection is idle; a server that stops answering is
 * given up after MF_REDIS_ANSWER_MS. Each new process gives back what its node had taken.
 * Leaves to others: what operations mean (redis_script.lua), their words (redis_arguments.h),
 * those of answers (redis_reply.h). Loop thread only.
 */
#ifndef MF_NODE_STORE_REDIS_STORE_H
#define MF_NODE_STORE_REDIS_STORE_H

#include <hiredis/async.h>

#include "node/store/port.h"
#include "node/store/redis_arguments.h"
#include "node/store/redis_url.h"

#define REDIS_SHA_BYTES 40

enum redis_state { REDIS_AWAY, REDIS_CONNECTING, REDIS_GREETING, REDIS_READY };

struct redis_store {
    struct store store;
    struct port port;      /* for answers that must not come from within the call */
    struct redis_url url;
    char node[MF_NAME_BYTES_MAX + 1];
    char address[64];      /* of the host, as a number */
    enum redis_state state;
    redisAsyncContext *main, *ear; /* NULL: none */
    uv_getaddrinfo_t lookup;
    uv_timer_t timer;      /* to try again; or until an answer has to be there */
    bool looking_up, closing;
    uint32_t sent;         /* operations without an answer yet, the greeting too */
    uint32_t retry_ms;
    uint64_t quiet_until_ms; /* no line about an error before; the loop's clock */
    char sha[REDIS_SHA_BYTES + 1];
    struct link waiting;   /* until ready */
    struct link released;  /* queues whose leases of our node's life before were given back */
};

/* ---- redis_connection.c: both connections ---- */

void redis_connect(struct redis_store *redis);
/* Both end; what was sent is answered, what waits, too. They are tried again, unless it closes. */
void redis_lose(struct redis_store *redis, const char *why);
/* One more on the main connection, or one less, is without an answer; each answer gives the
 * others their time again. */
void redis_count_sent(struct redis_store *redis, int change);

/* ---- redis_send.c: operations, and their answers ---- */

/* REDIS_READY. Of a queue's first one the leases of our node's life before are given back. */
void redis_send(struct redis_store *redis, struct store_op *op);
/* Not from within the call that asks. */
void redis_answer_later(struct redis_store *redis, struct store_op *op, mf_err err);
void redis_forget_released(struct redis_store *redis);

/* ---- redis_hear.c: what other nodes publish ---- */

/* Of a queue that is watched, or not any more. Once ready: redis_hear_all(). */
void redis_hear(struct redis_store *redis, struct queue *queue, bool is);
void redis_hear_all(struct redis_store *redis);

#endif
