/*
 * chart.h: the two kinds of picture that we draw: lines over a number, and rows of names
 * with a value each. Both have places for the figures of others, drawn hollow and said to be
 * theirs. One thread.
 */
#ifndef MF_BENCH_PLOT_CHART_H
#define MF_BENCH_PLOT_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/plot/axis.h"
#include "bench/plot/svg.h"

#define CHART_WIDTH 860.0
#define CHART_POINTS_MAX 64u
#define CHART_SERIES_MAX 24u
#define CHART_NAME_BYTES 64

struct point {
    double x, y;
    double low, high; /* the spread; both y where there is none */
};

struct series {
    char name[CHART_NAME_BYTES]; /* "": not in the legend */
    unsigned colour;
    enum svg_stroke stroke;
    bool theirs; /* of another machine: hollow, no line */
    size_t count;
    struct point point[CHART_POINTS_MAX];
};

/* Points that are not there (y not finite, or not positive on a logarithmic axis) are left
 * out. */
struct line_chart {
    const char *title, *subtitle;
    const char *note, *note_more; /* whose the hollow marks are, in two lines; NULL: none */
    const char *x_label, *y_label;
    bool x_log, y_log;
    size_t count;
    struct series series[CHART_SERIES_MAX];
};
MF_CHECKED mf_err chart_lines(const struct line_chart *chart, const char *path,
                              struct mf_why *why);

/* A panel of rows: a heading, then name, mark or bar, value as text. */
struct row {
    char name[CHART_NAME_BYTES];
    unsigned colour;
    double value, low, high;
    char text[CHART_NAME_BYTES]; /* beside the mark; "": none */
};

struct panel {
    const char *heading, *label; /* of the axis below it */
    bool log, bars, theirs;
    size_t count;
    struct row row[CHART_SERIES_MAX];
};

#define CHART_PANELS_MAX 4u

struct row_chart {
    const char *title, *subtitle;
    bool one_axis; /* all panels have the same */
    size_t count;
    struct panel panel[CHART_PANELS_MAX];
};
MF_CHECKED mf_err chart_rows(const struct row_chart *chart, const char *path, struct mf_why *why);

#endif
