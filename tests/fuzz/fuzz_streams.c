/*
 * fuzz_streams.c: a guest that writes anything into its rings of streams, against the node's end and
 * the rules of streams (node/streams/stream.c), and names. The input is a little program: an
 * opcode byte, then its operands. What is let through is done as streams.c would. No expectation
 * but: no crash, no credit below zero or past its bound, no message of a stream that is not there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/instance/channel.h"
#include "node/streams/names.h"
#include "node/streams/stream.h"
#include "tests/fuzz/input.h"
#include "tests/guests/raw/ring.h"

#define STEPS_MAX 4096

static void guest_writes(struct input *input, uint8_t *base, uint32_t *tail)
{
    struct mf_channel_head *head = (struct mf_channel_head *)(void *)base;
    struct mf_desc desc = {.type = (uint16_t)(MF_MSG_CONNECT + number(input, 1) % 5)};
    uint64_t how = number(input, 1);
    desc.id = number(input, how & 1 ? 8 : 1);
    desc.flags = (uint16_t)(how & 2 ? number(input, 2) : how >> 7);
    desc.head_bytes = how & 4 ? (uint32_t)number(input, 4) : 0;
    desc.data_offset = how & 8 ? (uint32_t)number(input, 4) : 0;
    desc.data_bytes = (uint32_t)number(input, how & 16 ? 4 : 2);
    desc.arg = number(input, how & 32 ? 8 : 1);
    if (how & 64)
        desc.type = (uint16_t)number(input, 2);
    memcpy(base + MF_STREAMS_TO_NODE_SLOTS + (*tail % MF_RING_SLOTS) * sizeof desc, &desc, sizeof desc);
    head->streams_to_node.tail = ++*tail;
}

/* As streams.c, without a connection. */
static void obey(struct stream_table *table, const struct channel_message *message,
                 struct stream *stream)
{
    switch (message->type) {
    case MF_MSG_CONNECT: {
        struct sockaddr_storage address;
        struct mf_stream_address asked;
        socklen_t bytes;
        memcpy(&asked, message->data, sizeof asked);
        stream = calloc(1, sizeof *stream);
        mf_assert(stream && stream_add_asked(table, stream, message->id) == MF_OK);
        stream->connects = stream_address_decode(&asked, &address, &bytes) != MF_OK;
        break;
    }
    case MF_MSG_SENT:
        mf_assert(message->data_bytes <= stream->to_node && !stream->guest_ended);
        stream->to_node -= message->data_bytes;
        stream->guest_ended = message->end;
        break;
    case MF_MSG_CREDIT:
        stream->to_guest += (uint32_t)message->arg;
        mf_assert(stream->to_guest <= MF_STREAM_CREDIT_MAX);
        break;
    default:
        stream->guest_closed = true;
        if (stream->node_closed) {
            stream_remove(table, stream);
            free(stream);
        }
    }
}

static bool take(struct channel *channel, struct stream_table *table)
{
    struct channel_message message;
    struct mf_why why;
    struct stream *stream = NULL;
    char name[MF_NAME_LOOKUP_BYTES_MAX + 1];
    mf_err err = channel_stream_peek(channel, &message, &why);
    if (err)
        return err == MF_EAGAIN;
    mf_assert(message.data_bytes <= MF_CHUNK_BYTES_MAX && message.head_bytes == 0 && message.id != 0);
    if (message.type == MF_MSG_NAME) {
        if (name_decode(message.data, message.data_bytes, name) == MF_OK)
            mf_assert(strlen(name) <= MF_NAME_LOOKUP_BYTES_MAX);
    } else {
        err = stream_check(table, &message, &stream, &why);
        if (err == MF_EPROTO)
            return false;
        if (!err)
            obey(table, &message, stream);
    }
    channel_stream_release(channel);
    return true;
}

/* The node opens one, grants, closes its end. */
static void node_does(struct input *input, struct stream_table *table)
{
    struct stream *stream = stream_find(table, number(input, 1));
    if (!stream) {
        stream = calloc(1, sizeof *stream);
        mf_assert(stream);
        if (stream_add(table, stream) != MF_OK)
            free(stream);
        return;
    }
    if (number(input, 1) % 2 && stream->to_node < MF_STREAM_WINDOW)
        stream->to_node = MF_STREAM_WINDOW;
    else
        stream->node_closed = true;
    if (stream->guest_closed && stream->node_closed) {
        stream_remove(table, stream);
        free(stream);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int memfd = -1;
    struct channel channel;
    struct stream_table table = {0};
    if (memfd < 0) {
        memfd = memfd_create("channel", MFD_CLOEXEC);
        mf_assert(memfd >= 0 && ftruncate(memfd, MF_CHANNEL_BYTES) == 0);
    }
    mf_assert(channel_open(memfd, &channel) == MF_OK);
    struct input input = {data, bytes};
    uint32_t tail = 0;
    bool alive = true;
    for (unsigned step = 0; step < STEPS_MAX && input.bytes && alive; step++) {
        switch (number(&input, 1) % 4) {
        case 0:
        case 1:
            guest_writes(&input, channel.base, &tail);
            break;
        case 2:
            alive = take(&channel, &table);
            break;
        case 3:
            node_does(&input, &table);
            break;
        }
    }
    for (uint32_t id = 0; id < table.room; id++)
        free(table.by_id[id]);
    stream_table_close(&table);
    channel_close(&channel);
    return 0;
}
