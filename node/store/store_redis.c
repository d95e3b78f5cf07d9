/*
 * store_redis.c: the back end in a Redis server, which several nodes share: the connection
 * and what becomes of operations when it is lost. Loop thread only.
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
 * Leaves to others: what operations mean (redis_script.lua), their words (redis_reply.h).
 */
#include <hiredis/async.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/store/port.h"
#include "node/store/redis_poll.h"
#include "node/store/redis_note.h"
#include "node/store/redis_url.h"

extern const char redis_script[], redis_script_end[];

#define SHA_BYTES 40
#define WAKE "wake"

enum redis_state { AWAY, CONNECTING, GREETING, READY };

/* A queue whose leases of our node's life before were given back. */
struct released {
    struct link link;
    char base[REDIS_NAME_BYTES];
};

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
    char sha[SHA_BYTES + 1];
    struct link waiting;   /* until ready */
    struct link released;
};

static void connect_both(struct redis_store *redis);
static void lose(struct redis_store *redis, const char *why);
static void send_operation(struct redis_store *redis, struct store_op *op);
static void answer_later(struct redis_store *redis, struct store_op *op, mf_err err);
static void redis_watched(struct store *store, struct queue *queue, bool is);
static void timed_out(uv_timer_t *timer);

static void redis_submit(struct store *store, struct store_op *op)
{
    struct redis_store *redis = (struct redis_store *)store;
    if (redis->state == READY)
        send_operation(redis, op);
    else if (redis->state == AWAY)
        answer_later(redis, op, MF_EDEAD);
    else
        list_append(&redis->waiting, &op->link);
}

static void redis_close(struct store *store)
{
    struct redis_store *redis = (struct redis_store *)store;
    redis->closing = true;
    lose(redis, "closing");
    while (!list_empty(&redis->released)) {
        struct released *each = list_of(redis->released.next, struct released, link);
        list_remove(&each->link);
        free(each);
    }
    if (redis->looking_up)
        (void)uv_cancel((uv_req_t *)&redis->lookup); /* its callback lets go of the store */
    store_close_handle(store, (uv_handle_t *)&redis->timer);
    port_close(&redis->port, store);
}

static const struct store_kind redis_kind = {
    .submit = redis_submit, .watched = redis_watched, .close = redis_close};

mf_err store_redis_open(uv_loop_t *loop, const struct store_options *options,
                        struct store **store, struct mf_why *why)
{
    const char *node = options->node ? options->node : "node";
    struct redis_url url;
    mf_err err = redis_url_read(options->url, &url, why);
    if (err)
        return err;
    if (strlen(node) == 0 || strlen(node) > MF_NAME_BYTES_MAX || strcmp(node, "-") == 0)
        return mf_why(why, MF_EINVAL, "the node's name for Redis is none");
    struct redis_store *redis = calloc(1, sizeof *redis);
    if (!redis)
        return MF_ENOMEM;
    store_init(&redis->store, &redis_kind, loop);
    redis->url = url;
    memcpy(redis->node, node, strlen(node));
    link_init(&redis->waiting);
    link_init(&redis->released);
    err = port_open(&redis->port, &redis->store);
    if (err) {
        free(redis);
        return err;
    }
    (void)uv_timer_init(loop, &redis->timer);
    redis->store.handles++;
    *store = &redis->store;
    connect_both(redis);
    return MF_OK;
}

/* ---- operations ---- */

static void answer_later(struct redis_store *redis, struct store_op *op, mf_err err)
{
    struct link one;
    link_init(&one);
    list_append(&one, &op->link);
    op->answer.err = err;
    port_put(&redis->port, &one);
}

static void set_timer(struct redis_store *redis, uint32_t ms)
{
    redis->timer.data = redis;
    uv_update_time(redis->store.loop);
    (void)uv_timer_start(&redis->timer, timed_out, ms, 0);
}

/* One more, or one less, is on its way; every answer gives the others their time again. */
static void count_sent(struct redis_store *redis, int change)
{
    redis->sent += (uint32_t)change;
    if (redis->state == AWAY)
        return;
    if (redis->sent == 0)
        (void)uv_timer_stop(&redis->timer);
    else if (change < 0 || redis->sent == (uint32_t)change)
        set_timer(redis, MF_REDIS_ANSWER_MS);
}

static bool is_reply_of_script(const redisReply *reply)
{
    return !reply || reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "NOSCRIPT", 8) != 0;
}

static void send_script(struct redis_store *redis, struct store_op *op, bool whole);

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
    count_sent(redis, -1);
    if (!is_reply_of_script(reply)) { /* somebody flushed the scripts: nothing was done */
        send_script(redis, op, true);
        return;
    }
    redis_reply_read(op, reply);
    if (op->answer.err == MF_EIO || op->answer.err == MF_EPROTO)
        tell_error(redis, reply);
    if (redis->closing || !reply) /* from within redisAsyncFree() */
        answer_later(redis, op, op->answer.err);
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
        answer_later(redis, op, MF_ENOMEM);
        return;
    }
    redis_arguments_text(arguments, whole ? "EVAL" : "EVALSHA");
    redis_arguments_text(arguments, whole ? redis_script : redis->sha);
    redis_arguments_operation(arguments, op, redis->node);
    if (redis->main && redisAsyncCommandArgv(redis->main, answered, op, arguments->count,
                                             arguments->argument, arguments->bytes) == REDIS_OK)
        count_sent(redis, 1);
    else
        answer_later(redis, op, MF_EDEAD);
    free(arguments);
}

static void released(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    struct released *each = private;
    const redisReply *reply = data;
    count_sent(redis, -1);
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        return;
    list_remove(&each->link); /* the next operation tries it again */
    free(each);
}

static bool is_released(const struct redis_store *redis, const char *base)
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
        count_sent(redis, 1);
        return;
    }
    list_remove(&each->link);
    free(each);
}

static void send_operation(struct redis_store *redis, struct store_op *op)
{
    char base[REDIS_NAME_BYTES];
    if (op->queue) {
        redis_base_of_queue(op->queue, base);
        if (!is_released(redis, base))
            release(redis, op);
    }
    send_script(redis, op, false);
}

/* ---- what others publish ---- */

static struct queue *queue_of_channel(struct redis_store *redis, const redisReply *channel)
{
    char name[REDIS_NAME_BYTES + sizeof WAKE];
    list_each(at, &redis->store.queues) {
        struct queue *queue = list_of(at, struct queue, link);
        char base[REDIS_NAME_BYTES];
        redis_base_of_queue(queue, base);
        int length = snprintf(name, sizeof name, "%s" WAKE, base);
        if ((size_t)length == channel->len && memcmp(name, channel->str, channel->len) == 0)
            return queue;
    }
    return NULL;
}

/* A message, or that we hear them from now on, and may have missed some until now. */
static void heard(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    (void)private;
    if (!reply || redis->closing || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        (strcmp(reply->element[0]->str, "message") != 0 &&
         strcmp(reply->element[0]->str, "subscribe") != 0))
        return;
    struct queue *queue = queue_of_channel(redis, reply->element[1]);
    if (queue) {
        queue->references++; /* who watches may put it */
        store_hint(&redis->store, queue);
        queue_put(queue);
    }
}

static void redis_watched(struct store *store, struct queue *queue, bool is)
{
    struct redis_store *redis = (struct redis_store *)store;
    char base[REDIS_NAME_BYTES];
    if (redis->state != READY || !redis->ear)
        return; /* when it is, all that are watched are subscribed to */
    redis_base_of_queue(queue, base);
    if (is)
        (void)redisAsyncCommand(redis->ear, heard, NULL, "SUBSCRIBE %s" WAKE, base);
    else
        (void)redisAsyncCommand(redis->ear, NULL, NULL, "UNSUBSCRIBE %s" WAKE, base);
}

/* ---- the connection ---- */

static void become_ready(struct redis_store *redis)
{
    redis->state = READY;
    redis->retry_ms = 0;
    mf_log(MF_LOG_INFO, "store.redis-ready", "node=%s", redis->node);
    list_each(at, &redis->store.queues) {
        struct queue *queue = list_of(at, struct queue, link);
        if (!list_empty(&queue->watches))
            redis_watched(&redis->store, queue, true); /* its confirmation is a hint */
    }
    while (!list_empty(&redis->waiting) && redis->state == READY) {
        struct store_op *op = list_of(redis->waiting.next, struct store_op, link);
        list_remove(&op->link);
        send_operation(redis, op);
    }
}

/* private: not NULL on the main connection, where answers are counted. */
static void greeted(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    if (private)
        count_sent(redis, -1);
    if (reply && reply->type == REDIS_REPLY_ERROR)
        lose(redis, reply->str);
}

/* Durability is the server's; one that promises less than the queues is told of. */
static void heard_of_durability(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    (void)private;
    count_sent(redis, -1);
    bool always = false, appends = false;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i], *value = reply->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
            return;
        always |= strcmp(name->str, "appendfsync") == 0 && strcmp(value->str, "always") == 0;
        appends |= strcmp(name->str, "appendonly") == 0 && strcmp(value->str, "yes") == 0;
    }
    if (reply && reply->type == REDIS_REPLY_ARRAY && !(always && appends))
        mf_log(MF_LOG_WARN, "store.redis-volatile",
               "why=\"a power cut at the Redis server loses what was answered; "
               "`appendonly yes` and `appendfsync always` in its configuration keep it\"");
}

static void script_loaded(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    (void)private;
    count_sent(redis, -1);
    if (!reply)
        return;
    if (reply->type != REDIS_REPLY_STRING || reply->len != SHA_BYTES) {
        lose(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "no answer to SCRIPT LOAD");
        return;
    }
    memcpy(redis->sha, reply->str, SHA_BYTES);
    become_ready(redis);
}

/* Commands wait in hiredis until the connection is there. */
static void greet(struct redis_store *redis, redisAsyncContext *context)
{
    const struct redis_url *url = &redis->url;
    void *counted = context == redis->main ? redis : NULL;
    if (url->password[0]) {
        if (counted)
            count_sent(redis, 1);
        if (url->user[0])
            (void)redisAsyncCommand(context, greeted, counted, "AUTH %s %s", url->user, url->password);
        else
            (void)redisAsyncCommand(context, greeted, counted, "AUTH %s", url->password);
    }
    if (!counted)
        return;
    count_sent(redis, 2 + (url->database > 0));
    if (url->database)
        (void)redisAsyncCommand(context, greeted, counted, "SELECT %d", (int)url->database);
    (void)redisAsyncCommand(context, heard_of_durability, NULL, "CONFIG GET append*");
    (void)redisAsyncCommand(context, script_loaded, NULL, "SCRIPT LOAD %b", redis_script,
                            (size_t)(redis_script_end - redis_script));
}

static void connected(const redisAsyncContext *context, int status)
{
    struct redis_store *redis = context->data;
    if (status == REDIS_OK) {
        redis->state = redis->state == CONNECTING ? GREETING : redis->state;
        return;
    }
    if (context == redis->main) /* hiredis frees it after this */
        redis->main = NULL;
    else if (context == redis->ear)
        redis->ear = NULL;
    lose(redis, context->errstr);
}

static void disconnected(const redisAsyncContext *context, int status)
{
    struct redis_store *redis = context->data;
    if (context == redis->main)
        redis->main = NULL;
    else if (context == redis->ear)
        redis->ear = NULL;
    else
        return; /* by lose() */
    lose(redis, status == REDIS_OK ? "closed" : context->errstr);
}

/* Both connections end; what was sent is answered, what waits, too. */
static void lose(struct redis_store *redis, const char *why)
{
    redisAsyncContext *contexts[] = {redis->main, redis->ear};
    if (redis->state == AWAY && !redis->main && !redis->ear && !redis->closing)
        return;
    redis->main = redis->ear = NULL;
    redis->state = AWAY;
    for (int i = 0; i < 2; i++)
        if (contexts[i])
            redisAsyncFree(contexts[i]); /* calls every callback, without a reply */
    while (!list_empty(&redis->waiting)) {
        struct store_op *op = list_of(redis->waiting.next, struct store_op, link);
        list_remove(&op->link);
        answer_later(redis, op, MF_EDEAD);
    }
    (void)uv_timer_stop(&redis->timer);
    if (redis->closing)
        return;
    redis->retry_ms = redis->retry_ms ? 2 * redis->retry_ms : MF_REDIS_RETRY_MS_MIN;
    if (redis->retry_ms > MF_REDIS_RETRY_MS_MAX)
        redis->retry_ms = MF_REDIS_RETRY_MS_MAX;
    mf_log(MF_LOG_WARN, "store.redis-away", "why=\"%.200s\" again_ms=%u", why, redis->retry_ms);
    set_timer(redis, redis->retry_ms);
}

static void timed_out(uv_timer_t *timer)
{
    struct redis_store *redis = timer->data;
    if (redis->state == AWAY)
        connect_both(redis);
    else
        lose(redis, "no answer");
}

static redisAsyncContext *open_one(struct redis_store *redis)
{
    const struct redis_url *url = &redis->url;
    redisAsyncContext *context = url->path[0] ? redisAsyncConnectUnix(url->path)
                                              : redisAsyncConnect(redis->address, url->port);
    if (!context)
        return NULL;
    context->data = redis;
    if (context->err || redis_poll_attach(context, redis->store.loop)) {
        redisAsyncFree(context);
        return NULL;
    }
    (void)redisAsyncSetConnectCallback(context, connected);
    (void)redisAsyncSetDisconnectCallback(context, disconnected);
    if (!url->path[0])
        (void)redisEnableKeepAlive(&context->c); /* the ear's only way to notice */
    return context;
}

static void connect_address(struct redis_store *redis)
{
    redis->state = CONNECTING;
    set_timer(redis, MF_REDIS_CONNECT_MS);
    redis->main = open_one(redis);
    redis->ear = redis->main ? open_one(redis) : NULL;
    if (!redis->main || !redis->ear) {
        lose(redis, "cannot connect");
        return;
    }
    greet(redis, redis->main);
    greet(redis, redis->ear);
}

static void looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct redis_store *redis = request->data;
    redis->looking_up = false;
    bool known = status == 0 && found &&
                 uv_ip_name(found->ai_addr, redis->address, sizeof redis->address) == 0;
    uv_freeaddrinfo(found);
    if (redis->closing) {
        if (--redis->store.handles == 0 && redis->store.closed)
            free(redis);
        return;
    }
    redis->store.handles--;
    if (known)
        connect_address(redis);
    else
        lose(redis, status ? uv_strerror(status) : "no address");
}

/* A name is looked up beside the loop. */
static void connect_both(struct redis_store *redis)
{
    const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
    redis->state = CONNECTING;
    if (redis->url.path[0]) {
        connect_address(redis);
        return;
    }
    redis->lookup.data = redis;
    if (uv_getaddrinfo(redis->store.loop, &redis->lookup, looked_up, redis->url.host, NULL,
                       &stream) != 0) {
        lose(redis, "cannot look up its address");
        return;
    }
    redis->looking_up = true;
    redis->store.handles++; /* the request points to us */
}
