/*
 * entry.S: the ways into the kernel (abi/boot.h, abi/trap.h) and back out.
 * Guarantees: every register but RAX, RCX and R11 is the program's own after a
 * system call, all of them after an exception; the kernel runs with clean flags on
 * a stack of its own, which is empty whenever the program runs.
 */
#include "kernel/x86_64/offsets.h"

.macro push_registers
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq $2 /* no direction, no alignment check, no single step */
    popfq
.endm

.macro pop_registers
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $FRAME_BEFORE_RIP, %rsp
.endm

    .section .text.entry, "ax", @progbits

/* boot.h: RDI = the boot page, no stack. The canary comes before any C. In memory that
 * was frozen the program's frame still stands at the top of the stack. */
    .globl kernel_start
    .type kernel_start, @function
kernel_start:
    movl $kernel_stack_top - FRAME_BYTES, %esp
    xorl %ebp, %ebp
    pushq $2
    popfq
    movq BOOT_GUARD(%rdi), %rax
    xorb %al, %al /* a NUL stops string functions that run over */
    movq %rax, __stack_chk_guard
    testl $BOOT_RESTORED, BOOT_FLAGS(%rdi)
    jnz 1f
    call boot_main
    ud2
1:  call freeze_resume
    jmp kernel_call_again
    .size kernel_start, . - kernel_start

/* trap.h: RCX = address after the instruction, R11 = flags, all else the program's. */
    .globl kernel_syscall
    .type kernel_syscall, @function
kernel_syscall:
    movq %rsp, kernel_stack_top - 16 /* mf_trap.rsp of the frame being built */
    movl $kernel_stack_top - 16, %esp
    movq $SELECTOR_SS, 8(%rsp)
    pushq %r11
    pushq $SELECTOR_CS
    pushq %rcx
    pushq $0
    pushq $0
    pushq $FRAME_VECTOR_CALL
    pushq %rax
    push_registers
kernel_call_again:
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call linux_call
    testb %al, %al
    jnz kernel_resume
    pop_registers
    popq %rcx
    popq %r11 /* the selector */
    popfq
    popq %rsp
    jmpq *%rcx
    .size kernel_syscall, . - kernel_syscall

/* trap.h: RSP = trap_stack_top - sizeof(struct mf_trap), the record standing there. */
    .globl kernel_exception
    .type kernel_exception, @function
kernel_exception:
    pushq $-1
    push_registers
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call trap_place
    movq %rax, %rsp
    movq %rax, %rdi
    call trap_handle
    jmp kernel_resume
    .size kernel_exception, . - kernel_exception

/* The program, as the frame at RSP says. Also the way into a program that starts. */
    .globl kernel_resume
    .type kernel_resume, @function
kernel_resume:
    pop_registers
    iretq
    .size kernel_resume, . - kernel_resume

/* _Noreturn void kernel_enter(struct frame *frame) */
    .globl kernel_enter
    .type kernel_enter, @function
kernel_enter:
    movq %rdi, %rsp
    jmp kernel_resume
    .size kernel_enter, . - kernel_enter

/*
 * Instructions that touch the program's memory. A page fault in one goes on at its
 * landing (trap.c, by the table of fixups), and the function says that it failed.
 */
.macro fixup at, landing
    .pushsection .fixups, "a", @progbits
    .quad \at, \landing
    .popsection
.endm

    .text
/* size_t user_copy(void *to, const void *from, size_t bytes): bytes not copied */
    .globl user_copy
    .type user_copy, @function
user_copy:
    movq %rdx, %rcx
1:  rep movsb
2:  movq %rcx, %rax
    ret
    fixup 1b, 2b
    .size user_copy, . - user_copy

/* int xstate_restore(const void *area, uint64_t components), 0 components: FXRSTOR.
 * Nonzero: the area holds what the processor refuses. */
    .globl xstate_restore
    .type xstate_restore, @function
xstate_restore:
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    testq %rsi, %rsi
    jz 3f
1:  xrstor64 (%rdi)
    xorl %eax, %eax
    ret
3:  fxrstor64 (%rdi)
    xorl %eax, %eax
    ret
2:  movl $1, %eax
    ret
    fixup 1b, 2b
    fixup 3b, 2b
    .size xstate_restore, . - xstate_restore

    .section .note.GNU-stack, "", @progbits
