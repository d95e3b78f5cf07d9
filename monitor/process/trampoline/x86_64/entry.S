/*
 * entry.S: the trampoline's first bytes: its one `syscall` instruction, at the address
 * that the filter knows, and where gate.S jumps to.
 */
#include "monitor/process/trampoline_layout.h"

    .section .text.first, "ax", @progbits
trampoline_text:
    /* long host_call(long number, long a, b, c, d, e, f): the kernel's answer. */
    .globl host_call
host_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    .org trampoline_text + TRAMPOLINE_SYSCALL - TRAMPOLINE_TEXT - 2, 0x90
    xchg %ax, %ax
    .org trampoline_text + TRAMPOLINE_SYSCALL - TRAMPOLINE_TEXT
    syscall                 /* the only one the filter listens to, until the seal */
    ret

    .org trampoline_text + TRAMPOLINE_ENTRY - TRAMPOLINE_TEXT, 0xcc
    .globl trampoline_start
trampoline_start:
    mov $trampoline_stack_top, %esp
    xor %ebp, %ebp
    call trampoline_main
    ud2

    /* _Noreturn void trampoline_seal(entry, syscall, exception, record, gate's code) */
    .globl trampoline_seal
trampoline_seal:
    mov %rdi, %r12
    mov %rsi, %r13
    mov %rdx, %r14
    mov %rcx, %r15
    jmp *%r8

    .section .bss.stack, "aw", @nobits
    .balign 4096
    .skip TRAMPOLINE_STACK_BYTES
trampoline_stack_top:
    .section .note.GNU-stack, "", @progbits
