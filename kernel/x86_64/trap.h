/* trap.h: exceptions (abi/trap.h), after entry.S. */
#ifndef KERNEL_X86_64_TRAP_H
#define KERNEL_X86_64_TRAP_H

#include "kernel/x86_64/frame.h"

/* On the trap stack: where the frame is to be handled; the stack to do it on ends
 * there. */
struct frame *trap_place(struct frame *frame);
/* Returns when the program, or the kernel at a landing, is to go on. */
void trap_handle(struct frame *frame);

#endif
