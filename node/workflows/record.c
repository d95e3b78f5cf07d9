/* record.c: see record.h. */
#include "node/workflows/record.h"

#include <stdbool.h>
#include <string.h>

#include "image/settings.h"
#include "node/functions/image_store.h"

#define NUMBER_MAX 1000000000

static mf_err check_version(const json_t *version, struct mf_why *why);

static mf_err damaged(struct mf_why *why, const char *what)
{
    return mf_why(why, MF_EFORMAT, "not a workflow's record: %s", what);
}

static mf_err check(const json_t *record, struct mf_why *why)
{
    const json_t *versions = json_object_get(record, "versions"), *version;
    const json_t *manifests = json_object_get(record, "manifests"), *manifest;
    size_t count = json_array_size(versions), i;
    uint32_t before = NUMBER_MAX + 1;
    const char *name;
    if (!json_is_array(versions) || count == 0 || count > MF_WORKFLOW_VERSIONS_MAX)
        return damaged(why, "no versions, or too many");
    json_array_foreach(versions, i, version) {
        mf_err err = check_version(version, why);
        if (err)
            return err;
        if (version_number(version) >= before)
            return damaged(why, "versions that do not go down");
        before = version_number(version);
    }
    const json_t *functions = version_functions(json_array_get(versions, 0));
    json_object_foreach((json_t *)(uintptr_t)functions, name, version) {
        manifest = json_object_get(manifests, name);
        if (!json_is_object(manifest))
            return damaged(why, "a function without a manifest");
    }
    return MF_OK;
}

mf_err record_parse(const char *text, size_t bytes, json_t **record, struct mf_why *why)
{
    json_error_t error;
    *record = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    mf_err err = *record ? check(*record, why) : damaged(why, "no JSON");
    if (err) {
        json_decref(*record);
        *record = NULL;
    }
    return err;
}

static bool is_number(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 &&
           json_integer_value(value) <= NUMBER_MAX;
}

static mf_err check_version(const json_t *version, struct mf_why *why)
{
    struct mf_why inner = {{0}};
    const json_t *back_to = json_object_get(version, "back_to");
    if (!is_number(json_object_get(version, "version")) ||
        !json_is_integer(json_object_get(version, "deployed_at_ms")) ||
        (back_to && !is_number(back_to)))
        return damaged(why, "a version without number or time");
    mf_err err = record_check_functions(version_functions(version), false, &inner);
    return err == MF_EINVAL ? damaged(why, inner.text) : err;
}

static mf_err check_function(const char *name, const json_t *function, bool manifests,
                             struct mf_why *why)
{
    const json_t *manifest = json_object_get(function, "manifest");
    const char *image = json_string_value(json_object_get(function, "image"));
    if (!settings_name_valid(name, strlen(name)))
        return mf_why(why, MF_EINVAL, "functions: a name has 1 to %d of a-z, 0-9 and -, no - at either end",
                      MF_NAME_BYTES_MAX);
    if (!image || !image_hash_valid(image))
        return mf_why(why, MF_EINVAL, "%s: image: missing, or not a hash (%d lower-case hexadecimal "
                      "digits)", name, IMAGE_HASH_HEX);
    if (!json_is_object(json_object_get(function, "settings")))
        return mf_why(why, MF_EINVAL, "%s: settings: missing, or not an object", name);
    if (manifest && (!manifests || !json_is_object(manifest)))
        return mf_why(why, MF_EINVAL, "%s: manifest: only beside dry_run, an object", name);
    if (json_object_size(function) != 2u + (manifest != NULL))
        return mf_why(why, MF_EINVAL, "%s: image and settings belong there, and nothing else", name);
    return MF_OK;
}

mf_err record_check_functions(const json_t *functions, bool manifests, struct mf_why *why)
{
    const char *name;
    json_t *function;
    if (!json_is_object(functions) || json_object_size(functions) == 0 ||
        json_object_size(functions) > MF_WORKFLOW_FUNCTIONS_MAX)
        return mf_why(why, MF_EINVAL, "functions: an object, {NAME: {\"image\": HASH, \"settings\": {…}}}, "
                      "of 1 to %u", MF_WORKFLOW_FUNCTIONS_MAX);
    json_object_foreach((json_t *)(uintptr_t)functions, name, function) {
        mf_err err = check_function(name, function, manifests, why);
        if (err)
            return err;
    }
    return MF_OK;
}

json_t *record_next(const json_t *before, json_t *functions, json_t *manifests, uint64_t now_ms,
                    uint32_t back_to)
{
    const json_t *in_force = before ? record_version(before, 0) : NULL;
    uint32_t number = in_force ? version_number(in_force) + 1 : 1;
    json_t *version = json_pack("{s:i, s:I, s:O}", "version", (int)number, "deployed_at_ms",
                                (json_int_t)now_ms, "functions", functions);
    json_t *versions = json_pack("[o]", version), *older;
    size_t i;
    if (versions && back_to && json_object_set_new(version, "back_to", json_integer(back_to)) != 0)
        goto without_memory;
    json_array_foreach(json_object_get(before, "versions"), i, older)
        if (i + 1 < MF_WORKFLOW_VERSIONS_MAX && json_array_append(versions, older) != 0)
            goto without_memory;
    return json_pack("{s:o, s:O}", "versions", versions, "manifests", manifests);
without_memory:
    json_decref(versions);
    return NULL;
}

const json_t *record_version(const json_t *record, uint32_t number)
{
    const json_t *versions = json_object_get(record, "versions"), *version;
    size_t i;
    json_array_foreach(versions, i, version)
        if (number == 0 || version_number(version) == number)
            return version;
    return NULL;
}

uint32_t version_number(const json_t *version)
{
    return (uint32_t)json_integer_value(json_object_get(version, "version"));
}

json_t *version_functions(const json_t *version)
{
    return json_object_get(version, "functions");
}
