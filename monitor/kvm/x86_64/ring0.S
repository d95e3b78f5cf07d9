/*
 * ring0.S: all that ring 0 consists of, and the gate page, as read-only bytes at
 * their final distances from one another (cpu_layout.h). Nothing here is ever written:
 * the only memory that ring 0 writes is CPU_PAGE.
 *
 * A trap's way: the processor takes the vector's gate, always onto the stack of
 * IST 1, from whichever ring; the stub leaves the frame there, points RSP at the
 * vector's prepared frame, and iretq enters the vector's upcall in ring 3. No
 * register is saved because none is changed. The stub's length matters: some KVMs
 * interpret ring 0 at half a microsecond an instruction.
 */
#include "cpu_layout.h"

        .section .rodata.ring0, "a", @progbits
        .balign 4096
        .globl ring0_image
ring0_image:

/* The task-state segment (Intel SDM 3, 8.7): a stack for each entry, the I/O bitmap. */
        .long   0
        .quad   CPU_BASE + CPU_PAGE + PAGE_STACK_TOP    /* RSP0 */
        .quad   0, 0, 0
        .quad   CPU_BASE + CPU_PAGE + PAGE_STACK_TOP    /* IST 1 */
        .quad   0, 0, 0, 0, 0, 0, 0
        .word   0
        .word   104                                     /* where the bitmap begins */
        .fill   8192, 1, 0
        .byte   0xff

        .org    RING0_TABLES + TABLES_GDT
        .quad   0
        .quad   0x00af9b000000ffff                      /* 0x08: ring-0 code */
        .quad   0x00cf93000000ffff                      /* 0x10: ring-0 data */
        .quad   0, 0
        .quad   0x00cff3000000ffff                      /* 0x28: ring-3 data */
        .quad   0x00affb000000ffff                      /* 0x30: ring-3 code, 64 bits only */
        .quad   0
        .quad   0x00008b000000ffff | ((RING0_BASE & 0xffffff) << 16) | ((RING0_BASE >> 24) << 56)
        .quad   0

/* Every vector on IST 1. Ring 3 may name only int3; any other int n is #GP. */
        .macro  idt_gate vector, type
        .set    entry, RING0_BASE + RING0_CODE + \vector * CODE_STUB_BYTES
        .word   entry & 0xffff, SELECTOR_CODE0, \type, (entry >> 16) & 0xffff
        .quad   0
        .endm
        .org    RING0_TABLES + TABLES_IDT
        .set    vector, 0
        .rept   VECTORS
        .if     vector == 3
        idt_gate vector, 0xee01
        .else
        idt_gate vector, 0x8e01
        .endif
        .set    vector, vector + 1
        .endr

/* The upcalls load RSP themselves. */
        .org    RING0_TABLES + TABLES_FRAMES
        .set    vector, 0
        .rept   VECTORS
        .quad   GATE_CODE + GATE_UPCALL + vector * GATE_UPCALL_BYTES
        .quad   SELECTOR_CODE3, RFLAGS_GUEST, 0, SELECTOR_DATA3
        .set    vector, vector + 1
        .endr

        .set    cpu_page, ring0_image + (CPU_BASE + CPU_PAGE - RING0_BASE)

        .org    RING0_CODE
        .code64
        .set    vector, 0
        .rept   VECTORS
        .org    RING0_CODE + vector * CODE_STUB_BYTES, 0xcc
        .if     vector == 14
        push    %rax                                    /* below the frame */
        mov     %cr2, %rax
        mov     %rax, cpu_page + PAGE_CR2(%rip)
        pop     %rax
        .endif
        mov     $(RING0_BASE + RING0_TABLES + TABLES_FRAMES + vector * FRAME_BYTES), %esp
        iretq
        .set    vector, vector + 1
        .endr

/* LSTAR, where syscall arrives in ring 0: into the kernel with RCX, R11 and RSP kept. */
        .org    RING0_CODE + CODE_SYSCALL, 0xcc
        mov     %rsp, cpu_page + PAGE_SYSCALL + 24(%rip)
        mov     $(CPU_BASE + CPU_PAGE + PAGE_SYSCALL), %esp
        iretq

/* The gate (abi/hypercall.h). An address past 32 bits must not become another one. */
        .set    call, 0
        .rept   GATE_CALLS
        .org    RING0_GATE + call * GATE_SLOT, 0xcc
        .if     call == GATE_CALL_RING
        jmp     ring
        .endif
        mov     %edi, %eax
        cmp     %rax, %rdi
        je      1f
        mov     $-1, %eax
1:      mov     $(GATE_PORT + call), %edx
        out     %eax, (%dx)
        ret
        .set    call, call + 1
        .endr

/* `ring` makes no exit (its port is an eventfd), so its struct's rules are kept here, for
 * kernels that err. One that writes to the port by itself rings, which it may anyway. */
        .org    RING0_GATE + GATE_RING, 0xcc
ring:   mov     GATE_WINDOW, %rax
        sub     $4, %rax
        cmp     %rax, %rdi
        ja      1f
        test    $7, %dil
        jnz     1f
        cmpl    $0, (%rdi)
        jne     1f
        mov     $(GATE_PORT + GATE_CALL_RING), %edx
        out     %eax, (%dx)
        ret
1:      mov     $GATE_PORT_NONSENSE, %edx
        out     %eax, (%dx)
        ret

/* The upcalls (abi/trap.h): struct mf_trap onto the trap stack, all else but the
 * arithmetic flags intact. RSP is free to use: the frame has the guest's. */
        .set    hardware_frame, GATE_DATA + PAGE_STACK_TOP - FRAME_BYTES
        .macro  push_record vector
        mov     GATE_DATA + PAGE_TRAP_STACK, %rsp
        pushq   hardware_frame + 32                     /* ss */
        pushq   hardware_frame + 24                     /* rsp */
        pushq   hardware_frame + 16                     /* rflags */
        pushq   hardware_frame + 8                      /* cs */
        pushq   hardware_frame                          /* rip */
        .if     \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
        pushq   hardware_frame - 8                      /* error code */
        .else
        pushq   $0
        .endif
        .if     \vector == 14
        pushq   GATE_DATA + PAGE_CR2
        .else
        pushq   $0
        .endif
        pushq   $\vector
        .endm

/* The guest begins here: null selectors, as Linux has them. Some KVMs do not bring those back
 * that ring 3 has changed, whatever they are told. Flags stay as they are. RCX: not 0 where
 * vectors, too, are brought back here (cpu_reset.c). */
        .org    RING0_GATE + GATE_BEGIN, 0xcc
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        jrcxz   begin
        jmp     vectors
begin:  jmp     *GATE_DATA + PAGE_ENTRY

        .org    RING0_GATE + GATE_RETURN, 0xcc
        ret

        .org    RING0_GATE + GATE_SYSCALL, 0xcc
        jmp     *GATE_DATA + PAGE_SYSCALL

/* A page fault of the gate's own code: on a struct of `ring` that is not there, or on a
 * trap stack that is not, which would go on for ever. */
        .org    RING0_GATE + GATE_FAULT, 0xcc
fault:  mov     hardware_frame, %rsp
        shr     $12, %rsp
        cmp     $(GATE_CODE >> 12), %rsp
        je      1f
        push_record 14
        jmp     enter
1:      mov     $GATE_PORT_NONSENSE, %edx
        out     %eax, (%dx)

/* Into the kernel, unless the exception happened with RSP where an exception leaves it:
 * the kernel's first instructions fault, for ever. */
        .org    RING0_GATE + GATE_ENTER, 0xcc
enter:  cmp     %rsp, hardware_frame + 24
        je      1f
        jmp     *GATE_DATA + PAGE_EXCEPTION
1:      mov     $GATE_PORT_TWICE, %edx
        out     %eax, (%dx)

/* All components that ring 3 has here, to their first state (Intel SDM 1, 13.8). Before it
 * for processors that bring the last x87 instruction's addresses back only with an exception
 * pending (Linux, restore_fpregs_from_fpstate): another last instruction. */
        .org    RING0_GATE + GATE_VECTORS, 0xcc
vectors:
        fnclex
        emms
        fildl   GATE_CODE + GATE_XSAVE
        mov     $-1, %eax
        mov     $-1, %edx
        xrstor64 GATE_CODE + GATE_XSAVE
        mov     $0, %eax
        mov     $0, %ecx
        mov     $0, %edx
        jmp     begin
        .org    RING0_GATE + GATE_XSAVE, 0xcc
        .word   0x37f                                   /* FCW */
        .fill   22, 1, 0
        .long   0x1f80                                  /* MXCSR */
        .fill   548, 1, 0                               /* XSTATE_BV and the rest */

        .set    vector, 0
        .rept   VECTORS
        .org    RING0_GATE + GATE_UPCALL + vector * GATE_UPCALL_BYTES, 0xcc
        .if     vector == 14
        jmp     fault
        .else
        push_record vector
        jmp     enter
        .endif
        .set    vector, vector + 1
        .endr

        .org    RING0_BYTES, 0xcc

/* The self-test of a blank: pages that will be used, the gate's among them; then a system call.
 * Before it, once for all: are FS and GS bases the guest's own, and still there when it has been
 * away? What happened goes to a port, in EAX. Copied to TEST_CODE. */
        .balign 16
        .globl  ring0_test, ring0_test_segments, ring0_test_syscall, ring0_test_exception, ring0_test_end
ring0_test:
        mov     $TEST_END, %esp
        mov     $(GATE_CODE + GATE_RETURN), %eax
        call    *%rax
        mov     $TEST_STACK, %esi
1:      mov     (%rsi), %edi
        add     $4, %esi
        test    %edi, %edi
        jz      2f
        mov     (%rdi), %al
        jmp     1b
2:      syscall
ring0_test_syscall:
        lfence
        rdtsc
        mov     %eax, TEST_COUNTER
        mov     %edx, TEST_COUNTER + 4
        mov     $TEST_SYSCALL, %eax
        jmp     1f
ring0_test_segments:
        mov     $TEST_FS_BASE, %esi
        mov     $TEST_GS_BASE, %edi
        wrfsbase %rsi
        wrgsbase %rdi
        mov     $TEST_AWAY, %eax
        mov     $TEST_PORT, %edx
        out     %eax, (%dx)
        rdfsbase %rax
        rdgsbase %rcx
        xor     %rax, %rsi
        xor     %rcx, %rdi
        or      %rsi, %rdi
        mov     $0, %eax                                /* flags stay as they are */
        wrfsbase %rax
        wrgsbase %rax
        mov     $TEST_LOST, %eax
        jnz     1f
        mov     $TEST_KEPT, %eax
        jmp     1f
ring0_test_exception:
        mov     (%rsp), %eax                            /* struct mf_trap: the vector */
1:      mov     $TEST_PORT, %edx
        out     %eax, (%dx)
ring0_test_end:

        .section .note.GNU-stack, "", @progbits
