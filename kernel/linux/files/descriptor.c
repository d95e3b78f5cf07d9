/*
 * descriptor.c: system calls on descriptors as such, and those that make pipes and their like.
 * Owns nothing.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/eventfd.h"
#include "kernel/file/limits.h"
#include "kernel/file/pipe.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"

/* Flags of eventfd2(2), whose header is not Linux's but the C library's. */
#define EVENTFD_SEMAPHORE 1u

/* ioctls of terminals: that there is none is nothing to tell. */
#define TERMINALS 'T'

/* What F_SETFL changes. */
#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

int64_t linux_close(struct frame *frame)
{
    return descriptor_close(frame_argument(frame, 0));
}

int64_t linux_close_range(struct frame *frame)
{
    uint32_t last = (uint32_t)frame_argument(frame, 1);
    uint32_t flags = (uint32_t)frame_argument(frame, 2);
    uint32_t fd = (uint32_t)frame_argument(frame, 0);
    if (flags & ~(uint32_t)(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE) || fd > last)
        return -EINVAL;
    for (fd = descriptor_next(fd); fd <= last && fd < DESCRIPTORS_MAX; fd = descriptor_next(fd + 1))
        if (flags & CLOSE_RANGE_CLOEXEC)
            (void)descriptor_flag_set(fd, true);
        else
            (void)descriptor_close(fd);
    return 0;
}

static int64_t duplicate(uint64_t fd, uint64_t least, bool close_on_exec)
{
    struct file *file = descriptor_any(fd);
    if (!file)
        return -EBADF;
    if ((uint32_t)least >= descriptor_limit_now())
        return -EINVAL;
    return descriptor_add(file_get(file), close_on_exec, (uint32_t)least);
}

int64_t linux_dup(struct frame *frame)
{
    struct file *file = descriptor_any(frame_argument(frame, 0));
    return file ? descriptor_add(file_get(file), false, 0) : -EBADF;
}

int64_t linux_dup2(struct frame *frame)
{
    struct file *file = descriptor_any(frame_argument(frame, 0));
    uint32_t to = (uint32_t)frame_argument(frame, 1);
    if (!file)
        return -EBADF;
    if (to == (uint32_t)frame_argument(frame, 0))
        return to;
    return descriptor_set(file_get(file), false, to);
}

int64_t linux_dup3(struct frame *frame)
{
    uint64_t flags = frame_argument(frame, 2);
    struct file *file = descriptor_any(frame_argument(frame, 0));
    uint32_t to = (uint32_t)frame_argument(frame, 1);
    if (flags & ~(uint64_t)O_CLOEXEC || to == (uint32_t)frame_argument(frame, 0))
        return -EINVAL;
    return file ? descriptor_set(file_get(file), flags & O_CLOEXEC, to) : -EBADF;
}

static int64_t set_flags(struct file *file, uint64_t flags)
{
    file->flags = (file->flags & ~(uint32_t)SETTABLE) | ((uint32_t)flags & SETTABLE);
    if (file->operations->flags_changed)
        file->operations->flags_changed(file);
    return 0;
}

int64_t linux_fcntl(struct frame *frame)
{
    uint64_t fd = frame_argument(frame, 0), argument = frame_argument(frame, 2);
    struct file *file = descriptor_any(fd);
    bool close_on_exec;
    if (!file)
        return -EBADF;
    int command = (int)frame_argument(frame, 1);
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return duplicate(fd, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return descriptor_flag(fd, &close_on_exec) && close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
        (void)descriptor_flag_set(fd, argument & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return file->flags;
    default:
        break;
    }
    if (file->flags & O_PATH)
        return -EBADF;
    switch (command) {
    case F_SETFL:
        return set_flags(file, argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return files_lock(file, command, argument);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETSIG:
    case F_GETSIG:
        return 0;
    case F_GETPIPE_SZ:
        return pipe_capacity(file);
    case F_SETPIPE_SZ:
        return pipe_capacity_set(file, (uint32_t)argument);
    default:
        call_tell_option(frame, "command", (uint32_t)command);
        return -EINVAL;
    }
}

static int64_t set_nonblocking(struct file *file, uint64_t address)
{
    int32_t on;
    int error = user_read(&on, address, sizeof on);
    return error ? error
                 : set_flags(file, on ? file->flags | O_NONBLOCK
                                      : file->flags & ~(uint32_t)O_NONBLOCK);
}

/* Of a file: what is behind its position. */
static int64_t bytes_left(struct file *file, uint64_t address)
{
    struct file_stat stat = {0};
    int error = files_stat(file, &stat);
    const int32_t left =
        stat.bytes > file->position ? (int32_t)(stat.bytes - file->position) : 0;
    return error ? error : user_write(address, &left, sizeof left);
}

int64_t linux_ioctl(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    uint64_t request = (uint32_t)frame_argument(frame, 1), argument = frame_argument(frame, 2);
    if (!file)
        return -EBADF;
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        (void)descriptor_flag_set(frame_argument(frame, 0), request == FIOCLEX);
        return 0;
    case FIONBIO:
        return set_nonblocking(file, argument);
    case FIONREAD:
        if (file->operations->positioned && !file->operations->list)
            return bytes_left(file, argument);
        break;
    default:
        break;
    }
    int64_t result =
        file->operations->control ? file->operations->control(file, request, argument) : -ENOTTY;
    if (result == -ENOTTY && _IOC_TYPE(request) != TERMINALS)
        call_tell_option(frame, "request", (uint32_t)request);
    return result;
}

/* Descriptors for two files at once, told to the program; both or none. */
static int64_t add_two(struct file *first, struct file *second, bool close_on_exec, uint64_t to)
{
    int64_t a = descriptor_add(first, close_on_exec, 0);
    if (a < 0) {
        file_put(second);
        return a;
    }
    int64_t b = descriptor_add(second, close_on_exec, 0);
    const int32_t both[2] = {(int32_t)a, (int32_t)b};
    int64_t error = b < 0 ? b : user_write(to, both, sizeof both);
    if (error) {
        (void)descriptor_close((uint64_t)a);
        if (b >= 0)
            (void)descriptor_close((uint64_t)b);
    }
    return error;
}

static int64_t make_pipe(uint64_t to, uint64_t flags)
{
    struct file *reads, *writes;
    if (flags & ~(uint64_t)(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL; /* O_DIRECT, too: packets are not kept apart */
    int error = pipe_create((uint32_t)flags & O_NONBLOCK, &reads, &writes);
    return error ? error : add_two(reads, writes, flags & O_CLOEXEC, to);
}

int64_t linux_pipe(struct frame *frame)
{
    return make_pipe(frame_argument(frame, 0), 0);
}

int64_t linux_pipe2(struct frame *frame)
{
    return make_pipe(frame_argument(frame, 0), (uint32_t)frame_argument(frame, 1));
}

static int64_t make_eventfd(uint64_t count, uint64_t flags)
{
    if (flags & ~(uint64_t)(EVENTFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct file *file =
        eventfd_create((uint32_t)count, flags & EVENTFD_SEMAPHORE, (uint32_t)flags & O_NONBLOCK);
    return file ? descriptor_add(file, flags & O_CLOEXEC, 0) : -ENOMEM;
}

int64_t linux_eventfd(struct frame *frame)
{
    return make_eventfd(frame_argument(frame, 0), 0);
}

int64_t linux_eventfd2(struct frame *frame)
{
    return make_eventfd(frame_argument(frame, 0), (uint32_t)frame_argument(frame, 1));
}
