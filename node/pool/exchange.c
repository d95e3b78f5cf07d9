/*
 * exchange.c: the conversation with one guest.
 * Guarantees: a reply is passed on only if it belongs to the event that runs, began
 * once, has decodable fields and stays within MF_BODY_BYTES_MAX; anything else ends
 * the instance as a breach of protocol.
 * Leaves to others: the rings' own rules (instance/channel.c), what happens to calls
 * (dispatch.c), logs. Loop thread only.
 */
#include "node/pool/exchange.h"

#include <string.h>

#include "node/functions/function.h"
#include "node/instance/event.h"
#include "node/logs/function_log.h"
#include "node/operations/operations.h"
#include "node/pool/dispatch.h"
#include "node/pool/pool.h"
#include "node/node.h"
#include "node/snapshots/freezer.h"
#include "node/snapshots/rehearsal.h"
#include "node/streams/hold.h"
#include "node/streams/streams.h"

#define BODY_PIECE_MIN 4096u /* smaller ones wait for room, but for the last */
/* A reply's that is larger is laid out at once (base/buf.h), by large pages of 2 MiB, each of which counts: so it is charged
 * twice what it is at most, as one that is doubled. */
#define BODY_LAID_FROM (1u << 20)

static void made_room(struct instance *instance);
static mf_err take_one(struct instance *instance, const struct channel_message *message,
                       struct mf_why *why);
static mf_err take_reply(struct instance *instance, struct call *call,
                         const struct channel_message *message, struct mf_why *why);
static mf_err take_body(struct instance *instance, struct call *call,
                        const struct channel_message *message, struct mf_why *why);
static mf_err keep_body(struct instance *instance, struct call *call, const uint8_t *data,
                        uint32_t bytes, struct mf_why *why);
static void drop_body(struct budget *budget, struct call *call);
static void take_log(struct instance *instance, const struct channel_message *message);
static void finish(struct instance *instance, struct call *call);

static uint32_t smaller(size_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

bool exchange_room(const struct instance *instance, const struct call *call)
{
    if (call->holds) /* an instance of its own */
        return instance->count == 0;
    uint32_t room = channel_room(&instance->blank.channel, call->field_bytes);
    return room > 0 && room >= smaller(call->body_bytes, BODY_PIECE_MIN);
}

mf_err exchange_send(struct instance *instance, struct call *call, uint64_t deadline_ns)
{
    if (call->holds)
        return hold_begin(instance, call);
    struct channel *channel = &instance->blank.channel;
    uint32_t bytes = smaller(call->body_bytes, channel_room(channel, call->field_bytes));
    bytes = smaller(bytes, MF_CHUNK_BYTES_MAX - call->field_bytes);
    struct mf_desc desc = {
        .id = ++instance->pool->last_call,
        .type = MF_MSG_INVOKE,
        .flags = bytes == call->body_bytes ? MF_MSG_END : 0,
        .head_bytes = call->field_bytes,
        .data_bytes = call->field_bytes + bytes,
        .arg = deadline_ns,
    };
    mf_err err = channel_put(channel, &desc, call->fields, call->body);
    if (err)
        return err;
    call->number = desc.id;
    call->body_sent = bytes;
    call->pushes = 0;
    call->instance = instance;
    instance->sending = bytes < call->body_bytes ? call : NULL;
    instance->bell_due = true;
    pool_wake(instance);
    return MF_OK;
}

bool exchange_could_continue(const struct instance *instance)
{
    const struct call *call = instance->sending;
    if (!call)
        return false;
    return channel_room(&instance->blank.channel, 0) >=
           smaller(call->body_bytes - call->body_sent, BODY_PIECE_MIN);
}

/* The event ended while its body was on the way: the guest is to wait for no more. */
static bool end_abandoned(struct instance *instance)
{
    struct mf_desc desc = {.id = instance->abandoned, .type = MF_MSG_BODY, .flags = MF_MSG_END};
    if (channel_put(&instance->blank.channel, &desc, NULL, NULL) != MF_OK)
        return false; /* no room yet; a broken ring shows itself at the next event */
    instance->abandoned = 0;
    return instance->bell_due = true;
}

void exchange_abandon(struct instance *instance, const struct call *call)
{
    if (instance->sending != call)
        return;
    instance->sending = NULL;
    instance->abandoned = call->number;
    (void)end_abandoned(instance);
}

bool exchange_continue(struct instance *instance)
{
    struct channel *channel = &instance->blank.channel;
    struct call *call = instance->sending;
    bool any = instance->abandoned && end_abandoned(instance);
    while (instance->sending && exchange_could_continue(instance)) {
        size_t left = call->body_bytes - call->body_sent;
        uint32_t bytes = smaller(left, channel_room(channel, 0));
        bytes = smaller(bytes, MF_CHUNK_BYTES_MAX);
        struct mf_desc desc = {
            .id = call->number,
            .type = MF_MSG_BODY,
            .flags = bytes == left ? MF_MSG_END : 0,
            .data_bytes = bytes,
            .arg = left - bytes,
        };
        mf_err err = channel_put(channel, &desc, NULL, call->body + call->body_sent);
        if (err == MF_EAGAIN)
            break;
        if (err) {
            pool_end(instance, SITUATION_PROTOCOL, "protocol",
                     "channel: the guest's index is impossible");
            return true;
        }
        call->body_sent += bytes;
        if (bytes == left)
            instance->sending = NULL;
        instance->bell_due = any = true;
    }
    return any;
}

void exchange_cancel(struct instance *instance, struct call *call)
{
    struct mf_desc desc = {.id = call->number, .type = MF_MSG_CANCEL};
    /* Without room the guest is not told: the grace period ends it all the same. */
    if (channel_put(&instance->blank.channel, &desc, NULL, NULL) != MF_OK)
        return;
    if (instance->sending == call)
        instance->sending = NULL; /* a body ends with its event */
    instance->bell_due = true;
    pool_wake(instance);
}

/* Up to where the guest had written them when we looked. */
static bool take_events(struct instance *instance, uint32_t said)
{
    uint8_t *scratch = instance->pool->node->scratch;
    bool held = pool_holds(instance); /* and its end is due, or it would not be asked */
    for (int taken = 0; taken < MF_MESSAGES_PER_TURN; taken++) {
        struct channel_message message;
        struct mf_why why = {{0}};
        struct channel *channel = &instance->blank.channel;
        mf_err err = channel->lane[LANE_EVENTS].to_node_head == said
                         ? MF_EAGAIN : channel_take(channel, scratch, &message, &why);
        if (err == MF_EAGAIN)
            return taken > 0;
        if (!err) {
            instance->taken_messages++;
            instance->taken_bytes += message.data_bytes;
            instance_spoke(instance, instance->pool->node->loop.now_ns);
            err = take_one(instance, &message, &why);
        }
        if (err)
            pool_end(instance, SITUATION_PROTOCOL, "protocol", mf_why_text(&why, err));
        if (instance->state == INSTANCE_DEAD)
            return true;
        if (!held && pool_holds(instance))
            break;
    }
    return true;
}

/* What it wrote to the outside before its reply goes before it: with the reply its connections end,
 * unless it is used again. */
bool exchange_take(struct instance *instance)
{
    uint32_t said = channel_said(&instance->blank.channel);
    bool held = pool_holds(instance), any = false;
    for (uint32_t at = 0; at < MF_RING_SLOTS && instance->state != INSTANCE_DEAD && streams_take(instance);
         at += MF_MESSAGES_PER_TURN) {
        any = true;
        if (instance->isolation == ISOLATION_REUSE || (!held && pool_holds(instance)))
            break;
    }
    bool behind = !held && pool_holds(instance); /* what it wrote before may not all be taken */
    if (instance->state != INSTANCE_DEAD && !behind)
        any |= take_events(instance, said);
    if (instance->state != INSTANCE_DEAD)
        made_room(instance);
    return any;
}

void exchange_take_rest(struct instance *instance)
{
    for (uint32_t at = 0; at < MF_RING_SLOTS && exchange_take(instance); at += MF_MESSAGES_PER_TURN)
        if (instance->state == INSTANCE_DEAD)
            return;
}

void exchange_last_words(struct instance *instance)
{
    uint8_t *scratch = instance->pool->node->scratch;
    for (uint32_t taken = 0; taken < MF_RING_SLOTS; taken++) {
        struct channel_message message;
        struct mf_why ignored;
        if (channel_take(&instance->blank.channel, scratch, &message, &ignored) != MF_OK)
            return;
        if (message.type == MF_MSG_LOG)
            take_log(instance, &message);
    }
}

/* A guest waits for room only while half of its ring or of its data area (a chunk is a
 * quarter of it, and may not be split) is full. Ringing after less would wake it for
 * nothing after every reply. */
static void made_room(struct instance *instance)
{
    if (instance->taken_messages < MF_RING_SLOTS / 4 &&
        instance->taken_bytes < MF_CHANNEL_DATA_BYTES / 4)
        return;
    instance->taken_messages = instance->taken_bytes = 0;
    instance->bell_due = true;
}

static mf_err take_one(struct instance *instance, const struct channel_message *message,
                       struct mf_why *why)
{
    if (message->type == MF_MSG_LOG) {
        take_log(instance, message);
        return MF_OK;
    }
    if (message->type == MF_MSG_FROZEN && instance->state == INSTANCE_FREEZING)
        return freezer_frozen(instance, message->data, message->data_bytes, why);
    if (instance->state == INSTANCE_REHEARSING)
        return rehearsal_said(instance, message, why);
    struct call *call = instance_head(instance);
    if (!call || call->number != message->id)
        return mf_why(why, MF_EPROTO, "a reply to event %llu, which does not run here",
                      (unsigned long long)message->id);
    if (message->type == MF_MSG_OPERATION)
        return operation_take(instance, message, why);
    if (instance->operation)
        return mf_why(why, MF_EPROTO, "a message of type %u before its operation was answered",
                      (unsigned)message->type);
    switch (message->type) {
    case MF_MSG_REPLY:
        return take_reply(instance, call, message, why);
    case MF_MSG_REPLY_BODY:
        return take_body(instance, call, message, why);
    case MF_MSG_ERROR:
        dispatch_ended(instance, &(struct outcome){
                                     .situation = message->arg == MF_ERROR_ANSWER
                                                      ? SITUATION_BAD_ANSWER
                                                      : SITUATION_HANDLER_FAILED,
                                     .message = (const char *)message->data,
                                     .message_bytes = message->data_bytes,
                                     .instance_id = instance->blank.id,
                                 });
        return MF_OK;
    default:
        return mf_why(why, MF_EPROTO, "a message of type %u", (unsigned)message->type);
    }
}

static mf_err check_fields(const uint8_t *fields, uint32_t bytes, struct mf_why *why)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, fields, bytes, true);
    mf_err err;
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    return err == MF_ENOENT ? MF_OK
                            : mf_why(why, MF_EPROTO, "the reply's field %u is not allowed",
                                     reader.count + 1);
}

static bool unwanted(const struct instance *instance, const struct call *call)
{
    return call->reply_unwanted && instance->version->settings.then.count == 0;
}

static mf_err take_reply(struct instance *instance, struct call *call,
                         const struct channel_message *message, struct mf_why *why)
{
    if (call->status)
        return mf_why(why, MF_EPROTO, "event %llu was replied to twice",
                      (unsigned long long)message->id);
    mf_err err = check_fields(message->data, message->head_bytes, why);
    if (err)
        return err;
    uint32_t status = (uint32_t)message->arg; /* in range: channel.c */
    const uint8_t *body = message->data + message->head_bytes;
    uint32_t body_bytes = message->data_bytes - message->head_bytes;
    if (message->end) {
        dispatch_ended(instance, &(struct outcome){
                                     .situation = SITUATION_REPLIED,
                                     .status = status,
                                     .instance_id = instance->blank.id,
                                     .version = instance->version,
                                     .fields = message->data,
                                     .field_bytes = message->head_bytes,
                                     .body = body,
                                     .body_bytes = body_bytes,
                                 });
        return MF_OK;
    }
    call->status = status;
    if (call->cancelled)
        return MF_OK;
    if (!unwanted(instance, call) &&
        mf_buf_add(&call->reply_fields, message->data, message->head_bytes))
        call->reply_dropped = true;
    return keep_body(instance, call, body, body_bytes, why);
}

static mf_err take_body(struct instance *instance, struct call *call,
                        const struct channel_message *message, struct mf_why *why)
{
    if (!call->status)
        return mf_why(why, MF_EPROTO, "a reply's body before its start");
    mf_err err = keep_body(instance, call, message->data, message->data_bytes, why);
    if (!err && message->end)
        finish(instance, call);
    return err;
}

static mf_err keep_body(struct instance *instance, struct call *call, const uint8_t *data,
                        uint32_t bytes, struct mf_why *why)
{
    struct budget *budget = &instance->pool->node->budget;
    call->reply_bytes += bytes;
    if (call->reply_bytes > MF_BODY_BYTES_MAX)
        return mf_why(why, MF_EPROTO, "a reply of more than %u bytes", MF_BODY_BYTES_MAX);
    if (call->cancelled || call->reply_dropped || unwanted(instance, call))
        return MF_OK;
    struct mf_buf *body = &call->reply_body;
    if (!body->laid && body->bytes + bytes > BODY_LAID_FROM && mf_buf_lay(body, MF_BODY_BYTES_MAX) != MF_OK) {
        drop_body(budget, call);
        return MF_OK;
    }
    size_t room = mf_buf_room_after(body, bytes);
    if (!budget_take(budget, room - call->reply_charged)) {
        drop_body(budget, call);
        return MF_OK;
    }
    call->reply_charged = room;
    if (mf_buf_add(body, data, bytes))
        drop_body(budget, call);
    return MF_OK;
}

/* There is no room for it. What there is of it goes at once: it may stand in large pages that nobody
 * has counted, and its guest may take all its time to end it. */
static void drop_body(struct budget *budget, struct call *call)
{
    call->reply_dropped = true;
    mf_buf_close(&call->reply_body);
    budget_give(budget, call->reply_charged);
    call->reply_charged = 0;
}

static void finish(struct instance *instance, struct call *call)
{
    struct outcome outcome = {
        .situation = call->reply_dropped ? SITUATION_NODE_FULL : SITUATION_REPLIED,
        .status = call->status,
        .instance_id = instance->blank.id,
        .version = instance->version,
    };
    if (!call->reply_dropped) {
        outcome.fields = call->reply_fields.data;
        outcome.field_bytes = (uint32_t)call->reply_fields.bytes;
        outcome.body = call->reply_body.data;
        outcome.body_bytes = call->reply_body.bytes;
        outcome.body_owner = &call->reply_body;
    }
    dispatch_ended(instance, &outcome);
}

static void take_log(struct instance *instance, const struct channel_message *message)
{
    const char *call_name = NULL;
    if (instance->state == INSTANCE_REHEARSING) { /* it was said before the freeze */
        pool_noise(instance);
        return;
    }
    for (uint32_t i = 0; i < instance->count && message->id; i++)
        if (instance_event(instance, i)->number == message->id)
            call_name = instance_event(instance, i)->name;
    function_log_write(instance->function->log, (enum mf_log_level)message->arg,
                       instance->blank.id, call_name, (const char *)message->data,
                       message->data_bytes, NULL);
    pool_noise(instance);
}
