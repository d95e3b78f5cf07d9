/*
 * plot_rows.h: rows of results as what charts take. The rows may come from a file that
 * somebody else wrote: what is not a row is passed over. Pure functions.
 */
#ifndef MF_BENCH_PLOT_PLOT_ROWS_H
#define MF_BENCH_PLOT_PLOT_ROWS_H

#include <jansson.h>

#include "bench/plot/chart.h"
#include "bench/plot/paper.h"

#define PLOT_ROWS_MAX 100000u /* looked at */
#define PLOT_SUBJECTS_MAX 16u

struct plot_subjects {
    size_t count;
    const char *name[PLOT_SUBJECTS_MAX]; /* borrowed from the rows */
};

/* Of a bench, in the order of the rows; without those that are another's alias:
 * mayfly/kvm:reuse where that is the default, and says the same as mayfly/kvm. */
void plot_subjects(const json_t *rows, const char *bench, struct plot_subjects *subjects);

/* NULL: there is none. */
const json_t *plot_row(const json_t *rows, const char *bench, const char *subject,
                       const char *metric);

/* "p50" and so on of a row. NAN: no row, or no such number. */
double plot_value(const json_t *row, const char *key);

/* The same for a subject in all pictures, and by its isolation. */
unsigned plot_colour(const char *subject);
enum svg_stroke plot_stroke(const char *subject);

/* Points of METRIC@N of a subject, by N, as they stand in the rows, times scale. spread:
 * with low and high from its fastest and slowest sample. */
void plot_series(const json_t *rows, const char *bench, const char *subject, const char *metric,
                 double scale, bool spread, struct series *series);

/* What the paper measured at x: hollow marks for each figure that is there. value() picks. */
void plot_paper(struct line_chart *chart, double x,
                double (*value)(const struct paper_figure *figure));

/* A row of a row chart: subject, median, spread, and the median as text with a unit. */
void plot_add_row(struct panel *panel, const char *name, unsigned colour, double value, double low,
                  double high, const char *unit);

#endif
