/*
 * filter.h: the host system calls of a running KVM monitor (monitor/common/filter.h).
 * The guest itself can make none: under KVM its `syscall` ends in its own kernel. These
 * are the monitor's own, which a guest that had broken out of the VM would inherit.
 */
#ifndef MF_MONITOR_KVM_FILTER_H
#define MF_MONITOR_KVM_FILTER_H

#include <stdbool.h>

#include "monitor/common/filter.h"
#include "monitor/monitor.h"

/* At the lock-down the vCPU takes the number of /dev/kvm, which is closed by it. */
#define KVM_FD_VCPU MONITOR_FD_KVM

/* And the pagemap of an instance that is rolled back the number behind it. */
#define KVM_FD_PAGEMAP (KVM_FD_VCPU + 1)

#define KVM_FILTER_MAX 384u /* instructions */

extern const struct filter_line kvm_filter_lines[];
extern const uint32_t kvm_filter_line_count;

/* What only an instance that is rolled back needs besides (MF_START_RESET). */
extern const struct filter_line kvm_reset_lines[];
extern const uint32_t kvm_reset_line_count;

/* What only an instance needs besides whose image wants preempts (MF_IMAGE_LINUX). */
extern const struct filter_line kvm_preempt_lines[];
extern const uint32_t kvm_preempt_line_count;

/* The lines of an instance, those behind the others. */
uint32_t kvm_filter_choose(bool reset, bool preempt, struct filter_line lines[FILTER_LINES_MAX]);

/* Compile for a window whose channel starts at channel_base. 0: no room. */
uint32_t kvm_filter_compile(const struct filter_line *lines, uint32_t count,
                            uint64_t channel_base, struct sock_filter *out, uint32_t room);

#endif
