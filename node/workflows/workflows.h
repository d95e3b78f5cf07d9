/*
 * workflows.h: the workflows of a node, and whose a function is. Loop thread only.
 */
#ifndef MF_NODE_WORKFLOWS_WORKFLOWS_H
#define MF_NODE_WORKFLOWS_WORKFLOWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "node/functions/deploy.h"
#include "node/loop/list.h"

struct workflow_change;

struct workflows {
    struct link all;                  /* struct kept_workflow                 */
    uint32_t count;
    struct workflow_change *under_way; /* one at a time; NULL: none           */
};

struct kept_workflow {
    struct link link;
    char name[MF_NAME_BYTES_MAX + 1];
    json_t *record;                   /* record.h, without its manifests; owned */
};

void workflows_init(struct workflows *workflows);
void workflows_close(struct workflows *workflows);

/* All that the state directory holds, at start, into force. False: something could not be read;
 * it was logged, and is left out. */
bool workflows_restore(struct node *node, const struct deploy_rules *rules);

struct kept_workflow *workflows_find(const struct workflows *workflows, const char *name);

/* Takes the record over. Without memory for a new one: MF_ENOMEM. */
MF_CHECKED mf_err workflows_put(struct workflows *workflows, const char *name, json_t *record);
void workflows_remove(struct workflows *workflows, struct kept_workflow *kept);

/* A workflow that has the function, but not the one called except (may be NULL); NULL: none. Also
 * one that is on its way to have it. */
const char *workflows_owner(const struct workflows *workflows, const char *function,
                            const char *except);

/* The names of all functions of the workflows that have this one, itself among them. */
void workflows_each_beside(const struct workflows *workflows, const char *function,
                           void (*visit)(const char *name, void *context), void *context);

/* Has a version that is kept this image? */
bool workflows_use_image(const struct workflows *workflows, const char *hash);

/* The file of a workflow's record. */
#define WORKFLOW_FILE_BYTES (MF_NAME_BYTES_MAX + sizeof ".json")
void workflow_file(const char *name, char file[static WORKFLOW_FILE_BYTES]);

#endif
