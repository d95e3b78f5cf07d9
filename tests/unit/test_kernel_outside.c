/* test_kernel_outside.c: connections with the outside, streams of the channel. */
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
#include "kernel/socket/outside.h"
#include "socket_rig.h"

static const struct mf_stream_address someone = {
    .address = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7}, .port = 4444};

static struct socket *asks(uint64_t *id)
{
    struct address to = address_loopback(FAMILY_INET, 5432);
    to.data[12] = 10;
    struct socket *socket = open_socket(FAMILY_INET, SOCKET_STREAM);
    assert_int_equal(socket_connect(socket, &to), -EINPROGRESS);
    assert_int_equal(socket_connect(socket, &to), -EALREADY);
    assert_int_equal(file_ready(&socket->file), 0);
    assert_int_equal(send_text(socket, "x"), -EAGAIN);
    assert_int_equal(receive_text(socket), -EAGAIN);
    struct mf_why why;
    assert_int_equal(channel_stream_peek(&node, &said, &why), MF_OK);
    assert_int_equal(said.type, MF_MSG_CONNECT);
    assert_int_equal(said.id % 2, 1);
    const struct mf_stream_address *asked = (const void *)said.data;
    assert_int_equal(asked->port, 5432);
    assert_int_equal(asked->address[12], 10);
    *id = said.id;
    channel_stream_release(&node);
    assert_true(outside_asks());
    return socket;
}

static void a_connection_to_the_outside_goes_through_the_channel(void **state)
{
    (void)state;
    uint64_t id;
    struct address name;
    client = asks(&id);
    node_says(MF_MSG_OPENED, id, 0, 0, NULL, 0);
    assert_false(outside_asks());
    assert_true(file_ready(&client->file) & POLLOUT);
    assert_int_equal(socket_peer_name(client, &name), 0);
    assert_int_equal(name.port, 5432);
    assert_int_equal(send_text(client, "hello"), 5);
    assert_said(MF_MSG_SENT, id);
    assert_memory_equal(said.data, "hello", 5);
    node_says(MF_MSG_RECEIVED, id, 0, 0, "abc", 3);
    node_says(MF_MSG_RECEIVED, id, 0, MF_MSG_END, "def", 3);
    assert_true(file_ready(&client->file) & POLLRDHUP);
    assert_received(client, "abcdef");
    assert_int_equal(receive_text(client), 0);
    assert_int_equal(socket_shutdown(client, false, true), 0);
    assert_said(MF_MSG_SENT, id);
    assert_true(said.end);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    close_socket(client);
    assert_said(MF_MSG_CLOSE, id);
    assert_int_equal(said.arg, 0);
    node_says(MF_MSG_CLOSED, id, 0, 0, NULL, 0);
    assert_silent();
}

static void one_that_cannot_be_had_says_why(void **state)
{
    (void)state;
    uint64_t id;
    client = asks(&id);
    node_says(MF_MSG_CLOSED, id, EACCES, 0, NULL, 0);
    assert_said(MF_MSG_CLOSE, id);
    assert_true(file_ready(&client->file) & POLLERR);
    assert_int_equal(socket_error_take(client), EACCES);
    assert_false(outside_asks());
    uint64_t again;
    struct address to = address_loopback(FAMILY_INET, 5432);
    to.data[12] = 10;
    assert_int_equal(socket_connect(client, &to), -EINPROGRESS);
    assert_said(MF_MSG_CONNECT, again = said.id + 2);
    close_socket(client);
    assert_said(MF_MSG_CLOSE, again);
}

static void nothing_is_sent_without_credit(void **state)
{
    (void)state;
    uint64_t id;
    static char much[MF_STREAM_WINDOW + 5000];
    struct io io;
    uint32_t sent = 0;
    client = asks(&id);
    node_says(MF_MSG_OPENED, id, 0, 0, NULL, 0);
    io_kernel(&io, much, sizeof much);
    assert_int_equal(socket_send(client, &io, NULL, NULL), MF_STREAM_WINDOW);
    assert_int_equal(socket_send(client, &io, NULL, NULL), -EAGAIN);
    assert_false(file_ready(&client->file) & POLLOUT);
    while (sent < MF_STREAM_WINDOW) {
        assert_said(MF_MSG_SENT, id);
        sent += said.data_bytes;
    }
    assert_silent();
    node_says(MF_MSG_GRANT, id, 4000, 0, NULL, 0);
    assert_true(file_ready(&client->file) & POLLOUT);
    assert_int_equal(socket_send(client, &io, NULL, NULL), 4000);
    assert_said(MF_MSG_SENT, id);
    /* What the program has read is granted again, in large pieces. */
    static char got_much[MF_STREAM_WINDOW];
    node_says(MF_MSG_RECEIVED, id, 0, 0, much, MF_STREAM_WINDOW);
    uint32_t flags = 0;
    io_kernel(&io, got_much, 100);
    assert_int_equal(socket_receive(client, &io, &flags, NULL, NULL), 100);
    assert_silent();
    io_kernel(&io, got_much, sizeof got_much);
    assert_int_equal(socket_receive(client, &io, &flags, NULL, NULL), MF_STREAM_WINDOW - 100);
    assert_said(MF_MSG_CREDIT, id);
    assert_int_equal(said.arg, MF_STREAM_WINDOW);
    close_socket(client);
    assert_said(MF_MSG_CLOSE, id);
}

/* The first message that is taken says that somebody is there; then the node is told of much room only. */
static void the_node_is_rung_for_much_room(void **state)
{
    (void)state;
    static uint8_t much[MF_CHUNK_BYTES_MAX];
    static const struct {
        uint32_t bytes, messages; /* that ring, the last of them */
    } each[] = {{1, MF_RING_SLOTS / 4}, {MF_CHUNK_BYTES_MAX, MF_CHANNEL_DATA_BYTES / 4 / MF_CHUNK_BYTES_MAX},
                {20000, MF_CHANNEL_DATA_BYTES / 4 / 20000 + 1}};
    struct mf_why why;
    listener = listener_at(FAMILY_INET, address_loopback(FAMILY_INET, 80));
    assert_true(channel_sleep(&node));
    socket_rings = 0;
    node_says(MF_MSG_OPEN, 2, 80, 0, &someone, sizeof someone);
    assert_int_equal(socket_rings, 1);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    socket_shutdown(server, true, false); /* nothing of it is kept */
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        for (uint32_t k = 1; k <= 3 * each[i].messages; k++) {
            while (channel_stream_peek(&node, &said, &why) == MF_OK)
                channel_stream_release(&node);
            assert_true(channel_sleep(&node));
            socket_rings = 0;
            node_says(MF_MSG_RECEIVED, 2, 0, 0, much, each[i].bytes);
            bool credited = channel_stream_peek(&node, &said, &why) == MF_OK;
            assert_int_equal(socket_rings, credited || k % each[i].messages == 0);
        }
    }
    close_socket(server);
    close_socket(listener);
    listener = server = NULL;
    while (channel_stream_peek(&node, &said, &why) == MF_OK)
        channel_stream_release(&node);
    node_says(MF_MSG_CLOSED, 2, 0, 0, NULL, 0);
}

/* The ring holds so much; what finds no room goes on when there is some. */
static void a_full_ring_is_waited_for(void **state)
{
    (void)state;
    uint64_t id, other;
    client = asks(&id);
    server = asks(&other);
    node_says(MF_MSG_OPENED, id, 0, 0, NULL, 0);
    node_says(MF_MSG_OPENED, other, 0, 0, NULL, 0);
    unsigned sent = 0;
    while (send_text(client, "0123456789") == 10)
        sent++;
    assert_int_equal(sent, MF_RING_SLOTS);
    assert_false(file_ready(&server->file) & POLLOUT);
    close_socket(server); /* CLOSE finds no room */
    (void)outside_turn();
    for (unsigned i = 0; i < sent; i++)
        assert_said(MF_MSG_SENT, id);
    assert_silent();
    (void)outside_turn();
    assert_said(MF_MSG_CLOSE, other);
    assert_true(file_ready(&client->file) & POLLOUT);
    close_socket(client);
    assert_said(MF_MSG_CLOSE, id);
}

static void a_connection_from_outside_waits_to_be_accepted(void **state)
{
    (void)state;
    struct address name;
    node_says(MF_MSG_OPEN, 2, 8080, 0, &someone, sizeof someone); /* nobody has listened yet */
    node_says(MF_MSG_RECEIVED, 2, 0, 0, "early", 5);
    assert_silent();
    assert_true(outside_holds());
    struct address here = address_any(FAMILY_INET);
    here.port = 8080;
    listener = listener_at(FAMILY_INET, here);
    assert_true(file_ready(&listener->file) & POLLIN);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    assert_int_equal(socket_peer_name(server, &name), 0);
    assert_int_equal(name.port, 4444);
    assert_int_equal(name.data[15], 7);
    assert_received(server, "early");
    node_says(MF_MSG_OPEN, 4, 8081, 0, &someone, sizeof someone); /* now it is known that nobody does */
    assert_said(MF_MSG_CLOSE, 4);
    assert_int_equal(said.arg, ECONNREFUSED);
    node_says(MF_MSG_CLOSED, 4, 0, 0, NULL, 0);
    node_says(MF_MSG_OPEN, 4, 8080, 0, &someone, sizeof someone);
    close_socket(listener); /* one that nobody has accepted is reset */
    assert_said(MF_MSG_CLOSE, 4);
    assert_int_equal(said.arg, ECONNRESET);
    node_says(MF_MSG_CLOSED, 2, ECONNRESET, 0, NULL, 0);
    assert_said(MF_MSG_CLOSE, 2);
    assert_int_equal(receive_text(server), -ECONNRESET);
    assert_int_equal(receive_text(server), 0);
    node_says(MF_MSG_CLOSED, 4, 0, 0, NULL, 0);
    assert_false(outside_holds());
    close_socket(server);
    assert_silent();
}

/* With more credit than the ring has room, its program waited for that when it closed. */
static void an_id_is_free_once_both_sides_have_closed(void **state)
{
    (void)state;
    static char piece[MF_CHUNK_BYTES_MAX];
    const struct mf_desc closed = {.id = 2, .type = MF_MSG_CLOSED};
    const struct mf_desc open = {.id = 2, .type = MF_MSG_OPEN, .data_bytes = sizeof someone, .arg = 8080};
    struct mf_why why;
    struct address here = address_any(FAMILY_INET);
    here.port = 8080;
    listener = listener_at(FAMILY_INET, here);
    node_says(MF_MSG_OPEN, 2, 8080, 0, &someone, sizeof someone);
    node_says(MF_MSG_GRANT, 2, MF_STREAM_CREDIT_MAX - MF_STREAM_WINDOW, 0, NULL, 0);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    int64_t sent = 0, some;
    while ((some = send_bytes(server, piece, sizeof piece)) > 0)
        sent += some;
    assert_true(sent < MF_STREAM_CREDIT_MAX);
    close_socket(server);
    while (channel_stream_peek(&node, &said, &why) == MF_OK)
        channel_stream_release(&node);
    assert_int_equal(said.type, MF_MSG_CLOSE);
    assert_int_equal(channel_stream_put(&node, &closed, NULL), MF_OK);
    assert_int_equal(channel_stream_put(&node, &open, &someone), MF_OK);
    (void)outside_turn();
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    close_socket(server);
    assert_said(MF_MSG_CLOSE, 2);
    node_says(MF_MSG_CLOSED, 2, 0, 0, NULL, 0);
    assert_false(outside_holds());
    close_socket(listener);
}

static void a_cut_resets_all(void **state)
{
    (void)state;
    uint64_t id;
    client = asks(&id);
    node_says(MF_MSG_OPENED, id, 0, 0, NULL, 0);
    server = asks(&id);
    outside_cut();
    assert_int_equal(receive_text(client), -ECONNRESET);
    assert_int_equal(receive_text(server), -ECONNRESET);
    assert_false(outside_asks());
    close_socket(client);
    close_socket(server);
    assert_silent();
    assert_int_equal(stub_heap_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHANNEL(a_connection_from_outside_waits_to_be_accepted),
        WITH_CHANNEL(a_connection_to_the_outside_goes_through_the_channel),
        WITH_CHANNEL(one_that_cannot_be_had_says_why),
        WITH_CHANNEL(nothing_is_sent_without_credit),
        WITH_CHANNEL(the_node_is_rung_for_much_room),
        WITH_CHANNEL(a_full_ring_is_waited_for),
        WITH_CHANNEL(an_id_is_free_once_both_sides_have_closed),
        WITH_CHANNEL(a_cut_resets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
