/* test_kernel_socket.c: connections within one instance: what arrives, and who hears of what. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_stubs.h"
#include "kernel/socket/limits.h"
#include "socket_rig.h"

static void a_connection_carries_bytes_both_ways(void **state)
{
    (void)state;
    join(FAMILY_INET);
    assert_int_equal(receive_text(server), -EAGAIN);
    assert_int_equal(send_text(client, "hello, "), 7);
    assert_int_equal(send_text(client, "server"), 6);
    assert_received(server, "hello, server");
    assert_int_equal(send_text(server, "hello, client"), 13);
    assert_received(client, "hello, client");
    struct address name, peer;
    socket_name(client, &name);
    assert_int_equal(socket_peer_name(server, &peer), 0);
    assert_true(address_same(&name, &peer));
    assert_int_not_equal(name.port, 0);
    socket_name(server, &name);
    assert_int_equal(name.port, 80);
    close_all();
}

static void what_was_sent_comes_before_the_end(void **state)
{
    (void)state;
    join(FAMILY_INET6);
    assert_int_equal(send_text(client, "last"), 4);
    close_socket(client);
    assert_received(server, "last");
    assert_int_equal(receive_text(server), 0);
    assert_int_equal(receive_text(server), 0);
    client = open_socket(FAMILY_INET, SOCKET_STREAM);
    close_all();
}

static void a_half_that_is_shut_leaves_the_other(void **state)
{
    (void)state;
    join(FAMILY_INET);
    assert_int_equal(send_text(client, "request"), 7);
    assert_int_equal(socket_shutdown(client, false, true), 0);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    assert_received(server, "request");
    assert_int_equal(receive_text(server), 0);
    assert_true(file_ready(&server->file) & POLLRDHUP);
    assert_false(file_ready(&server->file) & POLLHUP);
    assert_int_equal(send_text(server, "response"), 8);
    assert_received(client, "response");
    assert_int_equal(socket_shutdown(server, false, true), 0);
    assert_true(file_ready(&server->file) & POLLHUP);
    close_all();
}

static void who_writes_for_nobody_learns_of_it(void **state)
{
    (void)state;
    join(FAMILY_INET);
    close_socket(server);
    assert_int_equal(send_text(client, "lost"), 4); /* as Linux: the answer is the error */
    assert_true(file_ready(&client->file) & POLLERR);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    assert_int_equal(receive_text(client), 0);
    server = open_socket(FAMILY_INET, SOCKET_STREAM);
    close_all();
}

static void who_closes_without_reading_resets(void **state)
{
    (void)state;
    join(FAMILY_INET);
    assert_int_equal(send_text(client, "unread"), 6);
    assert_int_equal(send_text(server, "still"), 5);
    close_socket(server);
    assert_int_equal(socket_peer_read(client), 0);
    assert_received(client, "still");
    assert_int_equal(receive_text(client), -ECONNRESET);
    assert_int_equal(receive_text(client), 0);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    server = open_socket(FAMILY_INET, SOCKET_STREAM);
    close_all();
}

static void a_full_buffer_stops_the_writer_until_much_is_read(void **state)
{
    (void)state;
    static uint8_t data[SOCKET_BUFFER_BYTES_MAX * 2], back[sizeof data];
    struct io io;
    uint32_t flags = 0;
    join(FAMILY_INET);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 11));
    io_kernel(&io, data, sizeof data);
    assert_int_equal(socket_send(client, &io, NULL, NULL), SOCKET_BUFFER_BYTES_MAX);
    assert_int_equal(socket_send(client, &io, NULL, NULL), -EAGAIN);
    assert_false(file_ready(&client->file) & POLLOUT);
    struct io into;
    io_kernel(&into, back, 1000);
    assert_int_equal(socket_receive(server, &into, &flags, NULL, NULL), 1000);
    assert_false(file_ready(&client->file) & POLLOUT);
    io_kernel(&into, back + 1000, SOCKET_BUFFER_BYTES_MAX / 2);
    assert_int_equal(socket_receive(server, &into, &flags, NULL, NULL), SOCKET_BUFFER_BYTES_MAX / 2);
    assert_true(file_ready(&client->file) & POLLOUT);
    size_t at = 1000 + SOCKET_BUFFER_BYTES_MAX / 2;
    while (at < sizeof back) {
        if (io.bytes)
            assert_true(socket_send(client, &io, NULL, NULL) > 0);
        io_kernel(&into, back + at, sizeof back - at);
        int64_t bytes = socket_receive(server, &into, &flags, NULL, NULL);
        assert_true(bytes > 0);
        at += (size_t)bytes;
    }
    assert_memory_equal(data, back, sizeof data);
    assert_int_equal(server->received.capacity, 0); /* large and empty: given back */
    close_all();
}

static unsigned times_told;

static void tell(struct watcher *watcher)
{
    (void)watcher;
    times_told++;
}

static void who_looks_for_room_in_vain_is_told_of_it(void **state)
{
    (void)state;
    static uint8_t data[SOCKET_BUFFER_BYTES_MAX];
    struct watcher watcher = {.told = tell};
    struct io io, into;
    uint32_t flags = 0;
    join(FAMILY_INET);
    io_kernel(&io, data, SOCKET_BUFFER_BYTES_MAX - 1);
    assert_int_equal(socket_send(client, &io, NULL, NULL), SOCKET_BUFFER_BYTES_MAX - 1); /* all of it */
    file_watch(&client->file, &watcher);
    assert_false(file_ready(&client->file) & POLLOUT);
    times_told = 0;
    io_kernel(&into, data, sizeof data);
    assert_int_equal(socket_receive(server, &into, &flags, NULL, NULL), SOCKET_BUFFER_BYTES_MAX - 1);
    assert_int_equal(times_told, 1);
    assert_true(file_ready(&client->file) & POLLOUT);
    file_unwatch(&watcher);
    close_all();
}

static void looking_takes_nothing(void **state)
{
    (void)state;
    struct io io;
    uint32_t flags = SOCKET_PEEK;
    join(FAMILY_INET);
    assert_int_equal(send_text(client, "abc"), 3);
    io_kernel(&io, got, 2);
    assert_int_equal(socket_receive(server, &io, &flags, NULL, NULL), 2);
    assert_received(server, "abc");
    close_all();
}

static void nobody_there_refuses(void **state)
{
    (void)state;
    const struct address here = address_loopback(FAMILY_INET, 81);
    client = open_socket(FAMILY_INET, SOCKET_STREAM);
    assert_int_equal(socket_connect(client, &here), -ECONNREFUSED);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    assert_int_equal(receive_text(client), -ENOTCONN);
    close_socket(client);
    assert_int_equal(stub_heap_used, 0);
}

static void a_pair_is_connected(void **state)
{
    (void)state;
    struct socket *pair[2];
    for (int type = SOCKET_STREAM; type <= SOCKET_DATAGRAM; type++) {
        assert_int_equal(socket_pair(FAMILY_UNIX, type, 0, 0, pair), 0);
        assert_int_equal(send_text(pair[0], "one"), 3);
        assert_int_equal(send_text(pair[0], "two"), 3);
        assert_received(pair[1], type == SOCKET_STREAM ? "onetwo" : "one");
        close_socket(pair[0]);
        if (type == SOCKET_DATAGRAM)
            assert_received(pair[1], "two");
        assert_int_equal(send_text(pair[1], "x"), type == SOCKET_STREAM ? -EPIPE : -ECONNREFUSED);
        close_socket(pair[1]);
    }
    assert_int_equal(socket_pair(FAMILY_INET, SOCKET_STREAM, 0, 0, pair), -EOPNOTSUPP);
    assert_int_equal(stub_heap_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_carries_bytes_both_ways),
        cmocka_unit_test(what_was_sent_comes_before_the_end),
        cmocka_unit_test(a_half_that_is_shut_leaves_the_other),
        cmocka_unit_test(who_writes_for_nobody_learns_of_it),
        cmocka_unit_test(who_closes_without_reading_resets),
        cmocka_unit_test(a_full_buffer_stops_the_writer_until_much_is_read),
        cmocka_unit_test(who_looks_for_room_in_vain_is_told_of_it),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(nobody_there_refuses),
        cmocka_unit_test(a_pair_is_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
