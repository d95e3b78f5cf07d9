/* vcpu.h: run the guest until it ends. Called after lock-down; makes no other host call
 * than those of filter.c. */
#ifndef MF_MONITOR_KVM_VCPU_H
#define MF_MONITOR_KVM_VCPU_H

#include "monitor/kvm/cpu.h"
#include "monitor/kvm/hypercall.h"

_Noreturn void vcpu_serve(const struct cpu *cpu, const struct hypercall_host *host);

#endif
