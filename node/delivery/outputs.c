/*
 * outputs.c: see outputs.h.
 * Guarantees: an attempt is told that all was passed on only when each output is as durable as
 * a disk; an output that was once durable is not appended again by the same attempt.
 * Leaves to others: what a queue does with it (delivery.c), when to try again (attempt.c).
 * Owns the outputs of an attempt, whose operations it counts.
 */
#include "node/delivery/outputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/output_event.h"
#include "node/events/cloudevent.h"
#include "node/functions/function.h"
#include "node/node.h"

struct output {
    struct submission submission;
    struct attempt *attempt;
    char target[MF_NAME_BYTES_MAX + 1];
    char id[OUTPUT_ID_BYTES + 1];
    struct queue *queue; /* of no deployed function: while its append is under way */
    bool durable;
};

struct outputs {
    struct output_fields fields;
    uint8_t *head;          /* those; one for all, but for the ids */
    struct mf_buf body;
    const uint8_t *data;    /* of the event: the body, or in it  */
    size_t data_bytes;
    size_t charged;         /* of the node's budget              */
    uint64_t now_ns;
    uint32_t count, left;   /* left: not durable yet             */
    uint32_t asked;         /* appends under way                 */
    bool sending;
    enum situation refusal; /* of the last one that was not taken */
    const struct output *refused;
    struct output output[];
};

static void ask(struct attempt *attempt, struct output *output);
static void done(struct submission *submission, enum situation situation, const char *message);
static void settle(struct attempt *attempt);

/* ---- made ---- */

static mf_err charge(struct attempt *attempt, struct outputs *outputs, size_t bytes)
{
    if (!budget_take(&attempt->consumer->delivery->node->budget, bytes))
        return MF_EFULL;
    outputs->charged += bytes;
    return MF_OK;
}

/* A copy: of what came in a single message, or is read where it stands and written over. */
static mf_err copy_body(struct attempt *attempt, const struct outcome *outcome, struct outputs *outputs)
{
    mf_err err = charge(attempt, outputs, mf_buf_room_after(&outputs->body, outcome->body_bytes));
    return err ? err : mf_buf_add(&outputs->body, outcome->body, outcome->body_bytes);
}

/* The body, with what was charged for it. */
static mf_err take_body(struct attempt *attempt, const struct outcome *outcome,
                        struct outputs *outputs)
{
    struct call *call = &attempt->call;
    struct mf_buf *owner = outcome->body_owner;
    if (!owner)
        return copy_body(attempt, outcome, outputs);
    mf_assert(call->reply_charged <= owner->room);
    mf_err err = charge(attempt, outputs, owner->room - call->reply_charged);
    if (err)
        return err;
    outputs->charged += call->reply_charged;
    call->reply_charged = 0;
    outputs->body = *owner;
    *owner = (struct mf_buf){0};
    return MF_OK;
}

/* In structured mode the event's attributes are in the body: the callback may want that as it was. */
static mf_err unfold(struct attempt *attempt, const struct outcome *outcome, struct outputs *outputs,
                     uint8_t *room, uint32_t *field_bytes, struct mf_why *why)
{
    struct cloudevent event;
    struct mf_why wrong = {{0}};
    mf_err err = copy_body(attempt, outcome, outputs);
    if (err)
        return err;
    err = output_unfold((char *)outputs->body.data, outputs->body.bytes, room, field_bytes, &event, &wrong);
    if (err)
        return mf_why(why, err, "its reply is no event, though its Content-Type says so: %s", wrong.text);
    outputs->data = event.data;
    outputs->data_bytes = event.data_bytes;
    return MF_OK;
}

/* From the reply's fields. */
static mf_err make_head(struct attempt *attempt, const uint8_t *reply, uint32_t reply_bytes,
                        uint32_t hops, struct outputs *outputs)
{
    uint8_t *room = malloc(MF_HEAD_BYTES_MAX); /* a guest's message may stand in the node's */
    if (!room)
        return MF_ENOMEM;
    outputs->now_ns = mf_realtime_ns();
    const struct output_origin origin = {.function = attempt->consumer->name,
                                         .call_id = attempt->call_id,
                                         .call_id_bytes = strlen(attempt->call_id),
                                         .hops = hops,
                                         .now_ns = outputs->now_ns};
    mf_err err = output_fields_make(&origin, reply, reply_bytes, room, &outputs->fields);
    if (!err)
        err = charge(attempt, outputs, outputs->fields.bytes);
    outputs->head = err ? NULL : malloc(outputs->fields.bytes);
    if (outputs->head)
        memcpy(outputs->head, room, outputs->fields.bytes);
    else if (!err)
        err = MF_ENOMEM;
    free(room);
    return err;
}

static mf_err keep_reply(struct attempt *attempt, const struct outcome *outcome, uint32_t hops,
                         struct outputs *outputs, struct mf_why *why)
{
    const uint8_t *reply = outcome->fields;
    uint32_t reply_bytes = outcome->field_bytes;
    bool folded = output_is_folded(reply, reply_bytes);
    uint8_t *unfolded = folded ? malloc(MF_HEAD_BYTES_MAX) : NULL;
    mf_err err = folded && !unfolded ? MF_ENOMEM : MF_OK;
    if (unfolded) {
        err = unfold(attempt, outcome, outputs, unfolded, &reply_bytes, why);
        reply = unfolded;
    }
    if (!err)
        err = make_head(attempt, reply, reply_bytes, hops, outputs);
    free(unfolded);
    if (!err && !folded) {
        err = take_body(attempt, outcome, outputs);
        outputs->data = outputs->body.data;
        outputs->data_bytes = outputs->body.bytes;
    }
    if (err == MF_ETOOBIG)
        return mf_why(why, err, "the reply's ce- headers leave no room for those of an event");
    if (err == MF_EINVAL)
        return err; /* unfold() has said what is wrong */
    return err ? mf_why(why, err, "the node has no room for the reply that is to be passed on") : MF_OK;
}

static void name_targets(struct attempt *attempt, const struct settings *settings,
                         struct outputs *outputs)
{
    const char *target = NULL;
    while ((target = followers_next(&settings->then, target)) != NULL) {
        struct output *output = &outputs->output[outputs->count++];
        output->attempt = attempt;
        output->submission.done = done;
        memcpy(output->target, target, strlen(target) + 1);
        output_id(attempt->call_id, strlen(attempt->call_id), attempt->consumer->name, target,
                  output->id);
    }
    outputs->left = outputs->count;
}

mf_err outputs_make(struct attempt *attempt, const struct outcome *outcome, struct mf_why *why)
{
    const struct settings *settings = outcome->version ? &outcome->version->settings : NULL;
    if (!settings || !settings->then.count || outcome->status < 200 || outcome->status > 299 ||
        outcome->status == 204)
        return MF_OK;
    uint32_t hops = output_hops(attempt->call.fields, attempt->call.field_bytes) + 1;
    if (hops > MF_THEN_HOPS_MAX)
        return mf_why(why, MF_ETOOBIG, "it was passed on %u times; do the `then` of its functions "
                      "go in a circle?", MF_THEN_HOPS_MAX);
    struct outputs *outputs =
        calloc(1, sizeof *outputs + settings->then.count * sizeof outputs->output[0]);
    if (!outputs)
        return mf_why(why, MF_ENOMEM, "no memory for what follows");
    mf_err err = keep_reply(attempt, outcome, hops, outputs, why);
    if (err) {
        outputs_destroy(outputs, attempt->consumer->delivery);
        return err;
    }
    name_targets(attempt, settings, outputs);
    attempt->outputs = outputs;
    return MF_OK;
}

uint32_t outputs_count(const struct outputs *outputs)
{
    return outputs ? outputs->count : 0;
}

bool outputs_under_way(const struct outputs *outputs)
{
    return outputs && outputs->asked > 0;
}

void outputs_destroy(struct outputs *outputs, struct delivery *delivery)
{
    if (!outputs)
        return;
    mf_assert(outputs->asked == 0);
    budget_give(&delivery->node->budget, outputs->charged);
    free(outputs->head);
    mf_buf_close(&outputs->body);
    free(outputs);
}

/* ---- appended ---- */

/* All at once: what one commit of the store can hold becomes durable in one. */
void outputs_send(struct attempt *attempt)
{
    struct outputs *outputs = attempt->outputs;
    mf_assert(outputs->asked == 0);
    outputs->sending = true;
    outputs->refused = NULL;
    for (uint32_t i = 0; i < outputs->count; i++)
        if (!outputs->output[i].durable)
            ask(attempt, &outputs->output[i]);
    outputs->sending = false;
    if (!outputs->asked)
        settle(attempt);
}

static void appended(void *context, const struct store_answer *answer)
{
    struct output *output = context;
    struct queue *queue = output->queue;
    output->queue = NULL;
    done(&output->submission,
         !answer->err                 ? SITUATION_REPLIED
         : answer->err == MF_EFULL    ? SITUATION_QUEUE_FULL
                                      : SITUATION_STORE_AWAY,
         NULL);
    queue_put(queue);
}

/* Nobody of that name is deployed: it waits for who will be, as what is in the queue of a
 * function that was removed. */
static void ask_nobody(struct delivery *delivery, const struct envelope *envelope,
                       struct output *output)
{
    size_t bytes = envelope_bytes(envelope);
    uint8_t *event = malloc(bytes);
    const struct store_bytes entry = {event, bytes};
    const struct store_ask ask = {delivery_now_ms(delivery), appended, output};
    mf_err err = event ? delivery_queue(delivery, output->target, &output->queue) : MF_ENOMEM;
    if (!err) {
        envelope_write(envelope, event);
        err = queue_append(output->queue, QUEUE_BULK, &entry, 1, &ask);
        if (err)
            queue_put(output->queue);
    }
    free(event);
    if (err) {
        output->queue = NULL;
        done(&output->submission, err == MF_EDEAD ? SITUATION_STORE_AWAY : SITUATION_NODE_FULL, NULL);
    }
}

static void ask(struct attempt *attempt, struct output *output)
{
    struct delivery *delivery = attempt->consumer->delivery;
    struct outputs *outputs = attempt->outputs;
    struct function *target = registry_find(&delivery->node->registry, output->target);
    output_fields_name(&outputs->fields, output->id, outputs->head);
    const struct envelope envelope = {.arrived_ns = outputs->now_ns,
                                      .call_id = output->id,
                                      .call_id_bytes = OUTPUT_ID_BYTES,
                                      .fields = outputs->head,
                                      .field_bytes = outputs->fields.bytes,
                                      .body = outputs->data,
                                      .body_bytes = outputs->data_bytes};
    outputs->asked++;
    attempt->operations++;
    if (target)
        delivery_submit(target, &envelope, &output->submission);
    else
        ask_nobody(delivery, &envelope, output);
}

static void done(struct submission *submission, enum situation situation, const char *message)
{
    struct output *output = list_of(submission, struct output, submission);
    struct attempt *attempt = output->attempt;
    struct outputs *outputs = attempt->outputs;
    (void)message;
    outputs->asked--;
    attempt->operations--;
    if (situation == SITUATION_REPLIED) {
        output->durable = true;
        outputs->left--;
    } else {
        outputs->refusal = situation;
        outputs->refused = output;
    }
    if (!outputs->asked && !outputs->sending)
        settle(attempt);
}

static void settle(struct attempt *attempt)
{
    const struct outputs *outputs = attempt->outputs;
    if (outputs->left == 0)
        attempt_passed(attempt);
    else
        attempt_stuck(attempt, outputs->refusal, outputs->refused->target);
}
