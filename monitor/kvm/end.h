/*
 * end.h: how an instance ends, after lock-down: its monitor's process exits with a
 * status of abi/cause.h. What the guest cannot say itself goes to its console first.
 */
#ifndef MF_MONITOR_KVM_END_H
#define MF_MONITOR_KVM_END_H

#include "abi/cause.h"

/* The guest asked for it. */
_Noreturn void end_halted(void);
_Noreturn void end_fault(enum mf_cause cause);

/* We noticed: a line of text on the console, and where the vCPU stands. */
_Noreturn void end_noticed(int console, int vcpu, enum mf_cause cause, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
