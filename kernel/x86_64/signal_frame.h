/*
 * signal_frame.h: what Linux puts on a program's stack for a signal handler: return
 * address, ucontext, siginfo, vector state. Handlers may read and change it.
 */
#ifndef KERNEL_X86_64_SIGNAL_FRAME_H
#define KERNEL_X86_64_SIGNAL_FRAME_H

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stdint.h>

#include "kernel/x86_64/frame.h"

#define SIGNAL_RED_ZONE_BYTES 128u /* System V ABI, AMD64 supplement, 3.2.2 */

/* Save the frame below sp, and make it enter the handler. -EFAULT: no memory there. */
int signal_frame_push(struct frame *frame, uint64_t sp, const struct sigaction *action,
                      const struct siginfo *info, uint64_t mask, const stack_t *stack);

/* The reverse, from the stack pointer that rt_sigreturn came with. -EFAULT: not
 * there, or no state that a program may have. */
int signal_frame_pop(struct frame *frame, uint64_t *mask, stack_t *stack);

#endif
