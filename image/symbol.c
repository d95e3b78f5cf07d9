/*
 * symbol.c: names of addresses, from an image's .symtab. Section headers, symbols
 * and strings are hostile, and nothing has checked them before: every index is
 * bounded where it is used, and the work is two binary searches, whatever the
 * file says. The packer sorts symbols by address, locals first (pack_sections.c);
 * in a file that is not sorted some names are not found, no more.
 */
#include <string.h>

#include "base/limits.h"
#include "image/elf.h"
#include "image/image.h"

struct table {
    const uint8_t *symbols;
    uint64_t count;
    uint64_t locals; /* the first so many are local */
    const char *strings;
    uint64_t string_bytes;
};

static bool find_table(const struct image_file *file, struct table *table);
static Elf64_Sym symbol_at(const struct table *table, uint64_t index);
static bool nearest(const struct table *table, uint64_t from, uint64_t to, uint64_t address,
                    Elf64_Sym *symbol);
static bool same_segment(const struct image *image, uint64_t low, uint64_t high);
static const char *name_of(const struct table *table, const Elf64_Sym *symbol);

bool image_symbol(const struct image_file *file, uint64_t address, const char **name,
                  uint64_t *distance)
{
    struct table table;
    if (!find_table(file, &table))
        return false;
    Elf64_Sym local, global;
    bool has_local = nearest(&table, 0, table.locals, address, &local);
    bool has_global = nearest(&table, table.locals, table.count, address, &global);
    if (!has_local && !has_global)
        return false;
    const Elf64_Sym *best =
        has_global && (!has_local || global.st_value >= local.st_value) ? &global : &local;
    if (!same_segment(&file->image, best->st_value, address))
        return false;
    *name = name_of(&table, best);
    *distance = address - best->st_value;
    return *name != NULL;
}

struct image_symbol_counts image_count_symbols(const struct image_file *file)
{
    struct image_symbol_counts counts = {0};
    struct table table;
    if (!find_table(file, &table))
        return counts;
    for (uint64_t i = 0; i < table.count; i++) {
        Elf64_Sym symbol = symbol_at(&table, i);
        if (symbol.st_shndx == SHN_UNDEF)
            continue;
        if (symbol.st_value < MF_KERNEL_LIMIT)
            counts.kernel++;
        else
            counts.program++;
    }
    return counts;
}

static bool find_table(const struct image_file *file, struct table *table)
{
    if (!file->data || file->bytes < sizeof(Elf64_Ehdr))
        return false;
    Elf64_Ehdr header;
    memcpy(&header, file->data, sizeof header);
    uint32_t count = header.e_shnum < MF_SYMBOL_SECTIONS_MAX ? header.e_shnum : MF_SYMBOL_SECTIONS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        Elf64_Shdr symbols, strings;
        if (!elf_section_header(file->data, file->bytes, &header, i, &symbols))
            return false;
        if (symbols.sh_type != SHT_SYMTAB)
            continue;
        if (!elf_section_header(file->data, file->bytes, &header, symbols.sh_link, &strings) ||
            strings.sh_type != SHT_STRTAB ||
            !elf_within(symbols.sh_offset, symbols.sh_size, file->bytes) ||
            !elf_within(strings.sh_offset, strings.sh_size, file->bytes))
            return false;
        uint64_t symbol_count = symbols.sh_size / sizeof(Elf64_Sym);
        *table = (struct table){
            .symbols = file->data + symbols.sh_offset,
            .count = symbol_count,
            .locals = symbols.sh_info < symbol_count ? symbols.sh_info : symbol_count,
            .strings = (const char *)file->data + strings.sh_offset,
            .string_bytes = strings.sh_size,
        };
        return true;
    }
    return false;
}

static Elf64_Sym symbol_at(const struct table *table, uint64_t index)
{
    Elf64_Sym symbol;
    memcpy(&symbol, table->symbols + index * sizeof symbol, sizeof symbol);
    return symbol;
}

/* The last symbol of [from, to) at or below address, if it covers it. One without a
 * size (a label in assembly) covers up to the next one. */
static bool nearest(const struct table *table, uint64_t from, uint64_t to, uint64_t address,
                    Elf64_Sym *symbol)
{
    uint64_t low = from, high = to;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (symbol_at(table, middle).st_value <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == from)
        return false;
    *symbol = symbol_at(table, low - 1);
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value <= address &&
           (symbol->st_size == 0 || address - symbol->st_value < symbol->st_size);
}

/* So that a label at a segment's end does not name all that follows. */
static bool same_segment(const struct image *image, uint64_t low, uint64_t high)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        if (low >= segment->address && high - segment->address < segment->memory_bytes)
            return true;
    }
    return false;
}

/* Printable and NUL-ended inside the table, since it goes to a log; else NULL. */
static const char *name_of(const struct table *table, const Elf64_Sym *symbol)
{
    if (symbol->st_name >= table->string_bytes)
        return NULL;
    const char *name = table->strings + symbol->st_name;
    uint64_t room = table->string_bytes - symbol->st_name;
    uint64_t limit = room < MF_SYMBOL_NAME_BYTES_MAX ? room : MF_SYMBOL_NAME_BYTES_MAX;
    for (uint64_t i = 0; i < limit; i++) {
        if (name[i] == '\0')
            return i ? name : NULL;
        if (name[i] <= ' ' || name[i] > '~')
            return NULL;
    }
    return NULL;
}
