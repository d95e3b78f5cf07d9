/*
 * snapshots.h: which version of a function has a snapshot, from its deployment on: looked
 * for when it is first needed, checked once, opened for each start, given up. Loop thread
 * only.
 *
 *   NONE       there is none; reason says why. Starts boot
 *   UNCHECKED  a file from an earlier life of the node has its key
 *   MAKING     wanted, or being made: freezer.h
 *   READY      checked as it stands there
 */
#ifndef MF_NODE_SNAPSHOTS_SNAPSHOTS_H
#define MF_NODE_SNAPSHOTS_SNAPSHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "node/snapshots/file.h"

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_UNCHECKED, SNAPSHOT_MAKING, SNAPSHOT_READY };

struct function;
struct node;
struct version;

/* Of a version; zeroed: none, and none can be. */
struct snapshot_status {
    enum snapshot_state state;
    bool keyed;                /* key is known                                          */
    bool hopeless;             /* another try would end the same way                    */
    uint8_t refusals;          /* starts from it that a monitor refused                 */
    uint32_t prepared_starts;  /* recorder.c counts them                                */
    uint8_t rehearsals;        /* so far, of this life of the node (rehearsal.h)        */
    uint8_t key[MF_SNAPSHOT_HASH_BYTES];
    uint64_t retry_ns;         /* not before this; the node's clock                     */
    struct snapshot_facts facts; /* READY                                               */
    char *reason;              /* NONE: why; heap; NULL: none was made yet              */
};
void snapshot_status_close(struct snapshot_status *status);
const char *snapshot_state_name(enum snapshot_state state);

/* A version that is deployed: what its snapshot depends on is known now. before: the one that
 * it takes the place of, or NULL. */
void snapshots_attach(struct node *node, struct version *version, const struct version *before);
void snapshots_origin(const struct node *node, const struct version *version,
                      struct snapshot_origin *origin);

/* For a start of the function's present version: its snapshot, open, the caller's; or -1:
 * the start boots, and one is made if it can be. */
int snapshots_open(struct function *function);

/* For the same start: the file of the pages that a first event touches, open, the caller's; or
 * -1: there is none, or none worth it. pages: how many are prepared. */
int snapshots_open_touched(struct function *function, uint32_t *pages);

/* The file is not what was made: remove it, log it. */
void snapshots_damaged(struct function *function, struct version *version, const char *why);

/* A monitor would not start from it. */
void snapshots_refused(struct function *function, struct version *version, const char *why);

/* The results of making one. kind: MF_OK, or why not. */
void snapshots_ready(struct version *version, const struct snapshot_facts *facts);
void snapshots_failed(struct function *function, struct version *version, mf_err err,
                      const char *why);

/* The version is in force no more: remove its file, unless another one has the same key. */
void snapshots_drop(struct node *node, const struct version *version);

/* At the start of the node: what is there, and for whom; what is for nobody is removed. */
void snapshots_collect(struct node *node);

#endif
