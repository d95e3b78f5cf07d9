/*
 * pool.c: instances, from the start of a blank to the last wait status.
 * Guarantees: what a dead instance held is given back at once, its struct when the
 * spawner has said that its process is gone; its calls are answered or wait again.
 * Leaves to others: blanks (blanks.c), the spawner (spawner_link.c), which call goes
 * where (dispatch.c), messages (exchange.c).
 * Owns every struct instance. Loop thread only.
 */
#include "node/pool/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/logs/console.h"
#include "node/logs/function_log.h"
#include "node/pool/blanks.h"
#include "node/pool/dispatch.h"
#include "node/pool/exchange.h"
#include "node/pool/spawner_link.h"
#include "node/pool/warm.h"
#include "node/pool/start.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/rehearsal.h"
#include "node/streams/streams.h"

static void hold_back(const struct instance *instance, bool fault, bool ran);

mf_err pool_open(struct pool *pool, struct node *node, const char *spawner_path,
                 uint32_t blanks_wanted, struct mf_why *why)
{
    pool_init(pool, node, spawner_path, blanks_wanted);
    return spawner_link_up(pool, why);
}

/* What the machine has to spare after bursts. */
static uint64_t blanks_bytes(void)
{
    struct sysinfo machine;
    return sysinfo(&machine) == 0
               ? (uint64_t)machine.totalram * machine.mem_unit / BLANKS_MEMORY_SHARE
               : UINT64_MAX;
}

void pool_init(struct pool *pool, struct node *node, const char *spawner_path,
               uint32_t blanks_wanted)
{
    *pool = (struct pool){
        .node = node,
        .spawner_path = spawner_path,
        .spawner = {.fd = -1},
        .spawner_watch = {.fd = -1},
        .spawner_retry = {.fire = spawner_link_retry},
        .refill = {.fire = blanks_refill},
        .hold = {.fire = pool_release},
        .blanks_wanted = blanks_wanted,
        .blanks_bytes = blanks_bytes(),
    };
    for (uint32_t i = 0; i < POOL_BUCKETS; i++)
        link_init(&pool->by_id[i]);
    shelves_init(pool->shelf);
    link_init(&pool->awake);
    link_init(&pool->held);
    link_init(&pool->spent);
    link_init(&pool->unseen);
}

void pool_close(struct pool *pool)
{
    const struct outcome stopping = {.situation = SITUATION_STOPPING};
    pool->closing = true;
    for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
        while (!list_empty(&pool->by_id[i])) {
            struct instance *instance = list_of(pool->by_id[i].next, struct instance, by_id);
            if (instance->state != INSTANCE_DEAD)
                pool_bury(instance, &stopping);
            pool_forget(instance);
        }
    }
    timer_stop(&pool->node->loop.timers, &pool->refill);
    timer_stop(&pool->node->loop.timers, &pool->hold);
    timer_stop(&pool->node->loop.timers, &pool->spawner_retry);
    watch_remove(&pool->node->loop.watcher, &pool->spawner_watch);
    spawner_close(&pool->spawner);
}

void pool_use(struct pool *pool, struct version *version)
{
    const struct blank_fit fit = {version->window_bytes, version->settings.jit};
    if (version->sandbox == MF_SANDBOX_AUTO || version->shelf)
        return;
    version->shelf = shelf_use(pool->shelf, version->sandbox, &fit);
    if (version->shelf->users == 1)
        blanks_refill(&pool->refill, pool->node->loop.now_ns);
}

void pool_leave(struct pool *pool, struct version *version)
{
    if (!version || !version->shelf)
        return;
    struct shelf *shelf = version->shelf;
    version->shelf = NULL;
    shelf_leave(shelf);
    if (!shelf->in_use)
        blanks_refill(&pool->refill, pool->node->loop.now_ns);
}

uint32_t pool_blanks(const struct pool *pool, enum mf_sandbox sandbox)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SHELVES; i++)
        count += pool->shelf[i].sandbox == sandbox ? pool->shelf[i].count : 0;
    return count;
}

void pool_end(struct instance *instance, enum situation situation, const char *cause,
              const char *message)
{
    if (instance->state == INSTANCE_FREEZING) {
        freezer_broke(instance, message ? message : situation_meaning(situation));
        return;
    }
    if (instance->state == INSTANCE_REHEARSING) {
        rehearsal_broke(instance, message ? message : situation_meaning(situation));
        return;
    }
    struct function *function = function_get(instance->function);
    const char *text = message ? message : situation_meaning(situation);
    bool breach = situation == SITUATION_PROTOCOL || situation == SITUATION_INSTANCE_FAULT;
    instance->cause = cause;
    count_fault(&function->counters, cause);
    exchange_last_words(instance);
    console_drain(instance);
    function_log_node(function->log, breach ? MF_LOG_ERROR : MF_LOG_WARN, instance->blank.id,
                      "instance ended, cause %s: %s", cause, text);
    hold_back(instance, breach, situation != SITUATION_CANNOT_START);
    mf_log(MF_LOG_DEBUG, "instance.ended", "fn=%s id=%llu cause=%s", function->name,
           (unsigned long long)instance->blank.id, cause);
    blank_kill(&instance->blank);
    size_t report_bytes;
    const char *report = console_report(instance, &report_bytes);
    pool_bury(instance, &(struct outcome){.situation = situation,
                                     .cause = cause,
                                     .message = text,
                                     .message_bytes = strlen(text),
                                     .report = report,
                                     .report_bytes = report_bytes,
                                     .instance_id = instance->blank.id});
    dispatch_place(function);
    function_put(function);
}

/* What its end means for the start of the next one. */
static void hold_back(const struct instance *instance, bool fault, bool ran)
{
    struct function *function = instance->function;
    struct backoff *backoff = &function->backoff;
    uint64_t now_ns = instance->pool->node->loop.now_ns;
    if (fault && instance->version == function->version)
        backoff_fault(backoff, now_ns);
    else if (ran)
        backoff_kill(backoff, now_ns);
    char words[BACKOFF_WORDS_BYTES];
    if (backoff_words(backoff, now_ns, words))
        function_log_node(function->log, MF_LOG_WARN, 0, "%s", words);
}

void pool_drain(struct instance *instance)
{
    if (instance->isolation == ISOLATION_RESET && instance->count == 0) {
        pool_retire(instance);
        return;
    }
    struct mf_desc desc = {.type = MF_MSG_DRAIN};
    /* Without room the guest is not told; the end of the drain period ends it. */
    if (channel_put(&instance->blank.channel, &desc, NULL, NULL) == MF_OK) {
        instance->bell_due = true;
        pool_wake(instance);
    }
    instance_go(instance, INSTANCE_DRAINING, instance->pool->node->loop.now_ns);
}

void pool_settle(struct instance *instance)
{
    struct function *function = instance->function;
    struct timers *timers = &instance->pool->node->loop.timers;
    enum instance_state state = instance->state;
    instance_check(instance);
    if (!function) {
        mf_assert(state == INSTANCE_BLANK || state == INSTANCE_DEAD);
        return;
    }
    if (!instance->listed || instance->listed_as != state) {
        if (instance->listed)
            function->in_state[instance->listed_as]--;
        if (instance->listed && instance->listed_as == INSTANCE_RESTORING)
            instance->shelf->starting--;
        list_remove(&instance->link);
        if (state == INSTANCE_IDLE)
            list_prepend(&function->idle, &instance->link);
        if (state == INSTANCE_RESTORING || state == INSTANCE_BUSY)
            list_append(&function->busy, &instance->link);
        if (state == INSTANCE_RESETTING)
            list_append(&function->resetting, &instance->link);
        if (state == INSTANCE_DRAINING)
            list_append(&function->draining, &instance->link);
        function->in_state[state]++;
        instance->listed = true;
        instance->listed_as = state;
        if (state == INSTANCE_RESTORING || state == INSTANCE_BUSY) {
            ceiling_watch(function);
            fair_watch(function);
        }
    }
    const struct instance_times times = {
        .idle_ns = warm_keep_ns(instance),
        .drain_ns = MF_DRAIN_MS_MAX * MF_NS_PER_MS,
        .reset_ns = MF_RESET_MS_MAX * MF_NS_PER_MS,
        .freeze_ns = MF_FREEZE_MS_MAX * MF_NS_PER_MS,
    };
    timer_set(timers, &instance->timer, instance_due_ns(instance, &times));
}

void pool_spend(struct instance *instance)
{
    mf_assert(instance->state != INSTANCE_DEAD && instance->count == 0);
    if (!list_empty(&instance->spent))
        return;
    list_append(&instance->pool->spent, &instance->spent);
    instance->pool->spent_count++;
}

void pool_retire(struct instance *instance)
{
    exchange_last_words(instance);
    console_drain(instance);
    blank_kill(&instance->blank);
    pool_bury(instance, NULL);
}

void pool_retire_spent(struct pool *pool, uint32_t left)
{
    while (pool->spent_count > left)
        pool_retire(list_of(pool->spent.next, struct instance, spent));
}

/* It was none yet when it ended: neither function nor snapshot is why. Another one. */
static void replace_blank(struct instance *instance, const char *why)
{
    mf_log(MF_LOG_WARN, "blank.failed", "sandbox=%s why=\"%s\"", sandbox_name(instance->blank.sandbox),
           why);
    pool_refused(instance, NULL);
}

/* Before any code of the function ran. Without what made this start a special one it may go
 * better. */
static void start_failed(struct instance *instance, const char *why)
{
    struct call *head = instance_head(instance);
    if (instance->state == INSTANCE_REHEARSING)
        rehearsal_broke(instance, why);
    else if (instance->blank.unready && instance->state == INSTANCE_FREEZING)
        freezer_unready(instance, why);
    else if (instance->blank.unready && (!head || ++head->blanks_failed < MF_BLANKS_TRIED_MAX))
        replace_blank(instance, why);
    else if (instance->start_flags & MF_START_RESTORE && !instance->blank.unready)
        pool_refused(instance, why);
    else
        pool_end(instance, SITUATION_INSTANCE_FAULT, "start-failed", why);
}

/* Its process is gone. What it said before counts first. */
void pool_exited(struct instance *instance, const struct mf_spawn_packet *said)
{
    struct function *function = instance->function;
    struct mf_why why = {{0}};
    bool was_told = instance->state == INSTANCE_DRAINING;
    if (function) {
        function->counters.retired_cpu_ns += said->cpu_ns;
        function->counters.ended++;
        function->counters.faults_taken += said->faults;
        if (!instance->rehearses)
            cpu_meter_gone(function, instance, said->cpu_ns);
        (void)function_get(function);
    }
    if (instance->state == INSTANCE_BLANK) {
        (void)blank_start_failed(&instance->blank, &why);
        mf_log(MF_LOG_WARN, "blank.ended", "id=%llu sandbox=%s cause=%s why=\"%s\"",
               (unsigned long long)said->id, sandbox_name(instance->blank.sandbox),
               exit_cause(said->status), why.text);
        pool_bury(instance, NULL);
    } else if (instance->state != INSTANCE_DEAD && blank_start_failed(&instance->blank, &why)) {
        start_failed(instance, why.text);
    } else if (instance->state == INSTANCE_FREEZING) {
        console_drain(instance);
        exchange_take_rest(instance);
        freezer_exited(instance, said->status, why.text);
        if (instance->state != INSTANCE_DEAD)
            pool_bury(instance, NULL);
    } else if (instance->state == INSTANCE_REHEARSING) {
        rehearsal_broke(instance, exit_cause(said->status));
    } else if (instance->state != INSTANCE_DEAD) {
        if (!was_told) /* an answer among its last words must not bring it the next event */
            instance_go(instance, INSTANCE_DRAINING, instance->pool->node->loop.now_ns);
        pool_settle(instance);
        exchange_take_rest(instance);
        if (instance->state != INSTANCE_DEAD)
            console_drain(instance);
    }
    if (was_told && instance->state == INSTANCE_DRAINING && instance->count == 0 &&
        said->status == 0)
        pool_bury(instance, NULL);
    else if (instance->state != INSTANCE_DEAD)
        pool_end(instance, SITUATION_INSTANCE_FAULT, exit_cause(said->status), NULL);
    pool_forget(instance);
    if (function)
        dispatch_place(function);
    function_put(function);
}

/* DEAD: its calls are settled, its descriptors closed. outcome: what its head is told. */
void pool_bury(struct instance *instance, const struct outcome *outcome)
{
    struct pool *pool = instance->pool;
    struct watcher *watcher = &pool->node->loop.watcher;
    bool ours = instance_state_is_ours(instance->state);
    if (instance->function && !ours)
        instance->function->started_ns = 0; /* its grace is over */
    bool was_blank = instance->state == INSTANCE_BLANK;
    instance_go(instance, INSTANCE_DEAD, pool->node->loop.now_ns);
    watch_remove(watcher, &instance->bell);
    watch_remove(watcher, &instance->console_watch);
    list_remove(&instance->awake);
    list_remove(&instance->held);
    list_remove(&instance->unseen);
    if (!list_empty(&instance->spent)) {
        list_remove(&instance->spent);
        pool->spent_count--;
    }
    timer_stop(&pool->node->loop.timers, &instance->timer);
    if (instance->function) {
        (void)function_get(instance->function);
        streams_lost(instance);
        dispatch_lost(instance, outcome);
        pool_settle(instance);
        function_put(instance->function);
    } else if (was_blank && !list_empty(&instance->link)) {
        list_remove(&instance->link);
        instance->shelf->count--;
    }
    freezer_lost(instance);
    rehearsal_lost(instance);
    operation_lost(instance);
    console_close(instance);
    if (instance->version)
        version_image_put(instance->version);
    if (instance->pagemap >= 0)
        (void)close(instance->pagemap);
    if (instance->snapshot_fd >= 0)
        (void)close(instance->snapshot_fd);
    if (instance->touched_fd >= 0)
        (void)close(instance->touched_fd);
    instance->pagemap = instance->snapshot_fd = instance->touched_fd = -1;
    blank_close(&instance->blank);
}

/* Its process is gone, too. */
void pool_forget(struct instance *instance)
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

void pool_console_ready(struct watch *watch, uint32_t events)
{
    struct instance *instance = list_of(watch, struct instance, console_watch);
    if (instance->function && instance->state != INSTANCE_DEAD)
        exchange_take_rest(instance); /* its kernel reports a fault after what the function said */
    if (instance->state == INSTANCE_DEAD)
        return;
    if (!console_read(instance) && (events & (EPOLLHUP | EPOLLERR)))
        watch_remove(&instance->pool->node->loop.watcher, watch);
}
