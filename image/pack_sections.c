/*
 * pack_sections.c: what gdb, nm, objdump and readelf read of an image: section
 * headers of both parts (the kernel's named .kernel.*), the program's DWARF as it
 * is, and one symbol table. An image is linked at its final addresses, so nothing
 * has to be relocated; two sets of DWARF would have to be, so only the program's is
 * carried (gdb finds the kernel's with `add-symbol-file kernel.elf`). Of the kernel's sections that
 * are not loaded one is, which says what it is made of (parts.h).
 * The symbols' order is a promise to image_symbol(): locals, then the rest, each
 * ascending. The kernel's are all local, so the program's names win in a debugger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/elf.h"
#include "image/pack_part.h"
#include "image/parts.h"

#define SECTION_NAME_BYTES_MAX (MF_PACK_NAME_BYTES_MAX + 8u) /* with ".kernel" */
#define ALIGN_MAX 16u
#define KEPT_FLAGS ((uint64_t)(SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR))
#define DEBUG_PREFIX ".debug_"

struct named_symbol {
    Elf64_Sym symbol;
    const char *name; /* in the input */
};

struct tables {
    struct mf_buf headers; /* Elf64_Shdr */
    struct mf_buf names;   /* .shstrtab  */
    uint16_t kernel_index[MF_PACK_SECTIONS_MAX]; /* input's section → image's, 0 = none */
    uint16_t program_index[MF_PACK_SECTIONS_MAX];
    struct named_symbol *symbol;
    size_t symbol_count, local_count;
};

static mf_err add_header(struct tables *tables, const char *prefix, const char *name,
                         const Elf64_Shdr *header, struct mf_why *why);
static mf_err add_loaded(struct tables *tables, const struct pack_part *part, const char *prefix,
                         uint16_t *index, struct mf_why *why);
static mf_err add_unloaded(struct tables *tables, const struct pack_part *part, const char *prefix,
                           const char *wanted, struct mf_buf *out, struct mf_why *why);
static mf_err collect_symbols(struct tables *tables, const struct pack_part *part, bool local,
                              const uint16_t *index);
static mf_err add_symbols(struct tables *tables, struct mf_buf *out, struct mf_why *why);
static mf_err add_names_and_headers(struct tables *tables, struct mf_buf *out, Elf64_Ehdr *header,
                                    struct mf_why *why);

static mf_err add_all(struct tables *tables, const struct pack_part *kernel,
                      const struct pack_part *program, const Elf64_Phdr *note, struct mf_buf *out,
                      Elf64_Ehdr *header, struct mf_why *why)
{
    Elf64_Shdr null_section = {0};
    Elf64_Shdr note_section = {
        .sh_type = SHT_NOTE,
        .sh_offset = note->p_offset,
        .sh_size = note->p_filesz,
        .sh_addralign = note->p_align,
    };
    mf_err err = add_header(tables, "", "", &null_section, why);
    if (!err)
        err = add_header(tables, "", ".note.mayfly", &note_section, why);
    if (!err)
        err = add_loaded(tables, kernel, ".kernel", tables->kernel_index, why);
    if (!err)
        err = add_loaded(tables, program, "", tables->program_index, why);
    if (!err)
        err = add_unloaded(tables, kernel, ".kernel", MF_PARTS_SECTION, out, why);
    if (!err && !program->bias) /* else it would have to be relocated */
        err = add_unloaded(tables, program, "", DEBUG_PREFIX, out, why);
    if (!err)
        err = collect_symbols(tables, kernel, true, tables->kernel_index);
    if (!err)
        err = collect_symbols(tables, program, false, tables->program_index);
    if (!err)
        err = add_symbols(tables, out, why);
    return err ? err : add_names_and_headers(tables, out, header, why);
}

mf_err pack_add_sections(const struct pack_part *kernel, const struct pack_part *program,
                         const Elf64_Phdr *note, struct mf_buf *out, Elf64_Ehdr *header,
                         struct mf_why *why)
{
    struct tables *tables = calloc(1, sizeof *tables);
    if (!tables)
        return MF_ENOMEM;
    mf_err err = add_all(tables, kernel, program, note, out, header, why);
    mf_buf_close(&tables->headers);
    mf_buf_close(&tables->names);
    free(tables->symbol);
    free(tables);
    return err;
}

static mf_err add_header(struct tables *tables, const char *prefix, const char *name,
                         const Elf64_Shdr *header, struct mf_why *why)
{
    char whole[SECTION_NAME_BYTES_MAX];
    (void)snprintf(whole, sizeof whole, "%s%s", prefix, name);
    Elf64_Shdr named = *header;
    named.sh_name = (Elf64_Word)tables->names.bytes;
    mf_err err = pack_add(&tables->names, 1, whole, strlen(whole) + 1, why);
    return err ? err : pack_add(&tables->headers, 1, &named, sizeof named, why);
}

static uint16_t header_count(const struct tables *tables)
{
    return (uint16_t)(tables->headers.bytes / sizeof(Elf64_Shdr));
}

static bool part_section(const struct pack_part *part, uint32_t i, Elf64_Shdr *section,
                         const char **name)
{
    Elf64_Shdr strings;
    if (!elf_section_header(part->file, part->bytes, &part->header, i, section))
        return false;
    bool named = elf_section_header(part->file, part->bytes, &part->header,
                                    part->header.e_shstrndx, &strings) &&
                 strings.sh_type == SHT_STRTAB &&
                 elf_within(strings.sh_offset, strings.sh_size, part->bytes);
    *name = named ? pack_part_string(part, &strings, section->sh_name) : "";
    return true;
}

/* Turn an input's loaded section into the image's. False: it describes nothing that
 * is in a segment. */
static bool place_section(const struct pack_part *part, Elf64_Shdr *section)
{
    if (!(section->sh_flags & SHF_ALLOC) || section->sh_type == SHT_NULL || !section->sh_size)
        return false;
    section->sh_addr += part->bias;
    const struct pack_segment *segment =
        pack_part_segment(part, section->sh_addr, section->sh_size);
    if (!segment)
        return false;
    uint64_t into = section->sh_addr - segment->address;
    bool nobits = section->sh_type == SHT_NOBITS;
    if (nobits && (section->sh_flags & SHF_TLS))
        return false; /* .tbss takes no memory where it seems to stand */
    if (!nobits && (into < segment->lead_bytes ||
                    section->sh_offset != segment->source_offset + into - segment->lead_bytes ||
                    into + section->sh_size > segment->lead_bytes + segment->source_bytes))
        return false;
    bool array = section->sh_type == SHT_INIT_ARRAY || section->sh_type == SHT_FINI_ARRAY ||
                 section->sh_type == SHT_PREINIT_ARRAY;
    if (!nobits && !array && section->sh_type != SHT_NOTE)
        section->sh_type = SHT_PROGBITS;
    section->sh_flags &= KEPT_FLAGS;
    section->sh_offset = segment->file_offset + (nobits ? segment->file_bytes : into);
    section->sh_link = section->sh_info = 0;
    section->sh_entsize = array ? sizeof(uint64_t) : 0;
    return true;
}

static mf_err add_loaded(struct tables *tables, const struct pack_part *part, const char *prefix,
                         uint16_t *index, struct mf_why *why)
{
    Elf64_Shdr section;
    const char *name;
    mf_err err = MF_OK;
    for (uint32_t i = 0; i < MF_PACK_SECTIONS_MAX && !err && part_section(part, i, &section, &name);
         i++) {
        if (!place_section(part, &section))
            continue;
        index[i] = header_count(tables);
        err = add_header(tables, prefix, name, &section, why);
    }
    return err;
}

/* Sections whose names begin so. */
static mf_err add_unloaded(struct tables *tables, const struct pack_part *part, const char *prefix,
                           const char *wanted, struct mf_buf *out, struct mf_why *why)
{
    Elf64_Shdr section;
    const char *name;
    for (uint32_t i = 0; i < MF_PACK_SECTIONS_MAX && part_section(part, i, &section, &name); i++) {
        if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_ALLOC) ||
            strncmp(name, wanted, strlen(wanted)) != 0 ||
            !elf_within(section.sh_offset, section.sh_size, part->bytes))
            continue;
        uint64_t align = section.sh_addralign;
        if (align == 0 || align > ALIGN_MAX || (align & (align - 1)))
            align = 1;
        mf_err err = pack_add(out, align, part->file + section.sh_offset, section.sh_size, why);
        section.sh_offset = out->bytes - section.sh_size;
        section.sh_addr = 0;
        section.sh_addralign = align;
        section.sh_link = section.sh_info = 0;
        if (!err)
            err = add_header(tables, prefix, name, &section, why);
        if (err)
            return err;
    }
    return MF_OK;
}

/* Is it a place in memory that a tool can name? Then make it the image's. */
static bool place_symbol(const struct pack_part *part, bool local, const uint16_t *index,
                         Elf64_Sym *symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info), bind = ELF64_ST_BIND(symbol->st_info);
    if (type != STT_NOTYPE && type != STT_OBJECT && type != STT_FUNC && type != STT_GNU_IFUNC)
        return false;
    symbol->st_value += part->bias;
    if (symbol->st_shndx >= MF_PACK_SECTIONS_MAX || !index[symbol->st_shndx] ||
        !pack_part_segment(part, symbol->st_value, 0))
        return false;
    if (local)
        bind = STB_LOCAL;
    else if (bind != STB_LOCAL && bind != STB_WEAK)
        bind = STB_GLOBAL;
    symbol->st_info = (unsigned char)ELF64_ST_INFO(bind, type);
    symbol->st_other &= 3; /* visibility */
    symbol->st_shndx = index[symbol->st_shndx];
    return true;
}

static mf_err collect_symbols(struct tables *tables, const struct pack_part *part, bool local,
                              const uint16_t *index)
{
    Elf64_Shdr symbols, strings;
    if (!pack_part_symtab(part, &symbols, &strings))
        return MF_OK;
    uint64_t count = symbols.sh_size / sizeof(Elf64_Sym);
    if (count > MF_PACK_SYMBOLS_MAX)
        count = MF_PACK_SYMBOLS_MAX;
    struct named_symbol *grown = realloc(
        tables->symbol, (tables->symbol_count + count + 1) * sizeof *grown);
    if (!grown)
        return MF_ENOMEM;
    tables->symbol = grown;
    for (uint64_t i = 0; i < count; i++) {
        struct named_symbol named;
        memcpy(&named.symbol, part->file + symbols.sh_offset + i * sizeof named.symbol,
               sizeof named.symbol);
        named.name = pack_part_string(part, &strings, named.symbol.st_name);
        if (!*named.name || !place_symbol(part, local, index, &named.symbol))
            continue;
        tables->symbol[tables->symbol_count++] = named;
        tables->local_count += ELF64_ST_BIND(named.symbol.st_info) == STB_LOCAL;
    }
    return MF_OK;
}

/* Total, so that the order does not depend on the sort: locals, then by address; the
 * symbol with a size last of those at one address, since lookups take the last. */
static int by_place(const void *left, const void *right)
{
    const struct named_symbol *a = left, *b = right;
    bool a_global = ELF64_ST_BIND(a->symbol.st_info) != STB_LOCAL;
    bool b_global = ELF64_ST_BIND(b->symbol.st_info) != STB_LOCAL;
    if (a_global != b_global)
        return a_global - b_global;
    if (a->symbol.st_value != b->symbol.st_value)
        return a->symbol.st_value < b->symbol.st_value ? -1 : 1;
    if (a->symbol.st_size != b->symbol.st_size)
        return a->symbol.st_size < b->symbol.st_size ? -1 : 1;
    if (a->symbol.st_info != b->symbol.st_info)
        return a->symbol.st_info < b->symbol.st_info ? -1 : 1;
    return strcmp(a->name, b->name);
}

static mf_err add_symbols(struct tables *tables, struct mf_buf *out, struct mf_why *why)
{
    struct mf_buf strings = {0};
    Elf64_Sym null_symbol = {0};
    if (tables->symbol_count)
        qsort(tables->symbol, tables->symbol_count, sizeof *tables->symbol, by_place);
    mf_err err = pack_add(out, sizeof(uint64_t), &null_symbol, sizeof null_symbol, why);
    uint64_t start = out->bytes - sizeof null_symbol;
    if (!err)
        err = pack_add(&strings, 1, "", 1, why);
    for (size_t i = 0; i < tables->symbol_count && !err; i++) {
        struct named_symbol *named = &tables->symbol[i];
        named->symbol.st_name = (Elf64_Word)strings.bytes;
        err = pack_add(&strings, 1, named->name, strlen(named->name) + 1, why);
        if (!err)
            err = pack_add(out, 1, &named->symbol, sizeof named->symbol, why);
    }
    uint16_t index = header_count(tables);
    Elf64_Shdr symbol_section = {
        .sh_type = SHT_SYMTAB,
        .sh_offset = start,
        .sh_size = out->bytes - start,
        .sh_link = index + 1u,
        .sh_info = (Elf64_Word)tables->local_count + 1, /* the null symbol is local */
        .sh_addralign = sizeof(uint64_t),
        .sh_entsize = sizeof(Elf64_Sym),
    };
    Elf64_Shdr string_section = {
        .sh_type = SHT_STRTAB,
        .sh_offset = out->bytes,
        .sh_size = strings.bytes,
        .sh_addralign = 1,
    };
    if (!err)
        err = pack_add(out, 1, strings.data, strings.bytes, why);
    if (!err)
        err = add_header(tables, "", ".symtab", &symbol_section, why);
    if (!err)
        err = add_header(tables, "", ".strtab", &string_section, why);
    mf_buf_close(&strings);
    return err;
}

static mf_err add_names_and_headers(struct tables *tables, struct mf_buf *out, Elf64_Ehdr *header,
                                    struct mf_why *why)
{
    static const char name[] = ".shstrtab";
    Elf64_Shdr section = {
        .sh_type = SHT_STRTAB,
        .sh_offset = out->bytes,
        .sh_size = tables->names.bytes + sizeof name,
        .sh_addralign = 1,
    };
    mf_err err = add_header(tables, "", name, &section, why);
    if (!err)
        err = pack_add(out, 1, tables->names.data, tables->names.bytes, why);
    if (!err)
        err = pack_add(out, sizeof(uint64_t), tables->headers.data, tables->headers.bytes, why);
    header->e_shoff = out->bytes - tables->headers.bytes;
    header->e_shnum = header_count(tables);
    header->e_shstrndx = (Elf64_Half)(header->e_shnum - 1u);
    return err;
}
