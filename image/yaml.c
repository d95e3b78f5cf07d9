/* yaml.c: libyaml's events, built into JSON (yaml.h). */
#include "image/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one looked at; empty type: none */
    unsigned nodes;
    unsigned line; /* of what was refused */
    struct mf_why *why;
};

static mf_err next(struct reader *reader);
static mf_err take_value(struct reader *reader, unsigned depth, json_t **value);
static mf_err expect_end(struct reader *reader);

static void open_reader(struct reader *reader, const char *text, size_t bytes, struct mf_why *why)
{
    *reader = (struct reader){.why = why};
    mf_assert(yaml_parser_initialize(&reader->parser));
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, bytes);
}

static void close_reader(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

mf_err yaml_to_json(const char *text, size_t bytes, json_t **value, struct mf_why *why)
{
    struct mf_why inner = {{0}};
    unsigned line;
    mf_err err = yaml_to_json_at(text, bytes, value, &line, &inner);
    if (err && line)
        return mf_why(why, err, "line %u: %.*s", line, (int)sizeof inner.text - 32, inner.text);
    return err ? mf_why(why, err, "%s", mf_why_text(&inner, err)) : MF_OK;
}

mf_err yaml_to_json_at(const char *text, size_t bytes, json_t **value, unsigned *line,
                       struct mf_why *why)
{
    *value = NULL;
    struct reader reader;
    open_reader(&reader, text, bytes, why);
    mf_err err = next(&reader); /* stream start */
    if (!err)
        err = next(&reader); /* document start, or the end of an empty file */
    if (!err && reader.event.type == YAML_STREAM_END_EVENT)
        *value = json_object();
    else if (!err)
        err = next(&reader);
    if (!err && !*value)
        err = take_value(&reader, 0, value);
    if (!err && reader.event.type != YAML_STREAM_END_EVENT)
        err = expect_end(&reader);
    *line = reader.line;
    close_reader(&reader);
    if (!err && !*value)
        err = MF_ENOMEM;
    if (err) {
        json_decref(*value);
        *value = NULL;
    }
    return err;
}

unsigned yaml_line(const char *text, size_t bytes, const char *key)
{
    const char *const path[] = {key, NULL};
    return yaml_line_of(text, bytes, path);
}

/* On the way to what a path leads to: the mappings and sequences that are open. */
struct walk {
    const char *const *path;
    unsigned depth, on_path; /* on_path: of them, from the top, that lie on the path */
    bool found;              /* the key that leads on: its value comes next          */
    struct level {
        bool is_map, at_key; /* at_key: of a mapping, whose nodes come in pairs      */
        unsigned index;
    } level[MF_YAML_DEPTH_MAX + 2];
};

/* A node begins. *leads: into it, or it is what is looked for. */
static void step(struct walk *walk, const yaml_event_t *event, bool *leads)
{
    bool top = walk->depth == 0;
    struct level *level = top ? NULL : &walk->level[walk->depth - 1];
    bool here = !top && walk->depth == walk->on_path;
    *leads = top;
    if (here && level->is_map && level->at_key) {
        walk->found = event->type == YAML_SCALAR_EVENT &&
                      strcmp((const char *)event->data.scalar.value, walk->path[walk->on_path - 1]) == 0;
        *leads = walk->found && !walk->path[walk->on_path];
    } else if (here && level->is_map) {
        *leads = walk->found;
        walk->found = false;
    } else if (here) {
        *leads = strtoul(walk->path[walk->on_path - 1], NULL, 10) == level->index;
    }
    if (level && level->is_map)
        level->at_key = !level->at_key;
    else if (level)
        level->index++;
}

unsigned yaml_line_of(const char *text, size_t bytes, const char *const *path)
{
    struct reader reader;
    struct walk walk = {.path = path};
    unsigned line = 0;
    bool lost = false, leads;
    open_reader(&reader, text, bytes, NULL);
    while (!line && !lost && next(&reader) == MF_OK && reader.event.type != YAML_STREAM_END_EVENT) {
        const yaml_event_t *event = &reader.event;
        bool map = event->type == YAML_MAPPING_START_EVENT;
        bool opens = map || event->type == YAML_SEQUENCE_START_EVENT;
        if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT) {
            lost = walk.depth-- == walk.on_path;
            continue;
        }
        if (!opens && event->type != YAML_SCALAR_EVENT)
            continue;
        step(&walk, event, &leads);
        if (leads && walk.depth > 0 && !path[walk.on_path])
            line = (unsigned)event->start_mark.line + 1;
        lost |= (leads && !opens && !line && walk.depth > 0) ||
                (opens && walk.depth == sizeof walk.level / sizeof walk.level[0]);
        if (opens && !lost) {
            walk.level[walk.depth++] = (struct level){map, map, 0};
            walk.on_path += leads;
        }
    }
    close_reader(&reader);
    return line;
}

static mf_err refuse(struct reader *reader, const char *what)
{
    reader->line = (unsigned)reader->event.start_mark.line + 1;
    return mf_why(reader->why, MF_EINVAL, "%s", what);
}

/* Replaces reader->event. */
static mf_err next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    reader->event = (yaml_event_t){0};
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return MF_OK;
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "out of memory";
    if (parser->error == YAML_READER_ERROR)
        return mf_why(reader->why, MF_EINVAL, "byte %zu: %s", parser->problem_offset, problem);
    reader->line = (unsigned)parser->problem_mark.line + 1;
    return mf_why(reader->why, MF_EINVAL, "%s", problem);
}

/* YAML 1.2.2, 10.3.2: the core schema, without floats, of which settings have none. */
static json_t *plain_to_json(const char *text)
{
    static const struct {
        const char *text;
        int value; /* 0, 1, -1: null */
    } word[] = {{"", -1},     {"~", -1},     {"null", -1}, {"Null", -1}, {"NULL", -1}, {"true", 1},
                {"True", 1},  {"TRUE", 1},   {"false", 0}, {"False", 0}, {"FALSE", 0}};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        if (strcmp(text, word[i].text) == 0)
            return word[i].value < 0 ? json_null() : json_boolean(word[i].value);
    const char *digits = text + (*text == '-' || *text == '+');
    bool whole = *digits != '\0' && digits[strspn(digits, "0123456789")] == '\0';
    errno = 0;
    long long number = whole ? strtoll(text, NULL, 10) : 0;
    return whole && !errno ? json_integer(number) : json_string(text);
}

static mf_err take_scalar(struct reader *reader, json_t **value)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    if (strlen(text) != reader->event.data.scalar.length)
        return refuse(reader, "a NUL character in a value");
    *value = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_to_json(text)
                                                                        : json_string(text);
    return *value ? MF_OK : refuse(reader, "a value that is not UTF-8");
}

static mf_err take_mapping(struct reader *reader, unsigned depth, json_t *object)
{
    mf_err err = next(reader);
    while (!err && reader->event.type != YAML_MAPPING_END_EVENT) {
        if (reader->event.type != YAML_SCALAR_EVENT)
            return refuse(reader, "a key must be plain text");
        const char *text = (const char *)reader->event.data.scalar.value;
        if (strlen(text) != reader->event.data.scalar.length)
            return refuse(reader, "a NUL character in a key");
        if (json_object_get(object, text))
            return refuse(reader, "a key that stands there twice");
        char *key = strdup(text);
        json_t *value = NULL;
        err = key ? next(reader) : MF_ENOMEM;
        if (!err)
            err = take_value(reader, depth + 1, &value);
        if (!err && json_object_set_new(object, key, value) != 0)
            err = refuse(reader, "a key that is not UTF-8");
        else if (err)
            json_decref(value);
        free(key);
        if (!err)
            err = next(reader);
    }
    return err;
}

static mf_err take_sequence(struct reader *reader, unsigned depth, json_t *array)
{
    mf_err err = next(reader);
    while (!err && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        json_t *value = NULL;
        err = take_value(reader, depth + 1, &value);
        if (!err && json_array_append_new(array, value) != 0)
            err = MF_ENOMEM;
        else if (err)
            json_decref(value);
        if (!err)
            err = next(reader);
    }
    return err;
}

/* The value that begins with the event looked at; leaves its last event there.
 * Recursion ends at MF_YAML_DEPTH_MAX. */
static mf_err take_value(struct reader *reader, unsigned depth, json_t **value)
{
    if (++reader->nodes > MF_YAML_NODES_MAX || depth > MF_YAML_DEPTH_MAX)
        return refuse(reader, "too many values, or too deeply nested");
    const yaml_event_t *event = &reader->event;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (event->data.scalar.anchor || event->data.scalar.tag)
            break;
        return take_scalar(reader, value);
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor || event->data.mapping_start.tag)
            break;
        *value = json_object();
        return *value ? take_mapping(reader, depth, *value) : MF_ENOMEM;
    case YAML_SEQUENCE_START_EVENT:
        if (event->data.sequence_start.anchor || event->data.sequence_start.tag)
            break;
        *value = json_array();
        return *value ? take_sequence(reader, depth, *value) : MF_ENOMEM;
    default:
        break;
    }
    return refuse(reader, "anchors, aliases and tags do not belong here");
}

static mf_err expect_end(struct reader *reader)
{
    mf_err err = next(reader);
    if (!err && reader->event.type == YAML_DOCUMENT_END_EVENT)
        err = next(reader);
    if (!err && reader->event.type != YAML_STREAM_END_EVENT)
        err = refuse(reader, "a second document; one is allowed");
    return err;
}
