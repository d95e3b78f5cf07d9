/*
 * user.h: the program's memory, which may not be there. Kernel and program share
 * one address space; these keep a bad pointer from looking like a kernel's fault.
 * All return 0 or -EFAULT. Ranges must lie between MF_PROGRAM_BASE and the end of what the
 * program may own.
 */
#ifndef KERNEL_CORE_USER_H
#define KERNEL_CORE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool user_range(uint64_t address, uint64_t bytes);
int user_read(void *to, uint64_t from, size_t bytes);
int user_write(uint64_t to, const void *from, size_t bytes);

/* The kernel's own memory, too, for reports: stacks may be anywhere, and broken. */
int user_peek(void *to, uint64_t from, size_t bytes);

/* Where a page fault at rip continues; 0: not one of the instructions that may. */
uint64_t user_fixup(uint64_t rip);

#endif
