/*
 * settings.c: the one schema of what a function may ask for (settings.h): its life, and how
 * an overlay applies. Guarantees: an overlay applies whole or not at all; every value in struct
 * settings is within its bounds. Leaves single keys to settings_keys.c, names to
 * settings_names.c. Any thread; a struct settings has one owner.
 */
#include "image/settings.h"

#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "image/duration.h"
#include "image/settings_keys.h"
#include "image/settings_program.h"

static mf_err settle_scaling(const struct settings *settings, struct mf_why *why);
static mf_err settle_idle(const json_t *object, struct settings *settings, struct mf_why *why);

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.sandbox = MF_SANDBOX_AUTO, .isolation = ISOLATION_RESET};
    settings_foreign(settings);
    settings_defaults(settings);
}

void settings_close(struct settings *settings)
{
    free(settings->env);
    free(settings->guest_env);
    free(settings->warm_up);
    free(settings->folder);
    free(settings->program);
    free(settings->loader);
    free(settings->arguments);
    triggers_close(&settings->triggers);
    free(settings->offload_url);
    followers_close(&settings->then);
    allow_close(&settings->allow);
    *settings = (struct settings){0};
}

void settings_foreign(struct settings *settings)
{
    memcpy(settings->tenant, MF_TENANT_DEFAULT, sizeof MF_TENANT_DEFAULT);
    settings->listen[0] = '\0';
    free(settings->offload_url);
    settings->offload_url = NULL;
    if (settings->overload == OVERLOAD_OFFLOAD)
        settings->overload = OVERLOAD_BACKPRESSURE;
}

/* *to is a copy of bytes at from; NULL of NULL. */
static mf_err copy_bytes(const char *from, size_t bytes, char **to)
{
    if (!from)
        return MF_OK;
    *to = malloc(bytes);
    if (!*to)
        return MF_ENOMEM;
    memcpy(*to, from, bytes);
    return MF_OK;
}

static mf_err copy_text(const char *from, char **to)
{
    return copy_bytes(from, from ? strlen(from) + 1 : 0, to);
}

static mf_err copy_owned(const struct settings *from, struct settings *to)
{
    mf_err err = triggers_copy(&from->triggers, &to->triggers);
    if (!err)
        err = followers_copy(&from->then, &to->then);
    if (!err)
        err = allow_copy(&from->allow, &to->allow);
    if (!err)
        err = copy_bytes(from->env, from->env_bytes, &to->env);
    if (!err)
        err = copy_bytes(from->guest_env, from->guest_env_bytes, &to->guest_env);
    if (!err)
        err = copy_bytes(from->arguments, from->argument_bytes, &to->arguments);
    if (!err)
        err = copy_text(from->warm_up, &to->warm_up);
    if (!err)
        err = copy_text(from->folder, &to->folder);
    if (!err)
        err = copy_text(from->program, &to->program);
    if (!err)
        err = copy_text(from->loader, &to->loader);
    return err ? err : copy_text(from->offload_url, &to->offload_url);
}

mf_err settings_copy(const struct settings *from, struct settings *to)
{
    struct settings copy = *from; /* what is owned is not yet: */
    copy.env = copy.guest_env = copy.offload_url = NULL;
    copy.arguments = copy.warm_up = copy.folder = copy.program = copy.loader = NULL;
    copy.triggers = (struct triggers){0};
    copy.then = (struct followers){0};
    copy.allow = (struct allow){0};
    mf_err err = copy_owned(from, &copy);
    if (err)
        settings_close(&copy);
    *to = copy;
    return err;
}

mf_err settings_from_json(const json_t *object, struct settings *settings, struct mf_why *why)
{
    if (!json_is_object(object))
        return mf_why(why, MF_EINVAL, "settings are a JSON object, {\"key\": value, ...}");
    struct settings next;
    mf_err err = settings_copy(settings, &next);
    if (err)
        return err;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        err = settings_apply(key, value, &next, why);
        if (err)
            break;
    }
    if (!err)
        err = settle_idle(object, &next, why);
    if (!err)
        err = settle_scaling(&next, why);
    if (!err)
        err = settings_settle_program(object, settings->contract, &next, why);
    if (err) {
        settings_close(&next);
        return err;
    }
    settings_close(settings);
    *settings = next;
    return MF_OK;
}

mf_err settings_parse(const char *json, size_t bytes, struct settings *settings,
                      struct mf_why *why)
{
    if (bytes > MF_MANIFEST_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "settings of %zu bytes; %u are allowed", bytes,
                      MF_MANIFEST_BYTES_MAX);
    json_error_t error;
    json_t *object = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    for (char *c = error.text; !object && *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?'; /* it quotes the text, which may be made for a terminal */
    if (!object)
        return mf_why(why, MF_EINVAL, "settings are not JSON: line %d: %s", error.line,
                      error.text);
    mf_err err = settings_from_json(object, settings, why);
    json_decref(object);
    return err;
}

/* Both keys were applied, in whatever order they stood there. idle_ms alone is a fixed
 * time; beside a duration it has to be the same. */
static mf_err settle_idle(const json_t *object, struct settings *settings, struct mf_why *why)
{
    const json_t *idle = json_object_get(object, "idle_ms");
    const char *text = json_string_value(json_object_get(object, "keep_alive"));
    uint64_t ms;
    if (idle && !text)
        settings->keep_alive = KEEP_ALIVE_FIXED;
    if (!idle || !text || !duration_from_text(text, &ms) ||
        json_integer_value(idle) == (json_int_t)ms)
        return MF_OK;
    return mf_why(why, MF_EINVAL, "keep_alive: %.80s, but idle_ms: %lld; give one of them", text,
                  (long long)json_integer_value(idle));
}

/* What only makes sense together. */
static mf_err settle_scaling(const struct settings *settings, struct mf_why *why)
{
    if (settings->overload == OVERLOAD_OFFLOAD && !settings->offload_url)
        return mf_why(why, MF_EINVAL, "overload: offload needs offload_url, the URL that takes what is "
                      "too much here");
    for (uint32_t i = 0; settings->durability == DURABILITY_PROCESS_CRASH && i < settings->triggers.count; i++) {
        enum trigger_kind kind = settings->triggers.each[i].kind;
        if (kind != TRIGGER_MQTT)
            return mf_why(why, MF_EINVAL, "durability: process-crash, but a trigger %s: timers, keys and queues "
                          "make their events in one step with what they come of, which survives a power loss; "
                          "take power-loss, or pass on to another function", trigger_kind_name(kind));
    }
    if (settings->min_instances > settings->max_instances)
        return mf_why(why, MF_EINVAL, "min_instances: %u, but max_instances: %u", settings->min_instances,
                      settings->max_instances);
    return MF_OK;
}
