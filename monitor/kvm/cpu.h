/*
 * cpu.h: the virtual processor, for one architecture (in its folder): its own memory,
 * what of the host's processor it offers, its state before the first instruction, and
 * how exceptions and system calls reach the kernel (abi/trap.h). One thread.
 */
#ifndef MF_MONITOR_KVM_CPU_H
#define MF_MONITOR_KVM_CPU_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "cpu_model.h" /* struct cpu_model: what the architecture's survey found */
#include "monitor/monitor.h"

struct cpu {
    int fd;              /* the vCPU; -1: not open                         */
    struct kvm_run *run;
    uint8_t *memory;     /* the processor's own: page tables, trap page    */
    bool same_counter;   /* its time-stamp counter is the host's, as cpu_open() has found */
};

/* The gate's own ends, by writes to the ports behind the hypercalls'. */
#define CPU_PORT_NONSENSE (MF_HC_PORT + MF_HYPERCALL_COUNT) /* a rule of a call or a trap broken */
#define CPU_PORT_TWICE (CPU_PORT_NONSENSE + 1) /* an exception on top of its own record (abi/trap.h) */

/* Slots that the processor's own memory takes, from number 0. */
#define CPU_SLOTS 2u

/* Ask KVM what every processor would have to ask it again; a millisecond on some hosts. */
MF_CHECKED mf_err cpu_survey(int kvm, struct cpu_model *model, struct mf_why *why);

/* A digest of what a guest sees of it (monitor.h, monitor_features). */
uint64_t cpu_features(const struct cpu_model *model);

/* Is a page's first use an entry of KVM's, because it shadows page tables? Known once a test
 * has run. It then looks at the other pages of the same eight, too. */
bool cpu_is_shadowed(const struct cpu_model *model);

/* The memory alone: mapped, with page tables that show nothing of the window. */
MF_CHECKED mf_err cpu_memory(uint8_t **memory, struct mf_why *why);
MF_CHECKED mf_err cpu_slots(int vm, const uint8_t *memory, struct mf_why *why);

/* cpu->memory is set; of the window nothing is mapped from MF_KERNEL_BASE to the channel.
 * A vCPU in ring 3 that has run once: a test of the roads that it will need. It reads a
 * byte of each page in used (count of them). What the test finds out is added to the
 * model, so that the next one is shorter. */
MF_CHECKED mf_err cpu_open(int vm, struct cpu_model *model, uint8_t *window, const uint32_t *used,
                           uint32_t count, struct cpu *cpu, struct mf_why *why);

/* Traps go to this image's kernel; the next KVM_RUN enters it as abi/boot.h says. */
MF_CHECKED mf_err cpu_enter(const struct cpu *cpu, const struct mf_image_info *info,
                            struct mf_why *why);

/* What every processor is like before its guest's first instruction, into the model, from
 * one that cpu_open() has opened; asked once. MF_EUNSUPPORTED: this KVM cannot bring one
 * back to that. */
MF_CHECKED mf_err cpu_learn_first(const struct cpu *cpu, int vm, struct cpu_model *model,
                                  struct mf_why *why);

/* The processor as it is now, before the guest's first instruction; and back to that, with
 * the next KVM_RUN. False: KVM refuses. These make no other host call than CPU_VECTORS_IOCTL
 * (cpu_state.h). */
struct cpu_state;
void cpu_keep(const struct cpu *cpu, const struct cpu_model *model, struct cpu_state *state);
MF_CHECKED bool cpu_rewind(const struct cpu *cpu, const struct cpu_state *state);

/* For preempts (preempt.h): registers come out with each KVM_RUN from now on. */
MF_CHECKED mf_err cpu_preempt_open(const struct cpu *cpu, int vm, struct mf_why *why);

/* KVM_RUN was interrupted, and a preempt is due: count it and, if the program runs, let the
 * next KVM_RUN enter the kernel with it (abi/trap.h). No host call. */
void cpu_preempt(const struct cpu *cpu, uint8_t *window, uint64_t channel_base);

/* Of what the boot page says: AT_HWCAP, AT_HWCAP2, flags. After cpu_open(). */
struct boot_host;
void cpu_capabilities(const struct cpu_model *model, struct boot_host *host);

/* The call `segment`, arguments checked, while the guest waits for its answer: the base is there
 * when it goes on. Makes the host call KVM_RUN and no other, and no instruction of the guest
 * begins. False: KVM refuses. */
bool cpu_set_base(const struct cpu *cpu, uint32_t which, uint64_t base);

/* Where the guest stands, for last words. Makes the ioctl CPU_POSITION_IOCTL (cpu_model.h)
 * on the vCPU and nothing else. False: unknown. */
bool cpu_position(int fd, uint64_t *instruction, uint64_t *stack);

#endif
