/*
 * ceiling.c: see ceiling.h.
 * Guarantees: over any second a function that works uses at most its ceiling and one tick
 * of each of its instances; who is stopped goes on as soon as the debt is paid.
 */
#include "node/pool/ceiling.h"

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/pool/dispatch.h"
#include "node/node.h"

static void tick(struct timer *timer, uint64_t now_ns);

void ceiling_init(struct ceiling *ceiling)
{
    *ceiling = (struct ceiling){.timer = {.fire = tick}};
}

void ceiling_close(struct ceiling *ceiling, struct node *node)
{
    timer_stop(&node->loop.timers, &ceiling->timer);
}

int64_t ceiling_credit(int64_t credit_ns, uint64_t elapsed_ns, uint64_t used_ns,
                       uint32_t ceiling_pct)
{
    int64_t most_ns = (int64_t)(CEILING_TICK_MS * MF_NS_PER_MS * ceiling_pct / 100);
    credit_ns += (int64_t)(elapsed_ns * ceiling_pct / 100) - (int64_t)used_ns;
    return credit_ns < most_ns ? credit_ns : most_ns; /* nothing is saved up for a burst */
}

/* Used since the last look. */
static uint64_t look(struct function *function)
{
    struct ceiling *ceiling = &function->ceiling;
    cpu_meter_look(function, false);
    uint64_t used_ns = function->cpu.used_ns - ceiling->seen_ns;
    ceiling->seen_ns = function->cpu.used_ns;
    return used_ns;
}

/* Of those at work the first `keep` go on, which have been at it longest; of the others all if any
 * may. Idle ones too: their guests can run, and one may have answered just before it was
 * stopped. */
bool ceiling_pause(struct function *function)
{
    struct link *const lists[] = {&function->busy, &function->idle, &function->resetting,
                                  &function->draining};
    uint32_t keep = function->ceiling.stopped ? 0
                    : function->fair.let_down ? function->fair.keep
                                              : UINT32_MAX;
    bool all = true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_each(at, lists[i]) {
            struct instance *instance = list_of(at, struct instance, link);
            bool stop = keep == 0;
            keep -= i == 0 && keep > 0 && keep != UINT32_MAX;
            if (i > 0)
                stop = function->ceiling.stopped || (function->fair.let_down && function->fair.keep == 0);
            if (instance->paused != stop && blank_pause(&instance->blank, stop))
                instance->paused = stop;
            all = all && instance->paused == stop;
        }
    return all;
}

static void set_timer(struct function *function)
{
    struct ceiling *ceiling = &function->ceiling;
    uint64_t ms =
        ceiling->quiet_looks < CEILING_QUIET_LOOKS ? CEILING_TICK_MS : CEILING_QUIET_MS;
    timer_set(&function->node->loop.timers, &ceiling->timer,
              function->node->loop.now_ns + ms * MF_NS_PER_MS);
}

void ceiling_watch(struct function *function)
{
    struct ceiling *ceiling = &function->ceiling;
    if (!function->version || function->version->settings.cpu_ceiling_pct == 0)
        return;
    if (!ceiling->timer.armed) {
        ceiling->looked_ns = function->node->loop.now_ns;
        ceiling->credit_ns = 0;
        (void)look(function);
    }
    if (!ceiling->timer.armed || ceiling->quiet_looks >= CEILING_QUIET_LOOKS) {
        ceiling->quiet_looks = 0;
        set_timer(function);
    }
}

static void tick(struct timer *timer, uint64_t now_ns)
{
    struct ceiling *ceiling = (struct ceiling *)(void *)timer;
    struct function *function = list_of(ceiling, struct function, ceiling);
    uint32_t pct = function->version ? function->version->settings.cpu_ceiling_pct : 0;
    uint64_t elapsed_ns = now_ns - ceiling->looked_ns, used_ns = look(function);
    ceiling->looked_ns = now_ns;
    ceiling->credit_ns = pct ? ceiling_credit(ceiling->credit_ns, elapsed_ns, used_ns, pct) : 0;
    if (ceiling->stopped)
        ceiling->throttled_ns += elapsed_ns;
    bool stop = ceiling->credit_ns < 0;
    bool was = ceiling->stopped;
    ceiling->stopped = stop;
    bool told = ceiling_pause(function); /* each time: another one may have come */
    bool works = stop || !told || used_ns > 0 || !list_empty(&function->busy);
    ceiling->quiet_looks = works ? 0 : ceiling->quiet_looks + 1;
    if (!told || (pct && (works || !list_empty(&function->idle))))
        set_timer(function);
    if (was && !stop)
        dispatch_place(function); /* what came meanwhile has waited */
}
