/*
 * operation.c: what a handler asks of the node: requests as abi/operation.h has them, and
 * their answers in the event's memory.
 * Guarantees: a request leaves only if it has the form that the node insists on; a mistake of
 * the handler's is an error that it is told of, never the instance's end.
 * Leaves to others: what is allowed, and doing it (the node).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "abi/operation.h"
#include "sdk/event.h"
#include "sdk/fields.h"
#include "sdk/large.h"
#include "sdk/port.h"

#define SAME(nr, NAME, word, meaning) \
    _Static_assert((int)MAYFLY_##NAME == (int)MF_RESULT_##NAME, word);
MF_RESULTS(SAME)

/* A request as it is put together; its last part, the largest, stays where it is. */
struct request {
    uint8_t *at; /* into staged */
    bool too_large;
    struct port_request port;
};

static uint8_t staged[MF_CHUNK_BYTES_MAX] SDK_LARGE;

const char *mayfly_error_name(enum mayfly_error error)
{
    static const char *const words[] = {
#define WORD(nr, NAME, word, meaning) [nr] = word,
        MF_RESULTS(WORD)
#undef WORD
    };
    return (unsigned)error < MF_RESULT_COUNT ? words[error] : "unknown";
}

const char *mayfly_error_words(const struct mayfly_event *event)
{
    return event->error_words ? event->error_words : "";
}

static void add(struct request *request, const void *data, size_t bytes)
{
    if (bytes > (size_t)(staged + sizeof staged - request->at)) {
        request->too_large = true;
        return;
    }
    if (bytes)
        memcpy(request->at, data, bytes);
    request->at += bytes;
}

static void start(struct request *request, unsigned operation, const void *head, size_t bytes)
{
    *request = (struct request){.at = staged, .port = {.operation = operation, .head = staged}};
    add(request, head, bytes);
}

/* A length for the node's eyes; one that does not fit is refused by size anyway. */
static uint32_t length(size_t bytes)
{
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

static uint32_t text_length(const char *text)
{
    return text ? length(strlen(text)) : 0;
}

static enum mayfly_error fail(struct mayfly_event *event, enum mayfly_error error, const char *words)
{
    if (event)
        event->error_words = words;
    return error;
}

/* Send it and wait. *data (may be NULL): the answer's, with a NUL behind it. */
static enum mayfly_error ask(struct mayfly_event *event, struct request *request, const void *last,
                             size_t last_bytes, struct mf_call_result *result, char **data)
{
    *result = (struct mf_call_result){.error = MF_RESULT_UNAVAILABLE};
    if (data)
        *data = NULL;
    if (!event) /* from mayfly_init(), perhaps */
        return MAYFLY_UNAVAILABLE;
    request->port.head_bytes = (size_t)(request->at - staged);
    request->port.data = last;
    request->port.data_bytes = last_bytes;
    if (request->too_large || last_bytes > MF_CHUNK_BYTES_MAX - request->port.head_bytes)
        return fail(event, MAYFLY_TOO_LARGE, "a request has 64 KiB at most");
    long asked = port_operation(&request->port, result);
    if (asked < 0)
        return fail(event, MAYFLY_UNAVAILABLE,
                    asked == -ENOENT ? "no event is being handled" : "the kernel refused it");
    char *answer = mayfly_alloc(event, (size_t)result->data_bytes + 1);
    if (!answer)
        return fail(event, MAYFLY_BUSY, "no memory for the answer");
    long got = port_result(answer, result->data_bytes);
    result->data_bytes = got > 0 ? (uint32_t)got : 0;
    answer[result->data_bytes] = 0;
    if (data)
        *data = answer;
    if (result->error != MF_RESULT_OK)
        event->error_words = result->error == MF_RESULT_EXISTS ? "another value is there" : answer;
    return (enum mayfly_error)result->error;
}

enum mayfly_error mayfly_get(struct mayfly_event *event, const char *key, struct mayfly_bytes *value)
{
    struct mf_op_get head = {.key_bytes = text_length(key)};
    struct mf_call_result result;
    struct request request;
    char *data;
    start(&request, MF_OPERATION_GET, &head, sizeof head);
    enum mayfly_error error = ask(event, &request, key, head.key_bytes, &result, &data);
    *value = (struct mayfly_bytes){"", 0};
    if (!error)
        *value = (struct mayfly_bytes){data, result.data_bytes};
    return error;
}

enum mayfly_error mayfly_set(struct mayfly_event *event, const char *key, const void *value,
                             size_t bytes, uint64_t life_ms)
{
    struct mf_op_set head = {
        .life_ms = life_ms, .key_bytes = text_length(key), .value_bytes = length(bytes)};
    struct mf_call_result result;
    struct request request;
    start(&request, MF_OPERATION_SET, &head, sizeof head);
    add(&request, key, head.key_bytes);
    return ask(event, &request, value, bytes, &result, NULL);
}

enum mayfly_error mayfly_delete(struct mayfly_event *event, const char *key)
{
    struct mf_op_delete head = {.key_bytes = text_length(key)};
    struct mf_call_result result;
    struct request request;
    start(&request, MF_OPERATION_DELETE, &head, sizeof head);
    return ask(event, &request, key, head.key_bytes, &result, NULL);
}

enum mayfly_error mayfly_increment(struct mayfly_event *event, const char *key, int64_t by,
                                   int64_t *sum)
{
    struct mf_op_increment head = {.by = by, .key_bytes = text_length(key)};
    struct mf_call_result result;
    struct request request;
    start(&request, MF_OPERATION_INCREMENT, &head, sizeof head);
    enum mayfly_error error = ask(event, &request, key, head.key_bytes, &result, NULL);
    if (!error && sum)
        *sum = result.value;
    return error;
}

enum mayfly_error mayfly_compare_and_set(struct mayfly_event *event, const char *key,
                                         const struct mayfly_bytes *expected, const void *value,
                                         size_t bytes, uint64_t life_ms,
                                         struct mayfly_bytes *present)
{
    struct mf_op_compare_and_set head = {
        .life_ms = life_ms,
        .key_bytes = text_length(key),
        .expected_bytes = expected ? length(expected->bytes) : 0,
        .value_bytes = length(bytes),
        .flags = expected ? MF_OP_EXPECTED : 0,
    };
    struct mf_call_result result;
    struct request request;
    char *data;
    start(&request, MF_OPERATION_COMPARE_AND_SET, &head, sizeof head);
    add(&request, key, head.key_bytes);
    if (expected)
        add(&request, expected->data, expected->bytes);
    enum mayfly_error error = ask(event, &request, value, bytes, &result, &data);
    if (error == MAYFLY_EXISTS && present)
        *present = (struct mayfly_bytes){data, result.data_bytes};
    return error;
}

/* The pairs of an answer, each with a NUL behind key and value, in memory of their own. */
static enum mayfly_error unpack(struct mayfly_event *event, const char *data, size_t bytes,
                                struct mayfly_pairs *pairs)
{
    struct mf_pair head;
    size_t count = 0;
    for (size_t at = 0; bytes - at >= sizeof head; count++) {
        memcpy(&head, data + at, sizeof head);
        at += sizeof head + head.key_bytes + head.value_bytes;
    }
    pairs->pair = mayfly_alloc(event, count * sizeof *pairs->pair);
    char *text = mayfly_alloc(event, bytes + 2 * count);
    if (!pairs->pair || !text)
        return fail(event, MAYFLY_BUSY, "no memory for the answer");
    for (size_t i = 0; i < count; i++) {
        struct mayfly_pair *pair = &pairs->pair[i];
        memcpy(&head, data, sizeof head);
        data += sizeof head;
        *pair = (struct mayfly_pair){text, head.key_bytes,
                                     {text + head.key_bytes + 1, head.value_bytes}};
        memcpy(text, data, head.key_bytes);
        text[head.key_bytes] = 0;
        memcpy(text + head.key_bytes + 1, data + head.key_bytes, head.value_bytes);
        text += head.key_bytes + 1 + head.value_bytes;
        *text++ = 0;
        data += head.key_bytes + head.value_bytes;
    }
    pairs->count = count;
    return MAYFLY_OK;
}

enum mayfly_error mayfly_scan(struct mayfly_event *event, const char *prefix, const char *after,
                              size_t count, struct mayfly_pairs *pairs)
{
    struct mf_op_scan head = {.prefix_bytes = text_length(prefix),
                              .after_bytes = text_length(after),
                              .count = length(count),
                              .flags = MF_OP_VALUES};
    struct mf_call_result result;
    struct request request;
    char *data;
    *pairs = (struct mayfly_pairs){0};
    start(&request, MF_OPERATION_SCAN, &head, sizeof head);
    add(&request, prefix, head.prefix_bytes);
    enum mayfly_error error = ask(event, &request, after, head.after_bytes, &result, &data);
    if (!error)
        error = unpack(event, data, result.data_bytes, pairs);
    pairs->more = !error && result.flags & MF_RESULT_MORE;
    return error;
}

enum mayfly_error mayfly_push(struct mayfly_event *event, const char *queue,
                              const struct mayfly_message *message, const char **id)
{
    struct mf_op_push head = {
        .queue_bytes = text_length(queue),
        .content_type_bytes = text_length(message->content_type),
        .event_type_bytes = text_length(message->type),
        .data_bytes = length(message->bytes),
        .flags = message->urgent ? MF_OP_URGENT : 0,
    };
    struct mf_call_result result;
    struct request request;
    char *data;
    start(&request, MF_OPERATION_PUSH, &head, sizeof head);
    add(&request, queue, head.queue_bytes);
    add(&request, message->content_type, head.content_type_bytes);
    add(&request, message->type, head.event_type_bytes);
    enum mayfly_error error = ask(event, &request, message->data, message->bytes, &result, &data);
    if (!error && id)
        *id = data;
    return error;
}

enum mayfly_error mayfly_pop(struct mayfly_event *event, const char *queue,
                             struct mayfly_message *message)
{
    struct mf_op_pop head = {.queue_bytes = text_length(queue)};
    struct mf_call_result result;
    struct request request;
    struct field field;
    char *data;
    *message = (struct mayfly_message){.data = ""};
    start(&request, MF_OPERATION_POP, &head, sizeof head);
    enum mayfly_error error = ask(event, &request, queue, head.queue_bytes, &result, &data);
    if (error)
        return error;
    uint32_t at = 0;
    message->data = data + result.head_bytes;
    message->bytes = result.data_bytes - result.head_bytes;
    while (at < result.head_bytes && fields_unpack((uint8_t *)data, result.head_bytes, &at, &field)) {
        if (field.kind == MF_FIELD_TYPE)
            message->type = field.value;
        else if (field.kind == MF_FIELD_HEADER && strcmp(field.name, "content-type") == 0)
            message->content_type = field.value;
        else if (field.kind == MF_FIELD_HEADER && strcmp(field.name, "ce-id") == 0)
            message->id = field.value;
    }
    return MAYFLY_OK;
}

/* Headers as fields, in memory of the event. NULL: done, else why not. */
static const char *pack_headers(struct mayfly_event *event, const char *const *headers,
                                struct fields *fields)
{
    size_t room = 0;
    const char *wrong = NULL;
    *fields = (struct fields){.data = NULL};
    for (size_t i = 0; headers && headers[i]; i += 2) {
        if (!headers[i + 1])
            return "a header without a value";
        room += sizeof(struct mf_field) + strlen(headers[i]) + strlen(headers[i + 1]);
    }
    fields->data = mayfly_alloc(event, room < MF_HEAD_BYTES_MAX ? room : MF_HEAD_BYTES_MAX);
    if (!fields->data)
        return "no memory for the headers";
    for (size_t i = 0; headers && headers[i] && !wrong; i += 2)
        wrong = fields_add(fields, MF_FIELD_HEADER, headers[i], strlen(headers[i]), headers[i + 1],
                           strlen(headers[i + 1]));
    return wrong;
}

/* Headers of an answer as a list; fields is written to. NULL: no memory. */
static const char *const *unpack_headers(struct mayfly_event *event, uint8_t *fields, uint32_t bytes)
{
    const char **list = mayfly_alloc(event, (2 * MF_FIELDS_MAX + 1) * sizeof *list);
    struct field field;
    uint32_t at = 0;
    size_t count = 0;
    while (list && at < bytes && count < MF_FIELDS_MAX && fields_unpack(fields, bytes, &at, &field)) {
        list[2 * count] = field.name;
        list[2 * count++ + 1] = field.value;
    }
    if (list)
        list[2 * count] = NULL;
    return list;
}

enum mayfly_error mayfly_fetch(struct mayfly_event *event, const struct mayfly_request *asked,
                               struct mayfly_response *response)
{
    const char *method = asked->method ? asked->method : asked->bytes ? "POST" : "GET";
    struct mf_op_fetch head = {.method_bytes = text_length(method),
                               .url_bytes = text_length(asked->url),
                               .body_bytes = length(asked->bytes),
                               .timeout_ms = asked->timeout_ms};
    struct mf_call_result result;
    struct request request;
    char *data;
    struct fields fields;
    *response = (struct mayfly_response){.body = {"", 0}};
    if (!event)
        return MAYFLY_UNAVAILABLE;
    const char *wrong = pack_headers(event, asked->headers, &fields);
    if (wrong)
        return fail(event, MAYFLY_INVALID, wrong);
    head.field_bytes = fields.bytes;
    start(&request, MF_OPERATION_FETCH, &head, sizeof head);
    add(&request, method, head.method_bytes);
    add(&request, asked->url, head.url_bytes);
    add(&request, fields.data, fields.bytes);
    enum mayfly_error error = ask(event, &request, asked->body, asked->bytes, &result, &data);
    if (error)
        return error;
    response->status = (unsigned)result.value;
    response->body = (struct mayfly_bytes){data + result.head_bytes,
                                           result.data_bytes - result.head_bytes};
    response->headers = unpack_headers(event, (uint8_t *)data, result.head_bytes);
    return response->headers ? MAYFLY_OK : fail(event, MAYFLY_BUSY, "no memory for the headers");
}

const char *mayfly_response_header(const struct mayfly_response *response, const char *name)
{
    for (size_t i = 0; response->headers && response->headers[i]; i += 2)
        if (strcasecmp(response->headers[i], name) == 0)
            return response->headers[i + 1];
    return NULL;
}

enum mayfly_error mayfly_publish(struct mayfly_event *event, const char *topic, const void *payload,
                                 size_t bytes, int qos, bool retain)
{
    struct mf_op_publish head = {.topic_bytes = text_length(topic),
                                 .payload_bytes = length(bytes),
                                 .qos = (uint32_t)qos,
                                 .flags = retain ? MF_OP_RETAIN : 0};
    struct mf_call_result result;
    struct request request;
    start(&request, MF_OPERATION_PUBLISH, &head, sizeof head);
    add(&request, topic, head.topic_bytes);
    return ask(event, &request, payload, bytes, &result, NULL);
}

enum mayfly_error mayfly_secret(struct mayfly_event *event, const char *name, const char **value)
{
    struct mf_op_secret head = {.name_bytes = text_length(name)};
    struct mf_call_result result;
    struct request request;
    char *data;
    start(&request, MF_OPERATION_SECRET, &head, sizeof head);
    enum mayfly_error error = ask(event, &request, name, head.name_bytes, &result, &data);
    *value = error ? "" : data;
    return error;
}
