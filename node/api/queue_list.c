/*
 * queue_list.c: GET /v1/queues: the queues that there are: those of functions, as this node has counted; what
 * waits for functions that were removed, in either file of the store; and the named ones of tenants, as the store has
 * them: with ?tenant= of that one, else of `default` and of each that a deployed function belongs to. Others are asked
 * for by their names: the store has no list of tenants.
 */
#include <stdlib.h>
#include <string.h>

#include "node/api/queue_job.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/operations/named.h"
#include "node/node.h"

#define TENANTS_MAX 256  /* of one answer */
#define REMOVED_MAX 4096 /* functions, of one answer */
#define ANY_NAME "any"   /* of a tenant's queue that is asked for its siblings */

struct tenants {
    json_t *removed; /* functions, by name */
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
    json_decref(job->tenants->removed);
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

/* ---- functions that were removed ---- */

static void next_removed(struct api_request *request);

static void add_to(json_t *object, const char *key, uint64_t more)
{
    const json_int_t was = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(was + (json_int_t)more));
}

/* Both files may have some of it. */
static void add_removed(json_t *removed, const char *name, const struct queue_stat *stat)
{
    json_t *made = json_object_get(removed, name);
    if (made) {
        add_to(made, "count", stat->count);
        add_to(made, "bytes", stat->bytes);
        add_to(made, "dead", stat->dead_count);
        add_to(made, "dead_bytes", stat->dead_bytes);
    } else if (json_object_size(removed) < REMOVED_MAX) {
        json_object_set_new(removed, name, queue_json(name, false, stat));
    }
}

/* Where to go on: job->after. False: nowhere. */
static bool take_removed(struct api_request *request, const struct store_answer *answer)
{
    struct queue_job *job = request->queue;
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        struct queue_stat stat;
        if (!queue_job_name(&answer->pairs[i], job->after))
            continue;
        any = true;
        memcpy(&stat, answer->pairs[i].value.data, sizeof stat);
        if ((stat.count || stat.dead_count) && !registry_find(&request->api->node->registry, job->after))
            add_removed(job->tenants->removed, job->after, &stat);
    }
    return any && answer->more;
}

static void removed_told(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    const char *name;
    json_t *each;
    queue_put(job->queue);
    if (answer->err) {
        finish(request, answer->err);
        return;
    }
    const bool more = take_removed(request, answer);
    if (!more)
        job->after[0] = 0;
    if (more || queue_job_to_second(job)) {
        next_removed(request);
        return;
    }
    json_object_foreach(job->tenants->removed, name, each)
        json_array_append(job->entries, each);
    next_tenant(request);
}

static void next_removed(struct api_request *request)
{
    struct queue_job *job = request->queue;
    struct delivery *delivery = &request->api->node->delivery;
    const struct store_ask ask = queue_job_ask(request, removed_told);
    mf_err err = delivery_queue(delivery, ANY_NAME, &job->queue);
    if (err) {
        finish(request, err);
        return;
    }
    if (job->two_files)
        durability_aim(delivery, ANY_NAME, job->second ? STORE_PROCESS_CRASH : STORE_POWER_LOSS);
    err = queue_siblings(job->queue, (struct store_bytes){job->after, strlen(job->after)}, &ask);
    durability_aim_back(delivery, ANY_NAME);
    if (!err)
        return;
    queue_put(job->queue);
    finish(request, err);
}

/* ---- named ones ---- */

static void told(void *context, const struct store_answer *answer)
{
    struct api_request *request = context;
    struct queue_job *job = request->queue;
    bool any = false;
    for (size_t i = 0; i < answer->count; i++) {
        struct queue_stat stat;
        if (!queue_job_name(&answer->pairs[i], job->after))
            continue; /* none that can be asked for */
        any = true;
        memcpy(&stat, answer->pairs[i].value.data, sizeof stat);
        json_t *made = queue_json(job->after, false, &stat);
        json_object_set_new(made, "tenant", json_string(job->tenants->name[job->tenants->at]));
        json_array_append_new(job->entries, made);
    }
    queue_put(job->queue);
    if (!any || !answer->more) {
        job->tenants->at++;
        job->after[0] = 0;
    }
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
        err = queue_siblings(job->queue, (struct store_bytes){job->after, strlen(job->after)}, &ask);
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
        tenants->removed = json_object();
        job->two_files = durability_two_files(&request->api->node->delivery);
    }
    api_wait(request);
    if (tenants->removed)
        next_removed(request);
    else
        next_tenant(request);
}
