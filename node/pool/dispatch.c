/*
 * dispatch.c: the calls of each function, from its queue to instances and back.
 * Guarantees: every call submitted is answered once, unless cancelled, and released
 * once; no event begins twice; at most max_instances live at once.
 * Leaves to others: which instance (choice.c), processes (pool.c), the conversation
 * (exchange.c), what time brings to instances (overdue.c), what an answer looks like
 * (whoever submitted). Loop thread only.
 */
#include "node/pool/dispatch.h"

#include <string.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/pool/call.h"
#include "node/pool/choice.h"
#include "node/pool/event_time.h"
#include "node/pool/exchange.h"
#include "node/pool/isolation.h"
#include "node/pool/next_step.h"
#include "node/pool/pool.h"
#include "node/pool/start.h"
#include "node/pool/waiting.h"
#include "node/pool/warm.h"
#include "node/node.h"
#include "node/streams/hold.h"
#include "node/streams/streams.h"

static struct instance *start_one(struct function *function);
static bool give(struct instance *instance, struct call *call);
static void refuse(struct call *call, enum situation situation, const char *words);
static void answer_late(struct call *call, uint64_t now_ns);
static void set_queue_timer(struct function *function);
static void begin_next(struct instance *instance);

static uint64_t timeout_ns(const struct version *version)
{
    return version->settings.timeout_ms * MF_NS_PER_MS;
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
        refuse(call, function->version ? SITUATION_CANNOT_START : SITUATION_UNKNOWN_FUNCTION,
               function->version ? function->version->reason : "");
        return;
    }
    if (function->stopped) {
        refuse(call, SITUATION_STOPPED, function->stopped);
        return;
    }
    call->priority = call->bulk ? PRIORITY_BULK : function->version->settings.priority;
    call->arrived_ns = node->loop.now_ns;
    call->wait_until_ns = node->loop.now_ns + function->version->settings.wait_ms * MF_NS_PER_MS;
    waiting_add(call);
    dispatch_place(function);
}

void dispatch_cancel(struct call *call)
{
    struct instance *instance = call->instance;
    call->cancelled = true;
    if (!instance) {
        struct function *function = function_get(call->function);
        call_let_go(call);
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
    while ((call = waiting_first(function)) != NULL && fair_may_begin(function)) {
        struct instance *instance = choice_of(function, call);
        if (!instance)
            instance = start_one(function);
        if (call != waiting_first(function)) /* it could not be started, and was told so */
            continue;
        if (!instance && isolation_notify(function))
            continue;
        if (!instance)
            break;
        (void)give(instance, call);
    }
    warm_minimum(function);
    call = waiting_late(function);
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
        event_time_learn(instance, now_ns);
    event_time_charge(instance, now_ns);
    struct call *call = instance_pop(instance, now_ns, timeout_ns(instance->version));
    call->instance = NULL;
    if (instance->state == INSTANCE_RESETTING || instance->isolation == ISOLATION_FRESH)
        streams_lost(instance); /* nothing is left of what it had to the outside */
    call_answer(call, outcome);
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
        event_time_charge(instance, instance->pool->node->loop.now_ns);
    while (instance->count > begun) { /* from the back, so that each goes before the later ones */
        struct call *call = instance_take_last(instance);
        call->instance = NULL;
        if (call->cancelled || function->removed || (call->holds && !hold_waits(call))) {
            call_answer(call, outcome ? outcome : &removed);
            continue;
        }
        waiting_again(call);
    }
    if (instance->count == 1) {
        struct call *call = instance_take_last(instance);
        call->instance = NULL;
        call_answer(call, outcome);
    }
}

void dispatch_queue_timer(struct timer *timer, uint64_t now_ns)
{
    struct function *function = list_of(timer, struct function, timer);
    struct call *call;
    (void)function_get(function);
    while ((call = waiting_late(function)) != NULL && call->wait_until_ns <= now_ns)
        answer_late(call, now_ns);
    if ((call || warm_lacks(function)) && function->version)
        dispatch_place(function);
    else
        set_queue_timer(function);
    function_put(function);
}

void dispatch_refuse_all(struct function *function, const struct outcome *outcome)
{
    struct call *call;
    (void)function_get(function);
    while ((call = waiting_first(function)) != NULL)
        call_answer(call, outcome);
    set_queue_timer(function);
    function_put(function);
}

/* A new instance for the head of the queue, or NULL. If none can be made and none runs
 * either, the head is answered. */
static struct instance *start_one(struct function *function)
{
    struct node *node = function->node;
    struct call *call = waiting_first(function);
    uint32_t live = function_live(function);
    if (node->loop.now_ns < choice_start_due_ns(function, call))
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
        refuse(call, SITUATION_CANNOT_START, text);
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
        call_answer(call, &(struct outcome){.situation = SITUATION_REPLIED, .status = 200});
        pool_start_idle(instance);
        return instance->state != INSTANCE_DEAD;
    }
    if (err) {
        pool_end(instance, SITUATION_PROTOCOL, "protocol", "channel: the guest broke its ring");
        return false;
    }
    waiting_remove(call);
    instance->go_due = instance->parked;
    if (instance->isolation == ISOLATION_RESET)
        isolation_expect(instance, function->queued > 0);
    if (call->holds)
        limit_ns = hold_limit_ns(call);
    instance_push(instance, call, now_ns, limit_ns);
    if (instance->count == 1 && !call->holds)
        event_time_begin(instance);
    pool_settle(instance);
    pool_start_if_due(instance);
    return true;
}

static void refuse(struct call *call, enum situation situation, const char *words)
{
    call_answer(call, &(struct outcome){.situation = situation,
                                        .message = words,
                                        .message_bytes = words ? strlen(words) : 0});
}

/* The call's wait is over: say why, if the function itself is why. */
static void answer_late(struct call *call, uint64_t now_ns)
{
    char words[BACKOFF_WORDS_BYTES];
    bool faults = backoff_words(&call->function->backoff, now_ns, words);
    refuse(call, SITUATION_NO_FREE_INSTANCE, faults ? words : NULL);
}

/* Wake when the head's wait is over, or when an instance may be started for it; or one that is
 * kept anyway and could not be had. */
static void set_queue_timer(struct function *function)
{
    uint64_t now_ns = function->node->loop.now_ns, at_ns = TIMER_NEVER;
    struct call *call = waiting_first(function);
    if (call) {
        uint64_t start_ns = function->version ? choice_start_due_ns(function, call) : TIMER_NEVER;
        at_ns = waiting_late(function)->wait_until_ns;
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
    event_time_begin(instance);
}
