/*
 * gateway.c: HTTP requests into calls, their outcomes into HTTP responses.
 * Guarantees: each request is answered once; bodies stay within MF_BODY_BYTES_MAX each
 * and the shard's budget together; a call whose client is gone is cancelled.
 * Leaves to others: which instance (pool/dispatch.c), how answers look (answer.c).
 * Owns every struct request, until both the connection and the dispatcher let go.
 */
#include "node/gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/functions/function.h"
#include "node/gateway/answer.h"
#include "node/gateway/head.h"
#include "node/gateway/listen.h"
#include "node/metrics/metrics.h"
#include "node/pool/dispatch.h"
#include "node/shard.h"

#define SPARES_MAX 256
#define STATUS_CLIENT_GONE 499 /* in metrics only; as nginx counts it */

static void begin(struct client *client, const char *target);
static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes);
static void gone(struct client *client);
static void end(struct client *client);
static const struct http_handlers handlers = {begin, handle, gone, end};

static struct request *request_make(struct gateway *gateway);
static void request_free(struct request *request);
static void drop_body(struct request *request);
static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes);
static void complete(struct request *request);
static void respond(struct request *request, uint32_t status, struct MHD_Response *response);
static void done(struct call *call, const struct outcome *outcome);
static void release(struct call *call);

mf_err gateway_open(struct gateway *gateway, struct shard *shard, struct mf_why *why)
{
    *gateway = (struct gateway){.shard = shard};
    link_init(&gateway->spare);
    int fd;
    mf_err err = listen_tcp(&shard->options->listen, &fd, &gateway->port, why);
    if (err)
        return err;
    return http_server_open(&gateway->server, &shard->loop, fd, shard->options->connections, &handlers,
                            gateway, why);
}

void gateway_close(struct gateway *gateway)
{
    http_server_close(&gateway->server);
    while (gateway->shard && !list_empty(&gateway->spare)) {
        struct request *request = list_of(gateway->spare.next, struct request, link);
        list_remove(&request->link);
        free(request);
    }
}

static void begin(struct client *client, const char *target)
{
    struct request *request = request_make(client->server->owner);
    if (!request)
        return;
    if (!request_keep_text(request, target, strlen(target) + 1)) {
        request_free(request);
        return;
    }
    request->client = client;
    client->request = request;
}

static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes)
{
    struct request *request = client->request;
    if (request->answered) /* resumed without a response: the client is gone */
        return MHD_NO;
    if (!first) {
        if (*bytes)
            return take_body(request, data, bytes);
        complete(request);
        return MHD_YES;
    }
    /* Who asks first, or would send for ever, hears at once; who just sends is read to
     * the end, for an answer before it would be lost in a reset connection. */
    if (request_read_head(request, method))
        complete(request);
    return MHD_YES;
}

static void gone(struct client *client)
{
    struct request *request = client->request;
    if (!request->answered && request->held) {
        struct function *function = request->call.function;
        count_answer(&function->counters, STATUS_CLIENT_GONE,
                     request->gateway->shard->loop.now_ns - request->started_ns);
        request->answered = true;
        dispatch_cancel(&request->call);
    }
    client_drop(client);
}

static void end(struct client *client)
{
    struct request *request = client->request;
    request->client = NULL;
    if (request->held && !request->answered)
        dispatch_cancel(&request->call);
    if (!request->held)
        request_free(request);
}

static struct request *request_make(struct gateway *gateway)
{
    struct request *request;
    if (list_empty(&gateway->spare)) {
        request = malloc(sizeof *request);
        if (!request)
            return NULL;
    } else {
        request = list_of(gateway->spare.next, struct request, link);
        list_remove(&request->link);
        gateway->spare_count--;
    }
    memset(request, 0, offsetof(struct request, few));
    link_init(&request->link);
    link_init(&request->call.link);
    request->gateway = gateway;
    request->started_ns = gateway->shard->loop.now_ns;
    request->text = request->few;
    return request;
}

static void request_free(struct request *request)
{
    struct gateway *gateway = request->gateway;
    if (request->text != request->few)
        free(request->text);
    drop_body(request);
    budget_give(&gateway->shard->budget, request->reply_charged);
    if (gateway->spare_count >= SPARES_MAX) {
        free(request);
        return;
    }
    gateway->spare_count++;
    list_prepend(&gateway->spare, &request->link);
}

static void drop_body(struct request *request)
{
    mf_buf_close(&request->body);
    budget_give(&request->gateway->shard->budget, request->charged);
    request->charged = 0;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes)
{
    struct budget *budget = &request->gateway->shard->budget;
    size_t count = *bytes, room = mf_buf_room_after(&request->body, count);
    *bytes = 0;
    if (!request->refused && request->route == ROUTE_FUNCTION) {
        if (count > MF_BODY_BYTES_MAX - request->body.bytes)
            request_refuse(request, SITUATION_BODY_TOO_BIG, NULL);
        else if (!budget_take(budget, room - request->charged))
            request_refuse(request, SITUATION_NODE_FULL, NULL);
        else {
            request->charged = room;
            if (mf_buf_add(&request->body, data, count))
                request_refuse(request, SITUATION_NODE_FULL, NULL);
        }
        if (!request->refused)
            return MHD_YES;
        drop_body(request);
    }
    request->discarded += count;
    return request->discarded > MF_DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

/* The request is whole: answer it, or hand it to the dispatcher and wait. */
static void complete(struct request *request)
{
    struct shard *shard = request->gateway->shard;
    struct function *function =
        request->route == ROUTE_FUNCTION ? registry_find(&shard->registry, request->name) : NULL;
    if (request->route == ROUTE_HEALTHZ) {
        respond(request, 200, answer_text("text/plain", "ok\n", 3));
        return;
    }
    if (request->route == ROUTE_METRICS) {
        respond(request, 200, metrics_response(shard));
        return;
    }
    if (!request->refused && request->route == ROUTE_NOWHERE)
        request_refuse(request, SITUATION_NO_SUCH_PATH, "the gateway serves /function/NAME and /healthz");
    if (!request->refused && !function) /* removed while its body came */
        request_refuse(request, SITUATION_UNKNOWN_FUNCTION, NULL);
    if (!request->refused && shard->stopping)
        request_refuse(request, SITUATION_STOPPING, NULL);
    struct call *call = &request->call;
    if (request->refused) {
        call->function = function;
        done(call, &request->refusal);
        call->function = NULL;
        return;
    }
    call->name = request->call_id;
    call->body = request->body.data;
    call->body_bytes = request->body.bytes;
    call->done = done;
    call->release = release;
    request->held = true;
    dispatch_submit(function, call);
    if (!request->answered)
        client_suspend(request->client);
}

/* A reply counts until its client has taken it, who may be slow: what the dispatcher has
 * charged for it is ours from now on, and what came in one message is charged here. */
static bool charge_reply(struct request *request, const struct outcome *outcome)
{
    struct call *call = &request->call;
    size_t bytes = outcome->body_owner ? outcome->body_owner->room : outcome->body_bytes;
    mf_assert(call->reply_charged <= bytes);
    if (!budget_take(&request->gateway->shard->budget, bytes - call->reply_charged))
        return false;
    request->reply_charged = bytes;
    call->reply_charged = 0;
    return true;
}

static void done(struct call *call, const struct outcome *outcome)
{
    const struct outcome full = {.situation = SITUATION_NODE_FULL};
    struct request *request = list_of(call, struct request, call);
    if (outcome->situation == SITUATION_REPLIED && !charge_reply(request, outcome))
        outcome = &full;
    bool replied = outcome->situation == SITUATION_REPLIED;
    uint32_t status = replied ? outcome->status : situation_status(outcome->situation);
    uint64_t duration_ns = request->gateway->shard->loop.now_ns - request->started_ns;
    struct error_place place = {request->name[0] ? request->name : NULL, strlen(request->name),
                                request->call_id};
    struct MHD_Response *response =
        replied ? answer_reply(outcome) : answer_error(outcome, &place);
    if (call->function)
        count_answer(&call->function->counters, status, duration_ns);
    respond(request, status, response);
}

static void release(struct call *call)
{
    struct request *request = list_of(call, struct request, call);
    request->held = false;
    if (request->client)
        drop_body(request);
    else
        request_free(request);
}

static void respond(struct request *request, uint32_t status, struct MHD_Response *response)
{
    char text[32];
    request->answered = true;
    if (!response) { /* no memory */
        client_drop(request->client);
        return;
    }
    (void)MHD_add_response_header(response, "X-Call-Id", request->call_id);
    uint64_t duration_ns = request->gateway->shard->loop.now_ns - request->started_ns;
    if (request->route == ROUTE_FUNCTION) {
        (void)snprintf(text, sizeof text, "%llu.%06llu",
                       (unsigned long long)(duration_ns / MF_NS_PER_S),
                       (unsigned long long)(duration_ns % MF_NS_PER_S / MF_NS_PER_US));
        (void)MHD_add_response_header(response, "X-Duration-Seconds", text);
    }
    if (request->started_at_ns) {
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)request->started_at_ns);
        (void)MHD_add_response_header(response, "X-Start-Time", text);
    }
    if (request->gateway->shard->stopping)
        (void)MHD_add_response_header(response, "Connection", "close");
    client_answer(request->client, status, response);
    MHD_destroy_response(response);
}
