/*
 * pack.c: put an image together: header, note, segments, tables for debuggers, hash.
 * Guarantees: what it returns passes image_parse() and image_verify_hash(); equal
 * inputs give equal bytes. Borrows its inputs for the call.
 */
#include "image/pack.h"

#include <string.h>

#include "image/elf.h"
#include "image/hash.h"
#include "image/image.h"
#include "image/pack_loaded.h"
#include "image/pack_part.h"
#include "image/root_write.h"
#include "image/settings.h"
#include "image/stubs.h"

#define NOTE_OWNER_BYTES 8u /* "mayfly", its NUL, padding to 4 */
#define NOTE_ALIGN 4u

struct packing {
    struct pack_part kernel, program;
    struct loaded fixed, libraries; /* below and above the program, which is their loader */
    struct mf_image_info info;
    char *manifest; /* canonical; heap */
    uint64_t info_offset;
    Elf64_Ehdr header;
    Elf64_Phdr phdr[MF_IMAGE_SEGMENTS_MAX + 2];
};

static mf_err read_parts(const struct pack_input *input, struct packing *packing,
                         struct mf_why *why);
static mf_err read_manifest(const struct pack_input *input, struct packing *packing,
                            struct mf_why *why);
static mf_err add_headers(struct packing *packing, const struct root_tree *root, struct mf_buf *out,
                          struct mf_why *why);
static mf_err add_segments(struct packing *packing, struct pack_part *part, struct mf_buf *out,
                           struct mf_why *why);
static mf_err add_loaded(struct packing *packing, const struct root_tree *root,
                         const struct loaded *loaded, struct mf_buf *out, struct mf_why *why);
static mf_err add_root(struct packing *packing, struct root_tree *root, struct mf_buf *out,
                       struct mf_why *why);
static void make_stubs(const struct packing *packing, const struct root_tree *root, struct mf_buf *out);
static mf_err finish(struct packing *packing, struct mf_buf *out, struct mf_why *why);

mf_err pack_image(const struct pack_input *input, struct mf_buf *out, struct mf_why *why)
{
    mf_assert(out->bytes == 0);
    struct packing packing = {0};
    mf_err err = read_parts(input, &packing, why);
    if (!err)
        err = read_manifest(input, &packing, why);
    if (!err)
        err = add_headers(&packing, input->root, out, why);
    if (!err)
        err = add_segments(&packing, &packing.kernel, out, why);
    if (!err)
        err = add_loaded(&packing, input->root, &packing.fixed, out, why);
    if (!err)
        err = add_segments(&packing, &packing.program, out, why);
    if (!err)
        err = add_loaded(&packing, input->root, &packing.libraries, out, why);
    if (!err)
        make_stubs(&packing, input->root, out);
    if (!err && input->root)
        err = add_root(&packing, input->root, out, why);
    if (!err)
        err = pack_add_sections(&packing.kernel, &packing.program, &packing.phdr[0], out,
                                &packing.header, why);
    if (!err)
        err = finish(&packing, out, why);
    free(packing.manifest);
    loaded_close(&packing.fixed);
    loaded_close(&packing.libraries);
    if (err)
        mf_buf_close(out);
    return err;
}

bool pack_program_is_sdk(const uint8_t *file, size_t bytes)
{
    struct pack_part part = {.file = file, .bytes = bytes};
    return elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &part.header, NULL) == MF_OK &&
           pack_part_note(&part, MF_NOTE_SDK);
}

mf_err pack_add(struct mf_buf *out, uint64_t align, const void *data, uint64_t bytes,
                struct mf_why *why)
{
    static const uint8_t zeros[MF_PAGE_BYTES];
    uint64_t padding = -(uint64_t)out->bytes & (align - 1);
    if (bytes > MF_IMAGE_BYTES_MAX || out->bytes + padding > MF_IMAGE_BYTES_MAX - bytes)
        return mf_why(why, MF_ETOOBIG, "the image would have more than %llu bytes",
                      MF_IMAGE_BYTES_MAX);
    mf_assert(padding <= sizeof zeros);
    mf_err err = mf_buf_add(out, zeros, padding);
    if (data && !err)
        return mf_buf_add(out, data, bytes);
    for (uint64_t left = bytes; left && !err;) {
        uint64_t piece = left < sizeof zeros ? left : sizeof zeros;
        err = mf_buf_add(out, zeros, piece);
        left -= piece;
    }
    return err;
}

/* Say which of the two inputs is meant. */
static mf_err name_part(const char *name, mf_err err, struct mf_why *why)
{
    if (err && why) {
        struct mf_why inner = *why;
        (void)mf_why(why, err, "the %s: %.*s", name, (int)sizeof inner.text - 32,
                     mf_why_text(&inner, err));
    }
    return err;
}

static mf_err read_kernel(const struct pack_input *input, struct packing *packing,
                          struct mf_why *why)
{
    struct mf_image_info *info = &packing->info;
    struct pack_part *kernel = &packing->kernel;
    mf_err err = pack_part_read("kernel", input->kernel, input->kernel_bytes, MF_KERNEL_BASE,
                                MF_KERNEL_LIMIT, kernel, why);
    if (!err)
        err = pack_part_symbol(kernel, "kernel_start", &info->kernel_entry, why);
    if (!err)
        err = pack_part_symbol(kernel, "kernel_syscall", &info->kernel_syscall, why);
    if (!err)
        err = pack_part_symbol(kernel, "kernel_exception", &info->kernel_exception, why);
    if (!err)
        err = pack_part_symbol(kernel, "kernel_trap_stack_top", &info->trap_stack_top, why);
    if (err)
        return err;
    info->kernel_end = pack_part_end(kernel);
    uint64_t value; /* contracts are in the kernel for any Linux program only */
    if (pack_part_symbol(kernel, "contract_turn", &value, NULL) == MF_OK)
        info->flags |= MF_IMAGE_LINUX;
    return MF_OK;
}

/* Where the program finds its own program headers (AT_PHDR): inside a segment that
 * loads them, as linkers arrange it, or nowhere. */
static void find_program_headers(const struct pack_part *program, struct mf_image_info *info)
{
    const Elf64_Ehdr *header = &program->header;
    uint64_t bytes = header->e_phnum * sizeof(Elf64_Phdr);
    for (uint32_t i = 0; i < program->segment_count; i++) {
        const struct pack_segment *segment = &program->segment[i];
        uint64_t start = segment->source_offset, end = start + segment->source_bytes;
        if (header->e_phoff < start || header->e_phoff + bytes > end)
            continue;
        uint64_t address = segment->address + segment->lead_bytes + (header->e_phoff - start);
        if (address % sizeof(uint64_t))
            continue;
        info->program_phdr = address;
        info->program_phnum = header->e_phnum;
        info->program_phent = header->e_phentsize;
        return;
    }
}

/* The program, or a loader between what it is going to load. */
static mf_err read_program(const struct pack_input *input, struct packing *packing,
                           struct mf_why *why)
{
    struct pack_part *program = &packing->program;
    uint64_t low = MF_PROGRAM_BASE;
    mf_err err = MF_OK;
    if (input->dynamic)
        err = loaded_fixed(input->root, input->dynamic, &packing->fixed, why);
    if (!err && input->programs && !packing->fixed.bytes && pack_part_moves(input->program, input->program_bytes))
        err = loaded_another(input->root, input->wanted, &packing->fixed);
    if (!err && packing->fixed.bytes)
        low = packing->fixed.address + packing->fixed.bytes;
    if (!err)
        err = pack_part_read("program", input->program, input->program_bytes, low, MF_WINDOW_MAX,
                             program, why);
    if (!err && input->started)
        input->started->loaded_at = program->segment[0].address;
    if (!err && (input->dynamic || input->programs))
        err = loaded_place(input->root, input->dynamic, input->programs, pack_part_end(program),
                           &packing->libraries, why);
    if (err)
        return err;
    packing->info.program_entry = program->header.e_entry + program->bias;
    packing->info.program_end = pack_part_end(program) + packing->libraries.bytes;
    find_program_headers(program, &packing->info);
    return MF_OK;
}

static mf_err read_parts(const struct pack_input *input, struct packing *packing,
                         struct mf_why *why)
{
    mf_err err = name_part("kernel", read_kernel(input, packing, why), why);
    if (!err && input->root)
        err = root_tree_contents(input->root, why);
    return err ? err : name_part("program", read_program(input, packing, why), why);
}

/* Keys sorted, no spaces: what an author wrote, not the defaults of this day. */
static mf_err read_manifest(const struct pack_input *input, struct packing *packing,
                            struct mf_why *why)
{
    struct settings settings;
    settings_init(&settings);
    mf_err err = settings_parse(input->manifest, input->manifest_bytes, &settings, why);
    if (err)
        return name_part("manifest", err, why);
    packing->info.window_bytes = (uint64_t)settings.memory_mib << 20;
    if (settings.contract != CONTRACT_SDK && !(packing->info.flags & MF_IMAGE_LINUX))
        err = mf_why(why, MF_EINVAL, "contract: %s, which is in the kernel for Linux programs; this is "
                     "the one for the SDK's", contract_name(settings.contract));
    settings_close(&settings);
    if (err)
        return err;
    json_t *object = json_loadb(input->manifest, input->manifest_bytes, 0, NULL);
    packing->manifest = object ? json_dumps(object, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(object);
    if (!packing->manifest)
        return MF_ENOMEM;
    size_t bytes = strlen(packing->manifest);
    if (bytes > MF_MANIFEST_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "the manifest has %zu bytes; %u are allowed", bytes,
                      MF_MANIFEST_BYTES_MAX);
    packing->info.manifest_bytes = (uint32_t)bytes;
    return MF_OK;
}

/* Room for ELF and program headers, which finish() fills in, and the note. */
static mf_err add_headers(struct packing *packing, const struct root_tree *root, struct mf_buf *out,
                          struct mf_why *why)
{
    uint32_t segments = packing->kernel.segment_count + packing->program.segment_count +
                        (packing->fixed.bytes > 0) + (packing->libraries.bytes > 0) + (root != NULL);
    if (segments > MF_IMAGE_SEGMENTS_MAX)
        return mf_why(why, MF_EFORMAT, "kernel and program together have %u segments; %u are "
                      "allowed", segments, MF_IMAGE_SEGMENTS_MAX);
    struct mf_image_info *info = &packing->info;
    info->abi_version = MF_ABI_VERSION;
    info->info_bytes = sizeof *info;
    uint64_t phnum = segments + 2; /* the note first, PT_GNU_STACK last */
    mf_err err = pack_add(out, 1, NULL, sizeof(Elf64_Ehdr) + phnum * sizeof(Elf64_Phdr), why);
    if (err)
        return err;
    uint64_t note_offset = out->bytes;
    Elf64_Nhdr note = {
        .n_namesz = sizeof MF_NOTE_OWNER,
        .n_descsz = (uint32_t)sizeof *info + info->manifest_bytes,
        .n_type = MF_NOTE_IMAGE,
    };
    static const char owner[NOTE_OWNER_BYTES] = MF_NOTE_OWNER;
    err = pack_add(out, NOTE_ALIGN, &note, sizeof note, why);
    if (!err)
        err = pack_add(out, 1, owner, sizeof owner, why);
    packing->info_offset = out->bytes;
    if (!err)
        err = pack_add(out, 1, info, sizeof *info, why);
    if (!err)
        err = pack_add(out, 1, packing->manifest, info->manifest_bytes, why);
    if (!err)
        err = pack_add(out, NOTE_ALIGN, NULL, 0, why);
    packing->phdr[0] = (Elf64_Phdr){
        .p_type = PT_NOTE,
        .p_flags = PF_R,
        .p_offset = note_offset,
        .p_filesz = out->bytes - note_offset,
        .p_align = NOTE_ALIGN,
    };
    packing->header.e_phnum = 1;
    return err;
}

static void add_load(struct packing *packing, uint32_t flags, uint64_t offset, uint64_t address,
                     uint64_t file_bytes, uint64_t memory_bytes)
{
    packing->phdr[packing->header.e_phnum++] = (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_flags = flags,
        .p_offset = offset,
        .p_vaddr = address,
        .p_paddr = address,
        .p_filesz = file_bytes,
        .p_memsz = memory_bytes,
        .p_align = MF_PAGE_BYTES,
    };
}

/* Is there a whole large page in it? */
static bool holds_large_page(uint64_t address, uint64_t bytes)
{
    uint64_t before = -address % MF_LARGE_PAGE_BYTES;
    return before <= bytes && MF_LARGE_PAGE_BYTES <= bytes - before;
}

/* Where a segment may begin. One with a large page stands in the file as its address does in large
 * pages: hosts whose files are cached so have one entry, one fault, for 512 pages of it. */
static mf_err begin_segment(uint64_t address, uint64_t bytes, struct mf_buf *out, struct mf_why *why)
{
    mf_err err = pack_add(out, MF_PAGE_BYTES, NULL, 0, why);
    if (err || !holds_large_page(address, bytes))
        return err;
    return pack_add(out, 1, NULL, (address - out->bytes) % MF_LARGE_PAGE_BYTES, why);
}

static mf_err add_segments(struct packing *packing, struct pack_part *part, struct mf_buf *out,
                           struct mf_why *why)
{
    for (uint32_t i = 0; i < part->segment_count; i++) {
        struct pack_segment *segment = &part->segment[i];
        mf_err err = begin_segment(segment->address, segment->file_bytes, out, why);
        segment->file_offset = out->bytes;
        if (!err && segment->file_bytes)
            err = pack_add(out, 1, NULL, segment->lead_bytes, why);
        if (!err)
            err = pack_add(out, 1, part->file + segment->source_offset, segment->source_bytes, why);
        if (!err)
            err = pack_add(out, MF_PAGE_BYTES, NULL, 0, why);
        if (err)
            return err;
        mf_assert(out->bytes == segment->file_offset + segment->file_bytes);
        add_load(packing, segment->flags, segment->file_offset, segment->address,
                 segment->file_bytes, segment->memory_bytes);
    }
    return MF_OK;
}

static mf_err add_loaded(struct packing *packing, const struct root_tree *root,
                         const struct loaded *loaded, struct mf_buf *out, struct mf_why *why)
{
    if (loaded->bytes == 0)
        return MF_OK;
    mf_err err = begin_segment(loaded->address, loaded->bytes, out, why);
    uint64_t at = out->bytes;
    if (!err)
        err = loaded_add(root, loaded, out, why);
    add_load(packing, PF_R | PF_X, at, loaded->address, loaded->bytes, loaded->bytes);
    return err;
}

/* Where the library OS has room for them; kernel.elf has none. */
static struct stubs find_stubs(const struct packing *packing, struct mf_buf *out)
{
    struct stubs stubs = {.entry = packing->info.kernel_syscall};
    uint64_t from, to;
    if (pack_part_symbol(&packing->kernel, "kernel_stubs", &from, NULL) != MF_OK ||
        pack_part_symbol(&packing->kernel, "kernel_stubs_end", &to, NULL) != MF_OK || to <= from)
        return stubs;
    const struct pack_segment *text = pack_part_segment(&packing->kernel, from, to - from);
    if (!text || !(text->flags & PF_X) || from - text->address > text->file_bytes ||
        to - from > text->file_bytes - (from - text->address))
        return stubs;
    stubs.room = out->data + text->file_offset + (from - text->address);
    stubs.address = from;
    stubs.bytes = to - from;
    return stubs;
}

static void stub_loaded(struct stubs *stubs, const struct packing *packing, const struct loaded *loaded,
                        const struct root_tree *root, struct mf_buf *out)
{
    for (uint32_t i = 0; loaded->bytes && i + 1 < packing->header.e_phnum; i++) {
        const Elf64_Phdr *phdr = &packing->phdr[i + 1];
        if (phdr->p_vaddr == loaded->address)
            loaded_text(root, loaded, out->data + phdr->p_offset, stubs);
    }
}

static void make_stubs(const struct packing *packing, const struct root_tree *root, struct mf_buf *out)
{
    struct stubs stubs = find_stubs(packing, out);
    const struct pack_part *program = &packing->program;
    const struct stubs_file file = {program->file, program->bytes, program->header};
    if (!stubs.room)
        return;
    for (uint32_t i = 0; i < program->segment_count; i++) {
        const struct pack_segment *segment = &program->segment[i];
        if (segment->flags & PF_X)
            stubs_text(&stubs, &file, segment->address - program->bias, segment->file_bytes,
                       out->data + segment->file_offset, segment->address);
    }
    stub_loaded(&stubs, packing, &packing->fixed, root, out);
    stub_loaded(&stubs, packing, &packing->libraries, root, out);
}

static mf_err add_root(struct packing *packing, struct root_tree *root, struct mf_buf *out,
                       struct mf_why *why)
{
    struct mf_image_info *info = &packing->info;
    mf_err err = pack_add(out, MF_PAGE_BYTES, NULL, 0, why);
    uint64_t at = out->bytes;
    if (!err)
        err = root_write(root, out, &info->root_bytes, why);
    info->root_base = info->program_end;
    info->program_end += info->root_bytes;
    add_load(packing, PF_R, at, info->root_base, info->root_bytes, info->root_bytes);
    return err;
}

static mf_err finish(struct packing *packing, struct mf_buf *out, struct mf_why *why)
{
    Elf64_Ehdr *header = &packing->header;
    packing->phdr[header->e_phnum++] =
        (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16};
    memcpy(header->e_ident, packing->kernel.header.e_ident, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_ident[EI_VERSION] = EV_CURRENT;
    header->e_type = ET_EXEC;
    header->e_machine = packing->kernel.header.e_machine;
    header->e_version = EV_CURRENT;
    header->e_entry = packing->info.kernel_entry;
    header->e_phoff = sizeof *header;
    header->e_ehsize = sizeof *header;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_shentsize = sizeof(Elf64_Shdr);
    memcpy(out->data + packing->info_offset, &packing->info, sizeof packing->info);
    memcpy(out->data, header, sizeof *header);
    memcpy(out->data + sizeof *header, packing->phdr, header->e_phnum * sizeof(Elf64_Phdr));
    uint64_t hash_offset = packing->info_offset + offsetof(struct mf_image_info, hash);
    image_hash(out->data, out->bytes, hash_offset, out->data + hash_offset);
    /* The one authority on what an image is; it also finds entries that are nowhere
     * and programs that do not fit their window. */
    struct image image;
    return image_parse(out->data, out->bytes, &image, why);
}
