/*
 * rows.h: the rows of a run: {bench, subject, metric, unit, n, p50, p99, min, max}
 * and, on some, fields more. One owner, one thread.
 */
#ifndef MF_BENCH_ROWS_H
#define MF_BENCH_ROWS_H

#include <jansson.h>

#include "base/err.h"
#include "bench/samples.h"

/* X(NAME, unit in the rows) */
#define ROW_UNITS(X) X(US, "us") X(KIB, "KiB") X(PER_S, "1/s") X(COUNT, "count") X(PCT, "pct")
#define ROW_UNIT_ENUM(NAME, unit) UNIT_##NAME,
enum row_unit { ROW_UNITS(ROW_UNIT_ENUM) };

struct rows {
    json_t *array; /* NULL: nothing yet */
};

/* Add a row over at least one sample. *row (may be NULL) is borrowed, for more fields. */
MF_CHECKED mf_err rows_add(struct rows *rows, const char *bench, const char *subject,
                           const char *metric, enum row_unit unit, struct samples *samples,
                           json_t **row);
/* The same of a value measured once. */
MF_CHECKED mf_err rows_add_one(struct rows *rows, const char *bench, const char *subject,
                               const char *metric, enum row_unit unit, double value);

void rows_close(struct rows *rows);

#endif
