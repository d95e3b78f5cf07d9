/* signal.c: system calls on signals that are descriptors. Owns nothing. */
#include <asm/errno.h>
#include <linux/signalfd.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/file/signalfd.h"
#include "kernel/linux/calls_linux.h"

static int64_t signals(const struct frame *frame, uint32_t flags)
{
    const int32_t fd = (int32_t)frame_argument(frame, 0);
    uint64_t mask;
    if (flags & ~(uint32_t)(SFD_NONBLOCK | SFD_CLOEXEC) || frame_argument(frame, 2) != sizeof mask)
        return -EINVAL;
    if (user_read(&mask, frame_argument(frame, 1), sizeof mask) != 0)
        return -EFAULT;
    if (fd != -1) {
        struct file *file = descriptor_file((uint32_t)fd);
        return !file ? -EBADF : signalfd_set(file, mask) ? -EINVAL : fd;
    }
    struct file *file = signalfd_create(mask, flags & SFD_NONBLOCK);
    return file ? descriptor_add(file, flags & SFD_CLOEXEC, 0) : -ENOMEM;
}

int64_t linux_signalfd(struct frame *frame)
{
    return signals(frame, 0);
}

int64_t linux_signalfd4(struct frame *frame)
{
    return signals(frame, (uint32_t)frame_argument(frame, 3));
}
