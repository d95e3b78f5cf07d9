/*
 * raw_preempt.S: guests of raw_guests.S for preempts (abi/trap.h). Their programs stand in the
 * page at PROGRAM, since nobody is preempted below it; kernel and landings are in the text.
 */
#define PROGRAM 0x400000
#define PREEMPTS 0x30020            /* MF_PREEMPT_COUNT */
#define ARRIVED (DATA + 0x800)      /* how many upcalls there were */
#define PROGRAM_STACK (STACK_TOP - 256)
#define MARK 0x5a5a0000

    .set MF_WRONG, 0x100000 + (raw_wrong - raw_text)
    .set MF_RIGHT, 0x100000 + (raw_halt - raw_text)

    .macro far_gate nr, args=DATA   /* from the program, which is linked elsewhere */
    mov $\args, %edi
    mov $GATE(\nr), %eax
    call *%rax
    .endm

    .globl raw_preempt, raw_preempt_landing
raw_preempt:
    mov $PROGRAM, %eax
    jmp *%rax

raw_preempt_landing:
    cmp $TRAP_RECORD, %rsp
    jne 9f
    record_is 0, 256
    cmpq $PROGRAM, TRAP_RECORD + 24
    jb 9f
    cmpq $PROGRAM + (raw_program_marked - raw_program), TRAP_RECORD + 24
    jb 8f                           /* before its marks stood: one was due, on a slow machine */
    record_is 8, 0
    record_is 16, 0
    record_is 32, 0x33
    record_is 48, PROGRAM_STACK
    record_is 56, 0x2b
    testl $0x400, TRAP_RECORD + 40  /* DF as it was */
    jz 9f
    push %rax
    movq %xmm15, %rax
    cmp $MARK + 16, %rax
    jne 9f
    incl ARRIVED
    mov ARRIVED, %eax
    cmp %eax, PREEMPTS
    jb 9f
    pop %rax
8:  add $24, %rsp
    iretq
9:  jmp raw_wrong

    .globl raw_preempt_kernel       /* the kernel is counted to, and not interrupted */
raw_preempt_kernel:
    cmpl $3, PREEMPTS
    jb raw_preempt_kernel
    jmp raw_halt

    .globl raw_preempt_none         /* an image that wants none */
raw_preempt_none:
    mov $PROGRAM + (raw_program_long - raw_program), %eax
    jmp *%rax

    .globl raw_preempt_calls, raw_preempt_calls_call, raw_preempt_calls_landing
raw_preempt_calls:
    mov $PROGRAM + (raw_program_calls - raw_program), %eax
    jmp *%rax
raw_preempt_calls_call:             /* the system call's answer: one more */
    cmp $7, %rax
    jne raw_wrong
    inc %r14
    jmp *%rcx
raw_preempt_calls_landing:
    cmpq $256, TRAP_RECORD
    jne raw_wrong
    add $24, %rsp
    iretq

    .globl raw_preempt_rolled, raw_preempt_rolled_landing
raw_preempt_rolled:                 /* idle after three; what it finds is not the last event's */
    cmpl $2, PREEMPTS               /* one may be due already, on a slow machine */
    jae raw_wrong
    mov $PROGRAM + (raw_program_rolled - raw_program), %eax
    jmp *%rax
raw_preempt_rolled_landing:
    incl ARRIVED
    add $24, %rsp
    iretq

    .pushsection .rodata.raw_program, "a", @progbits
    .balign 4096
    .globl raw_program, raw_program_end
raw_program:                        /* spins with marks in its registers, then looks at them */
    mov $PROGRAM_STACK, %esp
    mov $MARK + 16, %eax
    movq %rax, %xmm15
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov $MARK + \n, %r\n\()d
    .endr
    mov $MARK, %ebx
    mov $MARK + 1, %ecx
    mov $MARK + 2, %edx
    mov $MARK + 3, %esi
    mov $MARK + 4, %edi
    mov $MARK + 5, %ebp
    mov $MARK + 6, %eax
    movq $MARK, -8(%rsp)            /* the red zone */
    std
raw_program_marked:
1:  cmpl $3, ARRIVED
    jb 1b
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    cmp $MARK + \n, %r\n
    jne 9f
    .endr
    cmp $MARK, %rbx
    jne 9f
    cmp $MARK + 1, %rcx
    jne 9f
    cmp $MARK + 2, %rdx
    jne 9f
    cmp $MARK + 3, %rsi
    jne 9f
    cmp $MARK + 4, %rdi
    jne 9f
    cmp $MARK + 5, %rbp
    jne 9f
    cmp $MARK + 6, %rax
    jne 9f
    cmp $PROGRAM_STACK, %rsp
    jne 9f
    cmpq $MARK, -8(%rsp)
    jne 9f
    movq %xmm15, %rax
    cmp $MARK + 16, %rax
    jne 9f
    mov $DATA + 64, %esi            /* DF, without a change of RSP */
    lodsb
    cmp $DATA + 63, %rsi
    jne 9f
    /* A fifth of a second of waiting, which is no processor time. */
    movq $1, DATA                   /* in the past: what is the bell? */
    far_gate WAIT
    mov DATA + 12, %eax
    mov %eax, DATA + 8
    far_gate CLOCK, DATA + 32
    mov DATA + 32, %rbx
    add $200000000, %rbx
    mov PREEMPTS, %r12d
2:  mov %rbx, DATA
    far_gate WAIT
    far_gate CLOCK, DATA + 32
    cmp %rbx, DATA + 32
    jb 2b
    mov PREEMPTS, %eax
    sub %r12d, %eax
    cmp $1, %eax                    /* one may have been due */
    ja 9f
    movq $0, DATA
    far_gate HALT
9:  mov $MF_WRONG, %eax
    jmp *%rax

raw_program_long:
    mov $50000000, %ecx
1:  dec %ecx
    jnz 1b
    mov $MF_WRONG, %eax
    cmpl $0, PREEMPTS
    jne 2f
    mov $MF_RIGHT, %eax
2:  jmp *%rax

raw_program_calls:
    mov $PROGRAM_STACK, %esp
    xor %r13d, %r13d
    xor %r14d, %r14d
1:  mov $7, %eax
    inc %r13
    syscall
    cmpl $5, PREEMPTS
    jb 1b
    mov $MF_WRONG, %eax
    cmp %r13, %r14                  /* each was answered once */
    jne 2f
    mov $MF_RIGHT, %eax
2:  jmp *%rax

raw_program_rolled:
    mov $STACK_TOP, %esp
    cmpl $3, ARRIVED
    jae 9f
1:  cmpl $3, ARRIVED
    jb 1b
    movl $1, DATA + 16              /* mf_hc_wait.idle */
    far_gate WAIT
9:  mov $MF_WRONG, %eax
    jmp *%rax
raw_program_end:
    .popsection

