/*
 * trampoline_layout.h: where the trampoline stands between the gate's data and the
 * library OS, in every blank until its guest begins. So plain that the assembler and
 * the linker script read it too; trampoline.c proves the numbers.
 */
#ifndef MF_MONITOR_PROCESS_TRAMPOLINE_LAYOUT_H
#define MF_MONITOR_PROCESS_TRAMPOLINE_LAYOUT_H

#define TRAMPOLINE_BASE 0x40000
#define TRAMPOLINE_OTHER_GATE 0x40000 /* the gate page of windows of other sizes (gate.S) */
#define TRAMPOLINE_TEXT 0x41000       /* text and constants: read and execute          */
#define TRAMPOLINE_TEXT_BYTES 0xe000
#define TRAMPOLINE_JIT_GATE 0x4f000   /* the gate page of functions with jit (gate_jit.S) */
#define TRAMPOLINE_DATA 0x50000      /* variables and stack, zero at first            */
#define TRAMPOLINE_END 0x100000
#define TRAMPOLINE_BYTES 0xc0000

/* Its only `syscall` instruction ends here: what seccomp sees. */
#define TRAMPOLINE_SYSCALL 0x41020
#define TRAMPOLINE_SYSCALL_RETURN 0x41022
#define TRAMPOLINE_ENTRY 0x41040
#define TRAMPOLINE_STACK_BYTES 0x4000

#endif
