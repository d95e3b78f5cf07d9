/*
 * cpu_layout.h: the monitor's own guest-physical memory, above every window, in two
 * slots. Plain numbers, since the assembler reads them too.
 *
 *   RING0_BASE  constant, the same bytes in every VM, read-only for the VM itself:
 *               TSS with I/O bitmap, GDT, IDT, iret frames, ring-0 code, gate code
 *   CPU_BASE    this VM's own: one page that ring 0 writes, then the page tables
 *
 * Guest-virtual: ring 0 sees the first five pages of RING0 and the page of CPU at
 * these same addresses; ring 3 sees the gate code at GATE_CODE and the page of CPU,
 * to read, at GATE_DATA. The page tables are mapped nowhere.
 */
#ifndef MF_MONITOR_KVM_X86_64_CPU_LAYOUT_H
#define MF_MONITOR_KVM_X86_64_CPU_LAYOUT_H

#define RING0_BASE   0xc0000000
#define RING0_TSS    0x0000 /* three pages: 104 bytes, 8 KiB of bitmap, the byte behind it */
#define RING0_TABLES 0x3000
#define RING0_CODE   0x4000
#define RING0_GATE   0x5000
#define RING0_BYTES  0x6000

/* Within RING0_TABLES. */
#define TABLES_GDT    0x000
#define TABLES_IDT    0x200
#define TABLES_FRAMES 0x400 /* one iret frame a vector, FRAME_BYTES each */
#define FRAME_BYTES   40

/* Within RING0_CODE. */
#define CODE_STUB_BYTES 32 /* a vector */
#define CODE_SYSCALL    0x400

#define CPU_BASE  0xc0010000
#define CPU_PAGE  0x0000
#define CPU_PML4  0x1000
#define CPU_PDPT  0x2000
#define CPU_PD    0x3000 /* three pages: for two GiB of window, for ring 0      */
#define CPU_PT0   0x6000 /* the page table of RING0 and CPU themselves          */
#define CPU_PT    0x7000 /* one page for each 2 MiB of the largest window       */
#define CPU_BYTES 0x407000

/* Within CPU_PAGE. The frame of an exception stands below its end, as hardware leaves it:
 * ss, rsp, rflags, cs, rip, error code where there is one. */
#define PAGE_EXCEPTION  0x00 /* the kernel's entry for exceptions                */
#define PAGE_TRAP_STACK 0x08 /* top of the kernel's trap stack                   */
#define PAGE_CR2        0x10
#define PAGE_ENTRY      0x18 /* the kernel's first instruction                   */
#define PAGE_PREEMPTS   0x20 /* abi/trap.h, MF_PREEMPT_COUNT                      */
#define PAGE_SYSCALL    0x40 /* iret frame into the kernel's entry for syscalls,
                                which is thus its first word                     */
#define PAGE_STACK_TOP  0x1000

/* Selectors: Linux's for ring 3 (abi/trap.h). */
#define SELECTOR_CODE0 0x08
#define SELECTOR_DATA0 0x10
#define SELECTOR_DATA3 0x2b
#define SELECTOR_CODE3 0x33
#define SELECTOR_TSS   0x40
#define GDT_BYTES      0x50

#define VECTORS 32
/* RFLAGS in ring 3: bit 1, IF, IOPL 3. */
#define RFLAGS_GUEST 0x3202

/* The gate page, at GATE_CODE for the guest. */
#define GATE_CODE      0x20000
#define GATE_DATA      0x30000 /* CPU_PAGE, read-only                           */
#define GATE_SLOT      128
#define GATE_PORT      0x500
#define GATE_CALLS     9
#define GATE_CALL_RING 2
#define GATE_RING      0x480
#define GATE_BEGIN     0x4b0 /* before the kernel's first instruction */
#define GATE_RETURN    0x4c8 /* a bare ret */
#define GATE_SYSCALL   0x4d0 /* LSTAR, where a system call arrives in ring 3 at once */
#define GATE_FAULT     0x4d8
#define GATE_ENTER     0x530
#define GATE_VECTORS   0x548 /* vectors as new, on the way from GATE_BEGIN */
#define GATE_XSAVE     0x580 /* what they are brought back from: an area of XRSTOR's */
#define GATE_UPCALL    0x800
#define GATE_UPCALL_BYTES 64

/* What the gate writes to where the guest has left it no other way. */
#define GATE_PORT_NONSENSE 0x509 /* a rule broken that KVM would not tell us of  */
#define GATE_PORT_TWICE    0x50a /* an exception on top of its own record       */
#define GATE_WINDOW 0x10010 /* struct mf_boot, window_bytes */

/* The self-test, in the window of a blank, and its report: to a port of its own. */
#define TEST_CODE    0x300000
#define TEST_STACK   0x301000 /* its lower end: addresses to read, 32 bits each, then 0 */
#define TEST_USED_MAX 96
#define TEST_COUNTER 0x301f00 /* the time-stamp counter, 64 bits: what the test read */
#define TEST_END     0x302000
#define TEST_PORT    0x5f0
/* What is reported, but for the vector of an exception. */
#define TEST_SYSCALL 0x100 /* a system call arrived                              */
#define TEST_AWAY    0x101 /* FS and GS bases are set: look after them           */
#define TEST_KEPT    0x102 /* they were still there                              */
#define TEST_LOST    0x103
#define TEST_FS_BASE 0x12345000
#define TEST_GS_BASE 0x6789a000

#endif
