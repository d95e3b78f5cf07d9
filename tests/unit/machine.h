/*
 * machine.h: what the machine of a test has not, measured, so that a test can say why it does
 * not ask for it. Virtual machines without hardware's help lack some of it.
 */
#ifndef MF_TESTS_MACHINE_H
#define MF_TESTS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Each looks, or tries it in a child, and where it is not there prints "skipped: " and why. */
bool machine_has_int80(void);       /* 32-bit system calls by interrupt          */
bool machine_has_32_bit_code(void); /* a far jump to Linux's 32-bit code segment */

/* The page of Linux's oldest way to ask for the time. */
bool machine_has_vsyscall(void);

/* Does `int n` fault as Intel SDM 3, 6.12.1.2, has it for a gate of ring 0? */
bool machine_refuses_interrupt(uint8_t n);

/* Are pages of one's own that are only read, and never written, the one page of zeros? Some
 * kernels give a page to each; it then counts as its own. Prints the same where not. */
bool machine_shares_zeros(void);

#endif
