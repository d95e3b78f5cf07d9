/*
 * project.h: a project's function.yml: the function's settings (settings.h), what
 * builds it, its sources and extra compiler flags. The text may be hostile. Any thread.
 */
#ifndef MF_IMAGE_PROJECT_H
#define MF_IMAGE_PROJECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

#define PROJECT_FILE "function.yml"

/* Who makes the program of the sources: `build`. */
enum project_build { PROJECT_C, PROJECT_GO };

struct project {
    enum project_build build; /* "c" (default) | "go" */
    char *manifest; /* JSON text of the settings given, keys sorted */
    char *name;     /* of the settings; "" if not given             */
    char **source;  /* relative to the project; NULL-terminated     */
    char **cflag;   /* the same                                     */
};

/* MF_EINVAL with key and line where the text breaks a rule. All of it is heap memory
 * that project_close() frees. */
MF_CHECKED mf_err project_parse(const char *yaml, size_t bytes, struct project *project,
                                struct mf_why *why);
/* Safe on a zeroed one. */
void project_close(struct project *project);

#endif
