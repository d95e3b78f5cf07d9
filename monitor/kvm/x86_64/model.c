/*
 * model.c: what of the host's processor a guest gets. Switched on is exactly what KVM
 * says that it supports: a bit too many is refused by some and kills the guest under
 * others.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "monitor/common/features.h"
#include "monitor/kvm/cpu.h"

#define CR4_PAE        (1ull << 5)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define XCR0_OFFERED   0xe7ull /* x87, SSE, AVX, AVX-512 */


static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "KVM: %s: %s", what, strerror(error));
}

static struct kvm_cpuid_entry2 *leaf(struct cpu_model *model, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < model->cpuid.nent; i++)
        if (model->entry[i].function == function && model->entry[i].index == index)
            return &model->entry[i];
    return NULL;
}

/* Control bits for what ring 3 can use, where it is supported. Not SMAP: ring 0 follows
 * no address of the guest's, and emulators let ring 3's iretq fault under it. */
static void switch_on(struct cpu_model *model)
{
    const struct kvm_cpuid_entry2 *basic = leaf(model, 1, 0), *more = leaf(model, 7, 0),
                                  *state = leaf(model, 0xd, 0);
    const uint32_t xsave = 1u << 26;
    model->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (more && more->ebx & 1u << 0)
        model->cr4 |= CPU_CR4_FSGSBASE;
    if (more && more->ebx & 1u << 7)
        model->cr4 |= CR4_SMEP;
    if (more && more->ecx & 1u << 2)
        model->cr4 |= CR4_UMIP;
    if (basic && basic->ecx & xsave && state) {
        model->cr4 |= CR4_OSXSAVE;
        model->xcr0 = state->eax & XCR0_OFFERED;
    }
}

/* Processor features that ring 3 has no use for or that we do not switch on. */
static void reduce(struct cpu_model *model)
{
    const uint32_t vmx = 1u << 5, monitor = 1u << 3, x2apic = 1u << 21, pcid = 1u << 17,
                   tsc_deadline = 1u << 24, osxsave = 1u << 27;
    struct kvm_cpuid_entry2 *basic = leaf(model, 1, 0), *more = leaf(model, 7, 0),
                            *amd = leaf(model, 0x80000001, 0);
    if (basic) {
        basic->ecx &= ~(vmx | monitor | x2apic | pcid | tsc_deadline);
        basic->ecx |= model->xcr0 ? osxsave : 0;
    }
    if (more)
        more->ecx &= ~(3u << 3 | 1u << 16); /* protection keys, five-level paging */
    if (amd)
        amd->ecx &= ~(1u << 2); /* SVM */
    for (uint32_t i = 0; i < model->cpuid.nent; i++)
        if (model->entry[i].function >> 8 == 0x400000) /* KVM's own calls are for ring 0 */
            model->entry[i].eax = model->entry[i].ebx = model->entry[i].ecx =
                model->entry[i].edx = 0;
}

mf_err cpu_survey(int kvm, struct cpu_model *model, struct mf_why *why)
{
    int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: API version %d, %d is needed", version,
                      KVM_API_VERSION);
    if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD) <= 0 ||
        ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0 ||
        ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
        return mf_why(why, MF_EUNSUPPORTED,
                      "KVM: no ioeventfd, read-only memory or immediate exit (Linux 4.13 has them)");
    int bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < (int)sizeof(struct kvm_run))
        return failed(why, "KVM_GET_VCPU_MMAP_SIZE");
    *model = (struct cpu_model){.run_bytes = (uint32_t)bytes};
    model->cpuid.nent = CPU_CPUID_MAX;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &model->cpuid) != 0)
        return failed(why, "KVM_GET_SUPPORTED_CPUID");
    switch_on(model);
    reduce(model);
    return MF_OK;
}

bool cpu_is_shadowed(const struct cpu_model *model)
{
    return model->syscall == CPU_SYSCALL_RING3;
}

/* Which processor of the host the survey ran on, in leaves that tell its place. */
static struct kvm_cpuid_entry2 placeless(const struct kvm_cpuid_entry2 *entry)
{
    struct kvm_cpuid_entry2 e = *entry;
    memset(e.padding, 0, sizeof e.padding);
    switch (e.function) {
    case 1:
        e.ebx &= 0x00ffffffu;
        break;
    case 0xb: /* topology: both have it again in EDX */
    case 0x1f:
        e.edx = 0;
        break;
    case 0x8000001e:
        e.eax = e.ebx = e.ecx = 0;
        break;
    default:
        break;
    }
    return e;
}

uint64_t cpu_features(const struct cpu_model *model)
{
    /* The host's too: some KVMs show guests in ring 3 the host's CPUID whatever they are told. */
    uint64_t digest = features_host();
    digest = features_add(digest, &model->cr4, sizeof model->cr4);
    digest = features_add(digest, &model->xcr0, sizeof model->xcr0);
    for (uint32_t i = 0; i < model->cpuid.nent; i++) {
        const struct kvm_cpuid_entry2 entry = placeless(&model->entry[i]);
        digest = features_add(digest, &entry, sizeof entry);
    }
    return digest;
}
