/*
 * usage.h: processor time, of the process and of its threads: one/usage.c and many/usage.c.
 * Nanoseconds.
 */
#ifndef KERNEL_LINUX_USAGE_H
#define KERNEL_LINUX_USAGE_H

#include <stdint.h>

uint64_t usage_of_process(void);
uint64_t usage_of_thread(void); /* the current one */

/* A clock of processor time, another thread's among them (Linux's posix-timers.h). -EINVAL: it is
 * none. */
int usage_clock(int32_t clock, uint64_t *ns);

#endif
