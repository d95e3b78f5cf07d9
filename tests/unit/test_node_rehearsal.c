/* test_node_rehearsal.c: a warm-up that is done again, and what happens to its function meanwhile. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/snapshots/freezer.h"
#include "snapshot_world.h"

static struct version *make_version(void)
{
    struct settings settings;
    settings_init(&settings);
    settings.isolation = ISOLATION_FRESH;
    settings.warm_up = strdup("/warm");
    assert_non_null(settings.warm_up);
    struct version *version = world_version(&settings, MF_SANDBOX_PROCESS);
    settings_close(&settings);
    snapshots_attach(node, version, NULL);
    with_snapshot(version);
    version->snapshot.facts.touched.state = TOUCHED_WANTED;
    return version;
}

static int open_rehearsing(void **state)
{
    int failed = open_with_snapshots(state);
    rehearsal_open(&node->freezer.rehearsal, node);
    function->version = make_version();
    rehearsal_want(function);
    turn();
    assert_int_equal(peers, 1);
    assert_int_equal(ordered(&peer[0], NULL), MF_START_RESTORE);
    assert_int_equal(function->in_state[INSTANCE_REHEARSING], 1);
    return failed;
}

static int close_rehearsing(void **state)
{
    rehearsal_quiet(&node->freezer.rehearsal);
    return close_with_snapshots(state);
}

static void answers(struct peer *at)
{
    guest_replies(at, guest_gets(at, MF_MSG_INVOKE));
}

static void it_is_no_event(void **state)
{
    (void)state;
    const struct mf_spawn_packet exited = {
        .magic = MF_SPAWN_MAGIC, .type = MF_EXITED, .id = peer[0].id, .status = SIGKILL, .cpu_ns = 5 * MS};
    answers(&peer[0]);
    assert_true(peer[0].killed);
    assert_int_equal(function->counters.started, 0);
    assert_int_equal(function_live(function), 0);
    assert_int_equal(send(spawner_end, &exited, sizeof exited, 0), sizeof exited);
    peer[0].exited = true;
    turn();
    assert_int_equal(function->counters.ended, 1);
    assert_int_equal(function->cpu.used_ns, 0); /* nobody pays for it */
}

static void what_is_not_seen_is_done_again_a_few_times(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MF_REHEARSALS_MAX; i++) {
        assert_int_equal(peers, i + 1);
        answers(&peer[i]); /* its pid is not known: nobody can look */
    }
    assert_int_equal(peers, MF_REHEARSALS_MAX);
    assert_true(list_empty(&function->rehearsal_due));
}

static void a_reply_has_the_bound_of_an_events(void **state)
{
    (void)state;
    uint64_t event = guest_gets(&peer[0], MF_MSG_INVOKE);
    guest_says(&peer[0], (struct mf_desc){.id = event, .type = MF_MSG_REPLY, .arg = 200});
    for (uint64_t bytes = 0; bytes < MF_BODY_BYTES_MAX; bytes += MF_CHUNK_BYTES_MAX) {
        assert_false(peer[0].killed);
        guest_says(&peer[0], (struct mf_desc){.id = event, .type = MF_MSG_REPLY_BODY, .data_bytes = MF_CHUNK_BYTES_MAX});
    }
    assert_false(peer[0].killed);
    guest_says(&peer[0], (struct mf_desc){.id = event, .type = MF_MSG_REPLY_BODY, .data_bytes = 1});
    assert_true(peer[0].killed);
    assert_int_equal(peers, 1); /* there is no other */
}

static void who_makes_noise_is_held(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MF_NOISE_BURST; i++)
        guest_says(&peer[0], (struct mf_desc){.type = MF_MSG_LOG});
    assert_true(list_empty(&node->pool.held));
    guest_says(&peer[0], (struct mf_desc){.type = MF_MSG_LOG});
    assert_false(list_empty(&node->pool.held));
    advance(MF_FREEZE_MS_MAX);
    assert_true(peer[0].killed);
}

/* As a removal calls it: the version is in force yet. */
static void who_goes_does_not_begin_again(void **state)
{
    (void)state;
    freezer_cancel(function);
    turn();
    assert_true(peer[0].killed);
    assert_int_equal(peers, 1);
    assert_int_equal(function->in_state[INSTANCE_REHEARSING], 0);
}

static void who_goes_is_not_left_in_the_queue(void **state)
{
    (void)state;
    node->freezer.recorder.in_job = true; /* writes down what another function touches */
    freezer_cancel(function);
    assert_true(list_empty(&function->rehearsal_due));
    node->freezer.recorder.in_job = false;
}

static void the_next_one_begins_when_who_rehearses_goes(void **state)
{
    (void)state;
    struct function *other;
    assert_int_equal(function_create(node, "g", &other), MF_OK);
    other->version = make_version();
    registry_add(&node->registry, other);
    rehearsal_want(other);
    assert_int_equal(peers, 1);
    freezer_cancel(function);
    turn();
    assert_int_equal(peers, 2);
    assert_int_equal(other->in_state[INSTANCE_REHEARSING], 1);
    freezer_cancel(other);
    turn();
    assert_true(peer[1].killed);
    end_process(&peer[1], SIGKILL);
    turn();
    registry_remove(&node->registry, other);
}

/* Of a node that is full of others' instances. */
static void who_finds_no_room_tries_again(void **state)
{
    const uint32_t others = MF_INSTANCES_NODE_MAX;
    (void)state;
    node->pool.count += others;
    answers(&peer[0]); /* and another is wanted, for nobody saw what it touched */
    assert_true(peer[0].killed);
    assert_int_equal(peers, 1);
    advance(MF_REHEARSAL_ROOM_MS);
    assert_int_equal(peers, 1);
    node->pool.count -= others;
    advance(MF_REHEARSAL_ROOM_MS);
    assert_int_equal(peers, 2);
    assert_int_equal(function->in_state[INSTANCE_REHEARSING], 1);
}

static void a_lost_spawner_ends_it(void **state)
{
    (void)state;
    node->pool.spawner.pid = 0; /* not we ourselves */
    (void)close(spawner_end);
    spawner_end = -1;
    watcher_run(&node->loop.watcher);
    assert_int_equal(function->in_state[INSTANCE_REHEARSING], 0);
    freezer_cancel(function); /* it waits for another spawner, and goes */
    assert_true(list_empty(&function->rehearsal_due));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, open_rehearsing, close_rehearsing)
    const struct CMUnitTest tests[] = {
        TEST(it_is_no_event),
        TEST(what_is_not_seen_is_done_again_a_few_times),
        TEST(a_reply_has_the_bound_of_an_events),
        TEST(who_makes_noise_is_held),
        TEST(who_goes_does_not_begin_again),
        TEST(who_goes_is_not_left_in_the_queue),
        TEST(the_next_one_begins_when_who_rehearses_goes),
        TEST(who_finds_no_room_tries_again),
        TEST(a_lost_spawner_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
