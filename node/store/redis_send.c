/*
 * redis_send.c: operations to the server, and what becomes of them.
 * Guarantees: each is answered once. Each new process gives back what its node had taken.
 * Owns redis->released.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/store/redis_note.h"
#include "node/store/redis_reply.h"
#include "node/store/redis_store.h"

extern const char redis_script[], redis_script_end[];

/* A queue whose leases of our node's life before were given back. */
struct released {
    struct link link;
    char base[REDIS_NAME_BYTES];
};

static bool has_released(const struct redis_store *redis, const char *base);
static void release(struct redis_store *redis, const struct store_op *op);
static void send_script(struct redis_store *redis, struct store_op *op, bool whole);

void redis_send(struct redis_store *redis, struct store_op *op)
{
    char base[REDIS_NAME_BYTES];
    if (op->queue) {
        redis_base_of_queue(op->queue, base);
        if (!has_released(redis, base))
            release(redis, op);
    }
    send_script(redis, op, false);
}

void redis_answer_later(struct redis_store *redis, struct store_op *op, mf_err err)
{
    struct link one;
    link_init(&one);
    list_append(&one, &op->link);
    op->answer.err = err;
    port_put(&redis->port, &one);
}

void redis_forget_released(struct redis_store *redis)
{
    while (!list_empty(&redis->released)) {
        struct released *each = list_of(redis->released.next, struct released, link);
        list_remove(&each->link);
        free(each);
    }
}

static bool is_reply_of_script(const redisReply *reply)
{
    return !reply || reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOSCRIPT", 8) != 0;
}

/* The server's own words, once a second at most. */
static void tell_error(struct redis_store *redis, const redisReply *reply)
{
    uint64_t now_ms = uv_now(redis->store.loop);
    if (now_ms < redis->quiet_until_ms)
        return;
    redis->quiet_until_ms = now_ms + 1000;
    mf_log(MF_LOG_ERROR, "store.redis-error", "why=\"%.300s\"",
           reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer that is none");
}

static void send_notes(void *context, const struct redis_arguments *arguments)
{
    struct redis_store *redis = context;
    (void)redisAsyncCommandArgv(redis->main, NULL, NULL, arguments->count, (const char **)(uintptr_t)arguments->argument,
                                arguments->bytes);
}

static void answered(redisAsyncContext *context, void *reply, void *data)
{
    struct redis_store *redis = context->data;
    struct store_op *op = data;
    redis_count_sent(redis, -1);
    if (!is_reply_of_script(reply)) { /* somebody flushed the scripts: nothing was done */
        send_script(redis, op, true);
        return;
    }
    redis_reply_read(op, reply);
    if (op->answer.err == MF_EIO || op->answer.err == MF_EPROTO)
        tell_error(redis, reply);
    if (redis->closing || !reply) /* from within redisAsyncFree() */
        redis_answer_later(redis, op, op->answer.err);
    else {
        if (!op->answer.err && redis->main)
            redis_note_ended(op, redis->sha, send_notes, redis);
        store_finish(op);
    }
}

static void send_script(struct redis_store *redis, struct store_op *op, bool whole)
{
    struct redis_arguments *arguments = calloc(1, sizeof *arguments);
    if (!arguments) {
        redis_answer_later(redis, op, MF_ENOMEM);
        return;
    }
    redis_arguments_text(arguments, whole ? "EVAL" : "EVALSHA");
    redis_arguments_text(arguments, whole ? redis_script : redis->sha);
    redis_arguments_operation(arguments, op, redis->node);
    if (redis->main && redisAsyncCommandArgv(redis->main, answered, op, arguments->count,
                                             arguments->argument, arguments->bytes) == REDIS_OK)
        redis_count_sent(redis, 1);
    else
        redis_answer_later(redis, op, MF_EDEAD);
    free(arguments);
}

static void released(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    struct released *each = private;
    const redisReply *reply = data;
    redis_count_sent(redis, -1);
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        return;
    list_remove(&each->link); /* the next operation tries it again */
    free(each);
}

static bool has_released(const struct redis_store *redis, const char *base)
{
    list_each(at, &redis->released)
        if (strcmp(list_of(at, struct released, link)->base, base) == 0)
            return true;
    return false;
}

/* Before this process's first operation on a queue: what its node had taken in the life
 * before comes back. */
static void release(struct redis_store *redis, const struct store_op *op)
{
    struct redis_arguments arguments = {.count = 0};
    struct released *each = calloc(1, sizeof *each);
    if (!each)
        return; /* their leases pass in time */
    link_init(&each->link);
    redis_base_of_queue(op->queue, each->base);
    redis_arguments_text(&arguments, "EVALSHA");
    redis_arguments_text(&arguments, redis->sha);
    redis_arguments_text(&arguments, "1");
    redis_arguments_text(&arguments, each->base);
    redis_arguments_text(&arguments, "release");
    redis_arguments_number(&arguments, op->now_ms);
    redis_arguments_text(&arguments, redis->node);
    list_append(&redis->released, &each->link);
    if (redis->main && redisAsyncCommandArgv(redis->main, released, each, arguments.count,
                                             arguments.argument, arguments.bytes) == REDIS_OK) {
        redis_count_sent(redis, 1);
        return;
    }
    list_remove(&each->link);
    free(each);
}
