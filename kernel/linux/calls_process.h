/* calls_process.h: calls on the process, its limits and its memory, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_PROCESS_H
#define KERNEL_LINUX_CALLS_PROCESS_H

#define LINUX_CALLS_PROCESS(X)                                                                   \
    X(mlock, done, "")                                                                           \
    X(mlock2, done, "")                                                                          \
    X(munlock, done, "")                                                                         \
    X(mlockall, done, "")                                                                        \
    X(munlockall, done, "")                                                                      \
    X(mincore, done, "all is there")                                                             \
    X(msync, partial, "nothing is written back")                                                 \
    X(pkey_alloc, refused, "ENOSPC: there are no keys")                                          \
    X(pkey_free, refused, "EINVAL: no key was handed out")                                       \
    X(pkey_mprotect, partial, "without a key (-1), or with the first (0)")                       \
    X(prlimit64, partial, "all are remembered; those of descriptors and the size of files act")  \
    X(setrlimit, partial, "likewise")                                                            \
    X(getresuid, done, "")                                                                       \
    X(getresgid, done, "")                                                                       \
    X(getgroups, done, "none")                                                                   \
    X(setgroups, refused, "EPERM")                                                               \
    X(setuid, partial, "to what it is; others: EPERM")                                           \
    X(setgid, partial, "likewise")                                                               \
    X(setreuid, partial, "likewise")                                                             \
    X(setregid, partial, "likewise")                                                             \
    X(setresuid, partial, "likewise")                                                            \
    X(setresgid, partial, "likewise")                                                            \
    X(getpgid, done, "")                                                                         \
    X(getsid, done, "")                                                                          \
    X(setpgid, refused, "EPERM")                                                                 \
    X(setsid, refused, "EPERM")                                                                  \
    X(wait4, refused, "ECHILD: there are no children")                                           \
    X(waitid, refused, "ECHILD")                                                                 \
    X(execve, partial, "of programs that the image has as loaded: else EACCES, and a line in the log") \
    X(execveat, partial, "likewise")                                                             \
    X(personality, partial, "0")                                                                 \
    X(capget, done, "none")

#endif
