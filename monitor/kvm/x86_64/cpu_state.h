/* cpu_state.h: all of a processor that a guest in ring 3 can leave something in, x86-64. */
#ifndef MF_MONITOR_KVM_X86_64_CPU_STATE_H
#define MF_MONITOR_KVM_X86_64_CPU_STATE_H

#include <linux/kvm.h>
#include <stdint.h>

#include "cpu_layout.h"

#define CPU_XSAVE_BYTES 16384u /* with every extension of today, AMX's 8 KiB included */

#define CPU_VECTORS_IOCTL KVM_SET_XSAVE
#define CPU_DEBUG_IOCTL KVM_SET_DEBUGREGS

struct cpu_state {
    union {
        struct kvm_xsave xsave;
        uint8_t xsave_bytes[CPU_XSAVE_BYTES];
    };
    struct kvm_debugregs debug;
    struct kvm_sync_regs sync;          /* general and special registers, pending events */
    uint8_t page[PAGE_STACK_TOP];       /* the page that ring 0 writes (cpu_layout.h)     */
};

#endif
