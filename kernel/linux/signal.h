/*
 * signal.h: signals, in both kernels: exceptions as signals (one/signal.c, many/signal.c), and what the
 * calls say that is the same in both (signal.c).
 */
#ifndef KERNEL_LINUX_SIGNAL_H
#define KERNEL_LINUX_SIGNAL_H

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/x86_64/frame.h"

#define SIGNALS 64 /* 1 to 64 */
#define SIGNAL_BIT(number) (1ull << ((number) - 1))
#define SIGNAL_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* An exception as a signal (number 0: none). True: the frame enters a handler. False:
 * there is none that may run; the exception is the program's end. */
bool signal_fault(struct frame *frame, int number, int code, uint64_t address);

/* rt_sigaction, rt_sigprocmask, rt_sigpending (of this set) and sigaltstack, on the caller's state. 0, or
 * -EINVAL, -EFAULT, -EPERM, -ENOMEM; then nothing is changed, unless it is the old state that could not be
 * told. */
int64_t signal_action_call(struct frame *frame, struct sigaction actions[SIGNALS]); /* of number - 1 */
int64_t signal_mask_call(struct frame *frame, uint64_t *blocked);
int64_t signal_pending_call(struct frame *frame, uint64_t set);
int64_t signal_stack_call(struct frame *frame, stack_t *stack);

/* Is the stack pointer on that alternate stack? ss_size 0: there is none. */
bool signal_on_stack(const stack_t *stack, uint64_t rsp);
bool signal_is_ignored(const struct sigaction *action, int number);
/* The default action of one that is not: the end of the instance. */
_Noreturn void signal_die(const struct frame *frame, int number);

#endif
