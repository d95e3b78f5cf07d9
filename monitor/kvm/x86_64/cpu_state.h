/* cpu_state.h: all of a processor that a guest in ring 3 can leave something in, x86-64. */
#ifndef MF_MONITOR_KVM_X86_64_CPU_STATE_H
#define MF_MONITOR_KVM_X86_64_CPU_STATE_H

#include <linux/kvm.h>
#include <stdint.h>

#include "abi/layout.h"
#include "cpu_layout.h"
#include "cpu_model.h"

#define CPU_VECTORS_IOCTL KVM_SET_XSAVE

/* At the gate's code that leads to the kernel's first instruction; the rest is zero (boot.h). */
#define CPU_FIRST_REGS \
    (struct kvm_regs){.rip = GATE_CODE + GATE_BEGIN, .rdi = MF_BOOT_BASE, .rflags = RFLAGS_GUEST}

struct cpu_state {
    bool vectors_by_gate;
    struct cpu_first first;
    uint8_t page[PAGE_STACK_TOP]; /* the page that ring 0 writes (cpu_layout.h) */
};

#endif
