/*
 * ceiling.c: see ceiling.h.
 * Guarantees: over any second a function that works uses at most its ceiling and one tick
 * of each of its instances; who is stopped goes on as soon as the debt is paid.
 */
#include "node/pool/ceiling.h"

#include <time.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/shard.h"

static void tick(struct timer *timer, uint64_t now_ns);

void ceiling_init(struct ceiling *ceiling)
{
    *ceiling = (struct ceiling){.timer = {.fire = tick}};
}

void ceiling_close(struct ceiling *ceiling, struct shard *shard)
{
    timer_stop(&shard->loop.timers, &ceiling->timer);
}

int64_t ceiling_credit(int64_t credit_ns, uint64_t elapsed_ns, uint64_t used_ns,
                       uint32_t ceiling_pct)
{
    int64_t most_ns = (int64_t)(CEILING_TICK_MS * MF_NS_PER_MS * ceiling_pct / 100);
    credit_ns += (int64_t)(elapsed_ns * ceiling_pct / 100) - (int64_t)used_ns;
    return credit_ns < most_ns ? credit_ns : most_ns; /* nothing is saved up for a burst */
}

/* CPU time of the instance's process since the last look. */
static uint64_t used_since(struct instance *instance)
{
    clockid_t clock;
    if (instance->blank.pid <= 0 || clock_getcpuclockid(instance->blank.pid, &clock) != 0)
        return 0;
    uint64_t cpu_ns = mf_clock_ns(clock);
    uint64_t used_ns = instance->cpu_seen_ns && cpu_ns > instance->cpu_seen_ns
                           ? cpu_ns - instance->cpu_seen_ns
                           : 0;
    instance->cpu_seen_ns = cpu_ns;
    return used_ns;
}

static uint64_t look(struct function *function)
{
    struct link *const lists[] = {&function->busy, &function->idle, &function->resetting,
                                  &function->draining};
    uint64_t used_ns = function->ceiling.gone_ns;
    function->ceiling.gone_ns = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_each(at, lists[i])
            used_ns += used_since(list_of(at, struct instance, link));
    return used_ns;
}

/* Idle ones too: their guests can run, and one may have answered just before it was
 * stopped. False: some could not be told yet. */
static bool pause_all(struct function *function, bool stop)
{
    struct link *const lists[] = {&function->busy, &function->idle, &function->resetting,
                                  &function->draining};
    bool all = true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_each(at, lists[i]) {
            struct instance *instance = list_of(at, struct instance, link);
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
    timer_set(&function->shard->loop.timers, &ceiling->timer,
              function->shard->loop.now_ns + ms * MF_NS_PER_MS);
}

void ceiling_charge(struct function *function, uint64_t seen_ns, uint64_t used_ns)
{
    if (used_ns > seen_ns)
        function->ceiling.gone_ns += used_ns - seen_ns;
}

void ceiling_watch(struct function *function)
{
    struct ceiling *ceiling = &function->ceiling;
    if (!function->version || function->version->settings.cpu_ceiling_pct == 0)
        return;
    if (!ceiling->timer.armed) {
        ceiling->looked_ns = function->shard->loop.now_ns;
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
    bool told = pause_all(function, stop); /* each time: another one may have come */
    ceiling->stopped = stop;
    bool works = stop || !told || used_ns > 0 || !list_empty(&function->busy);
    ceiling->quiet_looks = works ? 0 : ceiling->quiet_looks + 1;
    if (!told || (pct && (works || !list_empty(&function->idle))))
        set_timer(function);
}
