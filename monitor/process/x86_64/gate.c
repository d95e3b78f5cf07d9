/*
 * gate.c: puts gate.S in its place and arms it. Everything here happens before the
 * lock-down, in the blank's only thread.
 */
#include "monitor/process/gate.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <linux/futex.h>
#include <time.h>

#include "abi/boot.h"
#include "abi/cause.h"
#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/trap.h"
#include "gate_layout.h"

/* arch/x86/include/uapi/asm: what glibc keeps to itself. */
#define KERNEL_SA_RESTORER 0x04000000ul
struct kernel_sigaction {
    uintptr_t handler;
    unsigned long flags;
    uintptr_t restorer;
    uint64_t mask;
};

#define MXCSR_INITIAL 0x1f80u
#define MXCSR_OFFSET 24

_Static_assert(GATE_PAGE == MF_GATE_BASE && GATE_DATA == MF_GATE_DATA_BASE, "layout.h");
_Static_assert(GATE_STACK_TOP == MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES, "layout.h");
_Static_assert(GATE_KERNEL_BASE == MF_KERNEL_BASE && GATE_PROGRAM_BASE == MF_PROGRAM_BASE,
               "layout.h");
_Static_assert(GATE_SLOT == MF_GATE_SLOT_BYTES, "hypercall.h");
_Static_assert(GATE_CONSOLE_MAX == MF_CONSOLE_MAX, "hypercall.h");
_Static_assert(GATE_SYSCALL == MF_GATE_BASE + MF_GATE_BYTES / 2, "the second half is ours");
_Static_assert(GATE_BOOT_WINDOW == MF_BOOT_BASE + offsetof(struct mf_boot, window_bytes), "boot.h");
_Static_assert(GATE_BOOT_CHANNEL == MF_BOOT_BASE + offsetof(struct mf_boot, channel_base), "boot.h");
_Static_assert(GATE_BELL_WORD == offsetof(struct mf_channel_head, bell), "channel.h");
_Static_assert(GATE_CAUSE_COUNT == MF_CAUSE_COUNT && GATE_STATUS == MF_CAUSE_STATUS, "cause.h");
_Static_assert(GATE_STATUS_PROTOCOL == MF_CAUSE_STATUS + MF_CAUSE_PROTOCOL, "cause.h");
_Static_assert(GATE_STATUS_DOUBLE == MF_CAUSE_STATUS + MF_CAUSE_TRIPLE_FAULT, "cause.h");
_Static_assert(GATE_STATUS_HOST == MF_CAUSE_STATUS + MF_CAUSE_HOST, "cause.h");
_Static_assert(GATE_TRAP_BYTES == sizeof(struct mf_trap), "trap.h");
_Static_assert(GATE_CS == MF_CS && GATE_SS == MF_SS && GATE_VECTOR_PREEMPT == MF_VECTOR_PREEMPT,
               "trap.h");
_Static_assert(offsetof(struct mf_trap, ss) == 56, "gate.S writes the record by offsets");
_Static_assert(offsetof(struct mf_hc_wait, now) == 12 && offsetof(struct mf_hc_wait, idle) == 16 &&
                   sizeof(struct mf_hc_wait) == 24,
               "gate.S: wait");
_Static_assert(offsetof(struct mf_hc_protect, error) == 20, "gate.S: protect");
_Static_assert(offsetof(struct mf_hc_discard, error) == 16, "gate.S: discard");
_Static_assert(offsetof(struct mf_hc_clock, realtime_ns) == 8, "gate.S: clock");
_Static_assert(offsetof(struct mf_hc_console, error) == 12, "gate.S: console");
_Static_assert(offsetof(struct mf_hc_fault, reserved) == 4, "gate.S: fault");
_Static_assert(offsetof(struct mf_hc_segment, which) == 8 &&
                   offsetof(struct mf_hc_segment, error) == 12 &&
                   GATE_ARCH_SET_FS - MF_SEGMENT_GS == GATE_ARCH_SET_GS &&
                   GATE_SEGMENT_END == MF_SEGMENT_END,
               "gate.S: segment");
_Static_assert(GATE_FD_BELL == MONITOR_FD_BELL && GATE_FD_CONSOLE == MONITOR_FD_CONSOLE,
               "monitor.h");

#define DATA_AT(field) (MF_GATE_DATA_BASE + offsetof(struct gate_data, field))
_Static_assert(GATE_KERNEL_ENTRY == DATA_AT(kernel_entry), "gate.h");
_Static_assert(GATE_KERNEL_SYSCALL == DATA_AT(kernel_syscall), "gate.h");
_Static_assert(GATE_KERNEL_EXCEPTION == DATA_AT(kernel_exception), "gate.h");
_Static_assert(GATE_TRAP_RECORD == DATA_AT(trap_record), "gate.h");
_Static_assert(GATE_PREEMPTS == DATA_AT(preempts) && GATE_PREEMPTS == MF_PREEMPT_COUNT, "trap.h");
_Static_assert(GATE_XSTATE == DATA_AT(xstate) && GATE_XSTATE % 64 == 0, "gate.h; SDM: XRSTOR");

#define FRAME_AT(reg) offsetof(ucontext_t, uc_mcontext.gregs[reg])
_Static_assert(GATE_UC_R11 == FRAME_AT(REG_R11) && GATE_UC_RCX == FRAME_AT(REG_RCX), "ucontext");
_Static_assert(GATE_UC_RSP == FRAME_AT(REG_RSP) && GATE_UC_RIP == FRAME_AT(REG_RIP), "ucontext");
_Static_assert(GATE_UC_RFLAGS == FRAME_AT(REG_EFL), "ucontext");
_Static_assert(GATE_UC_CS == FRAME_AT(REG_CSGSFS) && GATE_UC_SS == GATE_UC_CS + 6, "ucontext");
_Static_assert(GATE_UC_ERROR == FRAME_AT(REG_ERR) && GATE_UC_CR2 == FRAME_AT(REG_CR2), "ucontext");
_Static_assert(GATE_UC_VECTOR == FRAME_AT(REG_TRAPNO), "ucontext");

#define SAME_NUMBER(ours, linuxs) _Static_assert((ours) == (linuxs), "Linux's number")
SAME_NUMBER(GATE_NR_WRITE, SYS_write);
SAME_NUMBER(GATE_NR_MPROTECT, SYS_mprotect);
SAME_NUMBER(GATE_NR_MUNMAP, SYS_munmap);
SAME_NUMBER(GATE_NR_RT_SIGRETURN, SYS_rt_sigreturn);
SAME_NUMBER(GATE_NR_MADVISE, SYS_madvise);
SAME_NUMBER(GATE_NR_ARCH_PRCTL, SYS_arch_prctl);
SAME_NUMBER(GATE_NR_FUTEX, SYS_futex);
SAME_NUMBER(GATE_NR_CLOCK_GETTIME, SYS_clock_gettime);
SAME_NUMBER(GATE_NR_EXIT_GROUP, SYS_exit_group);
SAME_NUMBER(GATE_FUTEX_WAIT_BITSET, FUTEX_WAIT_BITSET);
SAME_NUMBER(GATE_MADV_DONTNEED, MADV_DONTNEED);
SAME_NUMBER(GATE_CLOCK_REALTIME, CLOCK_REALTIME);
SAME_NUMBER(GATE_CLOCK_MONOTONIC, CLOCK_MONOTONIC);
SAME_NUMBER(GATE_ARCH_SET_FS, ARCH_SET_FS);
SAME_NUMBER(GATE_ARCH_SET_GS, ARCH_SET_GS);
SAME_NUMBER(GATE_EINVAL, EINVAL);

/* The data page holds the struct; the rest is the signal stack. */
#define SIGNAL_STACK (MF_GATE_DATA_BASE + MF_PAGE_BYTES)
#define SIGNAL_STACK_BYTES (MF_GATE_DATA_BYTES - MF_PAGE_BYTES)
_Static_assert(sizeof(struct gate_data) <= MF_PAGE_BYTES, "one page");

extern const char gate_page[], gate_page_end[], gate_restorer[], gate_on_sigsys[],
    gate_on_exception[], gate_on_preempt[], gate_seal_code[];

/* Where a label of gate.S is in the guest. */
static uintptr_t in_guest(const char *label)
{
    return MF_GATE_BASE + (uintptr_t)(label - gate_page);
}

struct gate_data *gate_data(void)
{
    return (struct gate_data *)(uintptr_t)MF_GATE_DATA_BASE;
}

mf_err gate_supported(struct mf_why *why)
{
    unsigned a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return mf_why(why, MF_EUNSUPPORTED, "this processor or kernel lacks XSAVE");
    /* Two frames: a fault in a handler must reach its own, which then ends the guest. */
    unsigned long frame = getauxval(AT_MINSIGSTKSZ);
    if (2 * frame > SIGNAL_STACK_BYTES)
        return mf_why(why, MF_EUNSUPPORTED, "signal frames of %lu bytes; room is for two of %u",
                      frame, SIGNAL_STACK_BYTES / 2);
    return MF_OK;
}

mf_err gate_map(struct mf_why *why)
{
    mf_assert(gate_page_end - gate_page == MF_GATE_BYTES);
    void *data = (void *)(uintptr_t)MF_GATE_DATA_BASE;
    void *code = (void *)(uintptr_t)MF_GATE_BASE;
    if (mremap((void *)(uintptr_t)gate_page, MF_GATE_BYTES, MF_GATE_BYTES,
               MREMAP_MAYMOVE | MREMAP_FIXED, code) != code)
        return mf_why(why, mf_err_from_errno(errno), "cannot move the gate page to 0x%x: %s",
                      MF_GATE_BASE, strerror(errno));
    if (mmap(data, MF_GATE_DATA_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != data)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the gate's data at 0x%x: %s",
                      MF_GATE_DATA_BASE, strerror(errno));
    return MF_OK;
}

/* A preempt waits until a handler has returned: no frame of it ever lies on another one. */
static bool catch(int signal, const char *handler)
{
    const struct kernel_sigaction action = {
        .handler = in_guest(handler),
        .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | KERNEL_SA_RESTORER,
        .restorer = in_guest(gate_restorer),
        .mask = 1ull << (SIGPROF - 1),
    };
    return syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask) == 0;
}

mf_err gate_catch(struct mf_why *why)
{
    static const int exceptions[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    const stack_t stack = {.ss_sp = (void *)(uintptr_t)SIGNAL_STACK, .ss_size = SIGNAL_STACK_BYTES};
    bool caught = syscall(SYS_sigaltstack, &stack, NULL) == 0 && catch(SIGSYS, gate_on_sigsys) &&
                  catch(SIGPROF, gate_on_preempt);
    for (size_t i = 0; caught && i < sizeof exceptions / sizeof *exceptions; i++)
        caught = catch(exceptions[i], gate_on_exception);
    return caught ? MF_OK
                  : mf_why(why, MF_EIO, "cannot install signal handlers: %s", strerror(errno));
}

uint64_t gate_seal_address(void)
{
    return in_guest(gate_seal_code);
}

void gate_arm(void)
{
    const uint32_t mxcsr = MXCSR_INITIAL;
    memcpy(gate_data()->xstate + MXCSR_OFFSET, &mxcsr, sizeof mxcsr);
}
