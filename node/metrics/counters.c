/*
 * counters.c: histograms and counters of one function.
 * Guarantees: a label's set of values is bounded, whatever a guest or client does.
 * Owns the rows of statuses. Loop thread only.
 */
#include "node/metrics/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUSES_PER_CLASS 100

static const double bound_s[DURATION_BUCKET_COUNT] = {
#define BOUND(bound) bound,
    DURATION_BUCKETS(BOUND)
#undef BOUND
};

double histogram_bound_s(unsigned bucket)
{
    return bound_s[bucket];
}

void histogram_add(struct histogram *histogram, uint64_t duration_ns)
{
    double duration_s = (double)duration_ns / 1e9;
    histogram->count++;
    histogram->sum_ns += duration_ns;
    for (unsigned i = 0; i < DURATION_BUCKET_COUNT; i++) {
        if (duration_s <= bound_s[i]) {
            histogram->bucket[i]++;
            return;
        }
    }
}

void function_counters_close(struct function_counters *counters)
{
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        free(counters->by_status[i]);
    free(counters->faults);
    memset(counters, 0, sizeof *counters);
}

void count_answer(struct function_counters *counters, uint32_t status, uint64_t duration_ns)
{
    uint32_t class = status / STATUSES_PER_CLASS;
    histogram_add(&counters->duration, duration_ns);
    if (class >= STATUS_CLASSES)
        return;
    if (!counters->by_status[class])
        counters->by_status[class] = calloc(STATUSES_PER_CLASS, sizeof(uint64_t));
    if (counters->by_status[class])
        counters->by_status[class][status % STATUSES_PER_CLASS]++;
}

uint64_t count_of_status(const struct function_counters *counters, uint32_t status)
{
    uint32_t class = status / STATUSES_PER_CLASS;
    if (class >= STATUS_CLASSES || !counters->by_status[class])
        return 0;
    return counters->by_status[class][status % STATUSES_PER_CLASS];
}

uint64_t count_of_answers(const struct function_counters *counters)
{
    return counters->duration.count;
}

void count_rollback(struct function_counters *counters, uint64_t took_ns, uint32_t pages)
{
    histogram_add(&counters->reset, took_ns);
    counters->reset_pages += pages;
}

void count_fault(struct function_counters *counters, const char *cause)
{
    if (!counters->faults)
        counters->faults = calloc(FAULT_CAUSES_MAX, sizeof(struct fault_count));
    for (unsigned i = 0; counters->faults && i < FAULT_CAUSES_MAX; i++) {
        struct fault_count *fault = &counters->faults[i];
        if (!fault->cause[0])
            (void)snprintf(fault->cause, sizeof fault->cause, "%s",
                           i + 1 < FAULT_CAUSES_MAX ? cause : "other");
        if (i + 1 == FAULT_CAUSES_MAX || strncmp(fault->cause, cause, sizeof fault->cause - 1) == 0) {
            fault->count++;
            return;
        }
    }
}

const struct fault_count *count_of_fault(const struct function_counters *counters, unsigned index)
{
    return counters->faults && index < FAULT_CAUSES_MAX && counters->faults[index].cause[0]
               ? &counters->faults[index]
               : NULL;
}
