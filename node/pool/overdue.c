/*
 * overdue.c: what time alone brings to an instance, by its state.
 * Leaves to others: when its timer fires (pool_settle(), instance_due_ns()). Owns nothing.
 * Loop thread only.
 */
#include "node/pool/overdue.h"

#include "base/clock.h"
#include "node/node.h"
#include "node/pool/call.h"
#include "node/pool/exchange.h"
#include "node/pool/isolation.h"
#include "node/pool/pool.h"
#include "node/pool/warm.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/rehearsal.h"

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

void overdue_fire(struct timer *timer, uint64_t now_ns)
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
