/*
 * elf.h: the ELF header and program headers of a hostile file, by copy. Used for
 * images and for the packer's inputs. No allocation. Any thread.
 */
#ifndef MF_IMAGE_ELF_H
#define MF_IMAGE_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* offset and bytes lie within a whole of that size; cannot overflow. */
static inline bool elf_within(uint64_t offset, uint64_t bytes, uint64_t whole)
{
    return offset <= whole && bytes <= whole - offset;
}

/* Copy and check the header: ELF64, little-endian, this machine, header sizes as the
 * standard has them, at most headers_max program headers and these inside the file.
 * Leaves e_type and the section headers to the caller. MF_EFORMAT with the reason. */
MF_CHECKED mf_err elf_header(const uint8_t *file, size_t bytes, uint32_t headers_max,
                             Elf64_Ehdr *header, struct mf_why *why);

/* Program header `index` of a header that elf_header() accepted. */
void elf_program_header(const uint8_t *file, const Elf64_Ehdr *header, uint32_t index,
                        Elf64_Phdr *segment);

/* Section header `index`. False: there is no such one inside the file. */
bool elf_section_header(const uint8_t *file, size_t bytes, const Elf64_Ehdr *header,
                        uint32_t index, Elf64_Shdr *section);

#endif
