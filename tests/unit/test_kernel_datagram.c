/* test_kernel_datagram.c: datagrams within one instance. */
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

static int64_t send_to(struct socket *socket, const char *text, struct address to)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    return socket_send(socket, &io, &to, NULL);
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
    assert_int_equal(socket_receive(a, &io, &flags, &from, NULL), 8);
    assert_int_equal(flags, SOCKET_TRUNCATED);
    flags = 0;
    io_kernel(&io, got, 3);
    assert_int_equal(socket_receive(a, &io, &flags, &from, NULL), 3);
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
    assert_int_equal(stub_heap_used, 0);
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
    assert_int_equal(stub_heap_used, 0);
}

static void a_datagram_goes_nowhere_outside(void **state)
{
    (void)state;
    struct address outside = address_loopback(FAMILY_INET, 81);
    outside.data[12] = 10;
    client = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    socket_lines = 0;
    for (unsigned i = 0; i < 2 * SOCKET_OUTSIDE_TOLD_MAX; i++) {
        struct io io;
        io_kernel(&io, (void *)(uintptr_t)"x", 1);
        assert_int_equal(socket_send(client, &io, &outside, NULL), -ENETUNREACH);
    }
    assert_int_equal(socket_lines, SOCKET_OUTSIDE_TOLD_MAX);
    assert_int_equal(socket_connect(client, &outside), -ENETUNREACH);
    close_socket(client);
    assert_int_equal(stub_heap_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_arrive_whole_with_their_sender),
        cmocka_unit_test(a_connected_datagram_socket_hears_its_peer_only),
        cmocka_unit_test(a_datagram_goes_nowhere_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
