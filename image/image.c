/*
 * image.c: decode a mayfly image (abi/image.h), every check, no effect.
 * Guarantees: after MF_OK all that struct image says holds of the file as it was
 * while we looked; nothing is read twice. Leaves to others: the hash (hash.c), the
 * manifest's text (settings.h), section headers (symbol.c). No allocation: the
 * monitor calls this before lock-down. Any thread.
 */
#include "image/image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/channel.h"
#include "image/elf.h"

/* Besides the segments: the note, and PT_GNU_STACK. */
#define HEADERS_MAX (MF_IMAGE_SEGMENTS_MAX + 2u)
#define NOTE_ALIGN 4u
#define TRAP_STACK_BYTES_MIN 4096u /* what must lie under trap_stack_top */

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

/* What a walk over the program headers has found so far. */
struct walk {
    size_t bytes;      /* of the file                           */
    uint64_t file_end; /* end of what the last header describes */
    Elf64_Phdr note;
    bool has_note;
    bool has_stack;
};

struct note_head {
    Elf64_Nhdr head;
    char owner[8]; /* "mayfly", its NUL, padding */
};

static mf_err take_header(const uint8_t *file, size_t bytes, Elf64_Ehdr *header,
                          struct mf_why *why);
static mf_err take_program_header(const Elf64_Phdr *phdr, struct walk *walk, struct image *image,
                                  struct mf_why *why);
static mf_err take_note(const uint8_t *file, size_t head_bytes, const Elf64_Phdr *phdr,
                        struct image *image, struct mf_why *why);
static mf_err check_ends(const struct image *image, struct mf_why *why);
static mf_err check_entries(const struct image *image, struct mf_why *why);
static mf_err check_program_headers(const struct image *image, struct mf_why *why);
static mf_err check_root(const struct image *image, struct mf_why *why);

mf_err image_parse(const uint8_t *file, size_t bytes, struct image *image, struct mf_why *why)
{
    return image_parse_head(file, bytes, bytes, image, why);
}

mf_err image_parse_head(const uint8_t *file, size_t head_bytes, size_t file_bytes,
                        struct image *image, struct mf_why *why)
{
    memset(image, 0, sizeof *image);
    Elf64_Ehdr header;
    if (file_bytes > MF_IMAGE_BYTES_MAX)
        return mf_why(why, MF_ETOOBIG, "%zu bytes; an image has at most %llu", file_bytes,
                      MF_IMAGE_BYTES_MAX);
    mf_err err = take_header(file, head_bytes, &header, why);
    if (err)
        return err;
    struct walk walk = {
        .bytes = file_bytes,
        .file_end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr),
    };
    for (uint32_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &header, i, &phdr);
        err = take_program_header(&phdr, &walk, image, why);
        if (err)
            return err;
    }
    if (!walk.has_note)
        return refuse(why, "no mayfly note: an ELF file, but not an image; build one with "
                           "`mayfly build`");
    err = take_note(file, head_bytes, &walk.note, image, why);
    if (!err && image->info.kernel_entry != header.e_entry)
        err = refuse(why, "ELF entry 0x%" PRIx64 " is not the kernel's, 0x%" PRIx64,
                     header.e_entry, image->info.kernel_entry);
    if (!err)
        err = check_ends(image, why);
    if (!err)
        err = image_fits(image, image->info.window_bytes, why);
    if (!err)
        err = check_entries(image, why);
    if (!err)
        err = check_program_headers(image, why);
    return err ? err : check_root(image, why);
}

mf_err image_fits(const struct image *image, uint64_t window_bytes, struct mf_why *why)
{
    if (window_bytes < MF_WINDOW_MIN || window_bytes > MF_WINDOW_MAX ||
        window_bytes % MF_WINDOW_STEP != 0)
        return refuse(why, "a window of 0x%" PRIx64 " bytes; multiples of 0x%llx from 0x%llx to "
                      "0x%llx are allowed", window_bytes, MF_WINDOW_STEP, MF_WINDOW_MIN,
                      MF_WINDOW_MAX);
    uint64_t room_end = window_bytes - MF_CHANNEL_BYTES - MF_PROGRAM_ROOM_MIN;
    if (image->info.program_end > room_end)
        return refuse(why, "the program ends at 0x%" PRIx64 ", past 0x%" PRIx64 ": a window of %"
                      PRIu64 " MiB leaves it no heap and stack; raise memory_mib",
                      image->info.program_end, room_end, window_bytes >> 20);
    return MF_OK;
}

static mf_err take_header(const uint8_t *file, size_t bytes, Elf64_Ehdr *header,
                          struct mf_why *why)
{
    mf_err err = elf_header(file, bytes, HEADERS_MAX, header, why);
    if (err)
        return err;
    static const uint8_t ident_rest[EI_NIDENT - EI_OSABI] = {ELFOSABI_SYSV};
    if (memcmp(header->e_ident + EI_OSABI, ident_rest, sizeof ident_rest) != 0 ||
        header->e_flags != 0)
        return refuse(why, "ELF header with OS ABI %u, padding or flags 0x%" PRIx32 "; all are 0 "
                      "in an image", header->e_ident[EI_OSABI], header->e_flags);
    if (header->e_type != ET_EXEC)
        return refuse(why, "ELF type %u; an image is of type %u (ET_EXEC)", header->e_type,
                      ET_EXEC);
    if (header->e_phoff != sizeof *header)
        return refuse(why, "program headers at 0x%" PRIx64 "; in an image they follow the ELF "
                      "header, at 0x%zx", header->e_phoff, sizeof *header);
    return MF_OK;
}

/* The parts of the file follow one another; so none can be two things at once. */
static mf_err take_file_part(const char *what, const Elf64_Phdr *phdr, struct walk *walk,
                             struct mf_why *why)
{
    if (!elf_within(phdr->p_offset, phdr->p_filesz, walk->bytes))
        return refuse(why, "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " of the file, which has "
                      "0x%zx; it is cut short", what, phdr->p_filesz, phdr->p_offset, walk->bytes);
    if (phdr->p_offset < walk->file_end)
        return refuse(why, "%s: at 0x%" PRIx64 " of the file, inside what ends at 0x%" PRIx64,
                      what, phdr->p_offset, walk->file_end);
    walk->file_end = phdr->p_offset + phdr->p_filesz;
    return MF_OK;
}

static mf_err check_segment(const Elf64_Phdr *phdr, const char *name, struct mf_why *why)
{
    if (phdr->p_vaddr % MF_PAGE_BYTES || phdr->p_offset % MF_PAGE_BYTES ||
        phdr->p_filesz % MF_PAGE_BYTES || phdr->p_memsz % MF_PAGE_BYTES)
        return refuse(why, "%s: address 0x%" PRIx64 ", offset 0x%" PRIx64 ", file 0x%" PRIx64
                      ", memory 0x%" PRIx64 ": not all multiples of a page", name, phdr->p_vaddr,
                      phdr->p_offset, phdr->p_filesz, phdr->p_memsz);
    if (phdr->p_memsz == 0 || phdr->p_filesz > phdr->p_memsz)
        return refuse(why, "%s: 0x%" PRIx64 " bytes of memory for 0x%" PRIx64 " of the file", name,
                      phdr->p_memsz, phdr->p_filesz);
    if (phdr->p_vaddr < MF_KERNEL_BASE || phdr->p_vaddr >= MF_WINDOW_MAX ||
        phdr->p_memsz > MF_WINDOW_MAX - phdr->p_vaddr)
        return refuse(why, "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " lie outside any window "
                      "(0x%x to 0x%llx)", name, phdr->p_memsz, phdr->p_vaddr, MF_KERNEL_BASE,
                      MF_WINDOW_MAX);
    uint64_t end = phdr->p_vaddr + phdr->p_memsz;
    if (phdr->p_vaddr < MF_KERNEL_LIMIT && end > MF_KERNEL_LIMIT)
        return refuse(why, "%s: 0x%" PRIx64 "..0x%" PRIx64 " runs from the kernel's range into "
                      "the program's, at 0x%x", name, phdr->p_vaddr, end, MF_KERNEL_LIMIT);
    if ((phdr->p_flags & PF_W) && (phdr->p_flags & PF_X))
        return refuse(why, "%s: 0x%" PRIx64 "..0x%" PRIx64 " is both writable and executable",
                      name, phdr->p_vaddr, end);
    if (!(phdr->p_flags & PF_R) || (phdr->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X)))
        return refuse(why, "%s: 0x%" PRIx64 "..0x%" PRIx64 " has flags 0x%" PRIx32 "; R, RW or "
                      "RX are allowed", name, phdr->p_vaddr, end, phdr->p_flags);
    return MF_OK;
}

static mf_err take_segment(const Elf64_Phdr *phdr, struct walk *walk, struct image *image,
                           struct mf_why *why)
{
    uint32_t count = image->segment_count;
    if (count == MF_IMAGE_SEGMENTS_MAX)
        return refuse(why, "more than %u segments", MF_IMAGE_SEGMENTS_MAX);
    char name[32];
    (void)snprintf(name, sizeof name, "segment %" PRIu32, count);
    mf_err err = check_segment(phdr, name, why);
    if (err)
        return err;
    if (count) {
        const struct image_segment *last = &image->segment[count - 1];
        if (phdr->p_vaddr < last->address)
            return refuse(why, "%s: at 0x%" PRIx64 ", below segment %" PRIu32 " at 0x%" PRIx64
                          "; they must ascend", name, phdr->p_vaddr, count - 1, last->address);
        if (phdr->p_vaddr < last->address + last->memory_bytes)
            return refuse(why, "%s: 0x%" PRIx64 "..0x%" PRIx64 " overlaps segment %" PRIu32
                          ", 0x%" PRIx64 "..0x%" PRIx64, name, phdr->p_vaddr,
                          phdr->p_vaddr + phdr->p_memsz, count - 1, last->address,
                          last->address + last->memory_bytes);
    }
    err = take_file_part(name, phdr, walk, why);
    if (err)
        return err;
    image->segment[count] = (struct image_segment){
        .address = phdr->p_vaddr,
        .memory_bytes = phdr->p_memsz,
        .file_offset = phdr->p_offset,
        .file_bytes = phdr->p_filesz,
        .flags = phdr->p_flags,
    };
    image->segment_count = count + 1;
    return MF_OK;
}

static mf_err take_program_header(const Elf64_Phdr *phdr, struct walk *walk, struct image *image,
                                  struct mf_why *why)
{
    switch (phdr->p_type) {
    case PT_LOAD:
        return take_segment(phdr, walk, image, why);
    case PT_NOTE:
        if (walk->has_note)
            return refuse(why, "a second note segment; an image has one");
        walk->has_note = true;
        walk->note = *phdr;
        return take_file_part("the note", phdr, walk, why);
    case PT_GNU_STACK:
        if (walk->has_stack)
            return refuse(why, "a second PT_GNU_STACK header; an image has one");
        walk->has_stack = true;
        if (phdr->p_flags & PF_X)
            return refuse(why, "PT_GNU_STACK asks for an executable stack");
        return MF_OK;
    default:
        return refuse(why, "a program header of type 0x%" PRIx32 "; only PT_LOAD, PT_NOTE and "
                      "PT_GNU_STACK belong in an image", phdr->p_type);
    }
}

static mf_err take_note(const uint8_t *file, size_t head_bytes, const Elf64_Phdr *phdr,
                        struct image *image, struct mf_why *why)
{
    struct note_head note;
    struct mf_image_info *info = &image->info;
    uint64_t least = sizeof note + sizeof *info;
    if (phdr->p_offset % NOTE_ALIGN || phdr->p_filesz < least ||
        phdr->p_filesz > least + MF_MANIFEST_BYTES_MAX)
        return refuse(why, "the note: 0x%" PRIx64 " bytes at 0x%" PRIx64 "; an image's is aligned "
                      "to %u and has 0x%" PRIx64 " bytes and a manifest of at most %u",
                      phdr->p_filesz, phdr->p_offset, NOTE_ALIGN, least, MF_MANIFEST_BYTES_MAX);
    if (phdr->p_offset > MF_IMAGE_HEAD_BYTES - least || phdr->p_offset + least > head_bytes)
        return refuse(why, "the note: at 0x%" PRIx64 "; in an image it stands before the segments, "
                      "in the first 0x%x bytes", phdr->p_offset, MF_IMAGE_HEAD_BYTES);
    memcpy(&note, file + phdr->p_offset, sizeof note);
    memcpy(info, file + phdr->p_offset + sizeof note, sizeof *info);
    static const char owner[sizeof note.owner] = MF_NOTE_OWNER;
    if (note.head.n_namesz != sizeof MF_NOTE_OWNER || note.head.n_type != MF_NOTE_IMAGE ||
        memcmp(note.owner, owner, sizeof owner) != 0)
        return refuse(why, "the note: not of owner \"%s\" and type 0x%x; build an image with "
                      "`mayfly build`", MF_NOTE_OWNER, MF_NOTE_IMAGE);
    if (info->abi_version != MF_ABI_VERSION)
        return refuse(why, "made for ABI version %" PRIu32 ", this is version %u; build it again",
                      info->abi_version, MF_ABI_VERSION);
    uint64_t padded = ((uint64_t)note.head.n_descsz + NOTE_ALIGN - 1) / NOTE_ALIGN * NOTE_ALIGN;
    if (info->info_bytes != sizeof *info || (info->flags & ~MF_IMAGE_LINUX) ||
        padded != phdr->p_filesz - sizeof note ||
        note.head.n_descsz != sizeof *info + (uint64_t)info->manifest_bytes)
        return refuse(why, "the note: sizes disagree (note 0x%" PRIx64 ", descriptor 0x%" PRIx32
                      ", struct 0x%" PRIx32 ", manifest 0x%" PRIx32 ", flags 0x%" PRIx32 ")",
                      phdr->p_filesz, note.head.n_descsz, info->info_bytes, info->manifest_bytes,
                      info->flags);
    uint64_t info_offset = phdr->p_offset + sizeof note;
    image->manifest_offset = info_offset + sizeof *info;
    image->hash_offset = info_offset + offsetof(struct mf_image_info, hash);
    return MF_OK;
}

/* kernel_end, program_end, and how much memory the kernel takes. */
static mf_err check_ends(const struct image *image, struct mf_why *why)
{
    uint64_t kernel_bytes = 0, kernel_end = 0, program_end = 0;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        uint64_t end = segment->address + segment->memory_bytes;
        if (image_segment_is_kernel(segment)) {
            kernel_bytes += segment->memory_bytes;
            kernel_end = end;
        } else {
            program_end = end;
        }
    }
    uint64_t kernel_bytes_max =
        image->info.flags & MF_IMAGE_LINUX ? MF_KERNEL_LINUX_BYTES_MAX : MF_KERNEL_BYTES_MAX;
    if (kernel_bytes > kernel_bytes_max)
        return refuse(why, "the kernel fills 0x%" PRIx64 " bytes of memory; 0x%" PRIx64 " are allowed",
                      kernel_bytes, kernel_bytes_max);
    if (!kernel_end || !program_end)
        return refuse(why, "no segment of the %s", kernel_end ? "program" : "kernel");
    if (image->info.kernel_end != kernel_end || image->info.program_end != program_end)
        return refuse(why, "the note says that the kernel ends at 0x%" PRIx64 " and the program at "
                      "0x%" PRIx64 "; their segments end at 0x%" PRIx64 " and 0x%" PRIx64,
                      image->info.kernel_end, image->info.program_end, kernel_end, program_end);
    return MF_OK;
}

/* The segment that holds [address, address + bytes) in memory, or NULL. */
static const struct image_segment *segment_at(const struct image *image, uint64_t address,
                                              uint64_t bytes)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        if (address >= segment->address &&
            elf_within(address - segment->address, bytes, segment->memory_bytes))
            return segment;
    }
    return NULL;
}

static mf_err check_entry(const struct image *image, const char *what, uint64_t address,
                          bool kernel, struct mf_why *why)
{
    const struct image_segment *segment = segment_at(image, address, 1);
    if (!segment || image_segment_is_kernel(segment) != kernel || !(segment->flags & PF_X))
        return refuse(why, "%s 0x%" PRIx64 " is not in an executable segment of the %s", what,
                      address, kernel ? "kernel" : "program");
    return MF_OK;
}

static mf_err check_entries(const struct image *image, struct mf_why *why)
{
    const struct mf_image_info *info = &image->info;
    mf_err err = check_entry(image, "kernel_entry", info->kernel_entry, true, why);
    if (!err)
        err = check_entry(image, "kernel_syscall", info->kernel_syscall, true, why);
    if (!err)
        err = check_entry(image, "kernel_exception", info->kernel_exception, true, why);
    if (!err)
        err = check_entry(image, "program_entry", info->program_entry, false, why);
    if (err)
        return err;
    uint64_t top = info->trap_stack_top;
    const struct image_segment *stack =
        top < TRAP_STACK_BYTES_MIN
            ? NULL
            : segment_at(image, top - TRAP_STACK_BYTES_MIN, TRAP_STACK_BYTES_MIN);
    if (top % 16 || !stack || !image_segment_is_kernel(stack) || !(stack->flags & PF_W))
        return refuse(why, "trap_stack_top 0x%" PRIx64 " is not 16-aligned with %u writable bytes "
                      "of the kernel under it", top, TRAP_STACK_BYTES_MIN);
    return MF_OK;
}

static mf_err check_program_headers(const struct image *image, struct mf_why *why)
{
    const struct mf_image_info *info = &image->info;
    if (info->program_phdr == 0 && info->program_phnum == 0 && info->program_phent == 0)
        return MF_OK;
    if (info->program_phnum == 0 || info->program_phnum > MF_PROGRAM_HEADERS_MAX ||
        info->program_phent != sizeof(Elf64_Phdr))
        return refuse(why, "%" PRIu32 " program headers of %" PRIu32 " bytes in the program; 1 to "
                      "%u of %zu are allowed", info->program_phnum, info->program_phent,
                      MF_PROGRAM_HEADERS_MAX, sizeof(Elf64_Phdr));
    const struct image_segment *segment =
        segment_at(image, info->program_phdr, info->program_phnum * sizeof(Elf64_Phdr));
    if (info->program_phdr % 8 || !segment || image_segment_is_kernel(segment))
        return refuse(why, "the program's headers, %" PRIu32 " at 0x%" PRIx64 ", are not 8-aligned "
                      "in a segment of the program", info->program_phnum, info->program_phdr);
    return MF_OK;
}

/* Which segment it is; what it holds is the library OS's to judge (abi/root.h). */
static mf_err check_root(const struct image *image, struct mf_why *why)
{
    const struct mf_image_info *info = &image->info;
    const struct image_segment *last = &image->segment[image->segment_count - 1];
    if (info->root_base == 0 && info->root_bytes == 0)
        return MF_OK;
    if (info->root_base != last->address || info->root_bytes != last->memory_bytes ||
        info->root_bytes != last->file_bytes || last->flags != PF_R)
        return refuse(why, "the root file system, 0x%" PRIx64 " bytes at 0x%" PRIx64 ", is not the "
                      "last segment, wholly of the file and read-only", info->root_bytes,
                      info->root_base);
    return MF_OK;
}
