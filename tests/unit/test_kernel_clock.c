/* test_kernel_clock.c: the program's clock over a start of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_hosts),
        cmocka_unit_test(it_goes_on_where_it_was_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
