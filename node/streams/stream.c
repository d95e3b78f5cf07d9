/*
 * stream.c: see stream.h.
 * Guarantees: what stream_check() lets through keeps every rule of abi/channel.h for streams.
 * Owns the table, not the streams.
 */
#include "node/streams/stream.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16u

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

void stream_table_close(struct stream_table *table)
{
    free(table->by_id);
    *table = (struct stream_table){0};
}

struct stream *stream_find(const struct stream_table *table, uint64_t id)
{
    return id < table->room ? table->by_id[id] : NULL;
}

static mf_err put(struct stream_table *table, struct stream *stream, uint32_t id)
{
    mf_assert(id > 0 && id <= MF_STREAM_ID_MAX && !stream_find(table, id));
    uint32_t room = table->room ? table->room : ROOM_FIRST;
    while (room <= id)
        room *= 2;
    if (room != table->room) {
        struct stream **grown = realloc(table->by_id, room * sizeof *grown);
        if (!grown)
            return MF_ENOMEM;
        memset(grown + table->room, 0, (room - table->room) * sizeof *grown);
        table->by_id = grown;
        table->room = room;
    }
    table->by_id[id] = stream;
    table->count[id % 2]++;
    stream->id = id;
    stream->to_guest = stream->to_node = MF_STREAM_WINDOW;
    return MF_OK;
}

/* Small ids first, so that the table stays as small as it can. */
mf_err stream_add(struct stream_table *table, struct stream *stream)
{
    if (table->count[0] == MF_STREAMS_MAX)
        return MF_EFULL;
    uint32_t id = table->last[0];
    do
        id = id + 2 > 2 * (table->count[0] + 1) + ROOM_FIRST || id + 2 > MF_STREAM_ID_MAX ? 2 : id + 2;
    while (stream_find(table, id));
    table->last[0] = id;
    return put(table, stream, id);
}

mf_err stream_add_asked(struct stream_table *table, struct stream *stream, uint64_t id)
{
    stream->connects = true;
    return put(table, stream, (uint32_t)id);
}

void stream_remove(struct stream_table *table, struct stream *stream)
{
    mf_assert(stream_find(table, stream->id) == stream);
    table->by_id[stream->id] = NULL;
    table->count[stream->id % 2]--;
    stream->id = 0;
}

static mf_err check_connect(const struct stream_table *table, const struct channel_message *message,
                            struct mf_why *why)
{
    unsigned long long id = message->id;
    if (id % 2 == 0 || id > MF_STREAM_ID_MAX)
        return mf_why(why, MF_EPROTO, "stream %llu: not an id of the guest's", id);
    if (stream_find(table, id))
        return mf_why(why, MF_EPROTO, "stream %llu: CONNECT, but it is there already", id);
    if (table->count[1] == MF_STREAMS_MAX)
        return mf_why(why, MF_EPROTO, "stream %llu: one more than there may be", id);
    if (message->data_bytes != sizeof(struct mf_stream_address))
        return mf_why(why, MF_EPROTO, "stream %llu: CONNECT with %u bytes of address", id,
                      message->data_bytes);
    return MF_OK;
}

static mf_err check_bytes(const struct stream *stream, const struct channel_message *message,
                          struct mf_why *why)
{
    if (stream->connects)
        return mf_why(why, MF_EPROTO, "stream %u: bytes before it was opened", stream->id);
    if (stream->guest_ended)
        return mf_why(why, MF_EPROTO, "stream %u: bytes behind the end", stream->id);
    if (message->data_bytes == 0 && !message->end)
        return mf_why(why, MF_EPROTO, "stream %u: neither bytes nor their end", stream->id);
    if (message->data_bytes > stream->to_node)
        return mf_why(why, MF_EPROTO, "stream %u: %u bytes, but credit for %u", stream->id,
                      message->data_bytes, stream->to_node);
    return MF_OK;
}

mf_err stream_check(const struct stream_table *table, const struct channel_message *message,
                    struct stream **found, struct mf_why *why)
{
    *found = NULL;
    if (message->type == MF_MSG_CONNECT)
        return check_connect(table, message, why);
    struct stream *stream = stream_find(table, message->id);
    if (!stream)
        return mf_why(why, MF_EPROTO, "stream %llu: a message of type %u, but there is no such stream",
                      (unsigned long long)message->id, (unsigned)message->type);
    if (stream->guest_closed)
        return mf_why(why, MF_EPROTO, "stream %u: a message of type %u behind its CLOSE", stream->id,
                      (unsigned)message->type);
    *found = stream;
    switch (message->type) {
    case MF_MSG_SENT: {
        mf_err err = check_bytes(stream, message, why);
        return err ? err : stream->node_closed || stream->close_due ? MF_ENOENT : MF_OK;
    }
    case MF_MSG_CREDIT:
        if (stream->connects || message->arg > MF_STREAM_CREDIT_MAX - stream->to_guest)
            return mf_why(why, MF_EPROTO, "stream %u: credit for %llu bytes more than %u", stream->id,
                          (unsigned long long)message->arg, stream->to_guest);
        return stream->node_closed || stream->close_due ? MF_ENOENT : MF_OK;
    case MF_MSG_CLOSE:
        return MF_OK;
    default:
        return mf_why(why, MF_EPROTO, "a message of type %u among streams", (unsigned)message->type);
    }
}

mf_err stream_address_decode(const struct mf_stream_address *from, struct sockaddr_storage *address,
                             socklen_t *bytes)
{
    memset(address, 0, sizeof *address);
    if (from->port == 0)
        return MF_EINVAL;
    if (memcmp(from->address, mapped, sizeof mapped) == 0) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(from->port)};
        memcpy(&v4.sin_addr, from->address + sizeof mapped, sizeof v4.sin_addr);
        memcpy(address, &v4, sizeof v4);
        *bytes = sizeof v4;
        return MF_OK;
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(from->port)};
    memcpy(&v6.sin6_addr, from->address, sizeof v6.sin6_addr);
    memcpy(address, &v6, sizeof v6);
    *bytes = sizeof v6;
    return MF_OK;
}

void stream_address_encode(const struct sockaddr_storage *address, struct mf_stream_address *to)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    *to = (struct mf_stream_address){.port = 0};
    if (address->ss_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        memcpy(to->address, mapped, sizeof mapped);
        memcpy(to->address + sizeof mapped, &v4.sin_addr, sizeof v4.sin_addr);
        to->port = ntohs(v4.sin_port);
    } else if (address->ss_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        memcpy(to->address, &v6.sin6_addr, sizeof to->address);
        to->port = ntohs(v6.sin6_port);
    }
}
