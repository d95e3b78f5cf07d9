/* test_kernel_address.c: addresses of sockets, who listens at them, and options. */
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
    assert_int_equal(stub_heap_used, 0);
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
    assert_int_equal(stub_heap_used, 0);
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
    assert_int_equal(stub_heap_used, 0);
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
    assert_int_equal(stub_heap_used, 0);
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
        cmocka_unit_test(an_address_is_taken_once),
        cmocka_unit_test(a_port_of_nobodys_choice_is_free),
        cmocka_unit_test(version_6_hears_version_4),
        cmocka_unit_test(a_listener_holds_so_many_and_no_more),
        cmocka_unit_test(a_listener_of_ip_lets_all_wait),
        cmocka_unit_test(names_are_addresses_too),
        cmocka_unit_test(addresses_are_read_within_their_size),
        cmocka_unit_test(options_are_kept_and_unknown_ones_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
