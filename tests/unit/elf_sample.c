/* elf_sample.c: see elf_sample.h. */
#include "elf_sample.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "image/pack.h"

#define PAGE MF_PAGE_BYTES
#define NOTE_HEAD_BYTES 20u

static void add(struct mf_buf *out, const void *data, size_t bytes)
{
    mf_assert(mf_buf_add(out, data, bytes) == MF_OK);
}

static void pad_to(struct mf_buf *out, size_t offset)
{
    while (out->bytes < offset)
        add(out, "", 1);
}

static void add_segments(struct mf_buf *out, const struct sample_segment *segment,
                         uint32_t segments)
{
    for (uint32_t i = 0; i < segments; i++) {
        const struct sample_segment *s = &segment[i];
        Elf64_Phdr *phdr = sample_segment(out, i);
        phdr->p_type = PT_LOAD;
        phdr->p_flags = s->flags;
        phdr->p_vaddr = phdr->p_paddr = s->address;
        phdr->p_memsz = s->memory_bytes;
        phdr->p_align = PAGE;
        if (!s->bytes)
            continue;
        bool headers = i == 0 && !s->content; /* the headers themselves */
        size_t offset = headers ? 0 : (out->bytes + PAGE - 1) / PAGE * PAGE + s->address % PAGE;
        if (!headers)
            pad_to(out, offset);
        if (s->content)
            add(out, s->content, s->bytes);
        pad_to(out, offset + s->bytes);
        phdr = sample_segment(out, i); /* the buffer may have moved */
        phdr->p_offset = offset;
        phdr->p_filesz = s->bytes;
    }
}

static void add_symbols(struct mf_buf *out, struct mf_buf *strings,
                        const struct sample_symbol *symbol, uint32_t symbols)
{
    Elf64_Sym none = {0};
    add(out, &none, sizeof none);
    add(strings, "", 1);
    for (uint32_t i = 0; i < symbols; i++) {
        Elf64_Sym s = {
            .st_name = (uint32_t)strings->bytes,
            .st_info = symbol[i].info,
            .st_shndx = symbol[i].section,
            .st_value = symbol[i].value,
            .st_size = symbol[i].size,
        };
        add(strings, symbol[i].name, strlen(symbol[i].name) + 1);
        add(out, &s, sizeof s);
    }
}

static void add_sections(struct mf_buf *out, const struct sample_segment *segment,
                         uint32_t segments, const struct sample_symbol *symbol, uint32_t symbols)
{
    struct mf_buf strings = {0}, headers = {0};
    pad_to(out, (out->bytes + 7) / 8 * 8);
    uint64_t symbols_at = out->bytes;
    add_symbols(out, &strings, symbol, symbols);
    Elf64_Shdr section = {0};
    add(&headers, &section, sizeof section);
    for (uint32_t i = 0; i < segments; i++) {
        const Elf64_Phdr *phdr = sample_segment(out, i);
        char name[16];
        section = (Elf64_Shdr){
            .sh_name = (uint32_t)strings.bytes,
            .sh_type = phdr->p_filesz ? SHT_PROGBITS : SHT_NOBITS,
            .sh_flags = SHF_ALLOC | (segment[i].flags & PF_X ? SHF_EXECINSTR : 0),
            .sh_addr = phdr->p_vaddr,
            .sh_offset = phdr->p_offset,
            .sh_size = phdr->p_filesz ? phdr->p_filesz : phdr->p_memsz,
            .sh_addralign = 1,
        };
        add(&strings, name, (size_t)snprintf(name, sizeof name, ".s%u", i) + 1);
        add(&headers, &section, sizeof section);
    }
    Elf64_Shdr symtab = {.sh_type = SHT_SYMTAB, .sh_offset = symbols_at,
                         .sh_size = (symbols + 1) * sizeof(Elf64_Sym), .sh_link = segments + 2,
                         .sh_entsize = sizeof(Elf64_Sym), .sh_info = 1};
    Elf64_Shdr strtab = {.sh_type = SHT_STRTAB, .sh_offset = out->bytes,
                         .sh_size = strings.bytes};
    add(&headers, &symtab, sizeof symtab);
    add(&headers, &strtab, sizeof strtab);
    add(out, strings.data, strings.bytes);
    pad_to(out, (out->bytes + 7) / 8 * 8);
    Elf64_Ehdr *header = sample_header(out);
    header->e_shoff = out->bytes;
    header->e_shentsize = sizeof(Elf64_Shdr);
    header->e_shnum = (uint16_t)(segments + 3);
    header->e_shstrndx = (uint16_t)(segments + 2);
    add(out, headers.data, headers.bytes);
    mf_buf_close(&strings);
    mf_buf_close(&headers);
}

void sample_elf(struct mf_buf *out, const struct sample_segment *segment, uint32_t segments,
                const struct sample_symbol *symbol, uint32_t symbols, uint64_t entry)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = entry,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)segments,
    };
    add(out, &header, sizeof header);
    pad_to(out, sizeof header + segments * sizeof(Elf64_Phdr));
    add_segments(out, segment, segments);
    if (symbols)
        add_sections(out, segment, segments, symbol, symbols);
}

#define FUNCTION ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)
#define LABEL ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE)

static void kernel(struct mf_buf *out, uint32_t symbols)
{
    static const uint8_t text[256] = {0xc3}, data[16] = {1};
    const struct sample_segment segment[] = {
        {0x100000, sizeof text, sizeof text, PF_R | PF_X, text},
        {0x101000, sizeof data, 0x3000, PF_R | PF_W, data},
    };
    const struct sample_symbol symbol[] = {
        {"kernel_start", 0x100000, 16, 1, FUNCTION},
        {"kernel_syscall", 0x100010, 16, 1, FUNCTION},
        {"kernel_exception", 0x100020, 0, 1, LABEL},
        {"kernel_trap_stack_top", 0x104000, 0, 2, LABEL},
        {"contract_turn", 0x100030, 16, 1, FUNCTION},
    };
    sample_elf(out, segment, 2, symbol, symbols, 0x100000);
}

void sample_kernel(struct mf_buf *out)
{
    kernel(out, 4);
}

void sample_kernel_linux(struct mf_buf *out)
{
    kernel(out, 5);
}

void sample_program(struct mf_buf *out)
{
    /* mov $60, %eax; syscall */
    static const uint8_t text[64] = {0xb8, 60, 0, 0, 0, 0x0f, 0x05}, data[32] = "data";
    const struct sample_segment segment[] = {
        {0x400000, 232, 232, PF_R, NULL}, /* ELF header and three program headers */
        {0x401000, sizeof text, sizeof text, PF_R | PF_X, text},
        {0x402ff0, sizeof data, 0x1010, PF_R | PF_W, data},
    };
    const struct sample_symbol symbol[] = {
        {"_start", 0x401000, 7, 2, FUNCTION},
        {"kernel_start", 0x401010, 16, 2, FUNCTION}, /* a name that the kernel has, too */
        {"table", 0x402ff0, 32, 3, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT)},
    };
    sample_elf(out, segment, 3, symbol, 3, 0x401000);
}

void sample_image(struct mf_buf *out)
{
    struct mf_buf kernel = {0}, program = {0};
    sample_kernel(&kernel);
    sample_program(&program);
    struct pack_input input = {
        .kernel = kernel.data, .kernel_bytes = kernel.bytes,
        .program = program.data, .program_bytes = program.bytes,
        .manifest = SAMPLE_MANIFEST, .manifest_bytes = strlen(SAMPLE_MANIFEST),
    };
    struct mf_why why = {0};
    mf_err err = pack_image(&input, out, &why);
    if (err)
        fprintf(stderr, "sample_image: %s\n", mf_why_text(&why, err));
    mf_assert(err == MF_OK);
    mf_buf_close(&kernel);
    mf_buf_close(&program);
}

Elf64_Ehdr *sample_header(struct mf_buf *file)
{
    return (Elf64_Ehdr *)(void *)file->data;
}

Elf64_Phdr *sample_segment(struct mf_buf *file, uint32_t index)
{
    return (Elf64_Phdr *)(void *)(file->data + sizeof(Elf64_Ehdr)) + index;
}

sample_info *sample_note(struct mf_buf *file)
{
    return (sample_info *)(void *)(file->data + sample_segment(file, 0)->p_offset +
                                   NOTE_HEAD_BYTES);
}
