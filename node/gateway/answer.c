/*
 * answer.c: what clients get to read.
 * Guarantees: no header of a function that belongs to the connection, or that the
 * node writes itself, is passed on. Leaves to others: whether the reply was allowed
 * (pool/exchange.c checked it). Loop thread only.
 */
#include "node/gateway/answer.h"

#include <stdlib.h>
#include <string.h>

#include "node/gateway/request.h"
#include "node/instance/event.h"
#include "node/instance/report.h"

/* The server writes these itself (RFC 9110, 6.6.1 and 8.6). */
static bool ours(const struct field *field)
{
    static const char *const name[] = {"date", "x-call-id", "x-duration-seconds", "x-start-time"};
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        if (strlen(name[i]) == field->name_bytes &&
            memcmp(name[i], field->name, field->name_bytes) == 0)
            return true;
    return header_stays(NULL, field->name, field->name_bytes);
}

bool status_has_body(uint32_t status)
{
    return status >= 200 && status != 204 && status != 205 && status != 304;
}

/* libmicrohttpd wants terminated strings. */
static bool add_header(struct MHD_Response *response, const struct field *field)
{
    char small[512], *text = small;
    size_t bytes = (size_t)field->name_bytes + field->value_bytes + 2;
    if (bytes > sizeof small && !(text = malloc(bytes)))
        return false;
    memcpy(text, field->name, field->name_bytes);
    text[field->name_bytes] = 0;
    char *value = text + field->name_bytes + 1;
    memcpy(value, field->value, field->value_bytes);
    value[field->value_bytes] = 0;
    value += strspn(value, " \t"); /* libmicrohttpd takes no value that starts with a blank */
    (void)MHD_add_response_header(response, text, value); /* and none that is empty: left out */
    if (text != small)
        free(text);
    return true;
}

bool answer_header(struct MHD_Response *response, const struct field *field)
{
    return ours(field) || add_header(response, field);
}

struct MHD_Response *answer_reply(const struct outcome *outcome)
{
    size_t bytes = status_has_body(outcome->status) ? outcome->body_bytes : 0;
    struct mf_buf *owner = outcome->body_owner;
    struct MHD_Response *response;
    if (owner && owner->data && bytes) {
        response = MHD_create_response_from_buffer(bytes, owner->data, MHD_RESPMEM_MUST_FREE);
        if (response)
            *owner = (struct mf_buf){0};
    } else {
        response = MHD_create_response_from_buffer(
            bytes, bytes ? (void *)(uintptr_t)outcome->body : (void *)(uintptr_t)"",
            MHD_RESPMEM_MUST_COPY);
    }
    if (!response)
        return NULL;
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, outcome->fields, outcome->field_bytes, true);
    while (field_next(&reader, &field) == MF_OK)
        if (!answer_header(response, &field))
            break;
    return response;
}

json_t *answer_words(const char *text, size_t bytes)
{
    struct mf_buf clean = {0};
    json_t *value = NULL;
    if (report_add(&clean, text, bytes, NULL) == MF_OK) /* UTF-8 by now */
        value = json_stringn(clean.data ? (char *)clean.data : "", clean.bytes);
    mf_buf_close(&clean);
    return value;
}

static json_t *error_value(const struct outcome *outcome, const struct error_place *place)
{
    const char *words = situation_meaning(outcome->situation);
    json_t *error = json_object();
    json_object_set_new(error, "code", json_string(situation_code(outcome->situation)));
    json_object_set_new(error, "message",
                        outcome->message_bytes ? answer_words(outcome->message, outcome->message_bytes)
                                               : json_string(words));
    if (place->function)
        json_object_set_new(error, "function",
                            answer_words(place->function, place->function_bytes));
    if (outcome->cause)
        json_object_set_new(error, "cause", json_string(outcome->cause));
    if (place->call_id)
        json_object_set_new(error, "call", json_string(place->call_id));
    if (outcome->instance_id && place->function)
        json_object_set_new(error, "log",
                            json_pack("{s:o, s:I, s:s+#}", "function",
                                      answer_words(place->function, place->function_bytes),
                                      "instance", (json_int_t)outcome->instance_id, "command",
                                      "mayfly logs ", place->function,
                                      (int)place->function_bytes));
    return error;
}

struct MHD_Response *answer_error(const struct outcome *outcome, const struct error_place *place)
{
    json_t *body = json_pack("{s:o}", "error", error_value(outcome, place));
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return NULL;
    struct MHD_Response *response = answer_text("application/json", text, strlen(text));
    free(text);
    uint32_t status = situation_status(outcome->situation);
    if (response && (status == 429 || status == 503)) {
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%d", MF_RETRY_AFTER_S);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (response && status == 405)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
    return response;
}

struct MHD_Response *answer_text(const char *type, const void *body, size_t bytes)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        bytes, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (response)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}
