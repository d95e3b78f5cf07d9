/*
 * trace.h: a trace of calls, read from text as it comes (a line's worth is held, never
 * the file), into events in the order in which they began. One owner, one thread.
 */
#ifndef MF_BENCH_TRACE_H
#define MF_BENCH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "bench/trace_names.h"

struct trace_event {
    uint64_t start_ns; /* from the first one of the trace */
    uint64_t duration_ns;
    uint32_t function;
};

/* Zero-initialised means empty. */
struct trace {
    struct trace_event *event;
    size_t count, room;
    struct names functions, apps;
    uint32_t *app_of; /* by function                                      */
    uint32_t app_of_room;
    uint64_t span_ns; /* from the first beginning to the last end         */

    char line[MF_TRACE_LINE_BYTES_MAX]; /* what is there of the next one  */
    size_t line_bytes;
    uint64_t line_number;
};

/* More of the text. MF_EINVAL names the line that is malformed; MF_ETOOBIG. */
MF_CHECKED mf_err trace_feed(struct trace *trace, const char *text, size_t bytes,
                             struct mf_why *why);
/* That was all of it: events are sorted, span_ns is set. */
MF_CHECKED mf_err trace_end(struct trace *trace, struct mf_why *why);

/* All of a file; why begins with its name. Closes what it made if it fails. */
MF_CHECKED mf_err trace_load(const char *path, struct trace *trace, struct mf_why *why);
void trace_close(struct trace *trace);

#endif
