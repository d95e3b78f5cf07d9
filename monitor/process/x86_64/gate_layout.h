/*
 * gate_layout.h: numbers that gate.S and C share, so plain that the assembler reads
 * them too. gate.c proves each against the ABI header or system header it repeats.
 */
#ifndef MF_MONITOR_PROCESS_X86_64_GATE_LAYOUT_H
#define MF_MONITOR_PROCESS_X86_64_GATE_LAYOUT_H

/* The gate page: slots of the hypercalls, then our own code. Its only `syscall`
 * instruction stands at GATE_SYSCALL; the address after it is what seccomp sees. */
#define GATE_PAGE 0x20000
#define GATE_SLOT 128
#define GATE_SYSCALL 0x20800
#define GATE_SYSCALL_RETURN 0x20802
#define GATE_OTHER_RETURN 0x20805 /* the same in the other gate page */
#define GATE_JIT_RETURN 0x20807   /* ... and in that of functions with jit */
#define GATE_ONE 0x20808 /* eight bytes: the number 1, what `ring` writes */

/* struct gate_data, at MF_GATE_DATA_BASE. The guest may write it: see gate.h. */
#define GATE_DATA 0x30000
#define GATE_KERNEL_ENTRY 0x30000
#define GATE_KERNEL_SYSCALL 0x30008
#define GATE_KERNEL_EXCEPTION 0x30010
#define GATE_TRAP_RECORD 0x30018
#define GATE_PREEMPTS 0x30020
#define GATE_XSTATE 0x30040
#define GATE_STACK_TOP 0x40000 /* signal stack; before the first signal, our own */

/* The boot page, read-only to the guest: where the slots find the window's bounds. */
#define GATE_BOOT_WINDOW 0x10010
#define GATE_BOOT_CHANNEL 0x10018

/* abi/: layout.h, hypercall.h, channel.h, cause.h, trap.h. */
#define GATE_KERNEL_BASE 0x100000
#define GATE_PROGRAM_BASE 0x400000
#define GATE_BELL_WORD 0x104
#define GATE_CONSOLE_MAX 4096
#define GATE_SEGMENT_END 0x7ffffffff000
#define GATE_CAUSE_COUNT 18
#define GATE_STATUS 128
#define GATE_STATUS_PROTOCOL 141
#define GATE_STATUS_DOUBLE 143
#define GATE_STATUS_HOST 145
#define GATE_TRAP_BYTES 64
#define GATE_VECTOR_PREEMPT 256
#define GATE_CS 0x33
#define GATE_SS 0x2b

/* Descriptors that a sealed blank still holds (monitor.h). */
#define GATE_FD_BELL 5
#define GATE_FD_CONSOLE 6

/* Linux, x86-64: numbers of calls, and ucontext_t as the signal frame holds it. */
#define GATE_NR_WRITE 1
#define GATE_NR_MPROTECT 10
#define GATE_NR_MUNMAP 11
#define GATE_NR_RT_SIGRETURN 15
#define GATE_NR_MADVISE 28
#define GATE_NR_ARCH_PRCTL 158
#define GATE_NR_FUTEX 202
#define GATE_NR_CLOCK_GETTIME 228
#define GATE_NR_EXIT_GROUP 231
#define GATE_FUTEX_WAIT_BITSET 9
#define GATE_MADV_DONTNEED 4
#define GATE_CLOCK_REALTIME 0
#define GATE_CLOCK_MONOTONIC 1
#define GATE_ARCH_SET_GS 0x1001
#define GATE_ARCH_SET_FS 0x1002
#define GATE_EINVAL 22
#define GATE_PROTECTIONS 0x0b     /* a bit for each that `protect` takes: none, r, rw */
#define GATE_PROTECTIONS_JIT 0xab /* ... rx, rwx */
#define GATE_PROT_EXECUTE 4

#define GATE_UC_R11 64
#define GATE_UC_RCX 152
#define GATE_UC_RSP 160
#define GATE_UC_RIP 168
#define GATE_UC_RFLAGS 176
#define GATE_UC_CS 184
#define GATE_UC_SS 190
#define GATE_UC_ERROR 192
#define GATE_UC_VECTOR 200
#define GATE_UC_CR2 216

/* RFLAGS that a trap clears, as Linux's own SFMASK does for a system call: TF, DF,
 * NT, AC (Intel SDM, vol. 1, 3.4.3). */
#define GATE_RFLAGS_CLEARED 0x44500

#endif
