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
#include "node/gateway/listen.h"
#include "node/gateway/request.h"
#include "node/metrics/metrics.h"
#include "node/pool/dispatch.h"
#include "node/shard.h"

#define INLINE_BYTES 1024
#define SPARES_MAX 256
#define STATUS_CLIENT_GONE 499 /* in metrics only; as nginx counts it */

enum route { ROUTE_FUNCTION, ROUTE_HEALTHZ, ROUTE_METRICS, ROUTE_NOWHERE };

struct request {
    struct call call;
    struct gateway *gateway;
    struct client *client;   /* NULL: the connection is done with it  */
    struct link link;        /* among the spare ones                  */
    bool held;               /* the dispatcher has the call           */
    bool answered;
    bool refused;
    struct outcome refusal;
    enum route route;
    uint64_t started_ns;
    uint64_t started_at_ns;  /* CLOCK_REALTIME                        */
    struct mf_buf body;
    size_t charged;          /* of the shard's budget, for the body   */
    size_t reply_charged;    /* the same, for the reply on its way    */
    size_t discarded;
    char name[MF_NAME_BYTES_MAX + 1];
    char call_id[MF_CALL_ID_BYTES_MAX + 1];
    uint8_t *text;           /* the target, later the fields: few or heap */
    uint8_t few[INLINE_BYTES];
};

static void begin(struct client *client, const char *target);
static enum MHD_Result handle(struct client *client, bool first, const char *method,
                              const char *data, size_t *bytes);
static void gone(struct client *client);
static void end(struct client *client);
static const struct http_handlers handlers = {begin, handle, gone, end};

static struct request *request_make(struct gateway *gateway);
static void request_free(struct request *request);
static void drop_body(struct request *request);
static bool keep_text(struct request *request, const void *text, size_t bytes);
static void read_head(struct request *request, const char *method);
static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes);
static void complete(struct request *request);
static void refuse(struct request *request, enum situation situation, const char *message);
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
    return http_server_open(&gateway->server, shard, fd, shard->options->connections, &handlers,
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
    if (!keep_text(request, target, strlen(target) + 1)) {
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
    read_head(request, method);
    return MHD_YES;
}

static void gone(struct client *client)
{
    struct request *request = client->request;
    if (!request->answered && request->held) {
        struct function *function = request->call.function;
        count_answer(&function->counters, STATUS_CLIENT_GONE,
                     request->gateway->shard->now_ns - request->started_ns);
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
    request->started_ns = gateway->shard->now_ns;
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

static bool keep_text(struct request *request, const void *text, size_t bytes)
{
    uint8_t *to = request->few;
    if (bytes > sizeof request->few && !(to = malloc(bytes)))
        return false;
    memmove(to, text, bytes);
    if (request->text != request->few)
        free(request->text);
    request->text = to;
    return true;
}

/* The headers of one request, on their way into fields. */
struct head {
    struct request *request;
    struct field_writer writer;
    struct hop_by_hop hops;
    bool has_body, expects;
    bool id_given;
    uint64_t length; /* Content-Length; 0: none or chunked */
};

/* First look: what concerns the connection, the body, and the call id. */
static enum MHD_Result look(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                            const char *value, size_t bytes)
{
    struct head *head = cls;
    (void)kind;
    if (!value)
        return MHD_YES;
    if (name_bytes == 10 && strcasecmp(name, "connection") == 0)
        hop_by_hop_add(&head->hops, value, bytes);
    else if (name_bytes == 6 && strcasecmp(name, "expect") == 0)
        head->expects = true;
    else if (name_bytes == 17 && strcasecmp(name, "transfer-encoding") == 0)
        head->has_body = true;
    else if (name_bytes == 14 && strcasecmp(name, "content-length") == 0)
        head->length = strtoull(value, NULL, 10); /* libmicrohttpd has refused nonsense */
    else if (name_bytes == 9 && strcasecmp(name, "x-call-id") == 0 && !head->id_given &&
             call_id_valid(value, bytes)) {
        memcpy(head->request->call_id, value, bytes + 1);
        head->id_given = true;
    }
    return MHD_YES;
}

/* Second: everything else becomes a field. */
static enum MHD_Result put(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                           const char *value, size_t bytes)
{
    struct head *head = cls;
    (void)kind;
    bool ours = (name_bytes == 9 && strcasecmp(name, "x-call-id") == 0) ||
                (name_bytes == 12 && strcasecmp(name, "x-start-time") == 0);
    if (!ours && !header_stays(&head->hops, name, name_bytes))
        field_put(&head->writer, MF_FIELD_HEADER, name, name_bytes, value ? value : "", bytes);
    return MHD_YES;
}

static enum route route_of(const struct gateway *gateway, const struct target *target)
{
    if (target->name)
        return ROUTE_FUNCTION;
    if (target->path_bytes == 8 && memcmp(target->path, "/healthz", 8) == 0)
        return ROUTE_HEALTHZ;
    if (gateway->shard->options->gateway_metrics && target->path_bytes == 8 &&
        memcmp(target->path, "/metrics", 8) == 0)
        return ROUTE_METRICS;
    return ROUTE_NOWHERE;
}

/* The event's fields, all from copies in the shard's scratch, kept in request->text. */
static void make_fields(struct request *request, struct head *head, const char *method,
                        const struct target *target)
{
    char start_time[24];
    request_begin(&head->writer, method, target);
    (void)MHD_get_connection_values_n(request->client->connection, MHD_HEADER_KIND, put, head);
    request->started_at_ns = mf_realtime_ns();
    int bytes = snprintf(start_time, sizeof start_time, "%llu",
                         (unsigned long long)request->started_at_ns);
    field_put(&head->writer, MF_FIELD_HEADER, "x-call-id", 9, request->call_id,
              strlen(request->call_id));
    field_put(&head->writer, MF_FIELD_HEADER, "x-start-time", 12, start_time, (size_t)bytes);
    if (head->hops.too_many)
        refuse(request, SITUATION_BAD_REQUEST, "the Connection header lists too many options");
    else if (head->writer.err == MF_ETOOBIG)
        refuse(request, SITUATION_HEAD_TOO_BIG, NULL);
    else if (head->writer.err)
        refuse(request, SITUATION_BAD_REQUEST, "a header's name or value has a forbidden character");
    else if (!keep_text(request, head->writer.data, head->writer.bytes))
        refuse(request, SITUATION_NODE_FULL, NULL);
    request->call.fields = request->text;
    request->call.field_bytes = head->writer.bytes;
}

static void read_head(struct request *request, const char *method)
{
    struct gateway *gateway = request->gateway;
    struct head head = {.request = request};
    struct target target;
    field_writer_init(&head.writer, gateway->shard->scratch, MF_HEAD_BYTES_MAX);
    (void)MHD_get_connection_values_n(request->client->connection, MHD_HEADER_KIND, look, &head);
    if (!head.id_given)
        call_id_make(&gateway->ids, request->call_id);
    request->route = ROUTE_NOWHERE;
    if (target_parse((const char *)request->text, &target) != MF_OK) {
        refuse(request, SITUATION_BAD_REQUEST, "the request's target is no path");
    } else {
        request->route = route_of(gateway, &target);
        size_t bytes = target.name_bytes < sizeof request->name - 1 ? target.name_bytes
                                                                    : sizeof request->name - 1;
        if (target.name)
            memcpy(request->name, target.name, bytes);
        if (request->route == ROUTE_FUNCTION &&
            (target.name_bytes > MF_NAME_BYTES_MAX ||
             !registry_find(&gateway->shard->registry, request->name)))
            refuse(request, SITUATION_UNKNOWN_FUNCTION, NULL);
        else if (request->route == ROUTE_FUNCTION)
            make_fields(request, &head, method, &target);
    }
    if (head.length > MF_BODY_BYTES_MAX && !request->refused)
        refuse(request, SITUATION_BODY_TOO_BIG, NULL);
    if (head.length > 0 || head.has_body)
        client_expect_body(request->client);
    /* Who asks first, or would send for ever, hears at once; who just sends is read to
     * the end, for an answer before it would be lost in a reset connection. */
    if (request->refused && (head.expects || head.length > MF_DISCARD_BYTES_MAX))
        complete(request);
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes)
{
    struct budget *budget = &request->gateway->shard->budget;
    size_t count = *bytes;
    *bytes = 0;
    if (!request->refused && request->route == ROUTE_FUNCTION) {
        if (count > MF_BODY_BYTES_MAX - request->body.bytes)
            refuse(request, SITUATION_BODY_TOO_BIG, NULL);
        else if (!budget_take(budget, count))
            refuse(request, SITUATION_NODE_FULL, NULL);
        else {
            request->charged += count;
            if (mf_buf_add(&request->body, data, count))
                refuse(request, SITUATION_NODE_FULL, NULL);
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
        refuse(request, SITUATION_NO_SUCH_PATH, "the gateway serves /function/NAME and /healthz");
    if (!request->refused && !function) /* removed while its body came */
        refuse(request, SITUATION_UNKNOWN_FUNCTION, NULL);
    if (!request->refused && shard->stopping)
        refuse(request, SITUATION_STOPPING, NULL);
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

static void refuse(struct request *request, enum situation situation, const char *message)
{
    request->refused = true;
    request->refusal = (struct outcome){.situation = situation,
                                        .message = message,
                                        .message_bytes = message ? strlen(message) : 0};
}

/* A reply counts until its client has taken it, who may be slow: what the dispatcher has
 * charged for it is ours from now on, and what came in one message is charged here. */
static bool charge_reply(struct request *request, const struct outcome *outcome)
{
    struct call *call = &request->call;
    size_t more = outcome->body_bytes - call->reply_charged;
    mf_assert(call->reply_charged <= outcome->body_bytes);
    if (!budget_take(&request->gateway->shard->budget, more))
        return false;
    request->reply_charged = outcome->body_bytes;
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
    uint64_t duration_ns = request->gateway->shard->now_ns - request->started_ns;
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
    uint64_t duration_ns = request->gateway->shard->now_ns - request->started_ns;
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
    client_answer(request->client, status, response);
    MHD_destroy_response(response);
}
