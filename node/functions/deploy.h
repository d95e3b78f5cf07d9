/*
 * deploy.h: a function's way in and out: check, save (records.h), apply. What fails at any of them
 * leaves what ran before running.
 */
#ifndef MF_NODE_FUNCTIONS_DEPLOY_H
#define MF_NODE_FUNCTIONS_DEPLOY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "node/functions/function.h"
#include "node/functions/state_dir.h"

/* What the checks go by; constant while the node runs. */
struct deploy_rules {
    const struct state_dir *state;
    enum mf_sandbox min_sandbox;
    const struct egress *egress; /* which knows the node's own ports; NULL: there are none */
    struct sandbox_support support;
};

struct deployment {
    char name[MF_NAME_BYTES_MAX + 1];
    char hash[IMAGE_HASH_HEX + 1];
    json_t *settings;        /* what overrides the manifest; NULL: nothing. Owned */
    json_t *manifest;        /* the image's; NULL: not known yet. Owned           */
    json_t *last;            /* the record of the version before it, without such a one of its own:
                                kept for `mayfly rollback`. NULL: none. Owned     */
    struct version *version; /* after deploy_check(); owned until deploy_apply()  */
};

void deployment_close(struct deployment *deployment);

/* {"image": HASH, "settings": {…}} (any thread). MF_EINVAL: which key is wrong. */
MF_CHECKED mf_err deployment_parse(const char *name, const char *json, size_t bytes,
                                   struct deployment *deployment, struct mf_why *why);

/* The same of what was read. */
MF_CHECKED mf_err deployment_from_json(const char *name, const json_t *object,
                                       struct deployment *deployment, struct mf_why *why);

/* The same of a record (records.h), which may know the manifest, and the version before. */
MF_CHECKED mf_err deployment_parse_record(const char *name, const char *json, size_t bytes,
                                          struct deployment *deployment, struct mf_why *why);
MF_CHECKED mf_err deployment_from_record(const char *name, const json_t *object,
                                         struct deployment *deployment, struct mf_why *why);

/* Load and check image and settings (any thread). A sandbox that cannot be had is an error. */
MF_CHECKED mf_err deploy_check(const struct deploy_rules *rules, struct deployment *deployment,
                               struct mf_why *why);

/* The same of one whose manifest is known: its image is not looked at (any thread). Unless strict, a
 * sandbox that cannot be had is none then. */
MF_CHECKED mf_err deploy_recall(const struct deploy_rules *rules, struct deployment *deployment,
                                bool strict, struct mf_why *why);

/* Into force (loop thread). created: it is new. */
MF_CHECKED mf_err deploy_apply(struct node *node, struct deployment *deployment, bool *created,
                               struct mf_why *why);
/* Out of force (loop thread): waiting calls are refused, those that run finish. */
void deploy_remove(struct function *function);

#endif
