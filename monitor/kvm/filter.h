/*
 * filter.h: the host system calls of a running KVM monitor (monitor/common/filter.h).
 * The guest itself can make none: under KVM its `syscall` ends in its own kernel. These
 * are the monitor's own, which a guest that had broken out of the VM would inherit.
 */
#ifndef MF_MONITOR_KVM_FILTER_H
#define MF_MONITOR_KVM_FILTER_H

#include "monitor/common/filter.h"
#include "monitor/monitor.h"

/* At the lock-down the vCPU takes the number of /dev/kvm, which is closed by it. */
#define KVM_FD_VCPU MONITOR_FD_KVM

#define KVM_FILTER_MAX 256u /* instructions */

extern const struct filter_line kvm_filter_lines[];
extern const uint32_t kvm_filter_line_count;

/* Compile for a window whose channel starts at channel_base. 0: no room. */
uint32_t kvm_filter_compile(const struct filter_line *lines, uint32_t count,
                            uint64_t channel_base, struct sock_filter *out, uint32_t room);

#endif
