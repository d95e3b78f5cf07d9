/*
 * cpu_reset.c: a processor back to where it was. General registers, selectors, bases,
 * control registers with CR2, and pending events go in with the KVM_RUN that enters the guest
 * again (KVM_CAP_SYNC_REGS), before it finishes anything: a port write that KVM would still
 * have to step over is none at another instruction (complete_fast_pio_out, since Linux 5.1),
 * and one that repeats was left where it stood. A call of its own for that is 10 us on some
 * KVMs, like every call on a vCPU.
 * x87, vectors and masks by KVM_SET_XSAVE, which sets to their first state all that the
 * given area does not have (Intel SDM 1, 13.8), so nothing that KVM keeps for a guest is
 * left out. Where KVM runs ring 3 on the processor as the host has set it up, the guest begins
 * with XRSTOR, which does the same, 9 us earlier: in a page that it cannot change, from an area
 * there, with registers that are ours, before anything of its own. Not where there are
 * protection keys, by which the last event could have forbidden to read that area.
 * MSRs, XCR0, the tables' registers and DR0 to DR7 are out of ring 3's reach: DR6,
 * which changes without ring 0's doing, cannot be read there, and does nothing by itself.
 */
#include <cpuid.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpu_state.h"
#include "monitor/kvm/cpu.h"

#define SYNCED (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

_Static_assert(sizeof(struct kvm_sync_regs) <= SYNC_REGS_SIZE_BYTES, "kvm_run");

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "KVM: %s: %s", what, strerror(error));
}

static mf_err get_vectors(int vm, int vcpu, struct cpu_first *first,
                          uint32_t *first_bytes, struct mf_why *why)
{
    int bytes = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
    bool more = bytes > (int)sizeof(struct kvm_xsave);
    if (bytes > (int)CPU_XSAVE_BYTES)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: vector state of %d bytes; at most %u", bytes,
                      CPU_XSAVE_BYTES);
    if (ioctl(vcpu, more ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, &first->xsave) != 0)
        return failed(why, "KVM_GET_XSAVE");
    *first_bytes = (uint32_t)offsetof(struct cpu_first, xsave) +
                   (more ? (uint32_t)bytes : (uint32_t)sizeof(struct kvm_xsave));
    return MF_OK;
}

static void give_registers(const struct cpu *cpu, const struct cpu_first *first)
{
    memcpy(&cpu->run->s.regs, &first->sync, sizeof first->sync);
    cpu->run->kvm_dirty_regs = SYNCED;
}

/* By a KVM_RUN that lets no instruction of the guest begin. */
static bool takes_registers(const struct cpu *cpu, const struct cpu_first *first)
{
    give_registers(cpu, first);
    cpu->run->immediate_exit = 1;
    bool done = ioctl(cpu->fd, KVM_RUN, 0) != 0 && errno == EINTR;
    cpu->run->immediate_exit = 0;
    return done && cpu->run->kvm_dirty_regs == 0;
}

/* As the host has set it up, as this process sees it. */
static bool ring3_has_xrstor(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    return !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & (bit_PKU | bit_OSPKE));
}

mf_err cpu_learn_first(const struct cpu *cpu, int vm, struct cpu_model *model, struct mf_why *why)
{
    struct cpu_first *first = &model->first;
    if (__atomic_load_n(&model->knows_first, __ATOMIC_ACQUIRE))
        return MF_OK;
    int synced = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    if (synced < 0 || ((unsigned long)synced & SYNCED) != SYNCED)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: registers do not go in with KVM_RUN (Linux "
                                            "4.17 has it)");
    mf_err err = get_vectors(vm, cpu->fd, first, &model->first_bytes, why);
    if (err)
        return err;
    if (ioctl(cpu->fd, KVM_GET_SREGS, &first->sync.sregs) != 0 ||
        ioctl(cpu->fd, KVM_GET_VCPU_EVENTS, &first->sync.events) != 0)
        return failed(why, "reading the processor");
    first->sync.regs = CPU_FIRST_REGS;
    model->vectors_by_gate = cpu_is_shadowed(model) && ring3_has_xrstor();
    first->sync.regs.rcx = model->vectors_by_gate;
    if (!takes_registers(cpu, first))
        return mf_why(why, MF_EUNSUPPORTED, "KVM: registers given with KVM_RUN are not taken");
    __atomic_store_n(&model->knows_first, true, __ATOMIC_RELEASE); /* others may write the same */
    return MF_OK;
}

void cpu_keep(const struct cpu *cpu, const struct cpu_model *model, struct cpu_state *state)
{
    mf_assert(model->knows_first);
    state->vectors_by_gate = model->vectors_by_gate;
    memcpy(&state->first, &model->first, model->first_bytes);
    memcpy(state->page, cpu->memory + CPU_PAGE, sizeof state->page);
}

bool cpu_rewind(const struct cpu *cpu, const struct cpu_state *state)
{
    give_registers(cpu, &state->first);
    memcpy(cpu->memory + CPU_PAGE, state->page, sizeof state->page);
    return state->vectors_by_gate ||
           ioctl(cpu->fd, CPU_VECTORS_IOCTL, &state->first.xsave) == 0;
}
