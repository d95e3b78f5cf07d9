/* chart_lines.c: frame, grid and legend, then series from the first to the last. */
#include "bench/plot/chart.h"

#include <math.h>

#define HEIGHT 520.0
#define LEFT 96.0
#define RIGHT 240.0 /* the legend */
#define TOP 74.0
#define BOTTOM 62.0
#define LEGEND_LINE 22.0
#define LEGEND_SWATCH 26.0
#define X_APART 46.0
#define Y_APART 17.0

struct frame {
    struct axis x, y;
    double left, right, top, bottom;
};

static bool drawable(const struct point *point, bool x_log, bool y_log)
{
    return isfinite(point->x) && isfinite(point->y) && (!x_log || point->x > 0) &&
           (!y_log || point->y > 0);
}

static void widen(double value, bool log, double *low, double *high)
{
    if (!isfinite(value) || (log && value <= 0))
        return;
    *low = value < *low ? value : *low;
    *high = value > *high ? value : *high;
}

static struct frame fit(const struct line_chart *chart)
{
    struct frame frame = {.left = LEFT, .right = CHART_WIDTH - RIGHT, .top = TOP,
                          .bottom = HEIGHT - BOTTOM};
    double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++) {
            const struct point *point = &chart->series[s].point[i];
            if (!drawable(point, chart->x_log, chart->y_log))
                continue;
            widen(point->x, chart->x_log, &x_low, &x_high);
            widen(point->low, chart->y_log, &y_low, &y_high);
            widen(point->high, chart->y_log, &y_low, &y_high);
        }
    frame.x = axis_around(chart->x_log, x_low, x_high, frame.left, frame.right);
    frame.y = axis_around(chart->y_log, y_low, y_high, frame.bottom, frame.top);
    return frame;
}

static void draw_frame(struct svg *svg, const struct line_chart *chart, const struct frame *frame)
{
    struct tick ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&frame->x, X_APART, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = axis_at(&frame->x, ticks[i].value);
        svg_line(svg, ticks[i].major ? "grid" : "fine", x, frame->top, x, frame->bottom);
        if (ticks[i].major)
            svg_text(svg, "muted", SVG_MIDDLE, x, frame->bottom + 20, ticks[i].label);
    }
    count = axis_ticks(&frame->y, Y_APART, ticks);
    for (size_t i = 0; i < count; i++) {
        double y = axis_at(&frame->y, ticks[i].value);
        svg_line(svg, ticks[i].major ? "grid" : "fine", frame->left, y, frame->right, y);
        if (ticks[i].major)
            svg_text(svg, "muted", SVG_END, frame->left - 8, y + 4.5, ticks[i].label);
    }
    svg_rect(svg, "frame", frame->left, frame->top, frame->right - frame->left,
             frame->bottom - frame->top);
    svg_text(svg, "title", SVG_START, 20, 30, chart->title);
    svg_text(svg, "muted", SVG_START, 20, 52, chart->subtitle);
    svg_text(svg, "muted", SVG_MIDDLE, (frame->left + frame->right) / 2, frame->bottom + 44,
             chart->x_label);
    svg_text_up(svg, "muted", 28, (frame->top + frame->bottom) / 2, chart->y_label);
}

static void draw_series(struct svg *svg, const struct line_chart *chart, const struct frame *frame,
                        const struct series *series)
{
    bool first = true;
    for (size_t i = 0; i < series->count; i++) {
        const struct point *point = &series->point[i];
        if (series->theirs || !drawable(point, chart->x_log, chart->y_log))
            continue;
        if (first)
            svg_path_begin(svg, series->colour, series->stroke);
        svg_path_point(svg, first, axis_at(&frame->x, point->x), axis_at(&frame->y, point->y));
        first = false;
    }
    if (!first)
        svg_path_end(svg);
    for (size_t i = 0; i < series->count; i++) {
        const struct point *point = &series->point[i];
        if (!drawable(point, chart->x_log, chart->y_log))
            continue;
        double x = axis_at(&frame->x, point->x);
        if (point->low < point->high)
            svg_whisker(svg, series->colour, x, axis_at(&frame->y, point->low), x,
                        axis_at(&frame->y, point->high));
        if (series->theirs || series->stroke == SVG_SOLID)
            svg_mark(svg, series->colour, series->theirs, x, axis_at(&frame->y, point->y));
    }
}

static double draw_legend_line(struct svg *svg, const struct series *series, double x, double y)
{
    if (series->theirs) {
        svg_mark(svg, series->colour, true, x + LEGEND_SWATCH / 2, y - 4.5);
    } else {
        svg_path_begin(svg, series->colour, series->stroke);
        svg_path_point(svg, true, x, y - 4.5);
        svg_path_point(svg, false, x + LEGEND_SWATCH, y - 4.5);
        svg_path_end(svg);
        if (series->stroke == SVG_SOLID)
            svg_mark(svg, series->colour, false, x + LEGEND_SWATCH / 2, y - 4.5);
    }
    svg_text(svg, "", SVG_START, x + LEGEND_SWATCH + 8, y, series->name);
    return y + LEGEND_LINE;
}

static void draw_legend(struct svg *svg, const struct line_chart *chart, const struct frame *frame)
{
    double x = frame->right + 22, y = frame->top + 12;
    svg_text(svg, "head", SVG_START, x, y, "measured here");
    y += LEGEND_LINE;
    for (size_t s = 0; s < chart->count; s++)
        if (!chart->series[s].theirs && chart->series[s].name[0])
            y = draw_legend_line(svg, &chart->series[s], x, y);
    if (!chart->note)
        return;
    y += LEGEND_LINE / 2;
    svg_text(svg, "head", SVG_START, x, y, "theirs, another machine");
    svg_text(svg, "small", SVG_START, x, y + 18, chart->note);
    svg_text(svg, "small", SVG_START, x, y + 34, chart->note_more);
    y += LEGEND_LINE + 36;
    for (size_t s = 0; s < chart->count; s++)
        if (chart->series[s].theirs)
            y = draw_legend_line(svg, &chart->series[s], x, y);
}

mf_err chart_lines(const struct line_chart *chart, const char *path, struct mf_why *why)
{
    struct svg svg;
    struct frame frame = fit(chart);
    svg_open(&svg, CHART_WIDTH, HEIGHT, chart->title);
    draw_frame(&svg, chart, &frame);
    for (size_t s = chart->count; s-- > 0;)
        draw_series(&svg, chart, &frame, &chart->series[s]);
    draw_legend(&svg, chart, &frame);
    return svg_close(&svg, path, why);
}
