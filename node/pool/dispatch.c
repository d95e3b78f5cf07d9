/*
 * dispatch.c: the calls of each function, from its queue to instances and back.
 * Guarantees: every call submitted is answered once, unless cancelled, and released
 * once; no event begins twice; at most max_instances live at once.
 * Leaves to others: processes (pool.c), the conversation (exchange.c), what an answer
 * looks like (whoever submitted). Loop thread only.
 */
#include "node/pool/dispatch.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/operations/popped.h"
#include "node/pool/call.h"
#include "node/pool/exchange.h"
#include "node/pool/isolation.h"
#include "node/pool/next_step.h"
#include "node/pool/policy.h"
#include "node/pool/pool.h"
#include "node/pool/run_delay.h"
#include "node/pool/start.h"
#include "node/pool/warm.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/rehearsal.h"
#include "node/streams/hold.h"
#include "node/streams/streams.h"

#define PICK_LOOKS_MAX 16                   /* of running instances, for room ahead */

static struct instance *pick(struct function *function, const struct call *call);
static struct instance *start_one(struct function *function);
static bool give(struct instance *instance, struct call *call);
static void let_go(struct call *call);
static void answer(struct call *call, const struct outcome *outcome);
static void answer_late(struct call *call, uint64_t now_ns);
static void set_queue_timer(struct function *function);
static void begin_next(struct instance *instance);
static void sample(struct instance *instance);
static void learn(struct instance *instance, uint64_t now_ns);
static void expire_ahead(struct instance *instance, uint64_t now_ns);
static void charge(struct instance *instance, uint64_t now_ns);

static uint64_t timeout_ns(const struct version *version)
{
    return version->settings.timeout_ms * MF_NS_PER_MS;
}

static struct call *first_of(const struct function *function, enum priority priority)
{
    const struct link *queue = &function->queue[priority];
    return list_empty(queue) ? NULL : list_of(queue->next, struct call, link);
}

/* Whose turn it is. */
static struct call *first_waiting(const struct function *function)
{
    struct call *urgent = first_of(function, PRIORITY_URGENT);
    return urgent ? urgent : first_of(function, PRIORITY_BULK);
}

/* Whose wait is over first. */
static struct call *first_late(const struct function *function)
{
    struct call *urgent = first_of(function, PRIORITY_URGENT);
    struct call *bulk = first_of(function, PRIORITY_BULK);
    return !bulk || (urgent && urgent->wait_until_ns <= bulk->wait_until_ns) ? urgent : bulk;
}

void dispatch_submit(struct function *function, struct call *call)
{
    struct node *node = function->node;
    link_init(&call->link);
    call->function = function_get(function);
    function->counters.started++;
    warm_call(function);
    next_step_call(function);
    if (!function->version || function->version->sandbox == MF_SANDBOX_AUTO) {
        const char *why = function->version ? function->version->reason : "";
        answer(call, &(struct outcome){.situation = function->version ? SITUATION_CANNOT_START
                                                                      : SITUATION_UNKNOWN_FUNCTION,
                                       .message = why,
                                       .message_bytes = strlen(why)});
        return;
    }
    if (function->stopped) {
        answer(call, &(struct outcome){.situation = SITUATION_STOPPED,
                                       .message = function->stopped,
                                       .message_bytes = strlen(function->stopped)});
        return;
    }
    call->priority = call->bulk ? PRIORITY_BULK : function->version->settings.priority;
    call->arrived_ns = node->loop.now_ns;
    call->wait_until_ns = node->loop.now_ns + function->version->settings.wait_ms * MF_NS_PER_MS;
    list_append(&function->queue[call->priority], &call->link);
    function->queued++;
    dispatch_place(function);
}

void dispatch_cancel(struct call *call)
{
    struct instance *instance = call->instance;
    call->cancelled = true;
    if (!instance) {
        struct function *function = function_get(call->function);
        let_go(call);
        set_queue_timer(function);
        function_put(function);
        return;
    }
    exchange_cancel(instance, call);
    if (instance_head(instance) == call)
        instance_hurry(instance, instance->pool->node->loop.now_ns + MF_CANCEL_GRACE_MS * MF_NS_PER_MS);
    pool_settle(instance);
}

void dispatch_place(struct function *function)
{
    struct call *call;
    (void)function_get(function); /* an answer may let go of the last reference */
    while ((call = first_waiting(function)) != NULL && fair_may_begin(function)) {
        struct instance *instance = pick(function, call);
        if (!instance)
            instance = start_one(function);
        if (call != first_waiting(function)) /* it could not be started, and was told so */
            continue;
        if (!instance && isolation_notify(function))
            continue;
        if (!instance)
            break;
        (void)give(instance, call);
    }
    warm_minimum(function);
    call = first_late(function);
    if (call && call->wait_until_ns <= function->node->loop.now_ns)
        dispatch_queue_timer(&function->timer, function->node->loop.now_ns);
    else
        set_queue_timer(function);
    function_put(function);
}

void dispatch_ended(struct instance *instance, const struct outcome *outcome)
{
    uint64_t now_ns = instance->pool->node->loop.now_ns;
    struct function *function = instance->function;
    exchange_abandon(instance, instance_head(instance));
    backoff_answer(&function->backoff);
    if (instance_head(instance)->holds)
        instance->served = true; /* for how long says nothing of events */
    else
        learn(instance, now_ns);
    charge(instance, now_ns);
    struct call *call = instance_pop(instance, now_ns, timeout_ns(instance->version));
    call->instance = NULL;
    if (instance->state == INSTANCE_RESETTING || instance->isolation == ISOLATION_FRESH)
        streams_lost(instance); /* nothing is left of what it had to the outside */
    answer(call, outcome);
    begin_next(instance);
    bool old = instance->version != function->version;
    if (instance->state == INSTANCE_IDLE && old)
        pool_drain(instance);
    else if ((instance->state == INSTANCE_RESETTING && old) ||
             (instance->state == INSTANCE_DRAINING && instance->isolation == ISOLATION_FRESH))
        pool_spend(instance);
    pool_settle(instance);
    dispatch_place(function);
}

void dispatch_lost(struct instance *instance, const struct outcome *outcome)
{
    static const struct outcome removed = {.situation = SITUATION_UNKNOWN_FUNCTION};
    struct function *function = instance->function;
    uint32_t begun = instance->unbegun ? 0 : 1;
    mf_assert(instance->state == INSTANCE_DEAD);
    instance->sending = NULL;
    if (begun && instance->count > 0)
        charge(instance, instance->pool->node->loop.now_ns);
    while (instance->count > begun) { /* from the back, so that each goes before the later ones */
        struct call *call = instance_take_last(instance);
        call->instance = NULL;
        if (call->cancelled || function->removed || (call->holds && !hold_waits(call))) {
            answer(call, outcome ? outcome : &removed);
            continue;
        }
        list_prepend(&function->queue[call->priority], &call->link);
        function->queued++;
    }
    if (instance->count == 1) {
        struct call *call = instance_take_last(instance);
        call->instance = NULL;
        answer(call, outcome);
    }
}

/* The head event is over. */
static void charge(struct instance *instance, uint64_t now_ns)
{
    struct call *call = instance_head(instance);
    call->ran_ns = now_ns > instance->begun_ns ? now_ns - instance->begun_ns : 0;
    usage_event(instance->function, call->ran_ns, instance->version->settings.memory_mib);
}

/* False: it is not rolled back, and has been ended for it or has more time. */
static bool reset_in_time(struct instance *instance, uint64_t now_ns)
{
    if (isolation_reset_done(instance))
        return true;
    if (instance->state == INSTANCE_DEAD)
        return false;
    if (instance->paused) /* by its function's CPU ceiling: it cannot */
        timer_set(&instance->pool->node->loop.timers, &instance->timer,
                  now_ns + MF_RESET_MS_MAX * MF_NS_PER_MS);
    else
        pool_end(instance, SITUATION_INSTANCE_FAULT, "reset-timeout",
                 "it did not wait for an event in time after its last one");
    return false;
}

void dispatch_instance_timer(struct timer *timer, uint64_t now_ns)
{
    struct instance *instance = list_of(timer, struct instance, timer);
    struct call *head = instance_head(instance);
    if (head && now_ns >= instance->deadline_ns) {
        /* What it has already said counts: a reply may stand in the ring. */
        exchange_take_rest(instance);
        if (instance->state == INSTANCE_DEAD)
            return;
        if (instance_head(instance) != head) {
            pool_settle(instance);
            return;
        }
        pool_end(instance, SITUATION_DEADLINE, head->cancelled ? "cancelled" : "deadline", NULL);
        return;
    }
    expire_ahead(instance, now_ns);
    if (instance->state == INSTANCE_FREEZING) {
        freezer_late(instance);
        return;
    }
    if (instance->state == INSTANCE_REHEARSING) {
        rehearsal_broke(instance, "it takes too long");
        return;
    }
    if (instance->state == INSTANCE_RESETTING && !reset_in_time(instance, now_ns))
        return;
    if (instance->state == INSTANCE_IDLE &&
        now_ns - instance->state_since_ns >= warm_keep_ns(instance))
        pool_drain(instance);
    else if (instance->state == INSTANCE_DRAINING && instance->count == 0 &&
             now_ns - instance->state_since_ns >= MF_DRAIN_MS_MAX * MF_NS_PER_MS) {
        pool_end(instance, SITUATION_INSTANCE_FAULT, "drain-timeout", NULL);
        return;
    }
    pool_settle(instance);
}

void dispatch_queue_timer(struct timer *timer, uint64_t now_ns)
{
    struct function *function = list_of(timer, struct function, timer);
    struct call *call;
    (void)function_get(function);
    while ((call = first_late(function)) != NULL && call->wait_until_ns <= now_ns)
        answer_late(call, now_ns);
    if ((call || warm_lacks(function)) && function->version)
        dispatch_place(function);
    else
        set_queue_timer(function);
    function_put(function);
}

/* Connections of an old version have a while yet; those of no function, or a stopped one, less. */
static void end_hold(struct instance *instance)
{
    const struct call *head = instance_head(instance);
    if (!head || !head->holds)
        return;
    uint64_t ns = instance->function->removed || instance->function->stopped ? timeout_ns(instance->version)
                                              : MF_STREAM_OLD_MS * MF_NS_PER_MS;
    instance_hurry(instance, instance->pool->node->loop.now_ns + ns);
    pool_settle(instance);
}

void dispatch_redeployed(struct function *function)
{
    backoff_redeployed(&function->backoff);
    usage_settle(function);
    list_each_safe(at, &function->idle) {
        struct instance *instance = list_of(at, struct instance, link);
        if (instance->version == function->version)
            continue;
        pool_drain(instance);
        pool_settle(instance);
    }
    list_each_safe(next, &function->busy) {
        struct instance *instance = list_of(next, struct instance, link);
        if (instance->version != function->version)
            end_hold(instance);
        if (instance->version == function->version || instance->sending || instance->abandoned)
            continue; /* DRAIN may not come between the pieces of a body: when it is idle */
        if (instance->isolation != ISOLATION_REUSE && instance->count)
            continue; /* this event is its last anyway: dispatch_ended() */
        pool_drain(instance);
        pool_settle(instance);
    }
    list_each_safe(last, &function->resetting) {
        struct instance *instance = list_of(last, struct instance, link);
        if (instance->version != function->version)
            pool_spend(instance);
    }
    if (function->version)
        dispatch_place(function);
}

void dispatch_stopped(struct function *function)
{
    list_each_safe(at, &function->busy) {
        struct instance *instance = list_of(at, struct instance, link);
        end_hold(instance);
    }
}

void dispatch_refuse_all(struct function *function, const struct outcome *outcome)
{
    struct call *call;
    (void)function_get(function);
    while ((call = first_waiting(function)) != NULL)
        answer(call, outcome);
    set_queue_timer(function);
    function_put(function);
}

/* A running instance of the present version with fewer than so many events, the one with
 * the fewest; not one whose event takes longer than events do here. */
static struct instance *pick_running(const struct function *function, const struct call *call,
                                     uint32_t fewer_than)
{
    uint64_t now_ns = function->node->loop.now_ns;
    struct instance *best = NULL;
    int looks = 0;
    list_each(at, &function->busy) {
        struct instance *instance = list_of(at, struct instance, link);
        if (++looks > PICK_LOOKS_MAX)
            break;
        bool stalled = instance->served && now_ns - instance->begun_ns > POLICY_AHEAD_NS;
        if (instance->version != function->version || stalled || instance->count >= fewer_than ||
            !instance_has_room(instance) || !exchange_room(instance, call) ||
            (best && best->count <= instance->count))
            continue;
        best = instance;
    }
    return best;
}

static struct instance *pick(struct function *function, const struct call *call)
{
    bool reuses = function->version->settings.isolation == ISOLATION_REUSE;
    uint32_t gather = reuses ? policy_gather(&function->times) : 1;
    uint32_t ahead = reuses ? policy_ahead(&function->times) : 1;
    struct instance *instance = gather > 1 ? pick_running(function, call, gather) : NULL;
    if (instance)
        return instance;
    list_each(at, &function->idle) {
        instance = list_of(at, struct instance, link);
        if (instance->version == function->version && instance_has_room(instance) &&
            exchange_room(instance, call))
            return instance;
    }
    instance = isolation_pick(function);
    if (instance)
        return instance;
    return ahead > 1 ? pick_running(function, call, ahead) : NULL;
}

/* Where each event has an instance of its own, none of those that live will take it. */
static uint64_t patience_ns(const struct function *function, uint32_t live)
{
    if (function->version && isolation_in_force(function->version, NULL) == ISOLATION_FRESH)
        return 0;
    return policy_patience_ns(&function->times, live);
}

/* From when on the head of the queue may have an instance started for it. */
static uint64_t start_due_ns(const struct function *function, const struct call *call)
{
    const struct settings *settings = &function->version->settings;
    const struct consumer *consumer = function->consumer;
    uint32_t live = function_live(function);
    uint64_t durable = consumer && consumer->stat.count > consumer->in_hand
                           ? consumer->stat.count - consumer->in_hand : 0;
    const struct scale_view view = {.live = live,
                                    .most = settings->max_instances,
                                    .waiting = function->queued + durable,
                                    .threshold = settings->scale_threshold,
                                    .arrived_ns = call->arrived_ns,
                                    .patience_ns = patience_ns(function, live),
                                    .started_ns = function->started_ns,
                                    .grace_ns = settings->grace_ms * MF_NS_PER_MS,
                                    .held_until_ns = backoff_until_ns(&function->backoff)};
    return policy_start_ns(&view);
}

/* A new instance for the head of the queue, or NULL. If none can be made and none runs
 * either, the head is answered. */
static struct instance *start_one(struct function *function)
{
    struct node *node = function->node;
    struct call *call = first_waiting(function);
    uint32_t live = function_live(function);
    if (node->loop.now_ns < start_due_ns(function, call))
        return NULL;
    struct instance *instance = NULL;
    struct mf_why why = {{0}};
    mf_err err = pool_start(&node->pool, function, &instance, &why);
    if (!err) {
        backoff_start(&function->backoff, node->loop.now_ns);
        function->started_ns = node->loop.now_ns;
        function->counters.cold_starts[function->version->sandbox]++;
        usage_cold_start(function);
        return instance;
    }
    if (err == MF_EAGAIN)
        return NULL;
    const char *text = mf_why_text(&why, err);
    function_log_node(function->log, MF_LOG_ERROR, 0, "no instance could be started: %s", text);
    if (live == 0)
        answer(call, &(struct outcome){.situation = SITUATION_CANNOT_START,
                                       .message = text,
                                       .message_bytes = strlen(text)});
    return NULL;
}

/* The head of the queue into an instance's ring. False: the instance is broken, and ended. */
static bool give(struct instance *instance, struct call *call)
{
    struct function *function = call->function;
    uint64_t now_ns = function->node->loop.now_ns;
    uint64_t limit_ns = timeout_ns(instance->version);
    mf_err err = exchange_send(instance, call, now_ns + limit_ns);
    if (err == MF_ENOENT) { /* a hold, behind which nobody is any more */
        answer(call, &(struct outcome){.situation = SITUATION_REPLIED, .status = 200});
        pool_start_idle(instance);
        return instance->state != INSTANCE_DEAD;
    }
    if (err) {
        pool_end(instance, SITUATION_PROTOCOL, "protocol", "channel: the guest broke its ring");
        return false;
    }
    list_remove(&call->link);
    function->queued--;
    instance->go_due = instance->parked;
    if (instance->isolation == ISOLATION_RESET)
        isolation_expect(instance, function->queued > 0);
    if (call->holds)
        limit_ns = hold_limit_ns(call);
    instance_push(instance, call, now_ns, limit_ns);
    if (instance->count == 1 && !call->holds)
        sample(instance);
    pool_settle(instance);
    pool_start_if_due(instance);
    return true;
}

/* Out of everything of ours. */
static void let_go(struct call *call)
{
    struct function *function = call->function;
    if (!list_empty(&call->link)) {
        list_remove(&call->link);
        function->queued--;
    }
    call->function = NULL;
    call->instance = NULL;
    budget_give(&function->node->budget, call->reply_charged);
    call_drop_reply(call);
    call->release(call);
    warm_call_gone(function);
    function_put(function);
}

static void answer(struct call *call, const struct outcome *outcome)
{
    popped_settle(call, outcome);
    if (!call->cancelled)
        call->done(call, outcome);
    let_go(call);
}

/* The call's wait is over: say why, if the function itself is why. */
static void answer_late(struct call *call, uint64_t now_ns)
{
    struct outcome outcome = {.situation = SITUATION_NO_FREE_INSTANCE};
    char words[BACKOFF_WORDS_BYTES];
    if (backoff_words(&call->function->backoff, now_ns, words)) {
        outcome.message = words;
        outcome.message_bytes = strlen(words);
    }
    answer(call, &outcome);
}

/* Wake when the head's wait is over, or when an instance may be started for it; or one that is
 * kept anyway and could not be had. */
static void set_queue_timer(struct function *function)
{
    uint64_t now_ns = function->node->loop.now_ns, at_ns = TIMER_NEVER;
    struct call *call = first_waiting(function);
    if (call) {
        uint64_t start_ns = function->version ? start_due_ns(function, call) : TIMER_NEVER;
        at_ns = first_late(function)->wait_until_ns;
        if (start_ns < at_ns && start_ns > now_ns)
            at_ns = start_ns;
    } else if (warm_lacks(function)) {
        at_ns = now_ns + MF_WARM_RETRY_MS * MF_NS_PER_MS;
    }
    timer_set(&function->node->loop.timers, &function->timer, at_ns);
}

/* The next event in the ring runs now; if nobody waits for it, not for long. */
static void begin_next(struct instance *instance)
{
    struct call *call = instance_head(instance);
    if (!call)
        return;
    if (call->cancelled)
        instance_hurry(instance, instance->begun_ns + MF_CANCEL_GRACE_MS * MF_NS_PER_MS);
    sample(instance);
}

static uint64_t delays_ns(const struct instance *instance)
{
    return run_delay_of_ns(getpid()) + run_delay_of_ns(instance->blank.pid);
}

/* The head event has begun: measure it, or not. */
static void sample(struct instance *instance)
{
    instance->sampled = instance->served && (instance->samples < POLICY_SAMPLES_FIRST ||
                                             instance->unsampled >= POLICY_SAMPLE_EVERY);
    if (!instance->sampled) {
        instance->unsampled++;
        return;
    }
    instance->unsampled = 0;
    instance->samples++;
    instance->delay_ns = delays_ns(instance);
}

static void learn(struct instance *instance, uint64_t now_ns)
{
    struct function *function = instance->function;
    uint64_t took_ns = now_ns - instance->begun_ns;
    if (instance->look_due) { /* before it is killed: turn.c */
        instance->look_due = false;
        list_append(&instance->pool->unseen, &instance->unseen);
    }
    if (!instance->served) { /* its first event: start and service in one */
        instance->served = true;
        policy_learn_start(&function->times, took_ns);
        histogram_add(&function->counters.cold_start, took_ns);
    } else if (instance->sampled) {
        uint64_t waited_ns = delays_ns(instance) - instance->delay_ns;
        policy_learn_event(&function->times, took_ns > waited_ns ? took_ns - waited_ns : 1,
                           instance->head_woke);
    }
}

/* Events ahead whose wait is over: their clients are told now, not when it is their turn. */
static void expire_ahead(struct instance *instance, uint64_t now_ns)
{
    for (uint32_t i = 1; i < instance->count; i++) {
        struct call *call = instance_event(instance, i);
        if (call->cancelled || call->wait_until_ns > now_ns)
            continue;
        call->done(call, &(struct outcome){.situation = SITUATION_NO_FREE_INSTANCE});
        call->cancelled = true;
        exchange_cancel(instance, call);
    }
}
