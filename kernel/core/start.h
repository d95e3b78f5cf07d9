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

#endif
