/*
 * places.h: where functions of a workflow listen (setting `listen`), while it changes: each has its port before
 * anything is written, but such as another function of it has until the change. Loop thread only.
 */
#ifndef MF_NODE_WORKFLOWS_PLACES_H
#define MF_NODE_WORKFLOWS_PLACES_H

#include "base/err.h"

struct deployment;
struct kept_workflow;
struct workflow_change;

/* kept: the workflow as it is; NULL: it is new. MF_EEXIST, MF_EINVAL and others: the deployment's port
 * cannot be had; why names function and port, and who can do what. */
MF_CHECKED mf_err places_reserve(const struct workflow_change *change, const struct kept_workflow *kept,
                                 const struct deployment *deployment, struct mf_why *why);

/* Functions that go, or are to listen elsewhere, listen no more: the change comes into force. */
void places_leave(const struct workflow_change *change, const struct kept_workflow *kept);

#endif
