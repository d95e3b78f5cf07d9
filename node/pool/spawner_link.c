/*
 * spawner_link.c: the spawner's packets, its death, and its successor.
 * Guarantees: every call that was inside when it died is answered; calls that wait for a
 * blank are tried again as soon as there may be one.
 * Leaves to others: instances (pool.c), blanks (blanks.c). Loop thread only.
 */
#include "node/pool/spawner_link.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/settings.h"
#include "node/functions/function.h"
#include "node/logs/console.h"
#include "node/pool/blanks.h"
#include "node/pool/dispatch.h"
#include "node/pool/exchange.h"
#include "node/pool/start.h"
#include "node/node.h"

#define PACKETS_PER_TURN 256

static void spawner_ready(struct watch *watch, uint32_t events);
static void spawner_lost(struct pool *pool);
static void shut_all(struct pool *pool);
static void take_last_words(struct instance *instance);
static void feed(struct pool *pool);
static void packet(struct pool *pool, const struct mf_spawn_packet *said);

mf_err spawner_link_watch(struct pool *pool)
{
    return watch_add(&pool->node->loop.watcher, &pool->spawner_watch, pool->spawner.fd, EPOLLIN,
                     spawner_ready);
}

mf_err spawner_link_up(struct pool *pool, struct mf_why *why)
{
    mf_err err = spawner_open(pool->spawner_path, &pool->spawner, why);
    return err ? err : spawner_link_watch(pool);
}

void spawner_link_retry(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = list_of(timer, struct pool, spawner_retry);
    struct mf_why why = {{0}};
    mf_err err = spawner_link_up(pool, &why);
    if (err) {
        mf_log(MF_LOG_ERROR, "spawner.failed", "why=\"%s\"", mf_why_text(&why, err));
        spawner_close(&pool->spawner);
        timer_set(&pool->node->loop.timers, timer, now_ns + MF_SPAWNER_RETRY_MS * MF_NS_PER_MS);
        return;
    }
    mf_log(MF_LOG_INFO, "spawner.started", "pid=%d", (int)pool->spawner.pid);
    feed(pool);
    blanks_refill(&pool->refill, now_ns);
}

static void spawner_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct pool *pool = list_of(watch, struct pool, spawner_watch);
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        struct mf_spawn_packet said;
        mf_err err = spawner_read(&pool->spawner, &said);
        if (err == MF_EAGAIN)
            break;
        if (err) {
            spawner_lost(pool);
            return;
        }
        packet(pool, &said);
    }
    if (pool->starved)
        feed(pool);
}

/* All processes died with it. What they had said counts; answer what is still inside, start
 * another, go on. */
static void spawner_lost(struct pool *pool)
{
    static const char text[] = "the spawner of this node ended, and all instances with it";
    const struct outcome lost = {.situation = SITUATION_INSTANCE_FAULT,
                                 .cause = "spawner-lost",
                                 .message = text,
                                 .message_bytes = sizeof text - 1};
    mf_log(MF_LOG_ERROR, "spawner.lost", "pid=%d", (int)pool->spawner.pid);
    watch_remove(&pool->node->loop.watcher, &pool->spawner_watch);
    spawner_close(&pool->spawner);
    shut_all(pool);
    for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
        while (!list_empty(&pool->by_id[i])) {
            struct instance *instance = list_of(pool->by_id[i].next, struct instance, by_id);
            take_last_words(instance);
            if (instance->function && instance->state != INSTANCE_DEAD)
                count_fault(&instance->function->counters, lost.cause);
            if (instance->state != INSTANCE_DEAD)
                pool_bury(instance, &lost);
            pool_forget(instance);
        }
    }
    spawner_link_retry(&pool->spawner_retry, pool->node->loop.now_ns);
}

/* No event may go to one that is dead, by an answer among the last words of another. */
static void shut_all(struct pool *pool)
{
    for (uint32_t i = 0; i < POOL_BUCKETS; i++)
        list_each(at, &pool->by_id[i]) {
            struct instance *instance = list_of(at, struct instance, by_id);
            instance->unbegun |= instance->start_due; /* it was given nothing to begin with */
            if (!instance->function || !instance_may_go(instance->state, INSTANCE_DRAINING))
                continue;
            instance_go(instance, INSTANCE_DRAINING, pool->node->loop.now_ns);
            pool_settle(instance);
        }
}

static void take_last_words(struct instance *instance)
{
    if (instance->state != INSTANCE_DRAINING)
        return;
    console_drain(instance);
    exchange_take_rest(instance);
}

static void place_all(struct function *function, void *context)
{
    const enum priority *priority = context;
    if (function->version && function->version->settings.priority == *priority)
        dispatch_place(function);
}

/* Calls wait because the spawner could not take more requests: try again. */
static void feed(struct pool *pool)
{
    pool->starved = false;
    enum priority first = PRIORITY_URGENT, then = PRIORITY_BULK;
    registry_each(&pool->node->registry, place_all, &first);
    registry_each(&pool->node->registry, place_all, &then);
}

static struct instance *find(struct pool *pool, uint64_t id)
{
    list_each(at, &pool->by_id[id % POOL_BUCKETS]) {
        struct instance *instance = list_of(at, struct instance, by_id);
        if (instance->blank.id == id)
            return instance;
    }
    return NULL;
}

static void packet(struct pool *pool, const struct mf_spawn_packet *said)
{
    struct instance *instance = find(pool, said->id);
    if (!instance)
        return;
    if (said->type == MF_SPAWNED) {
        pool_spawned(instance, said->pid);
    } else if (said->type == MF_EXITED) {
        pool_exited(instance, said);
    } else if (said->type == MF_SPAWN_FAILED) {
        mf_log(MF_LOG_ERROR, "blank.failed", "sandbox=%s why=\"%s\"",
               sandbox_name(instance->blank.sandbox), mf_why_text(&said->why, MF_EIO));
        if (instance->function && instance->state != INSTANCE_DEAD)
            pool_end(instance, SITUATION_CANNOT_START, "start-failed", said->why.text);
        else if (instance->state != INSTANCE_DEAD)
            pool_bury(instance, NULL);
        pool_forget(instance);
    }
}
