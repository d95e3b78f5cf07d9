/*
 * choice.c: the four rules of choice.h.
 * Leaves to others: the figures (policy.c), starts and what becomes of the call (dispatch.c).
 * Owns nothing. Loop thread only.
 */
#include "node/pool/choice.h"

#include "base/clock.h"
#include "node/delivery/consumer.h"
#include "node/functions/function.h"
#include "node/node.h"
#include "node/pool/call.h"
#include "node/pool/exchange.h"
#include "node/pool/isolation.h"
#include "node/pool/policy.h"

#define PICK_LOOKS_MAX 16 /* of running instances, for room ahead */

/* A running instance of the present version with fewer than so many events, the one with
 * the fewest; not one whose event takes longer than events do here. */
static struct instance *pick_running(const struct function *function, const struct call *call,
                                     uint32_t fewer_than)
{
    uint64_t now_ns = function->node->loop.now_ns;
    struct instance *best = NULL;
    int looks = 0;
    list_each(at, &function->busy) {
        struct instance *instance = list_of(at, struct instance, link);
        if (++looks > PICK_LOOKS_MAX)
            break;
        bool stalled = instance->served && now_ns - instance->begun_ns > POLICY_AHEAD_NS;
        if (instance->version != function->version || stalled || instance->count >= fewer_than ||
            !instance_has_room(instance) || !exchange_room(instance, call) ||
            (best && best->count <= instance->count))
            continue;
        best = instance;
    }
    return best;
}

struct instance *choice_of(struct function *function, const struct call *call)
{
    bool reuses = function->version->settings.isolation == ISOLATION_REUSE;
    uint32_t gather = reuses ? policy_gather(&function->times) : 1;
    uint32_t ahead = reuses ? policy_ahead(&function->times) : 1;
    struct instance *instance = gather > 1 ? pick_running(function, call, gather) : NULL;
    if (instance)
        return instance;
    list_each(at, &function->idle) {
        instance = list_of(at, struct instance, link);
        if (instance->version == function->version && instance_has_room(instance) &&
            exchange_room(instance, call))
            return instance;
    }
    instance = isolation_pick(function);
    if (instance)
        return instance;
    return ahead > 1 ? pick_running(function, call, ahead) : NULL;
}

/* Where each event has an instance of its own, none of those that live will take it. */
static uint64_t patience_ns(const struct function *function, uint32_t live)
{
    if (function->version && isolation_in_force(function->version, NULL) == ISOLATION_FRESH)
        return 0;
    return policy_patience_ns(&function->times, live);
}

uint64_t choice_start_due_ns(const struct function *function, const struct call *call)
{
    const struct settings *settings = &function->version->settings;
    const struct consumer *consumer = function->consumer;
    uint32_t live = function_live(function);
    uint64_t durable = consumer && consumer->stat.count > consumer->in_hand
                           ? consumer->stat.count - consumer->in_hand : 0;
    const struct scale_view view = {.live = live,
                                    .most = settings->max_instances,
                                    .waiting = function->queued + durable,
                                    .threshold = settings->scale_threshold,
                                    .arrived_ns = call->arrived_ns,
                                    .patience_ns = patience_ns(function, live),
                                    .started_ns = function->started_ns,
                                    .grace_ns = settings->grace_ms * MF_NS_PER_MS,
                                    .held_until_ns = backoff_until_ns(&function->backoff)};
    return policy_start_ns(&view);
}
