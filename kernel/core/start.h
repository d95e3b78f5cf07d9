/* start.h: what lies on a program's stack when it starts. */
#ifndef KERNEL_CORE_START_H
#define KERNEL_CORE_START_H

#include <stdint.h>

#include "abi/boot.h"

#define START_CLOCK_TICKS 100u /* AT_CLKTCK, and the unit of times() */

/* What AT_SYSINFO_EHDR names (x86_64/vdso.S); 0 in kernel.elf, whose programs have a shorter way. */
extern const uint64_t start_vdso;

/* Write it below top, which has room; the stack pointer to start with. */
uint64_t start_stack(const struct mf_boot *boot, uint64_t top);

/* What the auxiliary vector says of a program. */
struct start_program {
    uint64_t entry;
    uint64_t headers; /* in memory; 0: are not loaded         */
    uint32_t header_count, header_bytes;
    uint64_t base;    /* of its loader; 0: it has none        */
};

/* Of one that comes in the place of the first. */
struct start_strings {
    const char *name;              /* AT_EXECFN                                     */
    const char *text;              /* arguments, then variables, each with its NUL */
    uint64_t bytes;
    uint32_t arguments, variables; /* how many                                      */
};
/* Room for them below top: so many bytes at most. */
uint64_t start_again_bytes(const struct start_strings *strings);
/* Write it, as start_stack(); *text_at: where the text stands then. */
uint64_t start_again(const struct start_program *program, const struct start_strings *strings, uint64_t top,
                     uint64_t *text_at);

#endif
