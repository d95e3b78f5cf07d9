/*
 * pack_part.c: check an input of the packer and find its segments and symbols.
 * Guarantees: every range in a struct pack_part lies inside the input. Leaves the
 * rules of a whole image to image_parse(), which pack.c asks at the end.
 */
#include "image/pack_part.h"

#include <inttypes.h>
#include <string.h>

#include "image/elf.h"

#define refuse(why, ...) mf_why(why, MF_EFORMAT, __VA_ARGS__)

static mf_err check_type(const struct pack_part *part, struct mf_why *why);
static uint64_t find_bias(const struct pack_part *part, uint64_t low);
static mf_err take_segment(struct pack_part *part, const Elf64_Phdr *phdr, uint64_t low,
                           uint64_t high, struct mf_why *why);

mf_err pack_part_read(const char *name, const uint8_t *file, size_t bytes, uint64_t low,
                      uint64_t high, struct pack_part *part, struct mf_why *why)
{
    *part = (struct pack_part){.name = name, .file = file, .bytes = bytes};
    mf_err err = elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &part->header, why);
    if (!err)
        err = check_type(part, why);
    if (!err)
        part->bias = find_bias(part, low);
    for (uint32_t i = 0; i < part->header.e_phnum && !err; i++) {
        Elf64_Phdr phdr;
        elf_program_header(file, &part->header, i, &phdr);
        phdr.p_vaddr += part->bias;
        if (phdr.p_type == PT_LOAD && phdr.p_memsz > 0)
            err = take_segment(part, &phdr, low, high, why);
    }
    if (!err && part->segment_count == 0)
        err = refuse(why, "nothing to load in it");
    return err;
}

bool pack_part_moves(const uint8_t *file, size_t bytes)
{
    Elf64_Ehdr header;
    return elf_header(file, bytes, MF_PROGRAM_HEADERS_MAX, &header, NULL) == MF_OK && header.e_type == ET_DYN;
}

uint64_t pack_part_end(const struct pack_part *part)
{
    const struct pack_segment *last = &part->segment[part->segment_count - 1];
    return last->address + last->memory_bytes;
}

const struct pack_segment *pack_part_segment(const struct pack_part *part, uint64_t address,
                                             uint64_t bytes)
{
    for (uint32_t i = 0; i < part->segment_count; i++) {
        const struct pack_segment *segment = &part->segment[i];
        if (address >= segment->address &&
            elf_within(address - segment->address, bytes, segment->memory_bytes))
            return segment;
    }
    return NULL;
}

bool pack_part_symtab(const struct pack_part *part, Elf64_Shdr *symbols, Elf64_Shdr *strings)
{
    for (uint32_t i = 0; i < MF_PACK_SECTIONS_MAX; i++) {
        if (!elf_section_header(part->file, part->bytes, &part->header, i, symbols))
            return false;
        if (symbols->sh_type == SHT_SYMTAB)
            return elf_within(symbols->sh_offset, symbols->sh_size, part->bytes) &&
                   elf_section_header(part->file, part->bytes, &part->header, symbols->sh_link,
                                      strings) &&
                   strings->sh_type == SHT_STRTAB &&
                   elf_within(strings->sh_offset, strings->sh_size, part->bytes);
    }
    return false;
}

const char *pack_part_string(const struct pack_part *part, const Elf64_Shdr *strings, uint32_t at)
{
    if (at >= strings->sh_size)
        return "";
    const char *string = (const char *)part->file + strings->sh_offset + at;
    uint64_t room = strings->sh_size - at;
    uint64_t limit = room < MF_PACK_NAME_BYTES_MAX ? room : MF_PACK_NAME_BYTES_MAX;
    return memchr(string, '\0', limit) ? string : "";
}

bool pack_part_note(const struct pack_part *part, uint32_t type)
{
    static const char owner[] = MF_NOTE_OWNER;
    for (uint32_t i = 0; i < part->header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(part->file, &part->header, i, &phdr);
        if (phdr.p_type != PT_NOTE || !elf_within(phdr.p_offset, phdr.p_filesz, part->bytes))
            continue;
        uint64_t at = phdr.p_offset, end = at + phdr.p_filesz;
        for (Elf64_Nhdr note; end - at >= sizeof note;) {
            memcpy(&note, part->file + at, sizeof note);
            uint64_t room = end - at - sizeof note;
            uint64_t bytes = (note.n_namesz + UINT64_C(3)) / 4 * 4 + (note.n_descsz + UINT64_C(3)) / 4 * 4;
            if (note.n_type == type && note.n_namesz == sizeof owner && sizeof owner <= room &&
                memcmp(part->file + at + sizeof note, owner, sizeof owner) == 0)
                return true;
            if (bytes >= room)
                break;
            at += sizeof note + bytes;
        }
    }
    return false;
}

mf_err pack_part_symbol(const struct pack_part *part, const char *name, uint64_t *value,
                        struct mf_why *why)
{
    Elf64_Shdr symbols, strings;
    if (!pack_part_symtab(part, &symbols, &strings))
        return refuse(why, "it has no symbol table, in which `%s` was looked for", name);
    uint64_t count = symbols.sh_size / sizeof(Elf64_Sym);
    for (uint64_t i = 0; i < count && i < MF_PACK_SYMBOLS_MAX; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, part->file + symbols.sh_offset + i * sizeof symbol, sizeof symbol);
        if (symbol.st_shndx != SHN_UNDEF &&
            strcmp(pack_part_string(part, &strings, symbol.st_name), name) == 0) {
            *value = symbol.st_value;
            return MF_OK;
        }
    }
    return refuse(why, "it does not define the symbol `%s`", name);
}

static mf_err check_type(const struct pack_part *part, struct mf_why *why)
{
    bool dynamic = false;
    for (uint32_t i = 0; i < part->header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(part->file, &part->header, i, &phdr);
        if (phdr.p_type == PT_INTERP)
            return refuse(why, "dynamically linked, so it needs its loader and libraries: give it with "
                               "the root file system that has them (--rootfs), or link it with -static");
        if (phdr.p_type == PT_GNU_STACK && (phdr.p_flags & PF_X))
            return refuse(why, "it asks for an executable stack; link it with -Wl,-z,noexecstack");
        dynamic = dynamic || phdr.p_type == PT_DYNAMIC;
    }
    if (part->header.e_type == ET_DYN && dynamic)
        return MF_OK; /* static-pie: it relocates itself */
    if (part->header.e_type != ET_EXEC)
        return refuse(why, "ELF type %u, not an executable (%u)", part->header.e_type, ET_EXEC);
    if (dynamic)
        return refuse(why, "it has a dynamic section, but no loader; link it with -static -no-pie");
    return MF_OK;
}

/* Where a position-independent input goes: its lowest page to low. Values of hostile headers may
 * wrap around; what comes of them is checked as any address is. */
static uint64_t find_bias(const struct pack_part *part, uint64_t low)
{
    uint64_t lowest = UINT64_MAX;
    if (part->header.e_type != ET_DYN)
        return 0;
    for (uint32_t i = 0; i < part->header.e_phnum; i++) {
        Elf64_Phdr phdr;
        elf_program_header(part->file, &part->header, i, &phdr);
        if (phdr.p_type == PT_LOAD && phdr.p_memsz > 0 && phdr.p_vaddr < lowest)
            lowest = phdr.p_vaddr;
    }
    return low - lowest / MF_PAGE_BYTES * MF_PAGE_BYTES;
}

static uint64_t page_up(uint64_t value)
{
    return (value + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES * MF_PAGE_BYTES;
}

static mf_err check_segment(const struct pack_part *part, const Elf64_Phdr *phdr, uint64_t low,
                            uint64_t high, struct mf_why *why)
{
    uint32_t index = part->segment_count;
    if (index == MF_IMAGE_SEGMENTS_MAX)
        return refuse(why, "more than %u segments", MF_IMAGE_SEGMENTS_MAX);
    if (!elf_within(phdr->p_offset, phdr->p_filesz, part->bytes))
        return refuse(why, "segment %" PRIu32 ": 0x%" PRIx64 " bytes at 0x%" PRIx64
                      " of the file, which has 0x%zx; it is cut short", index, phdr->p_filesz,
                      phdr->p_offset, part->bytes);
    if (phdr->p_filesz > phdr->p_memsz)
        return refuse(why, "segment %" PRIu32 ": 0x%" PRIx64 " bytes of memory for 0x%" PRIx64
                      " of the file", index, phdr->p_memsz, phdr->p_filesz);
    if (phdr->p_vaddr < low || phdr->p_vaddr >= high || phdr->p_memsz > high - phdr->p_vaddr)
        return refuse(why, "segment %" PRIu32 ": 0x%" PRIx64 " bytes at 0x%" PRIx64
                      ", outside the %s's range, 0x%" PRIx64 "..0x%" PRIx64
                      "; link it with -Wl,-Ttext-segment=0x%" PRIx64,
                      index, phdr->p_memsz, phdr->p_vaddr, part->name, low, high, low);
    if ((phdr->p_flags & PF_W) && (phdr->p_flags & PF_X))
        return refuse(why, "segment %" PRIu32 ": 0x%" PRIx64 "..0x%" PRIx64 " is both writable "
                      "and executable", index, phdr->p_vaddr, phdr->p_vaddr + phdr->p_memsz);
    return MF_OK;
}

/* high is at most MF_WINDOW_MAX, so none of these sums overflows. */
static mf_err take_segment(struct pack_part *part, const Elf64_Phdr *phdr, uint64_t low,
                           uint64_t high, struct mf_why *why)
{
    mf_err err = check_segment(part, phdr, low, high, why);
    if (err)
        return err;
    uint64_t lead = phdr->p_vaddr % MF_PAGE_BYTES;
    struct pack_segment segment = {
        .address = phdr->p_vaddr - lead,
        .memory_bytes = page_up(lead + phdr->p_memsz),
        .lead_bytes = lead,
        .source_offset = phdr->p_offset,
        .source_bytes = phdr->p_filesz,
        .file_bytes = phdr->p_filesz ? page_up(lead + phdr->p_filesz) : 0,
        .flags = phdr->p_flags & (uint32_t)(PF_R | PF_W | PF_X),
    };
    uint32_t index = part->segment_count;
    if (index && segment.address < pack_part_end(part))
        return refuse(why, "segments %" PRIu32 " and %" PRIu32 " overlap or share a page at 0x%"
                      PRIx64 "; link it with -Wl,-z,separate-code", index - 1, index,
                      segment.address);
    part->segment[index] = segment;
    part->segment_count = index + 1;
    return MF_OK;
}
