/*
 * workflow.c: see workflow.h.
 * Guarantees: settings of what is taken are taken by settings_from_json(); every refusal of
 * something that stands in the file has its line.
 */
#include "image/workflow.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/settings.h"
#include "image/yaml.h"

struct parse {
    const char *yaml;
    size_t bytes;
    unsigned *line;
    struct mf_why *why;
    json_t *document, *defaults; /* borrowed */
};

static mf_err take_document(struct parse *parse, struct workflow *workflow);
static mf_err take_function(struct parse *parse, const char *name, json_t *object,
                            struct workflow_function *function);
static mf_err check_settings(struct parse *parse, const struct workflow_function *function);
static mf_err check_order(struct parse *parse, const struct workflow *workflow);

mf_err workflow_parse(const char *yaml, size_t bytes, struct workflow *workflow, unsigned *line,
                      struct mf_why *why)
{
    struct parse parse = {.yaml = yaml, .bytes = bytes, .line = line, .why = why};
    *workflow = (struct workflow){0};
    *line = 0;
    if (bytes > MF_WORKFLOW_FILE_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%zu bytes; %u are allowed", bytes,
                      MF_WORKFLOW_FILE_BYTES_MAX);
    mf_err err = yaml_to_json_at(yaml, bytes, &parse.document, line, why);
    if (!err)
        err = take_document(&parse, workflow);
    if (!err)
        err = check_order(&parse, workflow);
    json_decref(parse.document);
    if (err)
        workflow_close(workflow);
    return err;
}

void workflow_close(struct workflow *workflow)
{
    for (size_t i = 0; i < workflow->count; i++) {
        free(workflow->function[i].image);
        free(workflow->function[i].source);
        json_decref(workflow->function[i].settings);
    }
    free(workflow->function);
    *workflow = (struct workflow){0};
}

/* ---- where: looked for when it is to be told, for that reads the file again ---- */

unsigned workflow_line(const char *yaml, size_t bytes, const char *function, const char *key)
{
    const char *const path[] = {"functions", function, key, NULL};
    return yaml_line_of(yaml, bytes, path);
}

unsigned workflow_line_said(const char *yaml, size_t bytes, const struct workflow *workflow,
                            const char *sentence)
{
    char name[MF_NAME_BYTES_MAX + 1], key[32], index[24] = "";
    size_t entry = 0;
    int end = 0;
    if (sscanf(sentence, "%63[a-z0-9-]: %31[a-z_]%n", name, key, &end) != 2 || sentence[end] != ':')
        return 0;
    size_t i = 0;
    while (i < workflow->count && strcmp(workflow->function[i].name, name) != 0)
        i++;
    if (i == workflow->count)
        return 0;
    if (sscanf(sentence + end, ": entry %9zu", &entry) == 1 && entry > 0)
        (void)snprintf(index, sizeof index, "%zu", entry - 1);
    const char *const path[] = {"functions", name, key, index[0] ? index : NULL, NULL};
    unsigned line = yaml_line_of(yaml, bytes, path);
    if (!line)
        line = workflow_line(yaml, bytes, name, key);
    return line ? line : workflow_line(yaml, bytes, name, NULL);
}

static unsigned line_at(const struct parse *parse, const char *a, const char *b, const char *c,
                        const char *d)
{
    const char *const path[] = {a, b, c, d, NULL};
    return yaml_line_of(parse->yaml, parse->bytes, path);
}

/* Of a setting of a function: its own, the defaults', or all the functions' tenant. */
static unsigned setting_line(const struct parse *parse, const char *function, const char *key,
                             const char *entry)
{
    unsigned line = line_at(parse, "functions", function, key, entry);
    if (!line)
        line = line_at(parse, "defaults", key, entry, NULL);
    return line || strcmp(key, "tenant") != 0 ? line : line_at(parse, key, NULL, NULL, NULL);
}

static mf_err refuse_at(struct parse *parse, unsigned line, const char *what)
{
    *parse->line = line ? line : 1;
    return mf_why(parse->why, MF_EINVAL, "%s", what);
}

/* Text of a stranger, for a message on a terminal. */
static const char *printable(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            return "(not printable)";
    return text;
}

/* ---- the document ---- */

static mf_err take_name(struct parse *parse, char name[static MF_NAME_BYTES_MAX + 1])
{
    const char *text = json_string_value(json_object_get(parse->document, "workflow"));
    if (!json_object_get(parse->document, "workflow"))
        return refuse_at(parse, 1, "workflow: missing; the workflow's name");
    if (!text || !settings_name_valid(text, strlen(text)))
        return refuse_at(parse, line_at(parse, "workflow", NULL, NULL, NULL),
                         "workflow: not a name; 1 to 63 of a-z, 0-9 and -, no - at either end");
    memcpy(name, text, strlen(text) + 1);
    return MF_OK;
}

/* A key that belongs to one function makes no sense for all of them. */
static mf_err check_defaults(struct parse *parse)
{
    static const char *const own[] = {"description", "http",   "image",    "name", "next",
                                      "source",      "tenant", "triggers", "then"};
    const json_t *defaults = json_object_get(parse->document, "defaults");
    struct mf_why inner;
    if (defaults && !json_is_object(defaults))
        return refuse_at(parse, line_at(parse, "defaults", NULL, NULL, NULL),
                         "defaults: must be a mapping of settings");
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (!json_object_get(defaults, own[i]))
            continue;
        (void)mf_why(&inner, MF_EINVAL, "defaults: %s does not belong to all functions", own[i]);
        return refuse_at(parse, line_at(parse, "defaults", own[i], NULL, NULL), inner.text);
    }
    parse->defaults = (json_t *)(uintptr_t)defaults;
    return MF_OK;
}

static mf_err check_keys(struct parse *parse)
{
    static const char *const known[] = {"defaults", "functions", "tenant", "workflow"};
    const char *key;
    json_t *value;
    json_object_foreach(parse->document, key, value) {
        struct mf_why inner;
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found |= strcmp(key, known[i]) == 0;
        (void)mf_why(&inner, MF_EINVAL, "\"%.80s\" does not belong here; workflow, tenant, defaults and "
                     "functions do", printable(key));
        if (!found)
            return refuse_at(parse, line_at(parse, key, NULL, NULL, NULL), inner.text);
    }
    return MF_OK;
}

static mf_err take_functions(struct parse *parse, struct workflow *workflow)
{
    json_t *functions = json_object_get(parse->document, "functions"), *value;
    const char *name, *wrong = NULL;
    size_t count = json_object_size(functions);
    if (!json_is_object(functions) || count == 0)
        wrong = "functions: missing, or none; a mapping, NAME: {image: FILE or source: FOLDER, ...}";
    else if (count > MF_WORKFLOW_FUNCTIONS_MAX)
        wrong = "functions: too many of them; 128 are allowed";
    if (wrong)
        return refuse_at(parse, line_at(parse, "functions", NULL, NULL, NULL), wrong);
    _Static_assert(MF_WORKFLOW_FUNCTIONS_MAX == 128, "as said above");
    workflow->function = calloc(count, sizeof *workflow->function);
    if (!workflow->function)
        return MF_ENOMEM;
    mf_err err = MF_OK;
    json_object_foreach(functions, name, value) {
        if (!err)
            err = take_function(parse, name, value, &workflow->function[workflow->count++]);
    }
    return err;
}

static mf_err take_document(struct parse *parse, struct workflow *workflow)
{
    if (!json_is_object(parse->document))
        return refuse_at(parse, 1, WORKFLOW_FILE " is a mapping, `key: value`");
    mf_err err = check_keys(parse);
    if (!err)
        err = take_name(parse, workflow->name);
    if (!err)
        err = check_defaults(parse);
    return err ? err : take_functions(parse, workflow);
}

/* ---- a function ---- */

static mf_err take_path(struct parse *parse, const char *name, const char *key, const json_t *value,
                        char **path)
{
    const char *text = json_string_value(value);
    if (!value)
        return MF_OK;
    struct mf_why inner;
    (void)mf_why(&inner, MF_EINVAL, "%s: a path belongs here", key);
    if (!text || !text[0])
        return refuse_at(parse, line_at(parse, "functions", name, key, NULL), inner.text);
    *path = strdup(text);
    return *path ? MF_OK : MF_ENOMEM;
}

/* What is no setting; the rest becomes settings. */
static mf_err take_own(struct parse *parse, const char *name, json_t *object,
                       struct workflow_function *function)
{
    static const char *const elsewhere[][2] = {
        {"name", "name: the key above it is the function's name"},
        {"tenant", "tenant: stands at the top, for all functions of the workflow"}};
    const json_t *http = json_object_get(object, "http");
    mf_err err = take_path(parse, name, "image", json_object_get(object, "image"), &function->image);
    if (!err)
        err = take_path(parse, name, "source", json_object_get(object, "source"), &function->source);
    if (!err && !function->image == !function->source)
        err = refuse_at(parse, workflow_line(parse->yaml, parse->bytes, name, NULL),
                        "one of image: and source: is needed, and not both");
    if (!err && http && !json_is_boolean(http))
        err = refuse_at(parse, line_at(parse, "functions", name, "http", NULL),
                        "http: true or false belongs here");
    for (size_t i = 0; i < 2 && !err; i++)
        if (json_object_get(object, elsewhere[i][0]))
            err = refuse_at(parse, line_at(parse, "functions", name, elsewhere[i][0], NULL),
                            elsewhere[i][1]);
    if (err)
        return err;
    function->http = json_is_true(http);
    return MF_OK;
}

static mf_err merge_settings(struct parse *parse, json_t *object, struct workflow_function *function)
{
    json_t *tenant = json_object_get(parse->document, "tenant");
    json_t *all = json_object();
    function->settings = all;
    if (!all || (parse->defaults && json_object_update(all, parse->defaults) != 0) ||
        json_object_update(all, object) != 0 || (tenant && json_object_set(all, "tenant", tenant) != 0))
        return MF_ENOMEM;
    (void)json_object_del(all, "image");
    (void)json_object_del(all, "source");
    (void)json_object_del(all, "http");
    return MF_OK;
}

static mf_err take_function(struct parse *parse, const char *name, json_t *object,
                            struct workflow_function *function)
{
    const char *wrong = NULL;
    if (!settings_name_valid(name, strlen(name)))
        wrong = "not a function's name; 1 to 63 of a-z, 0-9 and -, no - at either end";
    else if (!json_is_object(object))
        wrong = "a function is a mapping: image or source, and settings";
    if (wrong)
        return refuse_at(parse, workflow_line(parse->yaml, parse->bytes, name, NULL), wrong);
    memcpy(function->name, name, strlen(name) + 1);
    mf_err err = take_own(parse, name, object, function);
    if (!err)
        err = merge_settings(parse, object, function);
    return err ? err : check_settings(parse, function);
}

/* Is this setting alone refused in the same words? */
static bool is_to_blame(const char *key, json_t *value, const char *words)
{
    struct settings settings;
    struct mf_why why = {{0}};
    json_t *one = json_object();
    settings_init(&settings);
    bool refused = one && json_object_set(one, key, value) == 0 &&
                   settings_from_json(one, &settings, &why) != MF_OK && strcmp(why.text, words) == 0;
    settings_close(&settings);
    json_decref(one);
    return refused;
}

/* Where two settings do not agree, the words begin with one of them. */
static unsigned blamed_line(const struct parse *parse, const struct workflow_function *function,
                            const char *words)
{
    const char *key;
    json_t *value;
    json_object_foreach(function->settings, key, value) {
        size_t bytes = strlen(key);
        if (is_to_blame(key, value, words) ||
            (strncmp(words, key, bytes) == 0 && words[bytes] == ':'))
            return setting_line(parse, function->name, key, NULL);
    }
    return workflow_line(parse->yaml, parse->bytes, function->name, NULL);
}

static mf_err check_settings(struct parse *parse, const struct workflow_function *function)
{
    struct settings settings;
    struct mf_why inner = {{0}};
    settings_init(&settings);
    mf_err err = settings_from_json(function->settings, &settings, &inner);
    settings_close(&settings);
    if (err == MF_EINVAL)
        return refuse_at(parse, blamed_line(parse, function, inner.text), mf_why_text(&inner, err));
    return err;
}

/* ---- all together ---- */

static mf_err check_order(struct parse *parse, const struct workflow *workflow)
{
    size_t at, entry;
    const char *key;
    char number[24];
    struct mf_why inner = {{0}};
    mf_err err = workflow_check_order(workflow, &at, &entry, &key, &inner);
    if (err != MF_EINVAL)
        return err;
    const struct workflow_function *function = &workflow->function[at];
    (void)snprintf(number, sizeof number, "%zu", entry);
    unsigned line = !key ? workflow_line(parse->yaml, parse->bytes, function->name, NULL)
                         : setting_line(parse, function->name, key, entry == SIZE_MAX ? NULL : number);
    return refuse_at(parse, line, inner.text);
}
