/*
 * layout.h: where things stand in a guest's window.
 *
 * The identity rule: guest virtual address = guest physical address = offset in
 * the memory file. One number names a byte in the guest, in the VM, in a
 * snapshot and in a core dump.
 *
 *   0                    never mapped: a null pointer plus 64 KiB faults
 *   MF_BOOT_BASE         boot page and environment, read-only      (boot.h)
 *   MF_GATE_BASE         gate code, read + execute, the monitor's  (hypercall.h)
 *   MF_GATE_DATA_BASE    the gate's own scratch; the count of preempts (trap.h)
 *   MF_KERNEL_BASE       the library OS
 *   MF_PROGRAM_BASE      the program, then its heap, mappings and stack
 *   window - MF_CHANNEL_BYTES   the channel, shared with the node  (channel.h)
 *   window               nothing: the first byte past the window faults
 *
 * What lies below MF_KERNEL_BASE belongs to the monitor and is remade at every
 * start; the channel is a shared mapping. Neither is ever in a snapshot.
 */
#ifndef MF_ABI_LAYOUT_H
#define MF_ABI_LAYOUT_H

/* Raised whenever a header of this folder changes what the other side sees. */
#define MF_ABI_VERSION 6u

#define MF_PAGE_BYTES 0x1000u
#define MF_LARGE_PAGE_BYTES 0x200000u /* what processors and host kernels may map as one */

#define MF_BOOT_BASE  0x10000u
#define MF_BOOT_BYTES 0x10000u
#define MF_GATE_BASE  0x20000u
#define MF_GATE_BYTES 0x1000u
#define MF_GATE_DATA_BASE  0x30000u
#define MF_GATE_DATA_BYTES 0x10000u
#define MF_KERNEL_BASE  0x100000u
#define MF_KERNEL_LIMIT 0x400000u /* one past the kernel's last possible byte */
#define MF_PROGRAM_BASE 0x400000u

/* A window is a multiple of MF_WINDOW_STEP within these bounds. The upper one
 * keeps every address within the 32 bits that a KVM port write carries. */
#define MF_WINDOW_STEP    0x100000ull
#define MF_WINDOW_MIN     0x800000ull   /*   8 MiB */
#define MF_WINDOW_DEFAULT 0x4000000ull  /*  64 MiB */
#define MF_WINDOW_MAX     0x80000000ull /*   2 GiB */

#endif
