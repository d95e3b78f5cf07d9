/*
 * queue_push.c: POST /v1/queues/{name}/entries: an event into a function's queue, or (?tenant=)
 * into a named one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/api/queue_job.h"
#include "node/delivery/envelope.h"
#include "node/functions/function.h"
#include "node/instance/event.h"
#include "node/operations/named.h"
#include "node/node.h"

#define PUSH_SOURCE "/v1/queues"

static void pushed(struct submission *submission, enum situation situation, const char *message)
{
    struct queue_job *job = list_of(submission, struct queue_job, submission);
    struct api_request *request = job->request;
    if (situation == SITUATION_REPLIED)
        api_answer_json(request, 202, json_pack("{s:s}", "call", job->call_id));
    else
        api_answer_error(request, situation_status(situation),
                         message ? message : situation_meaning(situation));
    queue_job_end(request, MF_OK);
}

static void put_field(struct field_writer *writer, const char *name, const char *value)
{
    field_put(writer, MF_FIELD_HEADER, name, strlen(name), value, strlen(value));
}

static const char *content_type(const struct api_request *request)
{
    return MHD_lookup_connection_value(request->client->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
}

static void named_pushed(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    if (!answer->err)
        api_answer_json(request, 202, json_pack("{s:s}", "call", request->queue->call_id));
    else if (answer->err == MF_EFULL)
        api_answer_error(request, answer->bounded ? 429 : 507, named_full(answer));
    queue_job_end(request, request->answered ? MF_OK : answer->err);
}

/* As if a function had pushed it: whoever has a trigger there, or pops, gets it. */
static void push_named(struct api_request *request)
{
    const struct store_ask ask = queue_job_ask(request, named_pushed);
    struct node *node = request->api->node;
    struct queue_job *job = request->queue;
    const char *type = content_type(request);
    struct mf_why why = {{0}};
    const struct named_event event = {.id = job->call_id,
                                      .source = {PUSH_SOURCE, sizeof PUSH_SOURCE - 1},
                                      .subject = {request->name, strlen(request->name)},
                                      .content_type = {type, type ? strlen(type) : 0},
                                      .now_ns = mf_realtime_ns()};
    struct envelope envelope = {.arrived_ns = event.now_ns,
                                .call_id = job->call_id,
                                .call_id_bytes = UUID_TEXT_BYTES,
                                .fields = node->scratch,
                                .body = request->body.data,
                                .body_bytes = request->body.bytes};
    if (named_event_fields(&event, node->scratch, &envelope.field_bytes, &why)) {
        api_answer_error(request, 400, "Content-Type: too long, or a forbidden character");
        queue_job_end(request, MF_OK);
        return;
    }
    mf_err err = named_append(job->queue, QUEUE_BULK, &envelope, &ask);
    if (err)
        queue_job_end(request, err);
}

/* As if it had come to /async-function/NAME with that body and Content-Type. */
static void push_call(struct api_request *request, struct function *function)
{
    struct node *node = request->api->node;
    struct queue_job *job = request->queue;
    const char *type = content_type(request);
    struct field_writer writer;
    field_writer_init(&writer, node->scratch, MF_HEAD_BYTES_MAX);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    if (type)
        put_field(&writer, "content-type", type);
    put_field(&writer, "x-call-id", job->call_id);
    put_field(&writer, ATTEMPT_HEADER, ATTEMPT_ROOM);
    if (writer.err) {
        api_answer_error(request, 400, "Content-Type: too long, or a forbidden character");
        queue_job_end(request, MF_OK);
        return;
    }
    const struct envelope envelope = {.arrived_ns = mf_realtime_ns(),
                                      .call_id = job->call_id,
                                      .call_id_bytes = UUID_TEXT_BYTES,
                                      .fields = node->scratch,
                                      .field_bytes = writer.bytes,
                                      .body = request->body.data,
                                      .body_bytes = request->body.bytes};
    job->submission.done = pushed;
    delivery_submit(function, &envelope, &job->submission);
}

void api_push_queue(struct api_request *request)
{
    if (!queue_job_begin(request))
        return;
    struct queue_job *job = request->queue;
    struct function *function = registry_find(&request->api->node->registry, request->name);
    call_id_make(&job->ids, job->call_id);
    if (job->tenant[0]) {
        push_named(request);
    } else if (function) {
        push_call(request, function);
    } else {
        api_answer_error(request, 404, "no such function; `mayfly ls` lists them. A named queue is pushed to "
                         "with its tenant");
        queue_job_end(request, MF_OK);
    }
}
