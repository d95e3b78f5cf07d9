/*
 * envelope.c: see envelope.h.
 * Guarantees: what was written is read as it was; what is read lies inside the bytes given,
 * within the bounds of a call, and its fields keep every rule of abi/event.h.
 */
#include "node/delivery/envelope.h"

#include <string.h>

#include "abi/channel.h"
#include "base/limits.h"
#include "node/callbacks/letter.h"
#include "node/gateway/request.h"
#include "node/instance/event.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "heads are written as they are");
_Static_assert(sizeof(struct envelope_head) + MF_CALL_ID_BYTES_MAX + MF_HEAD_BYTES_MAX +
                       MF_BODY_BYTES_MAX <= MF_EVENT_BYTES_MAX,
               "an envelope fits into a queue's entry");
_Static_assert(sizeof(struct envelope_head) + MF_CALL_ID_BYTES_MAX + MF_HEAD_BYTES_MAX <=
                       MF_QUEUE_ENDED_TOLD_BYTES,
               "what is told of a dropped one has all but its body");

static bool fields_valid(struct envelope *envelope);

size_t envelope_bytes(const struct envelope *envelope)
{
    return sizeof(struct envelope_head) + envelope->call_id_bytes + envelope->field_bytes +
           envelope->body_bytes;
}

void envelope_write(const struct envelope *envelope, uint8_t *room)
{
    const struct envelope_head head = {.magic = ENVELOPE_MAGIC,
                                       .version = ENVELOPE_VERSION,
                                       .call_id_bytes = (uint16_t)envelope->call_id_bytes,
                                       .field_bytes = envelope->field_bytes,
                                       .body_bytes = (uint32_t)envelope->body_bytes,
                                       .arrived_ns = envelope->arrived_ns};
    memcpy(room, &head, sizeof head);
    room += sizeof head;
    memcpy(room, envelope->call_id, envelope->call_id_bytes);
    room += envelope->call_id_bytes;
    memcpy(room, envelope->fields, envelope->field_bytes);
    room += envelope->field_bytes;
    if (envelope->body_bytes)
        memcpy(room, envelope->body, envelope->body_bytes);
}

static mf_err read_parts(const void *data, size_t bytes, bool whole, struct envelope *envelope,
                         struct mf_why *why)
{
    struct envelope_head head;
    const uint8_t *at = data;
    if (bytes < sizeof head)
        return mf_why(why, MF_EFORMAT, "%zu bytes are no event", bytes);
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    bytes -= sizeof head;
    if (head.magic != ENVELOPE_MAGIC)
        return mf_why(why, MF_EFORMAT, "not an event that a node of mayfly has written");
    if (head.version != ENVELOPE_VERSION)
        return mf_why(why, MF_EFORMAT, "an event of version %u; this node knows %u", head.version,
                      ENVELOPE_VERSION);
    if (head.call_id_bytes > MF_CALL_ID_BYTES_MAX || head.field_bytes > MF_HEAD_BYTES_MAX ||
        head.body_bytes > MF_BODY_BYTES_MAX ||
        bytes < (size_t)head.call_id_bytes + head.field_bytes ||
        (whole && bytes - head.call_id_bytes - head.field_bytes != head.body_bytes))
        return mf_why(why, MF_EFORMAT, "an event whose parts are not as long as it says");
    *envelope = (struct envelope){.arrived_ns = head.arrived_ns,
                                  .call_id = (const char *)at,
                                  .call_id_bytes = head.call_id_bytes,
                                  .fields = at + head.call_id_bytes,
                                  .field_bytes = head.field_bytes,
                                  .body = whole ? at + head.call_id_bytes + head.field_bytes : NULL,
                                  .body_bytes = whole ? head.body_bytes : 0};
    if (!call_id_valid(envelope->call_id, envelope->call_id_bytes))
        return mf_why(why, MF_EFORMAT, "an event without a call id");
    if (!fields_valid(envelope))
        return mf_why(why, MF_EFORMAT, "an event whose fields break a rule");
    return MF_OK;
}

mf_err envelope_read(const void *data, size_t bytes, struct envelope *envelope, struct mf_why *why)
{
    return read_parts(data, bytes, true, envelope, why);
}

mf_err envelope_read_beginning(const void *data, size_t bytes, struct envelope *envelope)
{
    return read_parts(data, bytes, false, envelope, NULL);
}

static bool is_named(const struct field *field, const char *name, size_t bytes)
{
    return field->name_bytes == bytes && memcmp(field->name, name, bytes) == 0;
}

static bool fields_valid(struct envelope *envelope)
{
    struct field_reader reader;
    struct field field;
    uint32_t at = 0, attempts = 0;
    mf_err err;
    field_reader_init(&reader, envelope->fields, envelope->field_bytes, false);
    for (; (err = field_next(&reader, &field)) == MF_OK; at = reader.at) {
        envelope->names_caller |= is_named(&field, CALLBACK_HEADER, sizeof CALLBACK_HEADER - 1);
        if (!is_named(&field, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1))
            continue;
        envelope->attempt_at = at;
        envelope->attempt_bytes = attempts++ ? 0 : reader.at - at;
    }
    return err == MF_ENOENT;
}

const char *envelope_header(const struct envelope *envelope, const char *name, size_t *bytes)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, envelope->fields, envelope->field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        if (field.kind != MF_FIELD_HEADER || field.name_bytes != strlen(name) ||
            memcmp(field.name, name, field.name_bytes) != 0)
            continue;
        *bytes = field.value_bytes;
        return field.value;
    }
    return NULL;
}

/* All but ATTEMPT_HEADER, one after the other. */
static mf_err copy_others(const struct envelope *envelope, struct field_writer *writer)
{
    struct field_reader reader;
    struct field field;
    mf_err err;
    field_reader_init(&reader, envelope->fields, envelope->field_bytes, false);
    while ((err = field_next(&reader, &field)) == MF_OK)
        if (!is_named(&field, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1))
            field_put(writer, field.kind, field.name, field.name_bytes, field.value,
                      field.value_bytes);
    return err == MF_ENOENT ? MF_OK : MF_EFORMAT;
}

/* Where it is known where that stands: what was read is valid, and is so without it. */
static void copy_around(const struct envelope *envelope, struct field_writer *writer)
{
    const uint32_t end = envelope->attempt_at + envelope->attempt_bytes;
    memcpy(writer->data, envelope->fields, envelope->attempt_at);
    memcpy(writer->data + envelope->attempt_at, envelope->fields + end, envelope->field_bytes - end);
    writer->bytes = envelope->field_bytes - envelope->attempt_bytes;
}

mf_err envelope_fields(const struct envelope *envelope, uint32_t attempt, uint8_t *room,
                       uint32_t *bytes)
{
    static const char name[] = ATTEMPT_HEADER;
    struct field_writer writer;
    char number[16];
    unsigned at = sizeof number;
    mf_err err = MF_OK;
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    if (envelope->attempt_bytes)
        copy_around(envelope, &writer);
    else
        err = copy_others(envelope, &writer);
    do
        number[--at] = (char)('0' + attempt % 10);
    while (attempt /= 10);
    field_put(&writer, MF_FIELD_HEADER, name, sizeof name - 1, number + at, sizeof number - at);
    *bytes = writer.bytes;
    return err ? err : writer.err;
}
