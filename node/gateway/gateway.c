/*
 * gateway.c: HTTP requests into calls, their outcomes into HTTP responses.
 * Guarantees: each request is answered once; bodies stay within MF_BODY_BYTES_MAX each
 * and the node's budget together; a call whose client is gone is cancelled.
 * Leaves to others: which function and instance (intake.h), how answers look (answer.c).
 * Owns every struct request, until both the connection and the intake let go.
 */
#include "node/gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/gateway/answer.h"
#include "node/gateway/event_request.h"
#include "node/gateway/head.h"
#include "node/node.h"

#define SPARES_MAX 256

static void begin(struct client *client, const char *target);
static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes);
static void gone(struct client *client);
static void end(struct client *client);

static struct request *request_make(struct gateway *gateway);
static void request_free(struct request *request);
static void drop_body(struct request *request);
static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes);
static void complete(struct request *request);
static void forget(struct request *request);

mf_err gateway_open(struct gateway *gateway, struct loop *loop, struct node *node,
                    const struct intake *intake, void (*left)(struct http_server *server),
                    struct mf_why *why)
{
    *gateway = (struct gateway){.loop = loop,
                                .node = node,
                                .options = node->options,
                                .budget = &node->budget,
                                .intake = intake};
    const struct http_handlers handlers = {begin, handle, gone, end, left};
    link_init(&gateway->spare);
    return http_server_open(&gateway->server, loop, HTTP_SERVER_NO_LISTENER,
                            gateway->options->tls_cert[0] ? HTTP_TLS : HTTP_PLAIN,
                            gateway->options->connections, &handlers, gateway, why);
}

void gateway_quiet(struct gateway *gateway)
{
    gateway->stopping = true;
    http_server_quiet(&gateway->server);
}

void gateway_close(struct gateway *gateway)
{
    http_server_close(&gateway->server);
    while (gateway->loop && !list_empty(&gateway->spare)) {
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
        request->answered = true;
        request->gateway->intake->cancel(request);
    }
    client_drop(client);
}

static void end(struct client *client)
{
    struct request *request = client->request;
    request->client = NULL;
    if (request->held && !request->answered) {
        request->answered = true;
        request->gateway->intake->cancel(request);
    } else {
        forget(request);
    }
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
    request->started_ns = gateway->loop->now_ns;
    request->text = request->few;
    return request;
}

static void request_free(struct request *request)
{
    struct gateway *gateway = request->gateway;
    if (request->text != request->few)
        free(request->text);
    drop_body(request);
    budget_give(gateway->budget, request->reply_charged);
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
    budget_give(request->gateway->budget, request->charged);
    request->charged = 0;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes)
{
    struct budget *budget = request->gateway->budget;
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

/* The request is whole: answer it, or hand it on and wait. */
static void complete(struct request *request)
{
    const struct gateway *gateway = request->gateway;
    if (request->route == ROUTE_HEALTHZ) {
        gateway_respond(request, 200, answer_text("text/plain", "ok\n", 3));
        return;
    }
    if (!request->refused && request->route == ROUTE_NOWHERE)
        request_refuse(request, SITUATION_NO_SUCH_PATH, "the gateway serves /function/NAME, /async-function/NAME and /healthz");
    if (!request->refused && gateway->stopping)
        request_refuse(request, SITUATION_STOPPING, NULL);
    if (request->refused && (request->route == ROUTE_NOWHERE || gateway->stopping)) {
        gateway_answered(request, &request->refusal);
        return;
    }
    if (request->route == ROUTE_METRICS) {
        gateway->intake->metrics(request);
    } else {
        request->call.name = request->call_id;
        request->call.body = request->body.data;
        request->call.body_bytes = request->body.bytes;
        if (!request->refused)
            event_request_settle(request);
        request->held = true;
        gateway->intake->submit(request);
    }
    if (!request->answered)
        client_suspend(request->client);
}

void gateway_answered(struct request *request, const struct outcome *outcome)
{
    bool replied = outcome->situation == SITUATION_REPLIED;
    uint32_t status = replied ? outcome->status : situation_status(outcome->situation);
    struct error_place place = {request->name[0] ? request->name : NULL, strlen(request->name),
                                request->call_id};
    struct MHD_Response *response = replied ? event_request_answer(request, outcome) : NULL;
    if (!response)
        response = replied ? answer_reply(outcome) : answer_error(outcome, &place);
    gateway_respond(request, status, response);
}

void gateway_released(struct request *request)
{
    request->held = false;
    drop_body(request);
    forget(request);
}

void gateway_cancel_heard(struct request *request)
{
    request->cancelling = false;
    forget(request);
}

/* If nobody has it any more. */
static void forget(struct request *request)
{
    if (!request->client && !request->held && !request->cancelling)
        request_free(request);
}

void gateway_respond(struct request *request, uint32_t status, struct MHD_Response *response)
{
    char text[32];
    request->answered = true;
    if (!response) { /* no memory */
        client_drop(request->client);
        return;
    }
    (void)MHD_add_response_header(response, "X-Call-Id", request->call_id);
    uint64_t duration_ns = request->gateway->loop->now_ns - request->started_ns;
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
    if (request->gateway->stopping)
        (void)MHD_add_response_header(response, "Connection", "close");
    client_answer(request->client, status, response);
    MHD_destroy_response(response);
}
