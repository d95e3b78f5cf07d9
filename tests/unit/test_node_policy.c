/* test_node_policy.c: when to queue ahead, when to start, and what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "base/clock.h"
#include "node/metrics/counters.h"
#include "node/pool/ceiling.h"
#include "node/pool/noise.h"
#include "node/pool/policy.h"

#define US MF_NS_PER_US
#define MS MF_NS_PER_MS

static struct event_times taking(uint64_t event_ns)
{
    return (struct event_times){event_ns, event_ns, event_ns, MS};
}

static uint32_t ahead(uint64_t event_ns)
{
    struct event_times times = taking(event_ns);
    return policy_ahead(&times);
}

static void ahead_only_while_events_are_short(void **state)
{
    (void)state;
    assert_int_equal(ahead(0), 1);
    assert_int_equal(ahead(1), MF_EVENTS_AHEAD_MAX);
    assert_int_equal(ahead(100 * US), 10);
    assert_int_equal(ahead(600 * US), 1);
    assert_int_equal(ahead(50 * MS), 1);
}

static void gathers_while_the_wait_is_shorter_than_the_waking(void **state)
{
    (void)state;
    static const struct {
        uint64_t any, woke, followed;
        uint32_t gather;
    } expect[] = {
        {0, 0, 0, 1},                                /* nothing is known            */
        {30 * US, 30 * US, 0, 2},                    /* to learn what following is  */
        {20 * US, 40 * US, 10 * US, 4},              /* a process                   */
        {30 * US, 120 * US, 8 * US, 15},             /* a VM with slow exits        */
        {20 * US, 20 * US, 20 * US, 1},              /* waking costs nothing        */
        {20 * US, 10 * US, 30 * US, 1},
        {400 * US, 450 * US, 50 * US, 2},            /* never more than ahead       */
        {50 * MS, 50 * MS, 50 * MS, 1},
        {50 * MS, 60 * MS, 1, 1},
    };
    for (size_t i = 0; i < sizeof expect / sizeof expect[0]; i++) {
        struct event_times times = {expect[i].any, expect[i].woke, expect[i].followed, MS};
        assert_int_equal(policy_gather(&times), expect[i].gather);
    }
}

static void starts_wait_while_events_are_short_or_unknown(void **state)
{
    (void)state;
    struct event_times unknown = {0}, quick = taking(20 * US), slow = taking(20 * MS);
    assert_int_equal(policy_patience_ns(&unknown, 0), 0);
    assert_int_equal(policy_patience_ns(&quick, 0), 0);
    assert_int_equal(policy_patience_ns(&unknown, 2), 4 * MS);
    assert_int_equal(policy_patience_ns(&quick, 3), 3 * MS);
    assert_int_equal(policy_patience_ns(&slow, 3), 0);
}

static void a_slow_event_stops_the_queueing_ahead_for_a_while(void **state)
{
    (void)state;
    struct event_times times = {0};
    for (int i = 0; i < 100; i++)
        policy_learn_event(&times, 20 * US, i % 2);
    assert_in_range(times.any_ns, 15 * US, 25 * US);
    assert_in_range(times.woke_ns, 15 * US, 25 * US);
    policy_learn_event(&times, 100 * MS, true);
    assert_int_equal(policy_ahead(&times), 1);
    for (int i = 0; i < 100; i++)
        policy_learn_event(&times, 20 * US, false);
    assert_true(policy_ahead(&times) > 10);
    times = (struct event_times){0};
    policy_learn_event(&times, 0, true);
    assert_true(times.any_ns > 0); /* known, from now on */
}

static void ceiling_is_paid_back_and_nothing_is_saved_up(void **state)
{
    (void)state;
    int64_t credit = 0;
    for (int i = 0; i < 100; i++) /* a second of rest */
        credit = ceiling_credit(credit, 10 * MS, 0, 25);
    assert_int_equal(credit, 2500 * (int64_t)US);
    credit = ceiling_credit(0, 10 * MS, 10 * MS, 25);
    assert_int_equal(credit, -7500 * (int64_t)US);
    int stopped = 0;
    while (credit < 0) {
        credit = ceiling_credit(credit, 10 * MS, 0, 25);
        stopped++;
    }
    assert_int_equal(stopped, 3);
}

static void histogram_counts_in_the_right_bucket(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    histogram_add(&histogram, 50 * US);
    histogram_add(&histogram, 100 * US); /* bounds belong to their bucket */
    histogram_add(&histogram, 101 * US);
    histogram_add(&histogram, 3600 * MF_NS_PER_S);
    assert_int_equal(histogram.bucket[0], 2);
    assert_int_equal(histogram.bucket[1], 1);
    assert_int_equal(histogram.count, 4);
    uint64_t sum = 0;
    for (unsigned i = 0; i < DURATION_BUCKET_COUNT; i++)
        sum += histogram.bucket[i];
    assert_int_equal(sum, 3);
}

static void statuses_and_causes_are_bounded(void **state)
{
    (void)state;
    struct function_counters counters = {0};
    count_answer(&counters, 200, 1);
    count_answer(&counters, 599, 1);
    count_answer(&counters, 4711, 1); /* no such status: in no row */
    assert_int_equal(count_of_status(&counters, 200), 1);
    assert_int_equal(count_of_status(&counters, 599), 1);
    assert_int_equal(count_of_status(&counters, 201), 0);
    assert_int_equal(count_of_answers(&counters), 3);
    char cause[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(cause, sizeof cause, "cause-%d", i);
        count_fault(&counters, cause);
    }
    count_fault(&counters, "cause-0");
    assert_int_equal(counters.faults[0].count, 2);
    assert_string_equal(counters.faults[FAULT_CAUSES_MAX - 1].cause, "other");
    assert_int_equal(counters.faults[FAULT_CAUSES_MAX - 1].count, 100 - (FAULT_CAUSES_MAX - 1));
    function_counters_close(&counters);
}

static void noise_is_too_much_after_a_burst_until_time_has_passed(void **state)
{
    (void)state;
    struct noise noise = {0};
    uint64_t now_ns = 1000 * MF_NS_PER_S;
    for (unsigned i = 0; i < MF_NOISE_BURST; i++)
        noise_add(&noise, now_ns);
    assert_false(noise_too_much(&noise, now_ns));
    noise_add(&noise, now_ns);
    assert_true(noise_too_much(&noise, now_ns));
    now_ns += MF_NS_PER_S / MF_NOISE_PER_S;
    assert_false(noise_too_much(&noise, now_ns));
    for (unsigned i = 0; i < 3 * MF_NOISE_PER_S; i++) { /* steadily as much as allowed */
        now_ns += MF_NS_PER_S / MF_NOISE_PER_S;
        noise_add(&noise, now_ns);
        assert_false(noise_too_much(&noise, now_ns));
    }
    noise_add(&noise, now_ns);
    assert_true(noise_too_much(&noise, now_ns));
}

static void another_instance_is_started_in_its_time(void **state)
{
    (void)state;
    const struct scale_view base = {.live = 1, .most = 4, .waiting = 5, .arrived_ns = 100, .patience_ns = 10};
    struct scale_view view = base;
    assert_int_equal(policy_start_ns(&view), 110);
    view.held_until_ns = 500; /* after faults */
    assert_int_equal(policy_start_ns(&view), 500);
    view = base;
    view.live = 4; /* the maximum */
    assert_int_equal(policy_start_ns(&view), UINT64_MAX);
    view = base;
    view.threshold = 4;
    assert_int_equal(policy_start_ns(&view), 110);
    view.threshold = 5; /* more than so many must wait */
    assert_int_equal(policy_start_ns(&view), UINT64_MAX);
    view.live = 0; /* filled: the first one at once */
    view.patience_ns = 0;
    assert_int_equal(policy_start_ns(&view), 100);
}

static void grace_lasts_until_an_instance_ends(void **state)
{
    (void)state;
    struct scale_view view = {.live = 1, .most = 4, .waiting = 5, .arrived_ns = 100, .started_ns = 90, .grace_ns = 1000};
    assert_int_equal(policy_start_ns(&view), 1090);
    view.started_ns = 0; /* one has ended */
    assert_int_equal(policy_start_ns(&view), 100);
    view.started_ns = 90;
    view.live = 0;
    assert_int_equal(policy_start_ns(&view), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_too_much_after_a_burst_until_time_has_passed),
        cmocka_unit_test(ahead_only_while_events_are_short),
        cmocka_unit_test(gathers_while_the_wait_is_shorter_than_the_waking),
        cmocka_unit_test(starts_wait_while_events_are_short_or_unknown),
        cmocka_unit_test(a_slow_event_stops_the_queueing_ahead_for_a_while),
        cmocka_unit_test(ceiling_is_paid_back_and_nothing_is_saved_up),
        cmocka_unit_test(another_instance_is_started_in_its_time),
        cmocka_unit_test(grace_lasts_until_an_instance_ends),
        cmocka_unit_test(histogram_counts_in_the_right_bucket),
        cmocka_unit_test(statuses_and_causes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
