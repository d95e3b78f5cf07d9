/*
 * cpu.c: registers and tables as the Intel SDM, volume 3, names them. Ring 0's code and
 * constant tables are ring0.S, one read-only slot for all; cpu_layout.h says where.
 */
#include "monitor/kvm/cpu.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "abi/boot.h"
#include "abi/hypercall.h"
#include "abi/trap.h"
#include "boot_arch.h"
#include "cpu_layout.h"
#include "monitor/common/boot.h"
#include "monitor/kvm/pagetable.h"
#include "cpu_state.h"
#include "cpu_test.h"

#define CR0 0x80050033ull /* PE MP ET NE WP AM PG */
#define EFER 0xd01ull     /* SCE LME LMA NXE */
#define EFER_LMA 0x400ull

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_SFMASK 0xc0000084u
/* As Linux: all flags that a program could leave behind; but it keeps IF and IOPL. */
#define SFMASK (0x257fd5ull & ~(uint64_t)RFLAGS_GUEST)

_Static_assert(MF_CS == SELECTOR_CODE3 && MF_SS == SELECTOR_DATA3, "abi/trap.h");
_Static_assert(GATE_PORT_NONSENSE == CPU_PORT_NONSENSE && GATE_PORT_TWICE == CPU_PORT_TWICE &&
                   MF_HC_ring == GATE_CALL_RING &&
                   MF_BOOT_BASE + offsetof(struct mf_boot, window_bytes) == GATE_WINDOW,
               "the gate's own check");
_Static_assert(MF_HC_PORT == GATE_PORT && MF_GATE_SLOT_BYTES == GATE_SLOT &&
                   MF_HYPERCALL_COUNT == GATE_CALLS,
               "the gate's code and abi/hypercall.h");

extern const uint8_t ring0_image[RING0_BYTES];

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "KVM: %s: %s", what, strerror(error));
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

static mf_err set_state(int vcpu, const struct cpu_model *model, struct mf_why *why)
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

mf_err cpu_syscall(const struct cpu *cpu, enum cpu_syscall how, struct mf_why *why)
{
    const uint64_t star = (uint64_t)(SELECTOR_CODE3 - 16) << 48 | (uint64_t)SELECTOR_CODE0 << 32;
    const uint64_t lstar = how == CPU_SYSCALL_RING3 ? GATE_CODE + GATE_SYSCALL
                                                    : RING0_BASE + RING0_CODE + CODE_SYSCALL;
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry[3];
    } msrs = {
        .head = {.nmsrs = 3},
        .entry = {{.index = MSR_STAR, .data = star},
                  {.index = MSR_LSTAR, .data = lstar},
                  {.index = MSR_SFMASK, .data = SFMASK}},
    };
    if (ioctl(cpu->fd, KVM_SET_MSRS, &msrs) != (int)msrs.head.nmsrs)
        return failed(why, "KVM_SET_MSRS");
    return MF_OK;
}

/* System calls go to this address in ring 3, by either way (ring0.S). */
static void aim_syscalls(const struct cpu *cpu, uint64_t entry)
{
    const uint64_t frame[5] = {entry, SELECTOR_CODE3, RFLAGS_GUEST, 0, SELECTOR_DATA3};
    memcpy(cpu->memory + CPU_PAGE + PAGE_SYSCALL, frame, sizeof frame);
}

/* Exceptions go to this address in ring 3, with the trap record below stack_top. */
static void aim_exceptions(const struct cpu *cpu, uint64_t entry, uint64_t stack_top)
{
    memcpy(cpu->memory + CPU_PAGE + PAGE_EXCEPTION, &entry, sizeof entry);
    memcpy(cpu->memory + CPU_PAGE + PAGE_TRAP_STACK, &stack_top, sizeof stack_top);
}

/* The rest is zero (abi/boot.h). */
static mf_err set_position(const struct cpu *cpu, uint64_t entry, struct mf_why *why)
{
    const struct kvm_regs regs = CPU_FIRST_REGS;
    memcpy(cpu->memory + CPU_PAGE + PAGE_ENTRY, &entry, sizeof entry);
    if (ioctl(cpu->fd, KVM_SET_REGS, &regs) != 0)
        return failed(why, "KVM_SET_REGS");
    return MF_OK;
}

mf_err cpu_enter(const struct cpu *cpu, const struct mf_image_info *info, struct mf_why *why)
{
    aim_exceptions(cpu, info->kernel_exception, info->trap_stack_top);
    aim_syscalls(cpu, info->kernel_syscall);
    return set_position(cpu, info->kernel_entry, why);
}

mf_err cpu_open(int vm, struct cpu_model *model, uint8_t *window, const uint32_t *used,
                uint32_t count, struct cpu *cpu, struct mf_why *why)
{
    cpu->fd = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (cpu->fd < 0)
        return failed(why, "KVM_CREATE_VCPU");
    void *run = mmap(NULL, model->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
    if (run == MAP_FAILED)
        return failed(why, "cannot map the vCPU");
    cpu->run = run;
    mf_err err = set_state(cpu->fd, model, why);
    return err ? err : test_run(cpu, model, window, used, count, why);
}

mf_err cpu_memory(uint8_t **memory, struct mf_why *why)
{
    void *got = mmap(NULL, CPU_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        return failed(why, "cannot reserve room for page tables");
    *memory = got;
    pagetable_init(*memory);
    return MF_OK;
}

mf_err cpu_slots(int vm, const uint8_t *memory, struct mf_why *why)
{
    const struct kvm_userspace_memory_region region[CPU_SLOTS] = {
        {.slot = 0,
         .flags = KVM_MEM_READONLY,
         .guest_phys_addr = RING0_BASE,
         .memory_size = RING0_BYTES,
         .userspace_addr = (uintptr_t)ring0_image},
        {.slot = 1,
         .guest_phys_addr = CPU_BASE,
         .memory_size = CPU_BYTES,
         .userspace_addr = (uintptr_t)memory},
    };
    for (uint32_t i = 0; i < CPU_SLOTS; i++)
        if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region[i]) != 0)
            return failed(why, "KVM_SET_USER_MEMORY_REGION");
    return MF_OK;
}

void cpu_capabilities(const struct cpu_model *model, struct boot_host *host)
{
    host->hwcap = getauxval(AT_HWCAP);
    host->hwcap2 = model->cr4 & CPU_CR4_FSGSBASE ? HWCAP2_FSGSBASE : 0;
    host->flags = model->segments == CPU_SEGMENTS_OWN ? 0 : MF_BOOT_SEGMENTS;
}

/* Special registers come out with one KVM_RUN that only finishes the call's port write, and go
 * in with the next one (KVM_CAP_SYNC_REGS, Linux 4.17). */
bool cpu_set_base(const struct cpu *cpu, uint32_t which, uint64_t base)
{
    struct kvm_run *run = cpu->run;
    struct kvm_sregs *sregs = &run->s.regs.sregs;
    sregs->efer = 0; /* is another again if KVM has written them */
    const uint64_t others = run->kvm_valid_regs; /* cpu_preempt.c */
    run->kvm_valid_regs = others | KVM_SYNC_X86_SREGS;
    run->immediate_exit = 1;
    bool stood = ioctl(cpu->fd, KVM_RUN, 0) != 0 && errno == EINTR;
    run->immediate_exit = 0;
    run->kvm_valid_regs = others;
    if (!stood || !(sregs->efer & EFER_LMA))
        return false;
    if (which == MF_SEGMENT_FS)
        sregs->fs.base = base;
    else
        sregs->gs.base = base;
    run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
    return true;
}

bool cpu_position(int fd, uint64_t *instruction, uint64_t *stack)
{
    struct kvm_regs regs;
    if (ioctl(fd, CPU_POSITION_IOCTL, &regs) != 0)
        return false;
    *instruction = regs.rip;
    *stack = regs.rsp;
    return true;
}
