/*
 * raw_guests.S: guests of a few instructions each (raw_image.h), to see what stands
 * below a kernel. They end by `halt` when all was as it should be, and otherwise by
 * `fault` with a cause that the test does not expect.
 */
#define GATE(nr) (0x20000 + (nr) * 128)
#define HALT 0
#define WAIT 1
#define RING 2
#define PROTECT 3
#define DISCARD 4
#define CLOCK 5
#define CONSOLE 6
#define FAULT 7
#define SEGMENT 8

#define DATA 0x101000
#define STACK_TOP 0x103000
#define TRAP_RECORD (0x106000 - 64)
#define WINDOW 0x800000
#define CHANNEL (WINDOW - 0x117000)
#define BSS 0x401000
#define BSS_END 0x402000
#define EINVAL_32 0xffffffea

    .macro call_gate nr, args=DATA
    mov $\args, %edi
    call raw_base + GATE(\nr)
    .endm

    .section .rodata.raw, "a", @progbits
    .balign 4096
    .globl raw_text
raw_text:
    .set raw_base, raw_text - 0x100000

    .globl raw_wrong                /* also the landing of all that must not arrive */
raw_wrong:
    mov $STACK_TOP, %esp
    movl $16, DATA                  /* MF_CAUSE_KERNEL_BUG */
    movl $0, DATA + 4
    call_gate FAULT

    .globl raw_halt
raw_halt:
    mov $STACK_TOP, %esp
    movq $0, DATA
    call_gate HALT

    .globl raw_spin
raw_spin:
    jmp raw_spin

    .globl raw_wait                 /* rings, then once for every bell of the node's */
raw_wait:
    mov $STACK_TOP, %esp
    call_gate RING, DATA + 64
1:  call_gate WAIT
    mov DATA + 12, %eax             /* now */
    cmp DATA + 8, %eax              /* seen */
    je 1b
    mov %eax, DATA + 8
    call_gate RING, DATA + 64
    jmp 1b

    .globl raw_deadline             /* a wait in the past ends */
raw_deadline:
    mov $STACK_TOP, %esp
    movq $1, DATA
    call_gate WAIT
    cmpl $0, DATA + 12
    jne raw_wrong
    jmp raw_halt

    .globl raw_segment              /* both bases hold, over a sleep of 1 ms too */
raw_segment:
    mov $STACK_TOP, %esp
    mov $DATA, %ebx
    lea 64(%rbx), %eax
    mov %eax, (%rbx)                /* base; which = FS */
    mov %eax, 64(%rbx)              /* what stands there: where it stands */
    call_gate SEGMENT
    mov 12(%rbx), %ebp              /* error */
    lea 72(%rbx), %eax
    mov %eax, (%rbx)
    mov %eax, 72(%rbx)
    incl 8(%rbx)                    /* GS */
    call_gate SEGMENT
    or 12(%rbx), %ebp
    call_gate CLOCK, DATA + 96
    mov 96(%rbx), %rax              /* monotonic_ns */
    add $1000000, %rax
    mov %rax, 32(%rbx)              /* deadline_ns; seen 0 */
    call_gate WAIT, DATA + 32
    xor %fs:0, %ebp
    xor %gs:0, %ebp
    cmp $(DATA + 64) ^ (DATA + 72), %ebp
    jne raw_wrong
    jmp raw_halt

    .globl raw_fault                /* MF_CAUSE_DIVIDE */
raw_fault:
    mov $STACK_TOP, %esp
    movl $4, DATA
    call_gate FAULT

    .globl raw_fault_unknown
raw_fault_unknown:
    mov $STACK_TOP, %esp
    movl $18, DATA
    call_gate FAULT

    .globl raw_fault_reserved
raw_fault_reserved:
    mov $STACK_TOP, %esp
    movl $4, DATA
    movl $1, DATA + 4
    call_gate FAULT

    .globl raw_halt_reserved
raw_halt_reserved:
    mov $STACK_TOP, %esp
    movl $1, DATA
    call_gate HALT

    .globl raw_struct_unaligned
raw_struct_unaligned:
    mov $STACK_TOP, %esp
    call_gate CLOCK, DATA + 4

    .globl raw_struct_outside
raw_struct_outside:
    mov $STACK_TOP, %esp
    call_gate CLOCK, WINDOW

    .globl raw_struct_not_there     /* no page between data and program */
raw_struct_not_there:
    mov $STACK_TOP, %esp
    call_gate CLOCK, 0x200000

    .globl raw_struct_read_only
raw_struct_read_only:
    mov $STACK_TOP, %esp
    call_gate CLOCK, 0x10000

    .globl raw_no_stack
raw_no_stack:
    call_gate CLOCK

    .globl raw_clock
raw_clock:
    mov $STACK_TOP, %esp
    call_gate CLOCK
    mov 0x10048, %rax               /* mf_boot.monotonic_ns */
    cmp %rax, DATA
    jb raw_wrong
    mov 0x10050, %rax               /* mf_boot.realtime_ns */
    cmp %rax, DATA + 8
    jb raw_wrong
    jmp raw_halt

    .globl raw_console
raw_console:
    mov $STACK_TOP, %esp
    lea 2f(%rip), %rax
    mov %rax, DATA
    movl $6, DATA + 8
    call_gate CONSOLE
    cmpl $0, DATA + 12
    jne raw_wrong
    movl $4097, DATA + 8            /* longer than a line may be */
    call_gate CONSOLE
    cmpl $EINVAL_32, DATA + 12
    jne raw_wrong
    movq $CHANNEL - 2, DATA         /* into the channel */
    movl $3, DATA + 8
    call_gate CONSOLE
    cmpl $EINVAL_32, DATA + 12
    jne raw_wrong
    movq $-1, DATA
    call_gate CONSOLE
    cmpl $EINVAL_32, DATA + 12
    jne raw_wrong
    jmp raw_halt
2:  .ascii "hello\n"

    .macro ranged nr, address, bytes, prot, error_at, result
    mov $\address, %rax
    mov $\bytes, %rcx
    mov $\prot, %edx
    mov $GATE(\nr), %esi
    mov $\error_at, %ebp
    mov $\result, %ebx
    call raw_ranged
    jne 9f
    .endm

raw_ranged:
    mov %rax, DATA
    mov %rcx, DATA + 8
    mov %edx, DATA + 16
    mov $DATA, %edi
    call *%rsi
    cmp %ebx, DATA(%rbp)
    ret

    .globl raw_protect              /* every rule, at and past its limit */
raw_protect:
    mov $STACK_TOP, %esp
    ranged PROTECT, 0x200000, 0x1000, 3, 20, 0
    movq $1, 0x200000
    ranged PROTECT, (CHANNEL - 0x1000), 0x1000, 1, 20, 0
    ranged PROTECT, (CHANNEL - 0x1000), 0x2000, 1, 20, EINVAL_32
    ranged PROTECT, CHANNEL, 0x1000, 1, 20, EINVAL_32
    ranged PROTECT, 0xff000, 0x1000, 1, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0, 1, 20, EINVAL_32
    ranged PROTECT, 0x200001, 0x1000, 1, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0x1001, 1, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0x1000, 2, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0x1000, 4, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0x1000, 7, 20, EINVAL_32
    ranged PROTECT, 0x200000, 0xfffffffffffff000, 1, 20, EINVAL_32
    ranged PROTECT, 0xfffffffffffff000, 0x2000, 1, 20, EINVAL_32
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_discard
raw_discard:
    mov $STACK_TOP, %esp
    movq $7, BSS
    ranged DISCARD, BSS, 0x1000, -1, 16, 0
    cmpl $0, DATA + 20
    jne 9f
    cmpq $0, BSS
    jne 9f
    ranged DISCARD, 0x3ff000, 0x1000, -1, 16, EINVAL_32
    ranged DISCARD, (CHANNEL - 0x1000), 0x2000, -1, 16, EINVAL_32
    ranged DISCARD, BSS, 0, -1, 16, EINVAL_32
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_registers            /* boot.h: all zero but RDI; vector state too */
raw_registers:
    cmp $0x10000, %rdi
    jne 9f
    or %rax, %rbx
    or %rcx, %rbx
    or %rdx, %rbx
    or %rsi, %rbx
    or %rbp, %rbx
    or %rsp, %rbx
    or %r8, %rbx
    or %r9, %rbx
    or %r10, %rbx
    or %r11, %rbx
    or %r12, %rbx
    or %r13, %rbx
    or %r14, %rbx
    or %r15, %rbx
    mov %fs:0x10000, %rax           /* with bases of 0 the boot page's first word */
    xor 0x10000, %rax
    or %rax, %rbx
    mov %gs:0x10000, %rax
    xor 0x10000, %rax
    or %rax, %rbx
    por %xmm1, %xmm0
    por %xmm7, %xmm0
    por %xmm15, %xmm0
    movq %xmm0, %rax
    or %rax, %rbx
    test %rbx, %rbx
    jnz 9f
    mov $STACK_TOP, %esp
    stmxcsr DATA
    cmpl $0x1f80, DATA
    jne 9f
    jmp raw_halt
9:  jmp raw_wrong

/* Exceptions: the guest makes one, its landing looks at the record. */

    .macro record_is offset, value
    cmpq $\value, TRAP_RECORD + \offset
    jne 9f
    .endm

    .globl raw_invalid, raw_invalid_landing
raw_invalid:
    mov $STACK_TOP, %esp
    mov $0x1234, %r15d
    std
raw_invalid_at:
    ud2
raw_invalid_landing:
    cld
    cmp $TRAP_RECORD, %rsp
    jne 9f
    cmp $0x1234, %r15
    jne 9f
    record_is 0, 6
    record_is 8, 0
    lea raw_invalid_at(%rip), %rax
    cmp %rax, TRAP_RECORD + 24
    jne 9f
    record_is 32, 0x33
    record_is 48, STACK_TOP
    record_is 56, 0x2b
    testl $0x400, TRAP_RECORD + 40  /* DF as it was */
    jz 9f
    lea 1f(%rip), %rax              /* and back, by iretq */
    mov %rax, TRAP_RECORD + 24
    add $24, %rsp
    iretq
1:  cmp $STACK_TOP, %rsp
    jne 9f
    cld
    jmp raw_halt
9:  jmp raw_wrong

    .macro touching name, instruction:vararg
    .globl raw_\name
raw_\name:
    mov $STACK_TOP, %esp
    \instruction
    jmp raw_wrong
    .endm

    touching read_zero, mov 0, %rax
    touching read_page_15, mov 0xfff8, %rax
    touching write_boot, movq $0, 0x10000
    touching write_gate, movq $0, 0x20000
    touching write_text, movq $0, 0x100000
    touching past_window, mov WINDOW, %rax
    touching read_trampoline, mov 0x40000, %rax
    touching write_trampoline, movq $0, 0x50000
    touching run_trampoline, jmp *raw_trampoline_address(%rip)
    touching run_other_gate, jmp *raw_other_gate_address(%rip)
raw_trampoline_address: .quad 0x41020   /* where its `syscall` was */
raw_other_gate_address: .quad 0x40000
    touching reserved, mov 0x200000, %rax
    touching run_data, jmp *raw_data_address(%rip)
    touching run_channel, jmp *raw_channel_address(%rip)
    touching run_bss, jmp *raw_bss_address(%rip)
    touching run_stack, jmp *raw_stack_address(%rip)
raw_data_address: .quad DATA
raw_channel_address: .quad CHANNEL
raw_bss_address: .quad BSS
raw_stack_address: .quad STACK_TOP - 8

    .globl raw_page_fault_landing   /* any page fault in ring 3 */
raw_page_fault_landing:
    record_is 0, 14
    testl $4, TRAP_RECORD + 16
    jz 9f
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_privileged, raw_protection_landing
raw_privileged:
    hlt
raw_protection_landing:
    record_is 0, 13
    record_is 8, 0
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_divide, raw_divide_landing
raw_divide:
    xor %ecx, %ecx
    div %ecx
raw_divide_landing:
    record_is 0, 0
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_breakpoint, raw_breakpoint_landing
raw_breakpoint:
    int3
raw_breakpoint_landing:
    record_is 0, 3
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_single_step, raw_single_step_landing
raw_single_step:
    mov $STACK_TOP, %esp
    push $0x102
    popf
    nop
raw_single_step_landing:
    pushf
    testl $0x100, (%rsp)            /* TF must not follow us here */
    jnz 9f
    record_is 0, 1
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_single_step_call     /* a system call with TF set arrives with TF clear */
raw_single_step_call:
    mov $STACK_TOP, %esp
    push $0x102
    popf
    syscall                         /* the trap of `popf`s next instruction is this one's */
    .globl raw_single_step_call_landing
raw_single_step_call_landing:
    pushf
    testl $0x100, (%rsp)
    jnz 9f
    test $0x100, %r11d
    jz 9f
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_compat, raw_compat_landing
raw_compat:                         /* 32-bit code, where there is a selector for it */
    mov $STACK_TOP, %esp
    ljmp *raw_compat_target(%rip)
raw_compat_target:
    .long 0x100000 + (raw_compat_code - raw_text)
    .word 0x23
    .code32
raw_compat_code:
    ud2
    .code64
raw_compat_landing:
    record_is 0, 6
    record_is 32, 0x23
    mov %cs, %eax
    cmp $0x33, %eax
    jne 9f
    jmp raw_halt
9:  jmp raw_wrong

    .globl raw_int80, raw_compat_int80
raw_int80:
    mov $20, %eax
    int $0x80
    jmp raw_wrong
raw_compat_int80:
    ljmp *1f(%rip)
1:  .long 0x100000 + (2f - raw_text)
    .word 0x23
    .code32
2:  mov $20, %eax
    int $0x80
    ud2
    .code64

    .globl raw_call, raw_call_landing
raw_call:                           /* registers that a system call must not change */
    mov $STACK_TOP, %esp
    mov $0x1111, %ebx
    mov $0x2222, %ebp
    mov $0x3333, %r12d
    mov $0x4444, %r10d
    mov $0x5555, %edx
    movq %rbx, %xmm3
    mov $2, %eax                    /* open */
    syscall
raw_call_at:
raw_call_landing:
    lea raw_call_at(%rip), %rsi
    cmp %rsi, %rcx
    jne 9f
    cmp $2, %rax
    jne 9f
    cmp $STACK_TOP, %rsp
    jne 9f
    cmp $0x1111, %rbx
    jne 9f
    cmp $0x2222, %rbp
    jne 9f
    cmp $0x3333, %r12
    jne 9f
    cmp $0x4444, %r10
    jne 9f
    cmp $0x5555, %rdx
    jne 9f
    movq %xmm3, %rax
    cmp %rbx, %rax
    jne 9f
    jmp raw_halt
9:  jmp raw_wrong

/* Guests that break what their traps need. */

    .globl raw_loop                 /* the landing faults on its first instruction */
raw_loop:
    ud2

    .globl raw_no_trap_stack
raw_no_trap_stack:
    mov $STACK_TOP, %esp
    ranged PROTECT, 0x105000, 0x1000, 0, 20, 0
    ud2
9:  jmp raw_wrong

    .macro sigreturn_with_zero_frame
    mov $DATA, %esp                 /* zeros: a frame that Linux takes apart */
    mov $15, %eax
    mov $0x20800, %ecx
    jmp *%rcx
    .endm

    .globl raw_forged_frame         /* registers from a frame of zeros: RIP 0, no mask */
raw_forged_frame:
    sigreturn_with_zero_frame

    .globl raw_no_signal_stack      /* a forged frame takes the signal stack away */
raw_no_signal_stack:
    mov $0x200000, %eax             /* uc_stack: nothing is mapped there */
    mov %rax, DATA + 16
    movq $0x2000, DATA + 32
    lea 1f(%rip), %rax
    mov %rax, DATA + 168            /* RIP */
    movw $0x33, DATA + 184          /* CS */
    sigreturn_with_zero_frame
1:  ud2

    .globl raw_calls_blocked        /* a forged frame blocks SIGSYS */
raw_calls_blocked:
    lea 1f(%rip), %rax
    mov %rax, DATA + 168
    movw $0x33, DATA + 184
    mov $1 << 30, %eax              /* SIGSYS - 1 */
    mov %rax, DATA + 296            /* uc_sigmask */
    sigreturn_with_zero_frame
1:  mov $2, %eax
    syscall
    jmp raw_wrong

    .globl raw_frame_not_there
raw_frame_not_there:
    mov $0x200000, %esp
    mov $15, %eax
    mov $0x20800, %ecx
    jmp *%rcx

    .globl raw_gate_execve          /* through the gate's instruction, what no line admits */
raw_gate_execve:
    mov $STACK_TOP, %esp
    mov $59, %eax
    mov $0x20800, %ecx
    call *%rcx
    jmp raw_wrong

    .globl raw_vsyscall             /* the one page that Linux keeps in every process */
raw_vsyscall:
    mov $STACK_TOP, %esp
    mov $0xffffffffff600000, %rax
    call *%rax
    jmp raw_wrong
    .globl raw_vsyscall_landing
raw_vsyscall_landing:               /* Linux emulates a gettimeofday: our filter traps it */
    cmp $96, %rax
    jne raw_wrong
    jmp raw_halt

/* Two calls that Linux lets through every filter (docs/adr/0001): harmless, or trapped
 * where Linux is older. */
    .globl raw_uretprobe, raw_uretprobe_landing, raw_uretprobe_old
raw_uretprobe:
    mov $335, %eax
    syscall
    jmp raw_wrong
raw_uretprobe_landing:
    record_is 0, 6
    jmp raw_halt
9:  jmp raw_wrong
raw_uretprobe_old:
    cmp $335, %eax
    jne raw_wrong
    jmp raw_halt

    .globl raw_uprobe, raw_uprobe_old
raw_uprobe:
    mov $336, %eax
    syscall
    test %rax, %rax                 /* an error, and nothing else */
    jns raw_wrong
    jmp raw_halt
raw_uprobe_old:
    cmp $336, %eax
    jne raw_wrong
    jmp raw_halt

#include "raw_preempt.S"
#include "raw_guests_kvm.S"

    .org 4096
    .globl raw_text_end
raw_text_end:
    .section .note.GNU-stack, "", @progbits
