/* parts.c: see parts.h. Section headers and names are hostile: each index is bounded where it is
 * used, and the work is bounded by the section's bytes times MF_PARTS_MAX. */
#include "image/parts.h"

#include <string.h>

#include "image/elf.h"

#define IMAGE_SECTION ".kernel" MF_PARTS_SECTION

static bool find(const struct image_file *file, Elf64_Shdr *section);
static void count(struct image_part part[MF_PARTS_MAX], size_t *parts, const char *path);

size_t image_parts(const struct image_file *file, struct image_part part[MF_PARTS_MAX])
{
    Elf64_Shdr section;
    size_t parts = 0;
    if (!find(file, &section))
        return 0;
    const char *at = (const char *)file->data + section.sh_offset;
    size_t left = section.sh_size < MF_PARTS_BYTES_MAX ? (size_t)section.sh_size : MF_PARTS_BYTES_MAX;
    while (left) {
        size_t bytes = strnlen(at, left);
        if (bytes == left) /* no NUL */
            break;
        count(part, &parts, at);
        at += bytes + 1;
        left -= bytes + 1;
    }
    return parts;
}

static bool named(const struct image_file *file, const Elf64_Shdr *strings, uint32_t offset)
{
    const size_t bytes = sizeof IMAGE_SECTION;
    return elf_within(offset, bytes, strings->sh_size) &&
           memcmp(file->data + strings->sh_offset + offset, IMAGE_SECTION, bytes) == 0;
}

static bool find(const struct image_file *file, Elf64_Shdr *section)
{
    Elf64_Ehdr header;
    Elf64_Shdr strings;
    if (!file->data || file->bytes < sizeof header)
        return false;
    memcpy(&header, file->data, sizeof header);
    if (!elf_section_header(file->data, file->bytes, &header, header.e_shstrndx, &strings) ||
        !elf_within(strings.sh_offset, strings.sh_size, file->bytes))
        return false;
    for (uint32_t i = 0; i < header.e_shnum && i < MF_SYMBOL_SECTIONS_MAX; i++) {
        if (!elf_section_header(file->data, file->bytes, &header, i, section))
            return false;
        if (section->sh_type == SHT_PROGBITS && named(file, &strings, section->sh_name))
            return elf_within(section->sh_offset, section->sh_size, file->bytes);
    }
    return false;
}

static void count(struct image_part part[MF_PARTS_MAX], size_t *parts, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t bytes = slash ? (size_t)(slash - path) : 0;
    if (bytes == 0 || bytes >= MF_PART_NAME_BYTES_MAX ||
        strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789_/") < bytes)
        return;
    size_t i = 0;
    while (i < *parts && !(strlen(part[i].folder) == bytes && memcmp(part[i].folder, path, bytes) == 0))
        i++;
    if (i == MF_PARTS_MAX)
        return;
    if (i == *parts) {
        part[i] = (struct image_part){.files = 0};
        memcpy(part[i].folder, path, bytes);
        ++*parts;
    }
    part[i].files++;
}
