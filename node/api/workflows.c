/*
 * workflows.c: the routes of /v1/workflows: functions that are deployed together.
 */
#include <string.h>

#include "base/clock.h"
#include "node/api/request.h"
#include "node/functions/function.h"
#include "node/node.h"
#include "node/workflows/change.h"
#include "node/workflows/record.h"

static struct workflows *workflows_of(const struct api_request *request)
{
    return &request->api->node->workflows;
}

static struct kept_workflow *find(struct api_request *request)
{
    struct kept_workflow *kept = workflows_find(workflows_of(request), request->name);
    struct mf_why why;
    if (!kept) {
        (void)mf_why(&why, MF_ENOENT, "no workflow is called %s; `mayfly workflows` lists them",
                     request->name);
        api_answer_error(request, 404, why.text);
    }
    return kept;
}

/* ---- questions ---- */

static json_t *version_json(const json_t *version)
{
    return json_pack("{s:O, s:o, s:O*, s:O}", "version", json_object_get(version, "version"),
                     "deployed_at",
                     api_stamp_json((uint64_t)json_integer_value(json_object_get(version, "deployed_at_ms"))),
                     "back_to", json_object_get(version, "back_to"), "functions",
                     version_functions(version));
}

static json_t *workflow_json(const struct kept_workflow *kept)
{
    const json_t *version;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(json_object_get(kept->record, "versions"), i, version)
        if (json_array_append_new(list, version_json(version)) != 0)
            break;
    return json_pack("{s:s, s:i, s:o}", "name", kept->name, "version",
                     (int)version_number(record_version(kept->record, 0)), "versions", list);
}

void api_list_workflows(struct api_request *request)
{
    json_t *list = json_array();
    list_each(at, &workflows_of(request)->all)
        json_array_append_new(list, workflow_json(list_of(at, struct kept_workflow, link)));
    api_answer_json(request, 200, json_pack("{s:o}", "workflows", list));
}

void api_get_workflow(struct api_request *request)
{
    const struct kept_workflow *kept = find(request);
    if (kept)
        api_answer_json(request, 200, workflow_json(kept));
}

/* ---- changes ---- */

/* Images of the versions before, and of functions that were replaced or taken over and their versions
 * before, that nothing uses now. */
static void drop_images(struct api_request *request, json_t *hashes)
{
    const char *hash;
    json_t *ignored;
    json_object_foreach(hashes, hash, ignored)
        api_drop_image(request, hash);
    json_decref(hashes);
}

static json_t *images_before(struct api_request *request)
{
    const struct workflow_change *change = request->change;
    const struct kept_workflow *kept = workflows_find(workflows_of(request), change->name);
    json_t *hashes = json_object(), *version, *function;
    const char *name;
    size_t i;
    json_array_foreach(kept ? json_object_get(kept->record, "versions") : NULL, i, version)
        json_object_foreach(version_functions(version), name, function)
            (void)json_object_set_new(hashes, json_string_value(json_object_get(function, "image")),
                                      json_true());
    for (i = 0; i < change->count; i++) {
        const struct function *replaced =
            registry_find(&request->api->node->registry, change->deployment[i].name);
        if (!replaced)
            continue;
        (void)json_object_set_new(hashes, replaced->version->hash, json_true());
        if (replaced->last_hash[0])
            (void)json_object_set_new(hashes, replaced->last_hash, json_true());
    }
    return hashes;
}

static void saved(struct api_request *request)
{
    struct workflow_change *change = request->change;
    json_t *hashes = request->err ? NULL : images_before(request);
    if (!request->err)
        request->err = change_apply(change, &request->why);
    if (request->err)
        api_answer_err(request, request->err, &request->why);
    else
        api_answer_json(request, change->created ? 201 : 200, change_json(change));
    request->change = NULL;
    change_destroy(change); /* others may change workflows from here on */
    drop_images(request, hashes);
}

static void save(struct api_request *request)
{
    request->err = change_save(request->change, &request->api->state, &request->why);
}

static void checked(struct api_request *request)
{
    struct workflow_change *change = request->change;
    if (!request->err)
        request->err = change_compare(change, &request->why);
    if (!request->err && !change->dry_run && !change->nothing) {
        request->job = save;
        request->after = saved;
        api_start_job(request);
        return;
    }
    if (request->err)
        api_answer_err(request, request->err, &request->why);
    else
        api_answer_json(request, 200, change_json(change));
    request->change = NULL;
    change_destroy(change);
}

static void check(struct api_request *request)
{
    request->err = change_check(request->change, &request->api->rules, &request->why);
}

static void begin(struct api_request *request, json_t *functions, bool dry_run, uint32_t back_to)
{
    struct mf_why why = {{0}};
    mf_err err = change_create(request->api->node, request->name, functions, dry_run,
                               &request->change, &why);
    if (err) {
        api_answer_err(request, err, &why);
        return;
    }
    request->change->back_to = back_to;
    request->job = check;
    request->after = checked;
    api_start_job(request);
}

/* The body as an object of these keys; may be empty. NULL: answered. */
static json_t *read_body(struct api_request *request, const char *key)
{
    json_error_t error;
    struct mf_why why = {{0}};
    const char *text = request->body.bytes ? (const char *)request->body.data : "{}";
    json_t *root = json_loadb(text, request->body.bytes ? request->body.bytes : 2, JSON_REJECT_DUPLICATES,
                              &error);
    const char *name;
    json_t *value;
    if (!root)
        (void)mf_why(&why, MF_EINVAL, "not JSON: %s (line %d, column %d)", error.text, error.line, error.column);
    else if (!json_is_object(root))
        (void)mf_why(&why, MF_EINVAL, "not a JSON object");
    json_object_foreach(root, name, value)
        if (strcmp(name, key) != 0)
            (void)mf_why(&why, MF_EINVAL, "%.64s: no such key; %s is one", name, key);
    if (!why.text[0])
        return root;
    api_answer_err(request, MF_EINVAL, &why);
    json_decref(root);
    return NULL;
}

void api_put_workflow(struct api_request *request)
{
    struct mf_why why = {{0}};
    bool dry_run = api_query_number(request, "dry_run", 0, 1) == 1;
    json_t *root = read_body(request, "functions");
    if (!root)
        return;
    json_t *functions = json_incref(json_object_get(root, "functions"));
    json_decref(root);
    mf_err err = settings_name_valid(request->name, strlen(request->name))
                     ? record_check_functions(functions, dry_run, &why)
                     : mf_why(&why, MF_EINVAL, "a workflow's name has 1 to %d of a-z, 0-9 and -, no - at "
                              "either end", MF_NAME_BYTES_MAX);
    if (!err) {
        begin(request, functions, dry_run, 0);
        return;
    }
    json_decref(functions);
    api_answer_err(request, err, &why);
}

void api_delete_workflow(struct api_request *request)
{
    if (find(request))
        begin(request, NULL, api_query_number(request, "dry_run", 0, 1) == 1, 0);
}

/* The number that {"to": N} says; 0: the one before. False: answered. */
static bool read_target(struct api_request *request, uint32_t *number)
{
    json_t *root = read_body(request, "to");
    const json_t *to = root ? json_object_get(root, "to") : NULL;
    json_int_t value = json_integer_value(to);
    bool well = root && (!to || (json_is_integer(to) && value > 0 && value < UINT32_MAX));
    if (root && !well)
        api_answer_error(request, 400, "to: a version's number belongs there");
    *number = (uint32_t)value;
    json_decref(root);
    return well;
}

void api_roll_back_workflow(struct api_request *request)
{
    const struct kept_workflow *kept = find(request);
    uint32_t number;
    struct mf_why why;
    if (!kept || !read_target(request, &number))
        return;
    const json_t *version = number ? record_version(kept->record, number)
                                   : json_array_get(json_object_get(kept->record, "versions"), 1);
    if (!version) {
        (void)mf_why(&why, MF_ENOENT, number ? "version %u of %s is not kept; `mayfly workflows %s` lists those "
                                               "that are"
                                             : "no version before version %u of %s is kept",
                     number ? number : version_number(record_version(kept->record, 0)), kept->name, kept->name);
        api_answer_error(request, 404, why.text);
        return;
    }
    json_t *functions = json_deep_copy(version_functions(version));
    if (functions)
        begin(request, functions, api_query_number(request, "dry_run", 0, 1) == 1,
              version_number(version));
    else
        api_answer_error(request, 500, "no memory for it");
}
