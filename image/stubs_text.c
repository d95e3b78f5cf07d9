/* stubs_text.c: see stubs.h. Data that lies between instructions (linkers mix them in one segment) is
 * nobody's text; the section headers of a hostile file tell nothing outside the segment. */
#include "image/elf.h"
#include "image/stubs.h"

static bool is_text(const Elf64_Shdr *section)
{
    return section->sh_type == SHT_PROGBITS && (section->sh_flags & SHF_ALLOC) &&
           (section->sh_flags & SHF_EXECINSTR);
}

void stubs_text(struct stubs *stubs, const struct stubs_file *file, uint64_t first, uint64_t bytes,
                uint8_t *code, uint64_t address)
{
    Elf64_Shdr section;
    bool told = false;
    for (uint32_t i = 0; elf_section_header(file->data, file->bytes, &file->header, i, &section); i++) {
        told = told || section.sh_type != SHT_NULL;
        if (!is_text(&section) || section.sh_addr < first || section.sh_addr - first > bytes ||
            section.sh_size > bytes - (section.sh_addr - first))
            continue;
        uint64_t at = section.sh_addr - first;
        stubs_make(stubs, code + at, section.sh_size, address + at);
    }
    if (!told) /* stripped of them */
        stubs_make(stubs, code, bytes, address);
}
