/* deploy.c: see deploy.h. */
#include "node/functions/deploy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/listen.h"
#include "node/delivery/delivery.h"
#include "node/egress/egress.h"
#include "node/functions/image_store.h"
#include "node/functions/sandbox_choice.h"
#include "node/logs/function_log.h"
#include "node/pool/dispatch.h"
#include "node/pool/outgoing.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/snapshots.h"
#include "node/streams/listen.h"

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

mf_err deployment_parse_record(const char *name, const char *json, size_t bytes,
                               struct deployment *deployment, struct mf_why *why)
{
    return parse(name, json, bytes, true, deployment, why);
}

mf_err deployment_from_record(const char *name, const json_t *object, struct deployment *deployment,
                              struct mf_why *why)
{
    return take(name, object, true, deployment, why);
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
    outgoing_redeployed(function);
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
    outgoing_redeployed(function);
    function_put(function);
}
