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

/* The body, with what was charged for it; one that came in a single message is copied. */
static mf_err take_body(struct attempt *attempt, const struct outcome *outcome,
                        struct outputs *outputs)
{
    struct budget *budget = &attempt->consumer->delivery->node->budget;
    struct call *call = &attempt->call;
    struct mf_buf *owner = outcome->body_owner;
    size_t bytes = outputs->fields.bytes + (owner ? owner->room : outcome->body_bytes);
    mf_assert(call->reply_charged <= bytes);
    if (!budget_take(budget, bytes - call->reply_charged))
        return MF_EFULL;
    outputs->charged = bytes;
    call->reply_charged = 0;
    if (!owner)
        return outcome->body_bytes
                   ? mf_buf_add(&outputs->body, outcome->body, outcome->body_bytes)
                   : MF_OK;
    outputs->body = *owner;
    *owner = (struct mf_buf){0};
    return MF_OK;
}

static mf_err make_head(struct attempt *attempt, const struct outcome *outcome, uint32_t hops,
                        struct outputs *outputs)
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
    mf_err err = output_fields_make(&origin, outcome->fields, outcome->field_bytes, room,
                                    &outputs->fields);
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
    mf_err err = make_head(attempt, outcome, hops, outputs);
    if (err == MF_ETOOBIG)
        return mf_why(why, err, "the reply's ce- headers leave no room for those of an event");
    if (!err)
        err = take_body(attempt, outcome, outputs);
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
                                      .body = outputs->body.data,
                                      .body_bytes = outputs->body.bytes};
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
