/* cpu_model.h: what is the same for every VM of this host, x86-64. */
#ifndef MF_MONITOR_KVM_X86_64_CPU_MODEL_H
#define MF_MONITOR_KVM_X86_64_CPU_MODEL_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define CPU_CPUID_MAX 160u /* entries; hosts of today have about 80 */
#define CPU_POSITION_IOCTL KVM_GET_REGS
#define CPU_CR4_FSGSBASE (1ull << 16) /* wrfsbase and its like, for the guest */

/* Where a system call arrives: at a ring-0 stub, as the architecture has it, or, on a
 * KVM that runs ring 3 natively and interprets ring 0, at once in a page of ring 3. */
enum cpu_syscall { CPU_SYSCALL_UNKNOWN, CPU_SYSCALL_RING0, CPU_SYSCALL_RING3 };

/* How FS and GS bases are set: by the guest's own instructions, which some KVMs' ring 3 has
 * although they do not say so (CPUID), or by the hypercall `segment`. */
enum cpu_segments { CPU_SEGMENTS_UNKNOWN, CPU_SEGMENTS_OWN, CPU_SEGMENTS_HYPERCALL };

#define CPU_XSAVE_BYTES 16384u /* with every extension of today, AMX's 8 KiB included */

/* What a guest in ring 3 can leave something in, but for memory, as every vCPU has it
 * before its guest's first instruction. */
struct cpu_first {
    struct kvm_sync_regs sync; /* general and special registers, pending events */
    union {
        struct kvm_xsave xsave;
        uint8_t xsave_bytes[CPU_XSAVE_BYTES]; /* zeros behind what this host has */
    };
};

struct cpu_model {
    uint64_t cr4;
    uint64_t xcr0;            /* 0: no XSAVE                       */
    uint32_t run_bytes;       /* of a vCPU's mapping               */
    enum cpu_syscall syscall; /* found out by the first self-test  */
    enum cpu_segments segments; /* as well                         */
    bool vectors_by_gate;     /* brought back there; else by KVM (cpu_reset.c)   */
    bool knows_first;         /* read from the first vCPU of all, after its test */
    uint32_t first_bytes;     /* of it, without the zeros at its end             */
    struct cpu_first first;
    struct kvm_cpuid2 cpuid;  /* head; its entries follow          */
    struct kvm_cpuid_entry2 entry[CPU_CPUID_MAX];
};

#endif
