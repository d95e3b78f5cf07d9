/* test_node_connections.c: connections of clients and to peers, through a node whose guests the test
 * plays (stream_world.h): who gets an instance, what ends it, what is lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/streams/listen.h"
#include "node/streams/place.h"
#include "node/streams/streams.h"
#include "stream_world.h"

/* ---- orders ---- */

/* A call whose program has a connection to a server of ours: the event, and the server's end. */
static struct test_call *connected(uint64_t *event, int *peer_fd)
{
    uint16_t port;
    char allowed[32];
    int fd = server(&port);
    (void)snprintf(allowed, sizeof allowed, "127.0.0.1:%u", port);
    deploy(ISOLATION_FRESH, "", allowed);
    struct test_call *call = submit();
    *event = guest_gets(&peer[0], MF_MSG_INVOKE);
    connects(&peer[0], port);
    *peer_fd = keep(accept(fd, NULL, NULL));
    turn();
    assert_int_equal(gets(&peer[0], MF_MSG_OPENED).id, GUEST_ID);
    return call;
}

static void what_is_written_before_the_reply_arrives_before_the_end(void **state)
{
    (void)state;
    char got[8];
    uint64_t event;
    int peer_fd;
    struct test_call *call = connected(&event, &peer_fd);
    sends(&peer[0], GUEST_ID, "bye", 3);
    writes(&peer[0], (struct mf_desc){.id = GUEST_ID, .type = MF_MSG_CLOSE}, NULL);
    guest_replies(&peer[0], event);
    was_answered(call, SITUATION_REPLIED);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), 3);
    assert_memory_equal(got, "bye", 3);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), 0);
    assert_true(peer[0].killed);
}

static void what_is_left_open_behind_the_reply_is_reset(void **state)
{
    (void)state;
    char got[8];
    uint64_t event;
    int peer_fd;
    struct test_call *call = connected(&event, &peer_fd);
    guest_replies(&peer[0], event);
    was_answered(call, SITUATION_REPLIED);
    assert_int_equal(recv(peer_fd, got, sizeof got, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

/* ---- how long a connection holds an instance ---- */

/* A client's, and the guest has seen it: its id. */
static uint64_t holds(int *fd)
{
    deploy(ISOLATION_REUSE, "0", NULL);
    const uint64_t id = opened(fd);
    guest_rings(&peer[0]);
    return id;
}

static void a_program_that_ends_nothing_has_its_time_limit(void **state)
{
    (void)state;
    int fd;
    (void)holds(&fd);
    advance(20 * TIMEOUT_MS);
    assert_false(peer[0].killed);
    leave(fd, true);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).arg, ECONNRESET);
    guest_rings(&peer[0]);
    advance(TIMEOUT_MS - 1);
    assert_false(peer[0].killed);
    advance(1);
    assert_true(peer[0].killed);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 0);
}

static void who_comes_meanwhile_holds_it_again(void **state)
{
    (void)state;
    int fd;
    uint64_t first = holds(&fd);
    leave(fd, true);
    fd = client();
    advance(20 * TIMEOUT_MS);
    assert_false(peer[0].killed);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).id, first);
    uint64_t second = gets(&peer[0], MF_MSG_OPEN).id;
    says(&peer[0], MF_MSG_CLOSE, first, 0);
    says(&peer[0], MF_MSG_CLOSE, second, 0);
    assert_int_equal(function->in_state[INSTANCE_IDLE], 1);
    assert_int_equal(peers, 1);
}

static void a_version_is_held_for_a_while_behind_the_next(void **state)
{
    (void)state;
    static const enum isolation all[] = {ISOLATION_REUSE, ISOLATION_FRESH};
    for (unsigned i = 0; i < 2; i++) {
        deploy(all[i], "0", NULL);
        (void)client();
        struct peer *at = &peer[peers - 1];
        (void)gets(at, MF_MSG_OPEN);
        guest_rings(at);
        deploy(all[i], "0", NULL);
        advance(MF_STREAM_OLD_MS - 1);
        assert_false(at->killed);
        advance(1);
        assert_true(at->killed);
    }
}

static void a_function_that_is_removed_is_not_held(void **state)
{
    (void)state;
    int fd;
    char got;
    (void)holds(&fd);
    function->removed = true;
    struct version *old = function->version;
    function->version = NULL;
    listen_close(function);
    version_put(old);
    outgoing_redeployed(function);
    turn();
    assert_false(peer[0].killed);
    advance(TIMEOUT_MS);
    assert_true(peer[0].killed);
    assert_int_equal(recv(fd, &got, 1, 0), -1);
}

static void a_stopped_function_takes_no_connection_and_ends_those_it_has(void **state)
{
    (void)state;
    int fd;
    (void)holds(&fd);
    function->stopped = strdup("it is enough");
    listen_settle(function);
    outgoing_stopped(function);
    (void)client(); /* in the backlog */
    gets_none(&peer[0]);
    advance(TIMEOUT_MS);
    assert_true(peer[0].killed);
    assert_int_equal(peers, 1);
    free(function->stopped);
    function->stopped = NULL;
    listen_settle(function);
    turn();
    turn();
    assert_int_equal(peers, 2);
    (void)gets(&peer[1], MF_MSG_OPEN);
}

static void nobody_listens_before_the_node_does(void **state)
{
    (void)state;
    node->streaming.begun = false;
    deploy(ISOLATION_REUSE, "0", NULL);
    assert_int_equal(listener(), -1);
    streaming_begin(&node->streaming);
    assert_true(listener() >= 0);
}

/* ---- ports ---- */

static void says_that_it_is_taken(const char *why, uint16_t port)
{
    char place[32];
    (void)snprintf(place, sizeof place, "127.0.0.1:%u is taken", port);
    assert_non_null(strstr(why, place));
    assert_non_null(strstr(why, "mayfly.yml")); /* what to do */
}

static void a_port_that_is_taken_is_asked_for_until_it_is_free(void **state)
{
    (void)state;
    uint16_t port;
    char text[8];
    const char *why;
    int other = server(&port);
    (void)snprintf(text, sizeof text, "%u", port);
    deploy(ISOLATION_REUSE, text, NULL);
    for (int i = 0; i < 3; i++) {
        assert_null(listen_where(function, &why));
        says_that_it_is_taken(why, port);
        advance(MF_LISTEN_AGAIN_MS);
    }
    leave(other, false);
    assert_null(listen_where(function, &why));
    advance(MF_LISTEN_AGAIN_MS);
    assert_non_null(listen_where(function, &why));
    assert_null(why);
    assert_int_equal(listen_port(function), port);
    (void)keep(connect_to(port));
    turn();
    (void)gets(&peer[0], MF_MSG_OPEN);
}

static void a_version_has_its_port_before_it_is_in_force(void **state)
{
    (void)state;
    uint16_t port;
    char text[8];
    struct mf_why why = {{0}};
    int other = server(&port);
    (void)snprintf(text, sizeof text, "%u", port);
    deploy(ISOLATION_REUSE, "", NULL);
    struct version *version = function->version;
    memcpy(version->settings.listen, text, sizeof text);
    assert_int_equal(place_reserve(node, function->name, version, NULL, NULL, &why), MF_EEXIST);
    says_that_it_is_taken(why.text, port);
    assert_int_equal(version->port_fd, -1);
    leave(other, false);
    assert_int_equal(place_reserve(node, function->name, version, NULL, NULL, &why), MF_OK);
    int fd = version->port_fd;
    assert_int_equal(port_of(fd), port);
    listen_settle(function);
    assert_int_equal(version->port_fd, -1);
    assert_int_equal(listener(), fd);
    assert_true(listen_at(function, text));
    assert_int_equal(place_reserve(node, function->name, version, NULL, NULL, &why), MF_OK); /* it has it */
    assert_int_equal(version->port_fd, -1);
    assert_int_equal(place_reserve(node, "another", version, NULL, NULL, &why), MF_EEXIST);
    assert_non_null(strstr(why.text, function->name));
}

static void what_may_not_be_listened_on_is_said(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    int fd;
    assert_int_equal(place_open(node, "f", "192.0.2.1:9", &fd, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "192.0.2.1:9 is no place of this machine"));
    assert_int_equal(fd, -1);
}

/* ---- starts that fail ---- */

static void blank_fails(struct peer *at)
{
    struct mf_spawn_packet packet = {.magic = MF_SPAWN_MAGIC, .type = MF_BLANK_FAILED,
                                     .id = at->id, .status = MF_EFORMAT};
    assert_int_equal(send(at->control, &packet, sizeof packet, 0), sizeof packet);
    end_process(at, SIGKILL);
    turn();
}

static void a_connection_whose_instance_did_not_begin_loses_nothing(void **state)
{
    (void)state;
    struct mf_desc desc;
    deploy(ISOLATION_REUSE, "0", NULL);
    int fd = connect_to(port_of(listener()));
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    turn();
    turn();
    assert_int_equal(peers, 1);
    blank_fails(&peer[0]);
    assert_int_equal(peers, 2);
    (void)gets(&peer[1], MF_MSG_OPEN);
    guest_rings(&peer[1]);
    desc = gets(&peer[1], MF_MSG_RECEIVED);
    assert_int_equal(desc.data_bytes, 5);
    assert_memory_equal(peer[1].channel + MF_STREAMS_TO_GUEST_DATA + desc.data_offset, "hello", 5);
    says(&peer[1], MF_MSG_CLOSE, desc.id, 0);
    assert_int_equal(recv(fd, &desc, 1, 0), 0);
}

/* Its monitor says so, its guest has taken bytes: nobody is left to be served by another one. */
static void an_instance_is_not_held_for_nobody(void **state)
{
    (void)state;
    int fd;
    char got;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    guest_rings(&peer[0]);
    assert_int_equal(gets(&peer[0], MF_MSG_RECEIVED).id, id);
    blank_fails(&peer[0]);
    assert_int_equal(recv(fd, &got, 1, 0), -1);
    assert_int_equal(function->queued, 0);
    assert_int_equal(function->in_state[INSTANCE_BUSY] + function->in_state[INSTANCE_RESTORING], 0);
}

static void who_speaks_first_through_a_stream_has_started(void **state)
{
    (void)state;
    int fd;
    deploy(ISOLATION_REUSE, "0", NULL);
    uint64_t id = opened(&fd);
    assert_int_equal(node->pool.shelf[MF_SANDBOX_PROCESS].starting, 1);
    sends(&peer[0], id, "x", 1);
    guest_rings(&peer[0]);
    assert_int_equal(function->in_state[INSTANCE_BUSY], 1);
    assert_int_equal(function->in_state[INSTANCE_RESTORING], 0);
    assert_int_equal(node->pool.shelf[MF_SANDBOX_PROCESS].starting, 0);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
}

/* ---- ends ---- */

static void a_reset_behind_the_end_is_told(void **state)
{
    (void)state;
    int fd;
    uint64_t id = holds(&fd);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn();
    assert_int_equal(gets(&peer[0], MF_MSG_RECEIVED).flags, MF_MSG_END);
    gets_none(&peer[0]);
    leave(fd, true);
    assert_int_equal(gets(&peer[0], MF_MSG_CLOSED).arg, ECONNRESET);
    says(&peer[0], MF_MSG_CLOSE, id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(what_is_written_before_the_reply_arrives_before_the_end),
        STREAM_TEST(what_is_left_open_behind_the_reply_is_reset),
        STREAM_TEST(a_program_that_ends_nothing_has_its_time_limit),
        STREAM_TEST(who_comes_meanwhile_holds_it_again),
        STREAM_TEST(a_version_is_held_for_a_while_behind_the_next),
        STREAM_TEST(a_function_that_is_removed_is_not_held),
        STREAM_TEST(a_stopped_function_takes_no_connection_and_ends_those_it_has),
        STREAM_TEST(nobody_listens_before_the_node_does),
        STREAM_TEST(a_port_that_is_taken_is_asked_for_until_it_is_free),
        STREAM_TEST(a_version_has_its_port_before_it_is_in_force),
        STREAM_TEST(what_may_not_be_listened_on_is_said),
        STREAM_TEST(a_connection_whose_instance_did_not_begin_loses_nothing),
        STREAM_TEST(an_instance_is_not_held_for_nobody),
        STREAM_TEST(who_speaks_first_through_a_stream_has_started),
        STREAM_TEST(a_reset_behind_the_end_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
