/* test_kernel_lookup.c: names: questions of DNS, which the node answers. */
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

/* A question for the A records of a name (RFC 1035, 4.1). */
static const uint8_t question[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 'D', 'b', 7, 'e', 'x', 'a',
                                   'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

static int64_t ask(struct socket *socket, const uint8_t *text, size_t bytes)
{
    struct io io;
    struct address at = address_loopback(FAMILY_INET, 53);
    at.data[12] = 9;
    io_kernel(&io, (void *)(uintptr_t)text, bytes);
    return socket_send(socket, &io, &at, NULL);
}

static void assert_answer(struct socket *socket, unsigned rcode, unsigned answers, uint8_t *text)
{
    struct io io;
    struct address from;
    uint32_t flags = 0;
    io_kernel(&io, text, 512);
    assert_true(socket_receive(socket, &io, &flags, &from, NULL) >= 12);
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
    assert_int_equal(stub_heap_used, 0);
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
    assert_int_equal(socket_receive(client, &io, &flags, NULL, NULL), -EAGAIN);
    assert_silent();
    close_socket(client);
}

/* Four labels, so that with their dots they are so many bytes. */
static size_t name_of(uint8_t *text, uint32_t bytes)
{
    size_t at = 12;
    memcpy(text, question, at);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t label = (uint8_t)(i < 3 ? 63 : bytes - 3 * 64);
        text[at] = label;
        memset(text + at + 1, 'a', label);
        at += label + 1u;
    }
    memcpy(text + at, question + sizeof question - 5, 5);
    return at + 5;
}

static void a_name_is_as_long_as_the_node_takes_it(void **state)
{
    (void)state;
    uint8_t text[512], got_text[512];
    struct mf_why why;
    client = open_socket(FAMILY_INET, SOCKET_DATAGRAM);
    (void)ask(client, text, name_of(text, MF_NAME_LOOKUP_BYTES_MAX));
    assert_int_equal(channel_stream_peek(&node, &said, &why), MF_OK);
    assert_int_equal(said.data_bytes, MF_NAME_LOOKUP_BYTES_MAX);
    channel_stream_release(&node);
    (void)ask(client, text, name_of(text, MF_NAME_LOOKUP_BYTES_MAX + 1));
    assert_answer(client, 1, 0, got_text);
    assert_silent();
    close_socket(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CHANNEL(names_are_asked_of_the_node),
        WITH_CHANNEL(questions_that_are_none_ask_nobody),
        WITH_CHANNEL(a_name_is_as_long_as_the_node_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
