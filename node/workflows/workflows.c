/*
 * workflows.c: see workflows.h.
 * Guarantees: after a start each function of each readable record is in force, or the log says
 * why not. Leaves to others: changes (change.c). Owns the records.
 */
#include "node/workflows/workflows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/functions/registry.h"
#include "node/node.h"
#include "node/workflows/change.h"
#include "node/workflows/record.h"

#define SUFFIX ".json"

void workflows_init(struct workflows *workflows)
{
    *workflows = (struct workflows){0};
    link_init(&workflows->all);
}

void workflows_close(struct workflows *workflows)
{
    list_each_safe(at, &workflows->all)
        workflows_remove(workflows, list_of(at, struct kept_workflow, link));
}

struct kept_workflow *workflows_find(const struct workflows *workflows, const char *name)
{
    list_each(at, &workflows->all) {
        struct kept_workflow *kept = list_of(at, struct kept_workflow, link);
        if (strcmp(kept->name, name) == 0)
            return kept;
    }
    return NULL;
}

mf_err workflows_put(struct workflows *workflows, const char *name, json_t *record)
{
    struct kept_workflow *kept = workflows_find(workflows, name);
    if (!kept) {
        kept = calloc(1, sizeof *kept);
        if (!kept) {
            json_decref(record);
            return MF_ENOMEM;
        }
        link_init(&kept->link);
        (void)snprintf(kept->name, sizeof kept->name, "%s", name);
        list_append(&workflows->all, &kept->link);
        workflows->count++;
    }
    (void)json_object_del(record, "manifests");
    json_decref(kept->record);
    kept->record = record;
    return MF_OK;
}

void workflows_remove(struct workflows *workflows, struct kept_workflow *kept)
{
    list_remove(&kept->link);
    workflows->count--;
    json_decref(kept->record);
    free(kept);
}

const char *workflows_owner(const struct workflows *workflows, const char *function,
                            const char *except)
{
    const struct workflow_change *change = workflows->under_way;
    if (change && change_has(change, function) && !(except && strcmp(change->name, except) == 0))
        return change->name;
    list_each(at, &workflows->all) {
        const struct kept_workflow *kept = list_of(at, struct kept_workflow, link);
        if ((!except || strcmp(kept->name, except) != 0) &&
            json_object_get(version_functions(record_version(kept->record, 0)), function))
            return kept->name;
    }
    return NULL;
}

void workflows_each_beside(const struct workflows *workflows, const char *function,
                           void (*visit)(const char *name, void *context), void *context)
{
    list_each(at, &workflows->all) {
        const struct kept_workflow *kept = list_of(at, struct kept_workflow, link);
        json_t *functions = version_functions(record_version(kept->record, 0)), *ignored;
        const char *name;
        if (!json_object_get(functions, function))
            continue;
        json_object_foreach(functions, name, ignored)
            visit(name, context);
    }
}

static bool has_image(const struct kept_workflow *kept, const char *hash)
{
    const json_t *version;
    json_t *function;
    const char *name;
    size_t i;
    json_array_foreach(json_object_get(kept->record, "versions"), i, version)
        json_object_foreach(version_functions(version), name, function)
            if (strcmp(json_string_value(json_object_get(function, "image")), hash) == 0)
                return true;
    return false;
}

bool workflows_use_image(const struct workflows *workflows, const char *hash)
{
    list_each(at, &workflows->all)
        if (has_image(list_of(at, struct kept_workflow, link), hash))
            return true;
    return false;
}

void workflow_file(const char *name, char file[static WORKFLOW_FILE_BYTES])
{
    (void)snprintf(file, WORKFLOW_FILE_BYTES, "%s" SUFFIX, name);
}

/* ---- when the node starts ---- */

struct restore {
    struct node *node;
    const struct deploy_rules *rules;
    bool all_well;
};

static mf_err recall(struct restore *restore, const char *name, const json_t *function,
                     json_t *manifest, struct mf_why *why)
{
    struct deployment deployment;
    bool created;
    mf_err err = deployment_from_json(name, function, &deployment, why);
    if (err)
        return err;
    deployment.manifest = json_incref(manifest);
    err = deploy_recall(restore->rules, &deployment, false, why);
    if (!err)
        err = deploy_apply(restore->node, &deployment, &created, why);
    deployment_close(&deployment);
    return err;
}

static void recall_all(struct restore *restore, const char *name, const json_t *record)
{
    const char *function;
    json_t *about;
    json_object_foreach(version_functions(record_version(record, 0)), function, about) {
        json_t *manifest = json_object_get(json_object_get(record, "manifests"), function);
        struct mf_why why = {{0}};
        if (registry_find(&restore->node->registry, function))
            continue; /* another workflow has it, too */
        mf_err err = recall(restore, function, about, manifest, &why);
        if (!err)
            continue;
        restore->all_well = false;
        mf_log(MF_LOG_ERROR, "function.skipped", "fn=%s workflow=%s why=\"%s\"", function, name,
               mf_why_text(&why, err));
    }
}

static void restore_one(const char *file, void *context)
{
    struct restore *restore = context;
    struct mf_buf text = {0};
    struct mf_why why = {{0}};
    char name[MF_NAME_BYTES_MAX + 1];
    json_t *record = NULL;
    size_t bytes = strlen(file), suffix = sizeof SUFFIX - 1;
    if (bytes <= suffix || bytes - suffix > MF_NAME_BYTES_MAX ||
        strcmp(file + bytes - suffix, SUFFIX) != 0)
        return;
    (void)snprintf(name, sizeof name, "%.*s", (int)(bytes - suffix), file);
    mf_err err = state_read(restore->rules->state->workflows_fd, file, MF_WORKFLOW_RECORD_BYTES_MAX,
                            &text, &why);
    if (!err)
        err = record_parse((const char *)text.data, text.bytes, &record, &why);
    mf_buf_close(&text);
    if (!err) {
        recall_all(restore, name, record);
        err = workflows_put(&restore->node->workflows, name, record);
    }
    if (!err)
        return;
    restore->all_well = false;
    mf_log(MF_LOG_ERROR, "workflow.skipped", "file=workflows/%s why=\"%s\"", file,
           mf_why_text(&why, err));
}

bool workflows_restore(struct node *node, const struct deploy_rules *rules)
{
    struct restore restore = {node, rules, true};
    if (state_list(rules->state->workflows_fd, restore_one, &restore)) {
        restore.all_well = false;
        mf_log(MF_LOG_ERROR, "state.unreadable", "dir=workflows");
    }
    return restore.all_well;
}
