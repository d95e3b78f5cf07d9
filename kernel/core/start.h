/* start.h: what lies on a program's stack when it starts. */
#ifndef KERNEL_CORE_START_H
#define KERNEL_CORE_START_H

#include <stdint.h>

#include "abi/boot.h"

/* The environment variable whose value is the program's argv[0]. */
#define START_NAME_VARIABLE "MAYFLY_FUNCTION"

#define START_CLOCK_TICKS 100u /* AT_CLKTCK, and the unit of times() */

/* Write it below top, which has room; the stack pointer to start with. */
uint64_t start_stack(const struct mf_boot *boot, uint64_t top);

#endif
