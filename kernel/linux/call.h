/*
 * call.h: system calls: numbers, and the lists of those that the kernels serve. The
 * lists are the one place that says which they are; those of README.md (kernel.elf) and
 * docs/LINUX.md (kernel-linux.elf) are checked against them, and names in logs come from
 * abi/x86_64/linux_calls.h.
 */
#ifndef KERNEL_LINUX_CALL_H
#define KERNEL_LINUX_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/x86_64/linux_calls.h"
#include "kernel/x86_64/frame.h"

/*
 * X(name, how far, remark)
 *   done     as Linux does it
 *   partial  the remark says what is left out
 *   refused  always the same answer, on purpose; without a line in the log, but where a program cannot
 *            do without (call_tell)
 * Every other call is ENOSYS, with one line in the log for each number. These are the calls
 * that both kernels serve alike; what each has beside them is calls_one.h (kernel.elf) and
 * calls_linux.h (kernel-linux.elf).
 */
#define KERNEL_CALLS_SHARED(X)                                                                   \
    X(brk, done, "")                                                                             \
    X(munmap, done, "")                                                                          \
    X(mprotect, partial, "PROT_EXEC: EACCES without jit")                                        \
    X(mremap, partial, "not MREMAP_DONTUNMAP")                                                   \
    X(madvise, partial, "MADV_DONTNEED acts on all but the program's own segments, "             \
      "and leaves zeros of a file's copy, too; "                                                 \
      "MADV_WIPEONFORK on heap and mappings, at the freeze")                                     \
    X(arch_prctl, done, "FS and GS bases")                                                       \
    X(clock_gettime, done, "of kernel.elf processor time is time since the start")               \
    X(clock_getres, done, "")                                                                    \
    X(gettimeofday, done, "no time zone")                                                        \
    X(time, done, "")                                                                            \
    X(times, partial, "all processor time is the program's")                                     \
    X(getrusage, partial, "processor time, all of it the program's; memory that is open")        \
    X(getrandom, done, "")                                                                       \
    X(getpid, done, "another one in each clone of a snapshot")                                   \
    X(getppid, done, "1")                                                                        \
    X(getpgrp, done, "as getpid")                                                                \
    X(getuid, done, "the setting user's, or 65534, as all users and groups")                     \
    X(geteuid, done, "")                                                                         \
    X(getgid, done, "")                                                                          \
    X(getegid, done, "")                                                                         \
    X(rseq, refused, "ENOSYS, which C libraries expect")                                         \
    X(sched_getaffinity, done, "one processor")                                                  \
    X(uname, done, "")                                                                           \
    X(sysinfo, partial, "memory and time")                                                       \
    X(getrlimit, partial, "stack, address space, descriptors, core; others unlimited")

/* A call's handler: the result, -errno, or WAIT (task/wait.h). */
#define KERNEL_CALL_DECLARE(name, how, remark) int64_t linux_##name(struct frame *frame);
KERNEL_CALLS_SHARED(KERNEL_CALL_DECLARE)
KERNEL_CALL_DECLARE(mmap, , ) /* memory.c, but in two lists: what it does with files differs */

#define LINUX_CALL_NUMBER(nr, name) LINUX_NR_##name = nr,
enum linux_call_number { MF_LINUX_CALLS(LINUX_CALL_NUMBER) LINUX_NR_END };

/* The name of a call of Linux's, NULL if there is none of this number. */
const char *linux_call_name(uint64_t number);

/* By number; NULL: not served. table_one.c and table_linux.c. */
extern int64_t (*const call_handler[LINUX_NR_END])(struct frame *frame);

/* Do what the frame asks for: the result. The frame is as it was, unless the call was
 * rt_sigreturn. */
int64_t call_serve(struct frame *frame);

/* A line in the log, the first time for each number: the call's name, what, which is not copied and in few
 * words, and where it was made. For a call that a program will seldom get over. */
void call_tell(const struct frame *frame, const char *what);

/* Likewise for what is asked of a call, a kind of thing and its number: once for each at each place, at most
 * OPTIONS_TOLD_MAX. For what programs get over, to find out why they do less. */
void call_tell_option(const struct frame *frame, const char *kind, uint32_t option);

/* Entered by entry.S; task/one.c and task/schedule.c. True: the frame is to be resumed as a
 * whole, since it may not be the one that came. */
bool linux_call(struct frame *frame);

#endif
