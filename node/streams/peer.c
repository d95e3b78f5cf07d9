/*
 * peer.c: see peer.h.
 * Guarantees: bytes go once and in order; one that cannot go on is closed, and its guest told.
 * Owns the descriptor, and what the peer has not taken.
 */
#include "node/streams/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/functions/function.h"
#include "node/node.h"
#include "node/pool/pool.h"
#include "node/streams/hold.h"

#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

bool peer_has_room(const struct function *function)
{
    const struct streaming *streaming = &function->node->streaming;
    return streaming->descriptors < streaming->descriptors_max &&
           function->stream_descriptors <
               streaming->descriptors_max - streaming->descriptors_max / MF_STREAM_OTHERS_SHARE;
}

/* Bytes go at once; one that has vanished is noticed, whether or not there is something to send. */
static void set_options(int fd)
{
    static const struct {
        int level, option, value;
    } set[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, MF_STREAM_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, MF_STREAM_PROBE_S},
        {IPPROTO_TCP, TCP_KEEPCNT, MF_STREAM_PROBES},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, MF_STREAM_SILENT_MS},
    };
    for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
        (void)setsockopt(fd, set[i].level, set[i].option, &set[i].value, sizeof set[i].value);
}

mf_err peer_attach(struct stream *stream, struct function *function, int fd,
                   void (*ready)(struct watch *watch, uint32_t events))
{
    mf_err err = watch_add(&stream->node->loop.watcher, &stream->watch, fd, EVENTS, ready);
    if (err)
        return err;
    set_options(fd);
    stream->function = function_get(function);
    function->stream_descriptors++;
    stream->node->streaming.descriptors++;
    return MF_OK;
}

static void keep_nothing(struct stream *stream)
{
    budget_give(&stream->node->budget, stream->pending.room);
    mf_buf_close(&stream->pending);
}

bool peer_is_live(const struct stream *stream)
{
    return stream->watch.fd >= 0 && !stream->guest_closed;
}

void peer_hang_up(struct node *node, struct stream *stream)
{
    int fd = stream->watch.fd;
    if (fd < 0)
        return;
    if (stream->streams && stream->hold && peer_is_live(stream))
        hold_rests(stream->hold);
    watch_remove(&node->loop.watcher, &stream->watch);
    (void)close(fd);
    keep_nothing(stream);
    peer_not_wide(stream); /* not before: what waits is counted when its guest has closed it, too */
    node->streaming.descriptors--;
    stream->function->stream_descriptors--;
    function_put(stream->function);
    stream->function = NULL;
}

void peer_not_wide(struct stream *stream)
{
    if (stream->wide)
        stream->node->streaming.wide_count--;
    stream->wide = false;
    stream->width = 0;
}

/* With the peer told that it is no orderly end. */
void peer_reset(struct node *node, struct stream *stream)
{
    const struct linger now = {.l_onoff = 1};
    if (stream->watch.fd >= 0)
        (void)setsockopt(stream->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_hang_up(node, stream);
}

struct stream *peer_create(struct node *node)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->node = node;
    stream->watch.fd = -1;
    link_init(&stream->link);
    return stream;
}

/* The connection cannot go on. Whoever is there may not take what came for all there is. */
void peer_fail(struct stream *stream, int error)
{
    peer_reset(stream->node, stream);
    stream->connects = false;
    stream->opened_due = stream->end_due = stream->readable = false;
    stream->ended = true;
    if (stream->node_closed || stream->close_due)
        return;
    stream->close_due = true;
    stream->error = (uint16_t)error;
}

bool peer_may_be_read(const struct instance *instance)
{
    return instance->state != INSTANCE_RESTORING || channel_stream_begun(&instance->blank.channel);
}

/* From the peer into the ring. False: no room there, or nobody yet. */
bool peer_read(struct stream *stream)
{
    struct channel *channel = &stream->streams->instance->blank.channel;
    if (stream->readable && !peer_may_be_read(stream->streams->instance))
        return false;
    while (stream->readable && !stream->ended && stream->watch.fd >= 0 && stream->to_guest) {
        uint32_t most = stream->to_guest < MF_CHUNK_BYTES_MAX ? stream->to_guest : MF_CHUNK_BYTES_MAX;
        uint8_t *data;
        uint32_t room;
        mf_err err = channel_stream_place(channel, most < PEER_READ_LEAST ? most : PEER_READ_LEAST, most, &data,
                                          &room);
        if (err == MF_EPROTO)
            stream->streams->broken = true;
        if (err)
            return false;
        ssize_t got = recv(stream->watch.fd, data, room, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN) {
            stream->readable = false;
            return true;
        }
        if (got < 0) {
            peer_fail(stream, errno);
            return true;
        }
        if (got == 0) {
            stream->ended = stream->end_due = true;
            return true;
        }
        const struct mf_desc desc = {
            .id = stream->id, .type = MF_MSG_RECEIVED, .data_bytes = (uint32_t)got};
        channel_stream_publish(channel, &desc, data);
        stream->streams->instance->bell_due = true;
        pool_wake(stream->streams->instance);
        stream->moved = true;
        stream->to_guest -= (uint32_t)got;
        stream->readable = (uint32_t)got == room || stream->hung_up; /* edge-triggered */
    }
    return true;
}

/* To the peer, as many as it takes now. */
size_t peer_write(struct stream *stream, const uint8_t *data, size_t bytes)
{
    size_t sent = 0;
    while (sent < bytes && stream->watch.fd >= 0) {
        ssize_t got = send(stream->watch.fd, data + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got < 0) {
            peer_fail(stream, errno);
            return bytes;
        }
        sent += (size_t)got;
    }
    return sent;
}

bool peer_keep(struct stream *stream, const uint8_t *data, size_t bytes)
{
    size_t more = mf_buf_room_after(&stream->pending, bytes) - stream->pending.room;
    if (!budget_take(&stream->node->budget, more))
        return false;
    if (mf_buf_add(&stream->pending, data, bytes) == MF_OK)
        return true;
    budget_give(&stream->node->budget, more);
    return false;
}

void peer_flush(struct stream *stream)
{
    if (stream->pending.bytes) {
        size_t sent = peer_write(stream, stream->pending.data, stream->pending.bytes);
        if (stream->watch.fd < 0)
            return;
        stream->owed += (uint32_t)sent;
        mf_buf_drop(&stream->pending, sent); /* at once: it may never be empty */
    }
    if (stream->pending.bytes)
        return;
    keep_nothing(stream);
    if (stream->guest_ended && !stream->shut && stream->watch.fd >= 0) {
        (void)shutdown(stream->watch.fd, SHUT_WR);
        stream->shut = true;
    }
}

bool peer_lingers(const struct stream *stream)
{
    return stream->watch.fd >= 0 && stream->pending.bytes > 0;
}

/* It is the peer's alone: what it has not taken, for a while. */
void peer_linger(struct node *node, struct stream *stream)
{
    static const unsigned most_ms = MF_STREAM_LINGER_MS;
    stream->hold = NULL;
    if (!peer_lingers(stream) || node->streaming.lingering_count == MF_STREAM_LINGERING_MAX) {
        if (peer_lingers(stream))
            peer_reset(node, stream); /* bytes are missing */
        else
            peer_hang_up(node, stream);
        free(stream);
        return;
    }
    (void)setsockopt(stream->watch.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof most_ms);
    list_append(&node->streaming.lingering, &stream->link);
    node->streaming.lingering_count++;
}
