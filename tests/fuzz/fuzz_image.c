/* fuzz_image.c: a whole image file: parse, hash, symbols, parts, scan. What parse accepts must
 * hold what image.h promises of it. */
#include <stdlib.h>
#include <string.h>

#include "abi/channel.h"
#include "image/image.h"
#include "image/parts.h"
#include "image/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_promises(const struct image *image, size_t bytes)
{
    uint64_t end = 0, file_end = 0;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *s = &image->segment[i];
        mf_assert(s->address >= end && s->address >= MF_KERNEL_BASE);
        mf_assert(s->memory_bytes > 0 && s->file_bytes <= s->memory_bytes);
        mf_assert((s->address | s->memory_bytes | s->file_offset | s->file_bytes) %
                      MF_PAGE_BYTES == 0);
        mf_assert(s->file_offset >= file_end && s->file_offset + s->file_bytes <= bytes);
        end = s->address + s->memory_bytes;
        file_end = s->file_offset + s->file_bytes;
        mf_assert(end > s->address && end <= image->info.window_bytes - MF_CHANNEL_BYTES);
        mf_assert((s->flags & 3) != 3);
    }
    mf_assert(image->info.program_end == end);
    mf_assert(image->info.root_bytes == 0 ||
              (image->info.root_bytes < end && image->info.root_base == end - image->info.root_bytes));
    mf_assert(image->manifest_offset + image->info.manifest_bytes <= bytes);
    mf_assert(image->hash_offset + MF_IMAGE_HASH_BYTES <= bytes);
}

static void ask(const struct image_file *file)
{
    static struct scan scan;
    const struct mf_image_info *info = &file->image.info;
    const uint64_t address[] = {info->kernel_entry, info->kernel_syscall, info->program_entry,
                                info->program_entry + 1, info->program_end, 0, UINT64_MAX};
    for (size_t i = 0; i < sizeof address / sizeof address[0]; i++) {
        const char *name;
        uint64_t distance;
        if (image_symbol(file, address[i], &name, &distance))
            mf_assert(strlen(name) > 0 && distance <= address[i]);
    }
    (void)image_count_symbols(file);
    struct image_part part[MF_PARTS_MAX];
    size_t parts = image_parts(file, part);
    for (size_t i = 0; i < parts; i++)
        mf_assert(part[i].folder[0] && memchr(part[i].folder, 0, sizeof part[i].folder) && part[i].files);
    scan_system_calls(file, &scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct image_file file = {.data = data, .bytes = bytes};
    struct mf_why why = {{0}};
    if (image_parse(data, bytes, &file.image, &why) != MF_OK) {
        mf_assert(why.text[0]); /* every refusal has its sentence */
        return 0;
    }
    check_promises(&file.image, bytes);
    (void)image_verify_hash(data, bytes, &file.image, &why);
    ask(&file);
    return 0;
}
