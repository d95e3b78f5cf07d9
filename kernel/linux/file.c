/*
 * file.c: system calls on descriptors and paths. There are three descriptors, pipes
 * that lead to the node's log, and no files.
 * Guarantees: a program that asks for a file learns that there is none.
 * Leaves to others: lines (event/output.c). Owns which descriptors are open.
 */
#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include <stdbool.h>

#include "kernel/core/limits.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/linux/calls_one.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/linux/process.h"

#define DESCRIPTORS 3u
#define PIPE_BLOCK_BYTES 4096

const uint64_t process_descriptors_max = DESCRIPTORS;

static uint8_t closed; /* a bit for each descriptor */

static bool is_open(uint64_t fd)
{
    return (uint32_t)fd < DESCRIPTORS && !(closed >> (uint32_t)fd & 1);
}

/* Sum of the lengths of a program's vector, its entries copied to vector. */
static int64_t vector_read(const struct frame *frame, uint64_t at, struct iovec *entry);

int64_t linux_read(struct frame *frame)
{
    uint64_t fd = frame_argument(frame, 0);
    return is_open(fd) && (uint32_t)fd == 0 ? 0 : -EBADF;
}

int64_t linux_readv(struct frame *frame)
{
    return linux_read(frame);
}

static int64_t write_bytes(uint64_t fd, uint64_t address, uint64_t bytes)
{
    if (!is_open(fd) || (uint32_t)fd == 0)
        return -EBADF;
    if (bytes && !user_range(address, bytes))
        return -EFAULT;
    int error = output_write((uint32_t)fd == 1 ? OUTPUT_STDOUT : OUTPUT_STDERR, address, bytes);
    return error ? error : (int64_t)bytes;
}

int64_t linux_write(struct frame *frame)
{
    return write_bytes(frame_argument(frame, 0), frame_argument(frame, 1),
                       frame_argument(frame, 2));
}

int64_t linux_writev(struct frame *frame)
{
    uint64_t count = frame_argument(frame, 2);
    int64_t total = 0;
    if (count > IOV_MAX_ENTRIES)
        return -EINVAL;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec entry;
        int64_t written = vector_read(frame, i, &entry);
        if (written == 0)
            written = write_bytes(frame_argument(frame, 0), (uint64_t)entry.iov_base,
                                  entry.iov_len);
        if (written < 0)
            return total ? total : written;
        total += written;
    }
    return total;
}

int64_t linux_lseek(struct frame *frame)
{
    return is_open(frame_argument(frame, 0)) ? -ESPIPE : -EBADF;
}

int64_t linux_pread64(struct frame *frame)
{
    return linux_lseek(frame);
}

int64_t linux_pwrite64(struct frame *frame)
{
    return linux_lseek(frame);
}

int64_t linux_close(struct frame *frame)
{
    uint64_t fd = frame_argument(frame, 0);
    if (!is_open(fd))
        return -EBADF;
    closed |= (uint8_t)(1u << (uint32_t)fd);
    return 0;
}

static int64_t stat_pipe(uint64_t fd, uint64_t to)
{
    const struct stat stat = {
        .st_ino = (uint32_t)fd + 1,
        .st_nlink = 1,
        .st_mode = S_IFIFO | S_IRUSR | S_IWUSR,
        .st_uid = user_id.user,
        .st_gid = user_id.group,
        .st_blksize = PIPE_BLOCK_BYTES,
    };
    if (!is_open(fd))
        return -EBADF;
    return user_write(to, &stat, sizeof stat);
}

int64_t linux_fstat(struct frame *frame)
{
    return stat_pipe(frame_argument(frame, 0), frame_argument(frame, 1));
}

int64_t linux_newfstatat(struct frame *frame)
{
    char first;
    int error = user_read(&first, frame_argument(frame, 1), sizeof first);
    if (error)
        return error;
    if (first == 0 && frame_argument(frame, 3) & AT_EMPTY_PATH)
        return stat_pipe(frame_argument(frame, 0), frame_argument(frame, 2));
    return -ENOENT;
}

static int64_t no_such_path(uint64_t path)
{
    char first;
    int error = user_read(&first, path, sizeof first);
    return error ? error : -ENOENT;
}

int64_t linux_open(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 0));
}

int64_t linux_stat(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 0));
}

int64_t linux_lstat(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 0));
}

int64_t linux_access(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 0));
}

int64_t linux_readlink(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 0));
}

int64_t linux_openat(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 1));
}

int64_t linux_faccessat(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 1));
}

int64_t linux_readlinkat(struct frame *frame)
{
    return no_such_path(frame_argument(frame, 1));
}

int64_t linux_getcwd(struct frame *frame)
{
    static const char root[] = "/";
    if (frame_argument(frame, 1) < sizeof root)
        return -ERANGE;
    int error = user_write(frame_argument(frame, 0), root, sizeof root);
    return error ? error : (int64_t)sizeof root;
}

int64_t linux_ioctl(struct frame *frame)
{
    return is_open(frame_argument(frame, 0)) ? -ENOTTY : -EBADF;
}

int64_t linux_fcntl(struct frame *frame)
{
    uint64_t fd = frame_argument(frame, 0);
    if (!is_open(fd))
        return -EBADF;
    switch ((int)frame_argument(frame, 1)) {
    case F_GETFD:
    case F_SETFD:
    case F_SETFL:
        return 0;
    case F_GETFL:
        return (uint32_t)fd == 0 ? O_RDONLY : O_WRONLY;
    default:
        return -EINVAL;
    }
}

int64_t linux_umask(struct frame *frame)
{
    (void)frame;
    return S_IWGRP | S_IWOTH;
}

static int64_t vector_read(const struct frame *frame, uint64_t at, struct iovec *entry)
{
    return user_read(entry, frame_argument(frame, 1) + at * sizeof *entry, sizeof *entry);
}
