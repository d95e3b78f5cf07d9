/* redis_hear.c: what other nodes publish: a queue of theirs, and ours, has something. */
#include <stdio.h>
#include <string.h>

#include "node/store/redis_store.h"

#define WAKE "wake"

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

void redis_hear(struct redis_store *redis, struct queue *queue, bool is)
{
    char base[REDIS_NAME_BYTES];
    if (redis->state != REDIS_READY || !redis->ear)
        return; /* when it is, all that are watched are subscribed to */
    redis_base_of_queue(queue, base);
    if (is)
        (void)redisAsyncCommand(redis->ear, heard, NULL, "SUBSCRIBE %s" WAKE, base);
    else
        (void)redisAsyncCommand(redis->ear, NULL, NULL, "UNSUBSCRIBE %s" WAKE, base);
}

void redis_hear_all(struct redis_store *redis)
{
    list_each(at, &redis->store.queues) {
        struct queue *queue = list_of(at, struct queue, link);
        if (!list_empty(&queue->watches))
            redis_hear(redis, queue, true); /* its confirmation is a hint */
    }
}
