/* letter.c: see letter.h. */
#include "node/callbacks/letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "base/clock.h"
#include "node/delivery/envelope.h"
#include "node/gateway/request.h"
#include "node/instance/event.h"

static bool is(const struct field *field, const char *name)
{
    return field->kind == MF_FIELD_HEADER && field->name_bytes == strlen(name) &&
           memcmp(field->name, name, field->name_bytes) == 0;
}

bool letter_wanted(const uint8_t *fields, uint32_t field_bytes, const char **url, size_t *url_bytes)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, fields, field_bytes, false);
    while (field_next(&reader, &field) == MF_OK) {
        if (!is(&field, CALLBACK_HEADER))
            continue;
        *url = field.value;
        *url_bytes = field.value_bytes;
        return true;
    }
    return false;
}

/* The node's own words, and what the connection or the server it goes to would take for theirs. */
static bool is_ours(const struct field *field)
{
    static const char *const ours[] = {"x-call-id", "x-function-name", "x-function-status",
                                       "x-duration-seconds", CALLBACK_HEADER, "host"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (is(field, ours[i]))
            return true;
    return header_stays(NULL, field->name, field->name_bytes);
}

static void put(struct field_writer *writer, const char *name, const char *value, size_t bytes)
{
    field_put(writer, MF_FIELD_HEADER, name, strlen(name), value, bytes);
}

static void put_head(struct field_writer *writer, const struct letter *letter)
{
    char text[32];
    field_put(writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(writer, MF_FIELD_PATH, NULL, 0, letter->url, letter->url_bytes);
    put(writer, "x-call-id", letter->call_id, letter->call_id_bytes);
    put(writer, "x-function-name", letter->function, strlen(letter->function));
    int bytes = snprintf(text, sizeof text, "%u", letter->status);
    put(writer, "x-function-status", text, (size_t)bytes);
    bytes = snprintf(text, sizeof text, "%llu.%06llu",
                     (unsigned long long)(letter->took_ns / MF_NS_PER_S),
                     (unsigned long long)(letter->took_ns % MF_NS_PER_S / MF_NS_PER_US));
    put(writer, "x-duration-seconds", text, (size_t)bytes);
}

static void put_reply(struct field_writer *writer, const struct letter *letter)
{
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, letter->fields, letter->field_bytes, true);
    while (field_next(&reader, &field) == MF_OK)
        if (field.kind == MF_FIELD_HEADER && !is_ours(&field))
            field_put(writer, MF_FIELD_HEADER, field.name, field.name_bytes, field.value,
                      field.value_bytes);
}

mf_err letter_write(const struct letter *letter, struct mf_buf *out)
{
    struct field_writer writer;
    uint8_t *head = malloc(MF_HEAD_BYTES_MAX);
    if (!head)
        return MF_ENOMEM;
    field_writer_init(&writer, head, MF_HEAD_BYTES_MAX);
    put_head(&writer, letter);
    put_reply(&writer, letter);
    if (writer.err) {
        field_writer_init(&writer, head, MF_HEAD_BYTES_MAX);
        put_head(&writer, letter);
    }
    const struct envelope envelope = {.arrived_ns = letter->now_ns,
                                      .call_id = letter->call_id,
                                      .call_id_bytes = letter->call_id_bytes,
                                      .fields = head,
                                      .field_bytes = writer.bytes,
                                      .body = letter->body,
                                      .body_bytes = letter->body_bytes};
    size_t bytes = envelope_bytes(&envelope);
    mf_err err = writer.err;
    uint8_t *text = err ? NULL : malloc(bytes);
    if (!err && !text)
        err = MF_ENOMEM;
    if (!err) {
        envelope_write(&envelope, text);
        err = mf_buf_add(out, text, bytes);
    }
    free(text);
    free(head);
    return err;
}

mf_err letter_read(const void *data, size_t bytes, uint8_t *room, struct letter_out *letter)
{
    struct envelope envelope;
    struct field_reader reader;
    struct field_writer writer;
    struct field field;
    mf_err err = envelope_read(data, bytes, &envelope, NULL);
    if (err)
        return err;
    *letter = (struct letter_out){.call_id = envelope.call_id,
                                  .call_id_bytes = envelope.call_id_bytes,
                                  .body = envelope.body,
                                  .body_bytes = envelope.body_bytes};
    field_writer_init(&writer, room, MF_HEAD_BYTES_MAX);
    field_reader_init(&reader, envelope.fields, envelope.field_bytes, false);
    while ((err = field_next(&reader, &field)) == MF_OK) {
        if (field.kind == MF_FIELD_HEADER)
            field_put(&writer, field.kind, field.name, field.name_bytes, field.value, field.value_bytes);
        if (field.kind == MF_FIELD_PATH) {
            letter->url = field.value;
            letter->url_bytes = field.value_bytes;
        }
    }
    letter->header_bytes = writer.bytes;
    return err == MF_ENOENT && !writer.err && letter->url ? MF_OK : MF_EFORMAT;
}
