/*
 * records.c: see records.h.
 * Guarantees: a record is whole, old or new (state_dir.h); no image that one may refer to is removed.
 * Leaves to others: checks and what is in force (deploy.c), workflows' records (workflows/record.h). Owns nothing.
 */
#include "node/functions/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "node/functions/image_store.h"
#include "node/node.h"
#include "node/snapshots/snapshots.h"
#include "node/workflows/workflows.h"

#define RECORD_SUFFIX ".json"

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

void records_keep_last(const struct state_dir *state, struct deployment *deployment)
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

mf_err records_last(const struct state_dir *state, const char *name,
                    struct deployment *deployment, struct mf_why *why)
{
    json_t *record = load_record(state, name);
    const json_t *last = json_object_get(record, "last");
    *deployment = (struct deployment){0};
    mf_err err = last ? deployment_from_record(name, last, deployment, why)
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
mf_err records_save(const struct state_dir *state, struct deployment *deployment, struct mf_why *why)
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

mf_err records_forget(const struct state_dir *state, const char *name, struct mf_why *why)
{
    char file[MF_NAME_BYTES_MAX + sizeof RECORD_SUFFIX];
    record_name(name, file);
    return state_remove(state->functions_fd, file, why);
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
        err = deployment_parse_record(name, (const char *)text.data, text.bytes, deployment, why);
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
        if (records_forget(restore->rules->state, name, &why))
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

void records_restore(struct node *node, const struct deploy_rules *rules)
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

bool records_use_image(const struct node *node, const char *hash)
{
    struct image_use use = {hash, false};
    registry_each((struct registry *)(uintptr_t)&node->registry, look, &use);
    return use.used || workflows_use_image(&node->workflows, hash);
}
