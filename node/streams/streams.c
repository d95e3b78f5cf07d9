/*
 * streams.c: see streams.h.
 * Guarantees: bytes arrive once, in order, and before the end; a peer that does not read costs
 * its stream's window and nobody else's time; a guest that breaks a rule ends, with the rule as reason.
 * Leaves to others: the rules (stream.c), who may connect where (outward.c), who listens
 * (listen.c). Owns every struct stream that an instance has, and those that linger.
 */
#include "node/streams/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/functions/function.h"
#include "node/node.h"
#include "node/pool/pool.h"
#include "node/snapshots/rehearsal.h"
#include "node/streams/hold.h"
#include "node/streams/names.h"
#include "node/streams/outward.h"
#include "node/streams/peer.h"

static void ready(struct watch *watch, uint32_t events);
static void move(struct stream *stream);
static void settle(struct stream *stream);
static bool conclude(struct instance *instance);

void streaming_open(struct streaming *streaming, struct node *node)
{
    struct rlimit limit = {.rlim_cur = 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t most = limit.rlim_cur / MF_STREAM_DESCRIPTORS_SHARE;
    *streaming = (struct streaming){.node = node,
                                    .descriptors_max = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX};
    link_init(&streaming->lingering);
    link_init(&streaming->lookups);
    link_init(&streaming->lookups_waiting);
}

void streaming_close(struct streaming *streaming)
{
    if (!streaming->node)
        return;
    while (!list_empty(&streaming->lingering))
        stream_drop(list_of(streaming->lingering.next, struct stream, link));
    names_close(streaming);
    streaming->node = NULL;
}

struct stream *stream_accepted(struct function *function, int fd, const struct sockaddr_storage *peer)
{
    struct stream *stream = peer_create(function->node);
    if (!stream || peer_attach(stream, function, fd, ready)) {
        free(stream);
        (void)close(fd);
        return NULL;
    }
    stream->peer = *peer;
    stream->open_due = true;
    return stream;
}

void stream_drop(struct stream *stream)
{
    struct node *node = stream->node;
    if (!stream->streams && !stream->hold && !list_empty(&stream->link))
        node->streaming.lingering_count--;
    peer_reset(node, stream);
    list_remove(&stream->link);
    free(stream);
}

static struct streams *streams_of(struct instance *instance)
{
    struct streams *streams = instance->streams;
    if (streams)
        return streams;
    streams = calloc(1, sizeof *streams);
    if (!streams)
        return NULL;
    streams->instance = instance;
    link_init(&streams->stalled);
    link_init(&streams->lookups);
    return instance->streams = streams;
}

mf_err streams_open(struct instance *instance, struct stream *stream)
{
    struct streams *streams = streams_of(instance);
    mf_err err = streams ? stream_add(&streams->table, stream) : MF_ENOMEM;
    if (err)
        return err;
    stream->streams = streams;
    instance->pool->node->streaming.opened++;
    move(stream);
    return MF_OK;
}

/* Into the ring. False: not now. */
static bool put(struct stream *stream, enum mf_message type, uint16_t flags, uint64_t arg,
                const void *data, uint32_t bytes)
{
    struct streams *streams = stream->streams;
    struct mf_desc desc = {.id = stream->id, .type = (uint16_t)type, .flags = flags,
                           .data_bytes = bytes, .arg = arg};
    mf_err err = channel_stream_put(&streams->instance->blank.channel, &desc, data);
    if (err == MF_EPROTO)
        streams->broken = true;
    if (err)
        return false;
    streams->instance->bell_due = true;
    pool_wake(streams->instance);
    return true;
}

static void stall(struct stream *stream)
{
    if (list_empty(&stream->link))
        list_append(&stream->streams->stalled, &stream->link);
}

/* Who fills the window, and whose peer takes all at once, may have more on its way: the guest and we work at
 * the same time then, and both sleep less often. */
static void widen(struct stream *stream, uint32_t taken)
{
    struct streaming *streaming = &stream->node->streaming;
    stream->at_once += taken;
    if (stream->at_once < MF_STREAM_WIDE_AFTER)
        return;
    stream->at_once = MF_STREAM_WIDE_AFTER;
    if (stream->wide || stream->guest_ended || stream->to_node > MF_STREAM_WINDOW / 2 ||
        streaming->wide_count == MF_STREAM_WIDE_MAX)
        return;
    streaming->wide_count++;
    stream->wide = true;
    stream->width = MF_STREAM_WIDTH;
    stream->owed += MF_STREAM_WIDTH;
}

/* Whose peer has not kept up: what it takes from then on is not granted again. */
static void narrow(struct stream *stream)
{
    if (stream->pending.bytes)
        stream->at_once = 0;
    if (stream->width && stream->at_once < MF_STREAM_WIDE_AFTER) {
        uint32_t back = stream->owed < stream->width ? stream->owed : stream->width;
        stream->owed -= back;
        stream->width -= back;
    }
    if (!stream->width && !stream->pending.bytes)
        peer_not_wide(stream);
}

/* What is to be said of it, in this order. False: there is no room for it. */
static bool say(struct stream *stream)
{
    if (stream->open_due) {
        struct mf_stream_address peer;
        stream_address_encode(&stream->peer, &peer);
        uint32_t port = stream->streams->instance->version->settings.port;
        if (!put(stream, MF_MSG_OPEN, 0, port, &peer, sizeof peer))
            return false;
        stream->open_due = false;
    }
    if (stream->opened_due && !put(stream, MF_MSG_OPENED, 0, 0, NULL, 0))
        return false;
    stream->opened_due = false;
    narrow(stream);
    if (stream->owed >= MF_STREAM_WINDOW / 2 && !stream->guest_ended && !stream->close_due && !stream->node_closed) {
        if (!put(stream, MF_MSG_GRANT, 0, stream->owed, NULL, 0))
            return false;
        stream->to_node += stream->owed;
        stream->owed = 0;
    }
    if (stream->end_due && !stream->close_due && !put(stream, MF_MSG_RECEIVED, MF_MSG_END, 0, NULL, 0))
        return false;
    stream->end_due = false;
    if (stream->close_due) {
        if (!put(stream, MF_MSG_CLOSED, 0, stream->error, NULL, 0))
            return false;
        stream->close_due = false;
        stream->node_closed = true;
    }
    return true;
}

/* All that can be done for it now; it may be gone afterwards. */
static void move(struct stream *stream)
{
    if (!stream->streams || stream->streams->broken)
        return;
    if (!say(stream) || (!stream->connects && !peer_read(stream)) || !say(stream))
        stall(stream);
    settle(stream);
}

/* Closed on both sides: its id is free. */
static void settle(struct stream *stream)
{
    struct streams *streams = stream->streams;
    if (!stream->guest_closed || !stream->node_closed)
        return;
    if (stream->hold && hold_leave(stream->hold))
        streams->over = stream->hold;
    list_remove(&stream->link);
    stream_remove(&streams->table, stream);
    stream->streams = NULL;
    peer_linger(stream->node, stream);
}

static void connected(struct stream *stream)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    if (getsockopt(stream->watch.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
        error = errno;
    stream->connects = false;
    if (error)
        peer_fail(stream, error);
    else
        stream->opened_due = true;
}

static void ready(struct watch *watch, uint32_t events)
{
    struct stream *stream = list_of(watch, struct stream, watch);
    struct streams *streams = stream->streams;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream->readable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream->hung_up = true;
    if (!streams && !stream->hold) { /* it lingers */
        peer_flush(stream);
        if (!peer_lingers(stream)) {
            stream->node->streaming.lingering_count--;
            list_remove(&stream->link);
            peer_hang_up(stream->node, stream);
            free(stream);
        }
        return;
    }
    if (!streams) /* it waits for an instance */
        return;
    struct instance *instance = streams->instance;
    if (stream->connects && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        connected(stream);
    else if (!stream->connects && events & EPOLLERR && (!stream->to_guest || stream->ended))
        peer_fail(stream, ECONNRESET);
    else if (!stream->connects && events & EPOLLOUT)
        peer_flush(stream);
    move(stream);
    (void)conclude(instance);
}

/* ---- what the guest says ---- */

static void take_connect(struct instance *instance, const struct channel_message *message)
{
    struct mf_stream_address asked;
    struct node *node = instance->pool->node;
    struct streams *streams = instance->streams;
    memcpy(&asked, message->data, sizeof asked);
    struct stream *stream = peer_create(node);
    if (!stream || stream_add_asked(&streams->table, stream, message->id)) {
        free(stream);
        streams->broken = true; /* no memory to say so: the instance goes */
        return;
    }
    stream->streams = streams;
    node->streaming.asked++;
    int fd = -1;
    int error = outward_connect(instance, &asked, &fd);
    if (!error && peer_attach(stream, instance->function, fd, ready)) {
        (void)close(fd);
        error = ENOBUFS;
    }
    if (error)
        peer_fail(stream, error);
    move(stream);
}

static void take_sent(struct stream *stream, const struct channel_message *message)
{
    stream->to_node -= message->data_bytes;
    stream->guest_ended = stream->guest_ended || message->end;
    if (stream->watch.fd < 0)
        return;
    stream->moved = true;
    size_t sent = 0;
    if (!stream->pending.bytes)
        sent = peer_write(stream, message->data, message->data_bytes);
    if (stream->watch.fd < 0)
        return;
    stream->owed += (uint32_t)sent;
    if (sent < message->data_bytes && !peer_keep(stream, message->data + sent, message->data_bytes - sent))
        peer_fail(stream, ENOBUFS);
    if (sent == message->data_bytes)
        widen(stream, message->data_bytes);
    if (message->end)
        peer_flush(stream);
}

static void take_close(struct stream *stream, const struct channel_message *message)
{
    if (stream->hold && peer_is_live(stream))
        hold_rests(stream->hold);
    stream->guest_closed = stream->guest_ended = true;
    stream->end_due = stream->open_due = stream->opened_due = stream->connects = false;
    stream->ended = stream->shut = true; /* closing it says so, too */
    if (message->arg)
        peer_reset(stream->node, stream);
    else
        peer_flush(stream);
    if (!stream->node_closed)
        stream->close_due = true;
}

static void take(struct instance *instance, const struct channel_message *message,
                 struct stream *stream)
{
    switch (message->type) {
    case MF_MSG_CONNECT:
        take_connect(instance, message);
        return;
    case MF_MSG_SENT:
        take_sent(stream, message);
        break;
    case MF_MSG_CREDIT:
        stream->to_guest += (uint32_t)message->arg;
        break;
    default:
        take_close(stream, message);
    }
    move(stream);
}

/* Nothing of it counts any more: it has served, and is about to be rolled back or killed. */
static bool is_past(const struct instance *instance)
{
    return instance->state == INSTANCE_RESETTING || instance->state == INSTANCE_DEAD ||
           (instance->state == INSTANCE_DRAINING && instance->count == 0 &&
            instance->isolation == ISOLATION_FRESH);
}

static mf_err take_one(struct instance *instance, const struct channel_message *message,
                       struct mf_why *why)
{
    struct streams *streams = streams_of(instance);
    struct stream *stream;
    if (!streams)
        return MF_ENOMEM;
    if (message->type == MF_MSG_NAME || message->type == MF_MSG_CONNECT)
        pool_noise(instance); /* unlike bytes, there may be any number of them */
    if (message->type == MF_MSG_NAME)
        return names_asked(instance, message, why);
    mf_err err = stream_check(&streams->table, message, &stream, why);
    if (err == MF_ENOENT && message->type == MF_MSG_SENT) {
        stream->to_node -= message->data_bytes;
        stream->guest_ended = stream->guest_ended || message->end;
    }
    if (!err)
        take(instance, message, stream);
    return err == MF_ENOENT ? MF_OK : err;
}

bool streams_take(struct instance *instance)
{
    bool any = false, held = pool_holds(instance);
    for (int taken = 0; taken < MF_MESSAGES_PER_TURN; taken++) {
        struct channel_message message;
        struct mf_why why = {{0}};
        mf_err err = channel_stream_peek(&instance->blank.channel, &message, &why);
        if (err == MF_EAGAIN)
            break;
        any = true;
        if (instance->state == INSTANCE_REHEARSING) {
            rehearsal_broke(instance, "it asked for the outside");
            return true;
        }
        if (!err && instance->state == INSTANCE_RESTORING) {
            instance_spoke(instance, instance->pool->node->loop.now_ns);
            pool_settle(instance);
        }
        if (!err && !is_past(instance))
            err = take_one(instance, &message, &why);
        if (err) {
            pool_end(instance, SITUATION_PROTOCOL, "protocol", mf_why_text(&why, err));
            return true;
        }
        instance->taken_messages++;
        instance->taken_bytes += message.data_bytes;
        channel_stream_release(&instance->blank.channel);
        if (!conclude(instance) || (!held && pool_holds(instance)))
            break;
        pool_ring_early(instance);
    }
    return any;
}

bool streams_continue(struct instance *instance)
{
    struct streams *streams = instance->streams;
    bool any = false;
    while (streams && !list_empty(&streams->stalled)) {
        struct stream *stream = list_of(streams->stalled.next, struct stream, link);
        const struct link *link = &stream->link;
        list_remove(&stream->link);
        uint32_t tail = instance->blank.channel.lane[LANE_STREAMS].to_guest_tail;
        move(stream);
        any |= instance->blank.channel.lane[LANE_STREAMS].to_guest_tail != tail;
        if (streams->broken || streams->stalled.prev == link) /* the others would find no more room */
            break;
    }
    if (streams)
        (void)conclude(instance);
    return any;
}

bool streams_could_continue(const struct instance *instance)
{
    struct streams *streams = instance->streams;
    uint8_t *data;
    uint32_t room;
    return streams && !list_empty(&streams->stalled) && peer_may_be_read(instance) &&
           channel_stream_place(&streams->instance->blank.channel, PEER_READ_LEAST, PEER_READ_LEAST, &data,
                                &room) != MF_EAGAIN;
}

/* The last step of whatever has moved streams: nothing of them may be touched afterwards. False:
 * the instance has ended what it did, or has ended. */
static bool conclude(struct instance *instance)
{
    struct streams *streams = instance->streams;
    if (!streams)
        return true;
    if (streams->broken) {
        pool_end(instance, SITUATION_PROTOCOL, "protocol", "channel: the guest's index is impossible");
        return false;
    }
    struct hold *over = streams->over;
    streams->over = NULL;
    if (!over || !hold_is_over(over))
        return true;
    hold_end(over);
    return false;
}

void streams_lost(struct instance *instance)
{
    struct streams *streams = instance->streams;
    if (!streams)
        return;
    names_lost(streams);
    for (uint32_t id = 1; id < streams->table.room; id++) {
        struct stream *stream = streams->table.by_id[id];
        if (!stream)
            continue;
        struct hold *hold = stream->hold;
        list_remove(&stream->link);
        stream_remove(&streams->table, stream);
        stream->streams = NULL;
        if (hold && hold_take_back(hold, stream, instance->unbegun))
            continue;
        stream->hold = NULL;
        if (stream->guest_closed) { /* in good order */
            peer_linger(stream->node, stream);
            continue;
        }
        peer_reset(stream->node, stream);
        free(stream);
    }
    stream_table_close(&streams->table);
    instance->streams = NULL;
    free(streams);
}
