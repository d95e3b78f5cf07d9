/* text.c: see text.h. */
#include "node/metrics/text.h"

#include "node/functions/function.h"

void text_family(struct metrics_text *text, const char *name, const char *type, const char *help)
{
    text_put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void text_histogram(struct metrics_text *text, const char *name, const char *label,
                    const struct function *function, const struct histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < DURATION_BUCKET_COUNT; i++) {
        count += histogram->bucket[i];
        text_put(text, "%s_bucket{%s=\"%s\",le=\"%g\"} %llu\n", name, label, function->name,
                 histogram_bound_s(i), (unsigned long long)count);
    }
    text_put(text, "%s_bucket{%s=\"%s\",le=\"+Inf\"} %llu\n", name, label, function->name,
             (unsigned long long)histogram->count);
    text_put(text, "%s_sum{%s=\"%s\"} %.9f\n", name, label, function->name,
             (double)histogram->sum_ns / 1e9);
    text_put(text, "%s_count{%s=\"%s\"} %llu\n", name, label, function->name,
             (unsigned long long)histogram->count);
}

void text_summary(struct metrics_text *text, const char *name, const struct function *function,
                  uint64_t sum, uint64_t count)
{
    text_put(text, "%s_sum{function=\"%s\"} %llu\n", name, function->name, (unsigned long long)sum);
    text_put(text, "%s_count{function=\"%s\"} %llu\n", name, function->name,
             (unsigned long long)count);
}
