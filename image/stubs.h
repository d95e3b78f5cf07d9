/*
 * stubs.h: within the packer: `syscall` instructions of a program become jumps to the library OS,
 * by way of a stub each, in room that the library OS leaves for them (kernel/x86_64/stubs.S). Then a
 * system call costs a function call, under every monitor, and text is nobody's to write at run time.
 *
 * Only where nothing but the instructions themselves can tell the difference (docs/adr/0010): all
 * others stay as they are, and trap.
 */
#ifndef MF_IMAGE_STUBS_H
#define MF_IMAGE_STUBS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stubs {
    uint8_t *room;    /* borrowed; NULL: there is none             */
    uint64_t address; /* of room in memory; with all of it below 2 GiB */
    uint64_t bytes;
    uint64_t entry;   /* kernel_syscall                             */
    uint32_t count;   /* used so far, from the beginning of room on */
};

/* Bytes of one, a power of two; of one architecture. */
extern const uint32_t stub_bytes;

/* Text of a program, which starts at address in memory. What does not fit into the room stays
 * as it is. */
void stubs_make(struct stubs *stubs, uint8_t *code, uint64_t bytes, uint64_t address);

/* The same for what of an executable segment is text, if its file tells: its sections. */
struct stubs_file {
    const uint8_t *data; /* of an ELF file, whose header was accepted (elf.h) */
    size_t bytes;
    Elf64_Ehdr header;
};
/* first: the address in the file of the segment's first byte, which is code[0] and is to stand at address. */
void stubs_text(struct stubs *stubs, const struct stubs_file *file, uint64_t first, uint64_t bytes,
                uint8_t *code, uint64_t address);

/* What bytes say of themselves. */
struct stub {
    bool numbered;   /* number: of the system call, known before run time */
    uint32_t number;
    uint64_t site;   /* where the program had its `syscall`                */
};

/* Are stub_bytes at code, which stand at address, a stub? */
bool stub_read(const uint8_t *code, uint64_t address, struct stub *stub);
/* Does a jump to a stub stand right before the `syscall` at code[site], with which it began? */
bool stub_precedes(const uint8_t *code, uint64_t site, uint64_t address);

#endif
