/* plot_rows.c: see plot_rows.h. */
#include "bench/plot/plot_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static size_t row_count(const json_t *rows)
{
    size_t count = json_array_size(rows);
    return count < PLOT_ROWS_MAX ? count : PLOT_ROWS_MAX;
}

double plot_value(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const json_t *plot_row(const json_t *rows, const char *bench, const char *subject,
                       const char *metric)
{
    for (size_t i = 0; i < row_count(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (strcmp(text_of(row, "bench"), bench) == 0 &&
            strcmp(text_of(row, "subject"), subject) == 0 &&
            strcmp(text_of(row, "metric"), metric) == 0)
            return row;
    }
    return NULL;
}

/* Does NAME:ISOLATION's row repeat NAME's? */
static bool is_alias(const json_t *rows, const json_t *row)
{
    char base[CHART_NAME_BYTES];
    const char *subject = text_of(row, "subject"), *colon = strchr(subject, ':');
    if (!colon || (size_t)(colon - subject) >= sizeof base)
        return false;
    (void)snprintf(base, sizeof base, "%.*s", (int)(colon - subject), subject);
    const json_t *other = plot_row(rows, text_of(row, "bench"), base, text_of(row, "metric"));
    return other && plot_value(row, "p50") == plot_value(other, "p50") &&
           plot_value(row, "min") == plot_value(other, "min") &&
           plot_value(row, "max") == plot_value(other, "max");
}

void plot_subjects(const json_t *rows, const char *bench, struct plot_subjects *subjects)
{
    subjects->count = 0;
    for (size_t i = 0; i < row_count(rows) && subjects->count < PLOT_SUBJECTS_MAX; i++) {
        const json_t *row = json_array_get(rows, i);
        const char *subject = text_of(row, "subject");
        bool known = !subject[0] || strcmp(text_of(row, "bench"), bench) != 0;
        for (size_t s = 0; s < subjects->count; s++)
            known |= strcmp(subjects->name[s], subject) == 0;
        if (!known && !is_alias(rows, row))
            subjects->name[subjects->count++] = subject;
    }
}

unsigned plot_colour(const char *subject)
{
    static const char *const known[] = {"mayfly/process", "mayfly/kvm", "runc",
                                        "runsc",          "process",    "http-server"};
    size_t bytes = strcspn(subject, ":");
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i]) == bytes && strncmp(known[i], subject, bytes) == 0)
            return i;
    return sizeof known / sizeof known[0]; /* a peer */
}

enum svg_stroke plot_stroke(const char *subject)
{
    const char *isolation = strchr(subject, ':');
    if (!isolation)
        return SVG_SOLID;
    return strcmp(isolation, ":reuse") == 0 ? SVG_DASHED : SVG_DOTTED;
}

static int by_x(const void *left, const void *right)
{
    const struct point *a = left, *b = right;
    return a->x < b->x ? -1 : a->x > b->x;
}

void plot_series(const json_t *rows, const char *bench, const char *subject, const char *metric,
                 double scale, bool spread, struct series *series)
{
    size_t metric_bytes = strlen(metric);
    *series = (struct series){.colour = plot_colour(subject), .stroke = plot_stroke(subject)};
    (void)snprintf(series->name, sizeof series->name, "%s", subject);
    for (size_t i = 0; i < row_count(rows) && series->count < CHART_POINTS_MAX; i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = text_of(row, "metric");
        if (strcmp(text_of(row, "bench"), bench) != 0 ||
            strcmp(text_of(row, "subject"), subject) != 0 ||
            strncmp(name, metric, metric_bytes) != 0 || name[metric_bytes] != '@')
            continue;
        double y = plot_value(row, "p50") * scale;
        series->point[series->count++] = (struct point){
            .x = strtod(name + metric_bytes + 1, NULL),
            .y = y,
            .low = spread ? plot_value(row, "min") * scale : y,
            .high = spread ? plot_value(row, "max") * scale : y,
        };
    }
    qsort(series->point, series->count, sizeof series->point[0], by_x);
}

void plot_paper(struct line_chart *chart, double x,
                double (*value)(const struct paper_figure *figure))
{
    for (size_t i = 0; i < paper_figure_count && chart->count < CHART_SERIES_MAX; i++) {
        double y = value(&paper_figures[i]);
        struct series *series = &chart->series[chart->count++];
        *series = (struct series){.colour = paper_figures[i].colour,
                                  .theirs = true,
                                  .count = 1,
                                  .point = {{.x = x, .y = y, .low = y, .high = y}}};
        (void)snprintf(series->name, sizeof series->name, "%s", paper_figures[i].name);
    }
}

void plot_add_row(struct panel *panel, const char *name, unsigned colour, double value, double low,
                  double high, const char *unit)
{
    char number[AXIS_LABEL_BYTES];
    if (panel->count == CHART_SERIES_MAX || !isfinite(value))
        return;
    struct row *row = &panel->row[panel->count++];
    *row = (struct row){.colour = colour, .value = value, .low = low, .high = high};
    axis_number(value, number);
    (void)snprintf(row->name, sizeof row->name, "%s", name);
    (void)snprintf(row->text, sizeof row->text, "%s%s%s", number, unit[0] ? " " : "", unit);
}
