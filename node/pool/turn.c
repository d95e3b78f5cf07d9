/*
 * turn.c: which instances the loop looks at, and who rings whom.
 *
 * An instance is awake from when we put something into its ring, or its doorbell
 * rang, until the loop sleeps: so long we look at its ring in every turn, and the
 * guest need not ring. Before the loop sleeps, each awake instance is told so and
 * looked at once more (abi/channel.h). What is not awake costs nothing. Who makes too
 * much noise (noise.h) is held: neither looked at nor heard until MF_HOLD_MS have passed;
 * its ring and its pipe fill up, and it waits.
 * Loop thread only.
 */
#include "base/clock.h"
#include "node/functions/function.h"
#include "node/pool/dispatch.h"
#include "node/pool/exchange.h"
#include "node/pool/isolation.h"
#include "node/pool/pool.h"
#include "node/node.h"
#include "node/streams/streams.h"

#define SPENT_MAX 16u /* instances that have served and may wait for the loop to have time */

void pool_wake(struct instance *instance)
{
    if (instance->state == INSTANCE_DEAD || !list_empty(&instance->awake))
        return;
    channel_awake(&instance->blank.channel);
    list_append(&instance->pool->awake, &instance->awake);
}

/* It rang because a call waits for it. */
static bool rolled_back(struct instance *instance)
{
    if (!isolation_reset_done(instance))
        return instance->state == INSTANCE_DEAD;
    dispatch_place(instance->function);
    return true;
}

bool pool_turn(struct pool *pool)
{
    bool any = false;
    struct link now; /* an instance's end may end another: walk a list that shrinks */
    link_init(&now);
    while (!list_empty(&pool->awake))
        list_append(&now, pool->awake.next);
    while (!list_empty(&now)) {
        struct instance *instance = list_of(now.next, struct instance, awake);
        if (pool_holds(instance)) { /* what came for it is told by the next bell */
            list_remove(&instance->awake);
            continue;
        }
        list_append(&pool->awake, &instance->awake);
        bool took = exchange_take(instance);
        if (instance->state == INSTANCE_DEAD) {
            any = true;
            continue;
        }
        if (instance->sending || instance->abandoned)
            took |= exchange_continue(instance);
        if (instance->state != INSTANCE_DEAD)
            took |= streams_continue(instance);
        if (instance->state == INSTANCE_DEAD)
            continue;
        if (instance->woken && instance->state == INSTANCE_RESETTING)
            took |= rolled_back(instance);
        if (instance->state == INSTANCE_DEAD)
            continue;
        if (took)
            instance->spurious_bells = 0;
        else if (instance->woken && ++instance->spurious_bells > MF_SPURIOUS_BELLS_MAX)
            pool_end(instance, SITUATION_PROTOCOL, "protocol",
                     "it rang its doorbell again and again with nothing to say");
        else if (instance->woken)
            pool_noise(instance);
        instance->woken = false;
        any |= took;
    }
    return any;
}

void pool_ring(struct pool *pool)
{
    list_each(at, &pool->awake) {
        struct instance *instance = list_of(at, struct instance, awake);
        if (!instance->bell_due)
            continue;
        instance->bell_due = false;
        if (instance->go_due)
            isolation_go(instance);
        else
            channel_bell(&instance->blank.channel);
    }
    pool_retire_spent(pool, SPENT_MAX);
}

void pool_ring_early(struct instance *instance)
{
    if (instance->taken_bytes < MF_CHANNEL_DATA_BYTES / 2 || instance->go_due)
        return;
    instance->taken_messages = instance->taken_bytes = 0;
    instance->bell_due = false;
    channel_bell(&instance->blank.channel);
}

/* They have served, and nobody waits for what comes next. */
static void look_at_unseen(struct pool *pool)
{
    while (!list_empty(&pool->unseen)) {
        struct instance *instance = list_of(pool->unseen.next, struct instance, unseen);
        list_remove(&instance->unseen);
        recorder_look(&pool->node->freezer.recorder, instance);
    }
}

bool pool_sleep(struct pool *pool)
{
    bool quiet = true;
    look_at_unseen(pool);
    pool_retire_spent(pool, 0); /* their answers are on their way */
    list_each_safe(at, &pool->awake) {
        struct instance *instance = list_of(at, struct instance, awake);
        if (pool_holds(instance))
            list_remove(&instance->awake); /* nor need it ring */
        else if (!channel_sleep(&instance->blank.channel))
            quiet = false; /* stays awake */
        else if ((instance->sending && exchange_could_continue(instance)) ||
                 streams_could_continue(instance))
            quiet = false;
        else
            list_remove(&instance->awake);
    }
    return quiet;
}

void pool_bell(struct watch *watch, uint32_t events)
{
    (void)events; /* edge-triggered: the counter need not be read */
    struct instance *instance = list_of(watch, struct instance, bell);
    instance->woken = true;
    pool_wake(instance);
}

bool pool_holds(const struct instance *instance)
{
    return !list_empty(&instance->held);
}

void pool_noise(struct instance *instance)
{
    struct pool *pool = instance->pool;
    struct node *node = pool->node;
    struct function *function = instance->function;
    if (!function) /* a blank: nothing of it is taken */
        return;
    noise_add(&function->noise, node->loop.now_ns);
    if (!noise_too_much(&function->noise, node->loop.now_ns) || instance->state == INSTANCE_DEAD ||
        pool_holds(instance))
        return;
    list_append(&pool->held, &instance->held);
    watch_pause(&node->loop.watcher, &instance->bell, true);
    watch_pause(&node->loop.watcher, &instance->console_watch, true);
    if (!pool->hold.armed)
        timer_set(&node->loop.timers, &pool->hold, node->loop.now_ns + MF_HOLD_MS * MF_NS_PER_MS);
}

void pool_release(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = list_of(timer, struct pool, hold);
    struct watcher *watcher = &pool->node->loop.watcher;
    list_each_safe(at, &pool->held) {
        struct instance *instance = list_of(at, struct instance, held);
        if (noise_too_much(&instance->function->noise, now_ns))
            continue;
        list_remove(&instance->held);
        watch_pause(watcher, &instance->bell, false);
        watch_pause(watcher, &instance->console_watch, false);
        pool_wake(instance);
    }
    if (!list_empty(&pool->held))
        timer_set(&pool->node->loop.timers, timer, now_ns + MF_HOLD_MS * MF_NS_PER_MS);
}
