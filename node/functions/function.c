/*
 * function.c: functions and versions, made, counted and freed.
 * Guarantees: a function's log and counters live as long as anything refers to it.
 * Leaves to others: names (registry.c), files (store.c), instances (pool/).
 * Loop thread only.
 */
#include "node/functions/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/logs/function_log.h"
#include "node/metrics/usage.h"
#include "node/pool/dispatch.h"
#include "node/pool/next_step.h"
#include "node/pool/warm.h"
#include "node/node.h"
#include "node/streams/names.h"

mf_err version_create(const struct settings *settings, const char *hash, enum mf_sandbox sandbox,
                      const char *reason, struct version **version)
{
    struct version *made = calloc(1, sizeof *made);
    if (!made)
        return MF_ENOMEM;
    mf_err err = settings_copy(settings, &made->settings);
    made->reason = strdup(reason);
    if (err || !made->reason) {
        settings_close(&made->settings);
        free(made->reason);
        free(made);
        return err ? err : MF_ENOMEM;
    }
    made->refs = 1;
    made->image.fd = -1;
    made->port_fd = -1;
    made->sandbox = sandbox;
    made->deployed_at_ns = mf_realtime_ns();
    made->window_bytes = (uint64_t)settings->memory_mib << 20;
    (void)snprintf(made->hash, sizeof made->hash, "%s", hash);
    *version = made;
    return MF_OK;
}

struct version *version_get(struct version *version)
{
    mf_assert(version->refs > 0);
    version->refs++;
    return version;
}

void version_put(struct version *version)
{
    if (!version || --version->refs > 0)
        return;
    version_image_close(&version->image);
    if (version->port_fd >= 0)
        (void)close(version->port_fd);
    free(version->reason);
    settings_close(&version->settings);
    snapshot_status_close(&version->snapshot);
    free(version);
}

mf_err function_create(struct node *node, const char *name, struct function **function)
{
    struct function *made = calloc(1, sizeof *made);
    if (!made)
        return MF_ENOMEM;
    made->refs = 1;
    made->node = node;
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    link_init(&made->by_name);
    link_init(&made->in_order);
    link_init(&made->triggers);
    for (int class = 0; class < PRIORITY_COUNT; class++)
        link_init(&made->queue[class]);
    link_init(&made->idle);
    link_init(&made->busy);
    link_init(&made->resetting);
    link_init(&made->freeze_due);
    link_init(&made->rehearsal_due);
    link_init(&made->draining);
    made->timer.fire = dispatch_queue_timer;
    ceiling_init(&made->ceiling);
    fair_init(&made->fair);
    mf_err err = function_log_create(node, made->name, &made->log);
    if (err) {
        free(made);
        return err;
    }
    *function = made;
    return MF_OK;
}

struct function *function_get(struct function *function)
{
    mf_assert(function->refs > 0);
    function->refs++;
    return function;
}

void function_put(struct function *function)
{
    if (!function || --function->refs > 0)
        return;
    mf_assert(function->queued == 0 && list_empty(&function->idle));
    mf_assert(list_empty(&function->busy) && list_empty(&function->resetting));
    mf_assert(!function->consumer);
    mf_assert(list_empty(&function->draining) && list_empty(&function->freeze_due) &&
              list_empty(&function->rehearsal_due));
    timer_stop(&function->node->loop.timers, &function->timer);
    ceiling_close(&function->ceiling, function->node);
    fair_close(function);
    if (function->usage)
        function->usage->function = NULL;
    mf_assert(!function->listening);
    names_forget(function->names);
    warm_close(function);
    next_step_close(function);
    function_log_destroy(function->log);
    version_put(function->version);
    function_counters_close(&function->counters);
    free(function->stopped);
    free(function);
}

uint32_t function_live(const struct function *function)
{
    return function->in_state[INSTANCE_RESTORING] + function->in_state[INSTANCE_IDLE] +
           function->in_state[INSTANCE_BUSY] + function->in_state[INSTANCE_RESETTING];
}
