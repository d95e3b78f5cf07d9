/*
 * change.c: see change.h.
 * Guarantees: nothing is written before all was checked; one file's replacement is the change;
 * all of it comes into force within one turn of the loop.
 * Leaves to others: what a function's deployment is (functions/deploy.c), who may ask (api/).
 */
#include "node/workflows/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/delivery/delivery.h"
#include "node/delivery/durability.h"
#include "node/functions/records.h"
#include "node/logs/function_log.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/workflows/places.h"
#include "node/workflows/record.h"
#include "node/workflows/workflows.h"

static mf_err compare_one(struct workflow_change *change, size_t at, struct mf_why *why);
static mf_err compare_gone(struct workflow_change *change, const struct kept_workflow *kept);
static mf_err make_record(struct workflow_change *change, const struct kept_workflow *kept,
                          struct mf_why *why);

static mf_err no_memory(struct mf_why *why)
{
    return mf_why(why, MF_ENOMEM, "no memory for the workflow");
}

mf_err change_create(struct node *node, const char *name, json_t *functions, bool dry_run,
                     struct workflow_change **change, struct mf_why *why)
{
    struct workflows *workflows = &node->workflows;
    *change = NULL;
    if (!dry_run && workflows->under_way) {
        json_decref(functions);
        return mf_why(why, MF_EAGAIN, "workflow %s is being changed; try again when that is done",
                      workflows->under_way->name);
    }
    struct workflow_change *made = calloc(1, sizeof *made);
    if (!made) {
        json_decref(functions);
        return no_memory(why);
    }
    made->node = node;
    made->dry_run = dry_run;
    made->functions = functions;
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    if (!dry_run)
        workflows->under_way = made;
    *change = made;
    return MF_OK;
}

void change_destroy(struct workflow_change *change)
{
    if (!change)
        return;
    if (change->node->workflows.under_way == change)
        change->node->workflows.under_way = NULL;
    change->node->api.newcomers -= change->newcomers;
    for (size_t i = 0; i < change->count; i++)
        deployment_close(&change->deployment[i]);
    free(change->deployment);
    free(change->alters);
    free(change->text);
    json_decref(change->differences);
    json_decref(change->record);
    json_decref(change->functions);
    free(change);
}

bool change_has(const struct workflow_change *change, const char *function)
{
    return json_object_get(change->functions, function) != NULL;
}

/* ---- checked ---- */

static mf_err check_one(const struct workflow_change *change, const struct deploy_rules *rules,
                        const char *name, json_t *function, struct deployment *deployment,
                        struct mf_why *why)
{
    struct mf_why inner = {{0}};
    json_t *manifest = json_incref(json_object_get(function, "manifest"));
    (void)json_object_del(function, "manifest");
    mf_err err = deployment_from_json(name, function, deployment, &inner);
    if (!err)
        err = deploy_check(rules, deployment, &inner);
    if (err == MF_ENOENT && change->dry_run && manifest) { /* to be uploaded by the deployment itself */
        deployment->manifest = json_incref(manifest);
        err = deploy_recall(rules, deployment, true, &inner);
    }
    json_decref(manifest);
    return err ? mf_why(why, err, "%s: %.400s", name, mf_why_text(&inner, err)) : MF_OK;
}

mf_err change_check(struct workflow_change *change, const struct deploy_rules *rules,
                    struct mf_why *why)
{
    size_t count = json_object_size(change->functions);
    const char *name;
    json_t *function;
    mf_err err = MF_OK;
    change->deployment = calloc(count + 1, sizeof *change->deployment);
    change->alters = calloc(count + 1, sizeof *change->alters);
    if (!change->deployment || !change->alters)
        return no_memory(why);
    json_object_foreach(change->functions, name, function) {
        if (!err)
            err = check_one(change, rules, name, function, &change->deployment[change->count++], why);
    }
    return err;
}

/* ---- compared ---- */

mf_err change_compare(struct workflow_change *change, struct mf_why *why)
{
    struct node *node = change->node;
    const struct kept_workflow *kept = workflows_find(&node->workflows, change->name);
    uint32_t newcomers = 0;
    mf_err err = MF_OK;
    change->created = kept == NULL;
    change->nothing = kept && change->functions &&
                      json_object_size(version_functions(record_version(kept->record, 0))) ==
                          change->count;
    change->differences = json_array();
    if (!change->differences)
        return no_memory(why);
    for (size_t i = 0; i < change->count && !err; i++) {
        err = compare_one(change, i, why);
        newcomers += !err && !registry_find(&node->registry, change->deployment[i].name);
    }
    if (!err && kept)
        err = compare_gone(change, kept);
    if (err)
        return err;
    if (node->registry.count + node->api.newcomers + newcomers > node->options->functions_max)
        return mf_why(why, MF_EFULL, "this node holds %u functions, and with %u more it would hold more "
                      "than its --functions-max of %u", node->registry.count, newcomers,
                      node->options->functions_max);
    if (change->created && change->functions && node->workflows.count >= MF_WORKFLOWS_MAX)
        return mf_why(why, MF_EFULL, "this node holds %u workflows and takes no more",
                      node->workflows.count);
    change->number = kept ? version_number(record_version(kept->record, 0)) : 0;
    if (change->dry_run || change->nothing || !change->functions)
        return MF_OK;
    change->newcomers = newcomers;
    node->api.newcomers += newcomers;
    return make_record(change, kept, why);
}

static bool tell_difference(json_t *list, const char *key, json_t *from, json_t *to)
{
    return json_equal(from, to) ||
           json_array_append_new(list, json_pack("{s:s, s:O, s:O}", "key", key, "from", from, "to",
                                                 to)) == 0;
}

/* A list of what is not the same; NULL: no memory. */
static json_t *differences_of(const struct version *from, const struct version *to)
{
    json_t *list = json_array(), *value;
    json_t *before = settings_to_json(&from->settings), *after = settings_to_json(&to->settings);
    json_t *old = json_string(from->hash), *image = json_string(to->hash);
    const char *key;
    bool well = list && before && after && old && image && tell_difference(list, "image", old, image);
    json_object_foreach(after, key, value)
        well = well && tell_difference(list, key, json_object_get(before, key), value);
    json_decref(before);
    json_decref(after);
    json_decref(old);
    json_decref(image);
    if (!well)
        json_decref(list);
    return well ? list : NULL;
}

static mf_err compare_one(struct workflow_change *change, size_t at, struct mf_why *why)
{
    const struct deployment *deployment = &change->deployment[at];
    const struct workflows *workflows = &change->node->workflows;
    const struct function *function =
        registry_find(&change->node->registry, deployment->name);
    const char *owner = workflows_owner(workflows, deployment->name, change->name);
    const struct kept_workflow *kept = workflows_find(workflows, change->name);
    json_t *list = function ? differences_of(function->version, deployment->version) : NULL;
    bool same = function && list && json_array_size(list) == 0;
    const char *what = !function ? "added" : same ? "unchanged" : "changed";
    if (function && !list)
        return no_memory(why);
    if (owner && !same) {
        json_decref(list);
        return mf_why(why, MF_EEXIST, "%s: workflow %s has a function of that name, with another image or "
                      "other settings; give one of them another name, or make them alike",
                      deployment->name, owner);
    }
    const struct durability_hold hold = durability_hold(function);
    mf_err err = durability_check(&hold, deployment->name, &deployment->version->settings, why);
    if (err) {
        json_decref(list);
        return err;
    }
    err = same ? MF_OK : places_reserve(change, kept, deployment, why);
    if (err) {
        json_decref(list);
        return err;
    }
    change->alters[at] = !same;
    change->nothing &= same && kept &&
                       json_object_get(version_functions(record_version(kept->record, 0)), deployment->name);
    int failed = json_array_append_new(change->differences,
                                       json_pack("{s:s, s:s, s:o*}", "function", deployment->name, "change",
                                                 what, "differences", same ? NULL : list));
    if (same)
        json_decref(list);
    return failed ? no_memory(why) : MF_OK;
}

static json_int_t waiting_for(const struct function *function)
{
    return function && function->consumer ? (json_int_t)function->consumer->stat.count : 0;
}

/* Functions that it has, and shall not have any more. */
static mf_err compare_gone(struct workflow_change *change, const struct kept_workflow *kept)
{
    const struct node *node = change->node;
    const char *name;
    json_t *ignored;
    json_object_foreach(version_functions(record_version(kept->record, 0)), name, ignored) {
        if (change_has(change, name))
            continue;
        bool shared = workflows_owner(&node->workflows, name, change->name) != NULL;
        json_t *entry = json_pack("{s:s, s:s, s:I}", "function", name, "change",
                                  shared ? "kept" : "removed", "waiting",
                                  waiting_for(registry_find(&node->registry, name)));
        if (json_array_append_new(change->differences, entry) != 0)
            return MF_ENOMEM;
    }
    return MF_OK;
}

static mf_err make_record(struct workflow_change *change, const struct kept_workflow *kept,
                          struct mf_why *why)
{
    json_t *manifests = json_object();
    bool well = manifests != NULL;
    for (size_t i = 0; i < change->count && well; i++)
        well = json_object_set(manifests, change->deployment[i].name, change->deployment[i].manifest) == 0;
    if (well)
        change->record = record_next(kept ? kept->record : NULL, change->functions, manifests,
                                     mf_realtime_ns() / MF_NS_PER_MS, change->back_to);
    json_decref(manifests);
    change->text = change->record ? json_dumps(change->record, JSON_INDENT(1)) : NULL;
    if (!change->text)
        return no_memory(why);
    if (strlen(change->text) > MF_WORKFLOW_RECORD_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "the workflow's record would be larger than %u bytes; give its "
                      "functions fewer or shorter settings", MF_WORKFLOW_RECORD_BYTES_MAX);
    change->number = version_number(record_version(change->record, 0));
    return MF_OK;
}

/* ---- written, and in force ---- */

mf_err change_save(struct workflow_change *change, const struct state_dir *state,
                   struct mf_why *why)
{
    char file[WORKFLOW_FILE_BYTES];
    struct mf_why inner;
    workflow_file(change->name, file);
    mf_err err = change->text ? state_write(state->workflows_fd, file, change->text,
                                            strlen(change->text), why)
                              : state_remove(state->workflows_fd, file, why);
    for (size_t i = 0; i < change->count && !err; i++) /* from now on they are the workflow's */
        if (records_forget(state, change->deployment[i].name, &inner))
            mf_log(MF_LOG_WARN, "function.record-stays", "fn=%s why=\"%s\"",
                   change->deployment[i].name, inner.text);
    return err;
}

static mf_err apply_one(struct workflow_change *change, size_t at, struct mf_why *why)
{
    struct node *node = change->node;
    bool created;
    mf_err err = deploy_apply(node, &change->deployment[at], &created, why);
    if (err)
        return err;
    struct function *function = registry_find(&node->registry, change->deployment[at].name);
    function_log_node(function->log, MF_LOG_INFO, 0,
                      "deployed image %.12s, version %u of workflow %s, sandbox %s",
                      function->version->hash, change->number, change->name,
                      function->version->reason);
    freezer_want(function);
    return MF_OK;
}

/* It is in force as it shall be, but its record, with its version before, is gone: to that no rollback
 * of the function leads any more. */
static void take_over(const struct workflow_change *change, size_t at)
{
    struct function *function = registry_find(&change->node->registry, change->deployment[at].name);
    if (function)
        function->last_hash[0] = 0;
}

static void remove_gone(struct workflow_change *change, const struct kept_workflow *kept)
{
    struct node *node = change->node;
    const char *name;
    json_t *ignored;
    json_object_foreach(version_functions(record_version(kept->record, 0)), name, ignored) {
        struct function *function = registry_find(&node->registry, name);
        if (function && !change_has(change, name) &&
            !workflows_owner(&node->workflows, name, change->name))
            deploy_remove(function);
    }
}

mf_err change_apply(struct workflow_change *change, struct mf_why *why)
{
    struct workflows *workflows = &change->node->workflows;
    struct kept_workflow *kept = workflows_find(workflows, change->name);
    mf_err err = MF_OK;
    places_leave(change, kept);
    for (size_t i = 0; i < change->count; i++) {
        mf_err one = MF_OK;
        if (change->alters[i])
            one = apply_one(change, i, why);
        else
            take_over(change, i);
        err = one ? one : err;
    }
    if (kept)
        remove_gone(change, kept);
    json_t *record = change->record;
    change->record = NULL;
    if (record) {
        mf_err put = workflows_put(workflows, change->name, record);
        err = put ? put : err;
    } else if (kept) {
        workflows_remove(workflows, kept);
    }
    mf_log(MF_LOG_INFO, "workflow.changed", "workflow=%s version=%u%s", change->name, change->number,
           change->functions ? "" : " removed");
    return err;
}

json_t *change_json(const struct workflow_change *change)
{
    return json_pack("{s:s, s:i, s:b, s:b, s:O}", "workflow", change->name, "version",
                     (int)change->number, "dry_run", (int)change->dry_run, "changed",
                     (int)!change->nothing, "changes", change->differences);
}
