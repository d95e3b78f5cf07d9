/* process.h: the end of the program. */
#ifndef KERNEL_LINUX_PROCESS_H
#define KERNEL_LINUX_PROCESS_H

#include "kernel/x86_64/frame.h"

/* The instance ends, with the status that is the call's first argument: as a fault, if an
 * answer is owed. */
_Noreturn void process_exit(const struct frame *frame);

#endif
