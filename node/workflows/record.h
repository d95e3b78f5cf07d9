/*
 * record.h: what is kept of a workflow, in workflows/NAME.json:
 *
 *   {"versions": [{"version": 7, "deployed_at_ms": …, "back_to": 5,
 *                  "functions": {NAME: {"image": HASH, "settings": {…}}, …}}, …],
 *    "manifests": {NAME: {…}, …}}
 *
 * The first version is the one in force, older ones follow, MF_WORKFLOW_VERSIONS_MAX at most.
 * back_to: it was a rollback to that one. manifests: what the images of the first one say; so no
 * image is opened when a node starts. What is read may be damaged. Any thread.
 */
#ifndef MF_NODE_WORKFLOWS_RECORD_H
#define MF_NODE_WORKFLOWS_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

/* *record: a new reference, every rule kept. MF_EFORMAT says what is wrong. */
MF_CHECKED mf_err record_parse(const char *text, size_t bytes, json_t **record,
                               struct mf_why *why);

/* {NAME: {"image": HASH, "settings": {…}}, …}: names and hashes are some, nothing else is there,
 * 1 … MF_WORKFLOW_FUNCTIONS_MAX of them. manifests: each may have one, an object. MF_EINVAL. */
MF_CHECKED mf_err record_check_functions(const json_t *functions, bool manifests,
                                         struct mf_why *why);

/* The next one: these functions in force, what was before behind them. before: NULL: none.
 * back_to: 0: no rollback. A new reference; NULL: no memory. */
json_t *record_next(const json_t *before, json_t *functions, json_t *manifests, uint64_t now_ms,
                    uint32_t back_to);

/* Borrowed. number 0: the one in force. NULL: not kept. */
const json_t *record_version(const json_t *record, uint32_t number);
uint32_t version_number(const json_t *version);
json_t *version_functions(const json_t *version); /* borrowed */

#endif
