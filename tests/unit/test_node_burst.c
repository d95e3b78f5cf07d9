/* test_node_burst.c: how many blanks the starts of late are worth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/pool/burst.h"

#define START_NS 1000000000000ull

static void single_starts_are_no_burst(void **state)
{
    (void)state;
    struct burst burst = {0};
    assert_int_equal(burst_expected(&burst, START_NS), 0);
    assert_true(burst_falls_ns(&burst, START_NS) == UINT64_MAX);
    for (uint64_t i = 0; i < 1000; i++)
        burst_start(&burst, 1, START_NS + i);
    assert_int_equal(burst_expected(&burst, START_NS + 1000), 0);
}

static void a_burst_is_expected_again(void **state)
{
    (void)state;
    struct burst burst = {0};
    for (uint32_t i = 1; i <= 100; i++)
        burst_start(&burst, i, START_NS);
    burst_start(&burst, 1, START_NS + 1); /* one more afterwards changes nothing */
    assert_int_equal(burst_expected(&burst, START_NS + 200000), 100);
    assert_int_equal(burst_expected(&burst, START_NS + BURST_HOLD_NS - 1), 100);
}

static void the_expectation_halves_and_ends(void **state)
{
    (void)state;
    struct burst burst = {0};
    burst_start(&burst, 8, START_NS);
    const uint32_t expected[] = {8, 4, 2, 0, 0};
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(burst_expected(&burst, START_NS + i * BURST_HOLD_NS), expected[i]);
    assert_true(burst_falls_ns(&burst, START_NS) == START_NS + BURST_HOLD_NS);
    assert_true(burst_falls_ns(&burst, START_NS + BURST_HOLD_NS) == START_NS + 2 * BURST_HOLD_NS);
    assert_true(burst_falls_ns(&burst, START_NS + 3 * BURST_HOLD_NS) == UINT64_MAX);
    assert_int_equal(burst_expected(&burst, START_NS + 1000 * BURST_HOLD_NS), 0);
}

static void a_smaller_burst_replaces_a_faded_one(void **state)
{
    (void)state;
    struct burst burst = {0};
    burst_start(&burst, 100, START_NS);
    burst_start(&burst, 30, START_NS + BURST_HOLD_NS / 2);
    assert_int_equal(burst_expected(&burst, START_NS + BURST_HOLD_NS / 2), 100);
    burst_start(&burst, 30, START_NS + 2 * BURST_HOLD_NS);
    assert_int_equal(burst_expected(&burst, START_NS + 2 * BURST_HOLD_NS), 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_starts_are_no_burst),
        cmocka_unit_test(a_burst_is_expected_again),
        cmocka_unit_test(the_expectation_halves_and_ends),
        cmocka_unit_test(a_smaller_burst_replaces_a_faded_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
