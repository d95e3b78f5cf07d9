/*
 * axis.h: from values to places on a picture, and where ticks belong. Linear and
 * logarithmic. Pure functions.
 */
#ifndef MF_BENCH_PLOT_AXIS_H
#define MF_BENCH_PLOT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define AXIS_TICKS_MAX 64u
#define AXIS_LABEL_BYTES 24u

struct axis {
    bool log;
    double low, high;       /* values; low < high, both > 0 if log */
    double from_px, to_px;  /* where they are                      */
};

struct tick {
    double value;
    bool major; /* has a label */
    char label[AXIS_LABEL_BYTES];
};

/* An axis that holds [low, high], its ends rounded outwards to a tick: linear ones start at
 * zero, logarithmic ones end at 1, 2 or 5 times a power of ten. Values that have no logarithm
 * are taken as none. */
struct axis axis_around(bool log, double low, double high, double from_px, double to_px);

/* Clamped to the axis. */
double axis_at(const struct axis *axis, double value);

/* Ascending; labels at least so many pixels apart. */
size_t axis_ticks(const struct axis *axis, double apart_px, struct tick ticks[AXIS_TICKS_MAX]);

/* "0.25", "1", "12,500": as many digits as a number of this size deserves. */
void axis_number(double value, char text[static AXIS_LABEL_BYTES]);

#endif
