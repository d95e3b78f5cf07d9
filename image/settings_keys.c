/* settings_keys.c: see settings_keys.h. One function for each kind of value. */
#include "image/settings_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "base/buf.h"
#include "image/listen.h"
#include "image/settings_program.h"

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
    N(port, MF_PORT_DEFAULT, 1, 65535)                                        \
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

void settings_defaults(struct settings *settings)
{
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++)
        memcpy((char *)settings + number_key[i].offset, &number_key[i].standard, sizeof(uint32_t));
}

const char *settings_printable(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return "(not printable)";
    return text;
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
                      "no - at either end", settings_printable(name), MF_NAME_BYTES_MAX);
    memcpy(settings->name, name, bytes + 1);
    return MF_OK;
}

static mf_err apply_next(const char *name, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (bytes > 0 && !settings_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "next: \"%.80s\" is not the name of a function; 1 to %d of a-z, "
                      "0-9 and -, no - at either end", settings_printable(name), MF_NAME_BYTES_MAX);
    memcpy(settings->next, name, bytes + 1);
    return MF_OK;
}

static mf_err apply_tenant(const char *name, struct settings *settings, struct mf_why *why)
{
    size_t bytes = strlen(name);
    if (!settings_name_valid(name, bytes))
        return mf_why(why, MF_EINVAL, "tenant: \"%.80s\" is not a name; 1 to %d of a-z, 0-9 and -, "
                      "no - at either end", settings_printable(name), MF_NAME_BYTES_MAX);
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
        return mf_why(why, MF_EINVAL, "sandbox: \"%.80s\"; auto, process or kvm", settings_printable(name));
    return MF_OK;
}

static mf_err apply_isolation(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!isolation_from_name(name, &settings->isolation))
        return mf_why(why, MF_EINVAL, "isolation: \"%.80s\"; reset, reuse or fresh",
                      settings_printable(name));
    return MF_OK;
}

static mf_err apply_keep_alive(const char *text, struct settings *settings, struct mf_why *why)
{
    return keep_alive_from_text(text, &settings->keep_alive, &settings->idle_ms, why);
}

static mf_err apply_priority(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!priority_from_name(name, &settings->priority))
        return mf_why(why, MF_EINVAL, "priority: \"%.80s\"; bulk or urgent", settings_printable(name));
    return MF_OK;
}

static mf_err apply_durability(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!durability_from_name(name, &settings->durability))
        return mf_why(why, MF_EINVAL, "durability: \"%.80s\"; power-loss or process-crash",
                      settings_printable(name));
    return MF_OK;
}

static mf_err apply_overload(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!overload_from_name(name, &settings->overload))
        return mf_why(why, MF_EINVAL, "overload: \"%.80s\"; backpressure, drop-oldest, dead-letter, "
                      "stop-workflow or offload", settings_printable(name));
    return MF_OK;
}

static mf_err apply_listen(const char *text, struct settings *settings, struct mf_why *why)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    if (*text && listen_parse(text, &address, &bytes))
        return mf_why(why, MF_EINVAL, "listen: \"%.80s\"; PORT, ADDRESS:PORT or [ADDRESS]:PORT",
                      settings_printable(text));
    memcpy(settings->listen, text, strlen(text) + 1);
    return MF_OK;
}

/* As YAML reads a port that nobody has put in quotes. */
static mf_err apply_listen_number(const json_t *value, struct settings *settings, struct mf_why *why)
{
    json_int_t port = json_integer_value(value);
    if (port < 0 || port > UINT16_MAX)
        return mf_why(why, MF_EINVAL, "listen: %lld; a port is 0 to 65535", (long long)port);
    (void)snprintf(settings->listen, sizeof settings->listen, "%u", (unsigned)port);
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
                      "most %d characters, as http://other:8080/async-function/NAME", settings_printable(url),
                      MF_OFFLOAD_URL_BYTES_MAX);
    char *own = *url ? strdup(url) : NULL;
    if (*url && !own)
        return MF_ENOMEM;
    free(settings->offload_url);
    settings->offload_url = own;
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
                      "digits, _; no digit first)", settings_printable(name));
    if (json_is_object(value)) /* as others write it: {"secret": NAME}, {"valueFrom": …} */
        return mf_why(why, MF_EINVAL, "environment: %.80s: must be a string. A secret is never a variable, "
                      "which would be in the function's snapshot: name it in allow.secrets, and read "
                      "/run/secrets/NAME", name);
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

mf_err settings_apply(const char *key, const json_t *value, struct settings *settings,
                      struct mf_why *why)
{
    static const struct {
        const char *key;
        mf_err (*apply)(const char *, struct settings *, struct mf_why *);
    } text_key[] = {
        {"name", apply_name},
        {"contract", settings_apply_contract},
        {"description", apply_description},
        {"durability", apply_durability},
        {"folder", settings_apply_folder},
        {"isolation", apply_isolation},
        {"keep_alive", apply_keep_alive},
        {"listen", apply_listen},
        {"loader", settings_apply_loader},
        {"next", apply_next},
        {"offload_url", apply_offload_url},
        {"overload", apply_overload},
        {"priority", apply_priority},
        {"program", settings_apply_program},
        {"sandbox", apply_sandbox},
        {"tenant", apply_tenant},
        {"user", settings_apply_user},
        {"warm_up", settings_apply_warm_up},
    };
    for (size_t i = 0; i < NUMBER_KEY_COUNT; i++)
        if (strcmp(key, number_key[i].key) == 0)
            return apply_number(&number_key[i], value, settings, why);
    for (size_t i = 0; i < sizeof text_key / sizeof text_key[0]; i++) {
        if (strcmp(key, text_key[i].key) != 0)
            continue;
        if (text_key[i].apply == apply_listen && json_is_integer(value))
            return apply_listen_number(value, settings, why);
        if (!json_is_string(value))
            return mf_why(why, MF_EINVAL, "%s: must be a string%s", key,
                          text_key[i].apply == apply_keep_alive ? ": none, hybrid, or a duration "
                                                                  "with its unit, as 60s"
                                                                : "");
        return text_key[i].apply(json_string_value(value), settings, why);
    }
    if (strcmp(key, "environment") == 0)
        return apply_environment(value, settings, why);
    if (strcmp(key, "args") == 0)
        return settings_apply_arguments(value, settings, why);
    if (strcmp(key, "jit") == 0)
        return settings_apply_jit(value, settings, why);
    if (strcmp(key, "then") == 0)
        return followers_from_json(value, &settings->then, why);
    if (strcmp(key, "triggers") == 0)
        return triggers_from_json(value, &settings->triggers, why);
    if (strcmp(key, "allow") == 0)
        return allow_from_json(value, &settings->allow, why);
    if (strcmp(key, "secrets") == 0)
        return mf_why(why, MF_EINVAL, "\"secrets\" is not a setting; what a function may read is listed in "
                      "allow: {\"secrets\": [\"NAME\"]}, and is the file /run/secrets/NAME");
    return mf_why(why, MF_EINVAL, "\"%.80s\" is not a setting", settings_printable(key));
}
