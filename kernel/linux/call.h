/*
 * call.h: system calls: numbers, and the table of those that the kernel serves. The
 * table is the one place that says which they are; README.md's list is checked
 * against it, and names in logs come from abi/x86_64/linux_calls.h.
 */
#ifndef KERNEL_LINUX_CALL_H
#define KERNEL_LINUX_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/x86_64/linux_calls.h"
#include "kernel/x86_64/frame.h"

/*
 * X(name, how far, remark)
 *   done     as Linux does it, for one process with one thread
 *   partial  the remark says what is left out
 *   refused  always the same answer, on purpose and without a line in the log
 * Every other call is ENOSYS, with one line in the log for each number.
 */
#define KERNEL_CALLS(X)                                                                 \
    X(read, done, "standard input is at its end")                                       \
    X(readv, done, "likewise")                                                          \
    X(write, done, "1 and 2 become log records, a line each: info and warn")            \
    X(writev, done, "likewise")                                                         \
    X(pread64, refused, "ESPIPE: streams have no position")                             \
    X(pwrite64, refused, "ESPIPE")                                                      \
    X(lseek, refused, "ESPIPE")                                                         \
    X(close, done, "")                                                                  \
    X(fstat, done, "0 to 2 are pipes")                                                  \
    X(newfstatat, partial, "descriptors with AT_EMPTY_PATH; paths: ENOENT")             \
    X(stat, refused, "ENOENT: there are no files")                                      \
    X(lstat, refused, "ENOENT")                                                         \
    X(open, refused, "ENOENT")                                                          \
    X(openat, refused, "ENOENT")                                                        \
    X(access, refused, "ENOENT")                                                        \
    X(faccessat, refused, "ENOENT")                                                     \
    X(readlink, refused, "ENOENT")                                                      \
    X(readlinkat, refused, "ENOENT")                                                    \
    X(getcwd, done, "always /")                                                         \
    X(ioctl, refused, "ENOTTY: no descriptor is a terminal")                            \
    X(fcntl, partial, "F_GETFD, F_SETFD, F_GETFL, F_SETFL")                             \
    X(umask, partial, "stays 022")                                                      \
    X(brk, done, "")                                                                    \
    X(mmap, partial, "anonymous memory; PROT_EXEC: EACCES; shared is as private")       \
    X(munmap, done, "")                                                                 \
    X(mprotect, partial, "PROT_EXEC: EACCES")                                           \
    X(mremap, partial, "not MREMAP_DONTUNMAP")                                          \
    X(madvise, partial, "MADV_DONTNEED acts on all but the program's own segments; "    \
      "MADV_WIPEONFORK on heap and mappings, at the freeze")                            \
    X(arch_prctl, done, "FS and GS bases")                                              \
    X(clock_gettime, partial, "processor-time clocks count from the start")             \
    X(clock_getres, done, "")                                                           \
    X(gettimeofday, done, "no time zone")                                               \
    X(time, done, "")                                                                   \
    X(nanosleep, done, "")                                                              \
    X(clock_nanosleep, partial, "CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME")      \
    X(times, partial, "no processor times")                                             \
    X(getrusage, partial, "all zero")                                                   \
    X(getrandom, done, "")                                                              \
    X(rt_sigaction, done, "")                                                           \
    X(rt_sigprocmask, done, "")                                                         \
    X(rt_sigpending, done, "")                                                          \
    X(rt_sigreturn, done, "")                                                           \
    X(sigaltstack, partial, "not SS_AUTODISARM")                                        \
    X(kill, partial, "to itself, by its old number too; others: ESRCH")                 \
    X(tkill, partial, "likewise")                                                       \
    X(tgkill, partial, "likewise")                                                      \
    X(exit, done, "a fault if an answer is owed")                                       \
    X(exit_group, done, "likewise")                                                     \
    X(getpid, done, "another one in each clone of a snapshot")                          \
    X(gettid, done, "as getpid")                                                        \
    X(getppid, done, "1")                                                               \
    X(getpgrp, done, "as getpid")                                                       \
    X(getuid, done, "65534, as all users and groups")                                   \
    X(geteuid, done, "")                                                                \
    X(getgid, done, "")                                                                 \
    X(getegid, done, "")                                                                \
    X(set_tid_address, done, "")                                                        \
    X(set_robust_list, done, "kept by nobody: there is one thread")                     \
    X(rseq, refused, "ENOSYS, which C libraries expect")                                \
    X(futex, partial, "wait and wake, among one thread")                                \
    X(sched_yield, done, "")                                                            \
    X(sched_getaffinity, done, "one processor")                                         \
    X(uname, done, "")                                                                  \
    X(sysinfo, partial, "memory and time")                                              \
    X(getrlimit, partial, "stack, address space, descriptors, core; others unlimited")  \
    X(prlimit64, partial, "likewise; changes nothing")                                  \
    X(prctl, partial, "PR_SET_NAME, PR_GET_DUMPABLE")

/* A call's handler: the result, or -errno. */
#define KERNEL_CALL_DECLARE(name, how, remark) int64_t linux_##name(struct frame *frame);
KERNEL_CALLS(KERNEL_CALL_DECLARE)

#define LINUX_CALL_NUMBER(nr, name) LINUX_NR_##name = nr,
enum linux_call_number { MF_LINUX_CALLS(LINUX_CALL_NUMBER) LINUX_NR_END };

/* The name of a call of Linux's, NULL if there is none of this number. */
const char *linux_call_name(uint64_t number);

/* Entered by entry.S. True: the frame is to be resumed as a whole, since it may not
 * be the one that came. */
bool linux_call(struct frame *frame);

#endif
