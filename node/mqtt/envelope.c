/* envelope.c: see envelope.h. Guarantees: what no event can hold as it is becomes a plain one, whatever it says it is. */
#include "node/mqtt/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/delivery/output_event.h"
#include "node/instance/event.h"

/* hops: how often it was passed on, by brokers, too. */
static mf_err put_fields(const struct cloudevent *event, const char *id, uint64_t now_ns, uint32_t hops,
                         struct field_writer *writer)
{
    char number[12];
    int digits = snprintf(number, sizeof number, "%u", hops);
    if (hops)
        field_put(writer, MF_FIELD_HEADER, HOPS_HEADER, sizeof HOPS_HEADER - 1, number, (size_t)digits);
    return cloudevent_guest(event, id, now_ns, writer);
}

/* Fields, body, topic. */
static mf_err copy(const struct field_writer *fields, const struct cloudevent *event, const char *topic,
                   struct envelope *envelope, uint8_t **memory)
{
    const size_t topic_room = strlen(topic) + 1;
    uint8_t *at = *memory = malloc(fields->bytes + event->data_bytes + topic_room);
    if (!at)
        return MF_ENOMEM;
    memcpy(at, fields->data, fields->bytes);
    if (event->data_bytes)
        memcpy(at + fields->bytes, event->data, event->data_bytes);
    memcpy(at + fields->bytes + event->data_bytes, topic, topic_room);
    envelope->fields = at;
    envelope->field_bytes = fields->bytes;
    envelope->body = at + fields->bytes;
    envelope->body_bytes = event->data_bytes;
    return MF_OK;
}

mf_err mqtt_envelope_write(const struct mqtt_incoming *incoming, const char *source, const char *call_id,
                           struct mqtt_words *words, struct envelope *envelope, uint8_t **memory)
{
    static uint8_t fields[MF_HEAD_BYTES_MAX]; /* one thread */
    static struct cloudevent event;
    struct field_writer writer;
    const uint64_t now_ns = mf_realtime_ns(), now_ms = now_ns / MF_NS_PER_MS;
    const uint32_t hops = mqtt_message_hops(incoming);
    mf_err err = mqtt_message_event(incoming, source, call_id, now_ms, words, &event);
    *memory = NULL;
    field_writer_init(&writer, fields, sizeof fields);
    if (!err)
        err = put_fields(&event, call_id, now_ns, hops, &writer);
    if (err && err != MF_ENOMEM) { /* attributes that are more than an event's fields may be */
        err = mqtt_message_plain(incoming, source, call_id, now_ms, words, &event);
        field_writer_init(&writer, fields, sizeof fields);
        if (!err)
            err = put_fields(&event, call_id, now_ns, hops, &writer);
    }
    *envelope = (struct envelope){.arrived_ns = now_ns, .call_id = call_id, .call_id_bytes = strlen(call_id)};
    if (!err)
        err = copy(&writer, &event, incoming->topic, envelope, memory);
    mqtt_words_reset(words);
    return err;
}

const char *mqtt_envelope_topic(const struct envelope *envelope)
{
    return (const char *)envelope->body + envelope->body_bytes;
}
