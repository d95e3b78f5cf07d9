/*
 * hypercall.h: a guest's request: copy once, decode (every check, no effect), act,
 * write the answer. One thread; the vCPU stands still meanwhile.
 */
#ifndef MF_MONITOR_KVM_HYPERCALL_H
#define MF_MONITOR_KVM_HYPERCALL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "monitor/kvm/memory.h"

struct hypercall {
    enum mf_hypercall number;
    uint32_t address; /* of the guest's struct */
    uint32_t bytes;   /* of it                 */
    bool refused;     /* answer -EINVAL, do nothing */
    union {
#define HYPERCALL_MEMBER(nr, name, purpose) struct mf_hc_##name name;
        MF_HYPERCALLS(HYPERCALL_MEMBER)
#undef HYPERCALL_MEMBER
    };
};

/* Call number with its struct at address. False: nonsense that has no error field to
 * answer in; the instance must end (MF_CAUSE_PROTOCOL). */
MF_CHECKED bool hypercall_decode(const struct memory *memory, uint32_t number, uint32_t address,
                                 struct hypercall *call);

struct cpu;
struct reset;
struct preempt;

/* What the acts need. */
struct hypercall_host {
    struct memory *memory;
    const struct cpu *cpu;
    int console;
    struct reset *reset; /* NULL: this instance is never rolled back */
    const struct preempt *preempt; /* NULL: its image wants none */
};

/* Do it. halt and fault end the process and do not return. */
void hypercall_act(const struct hypercall_host *host, struct hypercall *call);

/* Copy the answer into the guest's struct. */
void hypercall_answer(const struct memory *memory, const struct hypercall *call);

#endif
