/*
 * settings.c: the one schema of what a function may ask for (settings.h).
 * Guarantees: an overlay applies whole or not at all; every value in struct
 * settings is within its bounds. Any thread; a struct settings has one owner.
 */
#include "image/settings.h"

#include <stdlib.h>
#include <string.h>

#include "abi/image.h"
#include "abi/layout.h"
#include "base/buf.h"
#include "image/duration.h"

#define MEMORY_MIB_DEFAULT ((uint32_t)(MF_WINDOW_DEFAULT >> 20))
#define MEMORY_MIB_MIN ((uint32_t)(MF_WINDOW_MIN >> 20))
#define MEMORY_MIB_MAX ((uint32_t)(MF_WINDOW_MAX >> 20))

/* N(key, default, least, most); each a uint32_t member of the key's name. */
#define NUMBER_KEYS(N)                                                        \
    N(attempts_max, MF_ATTEMPTS_DEFAULT, 1, MF_ATTEMPTS_MAX)                  \
    N(cpu_ceiling_pct, 0, 0, 100)                                             \
    N(cpu_share, MF_CPU_SHARE_DEFAULT, 1, MF_CPU_SHARE_MAX)                   \
    N(grace_ms, 0, 0, MF_GRACE_MS_MAX)                                        \
    N(idle_ms, MF_IDLE_MS_DEFAULT, 0, MF_IDLE_MS_MAX)                         \
    N(max_age_s, 0, 0, MF_EVENT_AGE_S_MAX)                                    \
    N(max_instances, MF_INSTANCES_DEFAULT, 1, MF_INSTANCES_MAX)               \
    N(memory_mib, MEMORY_MIB_DEFAULT, MEMORY_MIB_MIN, MEMORY_MIB_MAX)         \
    N(min_instances, 0, 0, MF_INSTANCES_MAX)                                  \
    N(queue_max, MF_QUEUE_COUNT_DEFAULT, 1, MF_QUEUE_EVENTS_MAX)              \
    N(scale_threshold, 0, 0, MF_QUEUE_EVENTS_MAX)                             \
    N(timeout_ms, MF_TIMEOUT_MS_DEFAULT, 1, MF_TIMEOUT_MS_MAX)                \
    N(wait_ms, MF_WAIT_MS_DEFAULT, 0, MF_WAIT_MS_MAX)

struct number_key {
    const char *key;
    size_t offset; /* in struct settings */
    uint32_t standard, least, most;
};

static const struct number_key number_key[] = {
#define ROW(key, standard, least, most) \
    {#key, offsetof(struct settings, key), standard, least, most},
    NUMBER_KEYS(ROW)
#undef ROW
};
#define NUMBER_KEY_COUNT (sizeof number_key / sizeof number_key[0])

static const char *const sandbox_names[] = {
    [MF_SANDBOX_AUTO] = "auto",
    [MF_SANDBOX_PROCESS] = "process",
    [MF_SANDBOX_KVM] = "kvm",
};
#define SANDBOX_COUNT (sizeof sandbox_names / sizeof sandbox_names[0])

static const char *const isolation_names[] = {
    [ISOLATION_RESET] = "reset",
    [ISOLATION_REUSE] = "reuse",
    [ISOLATION_FRESH] = "fresh",
};
#define ISOLATION_COUNT (sizeof isolation_names / sizeof isolation_names[0])

static const char *const priority_names[PRIORITY_COUNT] = {
    [PRIORITY_BULK] = "bulk",
    [PRIORITY_URGENT] = "urgent",
};

static const char *const overload_names[] = {
    [OVERLOAD_BACKPRESSURE] = "backpressure",   [OVERLOAD_DROP_OLDEST] = "drop-oldest",
    [OVERLOAD_DEAD_LETTER] = "dead-letter",     [OVERLOAD_STOP_WORKFLOW] = "stop-workflow",
    [OVERLOAD_OFFLOAD] = "offload",
};
#define OVERLOAD_COUNT (sizeof overload_names / sizeof overload_names[0])

static mf_err apply_key(const char *key, const json_t *value, struct settings *settings,
                        struct mf_why *why);
static mf_err settle_scaling(const struct settings *settings, struct mf_why *why);
static mf_err settle_idle(const json_t *object, struct settings *settings, struct mf_why *why);

void settings_init(struct settings *settings)
{
    *settings = (struct settings){.sandbox = MF_SANDBOX_AUTO, .isolation = ISOLATION_RESET};
    settings_foreign(settings);
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++)
        memcpy((char *)settings + number_key[i].offset, &number_key[i].standard, sizeof(uint32_t));
}

void settings_close(struct settings *settings)
{
    free(settings->env);
    triggers_close(&settings->triggers);
    free(settings->offload_url);
    followers_close(&settings->then);
    allow_close(&settings->allow);
    *settings = (struct settings){0};
}

void settings_foreign(struct settings *settings)
{
    memcpy(settings->tenant, MF_TENANT_DEFAULT, sizeof MF_TENANT_DEFAULT);
    free(settings->offload_url);
    settings->offload_url = NULL;
    if (settings->overload == OVERLOAD_OFFLOAD)
        settings->overload = OVERLOAD_BACKPRESSURE;
}

mf_err settings_copy(const struct settings *from, struct settings *to)
{
    struct settings copy = *from;
    copy.env = copy.offload_url = NULL; /* what is owned is not yet */
    copy.triggers = (struct triggers){0};
    copy.then = (struct followers){0};
    copy.allow = (struct allow){0};
    mf_err err = triggers_copy(&from->triggers, &copy.triggers);
    if (!err)
        err = followers_copy(&from->then, &copy.then);
    if (!err)
        err = allow_copy(&from->allow, &copy.allow);
    if (!err && from->env) {
        copy.env = malloc(from->env_bytes);
        if (copy.env)
            memcpy(copy.env, from->env, from->env_bytes);
        else
            err = MF_ENOMEM;
    }
    if (!err && from->offload_url) {
        copy.offload_url = strdup(from->offload_url);
        err = copy.offload_url ? MF_OK : MF_ENOMEM;
    }
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
        err = apply_key(key, value, &next, why);
        if (err)
            break;
    }
    if (!err)
        err = settle_idle(object, &next, why);
    if (!err)
        err = settle_scaling(&next, why);
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

static json_t *env_to_json(const struct settings *settings)
{
    json_t *env = json_object();
    for (uint32_t at = 0; env && at < settings->env_bytes;) {
        const char *entry = settings->env + at;
        const char *value = strchr(entry, '=');
        mf_assert(value);
        if (json_object_setn_new(env, entry, (size_t)(value - entry), json_string(value + 1)) != 0) {
            json_decref(env);
            return NULL;
        }
        at += (uint32_t)strlen(entry) + 1;
    }
    return env;
}

static const char *keep_alive_text(const struct settings *settings,
                                   char room[static DURATION_TEXT_BYTES])
{
    if (settings->keep_alive != KEEP_ALIVE_FIXED)
        return settings->keep_alive == KEEP_ALIVE_NONE ? "none" : "hybrid";
    return duration_to_text(settings->idle_ms, room);
}

json_t *settings_to_json(const struct settings *settings)
{
    char room[DURATION_TEXT_BYTES];
    /* Keys in ascending order, so that the text is the same every time. */
    return json_pack("{s:o, s:i, s:i, s:i, s:s, s:o, s:i, s:i, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, "
                     "s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:o, s:i, s:o, s:i}",
                     "allow", allow_to_json(&settings->allow),
                     "attempts_max", (int)settings->attempts_max,
                     "cpu_ceiling_pct", (int)settings->cpu_ceiling_pct,
                     "cpu_share", (int)settings->cpu_share,
                     "description", settings->description,
                     "environment", env_to_json(settings),
                     "grace_ms", (int)settings->grace_ms,
                     "idle_ms", (int)settings->idle_ms,
                     "isolation", isolation_name(settings->isolation),
                     "keep_alive", keep_alive_text(settings, room),
                     "max_age_s", (int)settings->max_age_s,
                     "max_instances", (int)settings->max_instances,
                     "memory_mib", (int)settings->memory_mib,
                     "min_instances", (int)settings->min_instances,
                     "name", settings->name,
                     "next", settings->next,
                     "offload_url", settings->offload_url ? settings->offload_url : "",
                     "overload", overload_name(settings->overload),
                     "priority", priority_name(settings->priority),
                     "queue_max", (int)settings->queue_max,
                     "sandbox", sandbox_name(settings->sandbox),
                     "scale_threshold", (int)settings->scale_threshold,
                     "tenant", settings->tenant,
                     "then", followers_to_json(&settings->then),
                     "timeout_ms", (int)settings->timeout_ms,
                     "triggers", triggers_to_json(&settings->triggers),
                     "wait_ms", (int)settings->wait_ms);
}

bool settings_name_valid(const char *name, size_t bytes)
{
    if (bytes == 0 || bytes > MF_NAME_BYTES_MAX || name[0] == '-' || name[bytes - 1] == '-')
        return false;
    for (size_t i = 0; i < bytes; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

bool settings_tenant_reserved(const char *name)
{
    return strcmp(name, MF_TENANT_FUNCTIONS) == 0 || strcmp(name, MF_TENANT_NODE) == 0 ||
           strcmp(name, MF_TENANT_CALLBACKS) == 0;
}

const char *sandbox_name(enum mf_sandbox sandbox)
{
    return (size_t)sandbox < SANDBOX_COUNT ? sandbox_names[sandbox] : "unknown";
}

/* Text of a stranger, for a message on a terminal. */
static const char *printable(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return "(not printable)";
    return text;
}

mf_err keep_alive_from_text(const char *text, enum keep_alive *kind, uint32_t *idle_ms,
                            struct mf_why *why)
{
    if (strcmp(text, "none") == 0 || strcmp(text, "hybrid") == 0) {
        *kind = text[0] == 'n' ? KEEP_ALIVE_NONE : KEEP_ALIVE_HYBRID;
        return MF_OK;
    }
    uint64_t ms;
    if (!duration_from_text(text, &ms))
        return mf_why(why, MF_EINVAL, "keep_alive: \"%.80s\"; none, hybrid, or a duration with its "
                      "unit: 500ms, 60s, 10m, 4h", printable(text));
    if (ms > MF_IDLE_MS_MAX)
        return mf_why(why, MF_EINVAL, "keep_alive: %.80s; at most %dh are allowed", text,
                      MF_IDLE_MS_MAX / 3600000);
    *kind = KEEP_ALIVE_FIXED;
    *idle_ms = (uint32_t)ms;
    return MF_OK;
}

bool sandbox_from_name(const char *name, enum mf_sandbox *sandbox)
{
    for (size_t i = 0; i < SANDBOX_COUNT; i++) {
        if (strcmp(name, sandbox_names[i]) == 0) {
            *sandbox = (enum mf_sandbox)i;
            return true;
        }
    }
    return false;
}

const char *isolation_name(enum isolation isolation)
{
    return (size_t)isolation < ISOLATION_COUNT ? isolation_names[isolation] : "unknown";
}

bool isolation_from_name(const char *name, enum isolation *isolation)
{
    for (size_t i = 0; i < ISOLATION_COUNT; i++) {
        if (strcmp(name, isolation_names[i]) == 0) {
            *isolation = (enum isolation)i;
            return true;
        }
    }
    return false;
}

static bool index_of(const char *const *names, size_t count, const char *name, size_t *index)
{
    for (*index = 0; *index < count; ++*index)
        if (strcmp(name, names[*index]) == 0)
            return true;
    return false;
}

const char *priority_name(enum priority priority)
{
    return (size_t)priority < (size_t)PRIORITY_COUNT ? priority_names[priority] : "unknown";
}

bool priority_from_name(const char *name, enum priority *priority)
{
    size_t index;
    bool known = index_of(priority_names, PRIORITY_COUNT, name, &index);
    if (known)
        *priority = (enum priority)index;
    return known;
}

const char *overload_name(enum overload overload)
{
    return (size_t)overload < OVERLOAD_COUNT ? overload_names[overload] : "unknown";
}

bool overload_from_name(const char *name, enum overload *overload)
{
    size_t index;
    bool known = index_of(overload_names, OVERLOAD_COUNT, name, &index);
    if (known)
        *overload = (enum overload)index;
    return known;
}

/* In UTF-8: U+0000 to U+001F, U+007F, and U+0080 to U+009F, which are c2 80 to c2 9f. */
static bool has_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
            return true;
    return false;
}

static mf_err apply_number(const struct number_key *row, const json_t *value,
                           struct settings *settings, struct mf_why *why)
{
    if (!json_is_integer(value))
        return mf_why(why, MF_EINVAL, "%s: must be a whole number from %u to %u", row->key,
                      row->least, row->most);
    json_int_t number = json_integer_value(value);
    if (number < (json_int_t)row->least || number > (json_int_t)row->most)
        return mf_why(why, MF_EINVAL, "%s: %lld; %u to %u are allowed", row->key,
                      (long long)number, row->least, row->most);
    uint32_t checked = (uint32_t)number;
    memcpy((char *)settings + row->offset, &checked, sizeof checked);
    return MF_OK;
}

static mf_err apply_name(const char *name, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (!settings_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "name: \"%.80s\" is not a name; 1 to %d of a-z, 0-9 and -, "
                      "no - at either end", printable(name), MF_NAME_BYTES_MAX);
    memcpy(settings->name, name, bytes + 1);
    return MF_OK;
}

static mf_err apply_next(const char *name, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (bytes > 0 && !settings_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "next: \"%.80s\" is not the name of a function; 1 to %d of a-z, "
                      "0-9 and -, no - at either end", printable(name), MF_NAME_BYTES_MAX);
    memcpy(settings->next, name, bytes + 1);
    return MF_OK;
}

static mf_err apply_tenant(const char *name, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (!settings_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "tenant: \"%.80s\" is not a name; 1 to %d of a-z, 0-9 and -, "
                      "no - at either end", printable(name), MF_NAME_BYTES_MAX);
    if (settings_tenant_reserved(name))
        return mf_why(why, MF_EINVAL, "tenant: \"%s\" is the node's own; take another name", name);
    memcpy(settings->tenant, name, bytes + 1);
    return MF_OK;
}

static mf_err apply_description(const char *text, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(text);
    if (bytes >= sizeof settings->description)
        return mf_why(why, MF_EINVAL, "description: %zu bytes; %zu are allowed", bytes,
                      sizeof settings->description - 1);
    if (has_control(text))
        return mf_why(why, MF_EINVAL, "description: no line breaks or other control characters");
    memcpy(settings->description, text, bytes + 1);
    return MF_OK;
}

static mf_err apply_sandbox(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!sandbox_from_name(name, &settings->sandbox))
        return mf_why(why, MF_EINVAL, "sandbox: \"%.80s\"; auto, process or kvm", printable(name));
    return MF_OK;
}

static mf_err apply_isolation(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!isolation_from_name(name, &settings->isolation))
        return mf_why(why, MF_EINVAL, "isolation: \"%.80s\"; reset, reuse or fresh",
                      printable(name));
    return MF_OK;
}

static mf_err apply_keep_alive(const char *text, struct settings *settings, struct mf_why *why)
{
    return keep_alive_from_text(text, &settings->keep_alive, &settings->idle_ms, why);
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

static mf_err apply_priority(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!priority_from_name(name, &settings->priority))
        return mf_why(why, MF_EINVAL, "priority: \"%.80s\"; bulk or urgent", printable(name));
    return MF_OK;
}

static mf_err apply_overload(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!overload_from_name(name, &settings->overload))
        return mf_why(why, MF_EINVAL, "overload: \"%.80s\"; backpressure, drop-oldest, dead-letter, "
                      "stop-workflow or offload", printable(name));
    return MF_OK;
}

/* Absolute, http or https, with a host, all of it visible ASCII. Who may be reached is
 * another question, asked when it is. */
static mf_err apply_offload_url(const char *url, struct settings *settings, struct mf_why *why)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    bool good = !*url || (scheme && url[scheme] && !strchr("/?#:@", url[scheme]) &&
                          strlen(url) <= MF_OFFLOAD_URL_BYTES_MAX);
    for (const char *c = url; *c; c++)
        good = good && *c > ' ' && *c <= '~';
    if (!good)
        return mf_why(why, MF_EINVAL, "offload_url: \"%.80s\" is no absolute http or https URL of at "
                      "most %d characters, as http://other:8080/async-function/NAME", printable(url),
                      MF_OFFLOAD_URL_BYTES_MAX);
    char *own = *url ? strdup(url) : NULL;
    if (*url && !own)
        return MF_ENOMEM;
    free(settings->offload_url);
    settings->offload_url = own;
    return MF_OK;
}

/* What only makes sense together. */
static mf_err settle_scaling(const struct settings *settings, struct mf_why *why)
{
    if (settings->overload == OVERLOAD_OFFLOAD && !settings->offload_url)
        return mf_why(why, MF_EINVAL, "overload: offload needs offload_url, the URL that takes what is "
                      "too much here");
    if (settings->min_instances > settings->max_instances)
        return mf_why(why, MF_EINVAL, "min_instances: %u, but max_instances: %u", settings->min_instances,
                      settings->max_instances);
    return MF_OK;
}

/* A name of an environment variable, POSIX.1-2017, 8.1, lower case allowed. */
static bool env_name_valid(const char *name)
{
    if (!*name || (*name >= '0' && *name <= '9'))
        return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
              *c == '_'))
            return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static mf_err add_variable(const char *name, const json_t *value, struct mf_buf *env,
                           struct mf_why *why)
{
    if (!env_name_valid(name))
        return mf_why(why, MF_EINVAL, "environment: \"%.80s\" is not a variable's name (letters, "
                      "digits, _; no digit first)", printable(name));
    if (!json_is_string(value))
        return mf_why(why, MF_EINVAL, "environment: %.80s: must be a string; put it in quotes", name);
    size_t bytes = strlen(name) + json_string_length(value) + sizeof "=";
    if (bytes > MF_ENV_BYTES_MAX - env->bytes)
        return mf_why(why, MF_EINVAL, "environment: more than %d bytes", MF_ENV_BYTES_MAX);
    mf_err err = mf_buf_printf(env, "%s=%s", name, json_string_value(value));
    return err ? err : mf_buf_add(env, "", 1);
}

/* Sorted by name, so that equal maps give equal bytes. */
static mf_err apply_environment(const json_t *map, struct settings *settings, struct mf_why *why)
{
    if (!json_is_object(map))
        return mf_why(why, MF_EINVAL, "environment: must be an object of strings");
    size_t count = json_object_size(map);
    if (count > MF_ENV_COUNT_MAX)
        return mf_why(why, MF_EINVAL, "environment: %zu variables; %d are allowed", count,
                      MF_ENV_COUNT_MAX);
    const char *name[MF_ENV_COUNT_MAX];
    size_t named = 0;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)map, key, value)
        name[named++] = key;
    qsort(name, count, sizeof name[0], by_name);
    struct mf_buf env = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = add_variable(name[i], json_object_get(map, name[i]), &env, why);
    if (err) {
        mf_buf_close(&env);
        return err;
    }
    free(settings->env);
    settings->env = (char *)env.data; /* NULL where the map is empty */
    settings->env_bytes = (uint32_t)env.bytes;
    settings->env_count = (uint32_t)count;
    return MF_OK;
}

static mf_err apply_key(const char *key, const json_t *value, struct settings *settings,
                        struct mf_why *why)
{
    static const struct {
        const char *key;
        mf_err (*apply)(const char *, struct settings *, struct mf_why *);
    } text_key[] = {
        {"name", apply_name},
        {"description", apply_description},
        {"isolation", apply_isolation},
        {"keep_alive", apply_keep_alive},
        {"next", apply_next},
        {"offload_url", apply_offload_url},
        {"overload", apply_overload},
        {"priority", apply_priority},
        {"sandbox", apply_sandbox},
        {"tenant", apply_tenant},
    };
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++)
        if (strcmp(key, number_key[i].key) == 0)
            return apply_number(&number_key[i], value, settings, why);
    for (size_t i = 0; i < sizeof text_key / sizeof text_key[0]; i++) {
        if (strcmp(key, text_key[i].key) != 0)
            continue;
        if (!json_is_string(value))
            return mf_why(why, MF_EINVAL, "%s: must be a string%s", key,
                          text_key[i].apply == apply_keep_alive ? ": none, hybrid, or a duration "
                                                                  "with its unit, as 60s"
                                                                : "");
        return text_key[i].apply(json_string_value(value), settings, why);
    }
    if (strcmp(key, "environment") == 0)
        return apply_environment(value, settings, why);
    if (strcmp(key, "then") == 0)
        return followers_from_json(value, &settings->then, why);
    if (strcmp(key, "triggers") == 0)
        return triggers_from_json(value, &settings->triggers, why);
    if (strcmp(key, "allow") == 0)
        return allow_from_json(value, &settings->allow, why);
    return mf_why(why, MF_EINVAL, "\"%.80s\" is not a setting", printable(key));
}
