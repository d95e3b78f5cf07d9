/*
 * test_node_dispatch.c: calls through queue, rings and back: starts, order, waits,
 * deadlines, cancels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node_world.h"

static void first_call_starts_an_instance_and_stands_in_its_ring(void **state)
{
    (void)state;
    struct test_call *one = submit();
    assert_int_equal(peers, 1);
    assert_int_equal(function->in_state[INSTANCE_RESTORING], 1);
    is_pending(one);
    say(&peer[0], MF_SPAWNED, -1, 0);
    guest_replies(&peer[0], guest_gets(&peer[0], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 200);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(function->counters.cold_starts[MF_SANDBOX_PROCESS], 1);
}

static void idle_instance_is_used_again(void **state)
{
    (void)state;
    struct peer *at = warm(5 * MS);
    struct test_call *two = submit();
    assert_int_equal(peers, 1);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

static void unknown_events_wait_as_long_as_a_start_takes(void **state)
{
    (void)state;
    struct test_call *one = submit(), *two = submit();
    assert_int_equal(peers, 1);
    assert_int_equal(function->queued, 1);
    advance(5);
    assert_int_equal(peers, 2);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    is_pending(one);
}

static void long_events_start_instances_at_once_up_to_the_most(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    for (int i = 0; i < 6; i++)
        (void)submit();
    assert_int_equal(peers, 4);
    assert_int_equal(function_live(function), 4);
    assert_int_equal(function->queued, 2);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE)); /* free: takes one that waits */
    assert_int_equal(function->queued, 1);
    (void)guest_gets(at, MF_MSG_INVOKE);
}

static void short_events_are_queued_ahead_in_their_order(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit(), *three = submit();
    assert_int_equal(peers, 1);
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    is_pending(two);
    id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(two, SITUATION_REPLIED);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(three, SITUATION_REPLIED);
}

static void no_more_are_ahead_than_the_ring_takes(void **state)
{
    (void)state;
    struct peer *at = warm(1);
    function->version->settings.max_instances = 1;
    for (unsigned i = 0; i < MF_EVENTS_AHEAD_MAX + 3; i++)
        (void)submit();
    assert_int_equal(function->queued, 3);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    assert_int_equal(function->queued, 2);
}

static void nothing_is_queued_behind_an_event_that_takes_long(void **state)
{
    (void)state;
    (void)warm(10000);
    (void)submit();
    advance(2); /* it should have been over after ten microseconds */
    (void)submit();
    assert_int_equal(function->queued, 1);
    advance(10);
    assert_int_equal(peers, 2);
    assert_int_equal(function->queued, 0);
}

static void wait_bound_is_429(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *running = submit(), *waiting = submit();
    advance(WAIT_MS - 1);
    is_pending(waiting);
    advance(1);
    was_answered(waiting, SITUATION_NO_FREE_INSTANCE);
    is_pending(running);
}

static void without_a_wait_429_is_at_once(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    function->version->settings.wait_ms = 0;
    (void)submit();
    was_answered(submit(), SITUATION_NO_FREE_INSTANCE);
}

static void a_wait_that_ends_in_the_ring_is_429_and_cancelled(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *head = submit(), *behind = submit();
    uint64_t first = guest_gets(at, MF_MSG_INVOKE), second = guest_gets(at, MF_MSG_INVOKE);
    advance(WAIT_MS);
    assert_int_equal(behind->done, 1);
    assert_int_equal(behind->situation, SITUATION_NO_FREE_INSTANCE);
    assert_int_equal(guest_gets(at, MF_MSG_CANCEL), second);
    guest_replies(at, first);
    was_answered(head, SITUATION_REPLIED);
    assert_int_equal(behind->released, 0);
    guest_says(at, (struct mf_desc){.id = second, .type = MF_MSG_ERROR});
    assert_int_equal(behind->released, 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
}

static void an_answer_that_cannot_be_passed_on_is_502(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .arg = 200}); /* it had begun */
    guest_says(at, (struct mf_desc){.id = id, .type = MF_MSG_ERROR, .arg = MF_ERROR_ANSWER});
    was_answered(one, SITUATION_BAD_ANSWER);
    assert_int_equal(situation_status(SITUATION_BAD_ANSWER), 502);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
}

static void deadline_is_504_and_the_instance_is_killed(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    advance(TIMEOUT_MS - 1);
    is_pending(one);
    advance(1);
    was_answered(one, SITUATION_DEADLINE);
    assert_string_equal(one->cause, "deadline");
    hear_node();
    assert_true(at->killed);
    assert_int_equal(function_live(function), 0);
    (void)submit();
    assert_int_equal(peers, 2);
    end_process(at, 9);
    assert_int_equal(function->in_state[INSTANCE_DEAD], 0);
}

static void a_reply_in_the_ring_beats_the_deadline(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    struct mf_desc desc = {.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 204};
    memcpy(at->channel + MF_CHANNEL_TO_NODE_SLOTS + at->tail % MF_RING_SLOTS * sizeof desc, &desc,
           sizeof desc);
    at->tail++;
    __atomic_store_n(&head_of(at)->to_node.tail, at->tail, __ATOMIC_RELEASE);
    advance(TIMEOUT_MS); /* the doorbell has not been heard yet */
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 204);
}

static void the_next_events_time_begins_when_it_does(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    function->version->settings.wait_ms = MF_WAIT_MS_MAX;
    struct test_call *one = submit(), *two = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    advance(TIMEOUT_MS - 10);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    advance(TIMEOUT_MS - 10);
    is_pending(two);
    advance(10);
    was_answered(two, SITUATION_DEADLINE);
}

static void cancelled_while_it_waits_is_just_let_go(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    (void)submit();
    struct test_call *two = submit();
    cancel(two);
    assert_int_equal(two->released, 1);
    assert_int_equal(two->done, 0);
    assert_int_equal(function->queued, 0);
    advance(WAIT_MS * 2);
}

static void cancelled_while_it_runs_has_a_grace_period(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.timeout_ms = 100000;
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    cancel(one);
    assert_int_equal(guest_gets(at, MF_MSG_CANCEL), id);
    advance(MF_CANCEL_GRACE_MS - 1);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 1);
    advance(1);
    assert_int_equal(one->released, 1);
    assert_int_equal(one->done, 0);
    hear_node();
    assert_true(at->killed);
    assert_string_equal(function->counters.faults[0].cause, "cancelled");
}

static void cancelled_and_ended_in_time_leaves_a_warm_instance(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    cancel(one);
    guest_replies(at, id); /* crossed the cancel, or not: it ends the event */
    assert_int_equal(one->released, 1);
    assert_int_equal(one->done, 0);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
}

/* Anything in any order: each call is answered or cancelled once, and let go once. */
static void a_storm_answers_every_call_once(void **state)
{
    (void)state;
    srand(11);
    function->version->settings.max_instances = 6;
    for (int step = 0; step < 6000; step++) {
        int what = rand() % 16;
        if (what < 5 && calls < CALLS_MAX)
            (void)submit();
        if (what == 5 && calls) {
            struct test_call *at = &test_call[(unsigned)rand() % calls];
            if (!at->done && !at->released && !at->call.cancelled)
                cancel(at);
        }
        if (what == 6)
            advance((uint64_t)rand() % 40);
        if (what == 7)
            takes(rand() % 2 ? 10000 : 50 * MS);
        if (what == 8 && step % 50 == 8) {
            struct version *old = function->version;
            function->version = reusing_version(6);
            version_put(old);
            outgoing_redeployed(function);
            turn();
        }
        if (what > 8 && peers) {
            struct peer *at = &peer[(unsigned)rand() % peers];
            struct mf_desc desc;
            if (at->exited || (at->killed && rand() % 2)) {
                if (!at->exited)
                    end_process(at, 9);
            } else if (rand() % 60 == 0) {
                end_process(at, rand() % 2 ? 9 : 0);
            } else if (guest_takes(at, &desc)) {
                if (desc.type == MF_MSG_INVOKE)
                    guest_replies(at, desc.id);
                else if (desc.type == MF_MSG_DRAIN)
                    end_process(at, 0);
            }
        }
        if (calls == CALLS_MAX || peers > PEERS_MAX - 8)
            break;
    }
    assert_true(calls > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(first_call_starts_an_instance_and_stands_in_its_ring),
        WORLD_TEST(idle_instance_is_used_again),
        WORLD_TEST(unknown_events_wait_as_long_as_a_start_takes),
        WORLD_TEST(long_events_start_instances_at_once_up_to_the_most),
        WORLD_TEST(short_events_are_queued_ahead_in_their_order),
        WORLD_TEST(no_more_are_ahead_than_the_ring_takes),
        WORLD_TEST(nothing_is_queued_behind_an_event_that_takes_long),
        WORLD_TEST(wait_bound_is_429),
        WORLD_TEST(without_a_wait_429_is_at_once),
        WORLD_TEST(a_wait_that_ends_in_the_ring_is_429_and_cancelled),
        WORLD_TEST(an_answer_that_cannot_be_passed_on_is_502),
        WORLD_TEST(deadline_is_504_and_the_instance_is_killed),
        WORLD_TEST(a_reply_in_the_ring_beats_the_deadline),
        WORLD_TEST(the_next_events_time_begins_when_it_does),
        WORLD_TEST(cancelled_while_it_waits_is_just_let_go),
        WORLD_TEST(cancelled_while_it_runs_has_a_grace_period),
        WORLD_TEST(cancelled_and_ended_in_time_leaves_a_warm_instance),
        WORLD_TEST(a_storm_answers_every_call_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
