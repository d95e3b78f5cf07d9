/*
 * trace_line.h: one line of a trace in the format of the Azure Functions invocation trace
 * 2021 (github.com/Azure/AzurePublicDataset): a header, then a line for every call, its
 * end and duration in seconds. The text may be hostile. Any thread.
 */
#ifndef MF_BENCH_TRACE_LINE_H
#define MF_BENCH_TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TRACE_HEADER "app,func,end_timestamp,duration"

/* Times up to the year 2116, be they counted from 1970 or from a trace's beginning. */
#define TRACE_TIME_NS_MAX (1ull << 62)

/* Borrowed from the line. */
struct trace_line {
    const char *app;
    size_t app_bytes;
    size_t function_bytes; /* of "app,func", which begins at app */
    uint64_t end_ns;
    uint64_t duration_ns;
};

/* Without its line break. MF_EINVAL says which field is wrong, and how. */
MF_CHECKED mf_err trace_line_parse(const char *text, size_t bytes, struct trace_line *line,
                                   struct mf_why *why);

/* "79.25", "9.5e-07": seconds, not negative, at most TRACE_TIME_NS_MAX; what is finer than
 * a nanosecond is cut off. */
bool trace_seconds(const char *text, size_t bytes, uint64_t *ns);

#endif
