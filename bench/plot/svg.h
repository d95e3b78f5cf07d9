/*
 * svg.h: writes SVG 1.1, and no more of it than our pictures need. Colours are classes of one
 * style sheet with a light and a dark half (prefers-color-scheme), on a background of their
 * own; no scripts, no references to anything outside. One owner, one thread.
 */
#ifndef MF_BENCH_PLOT_SVG_H
#define MF_BENCH_PLOT_SVG_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Colours of series; more start again. */
#define SVG_COLOURS 9u

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* How a series is drawn, beside its colour. */
enum svg_stroke { SVG_SOLID, SVG_DASHED, SVG_DOTTED };

/* The first failure sticks; svg_close() tells it. */
struct svg {
    struct mf_buf text;
    mf_err err;
};

/* title: for readers of the picture's source and for screens that read aloud. */
void svg_open(struct svg *svg, double width, double height, const char *title);

/* Write the picture to path, whole or not at all; frees it in any case. */
MF_CHECKED mf_err svg_close(struct svg *svg, const char *path, struct mf_why *why);

/* A class is one of the style sheet in svg.c: "grid", "axis", "muted", "title"… */
void svg_line(struct svg *svg, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(struct svg *svg, const char *class, double x, double y, double width, double height);
void svg_text(struct svg *svg, const char *class, enum svg_anchor anchor, double x, double y,
              const char *text);
/* Text that reads upwards. */
void svg_text_up(struct svg *svg, const char *class, double x, double y, const char *text);

/* Of a series, by its colour. */
void svg_mark(struct svg *svg, unsigned colour, bool hollow, double x, double y);
void svg_bar(struct svg *svg, unsigned colour, double x, double y, double width, double height);
void svg_whisker(struct svg *svg, unsigned colour, double x1, double y1, double x2, double y2);
/* A path: begin, its points, end. */
void svg_path_begin(struct svg *svg, unsigned colour, enum svg_stroke stroke);
void svg_path_point(struct svg *svg, bool first, double x, double y);
void svg_path_end(struct svg *svg);

#endif
