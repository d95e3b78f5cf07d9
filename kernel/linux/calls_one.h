/* calls_one.h: the calls of kernel.elf beside those of call.h: one thread, no files. */
#ifndef KERNEL_LINUX_CALLS_ONE_H
#define KERNEL_LINUX_CALLS_ONE_H

#include "kernel/linux/call.h"

#define KERNEL_CALLS_FILES(X)                                                                    \
    X(read, done, "standard input is at its end")                                                \
    X(readv, done, "likewise")                                                                   \
    X(write, done, "1 and 2 become log records, a line each: info and warn")                     \
    X(writev, done, "likewise")                                                                  \
    X(pread64, refused, "ESPIPE: streams have no position")                                      \
    X(pwrite64, refused, "ESPIPE")                                                               \
    X(lseek, refused, "ESPIPE")                                                                  \
    X(close, done, "")                                                                           \
    X(fstat, done, "0 to 2 are pipes")                                                           \
    X(newfstatat, partial, "descriptors with AT_EMPTY_PATH; paths: ENOENT")                      \
    X(stat, refused, "ENOENT: there are no files")                                               \
    X(lstat, refused, "ENOENT")                                                                  \
    X(open, refused, "ENOENT")                                                                   \
    X(openat, refused, "ENOENT")                                                                 \
    X(access, refused, "ENOENT")                                                                 \
    X(faccessat, refused, "ENOENT")                                                              \
    X(readlink, refused, "ENOENT")                                                               \
    X(readlinkat, refused, "ENOENT")                                                             \
    X(getcwd, done, "always /")                                                                  \
    X(ioctl, refused, "ENOTTY: no descriptor is a terminal")                                     \
    X(fcntl, partial, "F_GETFD, F_SETFD, F_GETFL, F_SETFL")                                      \
    X(umask, partial, "stays 022")                                                               \
    X(mmap, partial, "anonymous memory; PROT_EXEC: EACCES without jit; shared is as private")

#define KERNEL_CALLS_TASK(X)                                                                     \
    X(nanosleep, done, "")                                                                       \
    X(clock_nanosleep, partial, "CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME")               \
    X(rt_sigaction, done, "")                                                                    \
    X(rt_sigprocmask, done, "")                                                                  \
    X(rt_sigpending, done, "")                                                                   \
    X(rt_sigreturn, done, "")                                                                    \
    X(sigaltstack, partial, "not SS_AUTODISARM")                                                 \
    X(kill, partial, "to itself, by its old number too; others: ESRCH")                          \
    X(tkill, partial, "likewise")                                                                \
    X(tgkill, partial, "likewise")                                                               \
    X(exit, done, "a fault if an answer is owed")                                                \
    X(exit_group, done, "likewise")                                                              \
    X(gettid, done, "as getpid")                                                                 \
    X(set_tid_address, done, "")                                                                 \
    X(set_robust_list, done, "kept by nobody: there is one thread")                              \
    X(futex, partial, "wait and wake, among one thread")                                         \
    X(sched_yield, done, "")                                                                     \
    X(prlimit64, partial, "as getrlimit; changes nothing")                                       \
    X(prctl, partial, "PR_SET_NAME, PR_GET_DUMPABLE")

#define KERNEL_CALLS(X) KERNEL_CALLS_FILES(X) KERNEL_CALLS_SHARED(X) KERNEL_CALLS_TASK(X)

KERNEL_CALLS_FILES(KERNEL_CALL_DECLARE)
KERNEL_CALLS_TASK(KERNEL_CALL_DECLARE)

#endif
