/* test_kernel_rights.c: descriptors on their way: bounds, and that none stays that nobody can get at. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_stubs.h"
#include "kernel/socket/limits.h"
#include "kernel/socket/rights.h"
#include "socket_rig.h"

static void pair_of(int type, struct socket *pair[2])
{
    assert_int_equal(socket_pair(FAMILY_UNIX, type, 0, 0, pair), 0);
}

static struct rights *of(struct socket *socket, uint32_t count)
{
    struct rights *rights = rights_create(count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(rights_add(rights, &socket->file), 0);
    assert_int_equal(rights_add(rights, &socket->file), -EINVAL);
    return rights;
}

static int64_t send_with(struct socket *to, struct rights *rights)
{
    struct io io;
    io_kernel(&io, (char[]){'x'}, 1);
    int64_t sent = socket_send(to, &io, NULL, &rights);
    assert_int_equal(rights == NULL, sent == 1);
    rights_drop(rights);
    return sent;
}

static struct rights *receive_with(struct socket *from)
{
    struct rights *rights;
    struct io io;
    uint32_t flags = 0;
    io_kernel(&io, got, 1);
    assert_int_equal(socket_receive(from, &io, &flags, NULL, &rights), 1);
    return rights;
}

/* As descriptor_close() does it. */
static void close_descriptor(struct socket *socket)
{
    socket->file.operations->descriptor_closed(&socket->file);
    close_socket(socket);
}

static void what_is_sent_is_received_once(void **state)
{
    (void)state;
    struct socket *pair[2], *other = open_socket(FAMILY_INET, SOCKET_STREAM);
    pair_of(SOCKET_STREAM, pair);
    assert_int_equal(send_with(pair[0], of(other, 2)), 1);
    assert_int_equal(send_text(pair[0], "y"), 1);
    assert_int_equal(other->file.references, 3);
    struct rights *rights = receive_with(pair[1]);
    assert_int_equal(rights->count, 2);
    rights_drop(rights);
    assert_int_equal(other->file.references, 1);
    assert_null(receive_with(pair[1]));
    assert_int_equal(send_with(pair[0], of(other, 1)), 1);
    assert_received(pair[1], "x"); /* who does not ask for it gives it up */
    assert_int_equal(other->file.references, 1);
    close_socket(pair[0]);
    close_socket(pair[1]);
    close_socket(other);
    assert_int_equal(stub_heap_used, 0);
}

static void there_is_a_bound(void **state)
{
    (void)state;
    struct socket *pair[2], *other = open_socket(FAMILY_INET, SOCKET_STREAM);
    pair_of(SOCKET_PACKETS, pair);
    for (uint32_t i = 0; i < RIGHTS_ON_WAY_MAX / 2; i++)
        assert_int_equal(send_with(pair[0], of(other, 2)), 1);
    assert_int_equal(send_with(pair[0], of(other, 1)), -ETOOMANYREFS);
    rights_drop(receive_with(pair[1]));
    assert_int_equal(send_with(pair[0], of(other, 2)), 1);
    close_socket(pair[1]);
    assert_int_equal(other->file.references, 1);
    assert_int_equal(send_with(pair[0], of(other, 1)), -ECONNRESET);
    close_socket(pair[0]);
    close_socket(other);
    assert_int_equal(stub_heap_used, 0);
}

static void who_is_only_in_its_own_messages_is_closed(void **state)
{
    (void)state;
    struct socket *pair[2], *other[2], *third[2];
    pair_of(SOCKET_DATAGRAM, pair);
    pair_of(SOCKET_STREAM, other);
    pair_of(SOCKET_PACKETS, third);
    assert_int_equal(send_with(pair[0], of(pair[1], 1)), 1); /* itself */
    assert_int_equal(send_with(pair[0], of(other[1], 3)), 1);
    assert_int_equal(send_with(other[0], of(pair[1], 1)), 1); /* and each other */
    assert_int_equal(send_with(other[0], of(third[0], 1)), 1);
    assert_int_equal(send_with(third[0], of(third[1], 1)), 1);
    close_descriptor(pair[1]);
    assert_ptr_equal(pair[0]->peer, pair[1]); /* it can be had from the others */
    close_descriptor(third[0]);
    close_descriptor(third[1]);
    close_descriptor(other[1]);
    assert_null(pair[0]->peer);
    assert_null(other[0]->peer);
    close_descriptor(pair[0]);
    close_descriptor(other[0]);
    assert_int_equal(stub_heap_used, 0);
}

static void who_waits_to_be_accepted_is_its_listeners(void **state)
{
    (void)state;
    struct address name = {.family = FAMILY_UNIX, .bytes = 4, .data = "\0abc"};
    struct socket *listens = listener_at(FAMILY_UNIX, name), *connects = open_socket(FAMILY_UNIX, SOCKET_STREAM);
    struct socket *accepted;
    assert_int_equal(socket_connect(connects, &name), 0);
    assert_int_equal(send_with(connects, of(connects, 1)), 1);
    close_descriptor(connects);
    rights_collect(NULL);
    assert_int_equal(socket_accept(listens, 0, &accepted), 0);
    struct rights *rights = receive_with(accepted);
    assert_int_equal(rights->count, 1);
    rights_drop(rights);
    assert_null(accepted->peer);
    close_socket(accepted);
    connects = open_socket(FAMILY_UNIX, SOCKET_STREAM);
    assert_int_equal(socket_connect(connects, &name), 0);
    assert_int_equal(send_with(connects, of(listens, 1)), 1);
    close_descriptor(connects);
    close_descriptor(listens); /* its last one is in what it would accept */
    assert_int_equal(stub_heap_used, 0);
}

static void a_long_chain_ends_in_a_row(void **state)
{
    (void)state;
    struct socket *first[2], *pair[2];
    pair_of(SOCKET_STREAM, first);
    struct socket *inner = first[1];
    for (uint32_t i = 0; i < RIGHTS_ON_WAY_MAX; i++) {
        pair_of(SOCKET_STREAM, pair);
        assert_int_equal(send_with(pair[0], of(inner, 1)), 1);
        close_descriptor(pair[0]);
        close_descriptor(inner);
        inner = pair[1];
    }
    assert_non_null(first[0]->peer);
    close_descriptor(inner);
    assert_null(first[0]->peer);
    close_descriptor(first[0]);
    assert_int_equal(stub_heap_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_received_once),
        cmocka_unit_test(there_is_a_bound),
        cmocka_unit_test(who_is_only_in_its_own_messages_is_closed),
        cmocka_unit_test(who_waits_to_be_accepted_is_its_listeners),
        cmocka_unit_test(a_long_chain_ends_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
