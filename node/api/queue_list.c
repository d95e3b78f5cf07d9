/*
 * queue_list.c: GET /v1/queues: the queues that there are: those of functions, as this node has counted, and
 * the named ones of tenants, as the store has them: with ?tenant= of that one, else of `default` and of
 * each that a deployed function belongs to. Others are asked for by their names: the store has no list of
 * tenants.
 */
#include <stdlib.h>
#include <string.h>

#include "node/api/queue_job.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/operations/named.h"
#include "node/node.h"

#define TENANTS_MAX 256 /* of one answer */
#define ANY_NAME "any"  /* of a tenant's queue that is asked for its siblings */

struct tenants {
    size_t count, at;
    char name[TENANTS_MAX][MF_NAME_BYTES_MAX + 1];
};

static void next_tenant(struct api_request *request);

static void add_tenant(struct tenants *tenants, const char *name)
{
    for (size_t i = 0; i < tenants->count; i++)
        if (strcmp(tenants->name[i], name) == 0)
            return;
    if (tenants->count < TENANTS_MAX)
        (void)snprintf(tenants->name[tenants->count++], sizeof tenants->name[0], "%s", name);
}

static void add_functions_tenant(struct function *function, void *context)
{
    if (function->version && !settings_tenant_reserved(function->version->settings.tenant))
        add_tenant(context, function->version->settings.tenant);
}

static json_t *functions_queues(const struct delivery *delivery)
{
    json_t *list = json_array();
    list_each(at, &delivery->consumers) {
        const struct consumer *consumer = list_of(at, struct consumer, link);
        if (consumer->function)
            json_array_append_new(list, queue_json(consumer->name, true, &consumer->stat));
    }
    return list;
}

static void finish(struct api_request *request, mf_err err)
{
    struct queue_job *job = request->queue;
    free(job->tenants);
    job->tenants = NULL;
    if (err)
        queue_job_answer_err(request, err);
    else
        api_answer_json(request, 200, json_pack("{s:O}", "queues", job->entries));
    json_decref(job->entries);
    job->entries = NULL;
    api_wait_over(request);
}

static void told(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    for (size_t i = 0; i < answer->count; i++) {
        const struct space_pair *pair = &answer->pairs[i];
        char name[MF_NAME_BYTES_MAX + 1];
        struct queue_stat stat;
        if (pair->key.bytes >= sizeof name || !settings_name_valid(pair->key.data, pair->key.bytes))
            continue; /* none that can be asked for */
        (void)snprintf(name, sizeof name, "%.*s", (int)pair->key.bytes, (const char *)pair->key.data);
        memcpy(&stat, pair->value.data, sizeof stat);
        json_t *made = queue_json(name, false, &stat);
        json_object_set_new(made, "tenant", json_string(job->tenants->name[job->tenants->at]));
        json_array_append_new(job->entries, made);
    }
    queue_put(job->queue);
    job->tenants->at++;
    if (answer->err)
        finish(request, answer->err);
    else
        next_tenant(request);
}

static void next_tenant(struct api_request *request)
{
    struct queue_job *job = request->queue;
    const struct store_ask ask = queue_job_ask(request, told);
    if (job->tenants->at == job->tenants->count) {
        finish(request, MF_OK);
        return;
    }
    mf_err err = named_queue(request->api->node, job->tenants->name[job->tenants->at], ANY_NAME, &job->queue);
    if (!err) {
        err = queue_siblings(job->queue, &ask);
        if (err)
            queue_put(job->queue);
    }
    if (err)
        finish(request, err);
}

void api_list_queues(struct api_request *request)
{
    struct queue_job *job = calloc(1, sizeof *job);
    struct tenants *tenants = calloc(1, sizeof *tenants);
    request->queue = job;
    if (!job || !tenants) {
        free(tenants);
        queue_job_answer_err(request, MF_ENOMEM);
        return;
    }
    if (!queue_job_tenant(request, job)) {
        free(tenants);
        return;
    }
    job->tenants = tenants;
    if (job->tenant[0]) {
        add_tenant(tenants, job->tenant);
        job->entries = json_array();
    } else {
        add_tenant(tenants, MF_TENANT_DEFAULT);
        registry_each(&request->api->node->registry, add_functions_tenant, tenants);
        job->entries = functions_queues(&request->api->node->delivery);
    }
    api_wait(request);
    next_tenant(request);
}
