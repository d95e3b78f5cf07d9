/*
 * freeze.h: the instance parks itself for a snapshot, and goes on in another process:
 * the system call that had begun, `next`, begins again there.
 */
#ifndef KERNEL_CORE_FREEZE_H
#define KERNEL_CORE_FREEZE_H

#include <stdbool.h>

/* Called where `next` would sleep, no event begun. If this start is for a snapshot
 * (MF_BOOT_FREEZE): all that the program has in registers goes to memory, the node hears
 * of it, and this never returns. Otherwise: nothing. */
void freeze_here(void);

/* This start is for a snapshot. */
bool freeze_is_wanted(void);

/* Entered by entry.S in memory that was frozen, on the stack as the program's system call
 * left it. Makes new what must not be what it was: random numbers, channel. */
void freeze_resume(void);

#endif
