/*
 * test_node_warm.c: how long idle instances are kept, and when one is there before its
 * call, as the policy says (test_keep_alive.c): fixed, none, hybrid.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node_world.h"

#define MINUTE_MS 60000

static void keep_alive_none_drains_at_once(void **state)
{
    (void)state;
    function->version->settings.keep_alive = KEEP_ALIVE_NONE;
    struct peer *at = warm(50 * MS);
    guest_gets_nothing(at);
    advance(1); /* a timer set for now waits for the next turn */
    (void)guest_gets(at, MF_MSG_DRAIN);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
}

/* A call is answered at once, and the instance ends when it is told to. */
static void serve_one(void)
{
    struct test_call *call = submit();
    struct peer *at = &peer[peers - 1];
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(call, SITUATION_REPLIED);
}

static void drain_last(void)
{
    (void)guest_gets(&peer[peers - 1], MF_MSG_DRAIN);
    end_process(&peer[peers - 1], 0);
    assert_int_equal(function_live(function), 0);
}

/* Called every twenty minutes, six times: five idle times. Until then an instance is kept for
 * the fixed time, from then on it is drained at once, and one is there after eighteen minutes. */
static void learn_twenty_minutes(void)
{
    function->version->settings.keep_alive = KEEP_ALIVE_HYBRID;
    for (int i = 0; i < 6; i++) {
        serve_one();
        advance(i < 5 ? IDLE_MS - 1 : 1);
        if (i < 5) {
            assert_int_equal(function_live(function), 1);
            advance(1);
        }
        drain_last();
        if (i < 5)
            advance(20 * MINUTE_MS - IDLE_MS);
    }
    assert_int_equal(peers, 6);
    assert_int_equal(function->counters.prewarms, 0);
}

static void hybrid_has_an_instance_ready_for_a_periodic_call(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 2);
    assert_int_equal(peers, 6);
    advance(1);
    assert_int_equal(peers, 7);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(function->counters.prewarms, 1);
    advance(2 * MINUTE_MS);
    serve_one();
    assert_int_equal(peers, 7);
    assert_int_equal(function->counters.cold_starts[MF_SANDBOX_PROCESS], 6);
    assert_int_equal(function->counters.cold_start.count, 6);
    advance(1);
    drain_last();
}

/* Its tail is 21 minutes and a tenth: 23.1. Afterwards nothing wakes the node. */
static void a_prewarmed_instance_that_nobody_calls_is_drained(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 1);
    advance(51 * MINUTE_MS / 10 - 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    advance(1);
    drain_last();
    timer_stop(&node->loop.timers, &node->pool.refill);
    assert_true(timers_next(&node->loop.timers) == TIMER_NEVER);
}

static void a_call_before_its_time_makes_the_prewarm_needless(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(15 * MINUTE_MS);
    serve_one();
    assert_int_equal(peers, 7);
    advance(1);
    drain_last();
    advance(4 * MINUTE_MS); /* when it was due */
    assert_int_equal(peers, 7);
    assert_int_equal(function->counters.prewarms, 0);
}

static void while_a_call_runs_nothing_is_prewarmed(void **state)
{
    (void)state;
    learn_twenty_minutes();
    function->version->settings.timeout_ms = 10 * MINUTE_MS;
    advance(15 * MINUTE_MS);
    struct test_call *call = submit();
    advance(4 * MINUTE_MS); /* it was due, if nobody had called */
    assert_int_equal(peers, 7);
    guest_replies(&peer[6], guest_gets(&peer[6], MF_MSG_INVOKE));
    was_answered(call, SITUATION_REPLIED);
}

/* Two instances, from a time when nothing was known and they were to be kept for hours.
 * Twelve minutes' idle times become a pattern: that used last is drained, the other is not
 * looked at before its time, and serves the next call. */
static void with_an_instance_at_hand_none_is_prewarmed(void **state)
{
    (void)state;
    function->version->settings.keep_alive = KEEP_ALIVE_HYBRID;
    function->version->settings.idle_ms = 240 * MINUTE_MS;
    takes(50 * MS);
    struct test_call *one = submit(), *two = submit();
    assert_int_equal(peers, 2);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    was_answered(two, SITUATION_REPLIED);
    for (int i = 0; i < 5; i++) {
        advance(12 * MINUTE_MS);
        struct test_call *call = submit();
        guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
        was_answered(call, SITUATION_REPLIED);
    }
    advance(1);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    end_process(&peer[0], 0);
    advance(11 * MINUTE_MS);
    assert_int_equal(peers, 2);
    assert_int_equal(function->counters.prewarms, 0);
}

static void a_function_that_faults_is_not_prewarmed_in_its_pause(void **state)
{
    (void)state;
    learn_twenty_minutes();
    advance(18 * MINUTE_MS - 2);
    for (unsigned i = 0; i <= BACKOFF_FREE; i++)
        backoff_fault(&function->backoff, node->loop.now_ns);
    advance(1);
    assert_int_equal(peers, 6);
    assert_int_equal(function->counters.prewarms, 0);
}

static void with_another_setting_history_ends(void **state)
{
    (void)state;
    learn_twenty_minutes();
    function->version->settings.keep_alive = KEEP_ALIVE_FIXED;
    advance(18 * MINUTE_MS);
    assert_int_equal(peers, 6);
    serve_one();
    assert_null(function->warmth);
    advance(IDLE_MS);
    drain_last();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(keep_alive_none_drains_at_once),
        WORLD_TEST(hybrid_has_an_instance_ready_for_a_periodic_call),
        WORLD_TEST(a_prewarmed_instance_that_nobody_calls_is_drained),
        WORLD_TEST(a_call_before_its_time_makes_the_prewarm_needless),
        WORLD_TEST(while_a_call_runs_nothing_is_prewarmed),
        WORLD_TEST(with_an_instance_at_hand_none_is_prewarmed),
        WORLD_TEST(a_function_that_faults_is_not_prewarmed_in_its_pause),
        WORLD_TEST(with_another_setting_history_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
