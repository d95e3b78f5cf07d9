/*
 * lock.c: system calls that lock files. The process is one, so that its own locks never stand in each
 * other's way (fcntl(2)); those of open files do. Owns nothing.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/lock.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/identity.h"

#define PID_OF_FILE (-1) /* of a lock that is an open file's */

int64_t linux_flock(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    bool waits = !(frame_argument(frame, 1) & LOCK_NB);
    switch ((uint32_t)frame_argument(frame, 1) & ~(uint32_t)LOCK_NB) {
    case LOCK_SH:
        return file ? lock_whole(file, LOCK_SHARED, waits) : -EBADF;
    case LOCK_EX:
        return file ? lock_whole(file, LOCK_ALONE, waits) : -EBADF;
    case LOCK_UN:
        return file ? lock_whole(file, LOCK_NONE, waits) : -EBADF;
    default:
        return -EINVAL;
    }
}

/* Where l_whence begins to count. */
static int origin(struct file *file, const struct flock *lock, int64_t *from)
{
    struct file_stat stat = {0};
    int error = 0;
    switch (lock->l_whence) {
    case SEEK_SET:
        *from = 0;
        return 0;
    case SEEK_CUR:
        *from = (int64_t)file->position;
        return 0;
    case SEEK_END:
        error = files_stat(file, &stat);
        *from = (int64_t)stat.bytes;
        return error;
    default:
        return -EINVAL;
    }
}

/* As fcntl(2) has them: length 0 reaches to the end, a negative one ends before the start. */
static int decode_range(struct file *file, const struct flock *lock, struct lock_range *range)
{
    int64_t start;
    int error = origin(file, lock, &start);
    if (error)
        return error;
    if (__builtin_add_overflow(start, lock->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (lock->l_len > 0 && lock->l_len - 1 > INT64_MAX - start)
        return -EOVERFLOW;
    if (lock->l_len < 0 && start + lock->l_len < 0)
        return -EINVAL;
    range->start = (uint64_t)(lock->l_len < 0 ? start + lock->l_len : start);
    range->last = (uint64_t)(lock->l_len > 0   ? start + (lock->l_len - 1)
                             : lock->l_len < 0 ? start - 1
                                               : INT64_MAX);
    return 0;
}

static int decode(struct file *file, const struct flock *lock, struct lock_range *range)
{
    int error = decode_range(file, lock, range);
    if (error || (!range->process && lock->l_pid))
        return error ? error : -EINVAL;
    switch (lock->l_type) {
    case F_RDLCK:
        range->type = LOCK_SHARED;
        return 0;
    case F_WRLCK:
        range->type = LOCK_ALONE;
        return 0;
    case F_UNLCK:
        range->type = LOCK_NONE;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Whose is in the way, in the program's lock; its type alone says that there is none. */
static int64_t get(struct file *file, uint64_t address, struct flock *lock, struct lock_range *range)
{
    if (range->type == LOCK_NONE)
        return -EINVAL;
    if (lock_in_the_way(file, range)) {
        lock->l_type = range->type == LOCK_SHARED ? F_RDLCK : F_WRLCK;
        lock->l_whence = SEEK_SET;
        lock->l_start = (int64_t)range->start;
        lock->l_len = range->last == INT64_MAX ? 0 : (int64_t)(range->last - range->start + 1);
        lock->l_pid = range->process ? identity_pid() : PID_OF_FILE;
    } else {
        lock->l_type = F_UNLCK;
    }
    return user_write(address, lock, sizeof *lock);
}

int64_t files_lock(struct file *file, int command, uint64_t address)
{
    struct flock lock;
    struct lock_range range = {
        .process = command == F_GETLK || command == F_SETLK || command == F_SETLKW};
    int error = user_read(&lock, address, sizeof lock);
    if (!error)
        error = decode(file, &lock, &range);
    if (error)
        return error;
    if (command == F_GETLK || command == F_OFD_GETLK)
        return get(file, address, &lock, &range);
    if ((range.type == LOCK_SHARED && !file_may_read(file)) ||
        (range.type == LOCK_ALONE && !file_may_write(file)))
        return -EBADF;
    return lock_range(file, &range, command == F_SETLKW || command == F_OFD_SETLKW);
}
