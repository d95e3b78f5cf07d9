/*
 * queue_change.c: what waits, or the dead letters, all at once: sent on its way again, or removed; step by step until all
 * that was there is done.
 */
#include <string.h>

#include "node/api/queue_job.h"
#include "node/delivery/ended.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/logs/function_log.h"
#include "node/node.h"

/* Else it purges. */
static bool redrives(const struct api_request *request)
{
    return strcmp(request->route->method, "POST") == 0;
}

static void answer_total(struct api_request *request)
{
    api_answer_json(request, 200, json_pack("{s:I}", redrives(request) ? "redriven" : "removed",
                                            (json_int_t)request->queue->total));
}

static void count(struct api_request *request);
static void go_on(struct api_request *request);

/* Who looks for an event that somebody has removed finds this. */
static void log_purge(const struct api_request *request)
{
    const struct queue_job *job = request->queue;
    const struct function *function = registry_find(&request->api->node->registry, request->name);
    if (function && job->total && !job->tenant[0] && !redrives(request))
        function_log_node(function->log, MF_LOG_WARN, 0, "%llu %s removed by hand (queue purge)",
                          (unsigned long long)job->total, job->dead ? "dead letters were" : "events that waited were");
}

static void finish(struct api_request *request)
{
    struct queue_job *job = request->queue;
    log_purge(request);
    if (!job->tenant[0])
        delivery_recount(queue_job_delivery(request), request->name);
    answer_total(request);
    queue_job_end(request, MF_OK);
}

/* A step ends at its bounds of entries or of bytes, or finds none. */
static void went_on(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    job->total += answer->count;
    job->left -= answer->count < job->left ? answer->count : job->left;
    if (answer->err) {
        if (!job->tenant[0])
            delivery_recount(queue_job_delivery(request), request->name);
        if (answer->err == MF_EFULL && answer->bounded && redrives(request))
            api_answer_error(request, 429, "the queue has no room for them");
        queue_job_end(request, request->answered ? MF_OK : answer->err);
    } else if (answer->count && job->left) {
        go_on(request);
    } else if (queue_job_to_second(job)) {
        count(request);
    } else {
        finish(request);
    }
}

static void go_on(struct api_request *request)
{
    const struct store_ask ask = queue_job_ask(request, went_on);
    struct queue_job *job = request->queue;
    const uint32_t left = job->left < MF_QUEUE_BATCH_MAX ? (uint32_t)job->left : MF_QUEUE_BATCH_MAX;
    const uint32_t most = left ? left : 1;
    queue_job_aim(request);
    mf_err err = redrives(request) ? queue_redrive(job->queue, most, &ask)
                                   : queue_purge(job->queue, job->dead, most, &ask);
    queue_job_aimed(request);
    if (err)
        queue_job_end(request, err);
}

/* What comes meanwhile stays: what is sent on its way may be back as soon. */
static void counted(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    job->left = redrives(request) || job->dead ? answer->stat.dead_count : answer->stat.count;
    if (answer->err)
        queue_job_end(request, answer->err);
    else
        go_on(request);
}

static void count(struct api_request *request)
{
    queue_job_stat(request, counted);
}

void api_redrive_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        queue_job_find(request, count);
}

static void hear_nothing(struct queue_watch *watch)
{
    (void)watch;
}

/* Their callers are told, whether the function is deployed or not. */
static void purged(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    const struct queue_job *job = list_of(watch, struct queue_job, watch);
    ended_purged(queue_job_delivery(job->request), job->request->name, entries, count);
}

static void purge(struct api_request *request)
{
    struct queue_job *job = request->queue;
    if (!job->tenant[0]) {
        job->watch = (struct queue_watch){.ready = hear_nothing, .ended = purged};
        queue_watch(job->queue, &job->watch);
    }
    count(request);
}

void api_purge_queue(struct api_request *request)
{
    if (queue_job_begin(request))
        queue_job_find(request, purge);
}
