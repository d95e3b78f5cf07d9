/*
 * recorder.c: see recorder.h.
 * Guarantees: the loop is held up by one look (instance/look.h) for each sample, of
 * which there are MF_TOUCHED_SAMPLES in the lives of a snapshot, and one in many starts.
 * Leaves to others: files (touched.c), which instance (pool/).
 * What is seen may be a stranger's by a race of pids: a hint, then, that is of no use.
 */
#include "node/snapshots/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "node/functions/function.h"
#include "node/instance/look.h"
#include "node/logs/function_log.h"
#include "node/pool/pool.h"
#include "node/node.h"
#include "node/snapshots/snapshots.h"

void recorder_open(struct recorder *recorder, struct node *node)
{
    *recorder = (struct recorder){.node = node};
    recorder->work.data = recorder;
}

void recorder_quiet(struct recorder *recorder)
{
    recorder->node = NULL;
}

static bool may_learn(const struct version *version)
{
    enum touched_state state = version->snapshot.facts.touched.state;
    return version->snapshot.state == SNAPSHOT_READY &&
           (state == TOUCHED_WANTED || state == TOUCHED_READY);
}

bool recorder_wants(struct version *version)
{
    return may_learn(version) &&
           (version->snapshot.facts.touched.state == TOUCHED_WANTED ||
            ++version->snapshot.prepared_starts % MF_TOUCHED_LOOK_EVERY == 0);
}

/* In a worker thread. */
static void add_sample(uv_work_t *work)
{
    struct recorder *recorder = work->data;
    recorder->err = touched_file_add(recorder->dir_fd, recorder->key, &recorder->origin,
                                     recorder->runs, recorder->count, &recorder->facts,
                                     &recorder->why);
}

static void take_over(struct recorder *recorder)
{
    struct version *version = recorder->version;
    struct touched_facts *touched = &version->snapshot.facts.touched;
    if (recorder->err == MF_EAGAIN)
        return; /* another time */
    if (recorder->err) {
        touched->state = TOUCHED_NONE;
        mf_log(MF_LOG_WARN, "touched.none", "fn=%s why=\"%s\"", recorder->function->name,
               mf_why_text(&recorder->why, recorder->err));
        return;
    }
    bool news = touched->state != recorder->facts.state || touched->pages != recorder->facts.pages;
    *touched = recorder->facts;
    if (news && touched->state == TOUCHED_READY)
        function_log_node(recorder->function->log, MF_LOG_INFO, 0,
                          "an event touches %u pages: prepared at the next starts",
                          touched->pages);
}

static void let_go(struct recorder *recorder)
{
    struct function *function = recorder->function;
    free(recorder->runs);
    recorder->runs = NULL;
    version_put(recorder->version);
    recorder->version = NULL;
    recorder->function = NULL;
    function_put(function);
}

static void added(uv_work_t *work, int status)
{
    struct recorder *recorder = work->data;
    struct version *version = recorder->version;
    recorder->in_job = false;
    if (status != 0)
        recorder->err = MF_EAGAIN;
    if (version->snapshot.state == SNAPSHOT_READY &&
        file_is_same(&version->snapshot.facts.identity, &recorder->identity))
        take_over(recorder);
    if (version != recorder->function->version) /* and nobody's, perhaps */
        snapshots_drop(recorder->function->node, version);
    let_go(recorder);
    if (recorder->node)
        rehearsal_next(&recorder->node->freezer.rehearsal);
}

static void queue(struct recorder *recorder, const struct instance *instance)
{
    const struct snapshot_status *snapshot = &instance->version->snapshot;
    struct node *node = recorder->node;
    recorder->function = function_get(instance->function);
    recorder->version = version_get(instance->version);
    recorder->dir_fd = node->api.state.snapshots_fd;
    memcpy(recorder->key, snapshot->key, sizeof recorder->key);
    recorder->identity = snapshot->facts.identity;
    recorder->origin.window_bytes = instance->version->window_bytes;
    memcpy(recorder->origin.snapshot, snapshot->facts.digest, sizeof recorder->origin.snapshot);
    recorder->why.text[0] = 0;
    recorder->in_job = uv_queue_work(&node->loop.uv, &recorder->work, add_sample, added) == 0;
    if (!recorder->in_job)
        let_go(recorder);
}

void recorder_look(struct recorder *recorder, const struct instance *instance)
{
    struct version *version = instance->version;
    if (!recorder->node || recorder->in_job || instance->blank.pid <= 0 ||
        version != instance->function->version || !may_learn(version))
        return;
    recorder->runs = malloc(MF_TOUCHED_RUNS_MAX * sizeof *recorder->runs);
    if (!recorder->runs)
        return;
    mf_err err = look_touched(instance->blank.pid, instance->pool->spawner.pid,
                              instance->blank.sandbox, version->window_bytes, recorder->runs,
                              &recorder->count);
    if (!err) {
        queue(recorder, instance);
        return;
    }
    if (err != MF_EDEAD) /* this system does not tell */
        version->snapshot.facts.touched.state = TOUCHED_NONE;
    free(recorder->runs);
    recorder->runs = NULL;
}
