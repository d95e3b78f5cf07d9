/*
 * entry.S: a kernel with nothing to it: entry, arrivals of system calls and
 * exceptions (abi/trap.h), and the way back from an exception that was expected.
 */
#define ORDER_NUMBER 8 /* offsets in struct order, proven in raw.c */
#define ORDER_ADDRESS 24
#define ORDER_ARGUMENT 40
#define RAW_SCRATCH_BYTES 0x2000

    .section .text
    .globl kernel_start
kernel_start:
    jmp raw_note_entry      /* marks.S */
    .globl raw_begin
raw_begin:
    lea raw_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call raw_main
    ud2

/* Counts, answers ENOSYS, and goes on with the flags as they are. */
    .globl kernel_syscall
kernel_syscall:
    incq raw_syscalls(%rip)
    mov $-38, %rax
    jmp *%rcx

/* RSP is at the record; nothing else is known to be sane. */
    .globl kernel_exception
kernel_exception:
    popq raw_trap+0(%rip)
    popq raw_trap+8(%rip)
    popq raw_trap+16(%rip)
    popq raw_trap+24(%rip)
    popq raw_trap+32(%rip)
    popq raw_trap+40(%rip)
    popq raw_trap+48(%rip)
    popq raw_trap+56(%rip)
    cmpl $0, raw_armed(%rip)
    je unexpected
    movl $0, raw_armed(%rip)
    mov raw_context+0(%rip), %rbx
    mov raw_context+8(%rip), %rbp
    mov raw_context+16(%rip), %r12
    mov raw_context+24(%rip), %r13
    mov raw_context+32(%rip), %r14
    mov raw_context+40(%rip), %r15
    mov raw_context+48(%rip), %rsp
    push $0x202
    popf
    mov $1, %eax
    jmp *raw_context+56(%rip)
unexpected:
    lea raw_stack_top(%rip), %rsp
    and $-16, %rsp
    push $0x202
    popf
    call raw_unexpected
    ud2

/* int raw_try(void): 0; and 1 again when an exception has come. */
    .globl raw_try
raw_try:
    mov %rbx, raw_context+0(%rip)
    mov %rbp, raw_context+8(%rip)
    mov %r12, raw_context+16(%rip)
    mov %r13, raw_context+24(%rip)
    mov %r14, raw_context+32(%rip)
    mov %r15, raw_context+40(%rip)
    lea 8(%rsp), %rax
    mov %rax, raw_context+48(%rip)
    mov (%rsp), %rax
    mov %rax, raw_context+56(%rip)
    movl $1, raw_armed(%rip)
    xor %eax, %eax
    ret

/* uint64_t raw_call_at(const struct order *): its number in rax, its arguments, then
 * a call of its address. */
    .globl raw_call_at
raw_call_at:
    push %rbx
    push %r12
    mov %rdi, %rbx
    mov ORDER_NUMBER(%rbx), %rax
    mov ORDER_ARGUMENT+0(%rbx), %rdi
    mov ORDER_ARGUMENT+8(%rbx), %rsi
    mov ORDER_ARGUMENT+16(%rbx), %rdx
    mov ORDER_ARGUMENT+24(%rbx), %r10
    mov ORDER_ARGUMENT+32(%rbx), %r8
    mov ORDER_ARGUMENT+40(%rbx), %r9
    mov %r10, %rcx
    mov ORDER_ADDRESS(%rbx), %r12
    call *%r12
    pop %r12
    pop %rbx
    ret

/* The same, with a `syscall` of our own. */
    .globl raw_syscall
raw_syscall:
    push %rbx
    mov %rdi, %rbx
    mov %rsi, %rax
    mov ORDER_ARGUMENT+0(%rbx), %rdi
    mov ORDER_ARGUMENT+8(%rbx), %rsi
    mov ORDER_ARGUMENT+16(%rbx), %rdx
    mov ORDER_ARGUMENT+24(%rbx), %r10
    mov ORDER_ARGUMENT+32(%rbx), %r8
    mov ORDER_ARGUMENT+40(%rbx), %r9
    syscall
    pop %rbx
    ret

/* void raw_selector(unsigned which, unsigned selector): es ds ss fs gs, or a far return. */
    .globl raw_selector
raw_selector:
    cmp $1, %edi
    jb 0f
    je 1f
    cmp $3, %edi
    jb 2f
    je 3f
    cmp $4, %edi
    je 4f
    push %rsi               /* cs: to code that means the same in both modes */
    lea both_modes(%rip), %rax
    push %rax
    lretq
0:  mov %si, %es
    ret
1:  mov %si, %ds
    ret
2:  mov %si, %ss
    ret
3:  mov %si, %fs
    ret
4:  mov %si, %gs
    ret
both_modes:
    .byte 0xea              /* 32-bit: ljmp $0x33, $back; 64-bit: no instruction */
    .long back
    .short 0x33
back:
    movl $1, raw_compat(%rip)
    ret

/* In 32-bit code, if selector rax gives it: int 0x80 (rdx 0), sysenter (1), syscall (2),
 * with eax = 20, getpid. */
    .globl raw_compat_call
raw_compat_call:
    push %rdi
    lea compat(%rip), %rax
    push %rax
    mov %esi, %edx
    lretq
compat:
    .code32
    mov $20, %eax
    test %edx, %edx
    jnz 1f
    int $0x80
    jmp 3f
1:  dec %edx
    jnz 2f
    sysenter
2:  syscall
3:  ljmp $0x33, $back
    .code64

    .section .bss
    .balign 16
    .skip 65536
raw_stack_top:
    .skip 8192
    .globl kernel_trap_stack_top
kernel_trap_stack_top:
    .balign 8
    .globl raw_stack_top, raw_trap, raw_context, raw_armed, raw_syscalls, raw_compat
raw_trap: .skip 64
raw_context: .skip 64
raw_syscalls: .skip 8
raw_armed: .skip 4
raw_compat: .skip 4
    .section .scratch, "aw", @nobits
    .skip RAW_SCRATCH_BYTES
    .section .note.GNU-stack, "", @progbits
