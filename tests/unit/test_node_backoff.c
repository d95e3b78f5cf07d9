/* test_node_backoff.c: how soon a function whose instances die may have the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/pool/backoff.h"

#define MS MF_NS_PER_MS
#define START (1000 * MF_NS_PER_S)

/* Time until the next start. */
static uint64_t wait_ms(const struct backoff *backoff, uint64_t now_ns)
{
    uint64_t until_ns = backoff_until_ns(backoff);
    return until_ns > now_ns ? (until_ns - now_ns) / MS : 0;
}

static void two_faults_in_a_row_cost_nothing(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    assert_int_equal(wait_ms(&backoff, START), 0);
    backoff_fault(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 0);
    backoff_fault(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 0);
}

static void from_the_third_on_the_pause_doubles_up_to_a_bound(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    uint64_t now_ns = START, expect_ms = BACKOFF_FIRST_MS;
    backoff_fault(&backoff, now_ns);
    backoff_fault(&backoff, now_ns);
    for (int i = 0; i < 100; i++) {
        backoff_fault(&backoff, now_ns);
        assert_int_equal(wait_ms(&backoff, now_ns), expect_ms);
        expect_ms = 2 * expect_ms < BACKOFF_MS_MAX ? 2 * expect_ms : BACKOFF_MS_MAX;
        now_ns = backoff_until_ns(&backoff);
    }
    assert_int_equal(expect_ms, BACKOFF_MS_MAX);
    backoff.in_a_row = UINT32_MAX;
    backoff_fault(&backoff, now_ns);
    assert_int_equal(wait_ms(&backoff, now_ns), BACKOFF_MS_MAX);
}

static void an_answer_or_another_image_ends_the_row(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    for (int i = 0; i < 6; i++)
        backoff_fault(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 8 * BACKOFF_FIRST_MS);
    backoff_answer(&backoff);
    assert_int_equal(wait_ms(&backoff, START), 0);
    backoff_fault(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 0);
    for (int i = 0; i < 6; i++)
        backoff_fault(&backoff, START);
    backoff_redeployed(&backoff);
    assert_int_equal(wait_ms(&backoff, START), 0);
}

static void in_a_row_only_one_start_a_pause(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    backoff_start(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 0);
    for (int i = 0; i < 3; i++)
        backoff_fault(&backoff, START);
    uint64_t now_ns = backoff_until_ns(&backoff);
    backoff_start(&backoff, now_ns);
    assert_int_equal(wait_ms(&backoff, now_ns), BACKOFF_FIRST_MS);
    backoff_answer(&backoff);
    assert_int_equal(wait_ms(&backoff, now_ns), 0);
}

static void who_answers_before_each_death_is_rationed(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    unsigned deaths = 0;
    for (uint64_t now_ns = START; now_ns < START + 10 * MF_NS_PER_S; now_ns += MS) {
        if (backoff_until_ns(&backoff) > now_ns)
            continue;
        backoff_start(&backoff, now_ns);
        backoff_answer(&backoff);
        backoff_fault(&backoff, now_ns);
        deaths++;
    }
    assert_in_range(deaths, 10000 / BACKOFF_EVERY_MS + BACKOFF_BURST - 1,
                    10000 / BACKOFF_EVERY_MS + BACKOFF_BURST + 1);
}

static void kills_are_rationed_but_in_no_row(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    for (unsigned i = 0; i < BACKOFF_BURST; i++)
        backoff_kill(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), 0);
    backoff_kill(&backoff, START);
    assert_int_equal(wait_ms(&backoff, START), BACKOFF_EVERY_MS);
    assert_int_equal(backoff.in_a_row, 0);
    assert_int_equal(wait_ms(&backoff, START + BACKOFF_EVERY_MS * MS), 0);
}

static void words_say_how_long_and_only_while_it_lasts(void **state)
{
    (void)state;
    struct backoff backoff = {0};
    char words[BACKOFF_WORDS_BYTES];
    assert_false(backoff_words(&backoff, START, words));
    for (int i = 0; i < 4; i++)
        backoff_fault(&backoff, START);
    assert_true(backoff_words(&backoff, START, words));
    assert_non_null(strstr(words, "4 faults"));
    assert_non_null(strstr(words, "in 20 ms"));
    assert_false(backoff_words(&backoff, START + 20 * MS, words));
    backoff = (struct backoff){UINT32_MAX, UINT64_MAX, UINT64_MAX};
    assert_true(backoff_words(&backoff, 0, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_faults_in_a_row_cost_nothing),
        cmocka_unit_test(from_the_third_on_the_pause_doubles_up_to_a_bound),
        cmocka_unit_test(an_answer_or_another_image_ends_the_row),
        cmocka_unit_test(in_a_row_only_one_start_a_pause),
        cmocka_unit_test(who_answers_before_each_death_is_rationed),
        cmocka_unit_test(kills_are_rationed_but_in_no_row),
        cmocka_unit_test(words_say_how_long_and_only_while_it_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
