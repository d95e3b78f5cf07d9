/* calls_threads.h: calls on threads, signals and time, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_THREADS_H
#define KERNEL_LINUX_CALLS_THREADS_H

#define LINUX_CALLS_THREADS(X)                                                                   \
    X(clone, partial, "threads only; a second process: ENOSYS")                                  \
    X(clone3, partial, "likewise")                                                               \
    X(fork, refused, "ENOSYS: a function is one process")                                        \
    X(vfork, refused, "ENOSYS")                                                                  \
    X(exit, done, "of the last thread: a fault if an answer is owed")                            \
    X(exit_group, done, "likewise")                                                              \
    X(gettid, done, "of the first thread as getpid")                                             \
    X(set_tid_address, done, "")                                                                 \
    X(set_robust_list, done, "")                                                                 \
    X(get_robust_list, done, "")                                                                 \
    X(futex, partial, "no priority inheritance (ENOSYS)")                                        \
    X(sched_yield, done, "")                                                                     \
    X(membarrier, done, "not for rseq")                                                          \
    X(prctl, partial, "names of threads; PR_SET_NO_NEW_PRIVS and others that change nothing")    \
    X(clock_settime, refused, "EPERM: the clocks are the host's")                                \
    X(settimeofday, refused, "EPERM")                                                            \
    X(nanosleep, done, "")                                                                       \
    X(clock_nanosleep, partial, "CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME")               \
    X(pause, done, "")                                                                           \
    X(rt_sigaction, done, "")                                                                    \
    X(rt_sigprocmask, done, "")                                                                  \
    X(rt_sigpending, done, "")                                                                   \
    X(rt_sigreturn, done, "")                                                                    \
    X(rt_sigsuspend, done, "")                                                                   \
    X(rt_sigtimedwait, done, "")                                                                 \
    X(rt_sigqueueinfo, partial, "to itself")                                                     \
    X(rt_tgsigqueueinfo, partial, "likewise")                                                    \
    X(sigaltstack, partial, "not SS_AUTODISARM")                                                 \
    X(kill, partial, "to itself, by its old number too; others: ESRCH")                          \
    X(tkill, partial, "to its threads; others: ESRCH")                                           \
    X(tgkill, partial, "likewise")                                                               \
    X(setitimer, done, "of processor time: at the end of a slice, as all of it the program's")   \
    X(getitimer, done, "likewise")                                                               \
    X(alarm, done, "")                                                                           \
    X(timer_create, partial, "CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME")                  \
    X(timer_settime, done, "")                                                                   \
    X(timer_gettime, done, "")                                                                   \
    X(timer_getoverrun, done, "")                                                                \
    X(timer_delete, done, "")                                                                    \
    X(sched_setaffinity, done, "one processor")                                                  \
    X(sched_getscheduler, done, "")                                                              \
    X(sched_setscheduler, partial, "SCHED_OTHER; others: EPERM")                                 \
    X(sched_getparam, done, "")                                                                  \
    X(sched_setparam, done, "")                                                                  \
    X(sched_get_priority_max, done, "")                                                          \
    X(sched_get_priority_min, done, "")                                                          \
    X(sched_rr_get_interval, done, "")                                                           \
    X(getcpu, done, "0")                                                                         \
    X(getpriority, done, "nice 0")                                                               \
    X(setpriority, partial, "is remembered, and changes nothing else")

#endif
