/*
 * freezer.h: makes snapshots, one at a time, beside everything else: looks whether there is
 * one already; if not, starts an instance that parks itself, has its memory read out by a
 * worker thread, ends it, and puts the file in place. No request waits for it. Loop thread
 * only, but for the work that it queues.
 *
 *   LOOKING ─▶ BOOTING ─▶ WRITING ─▶ ENDING ─▶ KEEPING ─▶ RESTING
 *     worker     loop       worker     loop      worker
 *
 * What it read is believed only if the process that it read from was still the instance:
 * it is killed after the reading, and must die of that.
 */
#ifndef MF_NODE_SNAPSHOTS_FREEZER_H
#define MF_NODE_SNAPSHOTS_FREEZER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "image/image.h"
#include "node/instance/freeze.h"
#include "node/loop/list.h"
#include "node/loop/timer.h"
#include "node/snapshots/file.h"
#include "node/snapshots/recorder.h"
#include "node/snapshots/rehearsal.h"

enum freezer_step {
    FREEZER_RESTING,
    FREEZER_LOOKING,
    FREEZER_BOOTING,
    FREEZER_WRITING,
    FREEZER_ENDING,
    FREEZER_KEEPING
};

struct function;
struct instance;
struct node;
struct version;

struct freezer {
    struct node *node; /* NULL: not open                                       */
    struct link queue;   /* functions that want one, by their freeze_due         */
    struct timer retry;
    enum freezer_step step;
    bool in_job;         /* the worker has what follows                          */
    bool parked;         /* it said FROZEN; its pid is not known yet             */
    bool unwanted;       /* the version is not in force any more                 */
    struct function *function; /* whose is being made; counted                   */
    struct version *version;   /* the same                                       */
    struct instance *instance; /* BOOTING to ENDING; NULL: it is gone            */
    struct freeze_order order;
    struct snapshot_origin origin;
    struct mf_buf ranges;
    struct image_file image;
    struct snapshot_draft draft;
    struct snapshot_facts facts;
    mf_err err;
    struct mf_why why;
    uv_work_t work;
    struct recorder recorder;   /* beside all that */
    struct rehearsal rehearsal; /* the same        */
};

void freezer_open(struct freezer *freezer, struct node *node);
/* Nothing is begun any more. Then the loop runs until freezer_busy() is false: the recorder
 * has nothing under way, either. */
void freezer_quiet(struct freezer *freezer);
bool freezer_busy(const struct freezer *freezer);
void freezer_close(struct freezer *freezer);

/* The function's present version is to have one, if it has none and may. */
void freezer_want(struct function *function);
/* Its version is not in force any more. */
void freezer_cancel(struct function *function);

/* From the pool, of the FREEZING instance: its pid is known. It takes too long, and is ended
 * by this. It said FROZEN, with its ranges; MF_EPROTO. It ended, with the status of
 * waitpid(2), or was never let in. It broke a rule, and is ended by this. It is gone,
 * whatever the reason. */
void freezer_spawned(struct instance *instance);
void freezer_late(struct instance *instance);
MF_CHECKED mf_err freezer_frozen(struct instance *instance, const void *ranges, size_t bytes,
                                 struct mf_why *why);
void freezer_exited(struct instance *instance, int status, const char *why);
void freezer_broke(struct instance *instance, const char *why);
void freezer_unready(struct instance *instance, const char *why); /* a failed blank: later again */
void freezer_lost(struct instance *instance);

#endif
