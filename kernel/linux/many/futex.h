/* futex.h: waking those that wait for a word of memory. */
#ifndef KERNEL_LINUX_MANY_FUTEX_H
#define KERNEL_LINUX_MANY_FUTEX_H

#include <stdint.h>

/* The oldest waiters at this address whose bits match, at most so many (at least one, as
 * Linux does it); how many it were. */
int32_t futex_wake(uint64_t address, int32_t most, uint32_t bits);

#endif
