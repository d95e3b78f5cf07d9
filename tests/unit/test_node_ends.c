/*
 * test_node_ends.c: instances that end, functions and versions that go, and what becomes of
 * their calls: deaths, broken protocol, pauses after faults, drains, redeployment, a lost
 * spawner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "node_world.h"

static void what_had_not_begun_goes_to_another_instance(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit(), *three = submit();
    (void)guest_gets(at, MF_MSG_INVOKE);
    end_process(at, (128 + 1) << 8);
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "page-fault");
    assert_int_equal(peers, 2);
    is_pending(two);
    turn();
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(three, SITUATION_REPLIED);
}

static void a_reply_before_the_death_counts(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    end_process(at, 9);
    assert_int_equal(function->counters.faults[0].count, 1);
}

/* The process is known to be gone: its last words must not bring it another event. */
static void a_reply_found_after_the_death_brings_it_no_event(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS); /* long: none is queued ahead */
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    guest_writes(at, (struct mf_desc){.id = guest_gets(at, MF_MSG_INVOKE), .type = MF_MSG_REPLY,
                                      .flags = MF_MSG_END, .arg = 200});
    is_pending(two);
    end_process(at, 9);
    was_answered(one, SITUATION_REPLIED);
    is_pending(two);
    turn();
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
}

static void a_start_that_fails_is_said(void **state)
{
    (void)state;
    struct test_call *one = submit();
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_START_FAILED, .id = peer[0].id,
                                     .why = {"no such thing"}};
    assert_int_equal(send(peer[0].control, &packet, sizeof packet, 0), sizeof packet);
    end_process(&peer[0], (MF_CAUSE_STATUS + MF_CAUSE_HOST) << 8); /* as every monitor that says so */
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "start-failed");
    assert_string_equal(one->message, "no such thing");
}

static void a_second_reply_breaks_the_protocol(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    guest_replies(at, id);
    assert_int_equal(function_live(function), 0);
    assert_string_equal(function->counters.faults[0].cause, "protocol");
}

static void a_reply_to_the_second_event_before_the_first_breaks_it(void **state)
{
    (void)state;
    struct peer *at = warm(10000);
    struct test_call *one = submit(), *two = submit();
    (void)guest_gets(at, MF_MSG_INVOKE);
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
    was_answered(one, SITUATION_PROTOCOL);
    is_pending(two); /* for another instance */
    assert_int_equal(peers, 2);
}

static void idle_instance_is_drained(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    advance(IDLE_MS - 1);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    advance(1);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 1);
    (void)guest_gets(at, MF_MSG_DRAIN);
    end_process(at, 0);
    assert_int_equal(function->in_state[INSTANCE_DRAINING], 0);
    assert_null(count_of_fault(&function->counters, 0));
}

static void one_that_does_not_drain_is_killed(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    advance(IDLE_MS);
    advance(MF_DRAIN_MS_MAX);
    hear_node();
    assert_true(at->killed);
}

static void new_version_drains_the_old_one_and_fails_nothing(void **state)
{
    (void)state;
    struct peer *busy = warm(50 * MS);
    struct test_call *one = submit();
    struct version *old = function->version;
    function->version = reusing_version(4);
    version_put(old);
    outgoing_redeployed(function);
    turn();
    uint64_t id = guest_gets(busy, MF_MSG_INVOKE);
    (void)guest_gets(busy, MF_MSG_DRAIN);
    struct test_call *two = submit();
    assert_int_equal(peers, 2);
    guest_replies(busy, id);
    was_answered(one, SITUATION_REPLIED);
    end_process(busy, 0);
    guest_replies(&peer[1], guest_gets(&peer[1], MF_MSG_INVOKE));
    was_answered(two, SITUATION_REPLIED);
    assert_null(count_of_fault(&function->counters, 0));
}

static void a_removed_function_refuses_what_waits(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    (void)function_get(function); /* the world's own */
    function->removed = true;
    version_put(function->version);
    function->version = NULL;
    dispatch_refuse_all(function, &(struct outcome){.situation = SITUATION_UNKNOWN_FUNCTION});
    outgoing_redeployed(function);
    turn();
    was_answered(two, SITUATION_UNKNOWN_FUNCTION);
    guest_replies(at, id);
    was_answered(one, SITUATION_REPLIED);
    was_answered(submit(), SITUATION_UNKNOWN_FUNCTION);
    end_process(at, 0);
    function_put(function);
}

static void lose_spawner(void)
{
    (void)close(spawner_end);
    spawner_end = -1;
}

static void a_lost_spawner_answers_what_was_inside(void **state)
{
    (void)state;
    (void)warm(50 * MS);
    function->version->settings.max_instances = 1;
    struct test_call *one = submit(), *two = submit();
    lose_spawner();
    turn();
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(one->cause, "spawner-lost");
    is_pending(two); /* for the next spawner; /nonexistent is none */
    advance(WAIT_MS);
    was_answered(two, SITUATION_NO_FREE_INSTANCE);
}

static void a_reply_in_the_ring_outlives_the_spawner(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    function->version->settings.max_instances = 2;
    struct test_call *one = submit();
    uint64_t id = guest_gets(at, MF_MSG_INVOKE);
    guest_writes(at, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 204});
    lose_spawner();
    watcher_run(&node->loop.watcher); /* its bell has not been heard */
    was_answered(one, SITUATION_REPLIED);
    assert_int_equal(one->status, 204);
}

/* The answer of one must not send what waits to another that is dead as well. */
static void last_words_bring_the_dead_no_event(void **state)
{
    (void)state;
    struct peer *first = warm(50 * MS), *second;
    function->version->settings.max_instances = 2;
    struct test_call *one = submit(), *two = submit();
    advance(50); /* longer than patience */
    assert_int_equal(peers, 2);
    node->pool.blanks_wanted = 1; /* it has died, too */
    pool_use(&node->pool, function->version);
    hear_node();
    assert_int_equal(pool_blanks(&node->pool, MF_SANDBOX_PROCESS), 1);
    second = &peer[1];
    uint64_t id = guest_gets(first, MF_MSG_INVOKE), other = guest_gets(second, MF_MSG_INVOKE);
    struct test_call *three = submit();
    is_pending(three);
    guest_writes(first, (struct mf_desc){.id = id, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    guest_writes(second, (struct mf_desc){.id = other, .type = MF_MSG_REPLY, .flags = MF_MSG_END, .arg = 200});
    lose_spawner();
    watcher_run(&node->loop.watcher);
    was_answered(one, SITUATION_REPLIED);
    was_answered(two, SITUATION_REPLIED);
    is_pending(three);
    assert_int_equal(node->pool.count, 0);
    assert_int_equal(function->version->image.users, 1); /* the test's own */
    advance(WAIT_MS);
    was_answered(three, SITUATION_NO_FREE_INSTANCE);
}

/* The spawner's end is heard after a call has come that needs a blank. */
static void a_spawner_lost_unheard_fails_no_call(void **state)
{
    (void)state;
    lose_spawner();
    struct test_call *one = submit_unheard();
    is_pending(one);
    watcher_run(&node->loop.watcher);
    is_pending(one);
    advance(WAIT_MS);
    was_answered(one, SITUATION_NO_FREE_INSTANCE);
}

/* The event of a call kills its instance. */
static void faults(void)
{
    struct test_call *call = submit();
    struct peer *at = &peer[peers - 1];
    (void)guest_gets(at, MF_MSG_INVOKE);
    end_process(at, 139);
    was_answered(call, SITUATION_INSTANCE_FAULT);
}

static void after_faults_in_a_row_calls_wait_for_the_next_start(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= BACKOFF_FREE; i++)
        faults();
    unsigned before = peers;
    struct test_call *one = submit();
    advance(BACKOFF_FIRST_MS - 1);
    is_pending(one);
    assert_int_equal(peers, before);
    advance(1);
    assert_int_equal(peers, before + 1);
    guest_replies(&peer[before], guest_gets(&peer[before], MF_MSG_INVOKE));
    was_answered(one, SITUATION_REPLIED);
    end_process(&peer[before], 139); /* the answer has ended the row */
    faults();
    assert_int_equal(peers, before + 2);
}

static void a_call_whose_wait_ends_in_a_pause_hears_why(void **state)
{
    (void)state;
    uint64_t until_ns = 0;
    while (until_ns < node->loop.now_ns + WAIT_MS * MS) {
        if (until_ns > node->loop.now_ns)
            advance((until_ns - node->loop.now_ns) / MS);
        faults();
        until_ns = backoff_until_ns(&function->backoff);
    }
    unsigned before = peers;
    struct test_call *one = submit();
    advance(WAIT_MS);
    was_answered(one, SITUATION_NO_FREE_INSTANCE);
    assert_non_null(strstr(one->message, "end too often"));
    assert_int_equal(peers, before);
}

static void faults_of_an_old_version_are_not_the_new_ones(void **state)
{
    (void)state;
    struct peer *at = warm(50 * MS);
    for (unsigned i = 0; i < BACKOFF_FREE; i++)
        function->backoff.in_a_row++;
    struct test_call *one = submit();
    version_put(function->version);
    function->version = reusing_version(4);
    outgoing_redeployed(function);
    assert_int_equal(function->backoff.in_a_row, 0);
    end_process(at, 139);
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_int_equal(function->backoff.in_a_row, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_had_not_begun_goes_to_another_instance),
        WORLD_TEST(a_reply_before_the_death_counts),
        WORLD_TEST(a_reply_found_after_the_death_brings_it_no_event),
        WORLD_TEST(a_start_that_fails_is_said),
        WORLD_TEST(a_second_reply_breaks_the_protocol),
        WORLD_TEST(a_reply_to_the_second_event_before_the_first_breaks_it),
        WORLD_TEST(idle_instance_is_drained),
        WORLD_TEST(one_that_does_not_drain_is_killed),
        WORLD_TEST(new_version_drains_the_old_one_and_fails_nothing),
        WORLD_TEST(a_removed_function_refuses_what_waits),
        WORLD_TEST(a_lost_spawner_answers_what_was_inside),
        WORLD_TEST(a_reply_in_the_ring_outlives_the_spawner),
        WORLD_TEST(last_words_bring_the_dead_no_event),
        WORLD_TEST(a_spawner_lost_unheard_fails_no_call),
        WORLD_TEST(after_faults_in_a_row_calls_wait_for_the_next_start),
        WORLD_TEST(a_call_whose_wait_ends_in_a_pause_hears_why),
        WORLD_TEST(faults_of_an_old_version_are_not_the_new_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
