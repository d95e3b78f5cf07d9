/*
 * samples.h: every value measured, kept; percentiles by nearest rank (the value
 * below or at which p percent of the samples lie; no interpolation, no buckets).
 * One owner, one thread.
 */
#ifndef MF_BENCH_SAMPLES_H
#define MF_BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Zero-initialised means empty. */
struct samples {
    double *value;
    size_t count;
    size_t room;
    bool sorted;
};

MF_CHECKED mf_err samples_add(struct samples *samples, double value);
MF_CHECKED mf_err samples_add_all(struct samples *samples, const struct samples *more);

/* Of at least one sample. percent in (0, 100]. Sorts. */
double samples_percentile(struct samples *samples, double percent);
double samples_min(struct samples *samples);
double samples_max(struct samples *samples);

void samples_close(struct samples *samples);

/* By how much y grows when x grows by one: the median over all pairs of points (Theil and
 * Sen), which a few points that something else disturbed do not move. x ascends. */
MF_CHECKED mf_err slope(const double *x, const double *y, size_t count, double *result);

#endif
