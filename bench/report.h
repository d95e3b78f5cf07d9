/*
 * report.h: the rows of a run: {bench, subject, metric, unit, n, p50, p99, min, max}
 * and, on some, fields more. One owner, one thread.
 */
#ifndef MF_BENCH_REPORT_H
#define MF_BENCH_REPORT_H

#include <jansson.h>

#include "base/err.h"
#include "bench/samples.h"

/* X(NAME, unit in the rows) */
#define REPORT_UNITS(X) X(US, "us") X(KIB, "KiB") X(PER_S, "1/s") X(COUNT, "count") X(PCT, "pct")
#define REPORT_UNIT_ENUM(NAME, unit) UNIT_##NAME,
enum report_unit { REPORT_UNITS(REPORT_UNIT_ENUM) };

struct report {
    json_t *rows; /* NULL: nothing yet */
};

/* Add a row over at least one sample. *row (may be NULL) is borrowed, for more fields. */
MF_CHECKED mf_err report_add(struct report *report, const char *bench, const char *subject,
                             const char *metric, enum report_unit unit, struct samples *samples,
                             json_t **row);
/* The same of a value measured once. */
MF_CHECKED mf_err report_add_one(struct report *report, const char *bench, const char *subject,
                                 const char *metric, enum report_unit unit, double value);

void report_close(struct report *report);

#endif
