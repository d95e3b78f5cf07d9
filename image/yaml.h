/*
 * yaml.h: a YAML file of settings as JSON, so that one check (settings.h) serves
 * both. The text may be hostile. Any thread.
 *
 * Taken: mappings, sequences and scalars; a plain scalar is null, a boolean or an
 * integer where the YAML 1.2 core schema says so, else a string. Refused: anchors,
 * aliases, tags, keys that are no scalars, a key twice, a second document, depth
 * past MF_YAML_DEPTH_MAX, more than MF_YAML_NODES_MAX values.
 */
#ifndef MF_IMAGE_YAML_H
#define MF_IMAGE_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"


/* *value: a new reference; an empty file is an empty object. MF_EINVAL with the line. */
MF_CHECKED mf_err yaml_to_json(const char *text, size_t bytes, json_t **value,
                               struct mf_why *why);

/* The same, with the line (from 1; 0: there is none) beside the words instead of in them. */
MF_CHECKED mf_err yaml_to_json_at(const char *text, size_t bytes, json_t **value, unsigned *line,
                                  struct mf_why *why);

/* The line, from 1, of a key of the top mapping; 0: not there. */
unsigned yaml_line(const char *text, size_t bytes, const char *key);

/* The same of what a path leads to: keys, and numbers of entries (from 0), from the top, NULL at
 * its end. */
unsigned yaml_line_of(const char *text, size_t bytes, const char *const *path);

#endif
