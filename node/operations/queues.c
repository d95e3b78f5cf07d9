/*
 * queues.c: named queues of a function's tenant: pushed events, and their taking.
 * Guarantees: a push is answered OK when the event is on the disk; the same push of the same
 * event, done again, has the same id. What is popped is leased for as long as its event may run
 * (popped.h): at least once.
 * Leaves to others: functions with a trigger on a queue (services.push).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/delivery/output_event.h"
#include "node/instance/event.h"
#include "node/operations/named.h"
#include "node/operations/operations.h"
#include "node/operations/popped.h"
#include "node/pool/call.h"
#include "node/node.h"

#define SOURCE "/functions/"

static void taken(void *context, const struct store_answer *answer);
static mf_err hold(struct operation *operation, const struct queue_entry *entry);
static void acknowledged(void *context, const struct store_answer *answer);
static void give(struct operation *operation);

static mf_err queue_of(const struct operation *operation, struct queue **queue)
{
    const struct operation_part *part = &operation->request.part[PART_QUEUE];
    char name[MF_NAME_BYTES_MAX + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)part->bytes, (const char *)part->data);
    return named_queue(operation->node, operation->version->settings.tenant, name, queue);
}

/* ---- push ---- */

/* The same event, function and number of the push give the same id, whoever does it again. */
static void push_id(struct operation *operation)
{
    struct call *call = instance_head(operation->instance);
    char number[16];
    int digits = snprintf(number, sizeof number, "%u", ++call->pushes);
    const struct event_text texts[] = {{call->name, strlen(call->name)},
                                       {operation->function->name, strlen(operation->function->name)},
                                       {number, (size_t)digits}};
    event_id_derive(texts, 3, operation->pushed_id);
}

static struct event_text text_of(const struct operation_part *part)
{
    return (struct event_text){(const char *)part->data, part->bytes};
}

uint32_t operation_hops(const struct operation *operation)
{
    const struct call *call = instance_head(operation->instance);
    return output_hops(call->fields, call->field_bytes) + 1;
}

/* As a CloudEvents event from this function. */
static mf_err make_fields(const struct operation *operation, uint64_t now_ns,
                          uint8_t room[MF_HEAD_BYTES_MAX], uint32_t *bytes, struct mf_why *why)
{
    const struct operation_part *part = operation->request.part;
    char source[MF_NAME_BYTES_MAX + sizeof SOURCE];
    int source_bytes = snprintf(source, sizeof source, SOURCE "%s", operation->function->name);
    const struct named_event event = {.id = operation->pushed_id,
                                      .source = {source, (size_t)source_bytes},
                                      .type = text_of(&part[PART_EVENT_TYPE]),
                                      .subject = text_of(&part[PART_QUEUE]),
                                      .content_type = text_of(&part[PART_CONTENT_TYPE]),
                                      .hops = operation_hops(operation),
                                      .now_ns = now_ns};
    return named_event_fields(&event, room, bytes, why);
}

static void appended(void *context, const struct store_answer *answer)
{
    operation_pushed(context, answer->err, answer->err == MF_EFULL ? named_full(answer) : NULL);
}

static mf_err append(struct operation *operation, const struct queued_event *event)
{
    const struct delivery *delivery = &operation->node->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), appended, operation};
    struct queue *queue;
    mf_err err = queue_of(operation, &queue);
    if (err)
        return err;
    err = named_append(queue, event->priority, event->envelope, &ask);
    queue_put(queue);
    return err;
}

void operation_push(struct operation *operation)
{
    const struct operation_services *services = &operation->node->operations.services;
    const struct operation_part *part = operation->request.part;
    uint64_t now_ns = mf_realtime_ns();
    uint8_t fields[MF_HEAD_BYTES_MAX];
    char name[MF_NAME_BYTES_MAX + 1];
    struct envelope envelope = {.arrived_ns = now_ns,
                                .call_id = operation->pushed_id,
                                .call_id_bytes = sizeof operation->pushed_id - 1,
                                .fields = fields,
                                .body = part[PART_EVENT_DATA].data,
                                .body_bytes = part[PART_EVENT_DATA].bytes};
    struct mf_why why = {{0}};
    if (operation_hops(operation) > MF_THEN_HOPS_MAX) {
        operation_refuse(operation, MF_RESULT_INVALID, OPERATION_CIRCLE);
        return;
    }
    push_id(operation);
    mf_err err = make_fields(operation, now_ns, fields, &envelope.field_bytes, &why);
    if (err) {
        operation_refuse(operation, operation_error(err), mf_why_text(&why, err));
        return;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)part[PART_QUEUE].bytes,
                   (const char *)part[PART_QUEUE].data);
    const struct queued_event event = {.tenant = operation->version->settings.tenant,
                                       .queue = name,
                                       .priority = operation->request.push.flags & MF_OP_URGENT
                                                       ? QUEUE_URGENT
                                                       : QUEUE_BULK,
                                       .envelope = &envelope};
    if (services->push && services->push(operation, &event))
        return;
    err = append(operation, &event);
    if (err)
        operation_pushed(operation, err, NULL);
}

void operation_pushed(struct operation *operation, mf_err err, const char *words)
{
    if (err)
        operation_refuse(operation, operation_error(err), words ? words : mf_err_words(err));
    else
        operation_answer(operation,
                         &(struct operation_reply){.data = operation->pushed_id,
                                                   .data_bytes = strlen(operation->pushed_id)});
}

/* ---- pop ---- */

void operation_pop(struct operation *operation)
{
    const struct delivery *delivery = &operation->node->delivery;
    const struct store_ask ask = {delivery_now_ms(delivery), taken, operation};
    const uint64_t lease_ms = operation->version->settings.timeout_ms + MF_POP_LEASE_MS;
    mf_err err = queue_of(operation, &operation->popping);
    if (!err) {
        err = queue_take(operation->popping, 1, MF_CHUNK_BYTES_MAX, lease_ms, &ask);
        if (err)
            queue_put(operation->popping);
    }
    if (err)
        operation_refuse(operation, operation_error(err), mf_err_words(err));
}

/* Why it cannot be given out, or NULL; then it stands in the operation. */
static const char *keep(struct operation *operation, const struct queue_entry *entry)
{
    struct envelope envelope;
    if (envelope_read(entry->event.data, entry->event.bytes, &envelope, NULL))
        return "not an event";
    if (envelope.body_bytes > MF_CHUNK_BYTES_MAX - envelope.field_bytes)
        return "too large to be taken by a function";
    operation->popped = malloc(envelope.field_bytes + envelope.body_bytes);
    if (!operation->popped)
        return "";
    memcpy(operation->popped, envelope.fields, envelope.field_bytes);
    if (envelope.body_bytes)
        memcpy(operation->popped + envelope.field_bytes, envelope.body, envelope.body_bytes);
    operation->popped_head_bytes = envelope.field_bytes;
    operation->popped_bytes = envelope.field_bytes + envelope.body_bytes;
    return NULL;
}

/* Back into the queue, or to its dead letters, where it stands in nobody's way. */
static void give_back(struct operation *operation, const struct queue_entry *entry,
                      const char *reason)
{
    const struct store_ask nobody = {delivery_now_ms(&operation->node->delivery), NULL, NULL};
    mf_err ignored = reason && *reason
                         ? queue_bury(operation->popping, entry->id, entry->attempts,
                                      (struct store_bytes){reason, strlen(reason)}, &nobody)
                         : queue_nack(operation->popping, entry->id, entry->attempts, 0, &nobody);
    (void)ignored; /* its lease ends all the same */
    queue_put(operation->popping);
}

static void taken(void *context, const struct store_answer *answer)
{
    struct operation *operation = context;
    const struct queue_entry *entry = answer->count ? answer->entries : NULL;
    if (answer->err || !entry) {
        queue_put(operation->popping);
        operation_refuse(operation, answer->err ? operation_error(answer->err) : MF_RESULT_NOT_FOUND,
                         answer->err ? mf_err_words(answer->err) : NULL);
        return;
    }
    const char *reason = operation->instance ? keep(operation, entry) : "";
    if (reason) {
        give_back(operation, entry, reason);
        operation_refuse(operation, *reason ? MF_RESULT_TOO_LARGE : MF_RESULT_BUSY, reason);
        return;
    }
    mf_err err = hold(operation, entry);
    if (err) {
        give_back(operation, entry, NULL);
        operation_refuse(operation, err == MF_EFULL ? MF_RESULT_BUSY : operation_error(err),
                         err == MF_EFULL ? "this event has taken as many as it may; the next one takes more"
                                         : mf_err_words(err));
    }
}

/* Connections have no end that says whether all went well: theirs is taken for good. */
static mf_err hold(struct operation *operation, const struct queue_entry *entry)
{
    struct call *call = instance_head(operation->instance);
    if (call->holds) {
        const struct store_ask ask = {delivery_now_ms(&operation->node->delivery), acknowledged,
                                      operation};
        return queue_ack(operation->popping, entry->id, entry->attempts, &ask);
    }
    mf_err err = popped_add(call, operation->popping, entry->id, entry->attempts);
    if (!err)
        give(operation);
    return err;
}

static void acknowledged(void *context, const struct store_answer *answer)
{
    struct operation *operation = context;
    if (!answer->err) {
        give(operation);
        return;
    }
    queue_put(operation->popping);
    operation_refuse(operation, answer->err == MF_ENOENT ? MF_RESULT_BUSY : operation_error(answer->err),
                     mf_err_words(answer->err));
}

static void give(struct operation *operation)
{
    queue_put(operation->popping);
    operation_answer(operation,
                         &(struct operation_reply){.head = operation->popped,
                                                   .head_bytes = operation->popped_head_bytes,
                                                   .data = operation->popped +
                                                           operation->popped_head_bytes,
                                                   .data_bytes = operation->popped_bytes -
                                                                 operation->popped_head_bytes});
}
