/*
 * plot.h: `mayfly bench --plot DIR`: pictures of results, from the rows that the benches
 * print (docs/BENCH.md), just measured or read from a file. One thread.
 */
#ifndef MF_BENCH_PLOT_PLOT_H
#define MF_BENCH_PLOT_PLOT_H

#include <jansson.h>

#include "base/err.h"

/* One picture; drawn if there are rows of its bench. */
struct plot {
    const char *file;  /* "cold.svg" */
    const char *bench; /* whose rows it shows: run with --sweep */
    mf_err (*draw)(const json_t *rows, const char *path, struct mf_why *why);
};

/* NULL-terminated. */
extern const struct plot *const plots[];

/* Draw into directory, which is made if it is not there. drawn() hears of each picture; rows
 * may be anything that is JSON. MF_EINVAL: there is nothing to draw. */
MF_CHECKED mf_err plot_all(const json_t *rows, const char *directory,
                           void (*drawn)(void *context, const char *path), void *context,
                           struct mf_why *why);

#endif
