/* fuzz_trace.c: a trace as text, in two pieces. What is taken is in order and can be
 * replayed: no instance is there for longer than the trace. */
#include "bench/trace.h"
#include "bench/trace_replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static mf_err go_on(void *context)
{
    (void)context;
    return MF_OK;
}

static void check_replay(const struct trace *trace, enum keep_alive kind)
{
    struct replay_policy policy = {.keep = {kind, 60000000000ull, 0},
                                   .next_step = kind != KEEP_ALIVE_FIXED,
                                   .start_ns = 1000000};
    struct replay_result result;
    mf_assert(trace_replay(trace, &policy, go_on, NULL, &result) == MF_OK);
    mf_assert(result.calls == trace->count && result.cold_starts <= result.calls);
    double starts = (double)(result.cold_starts + result.prewarms);
    mf_assert(result.instance_s >= 0);
    mf_assert(result.instance_s <= starts * ((double)trace->span_ns / 1e9) * 1.000001);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct trace trace;
    struct mf_why why = {{0}};
    size_t half = bytes / 2;
    trace = (struct trace){0};
    mf_err err = trace_feed(&trace, (const char *)data, half, &why);
    if (!err)
        err = trace_feed(&trace, (const char *)data + half, bytes - half, &why);
    if (!err)
        err = trace_end(&trace, &why);
    mf_assert(err == MF_OK || why.text[0]);
    for (size_t i = 0; i < trace.count && !err; i++) {
        mf_assert(trace.event[i].function < trace.functions.count);
        mf_assert(i == 0 || trace.event[i - 1].start_ns <= trace.event[i].start_ns);
        mf_assert(trace.event[i].start_ns + trace.event[i].duration_ns <= trace.span_ns);
    }
    if (!err) {
        check_replay(&trace, KEEP_ALIVE_NONE);
        check_replay(&trace, KEEP_ALIVE_FIXED);
        check_replay(&trace, KEEP_ALIVE_HYBRID);
    }
    trace_close(&trace);
    return 0;
}
