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

/* What the reply says of the event itself is the node's to say. */
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

/* TYPE, and the headers that the reply decides. */
static void put_replied(struct field_writer *writer, const uint8_t *reply, uint32_t reply_bytes)
{
    struct field_reader reader;
    struct field field;
    const char *type = OUTPUT_TYPE;
    size_t type_bytes = sizeof OUTPUT_TYPE - 1;
    field_reader_init(&reader, reply, reply_bytes, true);
    while (field_next(&reader, &field) == MF_OK) {
        if (is_named(&field, "ce-type") && field.value_bytes) {
            type = field.value;
            type_bytes = field.value_bytes;
        } else if (passes(&field)) {
            field_put(writer, MF_FIELD_HEADER, field.name, field.name_bytes, field.value,
                      field.value_bytes);
        }
    }
    field_put(writer, MF_FIELD_TYPE, NULL, 0, type, type_bytes);
    put(writer, "ce-type", type, type_bytes);
}

mf_err output_fields_make(const struct output_origin *origin, const uint8_t *reply,
                          uint32_t reply_bytes, uint8_t *room, struct output_fields *fields)
{
    struct field_writer writer;
    char source[sizeof SOURCE_PREFIX + MF_NAME_BYTES_MAX], number[24], stamp[32];
    time_t seconds = (time_t)(origin->now_ns / (1000 * MF_NS_PER_MS));
    struct tm utc;
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    put_replied(&writer, reply, reply_bytes);
    int bytes = snprintf(source, sizeof source, SOURCE_PREFIX "%s", origin->function);
    put(&writer, "ce-specversion", "1.0", 3);
    put(&writer, "ce-source", source, (size_t)bytes);
    if (gmtime_r(&seconds, &utc))
        put(&writer, "ce-time", stamp, strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc));
    fields->id_at[0] = put_id(&writer, "ce-id");
    fields->id_at[1] = put_id(&writer, "x-call-id");
    bytes = snprintf(number, sizeof number, "%llu", (unsigned long long)origin->now_ns);
    put(&writer, "x-start-time", number, (size_t)bytes);
    bytes = snprintf(number, sizeof number, "%u", origin->hops);
    put(&writer, HOPS_HEADER, number, (size_t)bytes);
    put(&writer, CAUSE_HEADER, origin->call_id, origin->call_id_bytes);
    put(&writer, ATTEMPT_HEADER, ATTEMPT_ROOM, sizeof ATTEMPT_ROOM - 1);
    fields->bytes = writer.bytes;
    return writer.err;
}

void output_fields_name(const struct output_fields *fields, const char *id, uint8_t *data)
{
    for (size_t i = 0; i < sizeof fields->id_at / sizeof fields->id_at[0]; i++)
        memcpy(data + fields->id_at[i], id, OUTPUT_ID_BYTES);
}
