/*
 * fuzz_envelope.c: bytes read as an event from a queue. What is read must be written again,
 * byte for byte, and its fields with an attempt's number must be valid.
 */
#include <stdlib.h>
#include <string.h>

#include "node/callbacks/letter.h"
#include "node/delivery/envelope.h"
#include "node/instance/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t fields[MF_HEAD_BYTES_MAX];
    struct envelope envelope;
    struct field_reader reader;
    struct field field;
    struct mf_why why = {{0}};
    uint32_t field_bytes;
    if (envelope_read_beginning(data, bytes, &envelope) == MF_OK)
        mf_assert(envelope.fields + envelope.field_bytes <= data + bytes && envelope_bytes(&envelope) <= bytes);
    mf_err err = envelope_read(data, bytes, &envelope, &why);
    if (err) {
        mf_assert(err == MF_EFORMAT && why.text[0]);
        return 0;
    }
    mf_assert(envelope_bytes(&envelope) == bytes);
    struct letter_out letter; /* a callback is an envelope, too */
    if (letter_read(data, bytes, fields, &letter) == MF_OK)
        mf_assert(letter.header_bytes <= envelope.field_bytes && letter.url);
    const char *url;
    size_t url_bytes;
    if (letter_wanted(envelope.fields, envelope.field_bytes, &url, &url_bytes))
        mf_assert((const uint8_t *)url >= envelope.fields && url_bytes <= envelope.field_bytes);
    uint8_t *again = malloc(bytes);
    envelope_write(&envelope, again);
    mf_assert(memcmp(again, data, bytes) == 0);
    free(again);
    if (envelope_fields(&envelope, UINT32_MAX, fields, &field_bytes) != MF_OK)
        return 0; /* its writer left no room */
    field_reader_init(&reader, fields, field_bytes, false);
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    mf_assert(err == MF_ENOENT);
    return 0;
}
