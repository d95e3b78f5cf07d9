/*
 * cpu_preempt.c: the program's next instruction becomes the kernel's entry for exceptions, as
 * if one had happened before it (ring0.S, the upcalls). Registers come out and go in with
 * KVM_RUN (KVM_CAP_SYNC_REGS), so it takes no host call.
 * The program runs when RIP is in its part of the window: ring 0 and gate are elsewhere.
 * Where KVM still has an exception to deliver, the guest is not told: it would arrive at the
 * new RIP. Nor where it single-steps: the trap of its last step may be one of those.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi/trap.h"
#include "cpu_layout.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/pagetable.h"

#define GIVEN (KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS)
#define RFLAGS_TF 0x100u

_Static_assert(GATE_DATA + PAGE_PREEMPTS == MF_PREEMPT_COUNT, "abi/trap.h");

mf_err cpu_preempt_open(const struct cpu *cpu, int vm, struct mf_why *why)
{
    int synced = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    if (synced < 0 || ((unsigned long)synced & GIVEN) != GIVEN)
        return mf_why(why, MF_EUNSUPPORTED,
                      "KVM: registers do not come out with KVM_RUN (Linux 4.17 has it)");
    cpu->run->kvm_valid_regs = GIVEN;
    return MF_OK;
}

static bool program_runs(const struct kvm_sync_regs *now, uint64_t channel_base)
{
    return now->regs.rip >= MF_PROGRAM_BASE && now->regs.rip < channel_base &&
           !(now->regs.rflags & RFLAGS_TF) && !now->events.exception.injected &&
           !now->events.exception.pending && !now->events.nmi.injected &&
           !now->events.interrupt.injected;
}

void cpu_preempt(const struct cpu *cpu, uint8_t *window, uint64_t channel_base)
{
    uint8_t *page = cpu->memory + CPU_PAGE;
    struct kvm_regs *regs = &cpu->run->s.regs.regs;
    uint64_t kernel, top;
    uint32_t count;
    memcpy(&count, page + PAGE_PREEMPTS, sizeof count);
    count++;
    memcpy(page + PAGE_PREEMPTS, &count, sizeof count);
    if (!program_runs(&cpu->run->s.regs, channel_base))
        return;
    memcpy(&kernel, page + PAGE_EXCEPTION, sizeof kernel);
    memcpy(&top, page + PAGE_TRAP_STACK, sizeof top);
    const struct mf_trap record = {.vector = MF_VECTOR_PREEMPT,
                                   .rip = regs->rip,
                                   .cs = MF_CS,
                                   .rflags = regs->rflags,
                                   .rsp = regs->rsp,
                                   .ss = MF_SS};
    if (!pagetable_allows(cpu->memory, top - sizeof record, sizeof record, true))
        return; /* its kernel has taken the trap stack away */
    memcpy(window + top - sizeof record, &record, sizeof record);
    regs->rip = kernel;
    regs->rsp = top - sizeof record;
    regs->rflags = RFLAGS_GUEST;
    cpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}
