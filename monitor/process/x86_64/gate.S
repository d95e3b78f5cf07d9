/*
 * gate.S: the page at MF_GATE_BASE of every process sandbox. Slots of 128 bytes, one
 * a hypercall (abi/hypercall.h): each turns its struct into one host system call.
 * Then the handlers that turn signals into abi/trap.h's arrivals, and the last steps
 * of the monitor. All of it runs in ring 3 beside the guest; see gate.h for why its
 * checks are courtesy and the filter the wall.
 *
 * All host calls go through the one `syscall` instruction at GATE_SYSCALL. A fault
 * inside this page (a bad struct, stack or trap stack) ends the instance.
 */
#include "gate_layout.h"
#include "monitor/process/trampoline_layout.h"

/*
 * The page exists three times. In the others (../trampoline/bytes.S, gate_jit.S) the `syscall`
 * stands a few bytes further on, where this one has none, so that the filter can tell by whose
 * call it is which page is mapped: this is the one of windows of the usual size.
 */
#if defined(GATE_OTHER)
#define gate_page trampoline_bytes
#define gate_page_end gate_other_end
#define LABEL(name)
#elif defined(GATE_JIT)
#define gate_page gate_jit_page
#define gate_page_end gate_jit_end
#define LABEL(name)
#else
#define LABEL(name) .globl name
#endif

    .section .text.gate, "ax", @progbits /* each in pages of its own */
    .balign 4096
    .globl gate_page
gate_page:

    /* Slot nr begins here; the struct must be aligned and inside the window. */
    .macro SLOT nr
    .org \nr * GATE_SLOT
    test $7, %dil
    jnz gate_protocol
    cmp GATE_BOOT_WINDOW, %rdi
    jae gate_protocol
    .endm

    SLOT 0 /* halt: exit_group(0) */
    cmpl $0, (%rdi)
    jne gate_protocol
    xor %edi, %edi
    jmp gate_exit

    SLOT 1 /* wait: futex(bell, FUTEX_WAIT_BITSET, seen, deadline or NULL, 0, any) */
    mov 16(%rdi), %rax      /* idle and reserved: 0, or 1 and 0 */
    cmp $1, %rax
    ja gate_protocol
    push %rdi
    sub $16, %rsp           /* struct timespec */
    mov (%rdi), %rax        /* deadline_ns */
    mov 8(%rdi), %r8d       /* seen */
    xor %r10d, %r10d
    test %rax, %rax
    jz 1f
    xor %edx, %edx
    mov $1000000000, %ecx
    div %rcx
    mov %rax, (%rsp)
    mov %rdx, 8(%rsp)
    mov %rsp, %r10
1:  mov %r8d, %edx
    jmp gate_wait

    SLOT 2 /* ring: write(bell, &one, 8); a full counter has rung already */
    cmpl $0, (%rdi)
    jne gate_protocol
    mov $GATE_FD_BELL, %edi
    mov $GATE_ONE, %esi
    mov $8, %edx
    mov $GATE_NR_WRITE, %eax
    jmp gate_syscall

    SLOT 3 /* protect: mprotect(address, bytes, prot) */
    mov (%rdi), %r8
    mov 8(%rdi), %r9
    mov 16(%rdi), %edx
    mov $GATE_KERNEL_BASE, %ecx
    call gate_range
    jnz 2f
    mov $-GATE_EINVAL, %eax
    cmp $7, %edx
    ja 2f
#ifdef GATE_JIT
    mov $GATE_PROTECTIONS_JIT, %ecx
    bt %edx, %ecx
    jnc 2f
    test $GATE_PROT_EXECUTE, %dl
    jz 1f
    cmp $GATE_PROGRAM_BASE, %r8 /* the library OS is never written and executed */
    jb 2f
1:
#else
    mov $GATE_PROTECTIONS, %ecx
    bt %edx, %ecx
    jnc 2f
#endif
    push %rdi
    mov %r8, %rdi
    mov %r9, %rsi
    mov $GATE_NR_MPROTECT, %eax
    call gate_syscall
    pop %rdi
2:  mov %eax, 20(%rdi)
    ret

    SLOT 4 /* discard: madvise(address, bytes, MADV_DONTNEED) */
    mov (%rdi), %r8
    mov 8(%rdi), %r9
    mov $GATE_PROGRAM_BASE, %ecx
    call gate_range
    jnz 2f
    push %rdi
    mov %r8, %rdi
    mov %r9, %rsi
    mov $GATE_MADV_DONTNEED, %edx
    mov $GATE_NR_MADVISE, %eax
    call gate_syscall
    pop %rdi
2:  mov %eax, 16(%rdi)
    movl $0, 20(%rdi)
    ret

    SLOT 5 /* clock: clock_gettime, once for either clock */
    sub $24, %rsp           /* struct timespec, the struct's address */
    mov %rdi, 16(%rsp)
    mov $GATE_CLOCK_MONOTONIC, %edi
    call gate_clock
    mov 16(%rsp), %rcx
    mov %rax, (%rcx)
    mov $GATE_CLOCK_REALTIME, %edi
    call gate_clock
    mov 16(%rsp), %rcx
    mov %rax, 8(%rcx)
    add $24, %rsp
    ret

    SLOT 6 /* console: write(console, address, bytes) */
    mov (%rdi), %rsi
    mov 8(%rdi), %edx
    mov $-GATE_EINVAL, %eax
    cmp $GATE_CONSOLE_MAX, %edx
    ja 2f
    mov GATE_BOOT_CHANNEL, %rcx
    sub %rsi, %rcx
    jb 2f
    cmp %rcx, %rdx
    ja 2f
    push %rdi
    mov $GATE_FD_CONSOLE, %edi
    mov $GATE_NR_WRITE, %eax
    call gate_syscall
    pop %rdi
    xor %ecx, %ecx
    test %eax, %eax
    cmovns %ecx, %eax       /* a pipe takes up to PIPE_BUF bytes whole or not */
2:  mov %eax, 12(%rdi)
    ret

    SLOT 7 /* fault: exit_group(MF_CAUSE_STATUS + cause) */
    cmpl $0, 4(%rdi)
    jne gate_protocol
    mov (%rdi), %edi
    lea -1(%rdi), %eax
    cmp $GATE_CAUSE_COUNT - 1, %eax
    jae gate_protocol
    add $GATE_STATUS, %edi
    jmp gate_exit

    SLOT 8 /* segment: arch_prctl(ARCH_SET_FS or ARCH_SET_GS, base) */
    mov (%rdi), %rsi
    mov 8(%rdi), %ecx
    mov $-GATE_EINVAL, %eax
    cmp $1, %ecx
    ja 2f
    mov $GATE_SEGMENT_END, %rdx
    cmp %rdx, %rsi
    jae 2f
    push %rdi
    mov $GATE_ARCH_SET_FS, %edi
    sub %ecx, %edi
    call gate_segment
    pop %rdi
2:  mov %eax, 12(%rdi)
    ret

/* Second half: ours alone. */

    .org GATE_SYSCALL - GATE_PAGE
gate_syscall:
#if defined(GATE_OTHER)
    jmp 1f
    .org GATE_OTHER_RETURN - 2 - GATE_PAGE, 0xcc
#elif defined(GATE_JIT)
    jmp 1f
    .org GATE_JIT_RETURN - 2 - GATE_PAGE, 0xcc
#endif
1:  syscall                 /* the only one the filter listens to */
    ret

    .org GATE_ONE - GATE_PAGE, 0xcc
    .quad 1

    LABEL(gate_restorer)
gate_restorer:              /* where a handler's `ret` goes, RSP at the frame's ucontext */
    mov $GATE_NR_RT_SIGRETURN, %eax
    jmp gate_syscall

gate_protocol:
    mov $GATE_STATUS_PROTOCOL, %edi
gate_exit:                  /* needs no stack */
    mov $GATE_NR_EXIT_GROUP, %eax
    jmp gate_syscall

/* Rest of wait: RDX seen, R10 deadline; the struct's address above the timespec. */
gate_wait:
    mov GATE_BOOT_CHANNEL, %rdi
    add $GATE_BELL_WORD, %rdi
    mov $GATE_FUTEX_WAIT_BITSET, %esi
    xor %r8d, %r8d
    mov $-1, %r9d
    mov $GATE_NR_FUTEX, %eax
    call gate_syscall       /* why it woke does not matter: the bell's value says it */
    mov GATE_BOOT_CHANNEL, %rax
    mov GATE_BELL_WORD(%rax), %eax
    add $16, %rsp
    pop %rdi
    mov %eax, 12(%rdi)
    ret

/* Is [R8, R8 + R9) whole pages within [RCX, channel)? EAX = 0 and ZF, or -EINVAL. */
gate_range:
    mov $-GATE_EINVAL, %eax
    test $0xfff, %r8d
    jnz 1f
    test $0xfff, %r9d
    jnz 1f
    test %r9, %r9
    jz 1f
    cmp %rcx, %r8
    jb 1f
    mov GATE_BOOT_CHANNEL, %rcx
    sub %r8, %rcx
    jb 1f
    cmp %rcx, %r9
    ja 1f
    xor %eax, %eax
1:  test %eax, %eax
    ret

/* RAX = 0, or -errno: the base that EDI names is RSI. */
gate_segment:
    mov $GATE_NR_ARCH_PRCTL, %eax
    jmp gate_syscall

/* RAX = the clock EDI in nanoseconds; the caller's timespec is at its RSP. */
gate_clock:
    lea 8(%rsp), %rsi
    mov $GATE_NR_CLOCK_GETTIME, %eax
    call gate_syscall
    imul $1000000000, 8(%rsp), %rax
    add 16(%rsp), %rax
    ret

/*
 * SIGSYS: the filter trapped a `syscall` of the program. RDX is the ucontext; RIP in
 * it already stands after the instruction, RAX still holds the number. Change where
 * rt_sigreturn goes on, and nothing else (abi/trap.h).
 */
    LABEL(gate_on_sigsys)
gate_on_sigsys:
    mov GATE_UC_RIP(%rdx), %rax
    mov %rax, GATE_UC_RCX(%rdx)
    mov GATE_UC_RFLAGS(%rdx), %rax
    mov %rax, GATE_UC_R11(%rdx)
    and $~GATE_RFLAGS_CLEARED, %eax
    mov %rax, GATE_UC_RFLAGS(%rdx)
    mov GATE_KERNEL_SYSCALL, %rax
    mov %rax, GATE_UC_RIP(%rdx)
    ret

/*
 * An exception. The frame tells vector, error code and CR2 as the processor gave
 * them. A fault in this page is the end; so is one that arrives with RSP still at
 * the record of the last: the kernel's handler died on its first step and would for
 * ever. The selectors are set too: a program may have far-jumped to 32-bit code.
 */
    LABEL(gate_on_exception)
gate_on_exception:
    mov GATE_UC_RIP(%rdx), %rax
    mov %rax, %rcx
    shr $12, %rcx
    cmp $GATE_PAGE >> 12, %rcx
    je gate_protocol
    mov GATE_TRAP_RECORD, %rcx
    cmp %rcx, GATE_UC_RSP(%rdx)
    je 2f
    mov GATE_UC_VECTOR(%rdx), %rsi
    cmp $4, %edi            /* SIGILL may be what `uretprobe` gives, which Linux lets past */
    jne 3f                  /*   every filter since 6.14: the vector in the frame is stale */
    mov $6, %esi
3:  xor %edi, %edi
    cmp $14, %rsi           /* CR2 is a page fault's alone; else it is stale */
    jne gate_arrival
    mov GATE_UC_CR2(%rdx), %rdi
gate_arrival:               /* RSI vector, RDI address, RAX RIP, RCX the record's place */
    mov %rsi, (%rcx)        /* struct mf_trap */
    mov %rdi, 8(%rcx)
    mov GATE_UC_ERROR(%rdx), %rsi
    mov %rsi, 16(%rcx)
    mov %rax, 24(%rcx)
    movzwl GATE_UC_CS(%rdx), %esi
    mov %rsi, 32(%rcx)
    mov GATE_UC_RFLAGS(%rdx), %rax
    mov %rax, 40(%rcx)
    mov GATE_UC_RSP(%rdx), %rsi
    mov %rsi, 48(%rcx)
    movzwl GATE_UC_SS(%rdx), %esi
    mov %rsi, 56(%rcx)
    movw $GATE_CS, GATE_UC_CS(%rdx)
    movw $GATE_SS, GATE_UC_SS(%rdx)
    mov %rcx, GATE_UC_RSP(%rdx)
    and $~GATE_RFLAGS_CLEARED, %eax
    mov %rax, GATE_UC_RFLAGS(%rdx)
    mov GATE_KERNEL_EXCEPTION, %rax
    mov %rax, GATE_UC_RIP(%rdx)
    ret
2:  mov $GATE_STATUS_DOUBLE, %edi
    jmp gate_exit

/*
 * SIGPROF, where the image wants preempts: the timer that the trampoline has set. Before the
 * guest begins, and in its kernel and in this page, all of which lie below the program,
 * nothing but the count changes.
 */
    LABEL(gate_on_preempt)
gate_on_preempt:
    incl GATE_PREEMPTS
    mov GATE_UC_RIP(%rdx), %rax
    cmp $GATE_PROGRAM_BASE, %rax
    jb 1f
    mov GATE_TRAP_RECORD, %rcx
    mov $GATE_VECTOR_PREEMPT, %esi
    xor %edi, %edi
    mov %rdi, GATE_UC_ERROR(%rdx) /* stale: of the last exception */
    jmp gate_arrival
1:  ret

/*
 * The last steps of the monitor: the trampoline goes, and with it the one place from which
 * anything but the gate's calls was let through. Only then do the handlers learn of entries
 * into the guest, R12 to R15: until here a fault is the end.
 */
    LABEL(gate_seal_code)
gate_seal_code:
    mov $GATE_STACK_TOP, %esp
    mov $TRAMPOLINE_BASE, %edi
    mov $TRAMPOLINE_BYTES, %esi
    call gate_unmap
    test %rax, %rax
    jnz gate_host
    mov $GATE_ARCH_SET_FS, %edi /* both bases 0, by a call: not every processor has wrfsbase */
    xor %esi, %esi
    call gate_segment
    test %rax, %rax
    jnz gate_host
    mov $GATE_ARCH_SET_GS, %edi
    call gate_segment
    test %rax, %rax
    jnz gate_host
    mov %r12, GATE_KERNEL_ENTRY
    mov %r13, GATE_KERNEL_SYSCALL
    mov %r14, GATE_KERNEL_EXCEPTION
    mov %r15, GATE_TRAP_RECORD

    /* Everything zero but RDI (abi/boot.h); nothing of ours stays in a register. */
    mov $GATE_XSTATE, %edi
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 (%rdi)
    xor %eax, %eax
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %ebp, %ebp
    xor %esp, %esp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    mov $0x10000, %edi      /* MF_BOOT_BASE */
    jmp *GATE_KERNEL_ENTRY

gate_unmap:
    mov $GATE_NR_MUNMAP, %eax
    jmp gate_syscall

gate_host:
    mov $GATE_STATUS_HOST, %edi
    jmp gate_exit

    .org 4096
    .globl gate_page_end
gate_page_end:
    .section .note.GNU-stack, "", @progbits
