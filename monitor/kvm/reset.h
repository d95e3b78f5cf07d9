/*
 * reset.h: an instance that stands again where its snapshot was restored, after each
 * event (MF_START_RESET; spawner/protocol.h, struct mf_control). All of it is done from
 * outside; the guest only says when. One thread, while the vCPU stands still.
 */
#ifndef MF_MONITOR_KVM_RESET_H
#define MF_MONITOR_KVM_RESET_H

#include "cpu_state.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/dirty.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/pagetable.h"

/* Where struct mf_control stands here: fixed, so that the filter can name it. */
#define RESET_CONTROL_HOST (MEMORY_HOST + 0x100000000ull)
/* The snapshot, mapped a second time, to be copied from. */
#define RESET_CONTENT_HOST (MEMORY_HOST + 0x200000000ull)
_Static_assert(MF_WINDOW_MAX < 0x100000000ull, "behind the largest window");

struct reset {
    struct memory *memory;
    const struct cpu *cpu;
    const struct preempt *preempt; /* NULL: its image wants none */
    struct mf_control *control;
    struct cpu_state state;     /* of the processor before its first instruction */
    struct pagetable_undo undo;
    struct dirty dirty;
    int bell, console;
    uint64_t content_bytes;     /* at RESET_CONTENT_HOST; 0: small, and kept                */
    uint32_t go;                /* of control, as last seen                      */
};

/* Before the lock-down, after memory_load() and cpu_enter(). Owns what it maps for the
 * life of the process; the descriptors stay the caller's: at the lock-down bell and
 * console keep their numbers, and dirty.pagemap is to be given its new one. */
MF_CHECKED mf_err reset_open(struct reset *reset, const struct monitor_start *start,
                             const struct monitor_blank *blank, int vm, struct memory *memory,
                             const struct cpu *cpu, struct cpu_model *model, struct mf_why *why);

/* The guest said that it is idle: roll it back, tell the node, wait until it says go, and
 * be ready to enter the guest as boot.h says. What the host refuses ends the process. */
void reset_guest(struct reset *reset);

#endif
