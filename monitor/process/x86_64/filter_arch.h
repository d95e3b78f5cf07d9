/* filter_arch.h: what the process sandbox's lines must know of x86-64. */
#ifndef MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H
#define MF_MONITOR_PROCESS_X86_64_FILTER_ARCH_H

#include <asm/prctl.h>

#include "gate_layout.h"

/* One past what mmap gives without being asked for more (4-level page tables; with
 * five levels Linux still stays below this unless a hint says otherwise). */
#define ARCH_ADDRESSES_END 0x7ffffffff000ull

#define FILTER_ARCH_CALL_RETURN GATE_SYSCALL_RETURN
#define FILTER_ARCH_OTHER_RETURN GATE_OTHER_RETURN
#define FILTER_ARCH_JIT_RETURN GATE_JIT_RETURN
#define FILTER_ARCH_RING_VALUE GATE_ONE

/* The guest's calls that only this architecture has. */
#define FILTER_ARCH_LINES                                                                     \
    {"arch_prctl", SYS_arch_prctl, "code = ARCH_SET_FS",                                      \
     "`segment`: where a program's threads find their own memory, on processors and kernels " \
     "without wrfsbase. The base is this thread's own; the kernel keeps none of its secrets " \
     "by it, and refuses what is no address of a user's.",                                    \
     {{FILTER_EQUAL, 0, ARCH_SET_FS}}},                                                       \
    {"arch_prctl", SYS_arch_prctl, "code = ARCH_SET_GS",                                      \
     "the same of GS. While the kernel runs, its own base is in its place.",                  \
     {{FILTER_EQUAL, 0, ARCH_SET_GS}}},

#endif
