/*
 * start.c: see start.h.
 * Guarantees: a start that its monitor refuses because of the snapshot, or of the
 * rollback, is done again without; no event is lost by it, and there are at most two such
 * starts more for one event.
 * Leaves to others: blanks (blanks.c), snapshots (snapshots/), instances (pool.c).
 * Owns an instance's pagemap and snapshot descriptors until its monitor has them. Loop
 * thread only.
 */
#include "node/pool/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/pool/blanks.h"
#include "node/pool/dispatch.h"
#include "node/pool/isolation.h"
#include "node/pool/pool.h"
#include "node/shard.h"
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
    timer_set(&pool->shard->timers, &pool->refill,
              pool->shard->now_ns + MF_BLANK_REFILL_MS * MF_NS_PER_MS);
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
    err = blanks_take(pool, version, NULL, instance, why);
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
    take_over(pool, made, function, version);
    made->start_due = true;
    made->snapshot_fd = snapshot_fd;
    function->counters.starts[restores]++;
    burst_start(&pool->burst[version->sandbox], ++pool->starting[version->sandbox],
                pool->shard->now_ns);
    instance_start(made, isolation, pool->shard->now_ns);
    pool_settle(made);
    return MF_OK;
}

mf_err pool_freeze(struct pool *pool, struct function *function, struct version *version,
                   struct instance **instance, struct mf_why *why)
{
    const struct start start = {.flags = MF_START_FREEZE, .snapshot_fd = -1, .pagemap_fd = -1};
    mf_err err = version_image_get(function, version, why);
    if (err)
        return err;
    err = pool->spawner.fd < 0 ? MF_EAGAIN : blanks_take(pool, version, &start, instance, why);
    if (err) {
        version_image_put(version);
        return err;
    }
    take_over(pool, *instance, function, version);
    instance_go(*instance, INSTANCE_FREEZING, pool->shard->now_ns);
    pool_settle(*instance);
    pool_wake(*instance); /* so that it is told, before we sleep, to ring */
    return MF_OK;
}

void pool_start_idle(struct instance *instance)
{
    pool_start_if_due(instance);
    if (instance->state == INSTANCE_DEAD)
        return;
    if (instance->isolation != ISOLATION_RESET)
        instance_spoke(instance, instance->pool->shard->now_ns);
    pool_settle(instance);
}

/* By way of its folder, which stays the process's even if its number becomes another's. */
static int open_pagemap(pid_t pid, pid_t parent)
{
    char path[32], stat[512];
    int fd = -1, is_of = -1;
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int about = openat(folder, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t got = about < 0 ? -1 : read(about, stat, sizeof stat - 1);
    stat[got > 0 ? got : 0] = 0;
    const char *name_end = strrchr(stat, ')'); /* proc_pid_stat(5): a name may hold anything */
    if (name_end && sscanf(name_end, ") %*c %d", &is_of) == 1 && is_of == parent)
        fd = openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    close_fd(&about);
    close_fd(&folder);
    return fd;
}

void pool_spawned(struct instance *instance, int pid)
{
    instance->blank.pid = pid;
    if (instance->blank.sandbox == MF_SANDBOX_KVM && instance->state != INSTANCE_DEAD &&
        (instance->state == INSTANCE_BLANK || instance->start_due))
        instance->pagemap = open_pagemap(pid, instance->pool->spawner.pid);
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
                          .pagemap_fd = instance->pagemap};
    if (!instance->start_due || (resets && instance->blank.pid <= 0))
        return;
    instance->start_due = false;
    if (resets)
        start.flags |= MF_START_RESET;
    if (resets && instance->pagemap < 0) {
        without_reset(instance, "the pagemap of its process cannot be read");
        start.flags &= ~MF_START_RESET;
        instance_only_once(instance);
    } else if (resets && instance->count == 0) { /* it will be rolled back before its first event */
        instance_go(instance, INSTANCE_RESETTING, instance->pool->shard->now_ns);
    }
    mf_err err = blanks_order(instance, instance->version, &start, &why);
    close_fd(&instance->snapshot_fd);
    close_fd(&instance->pagemap);
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
        function->shard->pool.starved = true;
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
