/* occurrence.c: events that the node makes itself, as envelopes (activation.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/output_event.h"
#include "node/instance/event.h"
#include "node/triggers/activation.h"

static struct event_text text_of(const char *text)
{
    return (struct event_text){text, strlen(text)};
}

mf_err occurrence_init(struct occurrence *occurrence, const char *type, const char *source,
                       uint64_t time_ms)
{
    struct cloudevent *event = &occurrence->event;
    occurrence->envelope = NULL;
    occurrence->bytes = 0;
    cloudevent_init(event);
    (void)snprintf(occurrence->source, sizeof occurrence->source, "%s", source);
    (void)event_time_text(time_ms, occurrence->time);
    mf_err err = cloudevent_set(event, "type", text_of(type), NULL);
    if (!err)
        err = cloudevent_set(event, "source", text_of(occurrence->source), NULL);
    return err ? err : cloudevent_set(event, "time", text_of(occurrence->time), NULL);
}

mf_err occurrence_finish(struct occurrence *occurrence, const struct event_text *texts, size_t count,
                         uint32_t hops)
{
    uint8_t fields[MF_HEAD_BYTES_MAX];
    struct field_writer writer;
    char number[16];
    uint64_t now_ns = mf_realtime_ns();
    event_id_derive(texts, count, occurrence->id);
    mf_err err = cloudevent_set(&occurrence->event, "id", text_of(occurrence->id), NULL);
    if (err)
        return err;
    field_writer_init(&writer, fields, sizeof fields);
    if (hops) {
        int digits = snprintf(number, sizeof number, "%u", hops);
        field_put(&writer, MF_FIELD_HEADER, HOPS_HEADER, sizeof HOPS_HEADER - 1, number,
                  (size_t)digits);
    }
    err = cloudevent_guest(&occurrence->event, occurrence->id, now_ns, &writer);
    if (err)
        return err;
    const struct envelope envelope = {.arrived_ns = now_ns,
                                      .call_id = occurrence->id,
                                      .call_id_bytes = sizeof occurrence->id - 1,
                                      .fields = fields,
                                      .field_bytes = writer.bytes,
                                      .body = occurrence->event.data,
                                      .body_bytes = occurrence->event.data_bytes};
    free(occurrence->envelope);
    occurrence->bytes = envelope_bytes(&envelope);
    occurrence->envelope = malloc(occurrence->bytes);
    if (!occurrence->envelope)
        return MF_ENOMEM;
    envelope_write(&envelope, occurrence->envelope);
    return MF_OK;
}

void occurrence_close(struct occurrence *occurrence)
{
    free(occurrence->envelope);
    occurrence->envelope = NULL;
}
