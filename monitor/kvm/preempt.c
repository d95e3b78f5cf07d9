/*
 * preempt.c: timer → signal → EINTR → the guest's next instruction is another one.
 * Guarantees: the signal is blocked but for KVM_RUN, which it ends and which does not take
 * it: no handler, no call of ours that ends early, and none that is lost meanwhile.
 * Leaves to others: when the guest can be told, and how (cpu.h).
 */
#include "monitor/kvm/preempt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"

#define SIGNAL_SET_BYTES 8u /* Linux's own sigset_t */
#define TIMER_SIGNAL (1ull << (SIGPROF - 1))

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "preempts: %s: %s", what, strerror(error));
}

static bool start_timer(void)
{
    const struct timeval period = {.tv_usec = MF_PREEMPT_MS * 1000};
    const struct itimerval timer = {period, period};
    return setitimer(ITIMER_PROF, &timer, NULL) == 0;
}

/* Is its signal there? It is no more. */
static bool take_signal(void)
{
    const uint64_t set = TIMER_SIGNAL;
    const struct timespec at_once = {0};
    return syscall(SYS_rt_sigtimedwait, &set, NULL, &at_once, (size_t)SIGNAL_SET_BYTES) == SIGPROF;
}

/* Blocked here, and not in KVM_RUN. */
static mf_err mask_signal(const struct cpu *cpu, struct mf_why *why)
{
    const uint64_t set = TIMER_SIGNAL;
    struct {
        struct kvm_signal_mask head;
        uint8_t set[SIGNAL_SET_BYTES];
    } mask = {.head = {.len = SIGNAL_SET_BYTES}};
    uint64_t others;
    if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &others, (size_t)SIGNAL_SET_BYTES) != 0)
        return failed(why, "rt_sigprocmask");
    others &= ~set;
    memcpy(mask.set, &others, sizeof mask.set);
    return ioctl(cpu->fd, KVM_SET_SIGNAL_MASK, &mask) == 0 ? MF_OK
                                                           : failed(why, "KVM_SET_SIGNAL_MASK");
}

mf_err preempt_open(struct preempt *preempt, int vm, const struct memory *memory,
                    const struct cpu *cpu, struct mf_why *why)
{
    *preempt = (struct preempt){.memory = memory, .cpu = cpu};
    mf_err err = cpu_preempt_open(cpu, vm, why);
    if (!err)
        err = mask_signal(cpu, why);
    if (!err && !start_timer())
        err = failed(why, "setitimer");
    return err;
}

void preempt_interrupted(const struct preempt *preempt)
{
    if (take_signal())
        cpu_preempt(preempt->cpu, preempt->memory->window, preempt->memory->channel_base);
}

bool preempt_renew(void)
{
    (void)take_signal();
    return start_timer();
}
