/*
 * queue_find.c: is there a queue of that name? A function's is there if it is deployed, or if something waits for it; a
 * named one if the store knows its name, empty or not, or a function is triggered by it. Who asks for another one is told
 * which there are: a name that was mistyped is not an empty queue.
 */
#include <stdio.h>
#include <string.h>

#include "node/api/queue_job.h"
#include "node/functions/function.h"
#include "node/operations/named.h"
#include "node/node.h"

#define NAMES_SHOWN 8u

static void look(struct api_request *request);
static void ask_names(struct api_request *request);

static void there(struct api_request *request)
{
    struct queue_job *job = request->queue;
    job->second = false;
    job->total = 0;
    job->stat = (struct queue_stat){0};
    mf_buf_close(&job->names);
    job->found(request);
}

void queue_job_find(struct api_request *request, void (*found)(struct api_request *request))
{
    struct queue_job *job = request->queue;
    job->found = found;
    job->total = 0; /* of names */
    if (job->tenant[0] ? triggers_read(&request->api->node->triggering, job->tenant, request->name)
                       : queue_job_is_deployed(request))
        there(request);
    else if (job->tenant[0])
        ask_names(request);
    else
        look(request);
}

/* ---- a function's ---- */

static void looked(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    if (answer->err) {
        queue_job_end(request, answer->err);
        return;
    }
    if (answer->stat.count || answer->stat.dead_count || queue_job_is_deployed(request))
        there(request);
    else if (queue_job_to_second(request->queue))
        look(request);
    else {
        api_answer_error(request, 404, "no function of that name is deployed, and nothing waits for one; `mayfly queue ls` "
                         "lists the queues");
        queue_job_end(request, MF_OK);
    }
}

static void look(struct api_request *request)
{
    queue_job_stat(request, looked);
}

/* ---- a named one ---- */

bool queue_job_name(const struct space_pair *pair, char name[static MF_NAME_BYTES_MAX + 1])
{
    if (pair->key.bytes > MF_NAME_BYTES_MAX || !settings_name_valid(pair->key.data, pair->key.bytes))
        return false;
    (void)snprintf(name, MF_NAME_BYTES_MAX + 1, "%.*s", (int)pair->key.bytes, (const char *)pair->key.data);
    return true;
}

static void answer_none(struct api_request *request)
{
    struct queue_job *job = request->queue;
    struct mf_why why = {{0}};
    if (!job->total)
        (void)mf_why(&why, MF_ENOENT, "tenant %s has no named queue at all", job->tenant);
    else
        (void)mf_why(&why, MF_ENOENT, "tenant %s has no queue of that name; it has%.*s%s", job->tenant,
                     (int)job->names.bytes, job->names.data ? (const char *)job->names.data : "",
                     job->total > NAMES_SHOWN ? " …; `mayfly queue ls --tenant` lists them" : "");
    mf_buf_close(&job->names);
    api_answer_error(request, 404, why.text);
    queue_job_end(request, MF_OK);
}

static void named(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    bool found = false;
    for (size_t i = 0; i < answer->count; i++) {
        if (!queue_job_name(&answer->pairs[i], job->after))
            continue;
        found |= strcmp(job->after, request->name) == 0;
        if (job->total++ < NAMES_SHOWN && mf_buf_printf(&job->names, "%s%s", job->total > 1 ? ", " : " ", job->after))
            break; /* without memory some are not told */
    }
    if (found)
        there(request);
    else if (!answer->err && answer->more && answer->count)
        ask_names(request);
    else if (!answer->err)
        answer_none(request);
    else
        queue_job_end(request, answer->err);
}

static void ask_names(struct api_request *request)
{
    const struct store_ask ask = queue_job_ask(request, named);
    struct queue_job *job = request->queue;
    mf_err err = queue_siblings(job->queue, (struct store_bytes){job->after, strlen(job->after)}, &ask);
    if (err)
        queue_job_end(request, err);
}
