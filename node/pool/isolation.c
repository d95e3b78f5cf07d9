/*
 * isolation.c: see isolation.h.
 * Guarantees: an instance that was rolled back takes its next event in a channel without
 * a byte of the last one, and only after its monitor has said that the guest stands still.
 * Leaves to others: the rollback (monitor/kvm/), who is picked (choice.c), what
 * became of instances that do not come back in time (overdue.c).
 */
#include "node/pool/isolation.h"

#include "node/functions/function.h"
#include "node/metrics/counters.h"
#include "node/pool/exchange.h"
#include "node/pool/pool.h"
#include "node/node.h"

#define LOOKS_MAX 16 /* at resetting instances, for one call */

enum isolation isolation_in_force(const struct version *version, struct mf_why *why)
{
    enum isolation asked = version->settings.isolation;
    if (asked != ISOLATION_RESET)
        return asked;
    if (version->sandbox != MF_SANDBOX_KVM) {
        (void)mf_why(why, MF_OK, "only kvm can roll an instance back: each event has a new one");
        return ISOLATION_FRESH;
    }
    if (version->snapshot.state != SNAPSHOT_READY) {
        (void)mf_why(why, MF_OK, "no snapshot to roll back to: each event has a new instance");
        return ISOLATION_FRESH;
    }
    if (version->no_reset) {
        (void)mf_why(why, MF_OK, "%s: each event has a new instance", version->no_reset);
        return ISOLATION_FRESH;
    }
    return ISOLATION_RESET;
}

static bool is_complete(const struct instance *instance)
{
    const struct mf_control *control = instance->blank.channel.control;
    return __atomic_load_n(&control->resets, __ATOMIC_ACQUIRE) != instance->resets_seen;
}

static void count_reset(struct instance *instance)
{
    const struct mf_control *control = instance->blank.channel.control;
    count_rollback(&instance->function->counters,
                   __atomic_load_n(&control->reset_ns, __ATOMIC_RELAXED),
                   __atomic_load_n(&control->dirty_pages, __ATOMIC_RELAXED));
}

bool isolation_reset_done(struct instance *instance)
{
    mf_assert(instance->state == INSTANCE_RESETTING);
    if (!is_complete(instance))
        return false;
    exchange_take_rest(instance);
    if (instance->state == INSTANCE_DEAD)
        return false;
    instance->resets_seen = __atomic_load_n(&instance->blank.channel.control->resets,
                                            __ATOMIC_ACQUIRE);
    if (channel_renew(&instance->blank.channel) != MF_OK) {
        pool_retire(instance); /* what cannot be cleaned is not used again */
        return false;
    }
    if (instance->used)
        count_reset(instance);
    instance->sending = NULL;
    instance->abandoned = 0;
    instance->taken_messages = instance->taken_bytes = 0;
    instance->bell_due = false;
    instance_parked(instance, instance->pool->node->loop.now_ns);
    pool_settle(instance);
    return true;
}

struct instance *isolation_pick(struct function *function)
{
    int looks = 0;
    list_each_safe(at, &function->resetting) {
        struct instance *instance = list_of(at, struct instance, link);
        if (++looks > LOOKS_MAX)
            break;
        if (instance->version == function->version && isolation_reset_done(instance))
            return instance;
        if (instance->state == INSTANCE_DEAD)
            break; /* and others with it, perhaps: the list is not what it was */
    }
    return NULL;
}

/* The monitor may be done between our look and the word that it takes: look again. */
bool isolation_notify(struct function *function)
{
    int looks = 0;
    list_each(at, &function->resetting) {
        struct instance *instance = list_of(at, struct instance, link);
        if (++looks > LOOKS_MAX)
            break;
        if (instance->version != function->version)
            continue;
        __atomic_store_n(&instance->blank.channel.control->notify, 1, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (is_complete(instance))
            return true;
    }
    return false;
}

void isolation_expect(struct instance *instance, bool waited_for)
{
    __atomic_store_n(&instance->blank.channel.control->notify, waited_for, __ATOMIC_SEQ_CST);
}

void isolation_go(struct instance *instance)
{
    instance->go_due = false;
    channel_go(&instance->blank.channel);
}
