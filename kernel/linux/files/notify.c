/* notify.c: system calls of inotify. Leaves to others: watches and queues (fs/). Owns nothing. */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "kernel/file/descriptor.h"
#include "kernel/fs/inotify.h"
#include "kernel/fs/watch.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/files/files.h"

/* How to go about it, beside the events; of IN_UNMOUNT and its like the one that is told is no question. */
#define HOW (IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)
#define ASKED (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | HOW)

static int64_t make_inotify(uint32_t flags)
{
    struct inotify *inotify;
    if (flags & ~(uint32_t)(IN_NONBLOCK | IN_CLOEXEC))
        return -EINVAL;
    int error = inotify_create(flags & IN_NONBLOCK, &inotify);
    return error ? error : descriptor_add(&inotify->file, flags & IN_CLOEXEC, 0);
}

int64_t linux_inotify_init(struct frame *frame)
{
    (void)frame;
    return make_inotify(0);
}

int64_t linux_inotify_init1(struct frame *frame)
{
    return make_inotify((uint32_t)frame_argument(frame, 0));
}

int64_t linux_inotify_add_watch(struct frame *frame)
{
    struct walked walked;
    struct file *file = descriptor_file(frame_argument(frame, 0));
    const uint32_t mask = (uint32_t)frame_argument(frame, 2);
    if (!(mask & ASKED))
        return -EINVAL;
    if (!file)
        return -EBADF;
    struct inotify *inotify = inotify_of(file);
    if (!inotify || (mask & IN_MASK_ADD && mask & IN_MASK_CREATE))
        return -EINVAL;
    int error = files_walk((uint64_t)AT_FDCWD, frame_argument(frame, 1),
                           mask & IN_DONT_FOLLOW ? WALK_NOFOLLOW : 0, &walked);
    if (error)
        return error;
    if (mask & IN_ONLYDIR && place_type(&walked.place) != S_IFDIR)
        return -ENOTDIR;
    return watch_add(inotify, &walked.place, mask);
}

int64_t linux_inotify_rm_watch(struct frame *frame)
{
    struct file *file = descriptor_file(frame_argument(frame, 0));
    if (!file)
        return -EBADF;
    struct inotify *inotify = inotify_of(file);
    return inotify ? watch_remove(inotify, (int32_t)frame_argument(frame, 1)) : -EINVAL;
}
