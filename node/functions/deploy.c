/* deploy.c: see deploy.h. */
#include "node/functions/deploy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "image/listen.h"
#include "node/delivery/delivery.h"
#include "node/egress/egress.h"
#include "node/functions/image_store.h"
#include "node/functions/sandbox_choice.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/snapshots.h"
#include "node/streams/listen.h"
#include "node/workflows/workflows.h"

#define RECORD_SUFFIX ".json"

void deployment_close(struct deployment *deployment)
{
    json_decref(deployment->settings);
    json_decref(deployment->manifest);
    json_decref(deployment->last);
    version_put(deployment->version);
    *deployment = (struct deployment){0};
}

/* record: one of ours, which may know the manifest. */
static mf_err take(const char *name, const json_t *root, bool record,
                   struct deployment *deployment, struct mf_why *why)
{
    *deployment = (struct deployment){0};
    if (!settings_name_valid(name, strlen(name)))
        return mf_why(why, MF_EINVAL,
                      "name: lower-case letters, digits and hyphens, 1 to %d, no hyphen at an end",
                      MF_NAME_BYTES_MAX);
    const char *hash = NULL, *key;
    json_t *value;
    mf_err err = json_is_object(root) ? MF_OK : mf_why(why, MF_EINVAL, "not a JSON object");
    json_object_foreach((json_t *)(uintptr_t)root, key, value) {
        if (strcmp(key, "image") == 0 && json_is_string(value))
            hash = json_string_value(value);
        else if (strcmp(key, "settings") == 0 && json_is_object(value))
            deployment->settings = json_incref(value);
        else if (record && strcmp(key, "manifest") == 0 && json_is_object(value))
            deployment->manifest = json_incref(value);
        else if (record && strcmp(key, "last") == 0 && json_is_object(value))
            deployment->last = json_incref(value);
        else
            err = mf_why(why, MF_EINVAL, "%.64s: no such key, or not of the right type "
                         "(image: a hash; settings: an object)", key);
    }
    if (!err && !hash)
        err = mf_why(why, MF_EINVAL, "image: missing; the hash that POST /v1/images answered");
    if (!err && !image_hash_valid(hash))
        err = mf_why(why, MF_EINVAL, "image: not a hash (%d lower-case hexadecimal digits)",
                     IMAGE_HASH_HEX);
    if (!err) {
        (void)snprintf(deployment->name, sizeof deployment->name, "%s", name);
        memcpy(deployment->hash, hash, sizeof deployment->hash);
    }
    if (err)
        deployment_close(deployment);
    return err;
}

static mf_err parse(const char *name, const char *json, size_t bytes, bool record,
                    struct deployment *deployment, struct mf_why *why)
{
    *deployment = (struct deployment){0};
    json_error_t error;
    json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return mf_why(why, MF_EINVAL, "not JSON: %s (line %d, column %d)", error.text, error.line,
                      error.column);
    mf_err err = take(name, root, record, deployment, why);
    json_decref(root);
    return err;
}

mf_err deployment_parse(const char *name, const char *json, size_t bytes,
                        struct deployment *deployment, struct mf_why *why)
{
    return parse(name, json, bytes, false, deployment, why);
}

mf_err deployment_from_json(const char *name, const json_t *object, struct deployment *deployment,
                            struct mf_why *why)
{
    return take(name, object, false, deployment, why);
}

/* Defaults, manifest, what overrides it. settings is the caller's to close, whatever comes. */
static mf_err settle_settings(const struct deployment *deployment, struct settings *settings,
                              struct mf_why *why)
{
    settings_init(settings);
    mf_err err = settings_from_json(deployment->manifest, settings, why);
    settings_foreign(settings);
    if (!err && deployment->settings)
        err = settings_from_json(deployment->settings, settings, why);
    if (!err)
        err = settings_rename(settings, deployment->name, why);
    return err;
}

/* The deployment's version. strict: a sandbox that cannot be had is an error. */
static mf_err make_version(const struct deploy_rules *rules, struct deployment *deployment,
                           const struct settings *settings, bool strict, struct mf_why *why)
{
    struct mf_why reason = {{0}};
    enum mf_sandbox chosen;
    mf_err err = sandbox_choose(settings->sandbox, rules->min_sandbox, &rules->support, &chosen,
                                &reason);
    if (err && strict)
        return mf_why(why, err, "sandbox: %.500s", reason.text);
    return version_create(settings, deployment->hash, chosen, reason.text, &deployment->version);
}

/* All contracts but the SDK's are in the kernel for Linux programs only, and an image has one kernel. */
static mf_err check_contract(const struct image *image, const struct settings *settings,
                             struct mf_why *why)
{
    if (settings->contract == CONTRACT_SDK || image->info.flags & MF_IMAGE_LINUX)
        return MF_OK;
    return mf_why(why, MF_EINVAL, "contract: %s, but the image has the kernel for programs of the SDK; build "
                  "it with that contract", contract_name(settings->contract));
}

static mf_err check_listen(const struct egress *egress, const char *text, struct mf_why *why)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    if (!egress || !*text || listen_parse(text, &address, &bytes))
        return MF_OK; /* what it says is looked at where it is set */
    if (!egress_is_own_port(egress, (const struct sockaddr *)&address, bytes))
        return MF_OK;
    return mf_why(why, MF_EINVAL, "listen: %s is a port of the node's own", text);
}

mf_err deploy_check(const struct deploy_rules *rules, struct deployment *deployment,
                    struct mf_why *why)
{
    struct stored_image stored;
    struct settings settings;
    mf_err err = image_fetch(rules->state, deployment->hash, &stored, why);
    if (err)
        return err;
    json_decref(deployment->manifest);
    deployment->manifest = stored.manifest;
    err = settle_settings(deployment, &settings, why);
    if (!err)
        err = image_fits(&stored.image, (uint64_t)settings.memory_mib << 20, why);
    if (!err)
        err = check_contract(&stored.image, &settings, why);
    if (!err)
        err = triggers_check(&settings.triggers, why);
    if (!err)
        err = check_listen(rules->egress, settings.listen, why);
    if (!err)
        err = make_version(rules, deployment, &settings, true, why);
    settings_close(&settings);
    if (!err)
        version_image_checked(deployment->version, &stored.identity);
    return err;
}

mf_err deploy_recall(const struct deploy_rules *rules, struct deployment *deployment, bool strict,
                     struct mf_why *why)
{
    struct settings settings;
    mf_err err = settle_settings(deployment, &settings, why);
    if (!err)
        err = make_version(rules, deployment, &settings, strict, why);
    settings_close(&settings);
    return err;
}

static void record_name(const char *name, char file[MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX])
{
    (void)snprintf(file, MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX, "%s" RECORD_SUFFIX, name);
}

/* As it stands in the state directory; NULL: not there, or not to be read. */
static json_t *load_record(const struct state_dir *state, const char *name)
{
    char file[MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX];
    struct mf_buf text = {0};
    struct mf_why why = {{0}};
    json_t *record = NULL;
    record_name(name, file);
    if (state_read(state->functions_fd, file, MF_RECORD_BYTES_MAX, &text, &why) == MF_OK)
        record = json_loadb((const char *)text.data, text.bytes, JSON_REJECT_DUPLICATES, NULL);
    mf_buf_close(&text);
    return record;
}

static bool is_of(const json_t *record, const struct deployment *deployment)
{
    const char *hash = json_string_value(json_object_get(record, "image"));
    const json_t *settings = json_object_get(record, "settings");
    bool none = json_object_size(settings) == 0 && json_object_size(deployment->settings) == 0;
    return hash && strcmp(hash, deployment->hash) == 0 && (none || json_equal(settings, deployment->settings));
}

void deploy_keep_last(const struct state_dir *state, struct deployment *deployment)
{
    json_t *record = load_record(state, deployment->name);
    json_decref(deployment->last);
    if (!record || is_of(record, deployment)) {
        deployment->last = json_incref(json_object_get(record, "last"));
    } else {
        (void)json_object_del(record, "last");
        deployment->last = json_incref(record);
    }
    json_decref(record);
}

mf_err deployment_last(const struct state_dir *state, const char *name,
                       struct deployment *deployment, struct mf_why *why)
{
    json_t *record = load_record(state, name);
    const json_t *last = json_object_get(record, "last");
    *deployment = (struct deployment){0};
    mf_err err = last ? take(name, last, true, deployment, why)
                      : mf_why(why, MF_ENOENT, "no version of %s before this one is kept", name);
    json_decref(record);
    return err;
}

static char *record_text(const struct deployment *deployment, json_t *last)
{
    json_t *settings = deployment->settings ? json_incref(deployment->settings) : json_object();
    json_t *record = json_pack("{s:s, s:O, s:o}", "image", deployment->hash, "manifest",
                               deployment->manifest, "settings", settings);
    if (record && last)
        (void)json_object_set(record, "last", last);
    char *text = record ? json_dumps(record, JSON_INDENT(2)) : NULL;
    json_decref(record);
    return text;
}

/* Without the version before, where both are too long for one record. */
mf_err deploy_save(const struct state_dir *state, struct deployment *deployment, struct mf_why *why)
{
    char file[MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX];
    record_name(deployment->name, file);
    char *text = record_text(deployment, deployment->last);
    if (text && deployment->last && strlen(text) > MF_RECORD_BYTES_MAX) {
        free(text);
        json_decref(deployment->last);
        deployment->last = NULL;
        text = record_text(deployment, NULL);
    }
    if (!text)
        return mf_why(why, MF_ENOMEM, "no memory to save the function");
    mf_err err = state_write(state->functions_fd, file, text, strlen(text), why);
    free(text);
    return err;
}

mf_err deploy_forget(const struct state_dir *state, const char *name, struct mf_why *why)
{
    char file[MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX];
    record_name(name, file);
    return state_remove(state->functions_fd, file, why);
}

mf_err deploy_apply(struct node *node, struct deployment *deployment, bool *created,
                    struct mf_why *why)
{
    struct function *function = registry_find(&node->registry, deployment->name);
    *created = function == NULL;
    if (!function) {
        if (node->registry.count >= node->options->functions_max)
            return mf_why(why, MF_EFULL, "this node holds %u functions and takes no more",
                          node->registry.count);
        mf_err err = function_create(node, deployment->name, &function);
        if (err)
            return err;
        registry_add(&node->registry, function);
    }
    struct version *old = function->version;
    const char *last = json_string_value(json_object_get(deployment->last, "image"));
    (void)snprintf(function->last_hash, sizeof function->last_hash, "%s",
                   last && image_hash_valid(last) ? last : "");
    snapshots_attach(node, deployment->version, old);
    freezer_cancel(function);
    function->version = deployment->version;
    deployment->version = NULL;
    snapshots_drop(node, old);
    pool_use(&node->pool, function->version);
    pool_leave(&node->pool, old);
    version_put(old);
    listen_settle(function);
    dispatch_redeployed(function);
    delivery_deployed(function);
    triggers_deployed(function);
    mqtt_deployed(function);
    return MF_OK;
}

void deploy_remove(struct function *function)
{
    struct node *node = function->node;
    (void)function_get(function);
    struct version *old = function->version;
    function->removed = true;
    freezer_cancel(function);
    triggers_removed(function);
    function->version = NULL;
    listen_close(function);
    delivery_removed(function);
    mqtt_removed(function);
    snapshots_drop(node, old);
    pool_leave(&node->pool, old);
    version_put(old);
    function_log_discard(function->log);
    registry_remove(&node->registry, function);
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_UNKNOWN_FUNCTION});
    dispatch_redeployed(function);
    function_put(function);
}

struct restore {
    struct node *node;
    const struct deploy_rules *rules;
    bool all_well;
};

/* A record without the manifest, made by hand or before records had it: the image has it. */
static mf_err learn_manifest(const struct deploy_rules *rules, struct deployment *deployment,
                             struct mf_why *why)
{
    struct stored_image stored;
    mf_err err = image_fetch(rules->state, deployment->hash, &stored, why);
    deployment->manifest = stored.manifest;
    return err;
}

static mf_err read_record(const struct deploy_rules *rules, const char *file, const char *name,
                          struct deployment *deployment, struct mf_why *why)
{
    struct mf_buf text = {0};
    mf_err err = state_read(rules->state->functions_fd, file, MF_RECORD_BYTES_MAX, &text, why);
    if (!err)
        err = parse(name, (const char *)text.data, text.bytes, true, deployment, why);
    mf_buf_close(&text);
    if (!err && !deployment->manifest)
        err = learn_manifest(rules, deployment, why);
    return err ? err : deploy_recall(rules, deployment, false, why);
}

static void restore_one(const char *file, void *context)
{
    struct restore *restore = context;
    struct deployment deployment = {0};
    struct mf_why why = {{0}};
    char name[MF_NAME_BYTES_MAX + 1];
    bool created;
    size_t bytes = strlen(file), suffix = sizeof RECORD_SUFFIX - 1;
    if (bytes <= suffix || bytes - suffix > MF_NAME_BYTES_MAX ||
        strcmp(file + bytes - suffix, RECORD_SUFFIX) != 0)
        return;
    (void)snprintf(name, sizeof name, "%.*s", (int)(bytes - suffix), file);
    if (workflows_owner(&restore->node->workflows, name, NULL)) {
        /* It has taken the function over, and the node ended before this file was removed. */
        if (deploy_forget(restore->rules->state, name, &why))
            mf_log(MF_LOG_WARN, "function.record-stays", "fn=%s why=\"%s\"", name, why.text);
        return;
    }
    mf_err err = read_record(restore->rules, file, name, &deployment, &why);
    if (!err)
        err = deploy_apply(restore->node, &deployment, &created, &why);
    if (err) {
        restore->all_well = false;
        mf_log(MF_LOG_ERROR, "function.skipped", "file=functions/%s why=\"%s\"", file,
               mf_why_text(&why, err));
    }
    deployment_close(&deployment);
}

/* The hashes of all images in use, sorted. */
struct hashes {
    char (*hash)[IMAGE_HASH_HEX + 1];
    size_t count, room;
    const struct deploy_rules *rules;
    const struct workflows *workflows;
};

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, IMAGE_HASH_HEX);
}

static void add_hash(struct function *function, void *context)
{
    struct hashes *hashes = context;
    if (function->version && hashes->count < hashes->room)
        memcpy(hashes->hash[hashes->count++], function->version->hash, IMAGE_HASH_HEX + 1);
    if (function->last_hash[0] && hashes->count < hashes->room)
        memcpy(hashes->hash[hashes->count++], function->last_hash, IMAGE_HASH_HEX + 1);
}

static void collect_one(const char *file, void *context)
{
    const struct hashes *used = context;
    char hash[IMAGE_HASH_HEX + 1];
    struct mf_why why = {{0}};
    if (strlen(file) != IMAGE_HASH_HEX + 3 || strcmp(file + IMAGE_HASH_HEX, ".mf") != 0)
        return;
    (void)snprintf(hash, sizeof hash, "%.*s", (int)IMAGE_HASH_HEX, file);
    if (image_hash_valid(hash) && !workflows_use_image(used->workflows, hash) &&
        !bsearch(hash, used->hash, used->count, sizeof *used->hash, by_text) &&
        image_remove(used->rules->state, hash, &why))
        mf_log(MF_LOG_WARN, "image.kept", "hash=%s why=\"%s\"", hash, why.text);
}

static void collect_images(struct node *node, const struct deploy_rules *rules)
{
    struct hashes used = {
        .room = 2 * (size_t)node->registry.count, .rules = rules, .workflows = &node->workflows};
    used.hash = calloc(used.room + 1, sizeof *used.hash);
    if (!used.hash) /* another start may have memory for it */
        return;
    registry_each(&node->registry, add_hash, &used);
    qsort(used.hash, used.count, sizeof *used.hash, by_text);
    if (state_list(rules->state->images_fd, collect_one, &used))
        mf_log(MF_LOG_ERROR, "state.unreadable", "dir=images");
    free(used.hash);
}

void deploy_restore(struct node *node, const struct deploy_rules *rules)
{
    struct restore restore = {node, rules, workflows_restore(node, rules)};
    if (state_list(rules->state->functions_fd, restore_one, &restore)) {
        restore.all_well = false;
        mf_log(MF_LOG_ERROR, "state.unreadable", "dir=functions");
    }
    /* A record that cannot be read may refer to any image: then all of them stay. */
    if (restore.all_well)
        collect_images(node, rules);
    snapshots_collect(node);
}

struct image_use {
    const char *hash;
    bool used;
};

static void look(struct function *function, void *context)
{
    struct image_use *use = context;
    if ((function->version && strcmp(function->version->hash, use->hash) == 0) ||
        strcmp(function->last_hash, use->hash) == 0)
        use->used = true;
}

bool deploy_uses(const struct node *node, const char *hash)
{
    struct image_use use = {hash, false};
    registry_each((struct registry *)(uintptr_t)&node->registry, look, &use);
    return use.used || workflows_use_image(&node->workflows, hash);
}
