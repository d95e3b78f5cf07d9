/*
 * raw_guests_kvm.S: guests for the KVM monitor alone, part of raw_guests.S and its page.
 * x86-64.
 */
#define RING0 0xc0000000
#define CPU_PAGE 0xc0010000
#define PORT 0x500

    touching write_gate_data, movq $0, 0x30000

    .macro far name, address, instruction:vararg
    .globl raw_\name
raw_\name:
    mov $STACK_TOP, %esp
    mov $\address, %eax
    \instruction
    jmp raw_wrong
    .endm

    far ring0_tables, RING0, mov (%rax), %rbx
    far ring0_code, RING0 + 0x4000, jmp *%rax
    far ring0_stack, CPU_PAGE, mov %rbx, (%rax)
    far page_tables, CPU_PAGE + 0x1000, mov (%rax), %rbx
    far run_gate_data, 0x30000, jmp *%rax

/* What `protect` takes away is gone at once, though the page was in use; what it gives
 * is there at once. */
    .globl raw_downgrade, raw_downgrade_landing
raw_downgrade:
    mov $STACK_TOP, %esp
    ranged PROTECT, 0x200000, 0x2000, 3, 20, 0
    movq $7, 0x200000
    movq $8, 0x201000
    ranged PROTECT, 0x201000, 0x1000, 1, 20, 0
    cmpq $8, 0x201000
    jne 9f
    movq $9, 0x200000
    movq $9, 0x201000
9:  jmp raw_wrong
raw_downgrade_landing:
    record_is 0, 14
    record_is 8, 0x201000
    record_is 16, 7                 /* present, write, ring 3 */
    mov $STACK_TOP, %esp
    ranged PROTECT, 0x200000, 0x1000, 0, 20, 0
    ranged PROTECT, 0x201000, 0x1000, 3, 20, 0
    movq $9, 0x201000
    mov 0x200000, %rax
9:  jmp raw_wrong
    .globl raw_taken_landing        /* the page that was taken away is the one that faults */
raw_taken_landing:
    cmpq $0x200000, TRAP_RECORD + 8
    jne raw_downgrade_landing
    record_is 16, 4
    cmpq $9, 0x201000
    jne 9f
    jmp raw_halt
9:  jmp raw_wrong

/* Ring 0 is not reached by a system call. */
    .globl raw_call_privileged, raw_call_privileged_landing
raw_call_privileged:
    syscall
raw_call_privileged_landing:
    mov %cs, %eax
    cmp $0x33, %eax
    jne raw_wrong
    mov %cr3, %rax
    jmp raw_wrong

    .globl raw_port_other, raw_port_short, raw_port_in, raw_address_high
raw_port_other:
    mov $0x60, %edx
    out %eax, (%dx)
    jmp raw_wrong
raw_port_short:
    mov $PORT + CLOCK, %edx
    out %al, (%dx)
    jmp raw_wrong
raw_port_in:
    mov $PORT + CLOCK, %edx
    in (%dx), %eax
    jmp raw_wrong
raw_address_high:                   /* 4 GiB past a good struct */
    mov $STACK_TOP, %esp
    mov $0x100101000, %rdi
    mov $GATE(CLOCK), %eax
    call *%rax
    jmp raw_wrong

    .globl raw_ring_nonsense
raw_ring_nonsense:
    mov $STACK_TOP, %esp
    movl $1, DATA
    call_gate RING
    jmp raw_wrong

    .globl raw_refused_landing      /* not protection here, but not an instruction: KVM's emulator */
raw_refused_landing:
    cmpq $6, TRAP_RECORD
    jne raw_protection_landing
    record_is 32, 0x33
    jmp raw_halt
9:  jmp raw_wrong
