/* test_kernel_clock.c: the program's clock over a start of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "kernel/core/clock.h"

#define SECOND 1000000000ull
#define MONTH (30 * 86400 * SECOND)

static void it_is_the_hosts(void **state)
{
    (void)state;
    clock_resume(5 * SECOND, 7 * SECOND); /* restored two seconds later */
    assert_int_equal(clock_of_host(8 * SECOND), 8 * SECOND);
    assert_int_equal(clock_for_host(8 * SECOND), 8 * SECOND);
}

static void it_goes_on_where_it_was_frozen(void **state)
{
    (void)state;
    clock_resume(MONTH, 20 * SECOND); /* the host has started since */
    assert_int_equal(clock_of_host(20 * SECOND), MONTH);
    assert_int_equal(clock_of_host(21 * SECOND), MONTH + SECOND);
    assert_int_equal(clock_for_host(MONTH + SECOND), 21 * SECOND);
    assert_int_equal(clock_for_host(1), 1); /* long ago: no wait for ever, as 0 would be */
}

#define TICK_NS 2ull /* of a counter of 500 MHz */

static void start(uint64_t counter, uint64_t monotonic_ns)
{
    const struct mf_boot boot = {.tsc_scale = TICK_NS << 32,
                                 .tsc = counter,
                                 .monotonic_ns = monotonic_ns,
                                 .realtime_ns = monotonic_ns + MONTH};
    clock_start(&boot);
}

static void it_counts_from_the_boot_page_on(void **state)
{
    (void)state;
    uint64_t monotonic, realtime;
    start(1000, 5 * SECOND);
    assert_true(clock_counts());
    assert_true(clock_at(1000 + 50, &monotonic, &realtime));
    assert_int_equal(monotonic, 5 * SECOND + 100);
    assert_int_equal(realtime, MONTH + 5 * SECOND + 100);
    assert_true(clock_at(1000 + CLOCK_COUNTED_NS / TICK_NS - 1, &monotonic, &realtime));
    assert_false(clock_at(1000 + CLOCK_COUNTED_NS / TICK_NS, &monotonic, &realtime)); /* ask */
    assert_false(clock_at(999, &monotonic, &realtime)); /* it has gone back: ask */
    clock_stop();
    assert_false(clock_counts());
    assert_false(clock_at(1000 + 50, &monotonic, &realtime));
}

static void without_a_moment_the_first_is_asked(void **state)
{
    (void)state;
    uint64_t monotonic = 7 * SECOND, realtime;
    start(0, 5 * SECOND);
    assert_false(clock_at(1000, &monotonic, &realtime));
    monotonic = 7 * SECOND;
    clock_set(1000, 1100, &monotonic, &(uint64_t){MONTH});
    assert_int_equal(monotonic, 7 * SECOND);
    assert_true(clock_at(1100, &monotonic, &realtime)); /* between both: 1050 */
    assert_int_equal(monotonic, 7 * SECOND + 100);
    assert_int_equal(realtime, MONTH + 100);
    monotonic = 8 * SECOND;
    clock_set(2000, 2000 + CLOCK_ASKED_NS / TICK_NS + 1, &monotonic, &(uint64_t){MONTH}); /* too long to tell */
    assert_false(clock_at(2000, &monotonic, &realtime));
    monotonic = 8 * SECOND;
    clock_set(2000, 1999, &monotonic, &(uint64_t){MONTH});
    assert_false(clock_at(2000, &monotonic, &realtime));
}

static void it_never_goes_back(void **state)
{
    (void)state;
    uint64_t monotonic, realtime, told;
    start(1000, 5 * SECOND);
    assert_true(clock_at(1000 + 1000000, &told, &realtime));
    monotonic = told - 500; /* the host's is slower than was thought */
    clock_set(1000 + 1000000, 1000 + 1000000, &monotonic, &(uint64_t){MONTH});
    assert_int_equal(monotonic, told);
    assert_true(clock_at(1000 + 1000100, &monotonic, &realtime));
    assert_int_equal(monotonic, told); /* stands still */
    assert_true(clock_at(1000 + 1000300, &monotonic, &realtime));
    assert_int_equal(monotonic, told + 100); /* goes on */
    /* Long not asked, it has not told more than it may have. */
    monotonic = 3600 * SECOND;
    clock_set(1000 + 3595 * SECOND / TICK_NS, 1000 + 3595 * SECOND / TICK_NS, &monotonic, &(uint64_t){MONTH});
    assert_int_equal(monotonic, 3600 * SECOND);
    clock_stop();
}

static void realtime_goes_back_only_where_it_was_set(void **state)
{
    (void)state;
    uint64_t monotonic, realtime, told;
    start(1000, 5 * SECOND);
    assert_true(clock_at(1000 + 1000000, &monotonic, &told));
    monotonic += 1000;
    realtime = told - 500; /* counted too far */
    clock_set(1000 + 1000000, 1000 + 1000000, &monotonic, &realtime);
    assert_int_equal(realtime, told);
    assert_true(clock_at(1000 + 1000100, &monotonic, &realtime));
    assert_int_equal(realtime, told);
    assert_true(clock_at(1000 + 1000300, &monotonic, &realtime));
    assert_int_equal(realtime, told + 100);
    realtime = told - 3600 * SECOND; /* somebody set it */
    clock_set(1000 + 1000300, 1000 + 1000300, &monotonic, &realtime);
    assert_int_equal(realtime, told - 3600 * SECOND);
    assert_true(clock_at(1000 + 1000300, &monotonic, &realtime));
    assert_int_equal(realtime, told - 3600 * SECOND);
    clock_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_hosts),
        cmocka_unit_test(it_goes_on_where_it_was_frozen),
        cmocka_unit_test(it_counts_from_the_boot_page_on),
        cmocka_unit_test(without_a_moment_the_first_is_asked),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(realtime_goes_back_only_where_it_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
