/*
 * output_event.c: see output_event.h.
 * Guarantees: what is made keeps every rule of abi/event.h, whatever the reply's headers say.
 */
#include "node/delivery/output_event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sodium.h>

#include "abi/event.h"
#include "base/clock.h"
#include "base/limits.h"
#include "node/delivery/envelope.h"
#include "node/events/cloudevent.h"
#include "node/instance/event.h"

#define SOURCE_PREFIX "/functions/"

static const char id_room[] = "00000000000000000000000000000000";
_Static_assert(sizeof id_room == OUTPUT_ID_BYTES + 1, "an id fits its place");

static void add(crypto_generichash_state *state, const char *text, size_t bytes)
{
    static const uint8_t end = 0; /* which none of them contains */
    (void)crypto_generichash_update(state, (const uint8_t *)text, bytes);
    (void)crypto_generichash_update(state, &end, 1);
}

void output_id(const char *call_id, size_t call_id_bytes, const char *function, const char *target,
               char id[static OUTPUT_ID_BYTES + 1])
{
    uint8_t hash[OUTPUT_ID_BYTES / 2];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    add(&state, call_id, call_id_bytes);
    add(&state, function, strlen(function));
    add(&state, target, strlen(target));
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    (void)sodium_bin2hex(id, OUTPUT_ID_BYTES + 1, hash, sizeof hash);
}

static bool is_named(const struct field *field, const char *name)
{
    return field->kind == MF_FIELD_HEADER && field->name_bytes == strlen(name) &&
           memcmp(field->name, name, field->name_bytes) == 0;
}

uint32_t output_hops(const uint8_t *fields, uint32_t field_bytes)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, fields, field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        uint32_t hops = 0;
        if (!is_named(&field, HOPS_HEADER))
            continue;
        for (uint32_t i = 0; i < field.value_bytes && hops <= MF_THEN_HOPS_MAX; i++)
            if (field.value[i] >= '0' && field.value[i] <= '9')
                hops = 10 * hops + (uint32_t)(field.value[i] - '0');
        return hops;
    }
    return 0;
}

static void put(struct field_writer *writer, const char *name, const char *value, size_t bytes)
{
    field_put(writer, MF_FIELD_HEADER, name, strlen(name), value, bytes);
}

/* Where the value of a header put now will end up. */
static uint32_t put_id(struct field_writer *writer, const char *name)
{
    put(writer, name, id_room, OUTPUT_ID_BYTES);
    return writer->bytes - OUTPUT_ID_BYTES;
}

/* The others have their own places. */
static bool passes(const struct field *field)
{
    static const char *const ours[] = {"ce-id", "ce-source", "ce-type", "ce-time", "ce-specversion"};
    if (is_named(field, "content-type"))
        return true;
    if (field->kind != MF_FIELD_HEADER || field->name_bytes < 4 ||
        memcmp(field->name, "ce-", 3) != 0)
        return false;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (is_named(field, ours[i]))
            return false;
    return true;
}

/* What the reply says of the event itself, as its headers have it; NULL: nothing that can be used. */
struct said {
    struct event_text id, source, type, time;
};

/* The one with that name, if it is a value of the specification when it is read. */
static void take(struct event_text *to, const struct field *field, const char *header, const char *attribute)
{
    struct cloudevent event;
    const struct event_text value = {field->value, field->value_bytes};
    char decoded[MF_FIELD_VALUE_MAX], *room = decoded;
    if (!is_named(field, header) || !value.bytes)
        return;
    cloudevent_init(&event);
    if (cloudevent_set(&event, attribute, cloudevent_decode(value, &room), NULL) == MF_OK)
        *to = value;
}

/* As for every function with an event: TYPE is decoded, headers are not. */
static void put_type(struct field_writer *writer, struct event_text type)
{
    char decoded[MF_FIELD_VALUE_MAX], *room = decoded;
    const struct event_text read = cloudevent_decode(type, &room);
    field_put(writer, MF_FIELD_TYPE, NULL, 0, read.text, read.bytes);
    put(writer, "ce-type", type.text, type.bytes);
}

/* TYPE, and the headers that the reply decides. */
static void put_replied(struct field_writer *writer, const uint8_t *reply, uint32_t reply_bytes, struct said *said)
{
    struct field_reader reader;
    struct field field;
    *said = (struct said){.type = {OUTPUT_TYPE, sizeof OUTPUT_TYPE - 1}};
    field_reader_init(&reader, reply, reply_bytes, true);
    while (field_next(&reader, &field) == MF_OK) {
        take(&said->id, &field, "ce-id", "id");
        take(&said->source, &field, "ce-source", "source");
        take(&said->type, &field, "ce-type", "type");
        take(&said->time, &field, "ce-time", "time");
        if (passes(&field))
            field_put(writer, MF_FIELD_HEADER, field.name, field.name_bytes, field.value,
                      field.value_bytes);
    }
    put_type(writer, said->type);
}

static bool begins_as_ours(const struct event_text *source)
{
    const size_t prefix = sizeof SOURCE_PREFIX - 1;
    char decoded[MF_FIELD_VALUE_MAX], *room = decoded;
    const struct event_text read = cloudevent_decode(*source, &room);
    return read.bytes >= prefix && strncasecmp(read.text, SOURCE_PREFIX, prefix) == 0;
}

/* /functions/… is the node's word for who it was; below /functions/NAME a function may say more. What
 * is in quotes is read without them, so it is not taken. */
static bool may_say(const struct event_text *source, const char *own, size_t own_bytes)
{
    if (!source->bytes || source->text[0] == '"')
        return false;
    if (!begins_as_ours(source))
        return true;
    return source->bytes >= own_bytes && memcmp(source->text, own, own_bytes) == 0 &&
           (source->bytes == own_bytes || memchr("/?#", source->text[own_bytes], 3));
}

static void put_time(struct field_writer *writer, const struct output_origin *origin,
                     const struct event_text *said)
{
    char stamp[32];
    time_t seconds = (time_t)(origin->now_ns / (1000 * MF_NS_PER_MS));
    struct tm utc;
    if (said->bytes)
        put(writer, "ce-time", said->text, said->bytes);
    else if (gmtime_r(&seconds, &utc))
        put(writer, "ce-time", stamp, strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc));
}

mf_err output_fields_make(const struct output_origin *origin, const uint8_t *reply,
                          uint32_t reply_bytes, uint8_t *room, struct output_fields *fields)
{
    struct field_writer writer;
    struct said said;
    char source[sizeof SOURCE_PREFIX + MF_NAME_BYTES_MAX], number[24];
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    put_replied(&writer, reply, reply_bytes, &said);
    int bytes = snprintf(source, sizeof source, SOURCE_PREFIX "%s", origin->function);
    put(&writer, "ce-specversion", "1.0", 3);
    if (may_say(&said.source, source, (size_t)bytes))
        put(&writer, "ce-source", said.source.text, said.source.bytes);
    else
        put(&writer, "ce-source", source, (size_t)bytes);
    put_time(&writer, origin, &said.time);
    fields->ids = 0;
    if (said.id.bytes)
        put(&writer, "ce-id", said.id.text, said.id.bytes);
    else
        fields->id_at[fields->ids++] = put_id(&writer, "ce-id");
    fields->id_at[fields->ids++] = put_id(&writer, "x-call-id");
    bytes = snprintf(number, sizeof number, "%llu", (unsigned long long)origin->now_ns);
    put(&writer, "x-start-time", number, (size_t)bytes);
    bytes = snprintf(number, sizeof number, "%u", origin->hops);
    put(&writer, HOPS_HEADER, number, (size_t)bytes);
    put(&writer, CAUSE_HEADER, origin->call_id, origin->call_id_bytes);
    put(&writer, ATTEMPT_HEADER, ATTEMPT_ROOM, sizeof ATTEMPT_ROOM - 1);
    fields->bytes = writer.bytes;
    return writer.err;
}

bool output_is_folded(const uint8_t *reply, uint32_t reply_bytes)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, reply, reply_bytes, true);
    while (field_next(&reader, &field) == MF_OK)
        if (is_named(&field, "content-type"))
            return cloudevent_mode_of(field.value, field.value_bytes) == CLOUDEVENT_STRUCTURED;
    return false;
}

mf_err output_unfold(char *body, size_t bytes, uint8_t *room, uint32_t *field_bytes,
                     struct cloudevent *event, struct mf_why *why)
{
    struct field_writer writer;
    mf_err err = cloudevent_parse(body, bytes, event, why);
    if (err)
        return err;
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    cloudevent_put(event, &writer);
    *field_bytes = writer.bytes;
    return writer.err ? mf_why(why, writer.err, "the event's attributes are too long together") : MF_OK;
}

void output_fields_name(const struct output_fields *fields, const char *id, uint8_t *data)
{
    for (uint32_t i = 0; i < fields->ids; i++)
        memcpy(data + fields->id_at[i], id, OUTPUT_ID_BYTES);
}
