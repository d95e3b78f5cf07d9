/*
 * freezer.c: see freezer.h.
 * Guarantees: one instance is frozen at a time; whatever it does, the function stays
 * deployed and the freezer goes on with the next within MF_FREEZE_MS_MAX and the time of
 * one read; a half-written file never gets a name.
 * Leaves to others: what is read (instance/freeze.c), files (file.c), what it means for
 * the version (snapshots.c). Owns the instance's memory of what it said. Loop thread,
 * but for look(), write_out() and keep(), which touch only the job's own fields.
 */
#include "node/snapshots/freezer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/functions/image_store.h"
#include "node/logs/function_log.h"
#include "node/pool/pool.h"
#include "node/pool/start.h"
#include "node/node.h"
#include "node/snapshots/snapshots.h"

static void next(struct freezer *freezer);
static void boot(struct freezer *freezer);
static void queue(struct freezer *freezer, enum freezer_step step, void (*work)(uv_work_t *));
static void worked(uv_work_t *work, int status);
static void read_out(struct freezer *freezer);
static void done(struct freezer *freezer);
static void fail(struct freezer *freezer, mf_err err, const char *why);

static void retry(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    struct freezer *freezer = list_of(timer, struct freezer, retry);
    if (freezer->step == FREEZER_BOOTING && !freezer->instance)
        boot(freezer);
}

void freezer_open(struct freezer *freezer, struct node *node)
{
    *freezer = (struct freezer){.node = node, .retry = {.fire = retry}, .draft = {.fd = -1}};
    link_init(&freezer->queue);
    freezer->work.data = freezer;
    recorder_open(&freezer->recorder, node);
    rehearsal_open(&freezer->rehearsal, node);
}

void freezer_quiet(struct freezer *freezer)
{
    if (!freezer->node)
        return;
    while (!list_empty(&freezer->queue))
        list_remove(freezer->queue.next);
    freezer->unwanted = true;
    recorder_quiet(&freezer->recorder);
    rehearsal_quiet(&freezer->rehearsal);
}

bool freezer_busy(const struct freezer *freezer)
{
    return freezer->in_job || freezer->recorder.in_job;
}

void freezer_close(struct freezer *freezer)
{
    if (!freezer->node)
        return;
    mf_assert(!freezer_busy(freezer) && !freezer->instance);
    timer_stop(&freezer->node->loop.timers, &freezer->retry);
    freezer_quiet(freezer);
    if (freezer->step != FREEZER_RESTING)
        done(freezer);
    freezer->node = NULL;
}

void freezer_want(struct function *function)
{
    struct freezer *freezer = &function->node->freezer;
    struct version *version = function->version;
    if (!freezer->node || function->node->stopping || !version || !version->snapshot.keyed ||
        version->snapshot.hopeless || version->snapshot.state == SNAPSHOT_READY ||
        function->node->loop.now_ns < version->snapshot.retry_ns ||
        !list_empty(&function->freeze_due) || freezer->version == version)
        return;
    version->snapshot.state = SNAPSHOT_MAKING;
    list_append(&freezer->queue, &function->freeze_due);
    next(freezer);
}

void freezer_cancel(struct function *function)
{
    struct freezer *freezer = &function->node->freezer;
    list_remove(&function->freeze_due);
    rehearsal_cancel(function);
    if (!freezer->node || freezer->function != function)
        return;
    freezer->unwanted = true;
    if (freezer->instance && freezer->step == FREEZER_BOOTING)
        pool_retire(freezer->instance); /* freezer_lost() follows */
    else if (freezer->step == FREEZER_BOOTING)
        fail(freezer, MF_EAGAIN, "not wanted any more");
}

/* ---- in a worker thread ---- */

static void look(uv_work_t *work)
{
    struct freezer *freezer = work->data;
    freezer->err = snapshot_file_check(freezer->draft.dir_fd, freezer->order.key, &freezer->origin,
                                       &freezer->facts, &freezer->why);
}

static void write_out(uv_work_t *work)
{
    struct freezer *freezer = work->data;
    struct mf_why *why = &freezer->why;
    int fd = -1; /* of its own: the instance, and what it holds open, may end at any time */
    mf_err err = image_store_open(&freezer->node->api.state, freezer->version->hash, &fd, why);
    if (!err)
        err = image_open(fd, false, &freezer->image, why);
    if (!err) {
        freezer->order.image = &freezer->image.image;
        err = snapshot_draft_open(freezer->draft.dir_fd, freezer->order.key, &freezer->draft, why);
        if (!err)
            err = freeze_write(&freezer->order, freezer->draft.fd, why);
        if (!err)
            err = snapshot_draft_sync(&freezer->draft, why);
        image_close(&freezer->image);
    }
    if (fd >= 0)
        (void)close(fd);
    if (err == MF_EFULL)
        (void)mf_why(why, err, "the disk is full; make room, and a later start has one made");
    freezer->err = err;
}

static void keep(uv_work_t *work)
{
    struct freezer *freezer = work->data;
    freezer->err = snapshot_draft_keep(&freezer->draft, &freezer->facts, &freezer->why);
    if (!freezer->err) /* as a start after this one would find it */
        freezer->err = snapshot_file_check(freezer->draft.dir_fd, freezer->order.key,
                                           &freezer->origin, &freezer->facts, &freezer->why);
}

/* ---- in the loop ---- */

static void next(struct freezer *freezer)
{
    if (freezer->step != FREEZER_RESTING || list_empty(&freezer->queue))
        return;
    struct function *function = list_of(freezer->queue.next, struct function, freeze_due);
    list_remove(&function->freeze_due);
    freezer->function = function_get(function);
    freezer->version = version_get(function->version);
    freezer->unwanted = false;
    snapshots_origin(freezer->node, freezer->version, &freezer->origin);
    memcpy(freezer->order.key, freezer->version->snapshot.key, sizeof freezer->order.key);
    freezer->draft = (struct snapshot_draft){.dir_fd = freezer->node->api.state.snapshots_fd,
                                             .fd = -1};
    queue(freezer, FREEZER_LOOKING, look);
}

static void queue(struct freezer *freezer, enum freezer_step step, void (*work)(uv_work_t *))
{
    freezer->step = step;
    freezer->why.text[0] = 0;
    freezer->in_job = true;
    if (uv_queue_work(&freezer->node->loop.uv, &freezer->work, work, worked) == 0)
        return;
    freezer->in_job = false;
    fail(freezer, MF_ENOMEM, "no thread could be started");
}

static void looked(struct freezer *freezer)
{
    if (!freezer->err) {
        snapshots_ready(freezer->version, &freezer->facts);
        rehearsal_want(freezer->function);
        done(freezer);
        return;
    }
    if (freezer->err == MF_EFORMAT) {
        snapshots_damaged(freezer->function, freezer->version,
                          mf_why_text(&freezer->why, freezer->err));
        freezer->version->snapshot.state = SNAPSHOT_MAKING;
    }
    boot(freezer);
}

static void boot(struct freezer *freezer)
{
    struct mf_why why = {{0}};
    freezer->step = FREEZER_BOOTING;
    freezer->parked = false;
    if (freezer->unwanted) {
        fail(freezer, MF_EAGAIN, "not wanted any more");
        return;
    }
    mf_err err = pool_freeze(freezer->function, freezer->version, &freezer->instance, &why);
    if (err == MF_EAGAIN || err == MF_EDEAD)
        timer_set(&freezer->node->loop.timers, &freezer->retry,
                  freezer->node->loop.now_ns + MF_FREEZER_RETRY_MS * MF_NS_PER_MS);
    else if (err)
        fail(freezer, err, mf_why_text(&why, err));
}

mf_err freezer_frozen(struct instance *instance, const void *ranges, size_t bytes,
                      struct mf_why *why)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    if (freezer->instance != instance || freezer->step != FREEZER_BOOTING || freezer->parked)
        return mf_why(why, MF_EPROTO, "it was frozen twice");
    if (bytes % sizeof(struct mf_range) != 0)
        return mf_why(why, MF_EPROTO, "FROZEN with %zu bytes of ranges", bytes);
    freezer->ranges.bytes = 0;
    mf_err err = mf_buf_add(&freezer->ranges, ranges, bytes);
    if (err)
        return err;
    freezer->order.ranges = (const struct mf_range *)(const void *)freezer->ranges.data;
    freezer->order.range_count = (uint32_t)(bytes / sizeof(struct mf_range));
    err = snapshot_check_ranges(freezer->order.ranges, freezer->order.range_count,
                                freezer->version->window_bytes, freezer->version->settings.jit, why);
    if (err)
        return err;
    freezer->parked = true;
    if (instance->blank.pid > 0)
        read_out(freezer);
    return MF_OK;
}

void freezer_spawned(struct instance *instance)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    if (freezer->instance == instance && freezer->parked)
        read_out(freezer);
}

void freezer_late(struct instance *instance)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    char text[MF_WHY_BYTES];
    if (freezer->instance != instance || freezer->step != FREEZER_BOOTING)
        return;
    (void)snprintf(text, sizeof text, "it did not wait for an event within %d s of its start",
                   MF_FREEZE_MS_MAX / 1000);
    freezer_broke(instance, text);
}

static void read_out(struct freezer *freezer)
{
    struct instance *instance = freezer->instance;
    freezer->parked = false;
    freezer->order.pid = instance->blank.pid;
    freezer->order.parent = instance->pool->spawner.pid;
    freezer->order.sandbox = instance->blank.sandbox;
    freezer->order.window_bytes = freezer->version->window_bytes;
    freezer->order.jit = freezer->version->settings.jit;
    queue(freezer, FREEZER_WRITING, write_out);
}

/* The memory is written and on disk. Is the process still the one that we started? */
static void wrote(struct freezer *freezer)
{
    if (!freezer->instance) { /* it may have been a stranger's memory */
        fail(freezer, MF_EDEAD, "the instance ended while its memory was read");
    } else if (freezer->err || freezer->unwanted) {
        mf_err err = freezer->err ? freezer->err : MF_EAGAIN;
        struct instance *instance = freezer->instance;
        freezer->instance = NULL;
        pool_retire(instance);
        fail(freezer, err, mf_why_text(&freezer->why, err));
    } else {
        freezer->step = FREEZER_ENDING;
        blank_kill(&freezer->instance->blank);
    }
}

void freezer_exited(struct instance *instance, int status, const char *why)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    char text[MF_WHY_BYTES];
    if (freezer->instance != instance)
        return;
    freezer->instance = NULL;
    if (freezer->step == FREEZER_ENDING && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        queue(freezer, FREEZER_KEEPING, keep);
    } else if (freezer->step == FREEZER_BOOTING || freezer->step == FREEZER_ENDING) {
        (void)snprintf(text, sizeof text, "it ended before its first wait for an event: %s",
                       why[0] ? why : exit_cause(status));
        /* killed, and not by us: for want of memory, which may be there later */
        fail(freezer, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? MF_EDEAD : MF_EPROTO,
             text);
    }
}

static void broke(struct instance *instance, mf_err err, const char *why)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    bool ours = freezer->instance == instance && freezer->step == FREEZER_BOOTING;
    if (ours)
        freezer->instance = NULL;
    pool_retire(instance);
    if (ours)
        fail(freezer, err, why);
}

void freezer_broke(struct instance *instance, const char *why)
{
    broke(instance, MF_EPROTO, why);
}

void freezer_unready(struct instance *instance, const char *why)
{
    broke(instance, MF_EDEAD, why);
}

void freezer_lost(struct instance *instance)
{
    struct freezer *freezer = &instance->pool->node->freezer;
    if (freezer->instance != instance)
        return;
    freezer->instance = NULL;
    if (freezer->step == FREEZER_BOOTING || freezer->step == FREEZER_ENDING)
        fail(freezer, MF_EDEAD, "the spawner ended");
}

static void kept(struct freezer *freezer)
{
    struct version *version = freezer->version;
    if (freezer->err) {
        fail(freezer, freezer->err, mf_why_text(&freezer->why, freezer->err));
        return;
    }
    snapshots_ready(version, &freezer->facts);
    function_log_node(freezer->function->log, MF_LOG_INFO, 0, "snapshot made: %llu KiB, %llu pages",
                      (unsigned long long)freezer->facts.disk_bytes / 1024,
                      (unsigned long long)freezer->facts.pages);
    if (version != freezer->function->version)
        snapshots_drop(freezer->node, version);
    rehearsal_want(freezer->function);
    done(freezer);
}

static void worked(uv_work_t *work, int status)
{
    struct freezer *freezer = work->data;
    freezer->in_job = false;
    freezer->node->loop.now_ns = mf_monotonic_ns();
    if (status != 0)
        freezer->err = MF_EAGAIN;
    if (freezer->step == FREEZER_LOOKING)
        looked(freezer);
    else if (freezer->step == FREEZER_WRITING)
        wrote(freezer);
    else
        kept(freezer);
}

static void fail(struct freezer *freezer, mf_err err, const char *why)
{
    if (freezer->unwanted) /* by a later deployment, or by the end of the node */
        freezer->version->snapshot.state = SNAPSHOT_NONE;
    else
        snapshots_failed(freezer->function, freezer->version, err, why);
    done(freezer);
}

/* All that belonged to this one. */
static void done(struct freezer *freezer)
{
    struct function *function = freezer->function;
    mf_assert(!freezer->in_job && !freezer->instance);
    timer_stop(&freezer->node->loop.timers, &freezer->retry);
    snapshot_draft_close(&freezer->draft);
    mf_buf_close(&freezer->ranges);
    version_put(freezer->version);
    freezer->version = NULL;
    freezer->function = NULL;
    freezer->step = FREEZER_RESTING;
    function_put(function);
    next(freezer);
}
