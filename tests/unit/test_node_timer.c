/* test_node_timer.c: the timer heap, against an order made by sorting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/loop/timer.h"

#define COUNT 2000

static struct timers timers;
static struct timer timer[COUNT];
static uint64_t fired[COUNT * 2];
static unsigned fired_count;

static void note(struct timer *at, uint64_t now_ns)
{
    (void)now_ns;
    fired[fired_count++] = at->at_ns;
}

static int start(void **state)
{
    (void)state;
    timers = (struct timers){0};
    fired_count = 0;
    for (int i = 0; i < COUNT; i++)
        timer[i] = (struct timer){.fire = note};
    return 0;
}

static void empty_heap_has_no_next(void **state)
{
    (void)state;
    assert_true(timers_next(&timers) == TIMER_NEVER);
    assert_false(timers_fire(&timers, UINT64_MAX));
}

static void fires_in_order_and_only_what_is_due(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < COUNT; i++)
        timer_set(&timers, &timer[i], 1 + (uint64_t)rand() % 10000);
    for (int i = 0; i < COUNT; i += 3) /* moved, some before, some after */
        timer_set(&timers, &timer[i], 1 + (uint64_t)rand() % 10000);
    for (int i = 0; i < COUNT; i += 5)
        timer_stop(&timers, &timer[i]);
    unsigned due = 0;
    for (int i = 0; i < COUNT; i++)
        due += timer[i].armed && timer[i].at_ns <= 5000;
    assert_true(timers_fire(&timers, 5000));
    assert_int_equal(fired_count, due);
    for (unsigned i = 1; i < fired_count; i++)
        assert_true(fired[i - 1] <= fired[i]);
    assert_true(timers_next(&timers) > 5000);
    assert_true(timers_fire(&timers, 20000));
    assert_int_equal(fired_count, COUNT - COUNT / 5);
    assert_true(timers_next(&timers) == TIMER_NEVER);
}

static void never_stops_a_timer(void **state)
{
    (void)state;
    timer_set(&timers, &timer[0], 5);
    timer_set(&timers, &timer[0], TIMER_NEVER);
    assert_false(timers_fire(&timers, 10));
}

static void set_again(struct timer *at, uint64_t now_ns)
{
    fired_count++;
    timer_set(&timers, at, now_ns - 1); /* for the past: once more, but not now */
}

static void one_set_for_the_past_waits_for_the_next_time(void **state)
{
    (void)state;
    timer[0].fire = set_again;
    timer_set(&timers, &timer[0], 5);
    assert_true(timers_fire(&timers, 10));
    assert_int_equal(fired_count, 1);
    assert_true(timers_fire(&timers, 11));
    assert_int_equal(fired_count, 2);
}

static void a_clock_set_back_delays_no_timer_set_since(void **state)
{
    (void)state;
    timer_set(&timers, &timer[0], 1000);
    assert_true(timers_fire(&timers, 1000));
    timers_clock_set(&timers, 100);
    timer_set(&timers, &timer[1], 150);
    assert_int_equal(timers_next(&timers), 150);
    assert_true(timers_fire(&timers, 150));
    assert_int_equal(fired_count, 2);
}

static void stop_others(struct timer *at, uint64_t now_ns)
{
    (void)now_ns;
    fired_count++;
    for (int i = 0; i < 10; i++)
        if (&timer[i] != at)
            timer_stop(&timers, &timer[i]);
}

static void a_due_timer_that_another_stops_does_not_fire(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        timer[i].fire = stop_others;
        timer_set(&timers, &timer[i], 5);
    }
    assert_true(timers_fire(&timers, 5));
    assert_int_equal(fired_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_heap_has_no_next, start),
        cmocka_unit_test_setup(fires_in_order_and_only_what_is_due, start),
        cmocka_unit_test_setup(never_stops_a_timer, start),
        cmocka_unit_test_setup(one_set_for_the_past_waits_for_the_next_time, start),
        cmocka_unit_test_setup(a_clock_set_back_delays_no_timer_set_since, start),
        cmocka_unit_test_setup(a_due_timer_that_another_stops_does_not_fire, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
