/*
 * pool.c: processes, from the spawner's answer to the last wait status.
 * Guarantees: what a dead instance held is given back at once, its struct when the
 * spawner has said that its process is gone; a spawner that dies is replaced, and
 * every call that was inside is answered.
 * Leaves to others: which call goes where (dispatch.c), messages (exchange.c).
 * Owns every struct instance and the spawner. Loop thread only.
 */
#include "node/pool/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/functions/registry.h"
#include "node/logs/console.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/pool/exchange.h"
#include "node/shard.h"

#define PACKETS_PER_TURN 256
#define NICE_MAX 19

static mf_err spawner_up(struct pool *pool, struct mf_why *why);
static void spawner_ready(struct watch *watch, uint32_t events);
static void spawner_lost(struct pool *pool);
static void retry_spawner(struct timer *timer, uint64_t now_ns);
static void refill(struct timer *timer, uint64_t now_ns);
static mf_err make_blank(struct pool *pool, enum mf_sandbox sandbox, struct instance **instance,
                         struct mf_why *why);
static mf_err watch_instance(struct instance *instance);
static void packet(struct pool *pool, const struct mf_spawn_packet *said);
static void exited(struct instance *instance, const struct mf_spawn_packet *said);
static void bury(struct instance *instance, const struct outcome *outcome);
static void forget(struct instance *instance);
static void console_ready(struct watch *watch, uint32_t events);
static void control_ready(struct watch *watch, uint32_t events);

mf_err pool_open(struct pool *pool, struct shard *shard, const char *spawner_path,
                 uint32_t blanks_wanted, struct mf_why *why)
{
    pool_init(pool, shard, spawner_path, blanks_wanted);
    return spawner_up(pool, why);
}

void pool_init(struct pool *pool, struct shard *shard, const char *spawner_path,
               uint32_t blanks_wanted)
{
    *pool = (struct pool){
        .shard = shard,
        .spawner_path = spawner_path,
        .spawner = {.fd = -1},
        .spawner_watch = {.fd = -1},
        .spawner_retry = {.fire = retry_spawner},
        .refill = {.fire = refill},
        .blanks_wanted = blanks_wanted,
    };
    for (uint32_t i = 0; i < POOL_BUCKETS; i++)
        link_init(&pool->by_id[i]);
    for (uint32_t i = 0; i < SANDBOXES; i++)
        link_init(&pool->blanks[i]);
    link_init(&pool->awake);
}

void pool_close(struct pool *pool)
{
    const struct outcome stopping = {.situation = SITUATION_STOPPING};
    pool->closing = true;
    for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
        while (!list_empty(&pool->by_id[i])) {
            struct instance *instance = list_of(pool->by_id[i].next, struct instance, by_id);
            if (instance->state != INSTANCE_DEAD)
                bury(instance, &stopping);
            forget(instance);
        }
    }
    timer_stop(&pool->shard->timers, &pool->refill);
    timer_stop(&pool->shard->timers, &pool->spawner_retry);
    watch_remove(&pool->shard->watcher, &pool->spawner_watch);
    spawner_close(&pool->spawner);
}

void pool_use(struct pool *pool, enum mf_sandbox sandbox)
{
    if (sandbox == MF_SANDBOX_AUTO || pool->in_use[sandbox])
        return;
    pool->in_use[sandbox] = true;
    refill(&pool->refill, pool->shard->now_ns);
}

/* The CPU share as a scheduling weight: default share is nice 0, and the kernel's
 * weights fall by 1.25 with each step (kernel/sched/core.c, sched_prio_to_weight);
 * an ordinary user may only go down, so more than the default counts as the default. */
static int nice_of_share(uint32_t share)
{
    int nice = 0;
    for (double weight = MF_CPU_SHARE_DEFAULT; weight > share && nice < NICE_MAX; nice++)
        weight /= 1.25;
    return nice;
}

mf_err pool_start(struct pool *pool, struct function *function, struct instance **instance,
                  struct mf_why *why)
{
    struct version *version = function->version;
    const struct settings *settings = &version->settings;
    enum mf_sandbox sandbox = version->sandbox;
    struct instance *made;
    if (list_empty(&pool->blanks[sandbox])) {
        mf_err err = make_blank(pool, sandbox, &made, why);
        if (err)
            return err;
    }
    made = list_of(pool->blanks[sandbox].next, struct instance, link);
    list_remove(&made->link);
    pool->blank_count[sandbox]--;
    timer_set(&pool->shard->timers, &pool->refill,
              pool->shard->now_ns + MF_BLANK_REFILL_MS * MF_NS_PER_MS);
    mf_err err = blank_start(&made->blank, version->image_fd, version->window_bytes,
                             nice_of_share(settings->cpu_share), settings->env,
                             settings->env_bytes, settings->env_count, why);
    if (err) {
        blank_kill(&made->blank);
        bury(made, NULL);
        return err;
    }
    made->function = function_get(function);
    made->version = version_get(version);
    function->counters.cold_starts[sandbox]++;
    instance_go(made, INSTANCE_RESTORING, pool->shard->now_ns);
    pool_settle(made);
    *instance = made;
    return MF_OK;
}

void pool_end(struct instance *instance, enum situation situation, const char *cause,
              const char *message)
{
    struct function *function = function_get(instance->function);
    const char *text = message ? message : situation_meaning(situation);
    bool breach = situation == SITUATION_PROTOCOL || situation == SITUATION_INSTANCE_FAULT;
    instance->cause = cause;
    count_fault(&function->counters, cause);
    console_drain(instance);
    function_log_node(function->log, breach ? MF_LOG_ERROR : MF_LOG_WARN, instance->blank.id,
                      "instance ended, cause %s: %s", cause, text);
    mf_log(MF_LOG_DEBUG, "instance.ended", "fn=%s id=%llu cause=%s", function->name,
           (unsigned long long)instance->blank.id, cause);
    blank_kill(&instance->blank);
    bury(instance, &(struct outcome){.situation = situation,
                                     .cause = cause,
                                     .message = text,
                                     .message_bytes = strlen(text),
                                     .instance_id = instance->blank.id});
    dispatch_place(function);
    function_put(function);
}

void pool_drain(struct instance *instance)
{
    struct mf_desc desc = {.type = MF_MSG_DRAIN};
    /* Without room the guest is not told; the end of the drain period ends it. */
    if (channel_put(&instance->blank.channel, &desc, NULL, NULL) == MF_OK) {
        instance->bell_due = true;
        pool_wake(instance);
    }
    instance_go(instance, INSTANCE_DRAINING, instance->pool->shard->now_ns);
}

void pool_settle(struct instance *instance)
{
    struct function *function = instance->function;
    struct timers *timers = &instance->pool->shard->timers;
    enum instance_state state = instance->state;
    instance_check(instance);
    if (!function) {
        mf_assert(state == INSTANCE_BLANK || state == INSTANCE_DEAD);
        return;
    }
    if (!instance->listed || instance->listed_as != state) {
        if (instance->listed)
            function->in_state[instance->listed_as]--;
        list_remove(&instance->link);
        if (state == INSTANCE_IDLE)
            list_prepend(&function->idle, &instance->link);
        if (state == INSTANCE_RESTORING || state == INSTANCE_BUSY)
            list_append(&function->busy, &instance->link);
        if (state == INSTANCE_DRAINING)
            list_append(&function->draining, &instance->link);
        function->in_state[state]++;
        instance->listed = true;
        instance->listed_as = state;
        if (state == INSTANCE_RESTORING || state == INSTANCE_BUSY)
            ceiling_watch(function);
    }
    timer_set(timers, &instance->timer,
              instance_due_ns(instance, instance->version->settings.idle_ms * MF_NS_PER_MS,
                              MF_DRAIN_MS_MAX * MF_NS_PER_MS));
}

static mf_err spawner_up(struct pool *pool, struct mf_why *why)
{
    mf_err err = spawner_open(pool->spawner_path, &pool->spawner, why);
    if (!err)
        err = watch_add(&pool->shard->watcher, &pool->spawner_watch, pool->spawner.fd, EPOLLIN,
                        spawner_ready);
    return err;
}

static void spawner_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct pool *pool = list_of(watch, struct pool, spawner_watch);
    for (int i = 0; i < PACKETS_PER_TURN; i++) {
        struct mf_spawn_packet said;
        mf_err err = spawner_read(&pool->spawner, &said);
        if (err == MF_EAGAIN)
            return;
        if (err) {
            spawner_lost(pool);
            return;
        }
        packet(pool, &said);
    }
}

/* All processes died with it. Answer what was inside, start another, go on. */
static void spawner_lost(struct pool *pool)
{
    static const char text[] = "the spawner of this node ended, and all instances with it";
    const struct outcome lost = {.situation = SITUATION_INSTANCE_FAULT,
                                 .cause = "spawner-lost",
                                 .message = text,
                                 .message_bytes = sizeof text - 1};
    mf_log(MF_LOG_ERROR, "spawner.lost", "pid=%d", (int)pool->spawner.pid);
    watch_remove(&pool->shard->watcher, &pool->spawner_watch);
    spawner_close(&pool->spawner);
    for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
        while (!list_empty(&pool->by_id[i])) {
            struct instance *instance = list_of(pool->by_id[i].next, struct instance, by_id);
            if (instance->function && instance->state != INSTANCE_DEAD)
                count_fault(&instance->function->counters, lost.cause);
            if (instance->state != INSTANCE_DEAD)
                bury(instance, &lost);
            forget(instance);
        }
    }
    retry_spawner(&pool->spawner_retry, pool->shard->now_ns);
}

static void place_all(struct function *function, void *context)
{
    (void)context;
    if (function->version)
        dispatch_place(function);
}

static void retry_spawner(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = list_of(timer, struct pool, spawner_retry);
    struct mf_why why = {{0}};
    mf_err err = spawner_up(pool, &why);
    if (err) {
        mf_log(MF_LOG_ERROR, "spawner.failed", "why=\"%s\"", mf_why_text(&why, err));
        spawner_close(&pool->spawner);
        timer_set(&pool->shard->timers, timer, now_ns + MF_SPAWNER_RETRY_MS * MF_NS_PER_MS);
        return;
    }
    mf_log(MF_LOG_INFO, "spawner.started", "pid=%d", (int)pool->spawner.pid);
    registry_each(&pool->shard->registry, place_all, NULL);
    refill(&pool->refill, now_ns);
}

static void refill(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = list_of(timer, struct pool, refill);
    (void)now_ns;
    if (pool->spawner.fd < 0 || pool->closing)
        return;
    for (enum mf_sandbox sandbox = MF_SANDBOX_PROCESS; sandbox < SANDBOXES; sandbox++) {
        while (pool->in_use[sandbox] && pool->blank_count[sandbox] < pool->blanks_wanted) {
            struct instance *instance;
            struct mf_why why = {{0}};
            mf_err err = make_blank(pool, sandbox, &instance, &why);
            if (!err)
                continue;
            mf_log(MF_LOG_WARN, "blank.failed", "sandbox=%s why=\"%s\"", sandbox_name(sandbox),
                   mf_why_text(&why, err));
            return; /* the next start tries again */
        }
    }
}

/* A blank at the end of the pool's list. */
static mf_err make_blank(struct pool *pool, enum mf_sandbox sandbox, struct instance **instance,
                         struct mf_why *why)
{
    if (pool->spawner.fd < 0)
        return mf_why(why, MF_EDEAD, "the spawner is not running; it is being started again");
    if (pool->count >= MF_INSTANCES_NODE_MAX)
        return mf_why(why, MF_EFULL, "%u instances live here, the most this node allows",
                      pool->count);
    struct instance *made = malloc(sizeof *made);
    if (!made)
        return mf_why(why, MF_ENOMEM, "no memory for an instance");
    instance_init(made, pool->shard->now_ns);
    made->pool = pool;
    made->timer.fire = dispatch_instance_timer;
    mf_err err = blank_open(&pool->spawner, ++pool->last_id, sandbox, &made->blank, why);
    if (err) {
        free(made);
        return err;
    }
    list_append(&pool->by_id[made->blank.id % POOL_BUCKETS], &made->by_id);
    pool->count++;
    err = watch_instance(made);
    if (err) {
        blank_kill(&made->blank);
        bury(made, NULL);
        return mf_why(why, err, "no more descriptors can be watched");
    }
    list_append(&pool->blanks[sandbox], &made->link);
    pool->blank_count[sandbox]++;
    *instance = made;
    return MF_OK;
}

static mf_err watch_instance(struct instance *instance)
{
    struct watcher *watcher = &instance->pool->shard->watcher;
    mf_err err = watch_add(watcher, &instance->bell, instance->blank.bell, EPOLLIN | EPOLLET,
                           pool_bell);
    if (!err)
        err = watch_add(watcher, &instance->console_watch, instance->blank.console, EPOLLIN,
                        console_ready);
    if (!err)
        err = watch_add(watcher, &instance->control, instance->blank.control, EPOLLIN,
                        control_ready);
    return err;
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
        instance->blank.pid = said->pid;
    } else if (said->type == MF_EXITED) {
        exited(instance, said);
    } else if (said->type == MF_SPAWN_FAILED) {
        mf_log(MF_LOG_ERROR, "blank.failed", "sandbox=%s why=\"%s\"",
               sandbox_name(instance->blank.sandbox), mf_why_text(&said->why, MF_EIO));
        if (instance->function && instance->state != INSTANCE_DEAD)
            pool_end(instance, SITUATION_CANNOT_START, "start-failed", said->why.text);
        else if (instance->state != INSTANCE_DEAD)
            bury(instance, NULL);
        forget(instance);
    }
}

/* Its process is gone. What it said before counts first. */
static void exited(struct instance *instance, const struct mf_spawn_packet *said)
{
    struct function *function = instance->function;
    struct mf_why why = {{0}};
    if (function) {
        function->counters.retired_cpu_ns += said->cpu_ns;
        (void)function_get(function);
    }
    if (instance->state == INSTANCE_BLANK) {
        mf_log(MF_LOG_WARN, "blank.ended", "id=%llu sandbox=%s cause=%s",
               (unsigned long long)said->id, sandbox_name(instance->blank.sandbox),
               exit_cause(said->status));
        bury(instance, NULL);
    } else if (instance->state != INSTANCE_DEAD && blank_start_failed(&instance->blank, &why)) {
        pool_end(instance, SITUATION_INSTANCE_FAULT, "start-failed", why.text);
    } else if (instance->state != INSTANCE_DEAD) {
        console_drain(instance);
        (void)exchange_take(instance);
    }
    if (instance->state == INSTANCE_DRAINING && instance->count == 0 && said->status == 0)
        bury(instance, NULL);
    else if (instance->state != INSTANCE_DEAD)
        pool_end(instance, SITUATION_INSTANCE_FAULT, exit_cause(said->status), NULL);
    forget(instance);
    if (function)
        dispatch_place(function);
    function_put(function);
}

/* DEAD: its calls are settled, its descriptors closed. outcome: what its head is told. */
static void bury(struct instance *instance, const struct outcome *outcome)
{
    struct pool *pool = instance->pool;
    struct watcher *watcher = &pool->shard->watcher;
    bool was_blank = instance->state == INSTANCE_BLANK;
    instance_go(instance, INSTANCE_DEAD, pool->shard->now_ns);
    watch_remove(watcher, &instance->bell);
    watch_remove(watcher, &instance->console_watch);
    watch_remove(watcher, &instance->control);
    list_remove(&instance->awake);
    timer_stop(&pool->shard->timers, &instance->timer);
    if (instance->function) {
        (void)function_get(instance->function);
        dispatch_lost(instance, outcome);
        pool_settle(instance);
        function_put(instance->function);
    } else if (was_blank && !list_empty(&instance->link)) {
        list_remove(&instance->link);
        pool->blank_count[instance->blank.sandbox]--;
    }
    console_close(instance);
    blank_close(&instance->blank);
}

/* Its process is gone, too. */
static void forget(struct instance *instance)
{
    struct function *function = instance->function;
    mf_assert(instance->state == INSTANCE_DEAD && instance->count == 0);
    list_remove(&instance->by_id);
    list_remove(&instance->link);
    instance->pool->count--;
    if (function)
        function->in_state[INSTANCE_DEAD]--;
    version_put(instance->version);
    free(instance);
    function_put(function);
}

static void console_ready(struct watch *watch, uint32_t events)
{
    struct instance *instance = list_of(watch, struct instance, console_watch);
    if (!console_read(instance) && (events & (EPOLLHUP | EPOLLERR)))
        watch_remove(&instance->pool->shard->watcher, watch);
}

static void control_ready(struct watch *watch, uint32_t events)
{
    struct instance *instance = list_of(watch, struct instance, control);
    struct mf_why why = {{0}};
    if (blank_start_failed(&instance->blank, &why)) {
        if (instance->function)
            pool_end(instance, SITUATION_INSTANCE_FAULT, "start-failed", why.text);
    } else if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) {
        watch_remove(&instance->pool->shard->watcher, watch); /* locked down: it said its last */
    }
}
