/*
 * lock.c: system calls that keep memory where it is, or ask whether it is there. It is, as far
 * as the program can tell.
 * Owns nothing.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <stdbool.h>

#include "abi/layout.h"
#include "kernel/core/memory.h"
#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"

/* Is every page of it somebody's? */
static bool is_owned(uint64_t address, uint64_t bytes)
{
    uint64_t end = address + bytes;
    if (bytes > end)
        return false;
    for (uint64_t at = address & ~(uint64_t)(MF_PAGE_BYTES - 1); at < end; at += MF_PAGE_BYTES)
        if (!memory_is_owned(at))
            return false;
    return true;
}

static int64_t lock(const struct frame *frame)
{
    return is_owned(frame_argument(frame, 0), frame_argument(frame, 1)) ? 0 : -ENOMEM;
}

int64_t linux_mlock(struct frame *frame)
{
    return lock(frame);
}

int64_t linux_mlock2(struct frame *frame)
{
    return frame_argument(frame, 2) & ~(uint64_t)MLOCK_ONFAULT ? -EINVAL : lock(frame);
}

int64_t linux_munlock(struct frame *frame)
{
    return lock(frame);
}

int64_t linux_mlockall(struct frame *frame)
{
    uint64_t flags = frame_argument(frame, 0);
    return flags == 0 || flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ? -EINVAL : 0;
}

int64_t linux_munlockall(struct frame *frame)
{
    (void)frame;
    return 0;
}

int64_t linux_mincore(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0), bytes = frame_argument(frame, 1);
    uint64_t to = frame_argument(frame, 2);
    const uint8_t there = 1;
    if (address % MF_PAGE_BYTES)
        return -EINVAL;
    if (bytes == 0)
        return 0;
    if (!is_owned(address, bytes))
        return -ENOMEM;
    for (uint64_t i = 0; i < (bytes + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES; i++)
        if (user_write(to + i, &there, sizeof there) != 0)
            return -EFAULT;
    return 0;
}

/* No mapping is written back to where it came from. */
int64_t linux_msync(struct frame *frame)
{
    uint64_t flags = frame_argument(frame, 2);
    if (frame_argument(frame, 0) % MF_PAGE_BYTES ||
        flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
        (flags & MS_ASYNC && flags & MS_SYNC))
        return -EINVAL;
    return lock(frame);
}

/* As on a processor without protection keys: all memory has the first, which nobody else gets. */
int64_t linux_pkey_alloc(struct frame *frame)
{
    (void)frame;
    return -ENOSPC;
}

int64_t linux_pkey_free(struct frame *frame)
{
    (void)frame;
    return -EINVAL;
}

int64_t linux_pkey_mprotect(struct frame *frame)
{
    int32_t key = (int32_t)frame_argument(frame, 3);
    return key == -1 || key == 0 ? linux_mprotect(frame) : -EINVAL;
}
