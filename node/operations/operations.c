/*
 * operations.c: see operations.h.
 * Guarantees: an instance has one operation at most; each is answered once; an answer reaches
 * only the event that asked.
 * Leaves to others: what a request means (decode.c), who may (permit.c), doing it.
 * Owns every struct operation.
 */
#include "node/operations/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/functions/function.h"
#include "node/logs/function_log.h"
#include "node/operations/permit.h"
#include "node/pool/call.h"
#include "node/pool/pool.h"
#include "node/node.h"

static void begin(struct operation *operation);
static bool denied(struct operation *operation);
static void free_operation(struct operation *operation);

void operations_open(struct operations *operations, struct node *node)
{
    *operations = (struct operations){.node = node};
    link_init(&operations->all);
}

void operations_close(struct operations *operations)
{
    if (!operations->node)
        return;
    list_each_safe(at, &operations->all) {
        struct operation *operation = list_of(at, struct operation, link);
        if (operation->instance)
            operation_lost(operation->instance);
    }
}

mf_err operation_take(struct instance *instance, const struct channel_message *message,
                      struct mf_why *why)
{
    struct node *node = instance->pool->node;
    struct operation_request request;
    if (instance->operation)
        return mf_why(why, MF_EPROTO, "an operation before the last one was answered");
    mf_err err = operation_decode((uint32_t)message->arg, message->data, message->data_bytes,
                                  &request, why);
    if (err)
        return err;
    struct operation *operation = calloc(1, sizeof *operation);
    if (!operation)
        return mf_why(why, MF_ENOMEM, "no memory for an operation");
    *operation = (struct operation){.node = node,
                                    .instance = instance,
                                    .function = function_get(instance->function),
                                    .version = version_get(instance->version),
                                    .number = (uint32_t)(message->arg >> 32),
                                    .begun_ns = node->loop.now_ns,
                                    .request = request};
    link_init(&operation->link);
    list_append(&node->operations.all, &operation->link);
    instance->operation = operation;
    struct mf_why wrong = {{0}};
    enum mf_result_error error = operation_check(&operation->request, &wrong);
    if (error)
        operation_refuse(operation, error, wrong.text);
    else if (!denied(operation))
        begin(operation);
    return MF_OK;
}

void operation_lost(struct instance *instance)
{
    struct operation *operation = instance->operation;
    if (!operation)
        return;
    instance->operation = NULL;
    operation->instance = NULL;
    if (operation->lost)
        operation->lost(operation);
}

void operation_answer(struct operation *operation, const struct operation_reply *reply)
{
    static const struct operation_reply too_large = {.error = MF_RESULT_TOO_LARGE};
    struct instance *instance = operation->instance;
    if (reply->head_bytes > MF_CHUNK_BYTES_MAX ||
        reply->data_bytes > MF_CHUNK_BYTES_MAX - reply->head_bytes)
        reply = &too_large;
    operation->node->operations.counts[operation->request.kind][reply->error]++;
    if (instance) {
        const struct mf_result result = {
            .number = operation->number,
            .error = (uint32_t)reply->error,
            .head_bytes = (uint32_t)reply->head_bytes,
            .data_bytes = (uint32_t)(reply->head_bytes + reply->data_bytes),
            .value = reply->value,
            .flags = reply->flags,
        };
        instance->operation = NULL;
        channel_answer(&instance->blank.channel, &result, reply->head, reply->data);
        instance->bell_due = true;
        pool_wake(instance);
    }
    free_operation(operation);
}

void operation_refuse(struct operation *operation, enum mf_result_error error, const char *words)
{
    operation_answer(operation, &(struct operation_reply){.error = error,
                                                          .data = words,
                                                          .data_bytes = words ? strlen(words) : 0});
}

enum mf_result_error operation_error(mf_err err)
{
    switch (err) {
    case MF_OK:
        return MF_RESULT_OK;
    case MF_ENOENT:
        return MF_RESULT_NOT_FOUND;
    case MF_EEXIST:
        return MF_RESULT_EXISTS;
    case MF_EDENIED:
        return MF_RESULT_DENIED;
    case MF_ETOOBIG:
        return MF_RESULT_TOO_LARGE;
    case MF_EFULL:
        return MF_RESULT_FULL;
    case MF_EINVAL:
        return MF_RESULT_INVALID;
    case MF_EAGAIN:
    case MF_ENOMEM:
        return MF_RESULT_BUSY;
    case MF_ETIMEDOUT:
        return MF_RESULT_TIMED_OUT;
    default:
        return MF_RESULT_UNAVAILABLE;
    }
}

/* Logged, so that the function's owner learns what is missing in its settings. */
static bool denied(struct operation *operation)
{
    const struct operation_request *request = &operation->request;
    const char *list;
    char words[256];
    if (operation_permitted(&operation->version->settings.allow, request, &list))
        return false;
    (void)snprintf(words, sizeof words, "%s is denied: allow.%s of the function's settings does not "
                   "name it", operation_name(request->kind), list);
    function_log_node(operation->function->log, MF_LOG_WARN, operation->instance->blank.id,
                      "%s: \"%.*s\"", words, (int)(request->part[0].bytes < 64 ? request->part[0].bytes : 64),
                      (const char *)request->part[0].data);
    operation_refuse(operation, MF_RESULT_DENIED, words);
    return true;
}

/* One who serves it, if this node has one. */
static void hand_over(struct operation *operation, void (*serve)(struct operation *),
                      const char *missing)
{
    if (serve)
        serve(operation);
    else
        operation_refuse(operation, MF_RESULT_UNAVAILABLE, missing);
}

static void begin(struct operation *operation)
{
    const struct operation_services *services = &operation->node->operations.services;
    switch (operation->request.kind) {
    case MF_OPERATION_PUSH:
        operation_push(operation);
        return;
    case MF_OPERATION_POP:
        operation_pop(operation);
        return;
    case MF_OPERATION_FETCH:
        hand_over(operation, services->fetch, "this node sends no HTTP requests");
        return;
    case MF_OPERATION_PUBLISH:
        hand_over(operation, services->publish, "this node has no MQTT broker");
        return;
    case MF_OPERATION_SECRET:
        hand_over(operation, services->secret, "this node keeps no secrets");
        return;
    case MF_OPERATION_SET:
    case MF_OPERATION_DELETE:
    case MF_OPERATION_INCREMENT:
    case MF_OPERATION_COMPARE_AND_SET:
    case MF_OPERATION_GET:
    case MF_OPERATION_SCAN:
        operation_value(operation);
        return;
    case MF_OPERATION_END:
        break;
    }
    operation_refuse(operation, MF_RESULT_INVALID, NULL);
}

static void free_operation(struct operation *operation)
{
    list_remove(&operation->link);
    version_put(operation->version);
    function_put(operation->function);
    free(operation->popped);
    free(operation);
}
