/*
 * kvm.c: the KVM monitor: one VM, one vCPU, one thread, one process for each instance.
 * A blank holds the VM, its slots and a processor in 64-bit mode; the start puts the
 * image into the window and enters it.
 * Leaves to others: that entries and segments are sane (image_parse); namespaces,
 * capabilities, rlimits (spawner/).
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/layout.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/vcpu.h"
#include "monitor/kvm/x86_64/cpu.h"
#include "monitor/kvm/x86_64/layout.h"
#include "monitor/kvm/x86_64/pagetable.h"

_Static_assert(MF_HC_PORT == GATE_PORT && MF_GATE_SLOT_BYTES == GATE_SLOT &&
                   MF_HYPERCALL_COUNT == GATE_CALLS,
               "the gate's code and abi/hypercall.h");

static struct cpu_model model;
static struct memory memory;
static struct vcpu vcpu = {.fd = -1};
static int vm = -1;
static enum cpu_syscall how;

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "KVM: %s: %s", what, strerror(error));
}

static mf_err make_vm(const struct monitor_blank *blank, struct mf_why *why)
{
    vm = ioctl(blank->kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return failed(why, "KVM_CREATE_VM");
    mf_err err = memory_slots(&memory, vm, why);
    if (err)
        return err;
    const struct kvm_ioeventfd bell = {.addr = MF_HC_PORT + MF_HC_ring,
                                       .len = sizeof(uint32_t),
                                       .fd = blank->bell,
                                       .flags = KVM_IOEVENTFD_FLAG_PIO};
    if (ioctl(vm, KVM_IOEVENTFD, &bell) != 0)
        return failed(why, "KVM_IOEVENTFD");
    return MF_OK;
}

static mf_err make_vcpu(const struct monitor_blank *blank, struct mf_why *why)
{
    int bytes = ioctl(blank->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    vcpu.fd = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu.fd < 0)
        return failed(why, "KVM_CREATE_VCPU");
    void *run = bytes < (int)sizeof *vcpu.run ? MAP_FAILED
                                               : mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
                                                      MAP_SHARED, vcpu.fd, 0);
    if (run == MAP_FAILED)
        return failed(why, "cannot map the vCPU");
    vcpu.run = run;
    return cpu_init(vcpu.fd, &model, why);
}

/* Where does the self-test's system call arrive? */
static mf_err test(enum cpu_syscall try, uint32_t *arrived, struct mf_why *why)
{
    uint8_t *page = memory.cpu + CPU_PAGE;
    extern const uint8_t ring0_image[], ring0_test_syscall[], ring0_test_exception[];
    const uint8_t *gate = ring0_image + RING0_GATE;
    mf_err err = cpu_syscall(vcpu.fd, page, try, GATE_CODE + (uint64_t)(ring0_test_syscall - gate),
                             why);
    cpu_exception(page, GATE_CODE + (uint64_t)(ring0_test_exception - gate),
                  GATE_SCRATCH + MF_PAGE_BYTES);
    if (!err)
        err = cpu_enter(vcpu.fd, GATE_CODE + GATE_TEST, 0, why);
    if (err)
        return err;
    while (ioctl(vcpu.fd, KVM_RUN, 0) != 0)
        if (errno != EINTR)
            return failed(why, "KVM_RUN");
    if (vcpu.run->exit_reason != KVM_EXIT_IO || vcpu.run->io.port != TEST_PORT)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: ring 3 does not run here: exit reason %u",
                      vcpu.run->exit_reason);
    memcpy(arrived, (const uint8_t *)vcpu.run + vcpu.run->io.data_offset, sizeof *arrived);
    /* Let KVM finish the instruction before the registers are set anew. */
    vcpu.run->immediate_exit = 1;
    if (ioctl(vcpu.fd, KVM_RUN, 0) == 0 || errno != EINTR)
        return failed(why, "KVM_RUN with immediate_exit");
    vcpu.run->immediate_exit = 0;
    return MF_OK;
}

static mf_err test_cpu(struct mf_why *why)
{
    uint32_t arrived = 0;
    how = CPU_SYSCALL_RING0;
    mf_err err = test(how, &arrived, why);
    if (!err && arrived != TEST_SYSCALL) {
        how = CPU_SYSCALL_RING3;
        err = test(how, &arrived, why);
    }
    if (!err && arrived != TEST_SYSCALL)
        err = mf_why(why, MF_EUNSUPPORTED, "KVM: the test guest took exception %u", arrived);
    return err;
}

mf_err monitor_kvm_prepare(struct monitor_blank *blank, struct mf_why *why)
{
    mf_err err = cpu_model_get(blank->kvm, &model, why);
    if (!err)
        err = memory_open(&memory, why);
    if (!err)
        err = make_vm(blank, why);
    if (!err)
        err = make_vcpu(blank, why);
    if (!err)
        err = test_cpu(why);
    return err;
}

mf_err monitor_kvm_run(struct monitor_blank *blank, const struct monitor_start *start,
                       struct mf_why *why)
{
    const struct mf_image_info *info = &start->image.info;
    const struct hypercall_host host = {.memory = &memory, .console = blank->console};
    mf_err err = memory_load(&memory, vm, start, blank->channel, why);
    if (!err)
        err = cpu_syscall(vcpu.fd, memory.cpu + CPU_PAGE, how, info->kernel_syscall, why);
    cpu_exception(memory.cpu + CPU_PAGE, info->kernel_exception, info->trap_stack_top);
    if (!err)
        err = cpu_enter(vcpu.fd, info->kernel_entry, MF_BOOT_BASE, why);
    if (err)
        return err;
    vcpu_serve(&vcpu, &host);
}
