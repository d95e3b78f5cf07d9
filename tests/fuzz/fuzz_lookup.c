/*
 * fuzz_lookup.c: a program that asks the kernel's resolver anything (kernel/socket/lookup.c), with the
 * node's end of the channel, which answers whatever it may. The input is a little program: an opcode
 * byte, then its operands. No expectation but: no crash, the node is told of names only as the channel has
 * it, each answer is well-formed (RFC 1035, 4.1) and of its question, and nothing is left at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/event/wire.h"
#include "kernel/socket/lookup.h"
#include "kernel/socket/outside.h"
#include "tests/fuzz/input.h"
#include "tests/unit/kernel_stubs.h"
#include "tests/unit/socket_rig.h"

#define STEPS_MAX 1024
#define SOCKETS 3
#define ASKED_BYTES_MAX 700
#define ANSWER_BYTES_MAX 512
#define HEAD_BYTES 12

#define MUST(fact) ((fact) ? (void)0 : abort())

static struct socket *sockets[SOCKETS];
static uint64_t asked_ids[64];
static unsigned asked;

static struct socket *some(struct input *input)
{
    const uint64_t which = number(input, 1) % SOCKETS;
    if (!sockets[which])
        MUST(socket_create(which ? FAMILY_INET6 : FAMILY_INET, SOCKET_DATAGRAM, 0, 0, &sockets[which]) == 0);
    return sockets[which];
}

static void asks(struct input *input, uint8_t *text, size_t bytes)
{
    struct socket *socket = some(input);
    struct address at = address_loopback(FAMILY_INET, 53);
    struct io io;
    at.data[12] = number(input, 1) & 1 ? 127 : 8;
    io_kernel(&io, text, bytes);
    const struct address to = address_as(&at, socket->family);
    const int64_t sent = socket_send(socket, &io, &to, NULL);
    MUST(sent == (int64_t)bytes);
}

static void asks_anything(struct input *input)
{
    static uint8_t text[ASKED_BYTES_MAX];
    size_t bytes = (size_t)number(input, 2) % sizeof text;
    memset(text, 0, sizeof text);
    for (size_t i = 0; i < bytes && input->bytes; i++)
        text[i] = (uint8_t)number(input, 1);
    asks(input, text, bytes);
}

/* Of labels of so many letters, each given by a byte, until one is 0. */
static void asks_well(struct input *input)
{
    static uint8_t text[ASKED_BYTES_MAX];
    const uint64_t how = number(input, 1);
    size_t at = HEAD_BYTES, label;
    memset(text, 0, sizeof text);
    text[5] = 1;
    while ((label = (size_t)number(input, 1) % 64) && at + label + 6 < sizeof text) {
        text[at] = (uint8_t)label;
        memset(text + at + 1, 'A' + (int)(label % 26), label);
        at += label + 1;
    }
    text[at + 2] = how & 1 ? 28 : 1;
    text[at + 4] = 1;
    asks(input, text, at + 5 + (how >> 4));
}

static void node_hears(void)
{
    struct channel_message message;
    struct mf_why why = {{0}};
    mf_err err = channel_stream_peek(&node, &message, &why);
    MUST(err == MF_OK || err == MF_EAGAIN);
    if (err)
        return;
    MUST(message.type == MF_MSG_NAME && (message.arg == 4 || message.arg == 6));
    MUST(message.data_bytes > 0 && message.data_bytes <= MF_NAME_LOOKUP_BYTES_MAX);
    asked_ids[asked++ % 64] = message.id;
    channel_stream_release(&node);
}

/* Addresses as the node finds them: a program must not be told that it is one itself. */
static void node_answers(struct input *input)
{
    static uint8_t addresses[16 * MF_NAME_ADDRESSES_MAX];
    const uint64_t id = number(input, 1) & 1 && asked ? asked_ids[number(input, 1) % (asked < 64 ? asked : 64)] : 1 + number(input, 1);
    const uint64_t how = number(input, 1) % MF_NAME_COUNT;
    const uint64_t count = number(input, 1) % (MF_NAME_ADDRESSES_MAX + 1);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t *const address = addresses + 16 * i;
        const uint8_t first = (uint8_t)number(input, 1); /* 0: ::1; else of version 4 */
        memset(address, 0, 16);
        memset(address + 10, first ? 0xff : 0, 2);
        address[12] = first;
        address[15] = first ? (uint8_t)number(input, 1) : 1;
    }
    const struct mf_desc desc = {.id = id, .type = MF_MSG_NAMED, .arg = how, .data_bytes = (uint32_t)(16 * count)};
    if (channel_stream_put(&node, &desc, addresses) == MF_OK)
        (void)outside_turn();
}

static unsigned number16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Behind the question, whose name has no pointers. */
static size_t behind_question(const uint8_t *text, size_t bytes)
{
    size_t at = HEAD_BYTES;
    while (at < bytes && text[at])
        at += text[at] + 1u;
    MUST(at + 5 <= bytes);
    return at + 5;
}

static void hears(struct input *input)
{
    static uint8_t text[ANSWER_BYTES_MAX + 1];
    struct address from;
    struct io io;
    uint32_t flags = 0;
    struct socket *socket = some(input);
    io_kernel(&io, text, sizeof text);
    const int64_t got_bytes = socket_receive(socket, &io, &flags, &from, NULL);
    if (got_bytes == -EAGAIN)
        return;
    MUST(got_bytes >= HEAD_BYTES && got_bytes <= ANSWER_BYTES_MAX && from.port == 53);
    MUST((number16(text + 2) & 0xfff0) == 0x8180 && number16(text + 4) <= 1);
    const size_t bytes = (size_t)got_bytes;
    const unsigned questions = number16(text + 4), answers = number16(text + 6);
    size_t at = questions ? behind_question(text, bytes) : HEAD_BYTES;
    MUST(questions || !answers);
    for (unsigned i = 0; i < answers; i++) {
        MUST(bytes - at >= 12 && number16(text + at) == (0xc000 | HEAD_BYTES));
        const unsigned type = number16(text + at + 2), length = number16(text + at + 10);
        MUST(type == (length == 4 ? 1u : 28u) && (length == 4 || length == 16));
        MUST(bytes - at - 12 >= length && !(type == 1 && text[at + 12] == 127));
        at += 12 + length;
    }
    MUST(at == bytes);
}

static void closes(struct input *input)
{
    struct socket **socket = &sockets[number(input, 1) % SOCKETS];
    if (*socket)
        close_socket(*socket);
    *socket = NULL;
}

/* As it was when it was opened, which is once: that costs more than all else. */
static void begin(void)
{
    static struct channel opened;
    static struct mf_channel_head head;
    if (!opened.base) {
        (void)open_channel(NULL);
        opened = node;
        memcpy(&head, node.base, sizeof head);
    }
    node = opened;
    memcpy(node.base, &head, sizeof head);
    wire_start((uint64_t)(uintptr_t)node.base, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input input = {data, bytes};
    asked = 0;
    begin();
    for (unsigned i = 0; i < STEPS_MAX && input.bytes; i++) {
        switch (number(&input, 1) % 8) {
        case 0:
            asks_anything(&input);
            break;
        case 1:
        case 2:
            asks_well(&input);
            break;
        case 3:
            node_hears();
            break;
        case 4:
            node_answers(&input);
            break;
        case 5:
            hears(&input);
            break;
        case 6:
            closes(&input);
            break;
        default:
            outside_cut();
        }
    }
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (sockets[i])
            close_socket(sockets[i]);
        sockets[i] = NULL;
    }
    outside_cut();
    MUST(stub_heap_used == 0 && !lookup_waits());
    return 0;
}
