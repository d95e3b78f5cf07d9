/*
 * head.c: see head.h. Guarantees: no header of the connection becomes a field; every
 * request has a call id. Leaves to others: the rules of targets and headers
 * (request.c), of fields (instance/event.c).
 */
#include "node/gateway/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/output_event.h"
#include "node/gateway/event_request.h"
#include "node/gateway/request.h"

/* The headers of one request, on their way into fields. */
struct head {
    struct request *request;
    struct field_writer writer;
    struct hop_by_hop hops;
    bool chunked, expects;
    bool ambiguous; /* how long the body is: not to be guessed (RFC 9112, 6.1 and 6.3) */
    bool id_given;
    const char *callback; /* X-Callback-Url; NULL: none */
    size_t callback_bytes;
    bool callback_bad;
    const char *length_text; /* Content-Length; NULL: none */
    uint64_t length;
};

/* One length, or chunks: who sees two and takes the other one sees other requests. */
static void look_at_length(struct head *head, const char *name, size_t name_bytes, const char *value)
{
    if (name_bytes == 17 && strcasecmp(name, "transfer-encoding") == 0) {
        head->ambiguous |= head->chunked || strcasecmp(value, "chunked") != 0;
        head->chunked = true;
    } else if (name_bytes == 14 && strcasecmp(name, "content-length") == 0) {
        head->ambiguous |= head->length_text && strcmp(head->length_text, value) != 0;
        head->length_text = value;
        head->length = strtoull(value, NULL, 10); /* libmicrohttpd has refused nonsense */
    }
    head->ambiguous |= head->chunked && head->length_text;
}

/* First look: what concerns the connection, the body, and the call id. */
static enum MHD_Result look(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                            const char *value, size_t bytes)
{
    struct head *head = cls;
    (void)kind;
    if (!value)
        return MHD_YES;
    look_at_length(head, name, name_bytes, value);
    event_request_look(head->request, name, name_bytes, value, bytes);
    if (name_bytes == 10 && strcasecmp(name, "connection") == 0)
        hop_by_hop_add(&head->hops, value, bytes);
    else if (name_bytes == 6 && strcasecmp(name, "expect") == 0)
        head->expects = true;
    else if (name_bytes == 14 && strcasecmp(name, "x-callback-url") == 0) {
        head->callback_bad |= head->callback != NULL; /* two: to whom? */
        head->callback = value;
        head->callback_bytes = bytes;
    }
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
                (name_bytes == 12 && strcasecmp(name, "x-start-time") == 0) ||
                (name_bytes == sizeof ATTEMPT_HEADER - 1 && strcasecmp(name, ATTEMPT_HEADER) == 0) ||
                (name_bytes == sizeof HOPS_HEADER - 1 && strcasecmp(name, HOPS_HEADER) == 0);
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
    if (gateway->options->gateway_metrics && target->path_bytes == 8 &&
        memcmp(target->path, "/metrics", 8) == 0)
        return ROUTE_METRICS;
    return ROUTE_NOWHERE;
}

/* The event's fields, all from copies in the gateway's scratch, kept in request->text. */
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
    if (request->async)
        field_put(&head->writer, MF_FIELD_HEADER, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1,
                  ATTEMPT_ROOM, sizeof ATTEMPT_ROOM - 1);
    if (head->hops.too_many)
        request_refuse(request, SITUATION_BAD_REQUEST, "the Connection header lists too many options");
    else if (head->writer.err == MF_ETOOBIG)
        request_refuse(request, SITUATION_HEAD_TOO_BIG, NULL);
    else if (head->writer.err)
        request_refuse(request, SITUATION_BAD_REQUEST, "a header's name or value has a forbidden character");
    else if (!request_keep_text(request, head->writer.data, head->writer.bytes))
        request_refuse(request, SITUATION_NODE_FULL, NULL);
    request->call.fields = request->text;
    request->call.field_bytes = head->writer.bytes;
}

/* By its name; what that is resolved to is looked at when it is called. */
static void check_callback(struct request *request, const struct head *head)
{
    const struct callback_places *places = &request->gateway->options->callbacks;
    struct url url;
    if (head->callback_bad || url_parse(head->callback, head->callback_bytes, &url, NULL))
        request_refuse(request, SITUATION_BAD_REQUEST,
                       "X-Callback-Url: one absolute http or https URL belongs there");
    else if (places->none)
        request_refuse(request, SITUATION_NO_CALLBACKS, NULL);
    else if (egress_permits(&places->rule, &url) == PERMISSION_NONE)
        request_refuse(request, SITUATION_BAD_REQUEST,
                       "X-Callback-Url: this node calls nobody back there (its option --callbacks)");
}

/* What only asynchronous calls may not. */
static void check_async(struct request *request, const struct head *head, const char *method)
{
    if (strcmp(method, "POST") != 0)
        request_refuse(request, SITUATION_METHOD_NOT_ALLOWED,
                       "an asynchronous call is a POST");
    else if (head->callback)
        check_callback(request, head);
}

bool request_read_head(struct request *request, const char *method)
{
    struct gateway *gateway = request->gateway;
    struct head head = {.request = request};
    struct target target;
    field_writer_init(&head.writer, gateway->scratch, sizeof gateway->scratch);
    (void)MHD_get_connection_values_n(request->client->connection, MHD_HEADER_KIND, look, &head);
    if (!head.id_given)
        call_id_make(&gateway->ids, request->call_id);
    request->route = ROUTE_NOWHERE;
    if (target_parse((const char *)request->text, &target) != MF_OK) {
        request_refuse(request, SITUATION_BAD_REQUEST, "the request's target is no path");
    } else {
        request->route = route_of(gateway, &target);
        request->async = target.async;
        size_t bytes = target.name_bytes < sizeof request->name - 1 ? target.name_bytes
                                                                    : sizeof request->name - 1;
        if (target.name)
            memcpy(request->name, target.name, bytes);
        if (request->route == ROUTE_FUNCTION &&
            (target.name_bytes > MF_NAME_BYTES_MAX ||
             !gateway->intake->knows(gateway, request->name)))
            request_refuse(request, SITUATION_UNKNOWN_FUNCTION, NULL);
        else if (request->route == ROUTE_FUNCTION)
            make_fields(request, &head, method, &target);
        if (request->async && !request->refused)
            check_async(request, &head, method);
    }
    if (head.ambiguous)
        request_refuse(request, SITUATION_BAD_REQUEST,
                       "the body has two lengths, or an unknown encoding");
    if (head.length > MF_BODY_BYTES_MAX && !request->refused)
        request_refuse(request, SITUATION_BODY_TOO_BIG, NULL);
    if (head.length > 0 || head.chunked)
        client_expect_body(request->client);
    return request->refused &&
           (head.expects || head.ambiguous || head.length > MF_DISCARD_BYTES_MAX);
}

void request_refuse(struct request *request, enum situation situation, const char *message)
{
    request->refused = true;
    request->refusal = (struct outcome){.situation = situation,
                                        .message = message,
                                        .message_bytes = message ? strlen(message) : 0};
}

void request_refuse_why(struct request *request, const struct mf_why *why)
{
    bool kept = request_keep_text(request, why->text, strlen(why->text) + 1);
    request_refuse(request, SITUATION_BAD_REQUEST, kept ? (const char *)request->text : NULL);
}

bool request_keep_text(struct request *request, const void *text, size_t bytes)
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
