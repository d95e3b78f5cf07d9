/*
 * settings_program.c: see settings_program.h. Guarantees: guest_env is within what a boot page
 * holds, and holds each variable of abi/program.h only as the settings say it.
 */
#include "image/settings_program.h"

#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/program.h"
#include "base/buf.h"
#include "image/settings_keys.h"

/* A program of the SDK fits the least of windows. Others bring runtimes that reserve address
 * space by the hundred MiB (Go's heap: 0.7 GiB) and use little of it; a window's size bounds what
 * an instance can use, and costs nothing by itself. */
#define MEMORY_MIB_SDK ((uint32_t)(MF_WINDOW_DEFAULT >> 20))
#define MEMORY_MIB_LINUX 1024u

#define LOG_GROUP "/aws/lambda/"

/* glibc keeps 64 MiB of addresses for each of eight threads, so that threads on several processors do
 * not wait for each other (mallopt(3)): half a window, where there is one processor. */
#define MALLOC_ARENAS "MALLOC_ARENA_MAX"

static mf_err check_together(const struct settings *settings, struct mf_why *why);
static mf_err check_names(const struct settings *settings, struct mf_why *why);
static mf_err make_guest_env(struct settings *settings, struct mf_why *why);

mf_err settings_apply_contract(const char *name, struct settings *settings, struct mf_why *why)
{
    if (!contract_from_name(name, &settings->contract))
        return mf_why(why, MF_EINVAL, "contract: \"%.80s\"; sdk, http, lambda, openwhisk or stdio",
                      settings_printable(name));
    return MF_OK;
}

/* Replace *to by a copy of text; "" is NULL. */
static mf_err own(const char *text, char **to)
{
    char *copy = *text ? strdup(text) : NULL;
    if (*text && !copy)
        return MF_ENOMEM;
    free(*to);
    *to = copy;
    return MF_OK;
}

static mf_err apply_path(const char *key, const char *path, char **to, struct mf_why *why)
{
    if (*path && (*path != '/' || strlen(path) > MF_PROGRAM_PATH_BYTES_MAX))
        return mf_why(why, MF_EINVAL, "%s: \"%.80s\" is no absolute path of at most %u bytes", key,
                      settings_printable(path), MF_PROGRAM_PATH_BYTES_MAX);
    return own(path, to);
}

mf_err settings_apply_folder(const char *path, struct settings *settings, struct mf_why *why)
{
    return apply_path("folder", path, &settings->folder, why);
}

mf_err settings_apply_program(const char *path, struct settings *settings, struct mf_why *why)
{
    return apply_path("program", path, &settings->program, why);
}

mf_err settings_apply_loader(const char *path, struct settings *settings, struct mf_why *why)
{
    return apply_path("loader", path, &settings->loader, why);
}

/* Decimal, up to end; not the largest of 32 bits, which stands for none. */
static bool is_id(const char **text, char end, uint64_t least)
{
    char *after;
    bool digit = **text >= '0' && **text <= '9';
    unsigned long long value = digit ? strtoull(*text, &after, 10) : 0;
    bool is = digit && *after == end && value >= least && value < UINT32_MAX;
    *text = is && end ? after + 1 : *text;
    return is;
}

mf_err settings_apply_user(const char *text, struct settings *settings, struct mf_why *why)
{
    const char *at = text;
    if (*text && (strlen(text) >= sizeof settings->user || !is_id(&at, ':', 1) || !is_id(&at, '\0', 0)))
        return mf_why(why, MF_EINVAL, "user: \"%.80s\" is no USER:GROUP, two numbers, as 1000:1000, the first "
                      "not 0: a guest has no root", settings_printable(text));
    (void)snprintf(settings->user, sizeof settings->user, "%s", text);
    return MF_OK;
}

mf_err settings_apply_warm_up(const char *text, struct settings *settings, struct mf_why *why)
{
    if (strlen(text) > MF_WARM_UP_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "warm_up: more than %u characters", MF_WARM_UP_BYTES_MAX);
    return own(text, &settings->warm_up);
}

mf_err settings_apply_arguments(const json_t *list, struct settings *settings, struct mf_why *why)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > MF_ARGUMENTS_MAX)
        return mf_why(why, MF_EINVAL, "args: must be a list of at most %u strings", MF_ARGUMENTS_MAX);
    struct mf_buf text = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_string(one))
            err = mf_why(why, MF_EINVAL, "args: entry %zu is no string; put it in quotes", i + 1);
        else if (json_string_length(one) >= MF_ENV_BYTES_MAX - text.bytes)
            err = mf_why(why, MF_EINVAL, "args: more than %d bytes", MF_ENV_BYTES_MAX);
        else
            err = mf_buf_add(&text, json_string_value(one), json_string_length(one) + 1);
    }
    if (err) {
        mf_buf_close(&text);
        return err;
    }
    free(settings->arguments);
    settings->arguments = (char *)text.data; /* NULL where the list is empty */
    settings->argument_bytes = (uint32_t)text.bytes;
    settings->argument_count = (uint32_t)count;
    return MF_OK;
}

mf_err settings_apply_jit(const json_t *value, struct settings *settings, struct mf_why *why)
{
    if (!json_is_boolean(value))
        return mf_why(why, MF_EINVAL, "jit: must be true or false");
    settings->jit = json_is_true(value);
    return MF_OK;
}

json_t *settings_arguments_to_json(const struct settings *settings)
{
    json_t *list = json_array();
    const char *at = settings->arguments;
    for (uint32_t i = 0; i < settings->argument_count; i++, at += strlen(at) + 1)
        (void)json_array_append_new(list, json_string(at));
    return list;
}

static uint32_t memory_default(enum contract contract)
{
    return contract == CONTRACT_SDK ? MEMORY_MIB_SDK : MEMORY_MIB_LINUX;
}

mf_err settings_settle_program(const json_t *object, enum contract before,
                               struct settings *settings, struct mf_why *why)
{
    if (!json_object_get(object, "memory_mib") && settings->memory_mib == memory_default(before))
        settings->memory_mib = memory_default(settings->contract);
    mf_err err = check_together(settings, why);
    if (!err)
        err = check_names(settings, why);
    return err ? err : make_guest_env(settings, why);
}

/* What stands in a request's first line: visible ASCII, from a slash on. */
static bool is_request_path(const char *text)
{
    bool is_path = *text == '/';
    for (const char *c = text; *c; c++)
        is_path = is_path && *c > ' ' && *c <= '~' && *c != '#';
    return is_path;
}

static bool is_json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    json_decref(value);
    return value;
}

static mf_err check_warm_up(const struct settings *settings, struct mf_why *why)
{
    const char *text = settings->warm_up;
    if (!text)
        return MF_OK;
    if (settings->contract == CONTRACT_HTTP && !is_request_path(text))
        return mf_why(why, MF_EINVAL, "warm_up: \"%.80s\" is no path of a request, as /ready?deep=1",
                      settings_printable(text));
    if (settings->contract == CONTRACT_LAMBDA && !is_json(text))
        return mf_why(why, MF_EINVAL, "warm_up: \"%.80s\" is no payload of an event, as {\"warm\":true}",
                      settings_printable(text));
    if (settings->contract != CONTRACT_HTTP && settings->contract != CONTRACT_LAMBDA)
        return mf_why(why, MF_EINVAL, "warm_up: only with contract: http or lambda, not %s",
                      contract_name(settings->contract));
    return MF_OK;
}

static mf_err check_together(const struct settings *settings, struct mf_why *why)
{
    enum contract contract = settings->contract;
    mf_err err = check_warm_up(settings, why);
    if (err)
        return err;
    if (settings->listen[0] && contract != CONTRACT_HTTP)
        return mf_why(why, MF_EINVAL, "listen: only with contract: http, not %s", contract_name(contract));
    const char *key = settings->arguments ? "args" : settings->program ? "program"
                                                 : settings->folder    ? "folder"
                                                 : settings->user[0]   ? "user"
                                                                       : NULL;
    if (key && contract == CONTRACT_SDK)
        return mf_why(why, MF_EINVAL, "%s: not with contract: sdk, whose programs are no command", key);
    if (settings->loader && !settings->program)
        return mf_why(why, MF_EINVAL, "loader: only with program, which it loads");
    return MF_OK;
}

/* The author's own variables are not the place for what abi/program.h has. */
static mf_err check_names(const struct settings *settings, struct mf_why *why)
{
    const enum contract contract = settings->contract;
    const bool listens = contract == CONTRACT_HTTP || contract == CONTRACT_OPENWHISK;
    const struct {
        const char *name, *key;
        bool applies;
    } taken[] = {
        {MF_ENV_CONTRACT "=", "contract", true}, {MF_ENV_WARM_UP "=", "warm_up", true},
        {MF_ENV_USER "=", "user", true},
        {MF_ENV_FOLDER "=", "folder", true},     {MF_ENV_PROGRAM "=", "program", true},
        {MF_ENV_ARGUMENT "=", "args", true},     {MF_ENV_PORT "=", "port", listens},
        {MF_ENV_FUNCTION "=", "name", contract != CONTRACT_SDK},
        {MF_ENV_LAMBDA_NAME "=", "name", contract == CONTRACT_LAMBDA},
        {MF_ENV_LAMBDA_API "=", "contract", contract == CONTRACT_LAMBDA},
        {MF_ENV_LAMBDA_VERSION "=", "contract", contract == CONTRACT_LAMBDA},
        {MF_ENV_LAMBDA_MEMORY "=", "memory_mib", contract == CONTRACT_LAMBDA},
    };
    const char *at = settings->env;
    for (uint32_t i = 0; i < settings->env_count; i++, at += strlen(at) + 1)
        for (size_t k = 0; k < sizeof taken / sizeof taken[0]; k++)
            if (taken[k].applies && strncmp(at, taken[k].name, strlen(taken[k].name)) == 0)
                return mf_why(why, MF_EINVAL, "environment: %.*s is what the setting `%s` says",
                              (int)strlen(taken[k].name) - 1, taken[k].name, taken[k].key);
    return MF_OK;
}

mf_err settings_rename(struct settings *settings, const char *name, struct mf_why *why)
{
    (void)snprintf(settings->name, sizeof settings->name, "%s", name);
    return make_guest_env(settings, why);
}

struct adding {
    struct mf_buf text;
    uint32_t count;
    mf_err err;
};

/* value NULL: nothing. */
static void add(struct adding *adding, const char *name, const char *value)
{
    if (!value || adding->err)
        return;
    adding->err = mf_buf_printf(&adding->text, "%s=%s", name, value);
    if (!adding->err)
        adding->err = mf_buf_add(&adding->text, "", 1);
    adding->count++;
}

/* The author's own has precedence. */
static void add_default(struct adding *adding, const struct settings *settings, const char *name,
                        const char *value)
{
    const char *at = settings->env;
    size_t bytes = strlen(name);
    for (uint32_t i = 0; i < settings->env_count; i++, at += strlen(at) + 1)
        if (strncmp(at, name, bytes) == 0 && at[bytes] == '=')
            return;
    add(adding, name, value);
}

static void add_lambda(struct adding *adding, const struct settings *settings)
{
    char text[sizeof LOG_GROUP + MF_NAME_BYTES_MAX];
    (void)snprintf(text, sizeof text, MF_LAMBDA_ADDRESS ":%u", MF_LAMBDA_PORT);
    add(adding, MF_ENV_LAMBDA_API, text);
    add(adding, MF_ENV_LAMBDA_VERSION, "$LATEST");
    (void)snprintf(text, sizeof text, "%u", settings->memory_mib);
    add(adding, MF_ENV_LAMBDA_MEMORY, text);
    add_default(adding, settings, MF_ENV_LAMBDA_TASK_ROOT, settings->folder ? settings->folder : "/");
    if (settings->argument_count) /* as the command of a container image of theirs names it */
        add_default(adding, settings, MF_ENV_LAMBDA_HANDLER, settings->arguments);
    if (!settings->name[0])
        return;
    add(adding, MF_ENV_LAMBDA_NAME, settings->name);
    (void)snprintf(text, sizeof text, LOG_GROUP "%s", settings->name);
    add_default(adding, settings, MF_ENV_LAMBDA_LOG_GROUP, text);
    add_default(adding, settings, MF_ENV_LAMBDA_LOG_STREAM, settings->name);
}

static void add_program(struct adding *adding, const struct settings *settings)
{
    add(adding, MF_ENV_CONTRACT, contract_name(settings->contract));
    add(adding, MF_ENV_FUNCTION, settings->name[0] ? settings->name : NULL);
    add(adding, MF_ENV_WARM_UP, settings->warm_up);
    add(adding, MF_ENV_FOLDER, settings->folder);
    add(adding, MF_ENV_USER, settings->user[0] ? settings->user : NULL);
    add(adding, MF_ENV_PROGRAM, settings->program);
    char port[12];
    (void)snprintf(port, sizeof port, "%u", settings->port);
    if (settings->contract == CONTRACT_HTTP || settings->contract == CONTRACT_OPENWHISK)
        add(adding, MF_ENV_PORT, port);
    if (settings->contract == CONTRACT_LAMBDA)
        add_lambda(adding, settings);
    if (settings->loader) { /* is what is started (ld.so(8)) */
        add_default(adding, settings, MALLOC_ARENAS, "1");
        add(adding, MF_ENV_ARGUMENT, "--argv0");
        add(adding, MF_ENV_ARGUMENT, settings->program);
        add(adding, MF_ENV_ARGUMENT, settings->program);
    }
    const char *at = settings->arguments;
    for (uint32_t i = 0; i < settings->argument_count; i++, at += strlen(at) + 1)
        add(adding, MF_ENV_ARGUMENT, at);
}

static mf_err make_guest_env(struct settings *settings, struct mf_why *why)
{
    struct adding adding = {.count = settings->env_count};
    if (settings->env_bytes)
        adding.err = mf_buf_add(&adding.text, settings->env, settings->env_bytes);
    if (settings->contract != CONTRACT_SDK)
        add_program(&adding, settings);
    if (!adding.err && (adding.text.bytes > MF_ENV_BYTES_MAX || adding.count > MF_ENV_COUNT_MAX))
        adding.err = mf_why(why, MF_EINVAL, "environment and args: %u entries of %zu bytes; together with "
                            "what the contract adds %d of %d are allowed", adding.count,
                            adding.text.bytes, MF_ENV_COUNT_MAX, MF_ENV_BYTES_MAX);
    if (adding.err) {
        mf_buf_close(&adding.text);
        return adding.err;
    }
    free(settings->guest_env);
    settings->guest_env = (char *)adding.text.data;
    settings->guest_env_bytes = (uint32_t)adding.text.bytes;
    settings->guest_env_count = adding.count;
    return MF_OK;
}
