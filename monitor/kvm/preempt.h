/*
 * preempt.h: preempts for the guest (abi/trap.h), for images with MF_IMAGE_LINUX: a timer
 * of this process's own processor time, whose signal ends KVM_RUN and is seen nowhere else.
 * One thread, while the vCPU stands still.
 */
#ifndef MF_MONITOR_KVM_PREEMPT_H
#define MF_MONITOR_KVM_PREEMPT_H

#include "monitor/kvm/cpu.h"
#include "monitor/kvm/memory.h"

struct preempt {
    const struct memory *memory;
    const struct cpu *cpu;
};

/* Before the lock-down, after cpu_enter(). The timer runs from here on. */
MF_CHECKED mf_err preempt_open(struct preempt *preempt, int vm, const struct memory *memory,
                               const struct cpu *cpu, struct mf_why *why);

/* KVM_RUN ended with EINTR. If it was the timer: the guest is told, or only counted to. */
void preempt_interrupted(const struct preempt *preempt);

/* The guest was rolled back: its time begins anew. False, with errno: the host refuses. */
MF_CHECKED bool preempt_renew(void);

#endif
