/*
 * elf.c: see elf.h.
 * Guarantees: reads nothing outside the file, whatever its headers say. Owns nothing.
 */
#include "kernel/fs/elf.h"

#include <linux/elf.h>
#include <stddef.h>

#include "abi/image.h"
#include "kernel/core/string.h"

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(MF_PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + MF_PAGE_BYTES - 1);
}

/* Its table of program headers. NULL: none that makes sense. */
static const struct elf64_phdr *table_of(const void *file, uint64_t bytes, uint32_t *count)
{
    const struct elf64_hdr *header = file;
    if (bytes < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_phentsize != sizeof(struct elf64_phdr) || header->e_phnum == 0 ||
        header->e_phnum > MF_PROGRAM_HEADERS_MAX || header->e_phoff % sizeof(uint64_t) ||
        header->e_phoff > bytes || header->e_phnum * sizeof(struct elf64_phdr) > bytes - header->e_phoff)
        return NULL;
    *count = header->e_phnum;
    return (const struct elf64_phdr *)((const uint8_t *)file + header->e_phoff);
}

static bool is_loaded(const struct elf64_phdr *segment)
{
    return segment->p_type == PT_LOAD && segment->p_memsz && segment->p_vaddr < MF_WINDOW_MAX &&
           segment->p_memsz < MF_WINDOW_MAX && segment->p_filesz <= segment->p_memsz;
}

static bool find_span(const void *file, uint64_t bytes, uint64_t *low, uint64_t *high)
{
    uint32_t count = 0;
    const struct elf64_phdr *segment = table_of(file, bytes, &count);
    *low = UINT64_MAX;
    *high = 0;
    for (uint32_t i = 0; segment && i < count; i++) {
        uint64_t start = page_down(segment[i].p_vaddr);
        uint64_t end = page_up(segment[i].p_vaddr + segment[i].p_memsz);
        if (!is_loaded(&segment[i]))
            continue;
        *low = start < *low ? start : *low;
        *high = end > *high ? end : *high;
    }
    return *high > *low;
}

bool elf_span(const void *file, uint64_t bytes, uint64_t *span)
{
    uint64_t low, high;
    bool found = find_span(file, bytes, &low, &high);
    *span = high - low;
    return found;
}

bool elf_holds(const void *file, uint64_t bytes, uint64_t distance, uint64_t offset,
               uint64_t length)
{
    uint64_t low, high;
    uint32_t count = 0;
    const struct elf64_phdr *segment = table_of(file, bytes, &count);
    if (!find_span(file, bytes, &low, &high))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start = page_down(segment[i].p_vaddr) - low;
        uint64_t end = page_up(segment[i].p_vaddr + segment[i].p_filesz) - low;
        if (is_loaded(&segment[i]) && distance >= start && distance < end &&
            length <= end - distance &&
            offset == page_down(segment[i].p_offset) + (distance - start))
            return true;
    }
    return false;
}

bool elf_piece(const void *file, uint64_t bytes, uint64_t distance, uint64_t *end, uint64_t *offset)
{
    uint64_t low, high;
    uint32_t count = 0;
    const struct elf64_phdr *segment = table_of(file, bytes, &count);
    bool found = find_span(file, bytes, &low, &high);
    *end = found ? high - low : 0;
    for (uint32_t i = 0; found && i < count; i++) {
        uint64_t start = page_down(segment[i].p_vaddr) - low;
        uint64_t stop = page_up(segment[i].p_vaddr + segment[i].p_filesz) - low;
        if (!is_loaded(&segment[i]))
            continue;
        if (distance >= start && distance < stop) {
            *end = stop;
            *offset = page_down(segment[i].p_offset) + (distance - start);
            return true;
        }
        if (start > distance && start < *end)
            *end = start;
    }
    return false;
}

/* Where its own headers are in memory, which is where the segment that holds them has them. */
static uint64_t headers_of(const void *file, uint64_t bytes)
{
    const struct elf64_hdr *header = file;
    const uint64_t table_bytes = (uint64_t)header->e_phnum * header->e_phentsize;
    struct elf_segment segment;
    for (uint32_t number = 0; elf_segment(file, bytes, &number, &segment);)
        if (header->e_phoff >= segment.offset && table_bytes <= segment.file_bytes &&
            header->e_phoff - segment.offset <= segment.file_bytes - table_bytes)
            return segment.address + (header->e_phoff - segment.offset);
    return 0;
}

bool elf_program(const void *file, uint64_t bytes, struct elf_program *program)
{
    const struct elf64_hdr *header = file;
    uint64_t high;
    if (!find_span(file, bytes, &program->low, &high) || header->e_machine != EM_X86_64 ||
        (header->e_type != ET_EXEC && header->e_type != ET_DYN) || header->e_entry < program->low ||
        header->e_entry >= high)
        return false;
    program->entry = header->e_entry;
    program->headers = headers_of(file, bytes);
    program->header_count = header->e_phnum;
    program->moves = header->e_type == ET_DYN;
    return true;
}

bool elf_segment(const void *file, uint64_t bytes, uint32_t *number, struct elf_segment *segment)
{
    uint32_t count = 0;
    const struct elf64_phdr *header = table_of(file, bytes, &count);
    while (header && *number < count) {
        const struct elf64_phdr *next = &header[(*number)++];
        if (!is_loaded(next) || next->p_offset > bytes || next->p_filesz > bytes - next->p_offset)
            continue;
        *segment = (struct elf_segment){.address = next->p_vaddr,
                                        .memory_bytes = next->p_memsz,
                                        .offset = next->p_offset,
                                        .file_bytes = next->p_filesz,
                                        .writes = next->p_flags & PF_W,
                                        .executes = next->p_flags & PF_X};
        return true;
    }
    return false;
}

const char *elf_loader(const void *file, uint64_t bytes)
{
    uint32_t count = 0;
    const struct elf64_phdr *segment = table_of(file, bytes, &count);
    for (uint32_t i = 0; segment && i < count; i++)
        if (segment[i].p_type == PT_INTERP && segment[i].p_offset < bytes && segment[i].p_filesz &&
            segment[i].p_filesz <= bytes - segment[i].p_offset) {
            const char *path = (const char *)file + segment[i].p_offset;
            return path[segment[i].p_filesz - 1] == 0 ? path : NULL;
        }
    return NULL;
}
