/* queue_entry.c: an entry of a queue as it is shown: what waits, or a dead letter, with its event. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "node/api/queue_job.h"
#include "node/delivery/envelope.h"
#include "node/delivery/reason.h"
#include "node/gateway/answer.h"
#include "node/instance/event.h"

#define BODY_SHOWN_MAX 1024

/* Room for the number of the attempt: nobody sent that. */
static bool is_internal(const struct field *field)
{
    return field->name_bytes == sizeof ATTEMPT_HEADER - 1 &&
           memcmp(field->name, ATTEMPT_HEADER, field->name_bytes) == 0;
}

static void put_event(json_t *to, const struct store_bytes *event)
{
    struct envelope envelope;
    struct field_reader reader;
    struct field field;
    if (!event->data || envelope_read(event->data, event->bytes, &envelope, NULL))
        return;
    json_t *headers = json_array();
    json_object_set_new(to, "call", answer_words(envelope.call_id, envelope.call_id_bytes));
    json_object_set_new(to, "arrived_at", api_stamp_json(envelope.arrived_ns / MF_NS_PER_MS));
    field_reader_init(&reader, envelope.fields, envelope.field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        json_t *value = answer_words(field.value, field.value_bytes);
        if (field.kind == MF_FIELD_HEADER && is_internal(&field))
            json_decref(value);
        else if (field.kind == MF_FIELD_HEADER)
            json_array_append_new(headers, json_pack("[o, o]", answer_words(field.name, field.name_bytes),
                                                     value));
        else
            json_object_set_new(to, field.kind == MF_FIELD_METHOD  ? "method"
                                    : field.kind == MF_FIELD_PATH  ? "path"
                                    : field.kind == MF_FIELD_QUERY ? "query"
                                                                   : "type", value);
    }
    json_object_set_new(to, "headers", headers);
    json_object_set_new(to, "body_bytes", json_integer((json_int_t)envelope.body_bytes));
    json_object_set_new(to, "body",
                        answer_words((const char *)envelope.body,
                                     envelope.body_bytes < BODY_SHOWN_MAX ? envelope.body_bytes
                                                                          : BODY_SHOWN_MAX));
}

static void put_reason(json_t *to, const struct store_bytes *reason)
{
    const char *text = reason->data;
    size_t words = reason_words(text, reason->bytes);
    json_object_set_new(to, "reason", answer_words(text, words));
    if (words < reason->bytes)
        json_object_set_new(to, "report", answer_words(text + words + 1, reason->bytes - words - 1));
}

/* Ids are strings: as numbers they need not survive a reader that has doubles only. */
json_t *queue_entry_json(const struct queue_job *job, const struct queue_entry *entry)
{
    char id[sizeof QUEUE_LOOSE_ID + 20];
    (void)snprintf(id, sizeof id, "%s%llu", job->second ? QUEUE_LOOSE_ID : "", (unsigned long long)entry->id);
    json_t *made = json_pack("{s:s, s:s, s:o, s:I, s:I}", "id", id, "priority",
                             entry->priority == QUEUE_URGENT ? "urgent" : "bulk", "enqueued_at",
                             api_stamp_json(entry->enqueued_ms), "attempts",
                             (json_int_t)entry->attempts, "bytes", (json_int_t)entry->event.bytes);
    if (!made)
        return NULL;
    if (job->dead) {
        json_object_set_new(made, "died_at", api_stamp_json(entry->died_ms));
        put_reason(made, &entry->reason);
    } else if (entry->due_ms) {
        json_object_set_new(made, "due_at", api_stamp_json(entry->due_ms));
    }
    put_event(made, &entry->event);
    return made;
}
