/*
 * records.h: deployed functions as the state directory keeps them, a file each: image, manifest, settings,
 * and the same of the version before.
 */
#ifndef MF_NODE_FUNCTIONS_RECORDS_H
#define MF_NODE_FUNCTIONS_RECORDS_H

#include <stdbool.h>

#include "base/err.h"
#include "node/functions/deploy.h"

/* Into deployment->last: what is in force now, or what is kept with it, if that is no other version
 * (any thread, before records_save()). What cannot be read is not kept. */
void records_keep_last(const struct state_dir *state, struct deployment *deployment);
/* The version before the one in force (any thread). MF_ENOENT: none is kept. */
MF_CHECKED mf_err records_last(const struct state_dir *state, const char *name,
                               struct deployment *deployment, struct mf_why *why);

/* To the state directory (any thread). */
MF_CHECKED mf_err records_save(const struct state_dir *state, struct deployment *deployment,
                               struct mf_why *why);
MF_CHECKED mf_err records_forget(const struct state_dir *state, const char *name,
                                 struct mf_why *why);

/* Into force everything that the state directory holds, workflows first, at start (loop thread); what is
 * broken is reported and left out, images and snapshots that nothing refers to are removed. Images are not opened: a
 * record holds what their manifests say, and each is checked before its first use. A function
 * whose sandbox cannot be had is kept, and refuses calls with the reason. */
void records_restore(struct node *node, const struct deploy_rules *rules);

/* Is this image in use by a deployed function or its version before, or by a version of a workflow?
 * Loop thread. */
bool records_use_image(const struct node *node, const char *hash);

#endif
