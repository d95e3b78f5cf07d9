/* calls_files.h: calls on descriptors and paths, of kernel-linux.elf. */
#ifndef KERNEL_LINUX_CALLS_FILES_H
#define KERNEL_LINUX_CALLS_FILES_H

#define LINUX_CALLS_FILES(X)                                                                     \
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
    X(umask, partial, "stays 022")

#endif
