/*
 * kvm.c: the KVM monitor: one VM, one vCPU, one thread, one process for each instance.
 * A blank holds the VM, its slots, and a processor that has run once; the start puts
 * the image into the window, locks down, and enters it.
 * Guarantees: when the guest's first instruction runs, the process holds the window,
 * the vCPU and the console, and a filter of the calls in filter.c.
 * Leaves to others: that entries and segments are sane (image_parse); namespaces,
 * capabilities, rlimits (spawner/).
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/common/probe.h"
#include "monitor/common/tsc.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/filter.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/preempt.h"
#include "monitor/kvm/reset.h"
#include "monitor/kvm/staged.h"
#include "monitor/kvm/vcpu.h"

/* Made by the survey in the spawner, shared with the blanks forked later: the first to
 * run, the probe's, adds what its test found. A blank lets go of it before the guest. */
static struct cpu_model *model;

static struct memory memory;
static struct cpu cpu = {.fd = -1};
static int vm = -1;
static struct reset reset; /* of an instance with MF_START_RESET */
static struct preempt preempt; /* of one whose image has MF_IMAGE_LINUX */

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "%s: %s", what, strerror(error));
}

mf_err monitor_kvm_survey(int kvm, struct mf_why *why)
{
    void *shared = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
    if (shared == MAP_FAILED)
        return failed(why, "KVM: no memory for the survey");
    model = shared;
    mf_err err = cpu_survey(kvm, model, why);
    if (err) {
        (void)munmap(model, sizeof *model);
        model = NULL;
    }
    return err;
}

uint64_t monitor_kvm_features(void)
{
    return model ? cpu_features(model) : 0;
}

static mf_err make_vm(const struct monitor_blank *blank, struct mf_why *why)
{
    vm = ioctl(blank->kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return failed(why, "KVM_CREATE_VM");
    mf_err err = memory_slots(&memory, vm, why);
    if (err)
        return err;
    /* `ring` without an exit: KVM writes the eventfd. */
    const struct kvm_ioeventfd bell = {.addr = MF_HC_PORT + MF_HC_ring,
                                       .len = sizeof(uint32_t),
                                       .fd = blank->bell,
                                       .flags = KVM_IOEVENTFD_FLAG_PIO};
    if (ioctl(vm, KVM_IOEVENTFD, &bell) != 0)
        return failed(why, "KVM_IOEVENTFD");
    return MF_OK;
}

mf_err monitor_kvm_prepare(struct monitor_blank *blank, struct mf_why *why)
{
    mf_assert(blank->kvm == MONITOR_FD_KVM && blank->console == MONITOR_FD_CONSOLE);
    mf_err err = model ? MF_OK : monitor_kvm_survey(blank->kvm, why);
    if (!err)
        err = memory_open(&memory, blank->window_bytes, blank->channel, why);
    if (!err)
        err = make_vm(blank, why);
    uint32_t used[MEMORY_USED + STAGED_PAGES_MAX], staged = 0;
    memory_used(&memory, used);
    if (!err)
        err = staged_open(&memory, used + MEMORY_USED, &staged, why);
    cpu.memory = memory.cpu;
    if (!err)
        err = cpu_open(vm, model, memory.window, used, MEMORY_USED + staged, &cpu, why);
    if (!err)
        memory.shadowed = cpu_is_shadowed(model);
    if (!err)
        cpu_capabilities(model, &memory.host);
    memory.host.since = *tsc_since();
    memory.host.same_counter = cpu.same_counter;
    if (!err && cpu_learn_first(&cpu, vm, model, why) != MF_OK)
        why->text[0] = 0; /* only who is to be rolled back needs it: told at its start */
    return err;
}

/* The vCPU takes its place; all but it and the console are closed, and where the guest is
 * rolled back the bell and the pagemap. The VM lives on by the vCPU, the image and the
 * channel as mappings, the bell in KVM. */
static mf_err close_others(bool resets, struct mf_why *why)
{
    _Static_assert(KVM_FD_VCPU == MONITOR_FD_CONSOLE + 1 && KVM_FD_PAGEMAP == KVM_FD_VCPU + 1 &&
                       MONITOR_FD_BELL == MONITOR_FD_CONSOLE - 1,
                   "two ranges to close");
    if (dup2(cpu.fd, KVM_FD_VCPU) < 0 ||
        (resets && dup2(reset.dirty.pagemap, KVM_FD_PAGEMAP) < 0))
        return failed(why, "lock-down: dup2");
    cpu.fd = KVM_FD_VCPU;
    reset.dirty.pagemap = KVM_FD_PAGEMAP;
    if (syscall(SYS_close_range, 0u, (unsigned)MONITOR_FD_CONSOLE - (resets ? 2u : 1u), 0u) != 0 ||
        syscall(SYS_close_range, (unsigned)KVM_FD_VCPU + (resets ? 2u : 1u), ~0u, 0u) != 0)
        return failed(why, "lock-down: close_range (Linux 5.9 has it)");
    return MF_OK;
}

static mf_err install_filter(bool resets, bool preempts, struct mf_why *why)
{
    struct filter_line lines[FILTER_LINES_MAX];
    struct sock_filter code[KVM_FILTER_MAX];
    const uint32_t count = kvm_filter_choose(resets, preempts, lines);
    const struct sock_fprog program = {
        .len = (unsigned short)kvm_filter_compile(lines, count, memory.channel_base, code,
                                                  KVM_FILTER_MAX),
        .filter = code};
    mf_assert(program.len > 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) != 0)
        return failed(why, "lock-down: seccomp");
    return MF_OK;
}

mf_err monitor_kvm_run(struct monitor_blank *blank, const struct monitor_start *start,
                       struct mf_why *why)
{
    const bool resets = start->flags & MF_START_RESET;
    const bool preempts = start->image.info.flags & MF_IMAGE_LINUX;
    const struct hypercall_host host = {.memory = &memory,
                                        .cpu = &cpu,
                                        .console = blank->console,
                                        .reset = resets ? &reset : NULL,
                                        .preempt = preempts ? &preempt : NULL};
    mf_err err = memory_load(&memory, vm, start, blank->channel, why);
    if (!err)
        err = cpu_enter(&cpu, &start->image.info, why);
    if (!err && resets)
        err = reset_open(&reset, start, blank, vm, &memory, &cpu, model, why);
    if (!err && preempts)
        err = preempt_open(&preempt, vm, &memory, &cpu, why);
    reset.preempt = host.preempt;
    if (!err && munmap(model, sizeof *model) != 0)
        err = failed(why, "lock-down: munmap");
    if (!err)
        err = close_others(resets, why);
    if (!err)
        err = install_filter(resets, preempts, why);
    if (err)
        return err;
    vcpu_serve(&cpu, &host);
}

mf_err monitor_kvm_probe(struct monitor_blank *blank, struct mf_why *why)
{
    static struct monitor_start start; /* too large for a small stack */
    mf_err err = probe_start(&start, why);
    if (!err)
        err = monitor_kvm_prepare(blank, why);
    return err ? err : monitor_kvm_run(blank, &start, why);
}
