/* hypercall.h: the calls of abi/hypercall.h as functions. Each is one exit, `clock` at most one
 * (clock.h). */
#ifndef KERNEL_CORE_HYPERCALL_H
#define KERNEL_CORE_HYPERCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/cause.h"
#include "abi/hypercall.h"

_Noreturn void hypercall_halt(void);
_Noreturn void hypercall_fault(enum mf_cause cause);

/* Wait until the doorbell differs from seen, or the deadline; the doorbell then. idle: no
 * event is begun; it may never return, and the kernel be entered anew (core/freeze.h). */
/* Times are the program's (clock.h). */
uint32_t hypercall_wait(uint64_t deadline_ns, uint32_t seen, bool idle);
void hypercall_ring(void);
int hypercall_protect(uint64_t address, uint64_t bytes, uint32_t prot);
int hypercall_discard(uint64_t address, uint64_t bytes);
void hypercall_clock(uint64_t *monotonic_ns, uint64_t *realtime_ns);
int hypercall_segment(uint32_t which, uint64_t base);
void hypercall_console(const char *text, size_t bytes);

#endif
