/* test_keep_alive.c: keep-alive decisions against what a hand computes. Times in minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/pool/keep_alive.h"

#define MINUTE (60 * MF_NS_PER_S)
#define START (1000 * MF_NS_PER_S)
#define FALLBACK (7 * MF_NS_PER_S)

static const struct keep_alive_policy none = {KEEP_ALIVE_NONE, FALLBACK, 0};
static const struct keep_alive_policy fixed = {KEEP_ALIVE_FIXED, FALLBACK, 0};
static const struct keep_alive_policy hybrid = {KEEP_ALIVE_HYBRID, FALLBACK, 0};

/* Let it be idle for so long, then be called and answer at once. */
static void idle_for(struct keep_alive_history *history, uint64_t *now_ns, uint64_t idle_ns)
{
    keep_alive_idle(history, *now_ns);
    *now_ns += idle_ns;
    keep_alive_event(history, *now_ns);
}

static void idle_times(struct keep_alive_history *history, uint64_t *now_ns, uint64_t idle_ns,
                       unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        idle_for(history, now_ns, idle_ns);
}

static void expect(const struct keep_alive_policy *policy, const struct keep_alive_history *history,
                   uint64_t now_ns, uint64_t unload_after_ns, uint64_t prewarm_at_ns)
{
    struct keep_alive_decision decision = keep_alive_decide(policy, history, now_ns);
    assert_int_equal(decision.unload_after_ns, unload_after_ns);
    assert_true(decision.prewarm_at_ns == prewarm_at_ns);
}

static void none_unloads_at_once_and_fixed_after_its_time(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 10 * MINUTE, 20);
    keep_alive_idle(&history, now);
    expect(&none, &history, now, 0, KEEP_ALIVE_NEVER);
    expect(&none, NULL, now, 0, KEEP_ALIVE_NEVER);
    expect(&fixed, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
    expect(&fixed, NULL, now, FALLBACK, KEEP_ALIVE_NEVER);
}

static void hybrid_is_fixed_until_something_is_known(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    expect(&hybrid, NULL, now, FALLBACK, KEEP_ALIVE_NEVER);
    expect(&hybrid, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
    idle_times(&history, &now, 10 * MINUTE, KEEP_ALIVE_SAMPLES_MIN - 1);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
    idle_for(&history, &now, 10 * MINUTE);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 9 * MINUTE);
}

/* Idle for 10 minutes each time: bin 10 is [10, 11). Head 10, less a tenth: 9. Tail 11,
 * and a tenth: 12.1. */
static void periodic_is_unloaded_prewarmed_and_kept_until_the_tail(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 10 * MINUTE, 20);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 9 * MINUTE);
    expect(&hybrid, &history, now + 9 * MINUTE - 1, 0, now + 9 * MINUTE);
    /* The instance that is started then: */
    expect(&hybrid, &history, now + 9 * MINUTE, 31 * MINUTE / 10, KEEP_ALIVE_NEVER);
    expect(&hybrid, &history, now + 12 * MINUTE, MINUTE / 10, KEEP_ALIVE_NEVER);
    expect(&hybrid, &history, now + 13 * MINUTE, 0, KEEP_ALIVE_NEVER);
}

/* The window of ten minutes' idle time is 9, of twenty 18, of eleven 9.9, of twelve 10.8. */
static void it_is_not_unloaded_for_less_than_the_policy_says(void **state)
{
    (void)state;
    const struct keep_alive_policy node = {KEEP_ALIVE_HYBRID, FALLBACK, 10 * MINUTE};
    static const struct {
        uint64_t idle, unload_tenths, prewarm_tenths;
    } is[] = {{10, 121, 0}, {11, 132, 0}, {12, 0, 108}, {20, 0, 180}};
    for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
        struct keep_alive_history history = {0};
        uint64_t now = START;
        idle_times(&history, &now, is[i].idle * MINUTE, 20);
        keep_alive_idle(&history, now);
        expect(&node, &history, now, is[i].unload_tenths * MINUTE / 10,
               is[i].prewarm_tenths ? now + is[i].prewarm_tenths * MINUTE / 10 : KEEP_ALIVE_NEVER);
    }
}

/* Every 20 seconds: bin 0. Head 0: not unloaded between; tail 1, and a tenth: 66 s. */
static void frequent_is_kept_without_prewarm(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 20 * MF_NS_PER_S, 1000);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 66 * MF_NS_PER_S, KEEP_ALIVE_NEVER);
}

/* Of 100 idle times 4 in bin 2, 91 in bin 30, 4 in bin 31, 1 in bin 200. The 5th smallest
 * is in bin 30: head 30, prewarm 27. The 99th in bin 31: tail 32, unload 35.2. */
static void head_and_tail_are_the_5th_and_99th_percentile(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 2 * MINUTE, 4);
    idle_times(&history, &now, 30 * MINUTE, 91);
    idle_times(&history, &now, 31 * MINUTE, 4);
    idle_times(&history, &now, 200 * MINUTE, 1);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 27 * MINUTE);
    expect(&hybrid, &history, now + 27 * MINUTE, 82 * MINUTE / 10, KEEP_ALIVE_NEVER);
    /* One more in bin 2 makes it the 5th of 101 (rank 6: still bin 30), a 6th moves the head. */
    idle_for(&history, &now, 2 * MINUTE);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 27 * MINUTE);
    idle_for(&history, &now, 2 * MINUTE);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 18 * MINUTE / 10);
}

/* One idle time in each of 240 bins: coefficient 0. In each of 48 bins: 240/48 - 1 = 4,
 * coefficient 2, just a pattern. In each of 49: none. */
static void idle_times_all_over_are_no_pattern(void **state)
{
    (void)state;
    static const unsigned bins[] = {240, 49, 48};
    for (size_t i = 0; i < 3; i++) {
        struct keep_alive_history history = {0};
        uint64_t now = START;
        for (unsigned bin = 0; bin < bins[i]; bin++)
            idle_for(&history, &now, bin * MINUTE);
        keep_alive_idle(&history, now);
        if (bins[i] > 48)
            expect(&hybrid, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
        else /* rank 3 of 48: bin 2; rank 48: bin 47 */
            expect(&hybrid, &history, now, 0, now + 18 * MINUTE / 10);
    }
}

static void random_idle_times_fall_back(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START, random = 1;
    for (int i = 0; i < 2000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        idle_for(&history, &now, (random >> 33) % 240 * MINUTE);
    }
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
}

/* Half of the idle times past four hours are still a pattern, one more are none. */
static void idle_times_past_the_bins_fall_back(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 10 * MINUTE, 10);
    idle_times(&history, &now, 240 * MINUTE, 10);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, 0, now + 9 * MINUTE);
    idle_for(&history, &now, 100 * 24 * 60 * MINUTE);
    keep_alive_idle(&history, now);
    expect(&hybrid, &history, now, FALLBACK, KEEP_ALIVE_NEVER);
    struct keep_alive_history rare = {0};
    idle_times(&rare, &now, 300 * MINUTE, 50);
    keep_alive_idle(&rare, now);
    expect(&hybrid, &rare, now, FALLBACK, KEEP_ALIVE_NEVER);
}

static void the_last_bin_ends_at_four_hours(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 240 * MINUTE - 1, 5);
    assert_int_equal(history.bin[239], 5);
    idle_for(&history, &now, 240 * MINUTE);
    assert_int_equal(history.beyond, 1);
    keep_alive_idle(&history, now); /* head 239: 215.1; tail 240: 264 */
    expect(&hybrid, &history, now, 0, now + 2151 * MINUTE / 10);
}

static void a_clock_that_goes_back_teaches_nothing(void **state)
{
    (void)state;
    struct keep_alive_history history = {0}, before;
    uint64_t now = START;
    idle_times(&history, &now, 10 * MINUTE, 20);
    keep_alive_idle(&history, now);
    before = history;
    /* A decision for an instance that is idle since before then: as if since now. */
    expect(&hybrid, &history, now - 5 * MINUTE, 0, now - 5 * MINUTE + 9 * MINUTE);
    keep_alive_event(&history, now - 5 * MINUTE);
    assert_int_equal(history.inside, before.inside);
    assert_int_equal(history.beyond, before.beyond);
    assert_int_equal(history.idle_since_ns, 0);
    now -= 5 * MINUTE;
    idle_for(&history, &now, 10 * MINUTE);
    assert_int_equal(history.bin[10], 21);
}

/* A call that comes while another runs ends no idle time. */
static void overlapping_calls_are_no_idle_time(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    keep_alive_event(&history, START);
    keep_alive_event(&history, START + MINUTE);
    keep_alive_event(&history, START + 2 * MINUTE);
    assert_int_equal(history.inside + history.beyond, 0);
    keep_alive_idle(&history, START + 3 * MINUTE);
    keep_alive_event(&history, START + 5 * MINUTE);
    assert_int_equal(history.bin[2], 1);
}

static void check_sums(const struct keep_alive_history *history)
{
    uint32_t inside = 0, squares = 0;
    for (unsigned i = 0; i < KEEP_ALIVE_BINS; i++) {
        inside += history->bin[i];
        squares += (uint32_t)history->bin[i] * history->bin[i];
    }
    assert_int_equal(history->inside, inside);
    assert_int_equal(history->squares, squares);
}

/* 255 in bin 10 and one in each of bins 100 to 119; one more in bin 10: 10 (even) and
 * every other of the twenty are rounded down at the first halving, and the 51 beyond. */
static void full_counters_are_halved_and_keep_proportions(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    for (uint64_t bin = 100; bin < 120; bin++)
        idle_for(&history, &now, bin * MINUTE);
    idle_times(&history, &now, 250 * MINUTE, 51);
    idle_times(&history, &now, 10 * MINUTE, 255);
    assert_int_equal(history.bin[10], 255);
    assert_int_equal(history.halvings, 0);
    idle_for(&history, &now, 10 * MINUTE);
    assert_int_equal(history.halvings, 1);
    assert_int_equal(history.bin[10], 128);
    assert_int_equal(history.beyond, 25);
    assert_int_equal(history.inside, 128 + 10);
    check_sums(&history);
    for (uint64_t i = 0; i < 20000; i++) {
        idle_for(&history, &now, (i * i + 3 * i) % 300 * MINUTE);
        if (i % 100 == 0)
            check_sums(&history);
    }
    assert_true(history.halvings > 1);
}

/* What it did for a month is forgotten within some hundreds of events. */
static void a_new_period_is_learned(void **state)
{
    (void)state;
    struct keep_alive_history history = {0};
    uint64_t now = START;
    idle_times(&history, &now, 10 * MINUTE, 4000);
    unsigned events = 0;
    do {
        idle_for(&history, &now, 30 * MINUTE);
        keep_alive_idle(&history, now);
        assert_true(++events < 2000);
    } while (keep_alive_decide(&hybrid, &history, now).prewarm_at_ns != now + 27 * MINUTE);
    assert_true(events > 20);
}

static void expect_step(const struct keep_alive_step *step, uint64_t at_ns, uint64_t keep_ns)
{
    struct keep_alive_decision decision = keep_alive_next_step(step);
    assert_true(decision.prewarm_at_ns == at_ns);
    assert_int_equal(decision.unload_after_ns, keep_ns);
}

static void next_step_starts_where_that_pays(void **state)
{
    (void)state;
    const uint64_t ms = MF_NS_PER_MS, s = MF_NS_PER_S;
    const struct keep_alive_step usual = {
        .begun_ns = START, .takes_ns = 100 * ms, .start_ns = ms, .follows_pct = 90};
    struct keep_alive_step step = usual;
    expect_step(&step, START, 1110 * ms); /* short: at once; a tenth and a second of grace */
    step.takes_ns = 100 * s;              /* long: 10 s and a start before its end         */
    expect_step(&step, START + 90 * s - ms, 21 * s + ms);
    step.start_ns = 95 * s; /* with a margin longer than the step: at once */
    expect_step(&step, START, 111 * s);
    step = usual;
    step.next_is_live = true;
    expect_step(&step, KEEP_ALIVE_NEVER, 0);
    step = usual;
    step.follows_pct = 49;
    expect_step(&step, KEEP_ALIVE_NEVER, 0);
    step.follows_pct = 50;
    expect_step(&step, START, 1110 * ms);
    step = usual;
    step.takes_ns = ms - 1; /* over before the start is */
    expect_step(&step, KEEP_ALIVE_NEVER, 0);
    step.takes_ns = 0;
    expect_step(&step, KEEP_ALIVE_NEVER, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_unloads_at_once_and_fixed_after_its_time),
        cmocka_unit_test(hybrid_is_fixed_until_something_is_known),
        cmocka_unit_test(periodic_is_unloaded_prewarmed_and_kept_until_the_tail),
        cmocka_unit_test(it_is_not_unloaded_for_less_than_the_policy_says),
        cmocka_unit_test(frequent_is_kept_without_prewarm),
        cmocka_unit_test(head_and_tail_are_the_5th_and_99th_percentile),
        cmocka_unit_test(idle_times_all_over_are_no_pattern),
        cmocka_unit_test(random_idle_times_fall_back),
        cmocka_unit_test(idle_times_past_the_bins_fall_back),
        cmocka_unit_test(the_last_bin_ends_at_four_hours),
        cmocka_unit_test(a_clock_that_goes_back_teaches_nothing),
        cmocka_unit_test(overlapping_calls_are_no_idle_time),
        cmocka_unit_test(full_counters_are_halved_and_keep_proportions),
        cmocka_unit_test(a_new_period_is_learned),
        cmocka_unit_test(next_step_starts_where_that_pays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
