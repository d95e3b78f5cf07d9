/*
 * event_time.c: what an event took of its instance: for the policy, and for usage.
 * Owns sampled, samples, unsampled, delay_ns, served and look_due of each instance.
 * Loop thread only.
 */
#include "node/pool/event_time.h"

#include <unistd.h>

#include "node/functions/function.h"
#include "node/metrics/usage.h"
#include "node/pool/call.h"
#include "node/pool/policy.h"
#include "node/pool/pool.h"
#include "node/pool/run_delay.h"

static uint64_t delays_ns(const struct instance *instance)
{
    return run_delay_of_ns(getpid()) + run_delay_of_ns(instance->blank.pid);
}

void event_time_begin(struct instance *instance)
{
    instance->sampled = instance->served && (instance->samples < POLICY_SAMPLES_FIRST ||
                                             instance->unsampled >= POLICY_SAMPLE_EVERY);
    if (!instance->sampled) {
        instance->unsampled++;
        return;
    }
    instance->unsampled = 0;
    instance->samples++;
    instance->delay_ns = delays_ns(instance);
}

void event_time_learn(struct instance *instance, uint64_t now_ns)
{
    struct function *function = instance->function;
    uint64_t took_ns = now_ns - instance->begun_ns;
    if (instance->look_due) { /* before it is killed: turn.c */
        instance->look_due = false;
        list_append(&instance->pool->unseen, &instance->unseen);
    }
    if (!instance->served) { /* its first event: start and service in one */
        instance->served = true;
        policy_learn_start(&function->times, took_ns);
        histogram_add(&function->counters.cold_start, took_ns);
    } else if (instance->sampled) {
        uint64_t waited_ns = delays_ns(instance) - instance->delay_ns;
        policy_learn_event(&function->times, took_ns > waited_ns ? took_ns - waited_ns : 1,
                           instance->head_woke);
    }
}

void event_time_charge(struct instance *instance, uint64_t now_ns)
{
    struct call *call = instance_head(instance);
    call->ran_ns = now_ns > instance->begun_ns ? now_ns - instance->begun_ns : 0;
    usage_event(instance->function, call->ran_ns, instance->version->settings.memory_mib);
}
