/*
 * event_request.c: see event_request.h.
 * Guarantees: of a client's headers none that speaks for the event stays beside an event in JSON;
 * what is refused says why.
 */
#include "node/gateway/event_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/gateway/answer.h"
#include "node/instance/event.h"

static mf_err take_structured(struct request *request, struct mf_why *why);

static bool is(const char *name, size_t bytes, const char *what)
{
    return bytes == strlen(what) && strncasecmp(name, what, bytes) == 0;
}

/* A list of media types; that there is a q=0 behind one, nobody asks. */
static bool lists(const char *value, size_t bytes, const char *type)
{
    size_t length = strlen(type);
    for (size_t i = 0; i + length <= bytes; i++)
        if (strncasecmp(value + i, type, length) == 0)
            return true;
    return false;
}

void event_request_look(struct request *request, const char *name, size_t name_bytes,
                        const char *value, size_t bytes)
{
    if (is(name, name_bytes, "content-type"))
        request->event_mode = cloudevent_mode_of(value, bytes);
    else if (is(name, name_bytes, "ce-specversion"))
        request->event_binary = true;
    else if (is(name, name_bytes, "accept"))
        request->event_wanted |= lists(value, bytes, CLOUDEVENT_JSON);
}

static mf_err check_binary(const struct request *request, struct mf_why *why)
{
    struct cloudevent event;
    return cloudevent_read(request->call.fields, request->call.field_bytes, false,
                           (char *)request->gateway->scratch, &event, why);
}

void event_request_settle(struct request *request)
{
    struct mf_why why = {{0}};
    mf_err err = MF_OK;
    if (request->event_mode == CLOUDEVENT_STRUCTURED)
        err = take_structured(request, &why);
    else if (request->event_mode == CLOUDEVENT_UNKNOWN)
        err = mf_why(&why, MF_EINVAL, "of CloudEvents' formats, JSON is known here: " CLOUDEVENT_JSON);
    else if (request->event_mode == CLOUDEVENT_BATCH && !request->async)
        err = mf_why(&why, MF_EINVAL, "a batch of events goes to /async-function/");
    else if (request->event_mode == CLOUDEVENT_PLAIN && request->event_binary)
        err = check_binary(request, &why);
    if (err == MF_ENOMEM)
        request_refuse(request, SITUATION_NODE_FULL, NULL);
    else if (err)
        request_refuse_why(request, &why);
}

/* ---- structured mode ---- */

/* What the client's own head says of an event, where the body is one. */
static bool speaks_for_event(const struct field *field)
{
    return field->kind == MF_FIELD_HEADER &&
           (is(field->name, field->name_bytes, "content-type") ||
            (field->name_bytes > 3 && strncasecmp(field->name, "ce-", 3) == 0));
}

/* The request's head, without that; id: instead of the call's, or NULL. Then the event's. */
static mf_err put_fields(const struct request *request, const struct cloudevent *event, const char *id,
                         struct field_writer *writer, struct mf_why *why)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, request->call.fields, request->call.field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        if (speaks_for_event(&field))
            continue;
        if (id && field.kind == MF_FIELD_HEADER && is(field.name, field.name_bytes, "x-call-id"))
            field_put(writer, MF_FIELD_HEADER, field.name, field.name_bytes, id, strlen(id));
        else
            field_put(writer, field.kind, field.name, field.name_bytes, field.value, field.value_bytes);
    }
    cloudevent_put(event, writer);
    return writer->err ? mf_why(why, MF_EINVAL, "the event's attributes and the request's headers are too long "
                                "together") : MF_OK;
}

static mf_err take_structured(struct request *request, struct mf_why *why)
{
    struct cloudevent event;
    struct field_writer writer;
    char *body = (char *)request->body.data;
    mf_err err = cloudevent_parse(body ? body : "", request->body.bytes, &event, why);
    if (err)
        return err;
    field_writer_init(&writer, request->gateway->scratch, sizeof request->gateway->scratch);
    err = put_fields(request, &event, NULL, &writer, why);
    if (err)
        return err;
    if (!request_keep_text(request, writer.data, writer.bytes))
        return MF_ENOMEM;
    request->call.fields = request->text;
    request->call.field_bytes = writer.bytes;
    request->call.body = event.data;
    request->call.body_bytes = event.data_bytes;
    return MF_OK;
}

/* ---- batches ---- */

/* A client's head, as long as it may be, goes with each of its events: that is counted, too. */
static mf_err charge(struct event_batch *batch, size_t bytes)
{
    if (!budget_take(batch->budget, bytes))
        return MF_ENOMEM;
    batch->charged += bytes;
    return MF_OK;
}

static mf_err add_head(struct event_batch *batch, struct mf_buf *heads, const void *data, size_t bytes)
{
    mf_err err = charge(batch, mf_buf_room_after(heads, bytes) - heads->room);
    return err ? err : mf_buf_add(heads, data, bytes);
}

static mf_err add_event(const struct request *request, const struct cloudevent *event,
                        struct event_batch *batch, struct mf_buf *heads, struct mf_why *why)
{
    static uint8_t room[MF_HEAD_BYTES_MAX]; /* the functions' thread's */
    struct envelope *envelope = &batch->each[batch->count];
    char id[MF_CALL_ID_BYTES_MAX + 16];
    struct field_writer writer;
    int id_bytes = snprintf(id, sizeof id, "%s-%zu", request->call_id, batch->count + 1);
    if (id_bytes > MF_CALL_ID_BYTES_MAX)
        return mf_why(why, MF_EINVAL, "X-Call-Id is too long for a batch, whose events are called ID-1, ID-2");
    field_writer_init(&writer, room, sizeof room);
    mf_err err = put_fields(request, event, id, &writer, why);
    if (err)
        return mf_why(why, err, "event %zu: its attributes and the request's headers are too long together",
                      batch->count + 1);
    *envelope = (struct envelope){.arrived_ns = request->started_at_ns,
                                  .call_id_bytes = (size_t)id_bytes,
                                  .field_bytes = writer.bytes,
                                  .body = event->data,
                                  .body_bytes = event->data_bytes};
    err = add_head(batch, heads, id, (size_t)id_bytes);
    if (!err)
        err = add_head(batch, heads, room, writer.bytes);
    batch->count++;
    return err;
}

mf_err event_batch_make(struct request *request, struct event_batch *batch, struct mf_why *why)
{
    struct cloudevent_batch events;
    struct cloudevent event;
    struct mf_buf heads = {0};
    char *body = (char *)request->body.data;
    *batch = (struct event_batch){.budget = request->gateway->budget,
                                  .each = calloc(MF_EVENT_BATCH_MAX, sizeof *batch->each)};
    mf_err err = batch->each ? MF_OK : MF_ENOMEM;
    if (!err)
        err = cloudevent_batch_open(&events, body ? body : "", request->body.bytes, why);
    while (!err && (err = cloudevent_batch_next(&events, &event, why)) == MF_OK) {
        err = batch->count == MF_EVENT_BATCH_MAX
                  ? mf_why(why, MF_EINVAL, "a batch has at most %u events", MF_EVENT_BATCH_MAX)
                  : add_event(request, &event, batch, &heads, why);
    }
    batch->heads = heads.data;
    if (err != MF_ENOENT)
        return err;
    size_t bytes = 0;
    uint8_t *at = heads.data; /* which has not moved any more */
    for (size_t i = 0; i < batch->count; i++) {
        batch->each[i].call_id = (const char *)at;
        at += batch->each[i].call_id_bytes;
        batch->each[i].fields = at;
        at += batch->each[i].field_bytes;
        bytes += envelope_bytes(&batch->each[i]);
    }
    return charge(batch, bytes); /* of the copies in which the store gets them */
}

void event_batch_close(struct event_batch *batch)
{
    free(batch->each);
    free(batch->heads);
    budget_give(batch->budget, batch->charged);
    *batch = (struct event_batch){0};
}

/* ---- replies ---- */

/* What a reply says besides its event. */
static bool add_others(struct MHD_Response *response, const struct outcome *outcome)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, outcome->fields, outcome->field_bytes, true);
    while (field_next(&reader, &field) == MF_OK)
        if (!speaks_for_event(&field) && !answer_header(response, &field))
            return false;
    return true;
}

struct MHD_Response *event_request_answer(const struct request *request, const struct outcome *outcome)
{
    struct cloudevent event;
    struct mf_buf json = {0};
    if (!request->event_wanted || !status_has_body(outcome->status) ||
        !cloudevent_in_fields(outcome->fields, outcome->field_bytes, true))
        return NULL;
    char *room = malloc(outcome->field_bytes);
    struct MHD_Response *response = NULL;
    mf_err err = room ? cloudevent_read(outcome->fields, outcome->field_bytes, true, room, &event, NULL)
                      : MF_ENOMEM;
    if (!err) {
        event.data = outcome->body;
        event.data_bytes = outcome->body_bytes;
        err = cloudevent_write(&event, &json);
    }
    if (!err)
        response = MHD_create_response_from_buffer(json.bytes, json.data, MHD_RESPMEM_MUST_FREE);
    if (!response)
        mf_buf_close(&json);
    else
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                      CLOUDEVENT_JSON); /* with a charset npm's SDK takes it for nothing */
    if (response && !add_others(response, outcome)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    free(room);
    return response;
}
