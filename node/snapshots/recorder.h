/*
 * recorder.h: learns which pages a function's first event touches: looks at an instance that
 * has just served it, when the loop has nothing else to do, and has a worker thread write
 * down what it saw. One at a time; who is busy is looked at another time. No request waits
 * for it. Loop thread only, but for the work that it queues.
 */
#ifndef MF_NODE_SNAPSHOTS_RECORDER_H
#define MF_NODE_SNAPSHOTS_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "node/snapshots/touched.h"

struct function;
struct instance;
struct node;
struct version;

struct recorder {
    struct node *node; /* NULL: not open, or not to begin anything any more   */
    bool in_job;         /* the worker has what follows                         */
    struct function *function; /* counted                                       */
    struct version *version;   /* the same                                      */
    int dir_fd;
    uint8_t key[MF_SNAPSHOT_HASH_BYTES];
    struct file_identity identity;     /* of the snapshot                       */
    struct touched_origin origin;
    struct mf_touched_run *runs;       /* heap                                  */
    uint32_t count;
    struct touched_facts facts;
    mf_err err;
    struct mf_why why;
    uv_work_t work;
};

void recorder_open(struct recorder *recorder, struct node *node);
/* Nothing is begun any more. Then the loop runs until in_job is false. */
void recorder_quiet(struct recorder *recorder);

/* Should this start be looked at after its first event, and not be prepared? The first are, and
 * then one in MF_TOUCHED_LOOK_EVERY, which is counted here. */
bool recorder_wants(struct version *version);

/* The instance has served an event, and lives. */
void recorder_look(struct recorder *recorder, const struct instance *instance);

#endif
