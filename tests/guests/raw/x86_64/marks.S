/*
 * marks.S: every register, as found at the kernel's first instruction, and marked.
 * raw_entered has the layout of struct looked from `registers` on.
 */
#define ENTERED_BASES 128
#define ENTERED_SELECTORS 152
#define WAIT_PORT 0x501 /* abi/hypercall.h */
#define BOOT_BASE 0x10000
#define BOOT_FLAGS (BOOT_BASE + 116)
#define BOOT_SEGMENTS 8
#define GATE_SEGMENT (0x20000 + 8 * 128)
#define MARK_AND_ENTER 1 /* enum mark_way */
#define MARK_AND_STRING 2
#define ALL_FLAGS 0x240cd7 /* carry to overflow, direction, alignment check, ID; IF is as it is */

    .section .text
/* Everything to memory, by absolute addresses, since no register is free; then on to
 * the kernel. */
    .globl raw_note_entry
raw_note_entry:
    mov %rax, raw_entered+0
    mov %rcx, raw_entered+8
    mov %rdx, raw_entered+16
    mov %rbx, raw_entered+24
    mov %rsp, raw_entered+32
    mov %rbp, raw_entered+40
    mov %rsi, raw_entered+48
    mov %rdi, raw_entered+56
    mov %r8, raw_entered+64
    mov %r9, raw_entered+72
    mov %r10, raw_entered+80
    mov %r11, raw_entered+88
    mov %r12, raw_entered+96
    mov %r13, raw_entered+104
    mov %r14, raw_entered+112
    mov %r15, raw_entered+120
    lea raw_stack_top(%rip), %rsp
    pushf
    popq raw_entered+ENTERED_BASES+16
    pushq $0x202
    popf
    testl $BOOT_SEGMENTS, BOOT_FLAGS
    jnz 1f
    rdfsbase %rax
    rdgsbase %rcx
    jmp 2f
1:  mov %fs:BOOT_BASE, %rax     /* not to be read: but 0 stays 0, another does not */
    xor BOOT_BASE, %rax
    mov %gs:BOOT_BASE, %rcx
    xor BOOT_BASE, %rcx
2:  mov %rax, raw_entered+ENTERED_BASES
    mov %rcx, raw_entered+ENTERED_BASES+8
    xor %eax, %eax
    mov %es, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS
    mov %cs, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS+8
    mov %ss, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS+16
    mov %ds, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS+24
    mov %fs, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS+32
    mov %gs, %eax
    mov %rax, raw_entered+ENTERED_SELECTORS+40
    mov $BOOT_BASE, %edi
    jmp raw_begin

/* void raw_mark(uint64_t way, uint64_t components, void *from, void *to, void *idle):
 * vectors from raw_vectors_marked, [from, to) of memory (not for MARK_AND_ENTER), every
 * general register; then as way says. idle: in the channel, where nothing is filled: a
 * struct mf_hc_wait, its address twice, room for a stack. Never returns. */
#define IDLE_ADDRESSES 24
#define IDLE_STACK_TOP 64
    .globl raw_mark
raw_mark:
    mov %rdi, %rbx
    mov %rdx, %r9
    mov %rcx, %r10
    mov %r8, %r11
    mov %rsi, %rax
    mov %rsi, %rdx
    shr $32, %rdx
    test %rsi, %rsi
    jz 1f
    xrstor64 raw_vectors_marked
    jmp 2f
1:  fxrstor64 raw_vectors_marked
2:  mov $0x2b, %eax             /* bases after them */
    mov %eax, %es
    mov %eax, %ds
    mov %eax, %fs
    mov %eax, %gs
    testl $BOOT_SEGMENTS, BOOT_FLAGS
    jnz 3f
    mov $0x6d61726b0000, %rax
    wrfsbase %rax
    wrgsbase %rax
    jmp 8f
3:  push %r9
    push %r10
    push %r11
    movl $BOOT_BASE, raw_segment
    movl $0, raw_segment+8      /* FS, then GS */
    mov $raw_segment, %edi
    mov $GATE_SEGMENT, %eax
    call *%rax
    incl raw_segment+8
    mov $raw_segment, %edi
    mov $GATE_SEGMENT, %eax
    call *%rax
    pop %r11
    pop %r10
    pop %r9
8:  cmp $MARK_AND_ENTER, %rbx
    je 5f
4:  cmp %r10, %r9               /* our stack goes, too */
    jae 5f
    mov %r9d, %ecx
    mov %ecx, %eax
    not %eax
    xor $0x5bd1e995, %eax
    shl $32, %rax
    or %rcx, %rax
    mov %rax, (%r9)
    add $8, %r9
    jmp 4b
5:  .macro marked register, number
    movabs $(((~\number & 0xffffffff) ^ 0x5bd1e995) << 32 | \number) - 0x1234567, \register
    lea 0x1234567(\register), \register /* no mark stands in the text; flags stay */
    .endm
    marked %rbp, 0x105
    marked %r8, 0x108
    marked %r9, 0x109
    marked %r10, 0x10a
    marked %r12, 0x10c
    marked %r13, 0x10d
    marked %r14, 0x10e
    marked %r15, 0x10f
    cmp $MARK_AND_STRING, %rbx
    je 7f
    lea IDLE_STACK_TOP(%r11), %rsp
    cmp $MARK_AND_ENTER, %rbx
    pushq $ALL_FLAGS
    je 6f
    popf
    mov %r11, %rax              /* 32 bits of it count */
    marked %rcx, 0x101
    marked %rbx, 0x103
    marked %rsi, 0x106
    marked %rdi, 0x107
    marked %r11, 0x10b
    marked %rsp, 0x104
    movabs $0x6d61726b0000 << 16 | WAIT_PORT, %rdx
    out %eax, (%dx)
    ud2
6:  popf
    marked %rax, 0x100
    marked %rcx, 0x101
    marked %rdx, 0x102
    marked %rbx, 0x103
    marked %rsi, 0x106
    marked %rdi, 0x107
    marked %r11, 0x10b
    marked %rsp, 0x104
    jmp kernel_start
7:  lea IDLE_ADDRESSES(%r11), %rsi
    mov $2, %ecx
    mov $WAIT_PORT, %edx
    cld
    rep outsl
    ud2

    .section .bss
    .balign 64
    .globl raw_entered, raw_vectors, raw_vectors_marked
raw_entered: .skip 256
raw_segment: .skip 16           /* struct mf_hc_segment */
    .balign 64
raw_vectors: .skip 4096
raw_vectors_marked: .skip 4096
    .section .note.GNU-stack, "", @progbits
