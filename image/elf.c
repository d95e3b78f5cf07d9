/* elf.c: see elf.h. ELF-64 Object File Format, version 1.5. */
#include "image/elf.h"

#include <inttypes.h>
#include <string.h>

#include "machine.h"

mf_err elf_header(const uint8_t *file, size_t bytes, uint32_t headers_max, Elf64_Ehdr *header,
                  struct mf_why *why)
{
    if (bytes < sizeof *header || memcmp(file, ELFMAG, SELFMAG) != 0)
        return mf_why(why, MF_EFORMAT, "not an ELF file (%zu bytes)", bytes);
    memcpy(header, file, sizeof *header);
    const unsigned char *ident = header->e_ident;
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
        ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
        return mf_why(why, MF_EFORMAT,
                      "not a 64-bit little-endian ELF file of version 1 (class %u, data %u, "
                      "versions %u and %" PRIu32 ")",
                      ident[EI_CLASS], ident[EI_DATA], ident[EI_VERSION], header->e_version);
    if (header->e_machine != IMAGE_MACHINE)
        return mf_why(why, MF_EFORMAT, "for ELF machine %u; this build runs %s (%u)",
                      header->e_machine, IMAGE_MACHINE_NAME, IMAGE_MACHINE);
    if (header->e_ehsize != sizeof(Elf64_Ehdr) || header->e_phentsize != sizeof(Elf64_Phdr))
        return mf_why(why, MF_EFORMAT, "ELF header of %u bytes and program headers of %u, not %zu "
                      "and %zu", header->e_ehsize, header->e_phentsize, sizeof(Elf64_Ehdr),
                      sizeof(Elf64_Phdr));
    if (header->e_phnum == 0 || header->e_phnum > headers_max)
        return mf_why(why, MF_EFORMAT, "%u program headers; 1 to %" PRIu32 " are allowed",
                      header->e_phnum, headers_max);
    if (!elf_within(header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr), bytes))
        return mf_why(why, MF_EFORMAT,
                      "program headers at 0x%" PRIx64 " lie past the file's end (%zu bytes)",
                      header->e_phoff, bytes);
    return MF_OK;
}

void elf_program_header(const uint8_t *file, const Elf64_Ehdr *header, uint32_t index,
                        Elf64_Phdr *segment)
{
    mf_assert(index < header->e_phnum);
    memcpy(segment, file + header->e_phoff + index * sizeof *segment, sizeof *segment);
}

bool elf_section_header(const uint8_t *file, size_t bytes, const Elf64_Ehdr *header,
                        uint32_t index, Elf64_Shdr *section)
{
    if (index >= header->e_shnum || header->e_shentsize != sizeof *section ||
        !elf_within(header->e_shoff, header->e_shnum * sizeof *section, bytes))
        return false;
    memcpy(section, file + header->e_shoff + index * sizeof *section, sizeof *section);
    return true;
}
