/*
 * pack_part.h: within the packer, one input ELF (kernel or program) and the tools'
 * tables (sections, symbols) made from both. Nothing outside image/ includes it.
 */
#ifndef MF_IMAGE_PACK_PART_H
#define MF_IMAGE_PACK_PART_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"


/* A PT_LOAD of the input, widened to whole pages. */
struct pack_segment {
    uint64_t address;
    uint64_t memory_bytes;
    uint64_t lead_bytes;    /* zeros before the input's first byte        */
    uint64_t source_offset; /* in the input                               */
    uint64_t source_bytes;
    uint64_t file_offset;   /* in the image; the layout's (pack.c)        */
    uint64_t file_bytes;    /* in the image: lead, source, zeros to a page */
    uint32_t flags;
};

struct pack_part {
    const char *name; /* "kernel" or "program" */
    const uint8_t *file;
    size_t bytes;
    Elf64_Ehdr header;
    uint64_t bias;   /* added to the input's addresses: of a position-independent one */
    struct pack_segment segment[MF_IMAGE_SEGMENTS_MAX];
    uint32_t segment_count;
};

/* Check an input and find its segments, which must lie in [low, high); those of a
 * position-independent one (PIE) are put there from low on. file is borrowed as long as the part
 * is used. */
MF_CHECKED mf_err pack_part_read(const char *name, const uint8_t *file, size_t bytes,
                                 uint64_t low, uint64_t high, struct pack_part *part,
                                 struct mf_why *why);

/* Is it position-independent? */
bool pack_part_moves(const uint8_t *file, size_t bytes);

/* One past the last byte of its last segment. */
uint64_t pack_part_end(const struct pack_part *part);

/* The segment that holds [address, address + bytes) in memory, or NULL. */
const struct pack_segment *pack_part_segment(const struct pack_part *part, uint64_t address,
                                             uint64_t bytes);

/* The input's symbol table and its strings, bounds checked. False: it has none. */
bool pack_part_symtab(const struct pack_part *part, Elf64_Shdr *symbols, Elf64_Shdr *strings);
/* A string of a string section, NUL-ended inside it; "" where it is not, or longer
 * than MF_PACK_NAME_BYTES_MAX. */
const char *pack_part_string(const struct pack_part *part, const Elf64_Shdr *strings,
                             uint32_t at);

/* Has it a note of this type, of owner MF_NOTE_OWNER? */
bool pack_part_note(const struct pack_part *part, uint32_t type);

/* Value of a defined symbol by its name. MF_EFORMAT: there is no such one. */
MF_CHECKED mf_err pack_part_symbol(const struct pack_part *part, const char *name,
                                   uint64_t *value, struct mf_why *why);

/* Add to the image, whose segments are placed, all that debuggers read: section
 * headers of both parts, the program's DWARF, one symbol table. Sets e_shoff, e_shnum,
 * e_shstrndx of *header. note: where the image's note stands. */
MF_CHECKED mf_err pack_add_sections(const struct pack_part *kernel, const struct pack_part *program,
                                    const Elf64_Phdr *note, struct mf_buf *out, Elf64_Ehdr *header,
                                    struct mf_why *why);

/* Zeros up to a multiple of align (a power of two), then bytes of data; data NULL:
 * zeros. MF_ETOOBIG past MF_IMAGE_BYTES_MAX. */
MF_CHECKED mf_err pack_add(struct mf_buf *out, uint64_t align, const void *data, uint64_t bytes,
                           struct mf_why *why);

#endif
