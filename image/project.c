/*
 * project.c: function.yml. The keys `build`, `sources` and `cflags` are the build's; all
 * others are settings, applied one by one, to know the line of what is refused; then all
 * together.
 */
#include "image/project.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/settings.h"
#include "image/settings_keys.h"
#include "image/yaml.h"

static mf_err take_key(const char *key, json_t *value, struct settings *settings,
                       json_t *manifest, struct project *project, struct mf_why *why);
static mf_err take_list(const char *key, const json_t *list, size_t most, char ***to,
                        struct mf_why *why);
static mf_err finish(const struct settings *settings, const json_t *manifest,
                     struct project *project);

static mf_err take_document(const char *yaml, size_t bytes, json_t *document,
                            struct project *project, struct mf_why *why)
{
    if (!json_is_object(document))
        return mf_why(why, MF_EINVAL, "line 1: " PROJECT_FILE " is a mapping, `key: value`");
    struct settings settings;
    settings_init(&settings);
    json_t *manifest = json_object();
    mf_err err = manifest ? MF_OK : MF_ENOMEM;
    const char *key;
    json_t *value;
    json_object_foreach (document, key, value) {
        struct mf_why inner = {0};
        if (!err)
            err = take_key(key, value, &settings, manifest, project, &inner);
        if (err) {
            err = mf_why(why, err, "line %u: %.*s", yaml_line(yaml, bytes, key),
                         (int)sizeof inner.text - 32, mf_why_text(&inner, err));
            break;
        }
    }
    if (!err) { /* each by itself is right; do they agree? */
        settings_close(&settings);
        settings_init(&settings);
        err = settings_from_json(manifest, &settings, why);
    }
    if (!err)
        err = finish(&settings, manifest, project);
    json_decref(manifest);
    settings_close(&settings);
    return err;
}

mf_err project_parse(const char *yaml, size_t bytes, struct project *project, struct mf_why *why)
{
    *project = (struct project){0};
    if (bytes > MF_PROJECT_FILE_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%zu bytes; %u are allowed", bytes,
                      MF_PROJECT_FILE_BYTES_MAX);
    json_t *document;
    mf_err err = yaml_to_json(yaml, bytes, &document, why);
    if (err)
        return err;
    err = take_document(yaml, bytes, document, project, why);
    json_decref(document);
    if (err)
        project_close(project);
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

static mf_err take_build(const json_t *value, enum project_build *build, struct mf_why *why)
{
    const char *name = json_string_value(value);
    bool go = name && strcmp(name, "go") == 0;
    if (!go && (!name || strcmp(name, "c") != 0))
        return mf_why(why, MF_EINVAL, "build: c or go");
    *build = go ? PROJECT_GO : PROJECT_C;
    return MF_OK;
}

static mf_err take_key(const char *key, json_t *value, struct settings *settings,
                       json_t *manifest, struct project *project, struct mf_why *why)
{
    if (strcmp(key, "sources") == 0)
        return take_list(key, value, MF_PROJECT_SOURCES_MAX, &project->source, why);
    if (strcmp(key, "build") == 0)
        return take_build(value, &project->build, why);
    if (strcmp(key, "cflags") == 0)
        return take_list(key, value, MF_PROJECT_CFLAGS_MAX, &project->cflag, why);
    mf_err err = settings_apply(key, value, settings, why);
    if (!err && json_object_set(manifest, key, value) != 0)
        err = MF_ENOMEM;
    return err;
}

static mf_err take_list(const char *key, const json_t *list, size_t most, char ***to,
                        struct mf_why *why)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > most)
        return mf_why(why, MF_EINVAL, "%s: must be a list of at most %zu", key, most);
    char **taken = calloc(count + 1, sizeof *taken);
    mf_err err = taken ? MF_OK : MF_ENOMEM;
    for (size_t i = 0; i < count && !err; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !text[0])
            err = mf_why(why, MF_EINVAL, "%s: entry %zu is not text", key, i + 1);
        else if (!(taken[i] = strdup(text)))
            err = MF_ENOMEM;
    }
    if (err)
        free_list(taken);
    else
        *to = taken;
    return err;
}

static mf_err finish(const struct settings *settings, const json_t *manifest,
                     struct project *project)
{
    project->manifest = json_dumps(manifest, JSON_SORT_KEYS | JSON_COMPACT);
    project->name = strdup(settings->name);
    if (!project->source)
        project->source = calloc(1, sizeof *project->source);
    if (!project->cflag)
        project->cflag = calloc(1, sizeof *project->cflag);
    return project->manifest && project->name && project->source && project->cflag ? MF_OK
                                                                                   : MF_ENOMEM;
}
