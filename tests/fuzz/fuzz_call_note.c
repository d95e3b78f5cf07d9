/*
 * fuzz_call_note.c: bytes read as the note of a call that ended. What is read is text, and would be
 * written so again, byte for byte.
 */
#include <string.h>

#include "node/delivery/calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct call_end end;
    struct store_own_note again;
    mf_err err = call_note_read((struct store_bytes){data, bytes}, &end);
    if (err) {
        mf_assert(err == MF_EFORMAT);
        return 0;
    }
    call_note_make("id", end.function, end.state, end.attempts, end.words, end.ended_ms, &again);
    mf_assert(again.note.text.bytes == bytes && memcmp(again.text, data, bytes) == 0);
    return 0;
}
