/* filter_arch.h: what the process sandbox's lines must know of x86-64. */
#ifndef MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H
#define MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H

#include "gate_layout.h"

/* One past what mmap gives without being asked for more (4-level page tables; with
 * five levels Linux still stays below this unless a hint says otherwise). */
#define ARCH_ADDRESSES_END 0x7ffffffff000ull

#define FILTER_ARCH_CALL_RETURN GATE_SYSCALL_RETURN
#define FILTER_ARCH_OTHER_RETURN GATE_OTHER_RETURN
#define FILTER_ARCH_RING_VALUE GATE_ONE

#endif
