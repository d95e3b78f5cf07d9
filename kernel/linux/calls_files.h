/* calls_files.h: calls on descriptors and paths, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_FILES_H
#define KERNEL_LINUX_CALLS_FILES_H

#define LINUX_CALLS_FILES(X)                                                                     \
    X(read, done, "standard input is at its end, or the contract's")                             \
    X(readv, done, "")                                                                           \
    X(pread64, done, "")                                                                         \
    X(preadv, done, "")                                                                          \
    X(preadv2, partial, "not RWF_NOWAIT, RWF_APPEND")                                            \
    X(write, done, "1 and 2 become log records, a line each: info and warn")                     \
    X(writev, done, "")                                                                          \
    X(pwrite64, done, "")                                                                        \
    X(pwritev, done, "")                                                                         \
    X(pwritev2, partial, "not RWF_NOWAIT, RWF_APPEND")                                           \
    X(sendfile, done, "")                                                                        \
    X(copy_file_range, done, "")                                                                 \
    X(splice, done, "files, pipes and sockets; others, standard output among them: EINVAL")     \
    X(tee, done, "")                                                                             \
    X(vmsplice, done, "what is written is copied")                                               \
    X(lseek, done, "")                                                                           \
    X(close, done, "")                                                                           \
    X(close_range, done, "")                                                                     \
    X(dup, done, "")                                                                             \
    X(dup2, done, "")                                                                            \
    X(dup3, done, "")                                                                            \
    X(fcntl, partial, "descriptors, flags, locks, pipe sizes; not leases, seals")                \
    X(flock, done, "")                                                                           \
    X(ioctl, partial, "FIONBIO, FIONREAD, FIOCLEX, FIONCLEX; of sockets SIOCGIFINDEX, SIOCGIFNAME, " \
      "SIOCGIFFLAGS; ENOTTY: there is no terminal")                                              \
    X(pipe, done, "")                                                                            \
    X(pipe2, partial, "not O_DIRECT")                                                            \
    X(eventfd, done, "")                                                                         \
    X(eventfd2, done, "")                                                                        \
    X(timerfd_create, partial, "CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME")                \
    X(timerfd_settime, partial, "a clock that is set later moves nothing")                       \
    X(timerfd_gettime, done, "")                                                                 \
    X(signalfd, done, "")                                                                        \
    X(signalfd4, done, "")                                                                       \
    X(inotify_init, done, "")                                                                    \
    X(inotify_init1, done, "")                                                                   \
    X(inotify_add_watch, partial, "of files in memory, others do not change; a file without a "  \
      "name tells its folder nothing; of named pipes the names; not chown")                      \
    X(inotify_rm_watch, done, "")                                                                \
    X(epoll_create, done, "")                                                                    \
    X(epoll_create1, done, "")                                                                   \
    X(epoll_ctl, done, "")                                                                       \
    X(epoll_wait, done, "")                                                                      \
    X(epoll_pwait, done, "")                                                                     \
    X(epoll_pwait2, done, "")                                                                    \
    X(poll, done, "")                                                                            \
    X(ppoll, partial, "the time that is left is not told")                                       \
    X(select, partial, "likewise")                                                               \
    X(pselect6, partial, "likewise")                                                             \
    X(open, done, "permissions stop nobody; the image cannot be written: EROFS")                 \
    X(openat, done, "likewise")                                                                  \
    X(openat2, partial, "of how to resolve: RESOLVE_NO_MAGICLINKS")                              \
    X(creat, done, "")                                                                           \
    X(memfd_create, partial, "no seals, no huge pages")                                          \
    X(stat, done, "")                                                                            \
    X(lstat, done, "")                                                                           \
    X(fstat, done, "")                                                                           \
    X(newfstatat, done, "")                                                                      \
    X(statx, done, "no time of birth")                                                           \
    X(statfs, done, "")                                                                          \
    X(fstatfs, done, "")                                                                         \
    X(access, done, "")                                                                          \
    X(faccessat, done, "")                                                                       \
    X(faccessat2, done, "")                                                                      \
    X(readlink, done, "")                                                                        \
    X(readlinkat, done, "")                                                                      \
    X(getcwd, done, "")                                                                          \
    X(chdir, done, "")                                                                           \
    X(fchdir, done, "")                                                                          \
    X(getdents64, done, "")                                                                      \
    X(mkdir, done, "")                                                                           \
    X(mkdirat, done, "")                                                                         \
    X(mknod, partial, "files, named pipes, files of sockets; else EPERM")                                       \
    X(mknodat, partial, "likewise")                                                              \
    X(symlink, done, "")                                                                         \
    X(symlinkat, done, "")                                                                       \
    X(link, done, "")                                                                            \
    X(linkat, done, "")                                                                          \
    X(unlink, done, "")                                                                          \
    X(unlinkat, done, "")                                                                        \
    X(rmdir, done, "")                                                                           \
    X(rename, done, "")                                                                          \
    X(renameat, done, "")                                                                        \
    X(renameat2, partial, "not RENAME_WHITEOUT")                                                 \
    X(truncate, done, "")                                                                        \
    X(ftruncate, done, "")                                                                       \
    X(fallocate, partial, "not to punch holes, nor to zero")                                     \
    X(chmod, done, "files in memory; the image: EROFS")                                          \
    X(fchmod, done, "likewise")                                                                  \
    X(fchmodat, done, "likewise")                                                                \
    X(chown, partial, "to its owner; else EPERM")                                                \
    X(lchown, partial, "likewise")                                                               \
    X(fchown, partial, "likewise")                                                               \
    X(fchownat, partial, "likewise")                                                             \
    X(utime, done, "")                                                                           \
    X(utimes, done, "")                                                                          \
    X(futimesat, done, "")                                                                       \
    X(utimensat, done, "")                                                                       \
    X(umask, done, "")                                                                           \
    X(fsync, done, "nothing to do: files are memory")                                            \
    X(fdatasync, done, "likewise")                                                               \
    X(sync, done, "likewise")                                                                    \
    X(syncfs, done, "likewise")                                                                  \
    X(sync_file_range, done, "likewise")                                                         \
    X(fadvise64, done, "likewise")                                                               \
    X(readahead, done, "likewise")                                                               \
    X(getxattr, refused, "EOPNOTSUPP: there are no extended attributes")                         \
    X(lgetxattr, refused, "likewise")                                                            \
    X(fgetxattr, refused, "likewise")                                                            \
    X(listxattr, refused, "likewise")                                                            \
    X(llistxattr, refused, "likewise")                                                           \
    X(flistxattr, refused, "likewise")                                                           \
    X(setxattr, refused, "likewise")                                                             \
    X(lsetxattr, refused, "likewise")                                                            \
    X(fsetxattr, refused, "likewise")                                                            \
    X(removexattr, refused, "likewise")                                                          \
    X(lremovexattr, refused, "likewise")                                                         \
    X(fremovexattr, refused, "likewise")                                                         \
    X(mmap, partial, "to be executed: only what the image has as loaded, with jit memory and "   \
      "private copies, too; shared and written: "                                                \
      "only files in memory; of the image, not written: where it lies, and stays read-only; "    \
      "anonymous memory that is shared is as private; "                                          \
      "behind a file's end SIGBUS, of a copy where that was when it was made")

#endif
