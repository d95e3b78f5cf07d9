/*
 * instance.c: the life cycle of instance.h, as a table.
 * Guarantees: only steps of the table happen, and after each one every rule of
 * instance_check() holds.
 * Leaves to others: processes, channels, timers (pool.c), which event goes where
 * (dispatch.c). Owns the state and the events' order. Loop thread only.
 */
#include "node/pool/instance.h"

#include <stddef.h>

#include "base/err.h"
#include "node/pool/call.h"

#define BIT(state) (1u << (state))

static const uint16_t may_go[INSTANCE_STATES] = {
    [INSTANCE_BLANK] = BIT(INSTANCE_RESTORING) | BIT(INSTANCE_FREEZING) | BIT(INSTANCE_REHEARSING) |
                       BIT(INSTANCE_DEAD),
    [INSTANCE_FREEZING] = BIT(INSTANCE_DEAD),
    [INSTANCE_REHEARSING] = BIT(INSTANCE_DEAD),
    [INSTANCE_RESTORING] = BIT(INSTANCE_IDLE) | BIT(INSTANCE_BUSY) | BIT(INSTANCE_RESETTING) |
                           BIT(INSTANCE_DRAINING) | BIT(INSTANCE_DEAD),
    [INSTANCE_IDLE] = BIT(INSTANCE_BUSY) | BIT(INSTANCE_DRAINING) | BIT(INSTANCE_DEAD),
    [INSTANCE_BUSY] = BIT(INSTANCE_IDLE) | BIT(INSTANCE_RESETTING) | BIT(INSTANCE_DRAINING) |
                      BIT(INSTANCE_DEAD),
    [INSTANCE_RESETTING] = BIT(INSTANCE_IDLE) | BIT(INSTANCE_DRAINING) | BIT(INSTANCE_DEAD),
    [INSTANCE_DRAINING] = BIT(INSTANCE_DEAD),
};
_Static_assert(INSTANCE_STATES <= 16, "bits of may_go");

/* Which numbers of events a state allows. */
static const struct {
    uint32_t least, most;
} may_hold[INSTANCE_STATES] = {
    [INSTANCE_BLANK] = {0, 0},
    [INSTANCE_FREEZING] = {0, 0},
    [INSTANCE_REHEARSING] = {0, 0},
    [INSTANCE_RESTORING] = {0, MF_EVENTS_AHEAD_MAX},
    [INSTANCE_IDLE] = {0, 0},
    [INSTANCE_BUSY] = {1, MF_EVENTS_AHEAD_MAX},
    [INSTANCE_RESETTING] = {0, 0},
    [INSTANCE_DRAINING] = {0, MF_EVENTS_AHEAD_MAX},
    [INSTANCE_DEAD] = {0, MF_EVENTS_AHEAD_MAX}, /* until the pool has dealt with them */
};

/* What BUSY becomes with its last event, and how many it may hold, by isolation. */
static const struct {
    enum instance_state after;
    uint32_t most;
} serves[] = {
    [ISOLATION_RESET] = {INSTANCE_RESETTING, 1},
    [ISOLATION_REUSE] = {INSTANCE_IDLE, MF_EVENTS_AHEAD_MAX},
    [ISOLATION_FRESH] = {INSTANCE_DRAINING, 1},
};

static void begin_head(struct instance *instance, uint64_t now_ns, uint64_t timeout_ns);

const char *instance_state_name(enum instance_state state)
{
    static const char *const name[INSTANCE_STATES] = {"blank", "freezing",  "rehearsing", "restoring", "idle",
                                                      "busy",  "resetting", "draining",   "dead"};
    mf_assert(state < INSTANCE_STATES);
    return name[state];
}

bool instance_may_go(enum instance_state from, enum instance_state to)
{
    return (may_go[from] & BIT(to)) != 0;
}

void instance_init(struct instance *instance, uint64_t now_ns)
{
    *instance = (struct instance){
        .state = INSTANCE_BLANK,
        .state_since_ns = now_ns,
        .deadline_ns = TIMER_NEVER,
        .isolation = ISOLATION_REUSE,
        .pagemap = -1,
        .snapshot_fd = -1,
        .touched_fd = -1,
        .blank = {.control = -1, .bell = -1, .console = -1},
        .bell = {.fd = -1},
        .console_watch = {.fd = -1},
    };
    link_init(&instance->by_id);
    link_init(&instance->link);
    link_init(&instance->awake);
    link_init(&instance->held);
    link_init(&instance->unseen);
    link_init(&instance->spent);
}

void instance_go(struct instance *instance, enum instance_state to, uint64_t now_ns)
{
    mf_assert(instance_may_go(instance->state, to));
    instance->state = to;
    instance->state_since_ns = now_ns;
    instance_check(instance);
}

void instance_start(struct instance *instance, enum isolation isolation, uint64_t now_ns)
{
    mf_assert(instance->state == INSTANCE_BLANK);
    instance->isolation = isolation;
    instance_go(instance, INSTANCE_RESTORING, now_ns);
}

static bool has_slot(const struct instance *instance)
{
    return (instance->state == INSTANCE_RESTORING || instance->state == INSTANCE_IDLE ||
            instance->state == INSTANCE_BUSY) &&
           instance->count < serves[instance->isolation].most;
}

bool instance_has_room(const struct instance *instance)
{
    const struct call *head = instance_head(instance);
    return has_slot(instance) && !instance->sending && !instance->abandoned &&
           !(head && head->holds);
}

void instance_push(struct instance *instance, struct call *call, uint64_t now_ns,
                   uint64_t timeout_ns)
{
    mf_assert(has_slot(instance));
    instance->used = true;
    instance->parked = false;
    instance->events[(instance->first + instance->count) % MF_EVENTS_AHEAD_MAX] = call;
    if (instance->count++ == 0) {
        begin_head(instance, now_ns, timeout_ns);
        instance->head_woke = true;
    }
    if (instance->state == INSTANCE_IDLE)
        instance_go(instance, INSTANCE_BUSY, now_ns);
    instance_check(instance);
}

struct call *instance_pop(struct instance *instance, uint64_t now_ns, uint64_t timeout_ns)
{
    mf_assert(instance->count > 0);
    struct call *call = instance->events[instance->first];
    instance->events[instance->first] = NULL;
    instance->first = (instance->first + 1) % MF_EVENTS_AHEAD_MAX;
    if (--instance->count > 0)
        begin_head(instance, now_ns, timeout_ns);
    else
        instance->deadline_ns = TIMER_NEVER;
    if (instance->count == 0 && instance->state == INSTANCE_DRAINING)
        instance->state_since_ns = now_ns; /* only now can it halt */
    if (instance->count == 0 && instance->state == INSTANCE_BUSY)
        instance_go(instance, serves[instance->isolation].after, now_ns);
    instance_check(instance);
    return call;
}

struct call *instance_head(const struct instance *instance)
{
    return instance->count ? instance->events[instance->first] : NULL;
}

struct call *instance_event(const struct instance *instance, uint32_t index)
{
    mf_assert(index < instance->count);
    return instance->events[(instance->first + index) % MF_EVENTS_AHEAD_MAX];
}

struct call *instance_take_last(struct instance *instance)
{
    mf_assert(instance->count > (instance->state == INSTANCE_DEAD ? 0u : 1u));
    instance->count--;
    uint32_t at = (instance->first + instance->count) % MF_EVENTS_AHEAD_MAX;
    struct call *call = instance->events[at];
    instance->events[at] = NULL;
    return call;
}

void instance_spoke(struct instance *instance, uint64_t now_ns)
{
    if (instance->state == INSTANCE_RESTORING)
        instance_go(instance, instance->count ? INSTANCE_BUSY : INSTANCE_IDLE, now_ns);
}

void instance_parked(struct instance *instance, uint64_t now_ns)
{
    mf_assert(instance->state == INSTANCE_RESETTING);
    instance->parked = true;
    instance_go(instance, INSTANCE_IDLE, now_ns);
}

void instance_only_once(struct instance *instance)
{
    mf_assert(instance->state == INSTANCE_RESTORING && instance->isolation == ISOLATION_RESET);
    instance->isolation = ISOLATION_FRESH;
    instance_check(instance);
}

void instance_hurry(struct instance *instance, uint64_t deadline_ns)
{
    mf_assert(instance->count > 0);
    if (deadline_ns < instance->deadline_ns)
        instance->deadline_ns = deadline_ns;
}

void instance_limit(struct instance *instance, uint64_t deadline_ns)
{
    if (instance->state == INSTANCE_DRAINING) {
        instance_hurry(instance, deadline_ns);
        return;
    }
    mf_assert(instance->count > 0);
    instance->deadline_ns = deadline_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t instance_due_ns(const struct instance *instance, const struct instance_times *times)
{
    uint64_t due = instance->count ? instance->deadline_ns : TIMER_NEVER;
    for (uint32_t i = 1; i < instance->count; i++) { /* in the order of arrival: first is earliest */
        const struct call *call = instance_event(instance, i);
        if (call->cancelled)
            continue;
        due = earlier(due, call->wait_until_ns);
        break;
    }
    if (instance->state == INSTANCE_IDLE)
        due = earlier(due, instance->state_since_ns + times->idle_ns);
    if (instance->state == INSTANCE_DRAINING && instance->count == 0)
        due = earlier(due, instance->state_since_ns + times->drain_ns);
    if (instance->state == INSTANCE_RESETTING)
        due = earlier(due, instance->state_since_ns + times->reset_ns);
    if (instance_state_is_ours(instance->state))
        due = earlier(due, instance->state_since_ns + times->freeze_ns);
    return instance->state == INSTANCE_BLANK || instance->state == INSTANCE_DEAD ? TIMER_NEVER
                                                                                 : due;
}

void instance_check(const struct instance *instance)
{
    mf_assert(instance->state < INSTANCE_STATES);
    mf_assert(instance->count >= may_hold[instance->state].least);
    mf_assert(instance->count <= may_hold[instance->state].most);
    mf_assert(instance->count <= serves[instance->isolation].most);
    mf_assert(instance->first < MF_EVENTS_AHEAD_MAX);
    if (instance->state == INSTANCE_RESETTING)
        mf_assert(instance->isolation == ISOLATION_RESET);
    if (instance->state == INSTANCE_IDLE && instance->isolation == ISOLATION_FRESH)
        mf_assert(!instance->used); /* its one event is still to come */
    if (instance->parked)
        mf_assert(instance->isolation == ISOLATION_RESET && instance->count == 0);
    for (uint32_t i = 0; i < instance->count; i++)
        mf_assert(instance_event(instance, i) != NULL);
    mf_assert((instance->count == 0) == (instance->deadline_ns == TIMER_NEVER) ||
              instance->state == INSTANCE_DEAD);
}

static void begin_head(struct instance *instance, uint64_t now_ns, uint64_t timeout_ns)
{
    instance->begun_ns = now_ns;
    instance->head_woke = false;
    instance->deadline_ns = now_ns + timeout_ns;
}
