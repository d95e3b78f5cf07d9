/*
 * counters.h: what is counted where it happens, without allocation on the way but
 * the first time; metrics.c turns it into text. Loop thread only.
 */
#ifndef MF_NODE_METRICS_COUNTERS_H
#define MF_NODE_METRICS_COUNTERS_H

#include <stdint.h>

/* Upper bounds in seconds of the histograms' buckets; +Inf follows. */
#define DURATION_BUCKETS(X)                                                              \
    X(0.0001) X(0.00025) X(0.0005) X(0.001) X(0.0025) X(0.005) X(0.01) X(0.025) X(0.05) \
    X(0.1) X(0.25) X(0.5) X(1) X(2.5) X(5) X(10) X(30) X(60) X(300)
#define COUNT_ONE(bound) +1
#define DURATION_BUCKET_COUNT (0 DURATION_BUCKETS(COUNT_ONE))

struct histogram {
    uint64_t bucket[DURATION_BUCKET_COUNT]; /* not cumulative */
    uint64_t count;
    uint64_t sum_ns;
};

void histogram_add(struct histogram *histogram, uint64_t duration_ns);
double histogram_bound_s(unsigned bucket);

#define FAULT_CAUSES_MAX 32
#define FAULT_CAUSE_BYTES 32
#define STATUS_CLASSES 6

struct fault_count {
    char cause[FAULT_CAUSE_BYTES];
    uint64_t count;
};

struct function_counters {
    uint64_t started;                         /* calls                                 */
    uint64_t *by_status[STATUS_CLASSES];      /* [class][status % 100]; NULL: none yet */
    struct histogram duration;
    uint64_t cold_starts[3];                  /* by enum mf_sandbox                    */
    struct histogram cold_start;
    uint64_t starts[2];                       /* booted; restored                      */
    uint64_t prepared_pages;                  /* for restored ones, before their event */
    uint64_t ended, faults_taken;             /* instances; page faults of all of them */
    struct histogram reset;                   /* rollbacks, as their monitors say      */
    uint64_t reset_pages;                     /* that they brought back                */
    uint64_t prewarms;                        /* instances started before a call       */
    struct fault_count *faults;               /* FAULT_CAUSES_MAX, the last one gathers the
                                                 rest; NULL: none yet                  */
    uint64_t retired_cpu_ns;                  /* of instances that have ended          */
};

void function_counters_close(struct function_counters *counters);
void count_answer(struct function_counters *counters, uint32_t status, uint64_t duration_ns);
void count_fault(struct function_counters *counters, const char *cause);
void count_rollback(struct function_counters *counters, uint64_t took_ns, uint32_t pages);
/* The count of row number index, and its cause; NULL: there is none. */
const struct fault_count *count_of_fault(const struct function_counters *counters,
                                         unsigned index);
uint64_t count_of_status(const struct function_counters *counters, uint32_t status);
uint64_t count_of_answers(const struct function_counters *counters);

#endif
