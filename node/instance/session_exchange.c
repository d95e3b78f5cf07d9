/*
 * session_exchange.c: the conversation of a session with its guest.
 * Guarantees: the event that is given out reaches the ring in order, and ends there
 * even if the guest ended it first; of what the guest says only that is kept which
 * keeps the rules of abi/channel.h and belongs to an event it was given; the rest
 * ends it with cause "protocol".
 * Leaves to others: the rings (channel.c), when (session.c). One thread.
 */
#include "node/instance/session_parts.h"

#include <errno.h>
#include <sys/wait.h>

#include "abi/cause.h"
#include "node/instance/event.h"

#define TAKES_A_ROUND 256u /* messages of one guest before the others' turn */

static bool put_event(struct session *session);
static bool end_abandoned(struct session *session);
static mf_err refuse_streams(struct session *session, bool *took);
static void accept_message(struct session *session, const struct channel_message *message);
static void condemn_for_protocol(struct session *session);
static void condemn_for_head(struct session *session);

/* Put what fits of the event: fields with the start of the body, then the rest. */
void session_announce(struct session *session)
{
    bool put = end_abandoned(session);
    if (!session->abandoned_id && session->state == SESSION_BUSY)
        while (session->announced_id != session->event_id ||
               session->body_sent < session->event.body_bytes) {
            if (!put_event(session))
                break;
            put = true;
        }
    if (put)
        channel_bell(&session->blank.channel);
}

bool session_could_announce(const struct session *session)
{
    bool first = session->announced_id != session->event_id;
    if (session->abandoned_id)
        return channel_room(&session->blank.channel, 0) > 0;
    return session->state == SESSION_BUSY &&
           (first || session->body_sent < session->event.body_bytes) &&
           channel_room(&session->blank.channel, first ? session->event.head_bytes : 0) > 0;
}

void session_take(struct session *session)
{
    static uint8_t scratch[MF_CHUNK_BYTES_MAX];
    struct channel_message message;
    mf_err err = MF_OK;
    bool took = false;
    for (unsigned i = 0; i < TAKES_A_ROUND && !err && !session->cause; i++) {
        err = channel_take(&session->blank.channel, scratch, &message, &session->why);
        if (err == MF_OK) {
            took = true;
            accept_message(session, &message);
        }
    }
    if (err == MF_EAGAIN && !session->cause)
        err = refuse_streams(session, &took);
    if (took)
        channel_bell(&session->blank.channel); /* it may wait for room */
    if (err == MF_EPROTO)
        condemn_for_protocol(session);
}

/* There is no outside here: who wants to connect is told that there is no way, who looks a name up
 * that nobody knows it. */
static mf_err refuse_streams(struct session *session, bool *took)
{
    struct channel *channel = &session->blank.channel;
    struct channel_message message;
    mf_err err = MF_OK;
    for (unsigned i = 0; i < TAKES_A_ROUND; i++) {
        err = channel_stream_peek(channel, &message, &session->why);
        if (err)
            return err;
        struct mf_desc answer = {.id = message.id, .type = MF_MSG_CLOSED, .arg = ENETUNREACH};
        if (message.type == MF_MSG_NAME) {
            answer.type = MF_MSG_NAMED;
            answer.arg = MF_NAME_FAILED;
        }
        if (message.type == MF_MSG_NAME || message.type == MF_MSG_CONNECT)
            err = channel_stream_put(channel, &answer, NULL);
        if (err)
            return err; /* no room: it stays where it is */
        channel_stream_release(channel);
        *took = true;
    }
    return err;
}

/* One message of the event that is given out now. False: no room, or the guest broke the ring. */
static bool put_event(struct session *session)
{
    const struct session_event *event = &session->event;
    bool first = session->announced_id != session->event_id;
    uint32_t head_bytes = first ? event->head_bytes : 0;
    size_t piece = event->body_bytes - session->body_sent;
    uint32_t room = channel_room(&session->blank.channel, head_bytes);
    if (piece > room)
        piece = room;
    if (!first && piece == 0)
        return false;
    struct mf_desc desc = {
        .id = session->event_id,
        .type = first ? MF_MSG_INVOKE : MF_MSG_BODY,
        .flags = session->body_sent + piece == event->body_bytes ? MF_MSG_END : 0,
        .head_bytes = head_bytes,
        .data_bytes = head_bytes + (uint32_t)piece,
        .arg = event->deadline_ns,
    };
    if (desc.data_bytes > MF_CHUNK_BYTES_MAX) { /* room said so for a ring that is broken */
        desc.data_bytes = MF_CHUNK_BYTES_MAX;
        piece = MF_CHUNK_BYTES_MAX - head_bytes;
    }
    if (!first)
        desc.arg = event->body_bytes - session->body_sent - piece;
    const uint8_t *body = event->body;
    mf_err err = channel_put(&session->blank.channel, &desc, event->head,
                             body ? body + session->body_sent : NULL);
    if (err == MF_EPROTO)
        condemn_for_head(session);
    if (err)
        return false;
    session->announced_id = session->event_id;
    session->body_sent += piece;
    return true;
}

/* An event that ended before its body did: say that nothing of it follows. */
static bool end_abandoned(struct session *session)
{
    struct mf_desc desc = {.id = session->abandoned_id, .type = MF_MSG_BODY, .flags = MF_MSG_END};
    if (!session->abandoned_id)
        return false;
    mf_err err = channel_put(&session->blank.channel, &desc, NULL, NULL);
    if (err == MF_EPROTO)
        condemn_for_head(session);
    if (err)
        return false;
    session->abandoned_id = 0;
    return true;
}

/* The rule that a message of an event breaks, or NULL. Events end in their order. */
static const char *offence(const struct session *session, const struct channel_message *message)
{
    if (message->id != session->ended_id + 1 || message->id > session->announced_id)
        return "a message for an event it does not have";
    if (message->type == MF_MSG_REPLY && session->reply_begun)
        return "a second reply";
    if (message->type == MF_MSG_REPLY_BODY && !session->reply_begun)
        return "a reply's body before the reply";
    if (message->type == MF_MSG_OPERATION)
        return NULL;
    if (message->type != MF_MSG_ERROR &&
        message->data_bytes - message->head_bytes > MF_BODY_BYTES_MAX - session->body.bytes)
        return "a reply's body past the limit";
    if (message->type != MF_MSG_REPLY)
        return NULL;
    struct field_reader reader;
    struct field field;
    mf_err err;
    field_reader_init(&reader, message->data, message->head_bytes, true);
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    return err == MF_ENOENT ? NULL : "a reply's header that breaks a rule";
}

/* What is kept of a reply that somebody waits for. */
static mf_err keep(struct session *session, const struct channel_message *message)
{
    if (message->type == MF_MSG_ERROR) {
        mf_buf_close(&session->partial);
        session->partial = session->body;
        session->body = (struct mf_buf){0};
    }
    if (message->type == MF_MSG_REPLY) {
        session->status = (uint16_t)message->arg;
        mf_err err = mf_buf_add(&session->head, message->data, message->head_bytes);
        if (err)
            return err;
    }
    return mf_buf_add(&session->body, message->data + message->head_bytes,
                      message->data_bytes - message->head_bytes);
}

static void serve_operation(struct session *session, const struct channel_message *message)
{
    static uint8_t data[MF_CHUNK_BYTES_MAX];
    struct mf_result result = {.error = MF_RESULT_UNAVAILABLE};
    mf_err err = MF_OK;
    if (session->ears.operation)
        err = session->ears.operation(session->ears.context, (uint32_t)message->arg, message->data,
                                      message->data_bytes, &result, data, &session->why);
    if (err) {
        condemn_for_protocol(session);
        return;
    }
    result.number = (uint32_t)(message->arg >> 32);
    channel_answer(&session->blank.channel, &result, data, data + result.head_bytes);
}

static void accept_message(struct session *session, const struct channel_message *message)
{
    if (message->type == MF_MSG_LOG) {
        session->log_bytes += message->data_bytes;
        if (session->ears.log)
            session->ears.log(session->ears.context, (enum mf_log_level)message->arg,
                              (const char *)message->data, message->data_bytes);
        return;
    }
    if (message->type == MF_MSG_FROZEN && !session->frozen) {
        session->frozen = mf_buf_add(&session->ranges, message->data, message->data_bytes) == MF_OK;
        return;
    }
    const char *wrong = offence(session, message);
    if (wrong) {
        (void)mf_why(&session->why, MF_EPROTO, "channel: the guest sent %s (type %u, event %llu)",
                     wrong, message->type, (unsigned long long)message->id);
        condemn_for_protocol(session);
        return;
    }
    if (message->type == MF_MSG_OPERATION) {
        serve_operation(session, message);
        return;
    }
    session->reply_begun = true;
    bool awaited = message->id == session->event_id && session->outcome == SESSION_PENDING;
    mf_err err = awaited ? keep(session, message) : MF_OK;
    if (err) {
        (void)mf_why(&session->why, err, "no memory for the reply's body");
        session_condemn(session, "killed");
    }
    if (err || !message->end)
        return;
    session->ended_id++;
    session->reply_begun = false;
    if (awaited && session->body_sent < session->event.body_bytes)
        session->abandoned_id = session->event_id;
    if (awaited)
        session_decide(session, message->type == MF_MSG_ERROR ? SESSION_FAILED : SESSION_REPLIED);
}

static void condemn_for_protocol(struct session *session)
{
    session_condemn(session, exit_cause(W_EXITCODE(MF_CAUSE_STATUS + MF_CAUSE_PROTOCOL, 0)));
}

static void condemn_for_head(struct session *session)
{
    (void)mf_why(&session->why, MF_EPROTO, "channel: the guest's head is impossible");
    condemn_for_protocol(session);
}
