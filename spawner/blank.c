/*
 * blank.c: from fork to monitor. The child shares nothing with the spawner but the
 * namespaces entered once, and holds nothing but the descriptors of its plan.
 */
#include "spawner/blank.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/common/tsc.h"
#include "monitor/monitor.h"
#include "spawner/lockdown.h"

#define ASIDE 64 /* above every number that descriptors are moved to */

/* Descriptors to MONITOR_FD_BASE and up, in order; all others but standard error
 * closed. The first round moves them out of each other's way. */
static mf_err place(const struct blank_plan *plan, struct mf_why *why)
{
    int from[MF_BLANK_FD_COUNT + 1];
    memcpy(from, plan->fd, sizeof(int) * MF_BLANK_FD_COUNT);
    from[MF_BLANK_FD_COUNT] = plan->kvm;
    int count = plan->sandbox == MF_SANDBOX_KVM && plan->kvm >= 0 ? MF_BLANK_FD_COUNT + 1
                                                                  : MF_BLANK_FD_COUNT;
    for (int i = 0; i < count; i++) {
        from[i] = fcntl(from[i], F_DUPFD, ASIDE);
        if (from[i] < 0)
            return mf_why(why, MF_EFULL, "a blank's descriptors: %s", strerror(errno));
    }
    for (int i = 0; i < count; i++)
        if (dup2(from[i], MONITOR_FD_BASE + i) < 0)
            return mf_why(why, MF_EIO, "a blank's descriptors: %s", strerror(errno));
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    if (syscall(SYS_close_range, (unsigned)(MONITOR_FD_BASE + count), ~0u, 0u) != 0)
        return mf_why(why, MF_EUNSUPPORTED, "close_range: %s (Linux 5.9 has it)", strerror(errno));
    return MF_OK;
}

_Noreturn static void child(const struct blank_plan *plan, int nice)
{
    static const char *const name[] = {
        [MF_SANDBOX_PROCESS] = "mayfly-process", [MF_SANDBOX_KVM] = "mayfly-kvm"};
    struct mf_why why = {{0}};
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_NAME, name[plan->sandbox], 0, 0, 0);
    bool has_kvm = plan->sandbox == MF_SANDBOX_KVM && plan->kvm >= 0;
    mf_err err = lockdown_follow(plan->self, &why);
    if (!err && plan->follows >= 0)
        (void)!write(plan->follows, &plan->id, sizeof plan->id); /* never full: serve.c reads it */
    if (!err)
        err = place(plan, &why);
    if (err)
        monitor_give_up(plan->fd[MF_BLANK_CONTROL], MF_BLANK_FAILED, err, &why);
    err = lockdown_blank(plan->sandbox, &why);
    if (err)
        monitor_give_up(MONITOR_FD_CONTROL, MF_BLANK_FAILED, err, &why);
    struct monitor_blank blank = {
        .sandbox = plan->sandbox,
        .control = MONITOR_FD_CONTROL,
        .channel = MONITOR_FD_CHANNEL,
        .bell = MONITOR_FD_BELL,
        .console = MONITOR_FD_CONSOLE,
        .kvm = has_kvm ? MONITOR_FD_KVM : -1,
        .window_bytes = plan->window_bytes,
        .jit = plan->jit,
        .nice = nice,
    };
    if (plan->probe)
        monitor_probe(&blank);
    monitor_main(&blank);
}

mf_err blank_fork(const struct blank_plan *plan, pid_t *pid, struct mf_why *why)
{
    mf_assert(plan->sandbox == MF_SANDBOX_PROCESS || plan->sandbox == MF_SANDBOX_KVM);
    /* A fork, but into a new pid namespace: there the blank is process 1, sees nobody,
     * and whatever it might start dies with it. glibc has no wrapper. */
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    tsc_renew();
    int nice = getpriority(PRIO_PROCESS, 0);
    long got = syscall(SYS_clone3, &args, sizeof args);
    if (got == 0)
        child(plan, nice);
    if (got < 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot start a blank: %s%s", strerror(errno),
                      errno == ENOSPC ? " (sysctl user.max_pid_namespaces)"
                      : errno == EAGAIN ? " (the user's limit of processes, ulimit -u)"
                                        : "");
    *pid = (pid_t)got;
    return MF_OK;
}
