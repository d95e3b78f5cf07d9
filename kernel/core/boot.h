/* boot.h: the boot page, and the places that kernel.lds knows. */
#ifndef KERNEL_CORE_BOOT_H
#define KERNEL_CORE_BOOT_H

#include <stddef.h>

#include "abi/boot.h"

static inline const struct mf_boot *boot_page(void)
{
    return (const struct mf_boot *)MF_BOOT_BASE;
}

/* What is wrong with it; NULL: nothing. */
const char *boot_decode(const struct mf_boot *boot);

/* Value of a variable of the function's environment; NULL if there is none. */
const char *boot_environment(const char *name);

/* Entered by entry.S. */
_Noreturn void boot_main(const struct mf_boot *boot);

extern char kernel_syscall[]; /* entry.S */
extern char kernel_text_start[], kernel_text_end[], kernel_stack_guard[];
extern char kernel_stack_bottom[], kernel_stack_top[], kernel_panic_stack_top[];
extern char kernel_trap_stack_top[], kernel_end[];

#endif
