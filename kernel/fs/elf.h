/* elf.h: the segments of an ELF file that the image has as loaded (abi/root.h). Pure functions. */
#ifndef KERNEL_FS_ELF_H
#define KERNEL_FS_ELF_H

#include <stdbool.h>
#include <stdint.h>

/* How many bytes its segments span, in whole pages. False: it is none, or has none. */
bool elf_span(const void *file, uint64_t bytes, uint64_t *span);

/* Does the page at this distance from its beginning in memory hold the file from offset on, and so
 * many bytes of it? */
bool elf_holds(const void *file, uint64_t bytes, uint64_t distance, uint64_t offset,
               uint64_t length);

/* What of its segments lies at a distance from its beginning in memory, and how far that goes. True: the
 * file from offset on. False: zeros, or nothing. */
bool elf_piece(const void *file, uint64_t bytes, uint64_t distance, uint64_t *end, uint64_t *offset);

/* A file that can be executed where its segments are laid out: addresses are those of the file. */
struct elf_program {
    uint64_t low;     /* its lowest page                          */
    uint64_t entry;
    uint64_t headers; /* its program headers; 0: are not loaded   */
    uint32_t header_count;
    bool moves;       /* is position-independent                  */
};
/* False: it is none, of this processor. */
bool elf_program(const void *file, uint64_t bytes, struct elf_program *program);

/* A segment that is loaded, as elf_program() has its addresses. */
struct elf_segment {
    uint64_t address, memory_bytes;
    uint64_t offset, file_bytes; /* within the file */
    bool writes, executes;
};
/* The first one from a number on, which moves on behind it. False: no more. */
bool elf_segment(const void *file, uint64_t bytes, uint32_t *number, struct elf_segment *segment);

/* The path of the loader that it asks for, within the file and NUL-ended. NULL: none. */
const char *elf_loader(const void *file, uint64_t bytes);

#endif
