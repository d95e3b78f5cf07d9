/*
 * next_step.c: see next_step.h.
 * Guarantees: a function that seldom follows is not started in vain; nobody is told when a
 * start fails, for nobody waits. Leaves to others: whether it pays (keep_alive.c), the start
 * (warm.c). Owns a function's struct next_step. Loop thread only.
 */
#include "node/pool/next_step.h"

#include <stdlib.h>

#include "node/functions/function.h"
#include "node/pool/keep_alive.h"
#include "node/pool/warm.h"
#include "node/node.h"

#define CALLS_BELIEVED 4u /* so many calls the setting is taken at its word */
#define CALLS_KEPT 64u    /* then what was counted is halved                */

struct next_step {
    struct timer timer;       /* to start the next function          */
    struct function *function; /* this one, which comes before it    */
    uint64_t keep_ns;         /* how long what the timer starts stays */
    uint64_t next_calls;      /* of the next function, at our last call */
    uint32_t calls, followed;
};

static void start_next(struct timer *timer, uint64_t now_ns);

static struct function *next_of(const struct function *function)
{
    const struct version *version = function->version;
    const struct settings *settings = version ? &version->settings : NULL;
    /* Without the setting: the first one that gets its replies. */
    const char *name = !settings           ? NULL
                       : settings->next[0] ? settings->next
                                           : followers_next(&settings->then, NULL);
    struct function *next = name ? registry_find(&function->node->registry, name) : NULL;
    return next && next->version && next != function ? next : NULL;
}

static struct next_step *step_of(struct function *function)
{
    if (!function->next_step) {
        struct next_step *made = calloc(1, sizeof *made);
        if (!made)
            return NULL; /* without: it starts when it is called */
        made->timer.fire = start_next;
        made->function = function;
        function->next_step = made;
    }
    return function->next_step;
}

/* Of the calls before this one: was the next function called since? */
static uint32_t learn(struct next_step *step, const struct function *next)
{
    uint64_t calls = next->counters.started;
    if (step->calls > 0 && calls != step->next_calls)
        step->followed++;
    uint32_t pct = step->calls < CALLS_BELIEVED ? 100 : step->followed * 100 / step->calls;
    step->next_calls = calls;
    if (++step->calls >= CALLS_KEPT) {
        step->calls /= 2;
        step->followed /= 2;
    }
    return pct;
}

void next_step_call(struct function *function)
{
    struct function *next = next_of(function);
    struct next_step *step = next ? step_of(function) : NULL;
    if (!step) {
        if (!next)
            next_step_close(function);
        return;
    }
    const struct event_times *times = &function->times;
    const struct keep_alive_step now = {
        .begun_ns = function->node->loop.now_ns,
        .takes_ns = times->any_ns ? times->any_ns : times->start_ns,
        .start_ns = next->times.start_ns,
        .follows_pct = learn(step, next),
        .next_is_live = function_live(next) > 0 || next->calls > 0,
    };
    struct keep_alive_decision decision = keep_alive_next_step(&now);
    step->keep_ns = decision.unload_after_ns;
    timer_set(&function->node->loop.timers, &step->timer, decision.prewarm_at_ns);
}

static void start_next(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct next_step *step = list_of(timer, struct next_step, timer);
    struct function *next = next_of(step->function);
    if (next && next->calls == 0)
        warm_start(next, step->keep_ns);
}

void next_step_close(struct function *function)
{
    if (!function->next_step)
        return;
    timer_stop(&function->node->loop.timers, &function->next_step->timer);
    free(function->next_step);
    function->next_step = NULL;
}
