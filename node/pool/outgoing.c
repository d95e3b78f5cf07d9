/*
 * outgoing.c: instances whose version is in force no more, or whose function is stopped.
 * Guarantees: no event of theirs is cut short; connections have a while. Owns nothing.
 * Loop thread only.
 */
#include "node/pool/outgoing.h"

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/metrics/usage.h"
#include "node/node.h"
#include "node/pool/call.h"
#include "node/pool/dispatch.h"
#include "node/pool/pool.h"

/* Connections of an old version have a while yet; those of no function, or a stopped one, less. */
static void end_hold(struct instance *instance)
{
    const struct call *head = instance_head(instance);
    if (!head || !head->holds)
        return;
    uint64_t ms = instance->function->removed || instance->function->stopped ? instance->version->settings.timeout_ms
                                                                        : MF_STREAM_OLD_MS;
    instance_hurry(instance, instance->pool->node->loop.now_ns + ms * MF_NS_PER_MS);
    pool_settle(instance);
}

void outgoing_redeployed(struct function *function)
{
    backoff_redeployed(&function->backoff);
    usage_settle(function);
    list_each_safe(at, &function->idle) {
        struct instance *instance = list_of(at, struct instance, link);
        if (instance->version == function->version)
            continue;
        pool_drain(instance);
        pool_settle(instance);
    }
    list_each_safe(next, &function->busy) {
        struct instance *instance = list_of(next, struct instance, link);
        if (instance->version != function->version)
            end_hold(instance);
        if (instance->version == function->version || instance->sending || instance->abandoned)
            continue; /* DRAIN may not come between the pieces of a body: when it is idle */
        if (instance->isolation != ISOLATION_REUSE && instance->count)
            continue; /* this event is its last anyway: dispatch_ended() */
        pool_drain(instance);
        pool_settle(instance);
    }
    list_each_safe(last, &function->resetting) {
        struct instance *instance = list_of(last, struct instance, link);
        if (instance->version != function->version)
            pool_spend(instance);
    }
    if (function->version)
        dispatch_place(function);
}

void outgoing_stopped(struct function *function)
{
    list_each_safe(at, &function->busy) {
        struct instance *instance = list_of(at, struct instance, link);
        end_hold(instance);
    }
}
