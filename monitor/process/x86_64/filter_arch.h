/* filter_arch.h: what the filter must know of x86-64. */
#ifndef MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H
#define MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H

#include <linux/audit.h>

#include "gate_layout.h"

#define FILTER_ARCH_AUDIT AUDIT_ARCH_X86_64 /* int 0x80, sysenter: AUDIT_ARCH_I386 */
#define FILTER_ARCH_FOREIGN 0x40000000u     /* __X32_SYSCALL_BIT in the number     */
#define FILTER_ARCH_LOW 0u                  /* little-endian: words of a u64       */
#define FILTER_ARCH_HIGH 4u
#define FILTER_ARCH_CALL_RETURN GATE_SYSCALL_RETURN
#define FILTER_ARCH_RING_VALUE GATE_ONE

#endif
