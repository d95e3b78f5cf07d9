/* scan.c: see scan.h; reading instructions is scan_code.c's, per architecture. */
#include "image/scan.h"

#include <elf.h>
#include <string.h>

#include "abi/calls.h"
#include "image/stubs.h"
#include "linux_names.h"

/* Text of the library OS: what the packer has made stubs of. */
static void scan_stubs(const uint8_t *code, uint64_t bytes, uint64_t address, struct scan *scan)
{
    for (uint64_t at = 0; bytes - at >= stub_bytes; at += stub_bytes) {
        struct stub stub;
        if (!stub_read(code + at, address + at, &stub))
            continue;
        if (stub.numbered)
            scan_add(scan, stub.number);
        else
            scan_add_unknown(scan, stub.site);
        scan->jumps++;
    }
}

void scan_system_calls(const struct image_file *file, struct scan *scan)
{
    *scan = (struct scan){0};
    for (uint32_t i = 0; i < file->image.segment_count; i++) {
        const struct image_segment *segment = &file->image.segment[i];
        const uint8_t *code = file->data + segment->file_offset;
        if (segment->flags & PF_X && image_segment_is_kernel(segment))
            scan_stubs(code, segment->file_bytes, segment->address, scan);
        else if (segment->flags & PF_X)
            scan_code(code, segment->file_bytes, segment->address, scan);
    }
}


const char *scan_call_name(uint32_t number)
{
    switch (number) {
#define LINUX_NAME(nr, name) \
    case nr:                 \
        return #name;
        MF_LINUX_CALLS(LINUX_NAME)
#define MAYFLY_NAME(offset, name, arguments, meaning) \
    case MF_CALL_BASE + (offset):                     \
        return "mayfly_" #name;
        MF_CALLS(MAYFLY_NAME)
    default:
        return NULL;
    }
}

void scan_add(struct scan *scan, uint32_t number)
{
    uint32_t at = 0;
    while (at < scan->call_count && scan->call[at].number < number)
        at++;
    bool known = at < scan->call_count && scan->call[at].number == number;
    if (!known && scan->call_count < MF_SCAN_CALLS_MAX) {
        memmove(&scan->call[at + 1], &scan->call[at],
                (scan->call_count - at) * sizeof scan->call[0]);
        scan->call[at] = (struct scan_call){.number = number};
        scan->call_count++;
        known = true;
    }
    scan->sites++;
    if (known)
        scan->call[at].sites++;
    else
        scan->unknown++;
}

void scan_add_unknown(struct scan *scan, uint64_t address)
{
    if (scan->unknown < MF_SCAN_UNKNOWN_MAX)
        scan->unknown_at[scan->unknown] = address;
    scan->sites++;
    scan->unknown++;
}
