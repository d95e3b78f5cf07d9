/*
 * fair.c: see fair.h.
 * Guarantees: over seconds, functions that want all the processors they can get get them as
 * 1 : their shares; one that is let down goes on, at the latest, when its debt is paid; nothing
 * ticks while one function works, with no more instances than there are processors.
 * Leaves to others: stopping instances (ceiling.c), the limit's use (delivery/consumer.c).
 */
#include "node/pool/fair.h"

#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/pool/blanks.h"
#include "node/pool/dispatch.h"
#include "node/node.h"
#include "node/slice.h"

#define VIEWS_MAX 64u /* functions that are compared in one tick; more at once share what there is */

static void tick(struct timer *timer, uint64_t now_ns);

static uint32_t busy_of(const struct function *function)
{
    return function->in_state[INSTANCE_RESTORING] + function->in_state[INSTANCE_BUSY];
}

static uint32_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (uint32_t)count : 1;
}

void fairness_open(struct fairness *fairness, struct node *node)
{
    *fairness = (struct fairness){.node = node, .timer = {.fire = tick}, .processors = processors()};
    link_init(&fairness->active);
}

void fairness_close(struct fairness *fairness)
{
    if (fairness->node)
        timer_stop(&fairness->node->loop.timers, &fairness->timer);
}

void fair_init(struct fair *fair)
{
    *fair = (struct fair){0};
    link_init(&fair->active);
}

/* A monitor takes its nice when it starts, which may be now. */
static void set_slice(const struct instance *instance)
{
    if (instance->blank.pid > 0)
        slice_set(instance->blank.pid, instance->function->fair.slice_ns, blanks_nice(instance));
}

static void set_slices(struct function *function, uint64_t ns)
{
    struct link *const lists[] = {&function->busy, &function->idle, &function->resetting, &function->draining};
    if (function->fair.slice_ns == ns)
        return;
    function->fair.slice_ns = ns;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_each(at, lists[i])
            set_slice(list_of(at, struct instance, link));
}

/* Somebody computes, and others work, or did a moment ago. Blanks have the spawner's slice. */
static void set_crowded(struct fairness *fairness, uint64_t now_ns)
{
    bool computes = false;
    list_each(at, &fairness->active)
        computes = computes || list_of(at, struct function, fair.active)->fair.computes;
    if (computes && fairness->count >= 2)
        fairness->crowded_ns = now_ns;
    bool crowded = fairness->count > 0 && fairness->crowded_ns &&
                   now_ns - fairness->crowded_ns < FAIR_CROWDED_MS * MF_NS_PER_MS;
    if (crowded != fairness->crowded) {
        uint64_t ns = crowded ? MF_SLICE_NS : 0;
        slice_set_own(ns);
        if (fairness->node->pool.spawner.pid > 0)
            slice_set(fairness->node->pool.spawner.pid, ns, SLICE_NICE_ANY);
    }
    fairness->crowded = crowded;
    list_each(each, &fairness->active) {
        struct function *function = list_of(each, struct function, fair.active);
        set_slices(function, !crowded ? 0 : function->fair.computes ? MF_SLICE_LONG_NS : MF_SLICE_NS);
    }
}

/* Another one works: did those that were there compute, since they were looked at? A tick may be long ago. */
static void judge(struct fairness *fairness, uint64_t now_ns)
{
    list_each(at, &fairness->active) {
        struct function *function = list_of(at, struct function, fair.active);
        struct fair *fair = &function->fair;
        if (now_ns - fair->seen_ns < FAIR_TICK_MS * MF_NS_PER_MS)
            continue; /* the next tick says more */
        cpu_meter_look(function, false);
        fair->computes = fair_computes(fair->computes, function->cpu.used_ns - fair->used_seen_ns,
                                       now_ns - fair->seen_ns);
    }
    set_crowded(fairness, now_ns);
}

static void leave(struct function *function)
{
    struct fair *fair = &function->fair;
    if (list_empty(&fair->active))
        return;
    list_remove(&fair->active);
    function->node->fairness.count--;
    fair->credit_ns = 0;
    fair->let_down = false;
    fair->limit = 0;
    fair->computes = false;
    set_slices(function, 0);
}

int fair_nice_of_share(const struct version *version)
{
    return slice_nice_of((double)version->settings.cpu_share / MF_CPU_SHARE_DEFAULT);
}

int fair_nice(const struct function *function, bool serves_one)
{
    int crowd = serves_one ? slice_nice_of(1.0 / (1 + busy_of(function))) : FAIR_NICE;
    int nice = (crowd < FAIR_NICE ? crowd : FAIR_NICE) + fair_nice_of_share(function->version);
    return nice < MF_NICE_MAX ? nice : MF_NICE_MAX;
}

void fair_take(const struct instance *instance)
{
    if (instance->function->node->fairness.crowded_ns) /* else no blank was made with another than the kernel's */
        set_slice(instance);
}

void fair_close(struct function *function)
{
    leave(function);
}

/* One function alone is looked at only if it may be in its own way. */
static bool is_due(const struct function *function)
{
    const struct fairness *fairness = &function->node->fairness;
    return fairness->count >= 2 || busy_of(function) > fairness->processors || function->fair.limit;
}

void fair_watch(struct function *function)
{
    struct fairness *fairness = &function->node->fairness;
    struct fair *fair = &function->fair;
    fair->quiet = 0;
    if (!fairness->node) /* not open */
        return;
    if (list_empty(&fair->active)) {
        list_append(&fairness->active, &fair->active);
        fairness->count++;
        cpu_meter_look(function, true);
        fair->used_seen_ns = function->cpu.used_ns;
        fair->waited_seen_ns = function->cpu.waited_ns;
        fair->seen_ns = fairness->node->loop.now_ns;
        if (fairness->count >= 2)
            judge(fairness, fair->seen_ns);
    }
    if (fairness->timer.armed || !is_due(function))
        return;
    fairness->looked_ns = fairness->node->loop.now_ns;
    timer_set(&fairness->node->loop.timers, &fairness->timer,
              fairness->looked_ns + FAIR_TICK_MS * MF_NS_PER_MS);
}

bool fair_may_begin(const struct function *function)
{
    return !function->ceiling.stopped &&
           (!function->fair.let_down || busy_of(function) < function->fair.keep);
}

uint32_t fair_limit(const struct function *function)
{
    return function->fair.limit ? function->fair.limit : FAIR_LIMIT_NONE;
}

/* ---- a tick ---- */

static uint64_t weight_of(const struct function *function)
{
    const struct settings *settings = &function->version->settings;
    return settings->cpu_share * (settings->priority == PRIORITY_URGENT ? FAIR_URGENT_WEIGHT : 1ull);
}

/* Of one that is let down nobody can see what it wants: all that its instances could use. */
static struct fair_view look(struct function *function, uint64_t now_ns, uint64_t elapsed_ns)
{
    struct fair *fair = &function->fair;
    cpu_meter_look(function, true);
    struct fair_view view = {.weight = weight_of(function),
                             .used_ns = function->cpu.used_ns - fair->used_seen_ns};
    uint64_t waited_ns = function->cpu.waited_ns - fair->waited_seen_ns;
    fair->computes = fair_computes(fair->computes, view.used_ns, now_ns - fair->seen_ns);
    fair->seen_ns = now_ns;
    fair->used_seen_ns = function->cpu.used_ns;
    fair->waited_seen_ns = function->cpu.waited_ns;
    view.wanted_ns = view.used_ns + waited_ns;
    if (fair->let_down && view.wanted_ns < busy_of(function) * elapsed_ns)
        view.wanted_ns = busy_of(function) * elapsed_ns;
    return view;
}

/* Processors are short for it if it waited for a quarter of a tick, say: not for a moment. */
static bool is_short(const struct fair *fair, const struct fair_view *view, uint64_t elapsed_ns)
{
    return fair->credit_ns > 0 && !fair->let_down &&
           view->wanted_ns > view->used_ns + elapsed_ns / 4;
}

static void set_keep(struct function *function, bool down, uint32_t keep)
{
    struct fair *fair = &function->fair;
    bool was = fair->let_down;
    fair->let_down = down;
    fair->keep = keep;
    if (!was && !down)
        return;
    (void)ceiling_pause(function); /* each time: other instances may be at work by now */
    if (was && !down)
        dispatch_place(function);
}

static void decide(struct function *function, const struct fair_view *view, bool others_short,
                   uint64_t elapsed_ns)
{
    struct fair *fair = &function->fair;
    if (fair->let_down)
        fair->stopped_ns += elapsed_ns;
    bool down = others_short && (fair->let_down ? fair->credit_ns < 0
                                                : fair->credit_ns < -(int64_t)(FAIR_DEBT_MS * MF_NS_PER_MS));
    set_keep(function, down, (uint32_t)(view->due_ns / elapsed_ns));
}

static void crowd(struct function *function, const struct fair_view *view, uint64_t all_ns,
                  uint64_t elapsed_ns)
{
    struct fair *fair = &function->fair;
    uint32_t before = fair->limit;
    if (fair->let_down)
        return; /* what it is made to wait says nothing of the machine */
    const struct fair_work work = {.busy = busy_of(function),
                                   .least = fair_least(function->node->fairness.processors,
                                                       view->due_ns, all_ns),
                                   .most = function->version->settings.max_instances,
                                   .elapsed_ns = elapsed_ns,
                                   .used_ns = view->used_ns,
                                   .waited_ns = view->wanted_ns - view->used_ns};
    fair->limit = fair_next_limit(before, &work);
    if ((fair->limit == 0 || fair->limit > before) && before && function->consumer)
        consumer_take(function->consumer);
}

static void tick(struct timer *timer, uint64_t now_ns)
{
    struct fairness *fairness = list_of(timer, struct fairness, timer);
    struct function *seen[VIEWS_MAX];
    struct fair_view view[VIEWS_MAX];
    uint32_t count = 0, shorts = 0;
    uint64_t elapsed_ns = now_ns > fairness->looked_ns ? now_ns - fairness->looked_ns : 1, all_ns = 0;
    fairness->looked_ns = now_ns;
    list_each_safe(at, &fairness->active) {
        struct function *function = list_of(at, struct function, fair.active);
        bool works = busy_of(function) > 0;
        function->fair.quiet = works ? 0 : function->fair.quiet + 1;
        if (!function->version || function->fair.quiet > FAIR_QUIET_TICKS) {
            set_keep(function, false, 0);
            leave(function);
        } else if (count < VIEWS_MAX) {
            seen[count] = function_get(function);
            view[count] = look(function, now_ns, elapsed_ns);
            all_ns += view[count].used_ns;
            count++;
        }
    }
    fair_deal(view, count);
    for (uint32_t i = 0; i < count; i++) {
        seen[i]->fair.credit_ns = fair_credit(seen[i]->fair.credit_ns, &view[i]);
        shorts += is_short(&seen[i]->fair, &view[i], elapsed_ns);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool own = is_short(&seen[i]->fair, &view[i], elapsed_ns);
        if (seen[i]->version) {
            decide(seen[i], &view[i], shorts > own, elapsed_ns);
            crowd(seen[i], &view[i], all_ns, elapsed_ns);
        }
        function_put(seen[i]);
    }
    set_crowded(fairness, now_ns);
    bool due = fairness->count >= 2 || fairness->crowded;
    list_each(at, &fairness->active)
        due = due || is_due(list_of(at, struct function, fair.active));
    if (due)
        timer_set(&fairness->node->loop.timers, timer, now_ns + FAIR_TICK_MS * MF_NS_PER_MS);
}

/* ---- the arithmetic ---- */

void fair_deal(struct fair_view *view, uint32_t count)
{
    uint64_t left_ns = 0, weights = 0;
    bool more = true;
    for (uint32_t i = 0; i < count; i++) {
        left_ns += view[i].used_ns;
        weights += view[i].wanted_ns ? view[i].weight : 0;
        view[i].due_ns = 0;
    }
    /* Whoever wants less than its part gets what it wants; that makes the others' parts larger. */
    for (uint32_t round = 0; more && round < count; round++) {
        more = false;
        for (uint32_t i = 0; i < count; i++) {
            if (view[i].due_ns || view[i].wanted_ns == 0 || !weights ||
                view[i].wanted_ns > left_ns * view[i].weight / weights)
                continue;
            view[i].due_ns = view[i].wanted_ns;
            left_ns -= view[i].wanted_ns;
            weights -= view[i].weight;
            more = true;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        if (!view[i].due_ns && view[i].wanted_ns && weights)
            view[i].due_ns = left_ns * view[i].weight / weights;
}

bool fair_computes(bool before, uint64_t used_ns, uint64_t elapsed_ns)
{
    return used_ns > elapsed_ns / (before ? 4 : 2);
}

/* A quarter of a processor more is rounded away: who wants so little is no reason to have one less. */
uint32_t fair_least(uint32_t processors, uint64_t due_ns, uint64_t all_ns)
{
    uint64_t quarters = all_ns ? 4 * processors * due_ns / all_ns + 1 : 4ull * processors;
    return quarters > 7 ? (uint32_t)(quarters / 4) : 1;
}

int64_t fair_credit(int64_t credit_ns, const struct fair_view *view)
{
    const int64_t most_ns = (int64_t)(FAIR_CREDIT_MS_MAX * MF_NS_PER_MS);
    credit_ns += (int64_t)view->due_ns - (int64_t)view->used_ns;
    return credit_ns > most_ns ? most_ns : credit_ns < -most_ns ? -most_ns : credit_ns;
}

uint32_t fair_next_limit(uint32_t limit, const struct fair_work *work)
{
    uint64_t wanted_ns = work->used_ns + work->waited_ns;
    bool sleeps = wanted_ns < work->busy * work->elapsed_ns / 4;
    if (!sleeps && work->waited_ns > work->used_ns && work->busy > work->least) {
        uint64_t fewer = (3 * work->busy * work->used_ns / wanted_ns + 1) / 2; /* half as many again as ran */
        return fewer > work->least ? (uint32_t)fewer : work->least;
    }
    if (limit && (sleeps || 3 * work->waited_ns <= wanted_ns))
        limit += 1 + limit / 4;
    return limit >= work->most ? 0 : limit;
}
