/*
 * queues.c: the routes of /v1/queues: functions' queues, looked at and repaired. A queue is
 * there under any function's name, deployed or not: what waits outlives its function. With ?tenant=
 * the named queue of that tenant (operations/named.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/api/request.h"
#include "node/delivery/delivery.h"
#include "node/delivery/envelope.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/gateway/call_id.h"
#include "node/instance/event.h"
#include "node/operations/named.h"
#include "node/node.h"

#define PEEK_COUNT_DEFAULT 20
#define PEEK_COUNT_MAX 256
#define BODY_SHOWN_MAX 1024
#define PUSH_SOURCE "/v1/queues"

/* One operation on a queue for a request. */
struct queue_job {
    struct queue *queue;
    char tenant[MF_NAME_BYTES_MAX + 1]; /* "": it is a function's */
    bool dead;
    uint64_t total;
    struct submission submission;
    struct call_ids ids;
    char call_id[UUID_TEXT_BYTES + 1];
    struct api_request *request;
};

static struct delivery *delivery_of(const struct api_request *request)
{
    return &request->api->node->delivery;
}

static void answer_store_err(struct api_request *request, mf_err err)
{
    uint32_t status = err == MF_EDEAD || err == MF_EAGAIN ? 503 : err == MF_EFULL ? 507 : 500;
    api_answer_error(request, status,
                     err == MF_EDEAD ? "the store does not answer, or the node stops"
                                     : mf_err_words(err));
}

/* Into job->tenant. False: answered. */
static bool read_tenant(struct api_request *request, struct queue_job *job)
{
    size_t bytes = 0;
    bool good = api_query_text(request, "tenant", job->tenant, sizeof job->tenant - 1, &bytes) &&
                (!bytes || settings_name_valid(job->tenant, bytes));
    job->tenant[good ? bytes : 0] = 0;
    if (!good)
        api_answer_error(request, 400, "tenant: 1 to 63 of a-z, 0-9 and -");
    else if (bytes && settings_tenant_reserved(job->tenant))
        api_answer_error(request, 400, "tenant: that one is the node's own");
    return !request->answered;
}

/* Begin: the queue, and the request's stay. False: answered. */
static bool begin(struct api_request *request)
{
    struct queue_job *job = calloc(1, sizeof *job);
    mf_err err = job ? MF_OK : MF_ENOMEM;
    request->queue = job;
    if (!err && !settings_name_valid(request->name, strlen(request->name))) {
        api_answer_error(request, 404, "no function can have that name, and so no queue");
        return false;
    }
    if (!err && !read_tenant(request, job))
        return false;
    if (!err)
        err = job->tenant[0] ? named_queue(request->api->node, job->tenant, request->name, &job->queue)
                             : delivery_queue(delivery_of(request), request->name, &job->queue);
    if (err) {
        answer_store_err(request, err);
        return false;
    }
    job->request = request;
    job->dead = api_query_number(request, "dead", 0, 1) == 1;
    api_wait(request);
    return true;
}

static void end(struct api_request *request, mf_err err)
{
    if (err)
        answer_store_err(request, err);
    queue_put(request->queue->queue);
    api_wait_over(request);
}

static struct store_ask ask_for(struct api_request *request, store_done done)
{
    return (struct store_ask){delivery_now_ms(delivery_of(request)), done, request};
}

static json_t *queue_json(const char *name, bool deployed, const struct queue_stat *stat)
{
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}", "name", name, "deployed", (int)deployed,
                     "count", (json_int_t)stat->count, "bytes", (json_int_t)stat->bytes, "dead",
                     (json_int_t)stat->dead_count, "dead_bytes", (json_int_t)stat->dead_bytes);
}

/* As this node has counted; the exact numbers are each queue's own. */
void api_list_queues(struct api_request *request)
{
    json_t *list = json_array();
    list_each(at, &delivery_of(request)->consumers) {
        const struct consumer *consumer = list_of(at, struct consumer, link);
        if (consumer->function)
            json_array_append_new(list, queue_json(consumer->name, true, &consumer->stat));
    }
    api_answer_json(request, 200, json_pack("{s:o}", "queues", list));
}

static void sized(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    bool named = request->queue->tenant[0];
    bool deployed = !named && registry_find(&request->api->node->registry, request->name) != NULL;
    if (!answer->err && !deployed && !answer->stat.count && !answer->stat.dead_count)
        api_answer_error(request, 404, named ? "nothing waits in a queue of that name"
                                             : "no function of that name is deployed, and nothing waits "
                                               "for one");
    else if (!answer->err)
        api_answer_json(request, 200, queue_json(request->name, deployed, &answer->stat));
    end(request, answer->err);
}

void api_get_queue(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, sized);
    if (!begin(request))
        return;
    mf_err err = queue_stat(request->queue->queue, &ask);
    if (err)
        end(request, err);
}

/* ---- peek ---- */

static void put_event(json_t *to, const struct store_bytes *event)
{
    struct envelope envelope;
    struct field_reader reader;
    struct field field;
    if (!event->data || envelope_read(event->data, event->bytes, &envelope, NULL))
        return;
    json_t *headers = json_array();
    json_object_set_new(to, "call", answer_words(envelope.call_id, envelope.call_id_bytes));
    json_object_set_new(to, "arrived_at", api_stamp_json(envelope.arrived_ns / MF_NS_PER_MS));
    field_reader_init(&reader, envelope.fields, envelope.field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        json_t *value = answer_words(field.value, field.value_bytes);
        if (field.kind == MF_FIELD_HEADER)
            json_array_append_new(headers, json_pack("[o, o]", answer_words(field.name, field.name_bytes),
                                                     value));
        else
            json_object_set_new(to, field.kind == MF_FIELD_METHOD  ? "method"
                                    : field.kind == MF_FIELD_PATH  ? "path"
                                    : field.kind == MF_FIELD_QUERY ? "query"
                                                                   : "type", value);
    }
    json_object_set_new(to, "headers", headers);
    json_object_set_new(to, "body_bytes", json_integer((json_int_t)envelope.body_bytes));
    json_object_set_new(to, "body",
                        answer_words((const char *)envelope.body,
                                     envelope.body_bytes < BODY_SHOWN_MAX ? envelope.body_bytes
                                                                          : BODY_SHOWN_MAX));
}

/* Ids are strings: as numbers they need not survive a reader that has doubles only. */
static json_t *entry_json(const struct queue_entry *entry, bool dead)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)entry->id);
    json_t *made = json_pack("{s:s, s:s, s:o, s:I, s:I}", "id", id, "priority",
                             entry->priority == QUEUE_URGENT ? "urgent" : "bulk", "enqueued_at",
                             api_stamp_json(entry->enqueued_ms), "attempts",
                             (json_int_t)entry->attempts, "bytes", (json_int_t)entry->event.bytes);
    if (!made)
        return NULL;
    if (dead) {
        json_object_set_new(made, "died_at", api_stamp_json(entry->died_ms));
        json_object_set_new(made, "reason", answer_words(entry->reason.data, entry->reason.bytes));
    } else if (entry->due_ms) {
        json_object_set_new(made, "due_at", api_stamp_json(entry->due_ms));
    }
    put_event(made, &entry->event);
    return made;
}

static void peeked(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    json_t *list = json_array();
    for (size_t i = 0; i < answer->count; i++)
        json_array_append_new(list, entry_json(&answer->entries[i], request->queue->dead));
    if (!answer->err)
        api_answer_json(request, 200, json_pack("{s:o, s:b}", "entries", list, "more",
                                                (int)answer->more));
    else
        json_decref(list);
    end(request, answer->err);
}

/* after=ID, a number of 64 bits. */
static uint64_t query_id(const struct api_request *request)
{
    for (const char *at = request->query; *at; at += strcspn(at, "&"), at += *at == '&')
        if (strncmp(at, "after=", 6) == 0)
            return strtoull(at + 6, NULL, 10);
    return 0;
}

void api_peek_queue(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, peeked);
    unsigned count = api_query_number(request, "count", PEEK_COUNT_DEFAULT, PEEK_COUNT_MAX);
    if (!begin(request))
        return;
    mf_err err = queue_peek(request->queue->queue, request->queue->dead, query_id(request),
                            count ? count : 1, MF_EVENT_BYTES_MAX, &ask);
    if (err == MF_EINVAL) {
        api_answer_error(request, 400, "after: not an entry's id");
        err = MF_OK;
        end(request, err);
    } else if (err) {
        end(request, err);
    }
}

/* ---- push ---- */

static void pushed(struct submission *submission, enum situation situation, const char *message)
{
    struct queue_job *job = list_of(submission, struct queue_job, submission);
    struct api_request *request = job->request;
    if (situation == SITUATION_REPLIED)
        api_answer_json(request, 202, json_pack("{s:s}", "call", job->call_id));
    else
        api_answer_error(request, situation_status(situation),
                         message ? message : situation_meaning(situation));
    end(request, MF_OK);
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
    end(request, request->answered ? MF_OK : answer->err);
}

/* As if a function had pushed it: whoever has a trigger there, or pops, gets it. */
static void push_named(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, named_pushed);
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
        end(request, MF_OK);
        return;
    }
    mf_err err = named_append(job->queue, QUEUE_BULK, &envelope, &ask);
    if (err)
        end(request, err);
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
        end(request, MF_OK);
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
    if (!begin(request))
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
                         "with ?tenant=");
        end(request, MF_OK);
    }
}

/* ---- redrive, purge: again and again until all that was there is done ---- */

static void go_on(struct api_request *request);

static void went_on(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    job->total += answer->count;
    if (!answer->err && answer->count == MF_QUEUE_BATCH_MAX) {
        go_on(request);
        return;
    }
    bool redrives = strcmp(request->route->method, "POST") == 0;
    if (!job->tenant[0])
        delivery_recount(delivery_of(request), request->name);
    if (!answer->err)
        api_answer_json(request, 200, json_pack("{s:I}", redrives ? "redriven" : "removed",
                                                (json_int_t)job->total));
    else if (answer->err == MF_EFULL && redrives && answer->bounded)
        api_answer_error(request, 429, "the queue has no room for them");
    end(request, request->answered ? MF_OK : answer->err);
}

static void go_on(struct api_request *request)
{
    const struct store_ask ask = ask_for(request, went_on);
    struct queue *queue = request->queue->queue;
    mf_err err = strcmp(request->route->method, "POST") == 0
                     ? queue_redrive(queue, MF_QUEUE_BATCH_MAX, &ask)
                     : queue_purge(queue, request->queue->dead, MF_QUEUE_BATCH_MAX, &ask);
    if (err)
        end(request, err);
}

void api_redrive_queue(struct api_request *request)
{
    if (begin(request))
        go_on(request);
}

void api_purge_queue(struct api_request *request)
{
    if (begin(request))
        go_on(request);
}
