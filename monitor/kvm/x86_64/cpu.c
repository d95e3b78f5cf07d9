/*
 * cpu.c: registers as the Intel SDM 3 names them. Set is exactly what KVM says that it
 * supports: a bit too many is refused by some and kills the guest under others.
 */
#include "monitor/kvm/x86_64/cpu.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi/trap.h"
#include "monitor/kvm/x86_64/layout.h"
#include "monitor/kvm/x86_64/pagetable.h"

#define CR0 0x80050033ull /* PE MP ET NE WP AM PG */
#define EFER 0xd01ull     /* SCE LME LMA NXE */
#define CR4_PAE        (1ull << 5)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)
#define XCR0_OFFERED   0xe7ull /* x87, SSE, AVX, AVX-512 */

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
/* As Linux: all flags that a program could leave behind; but it keeps IF and IOPL. */
#define SFMASK (0x257fd5ull & ~(uint64_t)RFLAGS_GUEST)

_Static_assert(MF_CS == SELECTOR_CODE3 && MF_SS == SELECTOR_DATA3, "abi/trap.h");

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

mf_err cpu_model_get(int kvm, struct cpu_model *model, struct mf_why *why)
{
    model->cpuid.nent = CPU_CPUID_MAX;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &model->cpuid) != 0)
        return failed(why, "KVM_GET_SUPPORTED_CPUID");
    const struct kvm_cpuid_entry2 *basic = leaf(model, 1, 0), *more = leaf(model, 7, 0),
                                  *state = leaf(model, 0xd, 0);
    const uint32_t xsave = 1u << 26;
    model->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (more && more->ebx & 1u << 0)
        model->cr4 |= CR4_FSGSBASE;
    if (more && more->ebx & 1u << 7)
        model->cr4 |= CR4_SMEP;
    if (more && more->ebx & 1u << 20)
        model->cr4 |= CR4_SMAP;
    if (more && more->ecx & 1u << 2)
        model->cr4 |= CR4_UMIP;
    if (basic && basic->ecx & xsave && state) {
        model->cr4 |= CR4_OSXSAVE;
        model->xcr0 = state->eax & XCR0_OFFERED;
    }
    reduce(model);
    return MF_OK;
}

static void set_segments(struct kvm_sregs *s)
{
    const struct kvm_segment code = {.limit = ~0u,
                                     .selector = SELECTOR_CODE3,
                                     .present = 1,
                                     .type = 11,
                                     .dpl = 3,
                                     .s = 1,
                                     .l = 1,
                                     .g = 1};
    struct kvm_segment data = code;
    data.selector = SELECTOR_DATA3;
    data.type = 3;
    data.l = 0;
    data.db = 1;
    s->cs = code;
    s->ds = s->es = s->fs = s->gs = s->ss = data;
    s->ldt = (struct kvm_segment){.unusable = 1};
    s->tr = (struct kvm_segment){.base = RING0_BASE + RING0_TSS,
                                 .limit = 0xffff,
                                 .selector = SELECTOR_TSS,
                                 .present = 1,
                                 .type = 11};
    s->gdt.base = RING0_BASE + RING0_TABLES + TABLES_GDT;
    s->gdt.limit = GDT_BYTES - 1;
    s->idt.base = RING0_BASE + RING0_TABLES + TABLES_IDT;
    s->idt.limit = VECTORS * 16 - 1;
}

mf_err cpu_init(int vcpu, const struct cpu_model *model, struct mf_why *why)
{
    struct kvm_sregs s;
    if (ioctl(vcpu, KVM_SET_CPUID2, &model->cpuid) != 0)
        return failed(why, "KVM_SET_CPUID2");
    if (ioctl(vcpu, KVM_GET_SREGS, &s) != 0)
        return failed(why, "KVM_GET_SREGS");
    set_segments(&s);
    s.cr0 = CR0;
    s.cr3 = pagetable_root();
    s.cr4 = model->cr4;
    s.efer = EFER;
    if (ioctl(vcpu, KVM_SET_SREGS, &s) != 0)
        return failed(why, "KVM_SET_SREGS");
    const struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = model->xcr0}}};
    if (model->xcr0 && ioctl(vcpu, KVM_SET_XCRS, &xcrs) != 0)
        return failed(why, "KVM_SET_XCRS");
    return MF_OK;
}

static void put(uint8_t *page, uint32_t at, uint64_t value)
{
    memcpy(page + at, &value, sizeof value);
}

mf_err cpu_syscall(int vcpu, uint8_t *page, enum cpu_syscall how, uint64_t entry,
                   struct mf_why *why)
{
    const uint64_t frame[5] = {entry, SELECTOR_CODE3, RFLAGS_GUEST, 0, SELECTOR_DATA3};
    memcpy(page + PAGE_SYSCALL, frame, sizeof frame);
    const uint64_t star = (uint64_t)(SELECTOR_CODE3 - 16) << 48 | (uint64_t)SELECTOR_CODE0 << 32;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry[3];
    } msrs = {
        .head = {.nmsrs = 3},
        .entry = {{.index = MSR_STAR, .data = star},
                  {.index = MSR_LSTAR,
                   .data = how == CPU_SYSCALL_RING3 ? entry
                                                    : RING0_BASE + RING0_CODE + CODE_SYSCALL},
                  {.index = MSR_SFMASK, .data = SFMASK}},
    };
    if (ioctl(vcpu, KVM_SET_MSRS, &msrs) != (int)msrs.head.nmsrs)
        return failed(why, "KVM_SET_MSRS");
    return MF_OK;
}

void cpu_exception(uint8_t *page, uint64_t entry, uint64_t stack_top)
{
    put(page, PAGE_EXCEPTION, entry);
    put(page, PAGE_TRAP_STACK, stack_top);
}

mf_err cpu_enter(int vcpu, uint64_t rip, uint64_t rdi, struct mf_why *why)
{
    const struct kvm_regs regs = {.rip = rip, .rdi = rdi, .rflags = RFLAGS_GUEST};
    if (ioctl(vcpu, KVM_SET_REGS, &regs) != 0)
        return failed(why, "KVM_SET_REGS");
    return MF_OK;
}
