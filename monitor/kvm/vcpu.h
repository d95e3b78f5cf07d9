/* vcpu.h: run the guest until it ends. Called after lock-down; makes no other host call
 * than those of filter.c. */
#ifndef MF_MONITOR_KVM_VCPU_H
#define MF_MONITOR_KVM_VCPU_H

#include <linux/kvm.h>

#include "monitor/kvm/hypercall.h"

struct vcpu {
    int fd;
    struct kvm_run *run;
};

_Noreturn void vcpu_serve(const struct vcpu *vcpu, const struct hypercall_host *host);

#endif
