/* request.h: one request to the management API, and how its handlers answer. */
#ifndef MF_NODE_API_REQUEST_H
#define MF_NODE_API_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "node/api/api.h"
#include "node/delivery/durability.h"
#include "node/functions/image_store.h"

struct api_request {
    struct api *api;
    struct client *client;      /* NULL: the connection is done with it      */
    const struct api_route *route;
    char *target;               /* as sent, cut at its question mark         */
    const char *query;          /* "": none                                  */
    char name[MF_CALL_ID_BYTES_MAX + 1]; /* {name} in the path, MF_NAME_BYTES_MAX at most; or
                                   {id}, a call's, decoded; or ""            */
    struct mf_buf body;
    size_t discarded;
    bool answered;
    bool ended;                 /* nobody reads the answer any more          */
    bool remote;                /* came by TCP                               */
    uint32_t refusal;           /* status to answer once the body is read    */
    struct mf_why why;

    /* Work beside the loop: job() in another thread, then after() here. */
    uv_work_t work;
    bool in_job;
    bool newcomer;              /* counted in api.newcomers                  */
    void (*job)(struct api_request *request);
    void (*after)(struct api_request *request);
    mf_err err;                 /* the job's result; why says more           */
    struct upload upload;
    struct queue_job *queue;    /* queues.c, queue_list.c, calls.c; freed with free()      */
    struct publish_job *publish; /* publish.c; freed with free()             */
    struct deployment deployment;
    struct durability_hold hold; /* on how durable the function's queue is   */
    struct workflow_change *change; /* workflows.c; owned                     */
};

struct api_route {
    const char *method;
    const char *path;           /* {name}: a function's name, {id}: a call's, {key}: a key */
    bool open;                  /* needs no token                            */
    bool upload;                /* the body is an image, not JSON            */
    void (*handle)(struct api_request *request);
};

/* Each takes the JSON, or the response, over. */
void api_answer_json(struct api_request *request, uint32_t status, json_t *body);
void api_answer(struct api_request *request, uint32_t status, struct MHD_Response *response);
void api_answer_error(struct api_request *request, uint32_t status, const char *message);
/* The status that fits err. */
void api_answer_err(struct api_request *request, mf_err err, const struct mf_why *why);

/* Run request->job beside the loop. Jobs run one after another. */
void api_start_job(struct api_request *request);

/* The request waits for something else of this thread: it lives until api_wait_over(). */
void api_wait(struct api_request *request);
void api_wait_over(struct api_request *request);

/* MF_EINVAL: a parameter that is to be a number is none. */
MF_CHECKED mf_err api_query_check(const struct api_request *request, struct mf_why *why);
/* A number in the query: NAME=123; as many as `most` where it is more. */
unsigned api_query_number(const struct api_request *request, const char *name, unsigned otherwise,
                          unsigned most);

/* The file of an image that nothing uses any more. */
void api_drop_image(struct api_request *request, const char *hash);

/* The same as text, decoded, at most room bytes; none: not there. False: it is no such text. */
bool api_query_text(const struct api_request *request, const char *name, char *to, size_t room,
                    size_t *bytes);
/* RFC 3986, 2.1. False: it is none, or longer. */
bool api_decode(const char *text, size_t bytes, char *to, size_t room, size_t *decoded);

/* The handlers: node.c, functions.c, images.c, follow.c, queues.c, calls.c, publish.c, workflows.c. */
void api_get_node(struct api_request *request);
void api_get_healthz(struct api_request *request);
void api_get_metrics(struct api_request *request);
void api_post_image(struct api_request *request);
void api_list_functions(struct api_request *request);
void api_get_function(struct api_request *request);
void api_put_function(struct api_request *request);
void api_delete_function(struct api_request *request);
void api_get_usage(struct api_request *request);
void api_start_function(struct api_request *request);
void api_stop_function(struct api_request *request);
void api_roll_back_function(struct api_request *request);
void api_get_logs(struct api_request *request);
void api_get_image(struct api_request *request);
void api_list_workflows(struct api_request *request);
void api_get_workflow(struct api_request *request);
void api_put_workflow(struct api_request *request);
void api_delete_workflow(struct api_request *request);
void api_roll_back_workflow(struct api_request *request);
void api_list_queues(struct api_request *request);
void api_get_queue(struct api_request *request);
void api_peek_queue(struct api_request *request);
void api_push_queue(struct api_request *request);
void api_redrive_queue(struct api_request *request);
void api_purge_queue(struct api_request *request);
void api_get_call(struct api_request *request);
void api_list_keys(struct api_request *request);
void api_get_key(struct api_request *request);
void api_put_key(struct api_request *request);
void api_delete_key(struct api_request *request);
void api_post_publish(struct api_request *request);

/* Milliseconds since 1970 as a time of RFC 3339. */
json_t *api_stamp_json(uint64_t at_ms);

#endif
