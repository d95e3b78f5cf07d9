/* report.c: rows as JSON objects. */
#include "bench/report.h"

#include <math.h>

static const char *const unit_name[] = {
#define NAME(NAME_, unit) [UNIT_##NAME_] = unit,
    REPORT_UNITS(NAME)
#undef NAME
};

/* Three digits behind the point are more than any of our clocks is worth. */
static double rounded(double value)
{
    return round(value * 1000) / 1000;
}

mf_err report_add(struct report *report, const char *bench, const char *subject,
                  const char *metric, enum report_unit unit, struct samples *samples, json_t **row)
{
    if (!report->rows && !(report->rows = json_array()))
        return MF_ENOMEM;
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f, s:f}", "bench", bench, "subject", subject,
        "metric", metric, "unit", unit_name[unit], "n", (json_int_t)samples->count, "p50",
        rounded(samples_percentile(samples, 50)), "p99", rounded(samples_percentile(samples, 99)),
        "min", rounded(samples_min(samples)), "max", rounded(samples_max(samples)));
    if (!object || json_array_append_new(report->rows, object) != 0)
        return MF_ENOMEM;
    if (row)
        *row = object;
    return MF_OK;
}

mf_err report_add_one(struct report *report, const char *bench, const char *subject,
                      const char *metric, enum report_unit unit, double value)
{
    struct samples samples = {0};
    mf_err err = samples_add(&samples, value);
    if (!err)
        err = report_add(report, bench, subject, metric, unit, &samples, NULL);
    samples_close(&samples);
    return err;
}

void report_close(struct report *report)
{
    json_decref(report->rows);
    report->rows = NULL;
}
