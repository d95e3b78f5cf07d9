/*
 * store_redis.c: the back end in a Redis server, which several nodes share: its opening, its
 * end, and what becomes of what is asked meanwhile (redis_store.h). Loop thread only.
 */
#include "node/store/redis_store.h"

#include <stdlib.h>
#include <string.h>

static void redis_submit(struct store *store, struct store_op *op)
{
    struct redis_store *redis = (struct redis_store *)store;
    if (redis->state == REDIS_READY)
        redis_send(redis, op);
    else if (redis->state == REDIS_AWAY)
        redis_answer_later(redis, op, MF_EDEAD);
    else
        list_append(&redis->waiting, &op->link);
}

static void redis_watched(struct store *store, struct queue *queue, bool is)
{
    redis_hear((struct redis_store *)store, queue, is);
}

static void redis_close(struct store *store)
{
    struct redis_store *redis = (struct redis_store *)store;
    redis->closing = true;
    redis_lose(redis, "closing");
    redis_forget_released(redis);
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
    redis_connect(redis);
    return MF_OK;
}
