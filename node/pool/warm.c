/*
 * warm.c: see warm.h.
 * Guarantees: an instance is pre-warmed only if the function has none and no call, and may
 * have one now; nobody is told when that fails, for nobody waits.
 * Leaves to others: the decisions (keep_alive.c), their timing for instances (pool.c).
 * Owns a function's struct warmth. Loop thread only.
 */
#include "node/pool/warm.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/pool/keep_alive.h"
#include "node/pool/pool.h"
#include "node/pool/start.h"
#include "node/node.h"

_Static_assert(KEEP_ALIVE_NEVER == TIMER_NEVER, "a decision is a timer's time");

struct warmth {
    struct keep_alive_history history;
    struct timer timer; /* to pre-warm */
    struct function *function;
};

static void prewarm(struct timer *timer, uint64_t now_ns);

static struct keep_alive_policy policy_of(const struct version *version)
{
    return (struct keep_alive_policy){.kind = version->settings.keep_alive,
                                      .fixed_ns = version->settings.idle_ms * MF_NS_PER_MS,
                                      .unload_min_ns = KEEP_ALIVE_UNLOAD_MIN_NS};
}

void warm_call(struct function *function)
{
    function->calls++;
    if (!function->version || function->version->settings.keep_alive != KEEP_ALIVE_HYBRID) {
        warm_close(function); /* what it was before is no history of the present version */
        return;
    }
    if (!function->warmth) {
        struct warmth *made = calloc(1, sizeof *made);
        if (!made)
            return; /* without a history: kept for the fixed time */
        made->timer.fire = prewarm;
        made->function = function;
        function->warmth = made;
    }
    timer_stop(&function->node->loop.timers, &function->warmth->timer);
    keep_alive_event(&function->warmth->history, function->node->loop.now_ns);
}

void warm_call_gone(struct function *function)
{
    struct warmth *warmth = function->warmth;
    mf_assert(function->calls > 0);
    if (--function->calls > 0 || !warmth || !function->version)
        return;
    uint64_t now_ns = function->node->loop.now_ns;
    struct keep_alive_policy policy = policy_of(function->version);
    keep_alive_idle(&warmth->history, now_ns);
    timer_set(&function->node->loop.timers, &warmth->timer,
              keep_alive_decide(&policy, &warmth->history, now_ns).prewarm_at_ns);
}

uint64_t warm_keep_ns(const struct instance *instance)
{
    if (instance->state != INSTANCE_IDLE)
        return KEEP_ALIVE_NEVER;
    const struct function *function = instance->function;
    const struct warmth *warmth = function->warmth;
    struct keep_alive_policy policy = policy_of(instance->version);
    if (instance->version == function->version &&
        function_live(function) <= function->version->settings.min_instances)
        return KEEP_ALIVE_NEVER;
    uint64_t keep_ns =
        keep_alive_decide(&policy, warmth ? &warmth->history : NULL, instance->state_since_ns)
            .unload_after_ns;
    return !instance->used && instance->prewarmed_ns > keep_ns ? instance->prewarmed_ns : keep_ns;
}

void warm_close(struct function *function)
{
    if (!function->warmth)
        return;
    timer_stop(&function->node->loop.timers, &function->warmth->timer);
    free(function->warmth);
    function->warmth = NULL;
}

/* At the time that its own history says. */
static void prewarm(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct function *function = list_of(timer, struct warmth, timer)->function;
    const struct version *version = function->version;
    mf_assert(function->calls == 0); /* a call stops the timer */
    if (version && version->settings.keep_alive == KEEP_ALIVE_HYBRID)
        warm_start(function, 0);
}

/* Idle from the beginning: its guest takes an event whenever it gets to it. */
static bool start_idle(struct function *function, uint64_t keep_ns)
{
    uint64_t now_ns = function->node->loop.now_ns;
    struct instance *instance = NULL;
    struct mf_why why = {{0}};
    if (now_ns < backoff_until_ns(&function->backoff))
        return false;
    mf_err err = pool_start(&function->node->pool, function, &instance, &why);
    if (err) {
        mf_log(MF_LOG_DEBUG, "instance.not_prewarmed", "fn=%s why=\"%s\"", function->name,
               mf_why_text(&why, err));
        return false;
    }
    backoff_start(&function->backoff, now_ns);
    function->started_ns = now_ns;
    function->counters.prewarms++;
    instance->served = true; /* its first answer will not tell how long a start takes */
    instance->prewarmed_ns = keep_ns;
    pool_start_idle(instance);
    return true;
}

void warm_start(struct function *function, uint64_t keep_ns)
{
    if (function->version && function->version->sandbox != MF_SANDBOX_AUTO && !function_live(function))
        (void)start_idle(function, keep_ns);
}

bool warm_lacks(const struct function *function)
{
    return function->version && function->version->sandbox != MF_SANDBOX_AUTO && !function->stopped &&
           function_live(function) < function->version->settings.min_instances;
}

void warm_minimum(struct function *function)
{
    while (warm_lacks(function) && !function->node->pool.closing && start_idle(function, 0))
        ;
}
