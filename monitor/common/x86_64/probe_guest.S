/*
 * probe_guest.S: the smallest guest: an exception, a system call, and halt, each
 * through the gate, so that all the roads of a sandbox have been driven once. Loaded
 * at MF_KERNEL_BASE; ends with MF_CAUSE_KERNEL_BUG if a road leads elsewhere. No
 * stack, no data.
 */
/* abi/: layout.h, hypercall.h. */
#define GATE_PAGE 0x20000
#define GATE_SLOT 128

#define PROBE_CALL 39 /* getpid: never to reach the host */

    .section .rodata.probe_guest, "a", @progbits
    .balign 4096
    .globl probe_guest, probe_guest_syscall, probe_guest_exception
probe_guest:
    cmp $0x10000, %rdi          /* MF_BOOT_BASE */
    jne 9f
    test %rsp, %rsp
    jnz 9f
    ud2

probe_guest_exception:
    cmpq $6, (%rsp)             /* mf_trap.vector: invalid instruction */
    jne 9f
    mov $PROBE_CALL, %eax
    syscall
1:  jmp 9f

probe_guest_syscall:
    cmp $PROBE_CALL, %rax
    jne 9f
    lea 1b(%rip), %rdx
    cmp %rdx, %rcx
    jne 9f
    lea 7f(%rip), %rdi
    mov $GATE_PAGE, %eax        /* halt */
    jmp *%rax

9:  lea 8f(%rip), %rdi
    mov $GATE_PAGE + 7 * GATE_SLOT, %eax /* fault */
    jmp *%rax

    .balign 8
7:  .long 0, 0                  /* struct mf_hc_halt */
8:  .long 16, 0                 /* struct mf_hc_fault: MF_CAUSE_KERNEL_BUG */

    .balign 4096
    .globl probe_guest_end
probe_guest_end:
    .section .note.GNU-stack, "", @progbits
