/*
 * stubs.h: within the packer: `syscall` instructions of a program become jumps to the library OS,
 * by way of a stub each, in room that the library OS leaves for them (kernel/x86_64/stubs.S). Then a
 * system call costs a function call, under every monitor, and text is nobody's to write at run time.
 *
 * Only where nothing but the instructions themselves can tell the difference (docs/adr/0009): all
 * others stay as they are, and trap.
 */
#ifndef MF_IMAGE_STUBS_H
#define MF_IMAGE_STUBS_H

#include <stdbool.h>
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
