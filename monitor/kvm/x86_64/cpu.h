/*
 * cpu.h: the virtual processor: what of the host's it offers, its state before the
 * first instruction, and how a system call arrives.
 */
#ifndef MF_MONITOR_KVM_CPU_H
#define MF_MONITOR_KVM_CPU_H

#include <linux/kvm.h>
#include <stdint.h>

#include "monitor/monitor.h"

#define CPU_CPUID_MAX 160u /* entries; hosts of today have about 80 */

/* What is the same for every VM of this host. */
struct cpu_model {
    uint64_t cr4;
    uint64_t xcr0; /* 0: no XSAVE */
    struct kvm_cpuid2 cpuid; /* its entries follow */
    struct kvm_cpuid_entry2 entry[CPU_CPUID_MAX];
};

/* Ask KVM (some take a millisecond to answer) and reduce. */
MF_CHECKED mf_err cpu_model_get(int kvm, struct cpu_model *model, struct mf_why *why);

/* Where a system call arrives: at a ring-0 stub, as the architecture has it, or, on a
 * KVM that runs ring 3 natively and emulates ring 0, in a page of ring 3 at once. */
enum cpu_syscall { CPU_SYSCALL_RING0, CPU_SYSCALL_RING3 };

/* A new vCPU in 64-bit mode, ring 3, nothing of the window mapped yet. */
MF_CHECKED mf_err cpu_init(int vcpu, const struct cpu_model *model, struct mf_why *why);

/* System calls go to this address in ring 3. page: the CPU_PAGE. */
MF_CHECKED mf_err cpu_syscall(int vcpu, uint8_t *page, enum cpu_syscall how, uint64_t entry,
                              struct mf_why *why);

/* Exceptions go to this address, with the trap record below stack_top. */
void cpu_exception(uint8_t *page, uint64_t entry, uint64_t stack_top);

/* All general registers zero but these. */
MF_CHECKED mf_err cpu_enter(int vcpu, uint64_t rip, uint64_t rdi, struct mf_why *why);

#endif
