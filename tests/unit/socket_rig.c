/* socket_rig.c: see socket_rig.h. */
#include "socket_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/core/fault.h"
#include "kernel/core/hypercall.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/socket/outside.h"
#include "kernel_stubs.h"

unsigned socket_lines;
char got[256];
struct socket *listener, *client, *server;
struct channel node;
struct channel_message said;

_Noreturn void fault_words(enum mf_cause cause, const char *words)
{
    print_error("fault %d: %s\n", (int)cause, words);
    abort();
}

unsigned socket_rings;

void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns)
{
    *monotonic_ns = *realtime_ns = 1;
}

void hypercall_ring(void)
{
    socket_rings++;
}

uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle)
{
    (void)deadline_ns;
    (void)idle;
    return seen;
}

void output_kernel(enum mf_log_level level, const char *text, size_t bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    socket_lines++;
}

struct socket *open_socket(int family, int type)
{
    struct socket *socket;
    assert_int_equal(socket_create(family, type, 0, 0, &socket), 0);
    return socket;
}

void close_socket(struct socket *socket)
{
    file_put(&socket->file);
}

struct socket *listener_at(int family, struct address address)
{
    struct socket *socket = open_socket(family, SOCKET_STREAM);
    assert_int_equal(socket_bind(socket, &address), 0);
    assert_int_equal(socket_listen(socket, 128), 0);
    return socket;
}

int64_t send_text(struct socket *socket, const char *text)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)text, strlen(text));
    return socket_send(socket, &io, NULL, NULL);
}

int64_t send_bytes(struct socket *socket, const void *bytes, size_t count)
{
    struct io io;
    io_kernel(&io, (void *)(uintptr_t)bytes, count);
    return socket_send(socket, &io, NULL, NULL);
}

int64_t receive_text(struct socket *socket)
{
    struct io io;
    uint32_t flags = 0;
    memset(got, 0, sizeof got);
    io_kernel(&io, got, sizeof got - 1);
    return socket_receive(socket, &io, &flags, NULL, NULL);
}

void assert_received(struct socket *socket, const char *text)
{
    assert_int_equal(receive_text(socket), strlen(text));
    assert_string_equal(got, text);
}

void join(int family)
{
    const struct address address = address_loopback((uint16_t)family, 80);
    listener = listener_at(family, address);
    client = open_socket(family, SOCKET_STREAM);
    assert_int_equal(socket_connect(client, &address), 0);
    assert_int_equal(socket_accept(listener, 0, &server), 0);
}

void close_all(void)
{
    close_socket(listener);
    close_socket(client);
    close_socket(server);
    assert_int_equal(stub_heap_used, 0);
}

int open_channel(void **state)
{
    (void)state;
    int memfd = memfd_create("channel", MFD_CLOEXEC);
    assert_int_equal(ftruncate(memfd, MF_CHANNEL_BYTES), 0);
    assert_int_equal(channel_open(memfd, &node), MF_OK);
    close(memfd);
    wire_start((uint64_t)(uintptr_t)node.base, false);
    return 0;
}

int close_channel(void **state)
{
    (void)state;
    outside_cut();
    channel_close(&node);
    return 0;
}

void node_says(enum mf_message type, uint64_t id, uint64_t arg, uint16_t flags, const void *data,
                 size_t bytes)
{
    const struct mf_desc desc = {.id = id, .type = (uint16_t)type, .arg = arg, .flags = flags,
                                 .data_bytes = (uint32_t)bytes};
    assert_int_equal(channel_stream_put(&node, &desc, data), MF_OK);
    (void)outside_turn();
}

/* The next thing that the kernel has said is this. */
void assert_said(enum mf_message type, uint64_t id)
{
    struct mf_why why = {{0}};
    mf_err err = channel_stream_peek(&node, &said, &why);
    assert_string_equal(err ? mf_why_text(&why, err) : "", "");
    assert_int_equal(said.type, type);
    assert_int_equal(said.id, id);
    channel_stream_release(&node);
}

void assert_silent(void)
{
    struct mf_why why;
    assert_int_equal(channel_stream_peek(&node, &said, &why), MF_EAGAIN);
}
