/*
 * workflow.h: mayfly.yml: functions that belong together, and how they follow one another. The
 * text may be hostile; no file but it is looked at. Any thread.
 *
 *   workflow: co2                  its name
 *   tenant: default                whose key-values and queues; left out: the settings' default
 *   defaults: {isolation: reset}   settings of all its functions
 *   functions:
 *     threshold:                   the function's name on the node
 *       image: threshold.mf        or source: ./threshold; relative to the file
 *       http: true                 it is called over HTTP
 *       then: [alert]              and any other key of settings.h, over the defaults
 *     alert: {source: alert}
 *
 * Refused, with the line: unknown keys, settings out of bounds, what `then` or `next` names and is
 * not here, circles of `then`, a function that nothing leads to (no trigger, nobody's `then`, not
 * said to be called over HTTP, nor behind one that is reached). Told of by workflow_has_circle():
 * circles of queues, keys and topics.
 */
#ifndef MF_IMAGE_WORKFLOW_H
#define MF_IMAGE_WORKFLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

#define WORKFLOW_FILE "mayfly.yml"

struct workflow_function {
    char name[MF_NAME_BYTES_MAX + 1];
    char *image;      /* as written; NULL: it has a source        */
    char *source;
    bool http;
    json_t *settings; /* an object: the defaults, and its own over them */
};

struct workflow {
    char name[MF_NAME_BYTES_MAX + 1];
    struct workflow_function *function; /* as they stand there */
    size_t count;
};

/* MF_EINVAL, MF_ETOOBIG: why says what is wrong, *line where (0: in no line). All of it is heap
 * memory that workflow_close() frees. */
MF_CHECKED mf_err workflow_parse(const char *yaml, size_t bytes, struct workflow *workflow,
                                 unsigned *line, struct mf_why *why);
/* Safe on a zeroed one. */
void workflow_close(struct workflow *workflow);

/* The line of a function's name, or of a key of it; 0: not there. */
unsigned workflow_line(const char *yaml, size_t bytes, const char *function, const char *key);

/* How functions follow one another; a part of workflow_parse(). *at: the function to blame, and
 * *entry which one of its `then`; SIZE_MAX: none of them, but what *key says. */
MF_CHECKED mf_err workflow_check_order(const struct workflow *workflow, size_t *at, size_t *entry,
                                       const char **key, struct mf_why *why);

/* Of one that was taken: do functions lead back to one before them by what they may push to queues,
 * write to keys or publish to topics that are triggers here? That may be meant, so it is not refused. *at: the function that
 * leads back; why: the sentence. */
bool workflow_has_circle(const struct workflow *workflow, size_t *at, struct mf_why *why);

/* Where something stands that the node said of it, "FUNCTION: KEY: …" or "FUNCTION: KEY: entry N: …": of
 * the entry, else the key, else the function; 0: it says nothing of a function of this workflow. */
unsigned workflow_line_said(const char *yaml, size_t bytes, const struct workflow *workflow,
                            const char *sentence);

#endif
