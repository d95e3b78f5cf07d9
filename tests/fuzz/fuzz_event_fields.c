/*
 * fuzz_event_fields.c: bytes read as the fields of an event and of a reply. What
 * the reader accepts, the writer must write again, byte for byte.
 */
#include <string.h>

#include "node/instance/event.h"

static void read_as(const uint8_t *data, uint32_t bytes, bool reply)
{
    static uint8_t again[MF_HEAD_BYTES_MAX];
    struct field_reader reader;
    struct field_writer writer;
    struct field field;
    mf_err err;
    field_reader_init(&reader, data, bytes, reply);
    field_writer_init(&writer, again, sizeof again);
    while ((err = field_next(&reader, &field)) == MF_OK)
        field_put(&writer, field.kind, field.name, field.name_bytes, field.value,
                  field.value_bytes);
    if (err != MF_ENOENT)
        return;
    mf_assert(writer.err == MF_OK && writer.bytes == bytes);
    mf_assert(bytes == 0 || memcmp(again, data, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > 2 * MF_HEAD_BYTES_MAX)
        return 0;
    read_as(data, (uint32_t)bytes, false);
    read_as(data, (uint32_t)bytes, true);
    return 0;
}
