/*
 * redis_connection.c: the connections to the server, from a name to the script being there, and
 * the way back (the diagram of redis_store.h).
 * Guarantees: no timer runs while they are idle; a server that stops answering is given up
 * after MF_REDIS_ANSWER_MS. Owns state, main, ear, timer, lookup and sha.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/store/redis_poll.h"
#include "node/store/redis_store.h"

extern const char redis_script[], redis_script_end[];

static void connect_address(struct redis_store *redis);
static void timed_out(uv_timer_t *timer);

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
        redis_lose(redis, status ? uv_strerror(status) : "no address");
}

void redis_connect(struct redis_store *redis)
{
    const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
    redis->state = REDIS_CONNECTING;
    if (redis->url.path[0]) {
        connect_address(redis);
        return;
    }
    redis->lookup.data = redis;
    if (uv_getaddrinfo(redis->store.loop, &redis->lookup, looked_up, redis->url.host, NULL,
                       &stream) != 0) {
        redis_lose(redis, "cannot look up its address");
        return;
    }
    redis->looking_up = true;
    redis->store.handles++; /* the request points to us */
}

static void set_timer(struct redis_store *redis, uint32_t ms)
{
    redis->timer.data = redis;
    uv_update_time(redis->store.loop);
    (void)uv_timer_start(&redis->timer, timed_out, ms, 0);
}

void redis_lose(struct redis_store *redis, const char *why)
{
    redisAsyncContext *contexts[] = {redis->main, redis->ear};
    if (redis->state == REDIS_AWAY && !redis->main && !redis->ear && !redis->closing)
        return;
    redis->main = redis->ear = NULL;
    redis->state = REDIS_AWAY;
    for (int i = 0; i < 2; i++)
        if (contexts[i])
            redisAsyncFree(contexts[i]); /* calls every callback, without a reply */
    while (!list_empty(&redis->waiting)) {
        struct store_op *op = list_of(redis->waiting.next, struct store_op, link);
        list_remove(&op->link);
        redis_answer_later(redis, op, MF_EDEAD);
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

void redis_count_sent(struct redis_store *redis, int change)
{
    redis->sent += (uint32_t)change;
    if (redis->state == REDIS_AWAY)
        return;
    if (redis->sent == 0)
        (void)uv_timer_stop(&redis->timer);
    else if (change < 0 || redis->sent == (uint32_t)change)
        set_timer(redis, MF_REDIS_ANSWER_MS);
}

static void become_ready(struct redis_store *redis)
{
    redis->state = REDIS_READY;
    redis->retry_ms = 0;
    mf_log(MF_LOG_INFO, "store.redis-ready", "node=%s", redis->node);
    redis_hear_all(redis);
    while (!list_empty(&redis->waiting) && redis->state == REDIS_READY) {
        struct store_op *op = list_of(redis->waiting.next, struct store_op, link);
        list_remove(&op->link);
        redis_send(redis, op);
    }
}

/* private: not NULL on the main connection, where answers are counted. */
static void greeted(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    if (private)
        redis_count_sent(redis, -1);
    if (reply && reply->type == REDIS_REPLY_ERROR)
        redis_lose(redis, reply->str);
}

/* Durability is the server's; one that promises less than the queues is told of. */
static void heard_of_durability(redisAsyncContext *context, void *data, void *private)
{
    struct redis_store *redis = context->data;
    const redisReply *reply = data;
    (void)private;
    redis_count_sent(redis, -1);
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
    redis_count_sent(redis, -1);
    if (!reply)
        return;
    if (reply->type != REDIS_REPLY_STRING || reply->len != REDIS_SHA_BYTES) {
        redis_lose(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "no answer to SCRIPT LOAD");
        return;
    }
    memcpy(redis->sha, reply->str, REDIS_SHA_BYTES);
    become_ready(redis);
}

/* Commands wait in hiredis until the connection is there. */
static void greet(struct redis_store *redis, redisAsyncContext *context)
{
    const struct redis_url *url = &redis->url;
    void *counted = context == redis->main ? redis : NULL;
    if (url->password[0]) {
        if (counted)
            redis_count_sent(redis, 1);
        if (url->user[0])
            (void)redisAsyncCommand(context, greeted, counted, "AUTH %s %s", url->user, url->password);
        else
            (void)redisAsyncCommand(context, greeted, counted, "AUTH %s", url->password);
    }
    if (!counted)
        return;
    redis_count_sent(redis, 2 + (url->database > 0));
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
        redis->state = redis->state == REDIS_CONNECTING ? REDIS_GREETING : redis->state;
        return;
    }
    if (context == redis->main) /* hiredis frees it after this */
        redis->main = NULL;
    else if (context == redis->ear)
        redis->ear = NULL;
    redis_lose(redis, context->errstr);
}

static void disconnected(const redisAsyncContext *context, int status)
{
    struct redis_store *redis = context->data;
    if (context == redis->main)
        redis->main = NULL;
    else if (context == redis->ear)
        redis->ear = NULL;
    else
        return; /* by redis_lose() */
    redis_lose(redis, status == REDIS_OK ? "closed" : context->errstr);
}

static void timed_out(uv_timer_t *timer)
{
    struct redis_store *redis = timer->data;
    if (redis->state == REDIS_AWAY)
        redis_connect(redis);
    else
        redis_lose(redis, "no answer");
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
    redis->state = REDIS_CONNECTING;
    set_timer(redis, MF_REDIS_CONNECT_MS);
    redis->main = open_one(redis);
    redis->ear = redis->main ? open_one(redis) : NULL;
    if (!redis->main || !redis->ear) {
        redis_lose(redis, "cannot connect");
        return;
    }
    greet(redis, redis->main);
    greet(redis, redis->ear);
}
