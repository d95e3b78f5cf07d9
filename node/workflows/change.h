/*
 * change.h: one change of a workflow: a deployment, a rollback, a removal.
 *
 *   change_create → change_check (beside the loop) → change_compare
 *        → change_save (beside the loop) → change_apply → change_destroy
 *
 * What fails before change_save() has returned leaves everything as it is. One at a time: from
 * change_create() to change_destroy() nothing else changes workflows or functions of this one.
 * Loop thread only, but for the two that say otherwise.
 */
#ifndef MF_NODE_WORKFLOWS_CHANGE_H
#define MF_NODE_WORKFLOWS_CHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/functions/deploy.h"

struct node;

struct workflow_change {
    struct node *node;
    char name[MF_NAME_BYTES_MAX + 1];
    bool dry_run;            /* told what would be; holds nobody up            */
    uint32_t back_to;        /* a rollback to that version; 0: none            */
    json_t *functions;       /* that it shall have (record.h); NULL: it goes   */
    struct deployment *deployment; /* of each, after change_check()            */
    size_t count;
    bool *alters;            /* of each: it is not in force like that          */
    json_t *differences;     /* of all, to be told                             */
    json_t *record;          /* as it shall be kept                            */
    char *text;              /* its file                                       */
    uint32_t number;         /* of the version that is in force afterwards     */
    uint32_t newcomers;      /* functions that are not here yet                */
    bool created, nothing;   /* the workflow is new; all is as it shall be     */
};

/* Takes functions over, which record_check_functions() has taken, or NULL. MF_EAGAIN: another
 * change is under way. */
MF_CHECKED mf_err change_create(struct node *node, const char *name, json_t *functions,
                                bool dry_run, struct workflow_change **change,
                                struct mf_why *why);
void change_destroy(struct workflow_change *change); /* NULL is fine */

bool change_has(const struct workflow_change *change, const char *function);

/* Images and settings of all functions. Any thread. */
MF_CHECKED mf_err change_check(struct workflow_change *change, const struct deploy_rules *rules,
                               struct mf_why *why);
/* With what is in force. MF_EEXIST: a function is another workflow's, and not the same; MF_EFULL:
 * the node takes no more functions. */
MF_CHECKED mf_err change_compare(struct workflow_change *change, struct mf_why *why);
/* The workflow's file. Any thread. */
MF_CHECKED mf_err change_save(struct workflow_change *change, const struct state_dir *state,
                              struct mf_why *why);
/* Into force. An error: a function could not be made for want of memory; the next start has it. */
MF_CHECKED mf_err change_apply(struct workflow_change *change, struct mf_why *why);

/* {"workflow", "version", "dry_run", "changes": […]}; a new reference. */
json_t *change_json(const struct workflow_change *change);

#endif
