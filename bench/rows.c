/* rows.c: rows as JSON objects. */
#include "bench/rows.h"

#include <math.h>

static const char *const unit_name[] = {
#define NAME(NAME_, unit) [UNIT_##NAME_] = unit,
    ROW_UNITS(NAME)
#undef NAME
};

/* Three digits behind the point are more than any of our clocks is worth. */
static double rounded(double value)
{
    return round(value * 1000) / 1000;
}

mf_err rows_add(struct rows *rows, const char *bench, const char *subject, const char *metric,
                enum row_unit unit, struct samples *samples, json_t **row)
{
    if (!rows->array && !(rows->array = json_array()))
        return MF_ENOMEM;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f}", "bench", bench, "subject", subject,
        "metric", metric, "unit", unit_name[unit], "n", (json_int_t)samples->count, "p50",
        rounded(samples_percentile(samples, 50)), "p99", rounded(samples_percentile(samples, 99)),
        "min", rounded(samples_min(samples)), "max", rounded(samples_max(samples)));
    if (!object || json_array_append_new(rows->array, object) != 0)
        return MF_ENOMEM;
    if (row)
        *row = object;
    return MF_OK;
}

mf_err rows_add_one(struct rows *rows, const char *bench, const char *subject,
                    const char *metric, enum row_unit unit, double value)
{
    struct samples samples = {0};
    mf_err err = samples_add(&samples, value);
    if (!err)
        err = rows_add(rows, bench, subject, metric, unit, &samples, NULL);
    samples_close(&samples);
    return err;
}

void rows_close(struct rows *rows)
{
    json_decref(rows->array);
    rows->array = NULL;
}
