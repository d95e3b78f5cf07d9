/*
 * elf_sample.h: small ELF files made in memory, a kernel and a program as the
 * packer wants them, for tests to damage. Aborts where memory is short.
 */
#ifndef MF_TESTS_ELF_SAMPLE_H
#define MF_TESTS_ELF_SAMPLE_H

#include <elf.h>
#include <stdint.h>

#include "abi/image.h"
#include "base/buf.h"

#define SAMPLE_MANIFEST "{\"name\": \"sample\", \"memory_mib\": 16}"

struct sample_segment {
    uint64_t address, bytes, memory_bytes;
    uint32_t flags;
    const uint8_t *content; /* bytes of it; NULL: zeros */
};

struct sample_symbol {
    const char *name;
    uint64_t value, size;
    uint16_t section; /* 1 is the first segment's section, and so on */
    uint8_t info;
};

/* An ELF with these segments, each also a section .sN; with symbols if there are any.
 * Segments stand in the file at offsets equal to their addresses modulo a page; a
 * first one with bytes but no content is the file's start, headers and all. */
void sample_elf(struct mf_buf *out, const struct sample_segment *segment, uint32_t segments,
                const struct sample_symbol *symbol, uint32_t symbols, uint64_t entry);

/* Text at 0x100000, data and trap stack at 0x101000 (0x3000 in memory). */
void sample_kernel(struct mf_buf *out);
/* The same, with what marks the kernel for any Linux program. */
void sample_kernel_linux(struct mf_buf *out);
/* Headers at 0x400000, text at 0x401000, data from 0x402ff0 to 0x404000 (unaligned). */
void sample_program(struct mf_buf *out);
/* Both, packed with SAMPLE_MANIFEST. Program headers: note, two segments of the
 * kernel, three of the program, PT_GNU_STACK. */
void sample_image(struct mf_buf *out);

/* Into a sample; the buffer owns it. The note's struct is aligned to 4 only. */
typedef struct mf_image_info sample_info __attribute__((aligned(4)));
Elf64_Ehdr *sample_header(struct mf_buf *file);
Elf64_Phdr *sample_segment(struct mf_buf *file, uint32_t index);
sample_info *sample_note(struct mf_buf *file);

#endif
