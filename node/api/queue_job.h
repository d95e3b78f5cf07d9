/* queue_job.h: one request about a queue: queues.c, queue_change.c, queue_entry.c, queue_find.c,
 * queue_list.c, queue_push.c. Loop thread only. */
#ifndef MF_NODE_API_QUEUE_JOB_H
#define MF_NODE_API_QUEUE_JOB_H

#include "node/api/request.h"
#include "node/delivery/delivery.h"
#include "node/gateway/call_id.h"
#include "node/node.h"

struct queue_job {
    struct queue *queue;
    char tenant[MF_NAME_BYTES_MAX + 1]; /* "": it is a function's */
    bool dead;
    bool two_files; /* of a function that is not deployed: what waits may be in either */
    bool second;    /* the second one's turn, that of process-crash                    */
    uint64_t total, left;    /* of a redrive or purge: done; to do, of this file */
    struct queue_stat stat;  /* of both                        */
    json_t *entries;         /* the same; NULL: it is no peek  */
    uint32_t count;          /* of them, at most               */
    struct tenants *tenants; /* of queue_list.c                */
    char after[MF_NAME_BYTES_MAX + 1]; /* of names: where to go on */
    struct mf_buf names;     /* of queue_find.c                */
    void (*found)(struct api_request *request);
    struct queue_watch watch; /* of a purge; its `ended`, NULL: none */
    struct submission submission;
    struct call_ids ids;
    char call_id[UUID_TEXT_BYTES + 1];
    struct api_request *request;
};

static inline struct delivery *queue_job_delivery(const struct api_request *request)
{
    return &request->api->node->delivery;
}

/* ?tenant= into job->tenant; "": there is none. False: answered. */
bool queue_job_tenant(struct api_request *request, struct queue_job *job);
void queue_job_answer_err(struct api_request *request, mf_err err);
/* What entries of the second file are called by: this, and their id. */
#define QUEUE_LOOSE_ID "process-crash:"
/* NULL: no memory. */
json_t *queue_entry_json(const struct queue_job *job, const struct queue_entry *entry);
json_t *queue_json(const char *name, bool deployed, const struct queue_stat *stat);
/* The queue, and the request's stay. False: answered. */
bool queue_job_begin(struct api_request *request);
/* err: answer so. */
void queue_job_end(struct api_request *request, mf_err err);
struct store_ask queue_job_ask(struct api_request *request, store_done done);

/* The next operation is on the file whose turn it is, if the function has not been deployed since; and the ones after it
 * are where they were. Between the two nothing else may happen. */
void queue_job_aim(const struct api_request *request);
void queue_job_aimed(const struct api_request *request);
/* How much is in that file; an error answers the request. */
void queue_job_stat(struct api_request *request, store_done done);
/* The other file's turn. False: there is none. */
bool queue_job_to_second(struct queue_job *job);
bool queue_job_is_deployed(const struct api_request *request);

/* Is there such a queue? Then found(), on the first file; else the request is answered 404, with those that there are. */
void queue_job_find(struct api_request *request, void (*found)(struct api_request *request));
/* The name of a pair of queue_siblings(). False: none that can be asked for. */
bool queue_job_name(const struct space_pair *pair, char name[static MF_NAME_BYTES_MAX + 1]);

#endif
