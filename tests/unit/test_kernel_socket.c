/* test_kernel_socket.c: sockets of one instance: who is connected to whom, what arrives, and
 * who hears of what. What waits is the kernel's scheduler's matter, and not here. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/core/fault.h"
#include "kernel/core/heap.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/names.h"
#include "kernel/socket/outside.h"
#include "kernel/socket/socket.h"
#include "kernel/task/wait.h"
#include "node/instance/channel.h"

static size_t heap_bytes;
static unsigned lines;

_Noreturn void fault_words(enum mf_cause cause, const char *words)
{
    print_error("fault %d: %s\n", (int)cause, words);
    abort();
}

void hypercall_ring(void)
{
}

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)deadline_ns;
    (void)idle;
    return seen;
}

_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line);
_Noreturn void kernel_assert_failed(const char *fact, const char *file, int line)
{
    print_error("%s at %s:%d\n", fact, file, line);
    abort();
}

void *heap_take(size_t bytes)
{
    heap_bytes += bytes;
    return calloc(1, bytes);
}

void heap_give(void *at, size_t bytes)
{
    heap_bytes -= at ? bytes : 0;
    free(at);
}

uint32_t wait_wake(struct wait_queue *queue, uint32_t most)
{
    (void)queue;
    return most;
}

int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    (void)deadline_ns;
    return WAIT;
}

void output_kernel(enum mf_log_level level, const char *text, size_t bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    lines++;
}

bool user_range(uint64_t address, uint64_t bytes)
{
    return address && bytes <= INT64_MAX;
}

int user_read(void *to, uint64_t from, size_t bytes)
{
    if (!from)
        return -EFAULT;
    memcpy(to, (const void *)from, bytes);
    return 0;
}

int user_write(uint64_t to, const void *from, size_t bytes)
{
    if (!to)
        return -EFAULT;
    memcpy((void *)to, from, bytes);
    return 0;
}

static struct socket *open_socket(int family, int type)
{
    struct socket *socket;
    assert_int_equal(socket_create(family, type, 0, 0, &socket), 0);
    return socket;
}

static void close_socket(struct socket *socket)
{
    file_put(&socket->file);
}

static struct socket *listener_at(int family, struct address address)
{
    struct socket *socket = open_socket(family, SOCKET_STREAM);
    assert_int_equal(socket_bind(socket, &address), 0);
    assert_int_equal(socket_listen(socket, 128), 0);
    return socket;
}

static int64_t send_text(struct socket *socket, const char *text)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    return socket_send(socket, &io, NULL);
}

static int64_t send_bytes(struct socket *socket, const void *bytes, size_t count)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)bytes, count);
    return socket_send(socket, &io, NULL);
}

static char got[256];

static int64_t receive_text(struct socket *socket)
{
    struct io io;
    uint32_t flags = 0;
    memset(got, 0, sizeof got);
    io_kernel(&io, got, sizeof got - 1);
    return socket_receive(socket, &io, &flags, NULL);
}

static void assert_received(struct socket *socket, const char *text)
{
    assert_int_equal(receive_text(socket), strlen(text));
    assert_string_equal(got, text);
}

static void join(int family, struct socket **listener, struct socket **client,
                 struct socket **server)
{
    const struct address address = address_loopback((uint16_t)family, 80);
    *listener = listener_at(family, address);
    *client = open_socket(family, SOCKET_STREAM);
    assert_int_equal(socket_connect(*client, &address), 0);
    assert_int_equal(socket_accept(*listener, 0, server), 0);
}

static struct socket *listener, *client, *server;

static void close_all(void)
{
    close_socket(listener);
    close_socket(client);
    close_socket(server);
    assert_int_equal(heap_bytes, 0);
}

static void a_connection_carries_bytes_both_ways(void **state)
{
    (void)state;
    join(FAMILY_INET, &listener, &client, &server);
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
    join(FAMILY_INET6, &listener, &client, &server);
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
    join(FAMILY_INET, &listener, &client, &server);
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
    join(FAMILY_INET, &listener, &client, &server);
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
    join(FAMILY_INET, &listener, &client, &server);
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
    join(FAMILY_INET, &listener, &client, &server);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 11));
    io_kernel(&io, data, sizeof data);
    assert_int_equal(socket_send(client, &io, NULL), SOCKET_BUFFER_BYTES_MAX);
    assert_int_equal(socket_send(client, &io, NULL), -EAGAIN);
    assert_false(file_ready(&client->file) & POLLOUT);
    struct io into;
    io_kernel(&into, back, 1000);
    assert_int_equal(socket_receive(server, &into, &flags, NULL), 1000);
    assert_false(file_ready(&client->file) & POLLOUT);
    io_kernel(&into, back + 1000, SOCKET_BUFFER_BYTES_MAX / 2);
    assert_int_equal(socket_receive(server, &into, &flags, NULL), SOCKET_BUFFER_BYTES_MAX / 2);
    assert_true(file_ready(&client->file) & POLLOUT);
    size_t at = 1000 + SOCKET_BUFFER_BYTES_MAX / 2;
    while (at < sizeof back) {
        if (io.bytes)
            assert_true(socket_send(client, &io, NULL) > 0);
        io_kernel(&into, back + at, sizeof back - at);
        int64_t bytes = socket_receive(server, &into, &flags, NULL);
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
    join(FAMILY_INET, &listener, &client, &server);
    io_kernel(&io, data, SOCKET_BUFFER_BYTES_MAX - 1);
    assert_int_equal(socket_send(client, &io, NULL), SOCKET_BUFFER_BYTES_MAX - 1); /* all of it */
    file_watch(&client->file, &watcher);
    assert_false(file_ready(&client->file) & POLLOUT);
    times_told = 0;
    io_kernel(&into, data, sizeof data);
    assert_int_equal(socket_receive(server, &into, &flags, NULL), SOCKET_BUFFER_BYTES_MAX - 1);
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
    join(FAMILY_INET, &listener, &client, &server);
    assert_int_equal(send_text(client, "abc"), 3);
    io_kernel(&io, got, 2);
    assert_int_equal(socket_receive(server, &io, &flags, NULL), 2);
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
    assert_int_equal(heap_bytes, 0);
}

static void a_datagram_goes_nowhere_outside(void **state)
{
    (void)state;
    struct address outside = address_loopback(FAMILY_INET, 81);
    outside.data[12] = 10;
    client = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    lines = 0;
    for (unsigned i = 0; i < 2 * SOCKET_OUTSIDE_TOLD_MAX; i++) {
        struct io io;
        io_kernel(&io, (void *)(uintptr_t)"x", 1);
        assert_int_equal(socket_send(client, &io, &outside), -ENETUNREACH);
    }
    assert_int_equal(lines, SOCKET_OUTSIDE_TOLD_MAX);
    assert_int_equal(socket_connect(client, &outside), -ENETUNREACH);
    close_socket(client);
    assert_int_equal(heap_bytes, 0);
}

/* The channel, with the node's end in the test's hand. */
static struct channel node;
static struct channel_message said;

static int open_channel(void **state)
{
    (void)state;
    int memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_BYTES), 0);
    assert_int_equal(channel_open(memfd, &node), MF_OK);
    close(memfd);
    wire_start((uint64_t)(uintptr_t)node.base, false);
    return 0;
}

static int close_channel(void **state)
{
    (void)state;
    outside_cut();
    channel_close(&node);
    return 0;
}

static void node_says(enum mf_message type, uint64_t id, uint64_t arg, uint16_t flags, const void *data,
                 size_t bytes)
{
    const struct mf_desc desc = {.id = id, .type = (uint16_t)type, .arg = arg, .flags = flags,
                                 .data_bytes = (uint32_t)bytes};
    assert_int_equal(channel_stream_put(&node, &desc, data), MF_OK);
    (void)outside_turn();
}

/* The next thing that the kernel has said is this. */
static void assert_said(enum mf_message type, uint64_t id)
{
    struct mf_why why = {{0}};
    mf_err err = channel_stream_peek(&node, &said, &why);
    assert_string_equal(err ? mf_why_text(&why, err) : "", "");
    assert_int_equal(said.type, type);
    assert_int_equal(said.id, id);
    channel_stream_release(&node);
}

static void assert_silent(void)
{
    struct mf_why why;
    assert_int_equal(channel_stream_peek(&node, &said, &why), MF_EAGAIN);
}

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
    assert_int_equal(socket_send(client, &io, NULL), MF_STREAM_WINDOW);
    assert_int_equal(socket_send(client, &io, NULL), -EAGAIN);
    assert_false(file_ready(&client->file) & POLLOUT);
    while (sent < MF_STREAM_WINDOW) {
        assert_said(MF_MSG_SENT, id);
        sent += said.data_bytes;
    }
    assert_silent();
    node_says(MF_MSG_GRANT, id, 4000, 0, NULL, 0);
    assert_true(file_ready(&client->file) & POLLOUT);
    assert_int_equal(socket_send(client, &io, NULL), 4000);
    assert_said(MF_MSG_SENT, id);
    /* What the program has read is granted again, in large pieces. */
    static char got_much[MF_STREAM_WINDOW];
    node_says(MF_MSG_RECEIVED, id, 0, 0, much, MF_STREAM_WINDOW);
    uint32_t flags = 0;
    io_kernel(&io, got_much, 100);
    assert_int_equal(socket_receive(client, &io, &flags, NULL), 100);
    assert_silent();
    io_kernel(&io, got_much, sizeof got_much);
    assert_int_equal(socket_receive(client, &io, &flags, NULL), MF_STREAM_WINDOW - 100);
    assert_said(MF_MSG_CREDIT, id);
    assert_int_equal(said.arg, MF_STREAM_WINDOW);
    close_socket(client);
    assert_said(MF_MSG_CLOSE, id);
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
    assert_int_equal(heap_bytes, 0);
}

/* A question for the A records of a name (RFC 1035, 4.1). */
static const uint8_t question[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 'D', 'b', 7, 'e', 'x', 'a',
                                   'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

static int64_t ask(struct socket *socket, const uint8_t *text, size_t bytes)
{
    struct io io;
    struct address at = address_loopback(FAMILY_INET, 53);
    at.data[12] = 9;
    io_kernel(&io, (void *)(uintptr_t)text, bytes);
    return socket_send(socket, &io, &at);
}

static void assert_answer(struct socket *socket, unsigned rcode, unsigned answers, uint8_t *text)
{
    struct io io;
    struct address from;
    uint32_t flags = 0;
    io_kernel(&io, text, 512);
    assert_true(socket_receive(socket, &io, &flags, &from) >= 12);
    assert_int_equal(from.port, 53);
    assert_int_equal(from.data[12], 9);
    assert_int_equal(text[0] << 8 | text[1], 0x1234);
    assert_int_equal(text[3] & 15, rcode);
    assert_int_equal(text[6] << 8 | text[7], answers);
}

static void names_are_asked_of_the_node(void **state)
{
    (void)state;
    uint8_t text[512];
    uint8_t found[32] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 5, [31] = 6};
    client = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    assert_int_equal(ask(client, question, sizeof question), sizeof question);
    assert_said(MF_MSG_NAME, 1);
    assert_int_equal(said.arg, 4);
    assert_int_equal(said.data_bytes, 10);
    assert_memory_equal(said.data, "db.example", 10);
    assert_true(outside_asks());
    node_says(MF_MSG_NAMED, 1, MF_NAME_FOUND, 0, found, sizeof found);
    assert_answer(client, 0, 2, text);
    static const uint8_t first[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 5};
    assert_memory_equal(text + sizeof question, first, sizeof first);
    (void)ask(client, question, sizeof question);
    node_says(MF_MSG_NAMED, 2, MF_NAME_NONE, 0, NULL, 0);
    assert_answer(client, 3, 0, text);
    (void)ask(client, question, sizeof question);
    node_says(MF_MSG_NAMED, 3, MF_NAME_FAILED, 0, NULL, 0);
    assert_answer(client, 2, 0, text);
    (void)ask(client, question, sizeof question);
    close_socket(client); /* the answer finds nobody */
    node_says(MF_MSG_NAMED, 4, MF_NAME_NONE, 0, NULL, 0);
    assert_false(outside_asks());
    assert_int_equal(heap_bytes, 0);
}

static void questions_that_are_none_ask_nobody(void **state)
{
    (void)state;
    uint8_t text[600] = {0}, got_text[512];
    client = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    for (size_t cut = 0; cut < sizeof question; cut++) { /* cut short anywhere */
        assert_int_equal(ask(client, question, cut), cut);
        if (cut >= 12)
            assert_answer(client, 1, 0, got_text);
    }
    memcpy(text, question, sizeof question);
    text[12] = 0xc0; /* a pointer */
    (void)ask(client, text, sizeof question);
    assert_answer(client, 1, 0, got_text);
    memcpy(text, question, sizeof question);
    text[sizeof question - 3] = 15; /* MX */
    (void)ask(client, text, sizeof question);
    assert_answer(client, 4, 0, got_text);
    text[2] = 0x81; /* an answer */
    (void)ask(client, text, sizeof question);
    memcpy(text, question, 12);
    memset(text + 12, 1, sizeof text - 12); /* a name without end */
    assert_int_equal(ask(client, text, sizeof text), sizeof text);
    assert_answer(client, 1, 0, got_text);
    struct io io;
    uint32_t flags = 0;
    io_kernel(&io, got_text, sizeof got_text);
    assert_int_equal(socket_receive(client, &io, &flags, NULL), -EAGAIN);
    assert_silent();
    close_socket(client);
}

static void an_address_is_taken_once(void **state)
{
    (void)state;
    struct address any = address_any(FAMILY_INET), any6 = address_any(FAMILY_INET6);
    const struct address here = address_loopback(FAMILY_INET, 80);
    any.port = any6.port = 80;
    struct socket *first = listener_at(FAMILY_INET, here);
    struct socket *second = open_socket(FAMILY_INET, SOCKET_STREAM);
    struct socket *sixth = open_socket(FAMILY_INET6, SOCKET_STREAM);
    second->options.value[OPTION_REUSEADDR] = 1;
    assert_int_equal(socket_bind(second, &here), -EADDRINUSE);
    assert_int_equal(socket_bind(second, &any), -EADDRINUSE);
    assert_int_equal(socket_bind(sixth, &any6), -EADDRINUSE); /* :: is 0.0.0.0, too */
    sixth->options.only_v6 = true;
    assert_int_equal(socket_bind(sixth, &any6), 0);
    assert_int_equal(socket_bind(sixth, &any6), -EINVAL);
    close_socket(first);
    assert_int_equal(socket_bind(second, &any), 0);
    any.data[12] = 10;
    struct socket *third = open_socket(FAMILY_INET, SOCKET_STREAM);
    assert_int_equal(socket_bind(third, &any), -EADDRNOTAVAIL);
    close_socket(second);
    close_socket(third);
    close_socket(sixth);
    assert_int_equal(heap_bytes, 0);
}

static void a_port_of_nobodys_choice_is_free(void **state)
{
    (void)state;
    const struct address any = address_any(FAMILY_INET);
    struct socket *some[100];
    for (unsigned i = 0; i < 100; i++) {
        some[i] = open_socket(FAMILY_INET, SOCKET_STREAM);
        assert_int_equal(socket_bind(some[i], &any), 0);
        assert_in_range(some[i]->local.port, SOCKET_PORT_FIRST, SOCKET_PORT_LAST);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(some[i]->local.port, some[k]->local.port);
    }
    for (unsigned i = 0; i < 100; i++)
        close_socket(some[i]);
    assert_int_equal(heap_bytes, 0);
}

static void version_6_hears_version_4(void **state)
{
    (void)state;
    struct address any6 = address_any(FAMILY_INET6);
    any6.port = 80;
    listener = listener_at(FAMILY_INET6, any6);
    const struct address here = address_loopback(FAMILY_INET, 80);
    client = open_socket(FAMILY_INET, SOCKET_STREAM);
    assert_int_equal(socket_connect(client, &here), 0);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    struct address name;
    socket_name(server, &name);
    assert_int_equal(name.family, FAMILY_INET6);
    assert_true(address_is_v4(&name));
    assert_true(socket_listens_at(80));
    assert_false(socket_listens_at(81));
    close_all();
    assert_false(socket_listens_at(80));
}

static struct address name_of(const char *text, size_t bytes)
{
    struct address address = {.family = FAMILY_UNIX, .bytes = (uint16_t)bytes};
    memcpy(address.data, text, bytes);
    return address;
}

static void a_listener_holds_so_many_and_no_more(void **state)
{
    (void)state;
    const struct address here = name_of("\0here", 5);
    struct socket *clients[4];
    listener = listener_at(FAMILY_UNIX, here);
    assert_int_equal(socket_listen(listener, 2), 0);
    assert_false(file_ready(&listener->file) & POLLIN);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = open_socket(FAMILY_UNIX, SOCKET_STREAM);
        assert_int_equal(socket_connect(clients[i], &here), i < 3 ? 0 : -EAGAIN);
    }
    assert_true(file_ready(&listener->file) & POLLIN);
    assert_int_equal(send_text(clients[0], "early"), 5);
    close_socket(listener); /* those that wait are reset */
    assert_int_equal(receive_text(clients[0]), -ECONNRESET);
    for (unsigned i = 0; i < 4; i++)
        close_socket(clients[i]);
    assert_int_equal(heap_bytes, 0);
}

/* On Linux, TCP asks until there is room. */
static void a_listener_of_ip_lets_all_wait(void **state)
{
    (void)state;
    static struct socket *clients[SOCKET_BACKLOG_MAX + 2];
    const unsigned all = SOCKET_BACKLOG_MAX + 2;
    const struct address here = address_loopback(FAMILY_INET, 80);
    listener = listener_at(FAMILY_INET, here);
    assert_int_equal(socket_listen(listener, 2), 0);
    for (unsigned i = 0; i < all; i++) {
        clients[i] = open_socket(FAMILY_INET, SOCKET_STREAM);
        assert_int_equal(socket_connect(clients[i], &here), i <= SOCKET_BACKLOG_MAX ? 0 : -ECONNREFUSED);
    }
    close_socket(listener);
    for (unsigned i = 0; i < all; i++)
        close_socket(clients[i]);
    assert_int_equal(heap_bytes, 0);
}

static void names_are_addresses_too(void **state)
{
    (void)state;
    const struct address name = name_of("\0here", 5), none = address_any(FAMILY_UNIX);
    listener = listener_at(FAMILY_UNIX, name);
    client = open_socket(FAMILY_UNIX, SOCKET_STREAM);
    assert_int_equal(socket_connect(client, &name), 0);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
    assert_int_equal(send_text(client, "x"), 1);
    assert_received(server, "x");
    struct socket *other = open_socket(FAMILY_UNIX, SOCKET_STREAM);
    const struct address nobody = name_of("/nobody", 7);
    assert_int_equal(socket_connect(other, &nobody), -ENOENT);
    assert_int_equal(send_text(other, "x"), -ENOTCONN);
    assert_int_equal(socket_bind(other, &name), -EADDRINUSE);
    assert_int_equal(socket_bind(other, &none), 0);
    assert_int_equal(other->local.bytes, 6);
    close_socket(server);
    assert_int_equal(send_text(client, "x"), -EPIPE);
    server = other;
    close_all();
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
    assert_int_equal(heap_bytes, 0);
}

static int64_t send_to(struct socket *socket, const char *text, struct address to)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    return socket_send(socket, &io, &to);
}

static void datagrams_arrive_whole_with_their_sender(void **state)
{
    (void)state;
    struct address any = address_any(FAMILY_INET), from;
    any.port = 53;
    struct socket *a = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    struct socket *b = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    assert_int_equal(socket_bind(a, &any), 0);
    assert_int_equal(send_to(b, "question", address_loopback(FAMILY_INET, 53)), 8);
    assert_int_equal(send_to(b, "", address_loopback(FAMILY_INET, 53)), 0);
    struct io io;
    uint32_t flags = SOCKET_TRUNCATED | SOCKET_PEEK;
    io_kernel(&io, got, 3);
    assert_int_equal(socket_receive(a, &io, &flags, &from), 8);
    assert_int_equal(flags, SOCKET_TRUNCATED);
    flags = 0;
    io_kernel(&io, got, 3);
    assert_int_equal(socket_receive(a, &io, &flags, &from), 3);
    assert_int_equal(flags, SOCKET_TRUNCATED);
    assert_int_equal(from.port, b->local.port);
    assert_int_equal(receive_text(a), 0); /* the empty one */
    assert_int_equal(receive_text(a), -EAGAIN);
    assert_int_equal(send_to(a, "answer", from), 6);
    assert_received(b, "answer");
    assert_int_equal(send_to(b, "x", address_loopback(FAMILY_INET, 54)), 1); /* nobody: lost */
    const struct address nobody = address_loopback(FAMILY_INET, 54);
    assert_int_equal(socket_connect(b, &nobody), 0);
    assert_int_equal(send_text(b, "x"), 1);
    assert_int_equal(receive_text(b), -ECONNREFUSED);
    close_socket(a);
    close_socket(b);
    assert_int_equal(heap_bytes, 0);
}

static void a_connected_datagram_socket_hears_its_peer_only(void **state)
{
    (void)state;
    struct socket *a = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    struct socket *b = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    struct socket *c = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    const struct address at_a = address_loopback(FAMILY_INET, 53);
    const struct address at_b = address_loopback(FAMILY_INET, 54);
    assert_int_equal(socket_bind(a, &at_a), 0);
    assert_int_equal(socket_bind(b, &at_b), 0);
    assert_int_equal(socket_connect(a, &at_b), 0);
    assert_int_equal(send_to(c, "no", at_a), 2);
    assert_int_equal(receive_text(a), -EAGAIN);
    assert_int_equal(send_to(b, "yes", at_a), 3);
    assert_received(a, "yes");
    close_socket(a);
    close_socket(b);
    close_socket(c);
    assert_int_equal(heap_bytes, 0);
}

static void addresses_are_read_within_their_size(void **state)
{
    (void)state;
    static const uint8_t v4[16] = {2, 0, 0x1f, 0x90, 127, 0, 0, 1};
    static const uint8_t v6[28] = {10, 0, 0, 80, [23] = 1};
    static const uint8_t path[6] = {1, 0, '/', 'a', 0, 'x'};
    struct address address;
    uint8_t out[110];
    uint32_t bytes = sizeof out;
    assert_int_equal(address_read(&address, (uint64_t)v4, sizeof v4), 0);
    assert_int_equal(address.port, 8080);
    assert_true(address_is_local(&address));
    assert_int_equal(address_write(&address, (uint64_t)out, (uint64_t)&bytes), 0);
    assert_int_equal(bytes, sizeof v4);
    assert_memory_equal(out, v4, sizeof v4);
    assert_int_equal(address_read(&address, (uint64_t)v4, 15), -EINVAL);
    assert_int_equal(address_read(&address, (uint64_t)v4, 1), -EINVAL);
    assert_int_equal(address_read(&address, 0, 16), -EFAULT);
    assert_int_equal(address_read(&address, (uint64_t)v6, 23), -EINVAL);
    assert_int_equal(address_read(&address, (uint64_t)v6, sizeof v6), 0);
    assert_true(address_is_local(&address));
    bytes = 4;
    assert_int_equal(address_write(&address, (uint64_t)out, (uint64_t)&bytes), 0);
    assert_int_equal(bytes, sizeof v6);
    bytes = UINT32_MAX;
    assert_int_equal(address_write(&address, (uint64_t)out, (uint64_t)&bytes), -EINVAL);
    assert_int_equal(address_read(&address, (uint64_t)path, sizeof path), 0);
    assert_int_equal(address.bytes, 2);
    bytes = sizeof out;
    assert_int_equal(address_write(&address, (uint64_t)out, (uint64_t)&bytes), 0);
    assert_int_equal(bytes, 5);
    assert_memory_equal(out, path, 5);
}

static void options_are_kept_and_unknown_ones_refused(void **state)
{
    (void)state;
    enum { SOCKET = 1, TCP = 6, NODELAY = 1, KEEPALIVE = 9, TYPE = 3, ERROR = 4, IP = 0, TTL = 2 };
    struct socket *tcp = open_socket(FAMILY_INET, SOCKET_STREAM);
    struct socket *local = open_socket(FAMILY_UNIX, SOCKET_STREAM);
    int32_t value = 5;
    uint32_t bytes = sizeof value;
    assert_int_equal(socket_option_set(tcp, TCP, NODELAY, (uint64_t)&value, 4), 0);
    assert_int_equal(socket_option_get(tcp, TCP, NODELAY, (uint64_t)&value, (uint64_t)&bytes), 0);
    assert_int_equal(value, 1);
    assert_int_equal(socket_option_set(tcp, TCP, NODELAY, (uint64_t)&value, 3), -EINVAL);
    assert_int_equal(socket_option_set(tcp, TCP, NODELAY, 0, 4), -EFAULT);
    assert_int_equal(socket_option_set(local, TCP, NODELAY, (uint64_t)&value, 4), -EOPNOTSUPP);
    assert_int_equal(socket_option_set(tcp, SOCKET, KEEPALIVE, (uint64_t)&value, 4), 0);
    assert_int_equal(socket_option_set(tcp, SOCKET, 999, (uint64_t)&value, 4), -ENOPROTOOPT);
    assert_int_equal(socket_option_set(tcp, SOCKET, TYPE, (uint64_t)&value, 4), -ENOPROTOOPT);
    value = 256;
    assert_int_equal(socket_option_set(tcp, IP, TTL, (uint64_t)&value, 4), -EINVAL);
    tcp->error = EPIPE;
    assert_int_equal(socket_option_get(tcp, SOCKET, ERROR, (uint64_t)&value, (uint64_t)&bytes), 0);
    assert_int_equal(value, EPIPE);
    assert_int_equal(tcp->error, 0);
    close_socket(tcp);
    close_socket(local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_from_outside_waits_to_be_accepted, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(a_connection_to_the_outside_goes_through_the_channel, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_had_says_why, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(nothing_is_sent_without_credit, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(a_full_ring_is_waited_for, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(an_id_is_free_once_both_sides_have_closed, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(a_cut_resets_all, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(names_are_asked_of_the_node, open_channel, close_channel),
        cmocka_unit_test_setup_teardown(questions_that_are_none_ask_nobody, open_channel, close_channel),
        cmocka_unit_test(a_connection_carries_bytes_both_ways),
        cmocka_unit_test(what_was_sent_comes_before_the_end),
        cmocka_unit_test(a_half_that_is_shut_leaves_the_other),
        cmocka_unit_test(who_writes_for_nobody_learns_of_it),
        cmocka_unit_test(who_closes_without_reading_resets),
        cmocka_unit_test(a_full_buffer_stops_the_writer_until_much_is_read),
        cmocka_unit_test(who_looks_for_room_in_vain_is_told_of_it),
        cmocka_unit_test(looking_takes_nothing),
        cmocka_unit_test(nobody_there_refuses),
        cmocka_unit_test(a_datagram_goes_nowhere_outside),
        cmocka_unit_test(an_address_is_taken_once),
        cmocka_unit_test(a_port_of_nobodys_choice_is_free),
        cmocka_unit_test(version_6_hears_version_4),
        cmocka_unit_test(a_listener_holds_so_many_and_no_more),
        cmocka_unit_test(a_listener_of_ip_lets_all_wait),
        cmocka_unit_test(names_are_addresses_too),
        cmocka_unit_test(a_pair_is_connected),
        cmocka_unit_test(datagrams_arrive_whole_with_their_sender),
        cmocka_unit_test(a_connected_datagram_socket_hears_its_peer_only),
        cmocka_unit_test(addresses_are_read_within_their_size),
        cmocka_unit_test(options_are_kept_and_unknown_ones_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
