/* fuzz_stubs.c: any bytes as a program's text. Stubs stay in their room, each leads from a place that was
 * a `syscall` back into the text, and nothing else of the text is touched. */
#include <string.h>

#include "base/err.h"
#include "image/scan.h"
#include "image/stubs.h"

#define TEXT_BYTES 4096u
#define TEXT_AT 0x400000u
#define ROOM_AT 0x120000u
#define STUBS_MAX 16u
#define STUB 32u
#define BEFORE_MAX 7u /* bytes before and behind a `syscall` that may change */
#define BEHIND_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static uint8_t text[TEXT_BYTES], room[STUBS_MAX * STUB];
    static bool may_change[TEXT_BYTES];
    struct stubs stubs = {.room = room, .address = ROOM_AT, .bytes = sizeof room, .entry = ROOM_AT - 0x1000};
    struct scan scan = {0};
    bytes = bytes < sizeof text ? bytes : sizeof text;
    memcpy(text, data, bytes);
    memset(room, 0xcc, sizeof room);
    memset(may_change, 0, sizeof may_change);
    stubs_make(&stubs, text, bytes, TEXT_AT);
    mf_assert(stub_bytes == STUB && stubs.count <= STUBS_MAX);
    for (uint32_t i = 0; i < STUBS_MAX; i++) {
        struct stub stub;
        bool is = stub_read(room + i * STUB, ROOM_AT + i * STUB, &stub);
        mf_assert(is == (i < stubs.count));
        if (!is)
            continue;
        mf_assert(stub.site >= TEXT_AT && stub.site - TEXT_AT + 2 <= bytes);
        const size_t site = stub.site - TEXT_AT;
        mf_assert(data[site] == 0x0f && data[site + 1] == 0x05);
        mf_assert(!stub.numbered || stub_precedes(text, site, TEXT_AT));
        for (size_t at = site > BEFORE_MAX ? site - BEFORE_MAX : 0; at < site + BEHIND_MAX && at < bytes; at++)
            may_change[at] = true;
    }
    for (size_t at = 0; at < bytes; at++)
        mf_assert(text[at] == data[at] || may_change[at]);
    scan_code(text, bytes, TEXT_AT, &scan);
    return 0;
}
