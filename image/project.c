/*
 * project.c: function.yml, read by libcyaml with the schema below, then checked by
 * settings_from_json(), the one authority on values. Environment variables are a
 * list of NAME=value: libcyaml's mappings have fixed keys.
 */
#include "image/project.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/settings.h"

/* The document as libcyaml fills it in; NULL: the key is not there. */
struct document {
    char *name, *description, *sandbox;
    char *memory_mib, *timeout_ms, *max_instances, *wait_ms, *idle_ms, *cpu_share,
        *cpu_ceiling_pct; /* text: libcyaml's own numbers take "3x" for 3 */
    char **environment, **sources, **cflags;
    uint32_t environment_count, sources_count, cflags_count;
};

#define OPTIONAL (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
#define TEXT(key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, struct document, key, 0, CYAML_UNLIMITED)
#define LIST(key, most) CYAML_FIELD_SEQUENCE(#key, OPTIONAL, struct document, key, &entry, 0, most)

static const cyaml_schema_value_t entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, CYAML_UNLIMITED),
};
static const cyaml_schema_field_t fields[] = {
    TEXT(name),
    TEXT(description),
    TEXT(sandbox),
    TEXT(memory_mib),
    TEXT(timeout_ms),
    TEXT(max_instances),
    TEXT(wait_ms),
    TEXT(idle_ms),
    TEXT(cpu_share),
    TEXT(cpu_ceiling_pct),
    LIST(environment, MF_ENV_COUNT_MAX),
    LIST(sources, PROJECT_SOURCES_MAX),
    LIST(cflags, PROJECT_CFLAGS_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, fields),
};

/* What libcyaml says about an error: a line that names it, then a backtrace, whose
 * first line tells the place that it was at. */
struct complaint {
    char what[256];
    unsigned line;
};

static void listen(cyaml_log_t level, void *context, const char *format, va_list args);
static mf_err complain(const struct complaint *complaint, cyaml_err_t error, const char *yaml,
                       size_t bytes, struct mf_why *why);
static mf_err refuse(unsigned line, struct mf_why *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static mf_err to_manifest(const struct document *document, const char *yaml, size_t bytes,
                          struct project *project, struct mf_why *why);
static mf_err take_list(char **from, uint32_t count, char ***to);

mf_err project_parse(const char *yaml, size_t bytes, struct project *project, struct mf_why *why)
{
    *project = (struct project){0};
    if (bytes > PROJECT_FILE_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%zu bytes; %u are allowed", bytes,
                      PROJECT_FILE_BYTES_MAX);
    struct complaint complaint = {0};
    cyaml_config_t config = {
        .log_fn = listen,
        .log_ctx = &complaint,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS, /* an alias of an alias of an alias takes all memory */
    };
    struct document *document = NULL;
    cyaml_err_t error = cyaml_load_data((const uint8_t *)yaml, bytes, &config, &schema,
                                        (cyaml_data_t **)&document, NULL);
    if (error != CYAML_OK)
        return complain(&complaint, error, yaml, bytes, why);
    static const struct document nothing;
    const struct document *given = document ? document : &nothing;
    mf_err err = to_manifest(given, yaml, bytes, project, why);
    if (!err)
        err = take_list(given->sources, given->sources_count, &project->source);
    if (!err)
        err = take_list(given->cflags, given->cflags_count, &project->cflag);
    if (err)
        project_close(project);
    (void)cyaml_free(&config, &schema, document, 0);
    return err;
}

static void free_list(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

void project_close(struct project *project)
{
    free(project->manifest);
    free(project->name);
    free_list(project->source);
    free_list(project->cflag);
    *project = (struct project){0};
}

static void listen(cyaml_log_t level, void *context, const char *format, va_list args)
{
    static const char prefix[] = "Load: ", mark[] = "(line: ", title[] = "Load: Backtrace";
    (void)level;
    struct complaint *complaint = context;
    char text[sizeof complaint->what];
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *place = strstr(text, mark);
    bool prefixed = strncmp(text, prefix, sizeof prefix - 1) == 0;
    if (prefixed && !complaint->what[0] && strncmp(text, title, sizeof title - 1) != 0)
        memcpy(complaint->what, text + sizeof prefix - 1, sizeof text - sizeof prefix + 1);
    else if (!prefixed && place && !complaint->line)
        complaint->line = (unsigned)strtoul(place + sizeof mark - 1, NULL, 10);
}

/* Line of a key of the top mapping, 0 if it is not written plainly. */
static unsigned line_of(const char *yaml, size_t bytes, const char *key)
{
    size_t key_bytes = strlen(key);
    unsigned line = 1;
    for (size_t at = 0; at < bytes; line++) {
        const char *end = memchr(yaml + at, '\n', bytes - at);
        size_t line_bytes = end ? (size_t)(end - yaml) - at : bytes - at;
        if (line_bytes > key_bytes && memcmp(yaml + at, key, key_bytes) == 0 &&
            (yaml[at + key_bytes] == ':' || yaml[at + key_bytes] == ' '))
            return line;
        at += line_bytes + 1;
    }
    return 0;
}

/* A refusal that begins with the line, where it is known. */
static mf_err refuse(unsigned line, struct mf_why *why, const char *format, ...)
{
    char text[MF_WHY_BYTES - 32];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return line ? mf_why(why, MF_EINVAL, "line %u: %s", line, text)
                : mf_why(why, MF_EINVAL, "%s", text);
}

static mf_err complain(const struct complaint *complaint, cyaml_err_t error, const char *yaml,
                       size_t bytes, struct mf_why *why)
{
    static const char unknown[] = "Unexpected key: ";
    const char *what = complaint->what[0] ? complaint->what : cyaml_strerror(error);
    for (const char *c = what; *c; c++)
        if (*c < ' ' || *c > '~')
            what = "characters that do not belong here";
    if (strncmp(what, unknown, sizeof unknown - 1) != 0)
        return refuse(complaint->line, why, "%s", what);
    const char *key = what + sizeof unknown - 1;
    unsigned line = line_of(yaml, bytes, key); /* libcyaml tells where the key before stood */
    return refuse(line ? line : complaint->line, why, "\"%s\" is not a key of " PROJECT_FILE, key);
}

struct collecting {
    const char *yaml;
    size_t bytes;
    json_t *object;
    struct settings settings;
    struct mf_why *why;
};

/* Check one key by itself, to know its line; takes the reference. */
static mf_err add_key(struct collecting *collecting, const char *key, json_t *value)
{
    struct mf_why inner = {0};
    json_t *one = value ? json_pack("{s:o}", key, value) : NULL;
    mf_err err = one ? settings_from_json(one, &collecting->settings, &inner)
                     : mf_why(&inner, MF_EINVAL, "%s: not UTF-8", key);
    if (!err && json_object_update(collecting->object, one) != 0)
        err = MF_ENOMEM;
    json_decref(one);
    if (!err)
        return MF_OK;
    return refuse(line_of(collecting->yaml, collecting->bytes, key), collecting->why, "%s",
                  mf_why_text(&inner, err));
}

static mf_err add_environment(struct collecting *collecting, char *const *variable, uint32_t count)
{
    static const char key[] = "environment";
    json_t *map = json_object();
    const char *wrong = map ? NULL : "out of memory";
    for (uint32_t i = 0; i < count && !wrong; i++) {
        const char *value = strchr(variable[i], '=');
        size_t name_bytes = value ? (size_t)(value - variable[i]) : 0;
        if (!value)
            wrong = "an entry is not NAME=value";
        else if (json_object_getn(map, variable[i], name_bytes))
            wrong = "a variable stands there twice";
        else if (json_object_setn_new(map, variable[i], name_bytes, json_string(value + 1)) != 0)
            wrong = "an entry is not UTF-8";
    }
    if (!wrong)
        return add_key(collecting, key, map);
    json_decref(map);
    return refuse(line_of(collecting->yaml, collecting->bytes, key), collecting->why, "%s: %s",
                  key, wrong);
}

/* All of the text is one decimal number; as text where it is not, which the check of
 * the value then refuses. */
static json_t *number_to_json(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool whole = *text && !*end && !errno && (*text == '-' || (*text >= '0' && *text <= '9'));
    return whole ? json_integer(number) : json_string(text);
}

static mf_err add_keys(const struct document *document, struct collecting *collecting)
{
    const struct {
        const char *key, *text;
        bool number;
    } scalar[] = {
        {"name", document->name, false},
        {"description", document->description, false},
        {"sandbox", document->sandbox, false},
        {"memory_mib", document->memory_mib, true},
        {"timeout_ms", document->timeout_ms, true},
        {"max_instances", document->max_instances, true},
        {"wait_ms", document->wait_ms, true},
        {"idle_ms", document->idle_ms, true},
        {"cpu_share", document->cpu_share, true},
        {"cpu_ceiling_pct", document->cpu_ceiling_pct, true},
    };
    mf_err err = MF_OK;
    for (size_t i = 0; i < sizeof scalar / sizeof scalar[0] && !err; i++) {
        const char *text = scalar[i].text;
        if (text)
            err = add_key(collecting, scalar[i].key,
                          scalar[i].number ? number_to_json(text) : json_string(text));
    }
    if (document->environment_count && !err)
        err = add_environment(collecting, document->environment, document->environment_count);
    return err;
}

static mf_err to_manifest(const struct document *document, const char *yaml, size_t bytes,
                          struct project *project, struct mf_why *why)
{
    struct collecting collecting = {
        .yaml = yaml, .bytes = bytes, .object = json_object(), .why = why};
    settings_init(&collecting.settings);
    mf_err err = collecting.object ? add_keys(document, &collecting) : MF_ENOMEM;
    if (!err) {
        project->manifest = json_dumps(collecting.object, JSON_SORT_KEYS | JSON_COMPACT);
        project->name = strdup(collecting.settings.name);
        if (!project->manifest || !project->name)
            err = MF_ENOMEM;
    }
    json_decref(collecting.object);
    settings_close(&collecting.settings);
    return err;
}

static mf_err take_list(char **from, uint32_t count, char ***to)
{
    *to = calloc((size_t)count + 1, sizeof **to);
    if (!*to)
        return MF_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        (*to)[i] = strdup(from[i]);
        if (!(*to)[i])
            return MF_ENOMEM;
    }
    return MF_OK;
}
