/*
 * cpu_test.c: the first run of a vCPU: a few instructions of ring0.S in ring 3, which leave
 * nothing behind but a processor that KVM has warmed up and the knowledge of how system
 * calls arrive.
 */
#include "cpu_test.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "cpu_layout.h"
#include "monitor/kvm/pagetable.h"
#include "tsc_arch.h"

_Static_assert(TEST_CODE >= MF_KERNEL_BASE + MF_KERNEL_BYTES_MAX && TEST_END <= MF_PROGRAM_BASE,
               "where no start finds anything of it, nor disturbs what is staged");

extern const uint8_t ring0_test[], ring0_test_segments[], ring0_test_syscall[], ring0_test_exception[], ring0_test_end[];

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "KVM: %s: %s", what, strerror(error));
}

static uint64_t loaded(const uint8_t *label)
{
    return TEST_CODE + (uint64_t)(label - ring0_test);
}

/* Run until it reports: *report, TEST_... or the vector of an exception. */
static mf_err run_on(const struct cpu *cpu, uint32_t *report, struct mf_why *why)
{
    struct kvm_run *run = cpu->run;
    while (ioctl(cpu->fd, KVM_RUN, 0) != 0)
        if (errno != EINTR)
            return failed(why, "KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO || run->io.port != TEST_PORT)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: ring 3 does not run here: exit reason %u",
                      run->exit_reason);
    memcpy(report, (const uint8_t *)run + run->io.data_offset, sizeof *report);
    run->immediate_exit = 1; /* KVM finishes the instruction, and nothing more */
    bool finished = ioctl(cpu->fd, KVM_RUN, 0) != 0 && errno == EINTR;
    run->immediate_exit = 0;
    return finished ? MF_OK : failed(why, "KVM_RUN with immediate_exit");
}

static mf_err run_from(const struct cpu *cpu, const uint8_t *entry, enum cpu_syscall how,
                       uint32_t *report, struct mf_why *why)
{
    const struct mf_image_info info = {.kernel_entry = loaded(entry),
                                       .kernel_syscall = loaded(ring0_test_syscall),
                                       .kernel_exception = loaded(ring0_test_exception),
                                       .trap_stack_top = TEST_END};
    mf_err err = cpu_syscall(cpu, how, why);
    if (!err)
        err = cpu_enter(cpu, &info, why);
    if (err)
        return err;
    return run_on(cpu, report, why);
}

/* With what stands of it on the stack of the test (abi/trap.h). */
static mf_err unexpected(const uint8_t *window, uint32_t vector, struct mf_why *why)
{
    struct mf_trap trap;
    memcpy(&trap, window + TEST_END - sizeof trap, sizeof trap);
    return mf_why(why, MF_EUNSUPPORTED,
                  "KVM: a test guest took exception %u: error 0x%llx, address 0x%llx, at 0x%llx",
                  vector, (unsigned long long)trap.error, (unsigned long long)trap.address,
                  (unsigned long long)trap.rip);
}

static mf_err find_syscall(const struct cpu *cpu, struct cpu_model *model, const uint8_t *window,
                       struct mf_why *why)
{
    /* Once: where the probe was killed, other blanks find out and write at the same time. */
    const enum cpu_syscall known = __atomic_load_n(&model->syscall, __ATOMIC_RELAXED);
    enum cpu_syscall how = known == CPU_SYSCALL_UNKNOWN ? CPU_SYSCALL_RING0 : known;
    uint32_t arrived = 0;
    mf_err err = run_from(cpu, ring0_test, how, &arrived, why);
    /* Never the other way round: where ring 0 works as it should, LSTAR must not name a
     * page of the guest. */
    if (!err && arrived == MF_VECTOR_PAGE_FAULT && known == CPU_SYSCALL_UNKNOWN) {
        how = CPU_SYSCALL_RING3;
        err = run_from(cpu, ring0_test, how, &arrived, why);
    }
    if (!err && arrived != TEST_SYSCALL)
        return unexpected(window, arrived, why);
    if (!err)
        __atomic_store_n(&model->syscall, how, __ATOMIC_RELAXED);
    return err;
}

/* Where KVM says that guests have the instructions, programs use them, too. */
static mf_err find_segments(const struct cpu *cpu, struct cpu_model *model, struct mf_why *why)
{
    if (__atomic_load_n(&model->segments, __ATOMIC_RELAXED) != CPU_SEGMENTS_UNKNOWN)
        return MF_OK;
    uint32_t report = 0;
    mf_err err = run_from(cpu, ring0_test_segments, model->syscall, &report, why);
    if (!err && report == TEST_AWAY) /* and this process has set bases of its own */
        err = run_on(cpu, &report, why);
    if (err)
        return err;
    if (report != TEST_KEPT && model->cr4 & CPU_CR4_FSGSBASE)
        return mf_why(why, MF_EUNSUPPORTED, "KVM: says that guests have FSGSBASE, and they have "
                                            "not, or lose what they set");
    __atomic_store_n(&model->segments,
                     report == TEST_KEPT ? CPU_SEGMENTS_OWN : CPU_SEGMENTS_HYPERCALL,
                     __ATOMIC_RELAXED);
    return MF_OK;
}

mf_err test_run(struct cpu *cpu, struct cpu_model *model, uint8_t *window,
                const uint32_t *used, uint32_t count, struct mf_why *why)
{
    mf_assert(count < TEST_USED_MAX);
    memcpy(window + TEST_STACK, used, count * sizeof *used); /* a zero behind them */
    memcpy(window + TEST_CODE, ring0_test, (size_t)(ring0_test_end - ring0_test));
    (void)pagetable_set(cpu->memory, TEST_CODE, TEST_STACK, PAGE_READ_EXECUTE);
    (void)pagetable_set(cpu->memory, TEST_STACK, TEST_END, PAGE_READ_WRITE);
    const uint64_t before = tsc_arch_read();
    mf_err err = find_syscall(cpu, model, window, why);
    uint64_t read; /* between before and now only by a counter that runs with ours */
    memcpy(&read, window + TEST_COUNTER, sizeof read);
    cpu->same_counter = !err && read >= before && read <= tsc_arch_read();
    if (!err)
        err = find_segments(cpu, model, why);
    (void)pagetable_set(cpu->memory, TEST_CODE, TEST_END, PAGE_NONE);
    /* For the host these pages are gone, so KVM forgets where they were (memory.c). */
    if (!err && madvise(window + TEST_CODE, TEST_END - TEST_CODE, MADV_DONTNEED) != 0)
        err = failed(why, "madvise");
    return err;
}
