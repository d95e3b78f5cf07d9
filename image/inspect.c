/* inspect.c: see inspect.h. Numbers that are addresses are integers here; the
 * command prints them in hexadecimal. */
#include "image/inspect.h"

#include <elf.h>
#include <stdio.h>

#include "image/parts.h"
#include "image/root_facts.h"
#include "image/scan.h"
#include "image/settings.h"

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *hash_to_json(const struct image_file *file)
{
    char text[2 * MF_IMAGE_HASH_BYTES + 1];
    for (size_t i = 0; i < MF_IMAGE_HASH_BYTES; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", file->image.info.hash[i]);
    struct mf_why why = {0};
    bool holds = image_verify_hash(file->data, file->bytes, &file->image, &why) == MF_OK;
    return json_pack("{s:s, s:s, s:b}", "algorithm", "BLAKE2b-256", "value", text, "holds", holds);
}

static const char *owner(const struct image *image, const struct image_segment *segment)
{
    if (image->info.root_bytes && segment->address == image->info.root_base)
        return "root";
    return image_segment_is_kernel(segment) ? "kernel" : "program";
}

static json_t *root_to_json(const struct image_file *file)
{
    const struct image_segment *last = &file->image.segment[file->image.segment_count - 1];
    struct root_facts facts;
    if (!file->image.info.root_bytes)
        return json_null();
    if (!root_facts(file->data + last->file_offset, last->file_bytes, &facts))
        return json_pack("{s:s}", "refused", "its tables do not fit; a guest refuses it");
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "files", integer(facts.files), "folders",
                     integer(facts.folders), "links", integer(facts.links), "content_bytes",
                     integer(facts.content_bytes), "loaded", integer(facts.loaded));
}

static json_t *segments_to_json(const struct image *image)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        char permissions[] = {segment->flags & PF_R ? 'r' : '-', segment->flags & PF_W ? 'w' : '-',
                              segment->flags & PF_X ? 'x' : '-', '\0'};
        (void)json_array_append_new(
            array, json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "owner",
                             owner(image, segment), "address",
                             integer(segment->address), "memory_bytes",
                             integer(segment->memory_bytes), "file_offset",
                             integer(segment->file_offset), "file_bytes",
                             integer(segment->file_bytes), "permissions", permissions));
    }
    return array;
}

static json_t *entries_to_json(const struct mf_image_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "kernel", integer(info->kernel_entry),
                     "kernel_syscall", integer(info->kernel_syscall), "kernel_exception",
                     integer(info->kernel_exception), "trap_stack_top",
                     integer(info->trap_stack_top), "program", integer(info->program_entry));
}

static json_t *sizes_to_json(const struct image_file *file)
{
    uint64_t kernel = 0, program = 0, root = file->image.info.root_bytes;
    for (uint32_t i = 0; i < file->image.segment_count; i++) {
        const struct image_segment *segment = &file->image.segment[i];
        *(image_segment_is_kernel(segment) ? &kernel : &program) += segment->memory_bytes;
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "file", integer(file->bytes), "kernel_memory",
                     integer(kernel), "program_memory", integer(program - root), "root_memory",
                     integer(root), "window",
                     integer(file->image.info.window_bytes));
}

static json_t *parts_to_json(const struct image_file *file)
{
    struct image_part part[MF_PARTS_MAX];
    size_t count = image_parts(file, part);
    json_t *parts = json_object();
    for (size_t i = 0; i < count; i++)
        (void)json_object_set_new(parts, part[i].folder, integer(part[i].files));
    return parts;
}

static json_t *symbols_to_json(const struct image_file *file)
{
    struct image_symbol_counts counts = image_count_symbols(file);
    return json_pack("{s:o, s:o}", "kernel", integer(counts.kernel), "program",
                     integer(counts.program));
}

static json_t *calls_to_json(const struct image_file *file)
{
    struct scan scan;
    scan_system_calls(file, &scan);
    json_t *known = json_array(), *unknown_at = json_array();
    for (uint32_t i = 0; i < scan.call_count; i++) {
        const struct scan_call *call = &scan.call[i];
        (void)json_array_append_new(known, json_pack("{s:o, s:s?, s:o}", "number",
                                                     integer(call->number), "name",
                                                     scan_call_name(call->number), "sites",
                                                     integer(call->sites)));
    }
    for (uint32_t i = 0; i < scan.unknown && i < MF_SCAN_UNKNOWN_MAX; i++)
        (void)json_array_append_new(unknown_at, integer(scan.unknown_at[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "sites", integer(scan.sites), "jumps",
                     integer(scan.jumps), "calls", known,
                     "unknown", integer(scan.unknown), "unknown_at", unknown_at);
}

/* What the author wrote, and all settings with the defaults of this version. */
static void add_manifest(json_t *result, const struct image_file *file)
{
    const char *text = (const char *)file->data + file->image.manifest_offset;
    size_t bytes = file->image.info.manifest_bytes;
    struct settings settings;
    struct mf_why why = {0};
    settings_init(&settings);
    mf_err err = settings_parse(text, bytes, &settings, &why);
    if (err) {
        (void)json_object_set_new(result, "manifest_refused", json_string(mf_why_text(&why, err)));
    } else {
        (void)json_object_set_new(result, "manifest", json_loadb(text, bytes, 0, NULL));
        (void)json_object_set_new(result, "settings", settings_to_json(&settings));
    }
    settings_close(&settings);
}

json_t *inspect_image(const struct image_file *file)
{
    json_t *result = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "abi_version",
        (int)file->image.info.abi_version, "kernel",
        file->image.info.flags & MF_IMAGE_LINUX ? "linux" : "sdk", "kernel_parts",
        parts_to_json(file), "hash", hash_to_json(file), "bytes",
        sizes_to_json(file), "entries", entries_to_json(&file->image.info), "segments",
        segments_to_json(&file->image), "root", root_to_json(file), "symbols", symbols_to_json(file), "system_calls",
        calls_to_json(file));
    if (result)
        add_manifest(result, file);
    return result;
}
