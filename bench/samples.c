/* samples.c: a growing array; sorted when first asked. */
#include "bench/samples.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 256u

mf_err samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->room) {
        size_t room = samples->room ? samples->room * 2 : ROOM_FIRST;
        double *grown = realloc(samples->value, room * sizeof *grown);
        if (!grown)
            return MF_ENOMEM;
        samples->value = grown;
        samples->room = room;
    }
    samples->value[samples->count++] = value;
    samples->sorted = false;
    return MF_OK;
}

mf_err samples_add_all(struct samples *samples, const struct samples *more)
{
    mf_err err = MF_OK;
    for (size_t i = 0; i < more->count && !err; i++)
        err = samples_add(samples, more->value[i]);
    return err;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double samples_percentile(struct samples *samples, double percent)
{
    mf_assert(samples->count > 0);
    mf_assert(percent > 0 && percent <= 100);
    if (!samples->sorted)
        qsort(samples->value, samples->count, sizeof samples->value[0], by_value);
    samples->sorted = true;
    size_t rank = (size_t)ceil(percent / 100 * (double)samples->count);
    return samples->value[rank > 0 ? rank - 1 : 0];
}

double samples_min(struct samples *samples)
{
    (void)samples_percentile(samples, 100);
    return samples->value[0];
}

double samples_max(struct samples *samples)
{
    return samples_percentile(samples, 100);
}

void samples_close(struct samples *samples)
{
    free(samples->value);
    *samples = (struct samples){0};
}

mf_err slope(const double *x, const double *y, size_t count, double *result)
{
    mf_assert(count > 1);
    struct samples pairs = {0};
    mf_err err = MF_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && !err; j++) {
            mf_assert(x[j] > x[i]);
            err = samples_add(&pairs, (y[j] - y[i]) / (x[j] - x[i]));
        }
    if (!err)
        *result = samples_percentile(&pairs, 50);
    samples_close(&pairs);
    return err;
}
