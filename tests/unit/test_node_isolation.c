/* test_node_isolation.c: fresh and reset, and starts that are refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/pool/isolation.h"
#include "node/pool/start.h"
#include "node_world.h"
#include "snapshot_world.h"

#define BODY_BYTES 3000

static uint8_t body[BODY_BYTES];

static struct version *make_version(enum isolation isolation, enum mf_sandbox sandbox)
{
    struct settings settings;
    settings_init(&settings);
    settings.isolation = isolation;
    settings.max_instances = 4;
    struct version *version = world_version(&settings, sandbox);
    settings_close(&settings);
    snapshots_attach(node, version, NULL);
    return version;
}

static int open_it(void **state)
{
    memset(body, 'b', sizeof body);
    return open_with_snapshots(state);
}

static void says_spawned(struct peer *at, pid_t pid)
{
    say(at, MF_SPAWNED, pid, 0);
    turn();
}

/* Its process is there; a child of ours, so that its pagemap can be had. */
static void spawned(struct peer *at)
{
    at->pid = fork();
    assert_true(at->pid >= 0);
    if (at->pid == 0)
        for (;;)
            (void)pause();
    says_spawned(at, at->pid);
}

static void exits(struct peer *at)
{
    end_process(at, SIGKILL);
    turn();
}

static void fails(struct peer *at, enum mf_spawn_type type)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = type,
                                     .id = at->id, .status = MF_EFORMAT};
    (void)mf_why(&packet.why, MF_EFORMAT, "it will not");
    assert_int_equal(send(at->control, &packet, sizeof packet, 0), sizeof packet);
    exits(at); /* then it ends itself */
}

static void start_fails(struct peer *at)
{
    fails(at, MF_START_FAILED);
}

static struct mf_control *control_of(const struct peer *at)
{
    return (struct mf_control *)(void *)(at->channel + MF_CHANNEL_BYTES);
}

static uint64_t takes_event(struct peer *at)
{
    struct mf_desc desc;
    assert_true(guest_takes(at, &desc));
    assert_int_equal(desc.type, MF_MSG_INVOKE);
    assert_int_equal(desc.data_bytes - desc.head_bytes, BODY_BYTES);
    return desc.id;
}

static bool has_event(const struct peer *at)
{
    return head_of(at)->to_guest.tail != at->head;
}

/* The monitor's part: rolled back, and told if it was asked to. */
static void is_rolled_back(struct peer *at)
{
    at->head = at->tail = 0;
    __atomic_fetch_add(&control_of(at)->resets, 1, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&control_of(at)->notify, 0, __ATOMIC_SEQ_CST))
        guest_rings(at);
}

static struct test_call *submit_it(void)
{
    return submit_body(body, sizeof body);
}

/* One instance that is rolled back after each event and has begun its first. */
static struct peer *first_of_reset(void)
{
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    with_snapshot(function->version);
    (void)submit_it();
    assert_int_equal(peers, 1);
    spawned(&peer[0]);
    assert_int_equal(ordered(&peer[0], NULL), MF_START_RESTORE | MF_START_RESET);
    return &peer[0];
}

static void fresh_serves_one_event_and_is_killed(void **state)
{
    (void)state;
    function->version = make_version(ISOLATION_FRESH, MF_SANDBOX_PROCESS);
    with_snapshot(function->version);
    struct test_call *one = submit_it(), *two = submit_it();
    assert_int_equal(peers, 2); /* nothing is queued ahead, nobody waits for who will not come */
    assert_int_equal(ordered(&peer[0], NULL), MF_START_RESTORE);
    guest_replies(&peer[0], takes_event(&peer[0]));
    was_answered(one, SITUATION_REPLIED);
    assert_true(peer[0].killed);
    assert_false(peer[1].killed);
    exits(&peer[0]);
    guest_replies(&peer[1], takes_event(&peer[1]));
    was_answered(two, SITUATION_REPLIED);
    assert_true(peer[1].killed);
    assert_int_equal(function_live(function), 0);
    assert_null(count_of_fault(&function->counters, 0));
}

static void process_sandbox_has_no_reset(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_PROCESS);
    with_snapshot(function->version);
    assert_int_equal(isolation_in_force(function->version, &why), ISOLATION_FRESH);
    assert_non_null(strstr(why.text, "only kvm"));
    (void)submit_it();
    guest_replies(&peer[0], takes_event(&peer[0]));
    assert_true(peer[0].killed);
}

static void without_a_snapshot_reset_is_fresh_and_boots(void **state)
{
    (void)state;
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    (void)submit_it();
    assert_int_equal(ordered(&peer[0], NULL), 0);
    guest_replies(&peer[0], takes_event(&peer[0]));
    assert_true(peer[0].killed);
}

static void reset_starts_with_its_event_and_its_pagemap(void **state)
{
    (void)state;
    unsigned descriptors = 0;
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    with_snapshot(function->version);
    (void)submit_it();
    assert_int_equal(ordered(&peer[0], NULL), UINT32_MAX); /* its process is not known yet */
    assert_true(has_event(&peer[0]));
    spawned(&peer[0]);
    assert_int_equal(ordered(&peer[0], &descriptors), MF_START_RESTORE | MF_START_RESET);
    assert_int_equal(descriptors, 3);
}

static void nothing_is_put_before_the_rollback_is_complete(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    function->version->settings.max_instances = 1;
    uint64_t event = takes_event(at);
    guest_replies(at, event);
    assert_int_equal(function->in_state[INSTANCE_RESETTING], 1);
    struct test_call *next = submit_it();
    assert_false(has_event(at));
    assert_int_equal(control_of(at)->notify, 1);
    assert_int_equal(control_of(at)->go, 0);
    memset(at->channel + MF_CHANNEL_TO_NODE_DATA, 0xee, MF_CHANNEL_DATA_BYTES);
    is_rolled_back(at);
    assert_int_equal(control_of(at)->go, 1);
    for (uint32_t i = 0; i < MF_CHANNEL_DATA_BYTES; i++)
        assert_int_equal(at->channel[MF_CHANNEL_TO_NODE_DATA + i], 0);
    assert_int_not_equal(takes_event(at), event);
    guest_replies(at, event + 1);
    was_answered(next, SITUATION_REPLIED);
    assert_int_equal(peers, 1);
    assert_false(at->killed);
}

/* Then its monitor rings once, for the reply and the rollback. */
static void whose_rollback_is_waited_for_is_told_with_its_event(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    function->version->settings.max_instances = 1;
    assert_int_equal(control_of(at)->notify, 0);
    (void)submit_it();
    (void)submit_it();
    guest_replies(at, takes_event(at));
    is_rolled_back(at);
    assert_int_equal(control_of(at)->go, 1);
    assert_int_equal(control_of(at)->notify, 1); /* one more waits */
    guest_replies(at, takes_event(at));
    is_rolled_back(at);
    assert_int_equal(control_of(at)->go, 2);
    assert_int_equal(control_of(at)->notify, 0);
    guest_replies(at, takes_event(at));
    assert_int_equal(control_of(at)->notify, 0);
}

static void one_that_was_rolled_back_takes_the_next_at_once(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    guest_replies(at, takes_event(at));
    is_rolled_back(at); /* unasked: nobody is told */
    assert_int_equal(function->in_state[INSTANCE_RESETTING], 1);
    struct test_call *next = submit_it();
    assert_int_equal(peers, 1);
    assert_int_equal(control_of(at)->go, 1);
    guest_replies(at, takes_event(at));
    was_answered(next, SITUATION_REPLIED);
    assert_int_equal(function->counters.reset.count, 1);
}

static void who_is_not_rolled_back_in_time_is_killed(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    guest_replies(at, takes_event(at));
    advance(MF_RESET_MS_MAX - 1);
    assert_false(at->killed);
    advance(1);
    assert_true(at->killed);
    assert_string_equal(function->counters.faults[0].cause, "reset-timeout");
}

static void who_is_rolled_back_in_time_becomes_idle(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    guest_replies(at, takes_event(at));
    is_rolled_back(at);
    advance(MF_RESET_MS_MAX);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    advance(MF_IDLE_MS_DEFAULT);
    assert_true(at->killed); /* nothing to drain */
    assert_null(count_of_fault(&function->counters, 0));
}

static void a_reply_while_it_is_rolled_back_breaks_the_protocol(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    uint64_t event = takes_event(at);
    guest_replies(at, event);
    guest_replies(at, event);
    assert_true(at->killed);
}

static void without_its_pagemap_it_serves_one_event(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    with_snapshot(function->version);
    struct test_call *one = submit_it();
    says_spawned(&peer[0], 1); /* no child of the spawner's */
    assert_int_equal(ordered(&peer[0], NULL), MF_START_RESTORE);
    guest_replies(&peer[0], takes_event(&peer[0]));
    was_answered(one, SITUATION_REPLIED);
    assert_true(peer[0].killed);
    assert_int_equal(isolation_in_force(function->version, &why), ISOLATION_FRESH);
    assert_non_null(strstr(why.text, "pagemap"));
}

static void a_refused_start_is_done_again_with_less(void **state)
{
    (void)state;
    start_fails(first_of_reset());
    assert_int_equal(peers, 2);
    assert_int_equal(ordered(&peer[1], NULL), MF_START_RESTORE);
    start_fails(&peer[1]);
    assert_int_equal(peers, 3);
    assert_int_equal(ordered(&peer[2], NULL), 0);
    assert_int_equal(function->version->snapshot.state, SNAPSHOT_NONE);
    assert_int_equal(test_call[0].done, 0);
    guest_replies(&peer[2], takes_event(&peer[2]));
    was_answered(&test_call[0], SITUATION_REPLIED);
    assert_null(count_of_fault(&function->counters, 0));
}

/* It was none when the order came: another one, and the snapshot is not to blame. */
static void a_blank_that_cannot_be_made_is_replaced(void **state)
{
    (void)state;
    fails(first_of_reset(), MF_BLANK_FAILED);
    assert_int_equal(peers, 2);
    assert_int_equal(test_call[0].done, 0);
    spawned(&peer[1]);
    assert_int_equal(ordered(&peer[1], NULL), MF_START_RESTORE | MF_START_RESET);
    assert_int_equal(function->version->snapshot.state, SNAPSHOT_READY);
    guest_replies(&peer[1], takes_event(&peer[1]));
    was_answered(&test_call[0], SITUATION_REPLIED);
    assert_null(count_of_fault(&function->counters, 0));
}

static void three_blanks_that_cannot_be_made_are_said(void **state)
{
    (void)state;
    function->version = make_version(ISOLATION_FRESH, MF_SANDBOX_PROCESS);
    struct test_call *one = submit_it();
    for (unsigned i = 0; i < MF_BLANKS_TRIED_MAX; i++) {
        assert_int_equal(one->done, 0);
        assert_int_equal(peers, i + 1);
        fails(&peer[i], MF_BLANK_FAILED);
    }
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(function->counters.faults[0].cause, "start-failed");
    assert_int_equal(peers, MF_BLANKS_TRIED_MAX);
}

/* Its instance has no process yet: nothing of the function can have run. */
static void a_spawner_lost_before_the_order_to_start_fails_no_call(void **state)
{
    (void)state;
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    with_snapshot(function->version);
    struct test_call *one = submit_it();
    assert_int_equal(peers, 1);
    node->pool.spawner.pid = 0; /* not we ourselves */
    (void)close(spawner_end);
    spawner_end = -1;
    watcher_run(&node->loop.watcher);
    assert_int_equal(one->done, 0);
    assert_int_equal(function->queued, 1);
    assert_int_equal(function_live(function), 0);
}

static void a_boot_that_is_refused_is_said(void **state)
{
    (void)state;
    function->version = make_version(ISOLATION_FRESH, MF_SANDBOX_PROCESS);
    struct test_call *one = submit_it();
    start_fails(&peer[0]);
    was_answered(one, SITUATION_INSTANCE_FAULT);
    assert_string_equal(function->counters.faults[0].cause, "start-failed");
}

static void another_version_ends_who_is_rolled_back(void **state)
{
    (void)state;
    struct peer *at = first_of_reset();
    guest_replies(at, takes_event(at));
    struct version *old = function->version;
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    version_put(old);
    outgoing_redeployed(function);
    turn();
    assert_true(at->killed);
    assert_null(count_of_fault(&function->counters, 0));
}

static void one_without_an_event_is_rolled_back_first(void **state)
{
    (void)state;
    struct instance *instance;
    struct mf_why why;
    function->version = make_version(ISOLATION_RESET, MF_SANDBOX_KVM);
    with_snapshot(function->version);
    assert_int_equal(pool_start(&node->pool, function, &instance, &why), MF_OK);
    pool_start_idle(instance);
    turn();
    spawned(&peer[0]);
    assert_int_equal(ordered(&peer[0], NULL), MF_START_RESTORE | MF_START_RESET);
    assert_int_equal(instance->state, INSTANCE_RESETTING);
    is_rolled_back(&peer[0]);
    struct test_call *one = submit_it();
    assert_int_equal(control_of(&peer[0])->go, 1);
    guest_replies(&peer[0], takes_event(&peer[0]));
    was_answered(one, SITUATION_REPLIED);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, open_it, close_with_snapshots)
    const struct CMUnitTest tests[] = {
        TEST(fresh_serves_one_event_and_is_killed),
        TEST(process_sandbox_has_no_reset),
        TEST(without_a_snapshot_reset_is_fresh_and_boots),
        TEST(reset_starts_with_its_event_and_its_pagemap),
        TEST(nothing_is_put_before_the_rollback_is_complete),
        TEST(whose_rollback_is_waited_for_is_told_with_its_event),
        TEST(one_that_was_rolled_back_takes_the_next_at_once),
        TEST(who_is_not_rolled_back_in_time_is_killed),
        TEST(who_is_rolled_back_in_time_becomes_idle),
        TEST(a_reply_while_it_is_rolled_back_breaks_the_protocol),
        TEST(without_its_pagemap_it_serves_one_event),
        TEST(a_refused_start_is_done_again_with_less),
        TEST(a_spawner_lost_before_the_order_to_start_fails_no_call),
        TEST(a_blank_that_cannot_be_made_is_replaced),
        TEST(three_blanks_that_cannot_be_made_are_said),
        TEST(a_boot_that_is_refused_is_said),
        TEST(another_version_ends_who_is_rolled_back),
        TEST(one_without_an_event_is_rolled_back_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
