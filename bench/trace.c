/*
 * trace.c: see trace.h.
 * Guarantees: what is not as the format says is refused with its line, nothing is
 * skipped; at most MF_TRACE_EVENTS_MAX events and MF_TRACE_FUNCTIONS_MAX functions.
 * Leaves to others: a line's fields (trace_line.c). Owns everything in struct trace.
 */
#include "bench/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/trace_line.h"

#define EVENTS_FIRST 4096u
#define READ_BYTES 65536u

static mf_err take_line(struct trace *trace, struct mf_why *why);

mf_err trace_feed(struct trace *trace, const char *text, size_t bytes, struct mf_why *why)
{
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        size_t piece = newline ? (size_t)(newline - (text + at)) : bytes - at;
        if (piece > sizeof trace->line - trace->line_bytes)
            return mf_why(why, MF_EINVAL, "line %llu: more than %zu bytes",
                          (unsigned long long)trace->line_number + 1, sizeof trace->line);
        memcpy(trace->line + trace->line_bytes, text + at, piece);
        trace->line_bytes += piece;
        at += piece;
        if (!newline)
            break;
        at++;
        mf_err err = take_line(trace, why);
        if (err)
            return err;
    }
    return MF_OK;
}

static int by_start(const void *a, const void *b)
{
    const struct trace_event *x = a, *y = b;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    return (x->duration_ns > y->duration_ns) - (x->duration_ns < y->duration_ns);
}

mf_err trace_end(struct trace *trace, struct mf_why *why)
{
    mf_err err = trace->line_bytes ? take_line(trace, why) : MF_OK;
    if (err)
        return err;
    if (!trace->count)
        return mf_why(why, MF_EINVAL, "no calls in it; a trace is a line \"" TRACE_HEADER
                      "\" and a line for every call");
    qsort(trace->event, trace->count, sizeof *trace->event, by_start);
    uint64_t first_ns = trace->event[0].start_ns;
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_event *event = &trace->event[i];
        event->start_ns -= first_ns;
        if (event->start_ns + event->duration_ns > trace->span_ns)
            trace->span_ns = event->start_ns + event->duration_ns;
    }
    return MF_OK;
}

mf_err trace_load(const char *path, struct trace *trace, struct mf_why *why)
{
    *trace = (struct trace){0};
    FILE *file = fopen(path, "re");
    if (!file)
        return mf_why(why, mf_err_from_errno(errno), "%s: %s", path, strerror(errno));
    struct mf_why inner = {{0}};
    char *text = malloc(READ_BYTES);
    mf_err err = text ? MF_OK : MF_ENOMEM;
    for (size_t bytes; !err && (bytes = fread(text, 1, READ_BYTES, file)) > 0;)
        err = trace_feed(trace, text, bytes, &inner);
    if (!err && ferror(file))
        err = mf_why(&inner, MF_EIO, "%s", strerror(errno));
    if (!err)
        err = trace_end(trace, &inner);
    free(text);
    (void)fclose(file);
    if (err) {
        trace_close(trace);
        return mf_why(why, err, "%.200s: %.250s", path, mf_why_text(&inner, err));
    }
    return MF_OK;
}

void trace_close(struct trace *trace)
{
    free(trace->event);
    free(trace->app_of);
    names_close(&trace->functions);
    names_close(&trace->apps);
    *trace = (struct trace){0};
}

static mf_err room_for_one(struct trace *trace)
{
    if (trace->count < trace->room)
        return MF_OK;
    size_t room = trace->room ? trace->room * 2 : EVENTS_FIRST;
    struct trace_event *event = realloc(trace->event, room * sizeof *event);
    if (!event)
        return MF_ENOMEM;
    trace->event = event;
    trace->room = room;
    return MF_OK;
}

static mf_err number_names(struct trace *trace, const struct trace_line *line, uint32_t *function)
{
    uint32_t app;
    mf_err err = names_number(&trace->apps, line->app, line->app_bytes, MF_TRACE_FUNCTIONS_MAX, &app);
    if (!err)
        err = names_number(&trace->functions, line->app, line->function_bytes,
                           MF_TRACE_FUNCTIONS_MAX, function);
    if (err)
        return err;
    if (*function >= trace->app_of_room) {
        uint32_t room = trace->app_of_room ? trace->app_of_room * 2 : 256;
        uint32_t *app_of = realloc(trace->app_of, room * sizeof *app_of);
        if (!app_of)
            return MF_ENOMEM;
        trace->app_of = app_of;
        trace->app_of_room = room;
    }
    trace->app_of[*function] = app;
    return MF_OK;
}

static mf_err add_event(struct trace *trace, const struct trace_line *line, struct mf_why *why)
{
    uint32_t function;
    mf_err err = trace->count < MF_TRACE_EVENTS_MAX ? room_for_one(trace) : MF_ETOOBIG;
    if (!err)
        err = number_names(trace, line, &function);
    if (err == MF_ETOOBIG)
        return mf_why(why, err, "too many; %u calls of %u functions are allowed",
                      MF_TRACE_EVENTS_MAX, MF_TRACE_FUNCTIONS_MAX);
    if (err)
        return err;
    /* A call may have begun before the time 0 of its trace: until trace_end() times are
     * counted from TRACE_TIME_NS_MAX before that. */
    trace->event[trace->count++] = (struct trace_event){
        .start_ns = TRACE_TIME_NS_MAX + line->end_ns - line->duration_ns,
        .duration_ns = line->duration_ns,
        .function = function,
    };
    return MF_OK;
}

/* The line that is whole now. */
static mf_err take_line(struct trace *trace, struct mf_why *why)
{
    size_t bytes = trace->line_bytes;
    struct mf_why inner = {{0}};
    struct trace_line line;
    mf_err err = MF_OK;
    trace->line_bytes = 0;
    trace->line_number++;
    if (bytes && trace->line[bytes - 1] == '\r')
        bytes--;
    if (trace->line_number == 1) {
        if (bytes != sizeof TRACE_HEADER - 1 || memcmp(trace->line, TRACE_HEADER, bytes) != 0)
            err = mf_why(&inner, MF_EINVAL, "not the header; a trace begins with " TRACE_HEADER);
    } else {
        err = trace_line_parse(trace->line, bytes, &line, &inner);
        if (!err)
            err = add_event(trace, &line, &inner);
    }
    return err ? mf_why(why, err, "line %llu: %.300s", (unsigned long long)trace->line_number,
                        mf_why_text(&inner, err))
               : MF_OK;
}
