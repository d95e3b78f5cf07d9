/* test_trace.c: traces read, and replayed against what a hand computes. Times in seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/trace.h"
#include "bench/trace_held.h"
#include "bench/trace_line.h"
#include "bench/trace_replay.h"

#define S MF_NS_PER_S
#define HEAD TRACE_HEADER "\n"

static void seconds_are_taken_as_a_double_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        {"0", 0},
        {"12", 12 * S},
        {"12.", 12 * S},
        {".5", S / 2},
        {"12.345678901", 12345678901},
        {"12.3456789019999", 12345678901},
        {"79.10599994659424", 79105999946},
        {"9.5367431640625e-07", 953},
        {"1e3", 1000 * S},
        {"1.5E+3", 1500 * S},
        {"0.0000000000000000000000001", 0},
        {"0e400", 0},
        {"4611686018", 4611686018 * S},
        {"000000000000000000000000000000000000001", S},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t ns = 1;
        if (!trace_seconds(good[i].text, strlen(good[i].text), &ns) || ns != good[i].ns)
            fail_msg("%s: %llu", good[i].text, (unsigned long long)ns);
    }
    static const char *const bad[] = {
        "", ".", "-1", "+1", " 1", "1 ", "1.2.3", "1e", "1e+", "1e5x", "e5", "nan", "inf", "0x10",
        "1,5", "4611686019", "1e18", "1e401", "99999999999999999999999999999999", "1e99999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t ns;
        if (trace_seconds(bad[i], strlen(bad[i]), &ns))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static mf_err read_in_pieces(struct trace *trace, const char *text, size_t piece, struct mf_why *why)
{
    size_t bytes = strlen(text);
    mf_err err = MF_OK;
    *trace = (struct trace){0};
    for (size_t at = 0; at < bytes && !err; at += piece)
        err = trace_feed(trace, text + at, bytes - at < piece ? bytes - at : piece, why);
    return err ? err : trace_end(trace, why);
}

static void calls_are_in_the_order_of_their_beginning(void **state)
{
    (void)state;
    static const char text[] = HEAD "a,f,10,8\n"   /* began at 2          */
                                    "b,f,11.5,1\n" /* at 10.5             */
                                    "a,f,12,15\r\n" /* at -3: the first    */
                                    "a,g,12,0";    /* at 12; no newline   */
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct trace trace;
        struct mf_why why = {{0}};
        assert_int_equal(read_in_pieces(&trace, text, piece, &why), MF_OK);
        assert_int_equal(trace.count, 4);
        assert_int_equal(trace.functions.count, 3);
        assert_int_equal(trace.apps.count, 2);
        static const struct trace_event expect[] = {
            {0, 15 * S, 0}, {5 * S, 8 * S, 0}, {13 * S + S / 2, S, 1}, {15 * S, 0, 2}};
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(trace.event[i].start_ns, expect[i].start_ns);
            assert_int_equal(trace.event[i].duration_ns, expect[i].duration_ns);
            assert_int_equal(trace.event[i].function, expect[i].function);
        }
        assert_int_equal(trace.app_of[0], trace.app_of[2]);
        assert_int_not_equal(trace.app_of[0], trace.app_of[1]);
        assert_int_equal(trace.span_ns, 15 * S);
        trace_close(&trace);
    }
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"", "no calls in it"},
        {HEAD, "no calls in it"},
        {"a,f,1,1\n", "line 1: not the header"},
        {"app,func,end_timestamp,duration,more\n", "line 1: not the header"},
        {"\n", "line 1: not the header"},
        {HEAD "a,f,1,1\n\n", "line 3: 1 fields; four belong there: app,func"},
        {HEAD "a,f,1\n", "line 2: 3 fields"},
        {HEAD "a,f,1,1,1\n", "line 2: 5 fields"},
        {HEAD ",f,1,1\n", "line 2: app: 1 to 128 printable characters"},
        {HEAD "a,,1,1\n", "line 2: func: 1 to 128"},
        {HEAD "a b,f,1,1\n", "line 2: app: "},
        {HEAD "a\033[2J,f,1,1\n", "line 2: app: "},
        {HEAD "a,f,1,1\na,f,x,1\n", "line 3: end_timestamp: seconds belong there"},
        {HEAD "a,f,1,-1\n", "line 2: duration: seconds belong there, as 12.5, not negative"},
        {HEAD "a,f,1,", "line 2: duration: "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct trace trace;
        struct mf_why why = {{0}};
        mf_err err = read_in_pieces(&trace, bad[i].text, 5, &why);
        if (err != MF_EINVAL || !strstr(why.text, bad[i].sentence))
            fail_msg("%s: %d \"%s\", expected \"%s\"", bad[i].text, err, why.text, bad[i].sentence);
        trace_close(&trace);
    }
}

static void lines_and_names_are_bounded(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        char text[1200] = HEAD;
        struct trace trace;
        struct mf_why why = {{0}};
        memset(text + strlen(text), 'a', 128 + more);
        strcat(text, ",f,1,1\n");
        assert_int_equal(read_in_pieces(&trace, text, 100, &why), more ? MF_EINVAL : MF_OK);
        trace_close(&trace);
        /* A line as long as one may be, filled up with zeros, and one byte more. */
        strcpy(text, HEAD "a,f,1,");
        memset(text + strlen(text), '0', MF_TRACE_LINE_BYTES_MAX - 6 + more);
        assert_int_equal(read_in_pieces(&trace, text, 100, &why), more ? MF_EINVAL : MF_OK);
        if (more)
            assert_non_null(strstr(why.text, "line 2: more than 512 bytes"));
        trace_close(&trace);
    }
}

static void calls_and_functions_are_bounded(void **state)
{
    (void)state;
    struct trace trace = {0};
    struct mf_why why = {{0}};
    char text[32];
    assert_int_equal(trace_feed(&trace, HEAD, sizeof HEAD - 1, &why), MF_OK);
    for (unsigned i = 0; i <= MF_TRACE_FUNCTIONS_MAX; i++) {
        int bytes = snprintf(text, sizeof text, "a,f%u,1,1\n", i);
        mf_err err = trace_feed(&trace, text, (size_t)bytes, &why);
        assert_int_equal(err, i < MF_TRACE_FUNCTIONS_MAX ? MF_OK : MF_ETOOBIG);
    }
    assert_non_null(strstr(why.text, "line 131074: too many; 4194304 calls of 131072 functions"));
    for (size_t i = trace.count; i <= MF_TRACE_EVENTS_MAX; i++) {
        mf_err err = trace_feed(&trace, "a,f1,1,1\n", 9, &why);
        if (err != (i < MF_TRACE_EVENTS_MAX ? MF_OK : MF_ETOOBIG))
            fail_msg("call %zu: %d", i, err);
    }
    trace_close(&trace);
}

static void many_functions_keep_their_numbers(void **state)
{
    (void)state;
    struct names names = {0};
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < 5000; i++) {
            char name[16];
            uint32_t number;
            int bytes = snprintf(name, sizeof name, "f%u", i);
            assert_int_equal(names_number(&names, name, (size_t)bytes, 5000, &number), MF_OK);
            assert_int_equal(number, i);
        }
    uint32_t number;
    assert_int_equal(names_number(&names, "g", 1, 5000, &number), MF_ETOOBIG);
    names_close(&names);
}

static void load_says_which_file(void **state)
{
    (void)state;
    struct trace trace;
    struct mf_why why = {{0}};
    char path[] = "/tmp/test-trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, HEAD "a,f,1,1\n", sizeof HEAD - 1 + 8), sizeof HEAD - 1 + 8);
    assert_int_equal(trace_load(path, &trace, &why), MF_OK);
    assert_int_equal(trace.count, 1);
    trace_close(&trace);
    assert_int_equal(write(fd, "a,f\n", 4), 4);
    assert_int_equal(trace_load(path, &trace, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, path));
    assert_non_null(strstr(why.text, "line 3: 2 fields"));
    close(fd);
    unlink(path);
    assert_int_equal(trace_load(path, &trace, &why), MF_ENOENT);
    assert_int_equal(trace_load("/tmp", &trace, &why), MF_EIO);
}

static void a_stack_gives_the_last_and_what_is_due(void **state)
{
    (void)state;
    struct held stack = {0};
    struct holding item;
    static const uint64_t until_ns[] = {30, 10, 20, 40};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(held_push(&stack, (struct holding){.until_ns = until_ns[i]}), MF_OK);
    assert_false(held_take_due(&stack, 9, &item));
    assert_true(held_take_due(&stack, 15, &item));
    assert_int_equal(item.until_ns, 10);
    assert_false(held_take_due(&stack, 15, &item));
    assert_true(held_pop_last(&stack, &item));
    assert_int_equal(item.until_ns, 40);
    assert_true(held_take_due(&stack, 30, &item));
    assert_int_equal(item.until_ns, 20);
    assert_true(held_take_due(&stack, 30, &item));
    assert_int_equal(item.until_ns, 30);
    assert_false(held_take_due(&stack, 100, &item));
    assert_false(held_pop_last(&stack, &item));
    held_close(&stack);
}

static void a_heap_gives_the_earliest(void **state)
{
    (void)state;
    struct held heap = {0};
    assert_true(held_first_ns(&heap) == UINT64_MAX);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(held_insert(&heap, (struct holding){.until_ns = i * 7919 % 1000}), MF_OK);
    for (uint64_t i = 0; i < 1000; i++) {
        assert_int_equal(held_first_ns(&heap), i);
        assert_int_equal(held_pop_first(&heap).until_ns, i);
    }
    held_close(&heap);
}

/* ---- replays ---- */

static mf_err no_tick(void *context)
{
    ++*(unsigned *)context;
    return MF_OK;
}

static struct replay_result replay(const char *text, struct replay_policy policy)
{
    struct trace trace;
    struct replay_result result;
    unsigned ticks = 0;
    assert_int_equal(read_in_pieces(&trace, text, 4096, NULL), MF_OK);
    assert_int_equal(trace_replay(&trace, &policy, no_tick, &ticks, &result), MF_OK);
    assert_int_equal(ticks, 1);
    assert_int_equal(result.calls, trace.count);
    trace_close(&trace);
    return result;
}

static struct replay_policy keep(enum keep_alive kind, uint64_t seconds)
{
    return (struct replay_policy){.keep = {kind, seconds * S, 0}, .start_ns = MF_NS_PER_MS};
}

static void expect(struct replay_result result, uint64_t cold, uint64_t prewarms, uint64_t wakeups,
                   double instance_s)
{
    assert_int_equal(result.cold_starts, cold);
    assert_int_equal(result.prewarms, prewarms);
    assert_int_equal(result.wakeups, wakeups);
    assert_true(result.instance_s > instance_s - 1e-6 && result.instance_s < instance_s + 1e-6);
}

/* Calls at 0, 30 and 200, each of 1 s; the trace ends at 201. */
static void none_and_fixed_cost_what_they_should(void **state)
{
    (void)state;
    static const char text[] = HEAD "a,f,1,1\na,f,31,1\na,f,201,1\n";
    /* None: three starts, a refill each; 1 s each. */
    expect(replay(text, keep(KEEP_ALIVE_NONE, 0)), 3, 0, 3, 3);
    /* 60 s: there from 0 to 31 + 60, and from 200 on. Two starts, one unload. */
    expect(replay(text, keep(KEEP_ALIVE_FIXED, 60)), 2, 0, 3, 91 + 1);
    /* 1000 s: one start, all the time. */
    expect(replay(text, keep(KEEP_ALIVE_FIXED, 1000)), 1, 0, 1, 201);
    /* 29 s: due as the second call comes: unloaded. */
    expect(replay(text, keep(KEEP_ALIVE_FIXED, 29)), 3, 0, 3 + 2, 30 + 30 + 1);
}

/* Three at once, each of 10 s; a fourth after them. The one used last takes it. */
static void overlapping_calls_have_an_instance_each(void **state)
{
    (void)state;
    static const char text[] = HEAD "a,f,10,10\na,f,11,10\na,f,12,10\na,f,30,10\n";
    /* Idle from 10, 11, 12 on; the last works from 20 to 30. With 15 s the first two go at
     * 25 and 26: loaded 0 to 25, 1 to 26, 2 to 30. Three starts, two unloads. */
    expect(replay(text, keep(KEEP_ALIVE_FIXED, 15)), 3, 0, 3 + 2, 25 + 25 + 28);
}

/* Every 601 s a call of 1 s, 20 of them: 600 s idle each time. The first five idle times
 * (calls 2 to 6) meet the fall-back of 60 s: cold. From call 6's end on a pattern is known:
 * unloaded at once, pre-warmed after 540 s, kept until 726: call 7 to 20 are warm. */
static void hybrid_prewarms_what_is_periodic(void **state)
{
    (void)state;
    char text[1024] = HEAD;
    for (int i = 0; i < 20; i++)
        (void)snprintf(text + strlen(text), 32, "a,f,%d,1\n", 601 * i + 1);
    /* Starts: 6 cold and 14 ahead, a refill each; 5 unloads after 60 s, 14 pre-warm timers.
     * There: 5 times 1 + 60 s, once 1 s, then 14 times 60 + 1 s. */
    expect(replay(text, keep(KEEP_ALIVE_HYBRID, 60)), 6, 14, 20 + 5 + 14, 5 * 61 + 1 + 14 * 61);
    /* The same by the clock of a fixed time long enough: always there. */
    expect(replay(text, keep(KEEP_ALIVE_FIXED, 600 + 1)), 1, 0, 1, 601 * 19 + 1);
}

/* A call of 1000 s, and nine short ones while it runs, 100 s apart: the function is never
 * idle, so nothing is learned and an instance is kept for 10 s: every short call is cold. */
static void gaps_while_another_call_runs_are_no_idle_times(void **state)
{
    (void)state;
    char text[1024] = HEAD "a,f,1000,1000\n";
    for (int i = 1; i < 10; i++)
        (void)snprintf(text + strlen(text), 32, "a,f,%d,1\n", 100 * i + 1);
    expect(replay(text, keep(KEEP_ALIVE_HYBRID, 10)), 10, 0, 10 + 9, 1000 + 9 * 11);
}

/* f, and 10 ms after its end g, of the same application; an hour apart; `none` else. */
static void next_steps_are_started_while_the_one_before_runs(void **state)
{
    (void)state;
    char text[2048] = HEAD;
    for (int i = 0; i < 10; i++)
        (void)snprintf(text + strlen(text), 128, "a,f,%d.5,0.5\na,g,%d.52,0.01\n", 3600 * i,
                       3600 * i);
    struct replay_policy policy = keep(KEEP_ALIVE_NONE, 0);
    expect(replay(text, policy), 20, 0, 20, 10 * 0.51);
    /* Known after four calls of f: g is ahead in calls 5 to 10. It is started as f begins,
     * 0.51 s before its call, at once: no timer but the refill. */
    policy.next_step = true;
    expect(replay(text, policy), 14, 6, 20, 10 * 0.51 + 6 * 0.51);
    /* What follows in another application is nobody's next step. */
    for (char *at = text; (at = strstr(at, "a,g")) != NULL;)
        *at = 'b';
    expect(replay(text, policy), 20, 0, 20, 10 * 0.51);
}

static mf_err stop_at_once(void *context)
{
    (void)context;
    return MF_EAGAIN;
}

static void a_replay_ends_when_it_is_told_to(void **state)
{
    (void)state;
    struct trace trace;
    struct replay_result result;
    struct replay_policy policy = keep(KEEP_ALIVE_FIXED, 60);
    assert_int_equal(read_in_pieces(&trace, HEAD "a,f,1,1\na,f,2,1\n", 10, NULL), MF_OK);
    assert_int_equal(trace_replay(&trace, &policy, stop_at_once, NULL, &result), MF_EAGAIN);
    assert_int_equal(result.calls, 1);
    trace_close(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_taken_as_a_double_is_written),
        cmocka_unit_test(calls_are_in_the_order_of_their_beginning),
        cmocka_unit_test(malformed_lines_are_refused_with_their_number),
        cmocka_unit_test(lines_and_names_are_bounded),
        cmocka_unit_test(calls_and_functions_are_bounded),
        cmocka_unit_test(many_functions_keep_their_numbers),
        cmocka_unit_test(load_says_which_file),
        cmocka_unit_test(none_and_fixed_cost_what_they_should),
        cmocka_unit_test(overlapping_calls_have_an_instance_each),
        cmocka_unit_test(hybrid_prewarms_what_is_periodic),
        cmocka_unit_test(a_stack_gives_the_last_and_what_is_due),
        cmocka_unit_test(a_heap_gives_the_earliest),
        cmocka_unit_test(gaps_while_another_call_runs_are_no_idle_times),
        cmocka_unit_test(next_steps_are_started_while_the_one_before_runs),
        cmocka_unit_test(a_replay_ends_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
