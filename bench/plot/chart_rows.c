/* chart_rows.c: panels below one another, each with its axis. */
#include "bench/plot/chart.h"

#include <math.h>

#define LEFT 236.0 /* names */
#define RIGHT 96.0 /* values */
#define TOP 74.0
#define HEADING 30.0
#define ROW 26.0
#define AXIS 58.0
#define BAR 12.0
#define APART 40.0

static double panel_height(const struct panel *panel)
{
    return HEADING + ROW * (double)panel->count + AXIS;
}

static void widen(const struct panel *panel, double *low, double *high)
{
    for (size_t i = 0; i < panel->count; i++) {
        const double values[] = {panel->row[i].value, panel->row[i].low, panel->row[i].high};
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            if (!isfinite(values[v]) || (panel->log && values[v] <= 0))
                continue;
            *low = values[v] < *low ? values[v] : *low;
            *high = values[v] > *high ? values[v] : *high;
        }
    }
}

static struct axis fit(const struct row_chart *chart, const struct panel *panel)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t p = 0; p < chart->count; p++)
        if (chart->one_axis || &chart->panel[p] == panel)
            widen(&chart->panel[p], &low, &high);
    return axis_around(panel->log, low, high, LEFT, CHART_WIDTH - RIGHT);
}

static void draw_axis(struct svg *svg, const struct panel *panel, const struct axis *axis,
                      double top, double bottom)
{
    struct tick ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(axis, APART, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = axis_at(axis, ticks[i].value);
        svg_line(svg, ticks[i].major ? "grid" : "fine", x, top, x, bottom);
        if (ticks[i].major)
            svg_text(svg, "muted", SVG_MIDDLE, x, bottom + 18, ticks[i].label);
    }
    svg_line(svg, "axis", axis->from_px, bottom, axis->to_px, bottom);
    svg_text(svg, "muted", SVG_MIDDLE, (axis->from_px + axis->to_px) / 2, bottom + 38,
             panel->label);
}

/* A value that a logarithmic axis cannot show has its text at the axis' foot. */
static void draw_row(struct svg *svg, const struct panel *panel, const struct axis *axis,
                     const struct row *row, double y)
{
    bool there = isfinite(row->value) && (!panel->log || row->value > 0);
    double foot = axis->from_px, x = there ? axis_at(axis, row->value) : foot, end = x;
    svg_text(svg, "", SVG_END, foot - 12, y + 4.5, row->name);
    if (there && panel->bars) {
        if (x > foot && panel->theirs)
            svg_whisker(svg, row->colour, foot, y, x, y);
        else if (x > foot)
            svg_bar(svg, row->colour, foot, y - BAR / 2, x - foot, BAR);
    }
    if (there && row->low < row->high) {
        end = axis_at(axis, row->high);
        svg_whisker(svg, row->colour, axis_at(axis, row->low), y, end, y);
    }
    if (there && (!panel->bars || panel->theirs))
        svg_mark(svg, row->colour, panel->theirs, x, y);
    svg_text(svg, "small", SVG_START, (end > x ? end : x) + 10, y + 4.5, row->text);
}

mf_err chart_rows(const struct row_chart *chart, const char *path, struct mf_why *why)
{
    struct svg svg;
    double height = TOP + 6, top = TOP;
    for (size_t p = 0; p < chart->count; p++)
        height += panel_height(&chart->panel[p]);
    svg_open(&svg, CHART_WIDTH, height, chart->title);
    svg_text(&svg, "title", SVG_START, 20, 30, chart->title);
    svg_text(&svg, "muted", SVG_START, 20, 52, chart->subtitle);
    for (size_t p = 0; p < chart->count; p++) {
        const struct panel *panel = &chart->panel[p];
        struct axis axis = fit(chart, panel);
        double first = top + HEADING, bottom = first + ROW * (double)panel->count;
        svg_text(&svg, "head", SVG_START, 20, top + 16, panel->heading);
        draw_axis(&svg, panel, &axis, first, bottom);
        for (size_t i = 0; i < panel->count; i++)
            draw_row(&svg, panel, &axis, &panel->row[i], first + ROW * ((double)i + 0.5));
        top += panel_height(panel);
    }
    return svg_close(&svg, path, why);
}
