/*
 * queues.c: the routes of /v1/queues: functions' queues, looked at and repaired. A queue is
 * there under any function's name, deployed or not: what waits outlives its function. With ?tenant=
 * the named queue of that tenant (operations/named.h).
 *
 * A function that is deployed says where its queue is (delivery/durability.h). Of one that is not
 * nobody knows: both files of the store are asked, one after the other, and what is in them is told
 * as one; ids of the second begin with LOOSE_ID.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/api/queue_job.h"
#include "node/delivery/envelope.h"
#include "node/delivery/reason.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/instance/event.h"
#include "node/operations/named.h"
#include "node/node.h"

#define PEEK_COUNT_DEFAULT 20
#define PEEK_COUNT_MAX 256
#define BODY_SHOWN_MAX 1024
#define LOOSE_ID "process-crash:"

static struct delivery *delivery_of(const struct api_request *request)
{
    return &request->api->node->delivery;
}

void queue_job_answer_err(struct api_request *request, mf_err err)
{
    uint32_t status = err == MF_EDEAD || err == MF_EAGAIN ? 503 : err == MF_EFULL ? 507 : 500;
    api_answer_error(request, status,
                     err == MF_EDEAD ? "the store does not answer, or the node stops"
                                     : mf_err_words(err));
}

static bool is_deployed(const struct api_request *request)
{
    return registry_find(&request->api->node->registry, request->name) != NULL;
}

bool queue_job_tenant(struct api_request *request, struct queue_job *job)
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

bool queue_job_begin(struct api_request *request)
{
    struct queue_job *job = calloc(1, sizeof *job);
    mf_err err = job ? MF_OK : MF_ENOMEM;
    request->queue = job;
    if (!err && !settings_name_valid(request->name, strlen(request->name))) {
        api_answer_error(request, 404, "no function can have that name, and so no queue");
        return false;
    }
    if (!err && !queue_job_tenant(request, job))
        return false;
    if (!err)
        err = job->tenant[0] ? named_queue(request->api->node, job->tenant, request->name, &job->queue)
                             : delivery_queue(delivery_of(request), request->name, &job->queue);
    if (err) {
        queue_job_answer_err(request, err);
        return false;
    }
    job->request = request;
    job->dead = api_query_number(request, "dead", 0, 1) == 1;
    job->two_files = !job->tenant[0] && !is_deployed(request) && durability_two_files(delivery_of(request));
    api_wait(request);
    return true;
}

void queue_job_end(struct api_request *request, mf_err err)
{
    if (err)
        queue_job_answer_err(request, err);
    json_decref(request->queue->entries);
    request->queue->entries = NULL;
    queue_put(request->queue->queue);
    api_wait_over(request);
}

struct store_ask queue_job_ask(struct api_request *request, store_done done)
{
    return (struct store_ask){delivery_now_ms(delivery_of(request)), done, request};
}

/* The next operation is on the file whose turn it is, if the function has not been deployed since. */
static void aim(const struct api_request *request)
{
    const struct queue_job *job = request->queue;
    if (job->two_files && !is_deployed(request))
        durability_aim(delivery_of(request), request->name,
                       job->second ? STORE_PROCESS_CRASH : STORE_POWER_LOSS);
}

/* And the ones after it are where they were. */
static void aimed(const struct api_request *request)
{
    if (request->queue->two_files)
        durability_aim_back(delivery_of(request), request->name);
}

/* The other file's turn. False: there is none. */
static bool to_second(struct queue_job *job)
{
    if (!job->two_files || job->second)
        return false;
    return job->second = true;
}

json_t *queue_json(const char *name, bool deployed, const struct queue_stat *stat)
{
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}", "name", name, "deployed", (int)deployed,
                     "count", (json_int_t)stat->count, "bytes", (json_int_t)stat->bytes, "dead",
                     (json_int_t)stat->dead_count, "dead_bytes", (json_int_t)stat->dead_bytes);
}

static void size_up(struct api_request *request);

/* Of a redrive or a purge. */
static void answer_total(struct api_request *request)
{
    const bool redrives = strcmp(request->route->method, "POST") == 0;
    api_answer_json(request, 200, json_pack("{s:I}", redrives ? "redriven" : "removed",
                                            (json_int_t)request->queue->total));
}

static void sized(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    struct queue_stat *stat = &job->stat;
    bool named = job->tenant[0], deployed = !named && is_deployed(request);
    stat->count += answer->stat.count;
    stat->bytes += answer->stat.bytes;
    stat->dead_count += answer->stat.dead_count;
    stat->dead_bytes += answer->stat.dead_bytes;
    if (!answer->err && to_second(job)) {
        size_up(request);
        return;
    }
    if (!answer->err && !deployed && !stat->count && !stat->dead_count)
        api_answer_error(request, 404, named ? "nothing waits in a queue of that name"
                                             : "no function of that name is deployed, and nothing waits "
                                               "for one");
    else if (!answer->err && strcmp(request->route->method, "GET") != 0)
        answer_total(request);
    else if (!answer->err)
        api_answer_json(request, 200, queue_json(request->name, deployed, stat));
    queue_job_end(request, answer->err);
}

static void size_up(struct api_request *request)
{
    const struct store_ask ask = queue_job_ask(request, sized);
    aim(request);
    mf_err err = queue_stat(request->queue->queue, &ask);
    aimed(request);
    if (err)
        queue_job_end(request, err);
}

void api_get_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        size_up(request);
}

/* ---- peek ---- */

/* Room for the number of the attempt: nobody sent that. */
static bool is_internal(const struct field *field)
{
    return field->name_bytes == sizeof ATTEMPT_HEADER - 1 &&
           memcmp(field->name, ATTEMPT_HEADER, field->name_bytes) == 0;
}

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
        if (field.kind == MF_FIELD_HEADER && is_internal(&field))
            json_decref(value);
        else if (field.kind == MF_FIELD_HEADER)
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

static void put_reason(json_t *to, const struct store_bytes *reason)
{
    const char *text = reason->data;
    size_t words = reason_words(text, reason->bytes);
    json_object_set_new(to, "reason", answer_words(text, words));
    if (words < reason->bytes)
        json_object_set_new(to, "report", answer_words(text + words + 1, reason->bytes - words - 1));
}

/* Ids are strings: as numbers they need not survive a reader that has doubles only. */
static json_t *entry_json(const struct queue_job *job, const struct queue_entry *entry)
{
    char id[sizeof LOOSE_ID + 20];
    (void)snprintf(id, sizeof id, "%s%llu", job->second ? LOOSE_ID : "", (unsigned long long)entry->id);
    json_t *made = json_pack("{s:s, s:s, s:o, s:I, s:I}", "id", id, "priority",
                             entry->priority == QUEUE_URGENT ? "urgent" : "bulk", "enqueued_at",
                             api_stamp_json(entry->enqueued_ms), "attempts",
                             (json_int_t)entry->attempts, "bytes", (json_int_t)entry->event.bytes);
    if (!made)
        return NULL;
    if (job->dead) {
        json_object_set_new(made, "died_at", api_stamp_json(entry->died_ms));
        put_reason(made, &entry->reason);
    } else if (entry->due_ms) {
        json_object_set_new(made, "due_at", api_stamp_json(entry->due_ms));
    }
    put_event(made, &entry->event);
    return made;
}

static uint32_t room_for(const struct queue_job *job)
{
    return job->count - (uint32_t)json_array_size(job->entries);
}

static void look(struct api_request *request, uint64_t after_id);

static void peeked(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    bool full = room_for(job) == 0; /* then it is only asked whether there are more */
    for (size_t i = 0; i < answer->count && !full; i++)
        json_array_append_new(job->entries, entry_json(job, &answer->entries[i]));
    bool more = answer->more || (full && answer->count);
    if (!answer->err && !more && to_second(job)) {
        look(request, 0);
        return;
    }
    if (!answer->err)
        api_answer_json(request, 200, json_pack("{s:O, s:b}", "entries", job->entries, "more", (int)more));
    queue_job_end(request, answer->err);
}

static void look(struct api_request *request, uint64_t after_id)
{
    const struct store_ask ask = queue_job_ask(request, peeked);
    struct queue_job *job = request->queue;
    uint32_t room = room_for(job);
    aim(request);
    mf_err err = queue_peek(job->queue, job->dead, after_id, room ? room : 1, MF_EVENT_BYTES_MAX, &ask);
    aimed(request);
    if (err == MF_EINVAL)
        api_answer_error(request, 400, "after: not an entry's id");
    if (err)
        queue_job_end(request, request->answered ? MF_OK : err);
}

/* after=ID: a number of 64 bits, behind LOOSE_ID if it is of the second file. */
static uint64_t query_id(const struct api_request *request, bool *loose)
{
    char text[sizeof LOOSE_ID + 20];
    size_t bytes = 0;
    if (!api_query_text(request, "after", text, sizeof text - 1, &bytes))
        return UINT64_MAX; /* no entry's */
    text[bytes] = 0;
    *loose = strncmp(text, LOOSE_ID, sizeof LOOSE_ID - 1) == 0;
    return strtoull(*loose ? text + sizeof LOOSE_ID - 1 : text, NULL, 10);
}

void api_peek_queue(struct api_request *request)
{
    bool loose = false;
    uint64_t after_id = query_id(request, &loose);
    unsigned count = api_query_number(request, "count", PEEK_COUNT_DEFAULT, PEEK_COUNT_MAX);
    if (!queue_job_begin(request))
        return;
    request->queue->count = count ? count : 1;
    request->queue->entries = json_array();
    if (loose && !to_second(request->queue))
        after_id = UINT64_MAX; /* it has been deployed since: its ids are others */
    look(request, after_id);
}

/* ---- redrive, purge: again and again until all that was there is done ---- */

static void go_on(struct api_request *request);

static void went_on(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    job->total += answer->count;
    if (!answer->err && (answer->count == MF_QUEUE_BATCH_MAX || to_second(job))) {
        go_on(request);
        return;
    }
    bool redrives = strcmp(request->route->method, "POST") == 0;
    if (!job->tenant[0])
        delivery_recount(delivery_of(request), request->name);
    if (!answer->err && !job->total && !job->tenant[0] && !is_deployed(request)) {
        job->second = false; /* is there such a queue at all? */
        size_up(request);
        return;
    }
    if (!answer->err)
        answer_total(request);
    else if (answer->err == MF_EFULL && redrives && answer->bounded)
        api_answer_error(request, 429, "the queue has no room for them");
    queue_job_end(request, request->answered ? MF_OK : answer->err);
}

static void go_on(struct api_request *request)
{
    const struct store_ask ask = queue_job_ask(request, went_on);
    struct queue *queue = request->queue->queue;
    aim(request);
    mf_err err = strcmp(request->route->method, "POST") == 0
                     ? queue_redrive(queue, MF_QUEUE_BATCH_MAX, &ask)
                     : queue_purge(queue, request->queue->dead, MF_QUEUE_BATCH_MAX, &ask);
    aimed(request);
    if (err)
        queue_job_end(request, err);
}

void api_redrive_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        go_on(request);
}

void api_purge_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        go_on(request);
}
