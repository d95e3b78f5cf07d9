/*
 * queues.c: the routes of /v1/queues: functions' queues, looked at; queue_change.c has those that repair them. A queue is
 * there under any function's name, deployed or not: what waits outlives its function. With ?tenant=
 * the named queue of that tenant (operations/named.h).
 *
 * A function that is deployed says where its queue is (delivery/durability.h). Of one that is not
 * nobody knows: both files of the store are asked, one after the other, and what is in them is told
 * as one; ids of the second begin with QUEUE_LOOSE_ID.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/api/queue_job.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/operations/named.h"
#include "node/node.h"

#define PEEK_COUNT_DEFAULT 20
#define PEEK_COUNT_MAX 256

void queue_job_answer_err(struct api_request *request, mf_err err)
{
    uint32_t status = err == MF_EDEAD || err == MF_EAGAIN ? 503 : err == MF_EFULL ? 507 : 500;
    api_answer_error(request, status,
                     err == MF_EDEAD ? "the store does not answer, or the node stops"
                                     : mf_err_words(err));
}

bool queue_job_is_deployed(const struct api_request *request)
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
                             : delivery_queue(queue_job_delivery(request), request->name, &job->queue);
    if (err) {
        queue_job_answer_err(request, err);
        return false;
    }
    job->request = request;
    job->dead = api_query_number(request, "dead", 0, 1) == 1;
    job->two_files = !job->tenant[0] && !queue_job_is_deployed(request) && durability_two_files(queue_job_delivery(request));
    api_wait(request);
    return true;
}

void queue_job_end(struct api_request *request, mf_err err)
{
    if (err)
        queue_job_answer_err(request, err);
    json_decref(request->queue->entries);
    request->queue->entries = NULL;
    mf_buf_close(&request->queue->names);
    if (request->queue->watch.ended)
        queue_unwatch(request->queue->queue, &request->queue->watch);
    queue_put(request->queue->queue);
    api_wait_over(request);
}

struct store_ask queue_job_ask(struct api_request *request, store_done done)
{
    return (struct store_ask){delivery_now_ms(queue_job_delivery(request)), done, request};
}

void queue_job_aim(const struct api_request *request)
{
    const struct queue_job *job = request->queue;
    if (job->two_files && !queue_job_is_deployed(request))
        durability_aim(queue_job_delivery(request), request->name,
                       job->second ? STORE_PROCESS_CRASH : STORE_POWER_LOSS);
}

void queue_job_aimed(const struct api_request *request)
{
    if (request->queue->two_files)
        durability_aim_back(queue_job_delivery(request), request->name);
}

void queue_job_stat(struct api_request *request, store_done done)
{
    const struct store_ask ask = queue_job_ask(request, done);
    queue_job_aim(request);
    mf_err err = queue_stat(request->queue->queue, &ask);
    queue_job_aimed(request);
    if (err)
        queue_job_end(request, err);
}

bool queue_job_to_second(struct queue_job *job)
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

static void sized(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    struct queue_stat *stat = &job->stat;
    bool deployed = !job->tenant[0] && queue_job_is_deployed(request);
    stat->count += answer->stat.count;
    stat->bytes += answer->stat.bytes;
    stat->dead_count += answer->stat.dead_count;
    stat->dead_bytes += answer->stat.dead_bytes;
    if (!answer->err && queue_job_to_second(job)) {
        size_up(request);
        return;
    }
    if (!answer->err)
        api_answer_json(request, 200, queue_json(request->name, deployed, stat));
    queue_job_end(request, answer->err);
}

static void size_up(struct api_request *request)
{
    queue_job_stat(request, sized);
}

void api_get_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        queue_job_find(request, size_up);
}

/* ---- peek ---- */

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
        json_array_append_new(job->entries, queue_entry_json(job, &answer->entries[i]));
    bool more = answer->more || (full && answer->count);
    if (!answer->err && !more && queue_job_to_second(job)) {
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
    queue_job_aim(request);
    mf_err err = queue_peek(job->queue, job->dead, after_id, room ? room : 1, MF_EVENT_BYTES_MAX, &ask);
    queue_job_aimed(request);
    if (err == MF_EINVAL)
        api_answer_error(request, 400, "after: not an entry's id");
    if (err)
        queue_job_end(request, request->answered ? MF_OK : err);
}

/* after=ID: a number of 64 bits, behind QUEUE_LOOSE_ID if it is of the second file. */
static uint64_t query_id(const struct api_request *request, bool *loose)
{
    char text[sizeof QUEUE_LOOSE_ID + 20];
    size_t bytes = 0;
    if (!api_query_text(request, "after", text, sizeof text - 1, &bytes))
        return UINT64_MAX; /* no entry's */
    text[bytes] = 0;
    *loose = strncmp(text, QUEUE_LOOSE_ID, sizeof QUEUE_LOOSE_ID - 1) == 0;
    return strtoull(*loose ? text + sizeof QUEUE_LOOSE_ID - 1 : text, NULL, 10);
}

static void begin_peek(struct api_request *request)
{
    bool loose = false;
    uint64_t after_id = query_id(request, &loose);
    request->queue->entries = json_array();
    if (loose && !queue_job_to_second(request->queue))
        after_id = UINT64_MAX; /* it has been deployed since: its ids are others */
    look(request, after_id);
}

void api_peek_queue(struct api_request *request)
{
    unsigned count = api_query_number(request, "count", PEEK_COUNT_DEFAULT, PEEK_COUNT_MAX);
    if (!queue_job_begin(request))
        return;
    request->queue->count = count ? count : 1;
    queue_job_find(request, begin_peek);
}
