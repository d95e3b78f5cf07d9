/*
 * trace_replay.c: see trace_replay.h. Calls in the order in which they begin; what time
 * brings to a function (ends, unloads, pre-warms) is caught up with when it is looked at
 * next, in its own order: functions do not share anything.
 * Owns everything between start and end of trace_replay().
 */
#include "bench/trace_replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/trace_held.h"

#define FOLLOWS_WITHIN_NS MF_NS_PER_S /* a call this soon after another one's end is its next step */
#define FOLLOWED_MIN 4u               /* calls before anything is said of what follows            */
#define FOLLOWED_MAX 64u              /* then both counts are halved                              */
#define NOBODY UINT32_MAX

struct replayed {
    struct keep_alive_history history;
    struct held busy; /* until: when its call ends. A heap       */
    struct held idle; /* until: when it is unloaded. A stack     */
    uint64_t prewarm_at_ns;
    uint64_t step_keep_ns; /* of that pre-warm, if it is for a step; 0: it is not */
    uint64_t takes_ns;     /* a call, usually                                     */
    uint32_t next;         /* what usually follows                                */
    uint32_t followed, calls;
};

struct replay {
    const struct trace *trace;
    const struct replay_policy *policy;
    struct replayed *function;
    struct last {
        uint32_t function;
        uint64_t end_ns;
    } *last; /* call, by application */
    struct replay_result result;
};

static mf_err open_replay(struct replay *replay);
static void close_replay(struct replay *replay);
static mf_err take_event(struct replay *replay, const struct trace_event *event);
static mf_err advance(struct replay *replay, struct replayed *function, uint64_t now_ns);
static void finish(struct replay *replay, struct replayed *function);

mf_err trace_replay(const struct trace *trace, const struct replay_policy *policy,
                    mf_err (*tick)(void *context), void *context, struct replay_result *result)
{
    struct replay replay = {.trace = trace, .policy = policy};
    mf_err err = open_replay(&replay);
    for (size_t i = 0; i < trace->count && !err; i++) {
        err = take_event(&replay, &trace->event[i]);
        if (!err && i % REPLAY_TICK_EVENTS == 0)
            err = tick(context);
    }
    for (uint32_t i = 0; i < trace->functions.count && !err; i++) {
        err = advance(&replay, &replay.function[i], trace->span_ns);
        finish(&replay, &replay.function[i]);
    }
    *result = replay.result;
    close_replay(&replay);
    return err;
}

static mf_err open_replay(struct replay *replay)
{
    uint32_t functions = replay->trace->functions.count, apps = replay->trace->apps.count;
    replay->function = calloc(functions, sizeof *replay->function);
    replay->last = calloc(apps, sizeof *replay->last);
    if (!replay->function || !replay->last)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < functions; i++) {
        replay->function[i].prewarm_at_ns = KEEP_ALIVE_NEVER;
        replay->function[i].next = NOBODY;
    }
    for (uint32_t i = 0; i < apps; i++)
        replay->last[i].function = NOBODY;
    return MF_OK;
}

static void close_replay(struct replay *replay)
{
    for (uint32_t i = 0; replay->function && i < replay->trace->functions.count; i++) {
        held_close(&replay->function[i].busy);
        held_close(&replay->function[i].idle);
    }
    free(replay->function);
    free(replay->last);
}

static void count_life(struct replay *replay, uint64_t from_ns, uint64_t to_ns)
{
    replay->result.instance_s += (double)(to_ns - from_ns) / (double)MF_NS_PER_S;
}

/* Unload what is due. A timer did it, unless it was due when it became idle. */
static void unload(struct replay *replay, struct replayed *function, uint64_t now_ns)
{
    struct holding gone;
    while (held_take_due(&function->idle, now_ns, &gone)) {
        count_life(replay, gone.loaded_ns, gone.until_ns);
        replay->result.wakeups += gone.until_ns > gone.idle_ns;
    }
}

/* An instance is idle from now on, and kept for so long. */
static mf_err make_idle(struct replayed *function, uint64_t loaded_ns, uint64_t now_ns,
                        uint64_t keep_ns)
{
    return held_push(&function->idle, (struct holding){.until_ns = now_ns + keep_ns,
                                                       .loaded_ns = loaded_ns,
                                                       .idle_ns = now_ns});
}

static void count_start(struct replay *replay)
{
    replay->result.wakeups++; /* the pool's timer, to make another blank */
}

static mf_err end_call(struct replay *replay, struct replayed *function)
{
    struct holding ended = held_pop_first(&function->busy);
    uint64_t now_ns = ended.until_ns;
    unload(replay, function, now_ns);
    bool last = function->busy.count == 0;
    if (last)
        keep_alive_idle(&function->history, now_ns);
    struct keep_alive_decision decision =
        keep_alive_decide(&replay->policy->keep, &function->history, now_ns);
    if (last && decision.prewarm_at_ns < function->prewarm_at_ns) {
        function->prewarm_at_ns = decision.prewarm_at_ns;
        function->step_keep_ns = 0;
    }
    return make_idle(function, ended.loaded_ns, now_ns, decision.unload_after_ns);
}

static mf_err prewarm(struct replay *replay, struct replayed *function)
{
    uint64_t now_ns = function->prewarm_at_ns, keep_ns = function->step_keep_ns;
    function->prewarm_at_ns = KEEP_ALIVE_NEVER;
    unload(replay, function, now_ns);
    replay->result.wakeups += keep_ns == 0;
    if (function->idle.count)
        return MF_OK;
    replay->result.prewarms++;
    count_start(replay);
    if (keep_ns == 0)
        keep_ns = keep_alive_decide(&replay->policy->keep, &function->history, now_ns)
                      .unload_after_ns;
    return make_idle(function, now_ns, now_ns, keep_ns);
}

/* What time has brought by now. */
static mf_err advance(struct replay *replay, struct replayed *function, uint64_t now_ns)
{
    mf_err err = MF_OK;
    while (!err) {
        uint64_t end_ns = held_first_ns(&function->busy);
        uint64_t next_ns = end_ns <= function->prewarm_at_ns ? end_ns : function->prewarm_at_ns;
        if (next_ns > now_ns)
            break;
        err = next_ns == end_ns ? end_call(replay, function) : prewarm(replay, function);
    }
    unload(replay, function, now_ns);
    return err;
}

/* Who follows whom: the candidate that came up most often of late. */
static void learn_step(struct replay *replay, uint32_t number, const struct trace_event *event)
{
    struct last *last = &replay->last[replay->trace->app_of[number]];
    if (last->function != NOBODY && last->function != number && last->end_ns <= event->start_ns &&
        event->start_ns - last->end_ns <= FOLLOWS_WITHIN_NS) {
        struct replayed *before = &replay->function[last->function];
        if (before->next == number) {
            before->followed++;
        } else if (before->followed == 0) {
            before->next = number;
            before->followed = before->calls = 1;
        } else {
            before->followed--;
        }
    }
    *last = (struct last){number, event->start_ns + event->duration_ns};
    struct replayed *function = &replay->function[number];
    if (++function->calls >= FOLLOWED_MAX) {
        function->calls /= 2;
        function->followed /= 2;
    }
    function->takes_ns = function->takes_ns
                             ? function->takes_ns - function->takes_ns / 8 + event->duration_ns / 8
                             : event->duration_ns;
}

static mf_err prewarm_next(struct replay *replay, const struct replayed *function, uint64_t now_ns)
{
    if (function->next == NOBODY || function->calls < FOLLOWED_MIN)
        return MF_OK;
    struct replayed *next = &replay->function[function->next];
    mf_err err = advance(replay, next, now_ns);
    struct keep_alive_step step = {
        .begun_ns = now_ns,
        .takes_ns = function->takes_ns,
        .start_ns = replay->policy->start_ns,
        .follows_pct = function->followed * 100 / function->calls,
        .next_is_live = next->busy.count + next->idle.count > 0,
    };
    struct keep_alive_decision decision = keep_alive_next_step(&step);
    if (err || decision.prewarm_at_ns >= next->prewarm_at_ns)
        return err;
    next->prewarm_at_ns = decision.prewarm_at_ns;
    next->step_keep_ns = decision.unload_after_ns;
    replay->result.wakeups += decision.prewarm_at_ns > now_ns;
    return MF_OK;
}

static mf_err take_event(struct replay *replay, const struct trace_event *event)
{
    struct replayed *function = &replay->function[event->function];
    struct holding instance = {.loaded_ns = event->start_ns};
    mf_err err = advance(replay, function, event->start_ns);
    if (err)
        return err;
    keep_alive_event(&function->history, event->start_ns);
    function->prewarm_at_ns = KEEP_ALIVE_NEVER;
    replay->result.calls++;
    if (!held_pop_last(&function->idle, &instance)) {
        replay->result.cold_starts++;
        count_start(replay);
    }
    instance.until_ns = event->start_ns + event->duration_ns;
    err = held_insert(&function->busy, instance);
    if (err || !replay->policy->next_step)
        return err;
    err = prewarm_next(replay, function, event->start_ns);
    learn_step(replay, event->function, event);
    return err;
}

/* The trace is over: nothing is there any longer than it. */
static void finish(struct replay *replay, struct replayed *function)
{
    struct holding instance;
    while (held_pop_last(&function->idle, &instance))
        count_life(replay, instance.loaded_ns, replay->trace->span_ns);
}
