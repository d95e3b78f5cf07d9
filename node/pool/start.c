/*
 * start.c: see start.h.
 * Guarantees: a start that its monitor refuses because of the snapshot, or of the
 * rollback, is done again without; no event is lost by it, and there are at most two such
 * starts more for one event.
 * Leaves to others: blanks (blanks.c), snapshots (snapshots/), instances (pool.c).
 * Owns an instance's descriptors for the order to start until its monitor has them. Loop
 * thread only.
 */
#include "node/pool/start.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/instance/process_folder.h"
#include "node/logs/function_log.h"
#include "node/pool/blanks.h"
#include "node/pool/dispatch.h"
#include "node/pool/isolation.h"
#include "node/pool/pool.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/snapshots.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* With it the version's image, which is open. */
static void take_over(struct pool *pool, struct instance *instance, struct function *function,
                      struct version *version)
{
    instance->function = function_get(function);
    instance->version = version_get(version);
    fair_take(instance);
    blanks_taken(pool);
}

/* The pages that its first event is going to touch; or these are to be learned. */
static void prepare(struct instance *instance, struct function *function)
{
    uint32_t pages = 0;
    instance->look_due = recorder_wants(instance->version);
    if (!instance->look_due)
        instance->touched_fd = snapshots_open_touched(function, &pages);
    if (instance->touched_fd >= 0)
        function->counters.prepared_pages += pages;
}

mf_err pool_start(struct pool *pool, struct function *function, struct instance **instance,
                  struct mf_why *why)
{
    struct version *version = function->version;
    if (pool->spawner.fd < 0) { /* what blanks there are have died with it */
        pool->starved = true;
        return MF_EAGAIN;
    }
    mf_err err = version_image_get(function, version, why);
    if (err)
        return err;
    int snapshot_fd = snapshots_open(function);
    bool restores = snapshot_fd >= 0;
    enum isolation isolation = isolation_in_force(version, NULL);
    if (!restores && isolation == ISOLATION_RESET)
        isolation = ISOLATION_FRESH;
    err = blanks_take(pool, function, version, NULL, instance, why);
    if (err) {
        close_fd(&snapshot_fd);
        version_image_put(version);
    }
    if (err == MF_EAGAIN || err == MF_EDEAD) {
        pool->starved = true; /* EDEAD: we shall hear of its end before we sleep */
        return MF_EAGAIN;
    }
    if (err)
        return err;
    struct instance *made = *instance;
    made->nice = fair_nice(function, isolation == ISOLATION_FRESH);
    take_over(pool, made, function, version);
    made->start_due = true;
    made->snapshot_fd = snapshot_fd;
    if (restores)
        prepare(made, function);
    function->counters.starts[restores]++;
    burst_start(&made->shelf->burst, ++made->shelf->starting, pool->node->loop.now_ns);
    instance_start(made, isolation, pool->node->loop.now_ns);
    pool_settle(made);
    return MF_OK;
}

/* One for our own purposes: nobody's event. */
static mf_err start_ours(struct function *function, struct version *version, const struct start *start,
                         enum instance_state state, struct instance **instance, struct mf_why *why)
{
    struct pool *pool = &function->node->pool;
    mf_err err = version_image_get(function, version, why);
    if (err)
        return err;
    err = pool->spawner.fd < 0 ? MF_EAGAIN : blanks_take(pool, function, version, start, instance, why);
    if (err) {
        version_image_put(version);
        return err;
    }
    take_over(pool, *instance, function, version);
    (*instance)->rehearses = state == INSTANCE_REHEARSING;
    instance_go(*instance, state, pool->node->loop.now_ns);
    pool_settle(*instance);
    pool_wake(*instance); /* so that it is told, before we sleep, to ring */
    return MF_OK;
}

mf_err pool_freeze(struct function *function, struct version *version, struct instance **instance,
                   struct mf_why *why)
{
    const struct start start = {
        .flags = MF_START_FREEZE, .snapshot_fd = -1, .pagemap_fd = -1, .touched_fd = -1};
    return start_ours(function, version, &start, INSTANCE_FREEZING, instance, why);
}

mf_err pool_rehearse(struct function *function, struct instance **instance, struct mf_why *why)
{
    struct start start = {.flags = MF_START_RESTORE,
                          .snapshot_fd = snapshots_open(function),
                          .pagemap_fd = -1,
                          .touched_fd = -1};
    if (start.snapshot_fd < 0)
        return mf_why(why, MF_ENOENT, "there is no snapshot");
    mf_err err = start_ours(function, function->version, &start, INSTANCE_REHEARSING, instance, why);
    close_fd(&start.snapshot_fd);
    return err;
}

void pool_start_idle(struct instance *instance)
{
    pool_start_if_due(instance);
    if (instance->state == INSTANCE_DEAD)
        return;
    if (instance->isolation != ISOLATION_RESET)
        instance_spoke(instance, instance->pool->node->loop.now_ns);
    pool_settle(instance);
}

void pool_spawned(struct instance *instance, int pid)
{
    instance->blank.pid = pid;
    if (instance->function)
        fair_take(instance);
    if (instance->blank.sandbox == MF_SANDBOX_KVM && instance->state != INSTANCE_DEAD &&
        (instance->state == INSTANCE_BLANK || instance->start_due))
        (void)!process_pagemap_open(pid, instance->pool->spawner.pid, &instance->pagemap, NULL);
    if (instance->state == INSTANCE_FREEZING)
        freezer_spawned(instance);
    else
        pool_start_if_due(instance);
}

/* An instance that cannot be rolled back after all serves one event. */
static void without_reset(struct instance *instance, const char *why)
{
    struct version *version = instance->version;
    if (!version->no_reset) {
        version->no_reset = why;
        function_log_node(instance->function->log, MF_LOG_WARN, 0,
                          "%s: each event has a new instance", why);
    }
}

void pool_start_if_due(struct instance *instance)
{
    struct mf_why why = {{0}};
    bool resets = instance->isolation == ISOLATION_RESET;
    struct start start = {.flags = instance->snapshot_fd >= 0 ? MF_START_RESTORE : 0,
                          .snapshot_fd = instance->snapshot_fd,
                          .pagemap_fd = instance->pagemap,
                          .touched_fd = instance->touched_fd};
    if (!instance->start_due || (resets && instance->blank.pid <= 0))
        return;
    instance->start_due = false;
    if (instance->touched_fd >= 0)
        start.flags |= MF_START_TOUCHED;
    if (resets)
        start.flags |= MF_START_RESET;
    if (resets && instance->pagemap < 0) {
        without_reset(instance, "the pagemap of its process cannot be read");
        start.flags &= ~MF_START_RESET;
        instance_only_once(instance);
    } else if (resets && instance->count == 0) { /* it will be rolled back before its first event */
        instance_go(instance, INSTANCE_RESETTING, instance->pool->node->loop.now_ns);
    }
    mf_err err = blanks_order(instance, instance->version, &start, &why);
    close_fd(&instance->snapshot_fd);
    close_fd(&instance->pagemap);
    close_fd(&instance->touched_fd);
    if (err) /* it died as a blank: nothing of the function ran */
        pool_refused(instance, NULL);
    else
        pool_settle(instance);
}

void pool_refused(struct instance *instance, const char *why)
{
    struct function *function = function_get(instance->function);
    struct version *version = version_get(instance->version);
    uint32_t flags = instance->start_flags;
    blank_kill(&instance->blank);
    instance->unbegun = true;
    pool_bury(instance, NULL);
    if (!why) { /* with its end comes a packet of the spawner's */
        function->node->pool.starved = true;
        function_put(function);
        version_put(version);
        return;
    }
    if (flags & MF_START_RESET && !version->no_reset) {
        version->no_reset = "its monitor cannot roll it back";
        function_log_node(function->log, MF_LOG_WARN, 0, "%s: %s", version->no_reset, why);
    } else {
        snapshots_refused(function, version, why);
    }
    dispatch_place(function);
    version_put(version);
    function_put(function);
}
