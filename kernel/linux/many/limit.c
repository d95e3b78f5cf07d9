/*
 * limit.c: system calls that limit the process (setrlimit(2)), which has no privilege: each limit is remembered
 * and told. Descriptors and the size of files act; what else there is the instance has by its window.
 * Owns the limits that were set.
 */
#include <asm/errno.h>
#include <linux/resource.h>
#include <stdbool.h>

#include "kernel/core/user.h"
#include "kernel/file/descriptor.h"
#include "kernel/fs/tmp.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/process.h"
#include "kernel/task/task.h"

static struct rlimit64 limits[RLIM_NLIMITS];
static uint32_t is_set; /* a bit for each */

int process_limit(uint64_t resource, struct rlimit64 *limit)
{
    uint32_t number = (uint32_t)resource;
    if (number >= RLIM_NLIMITS || !(is_set >> number & 1))
        return process_limit_first(resource, limit);
    *limit = limits[number];
    return 0;
}

static int set(uint64_t resource, const struct rlimit64 *wanted)
{
    struct rlimit64 is;
    uint32_t number = (uint32_t)resource;
    int error = process_limit(resource, &is);
    if (error)
        return error;
    if (wanted->rlim_cur > wanted->rlim_max)
        return -EINVAL;
    if (wanted->rlim_max > is.rlim_max)
        return -EPERM;
    limits[number] = *wanted;
    is_set |= 1u << number;
    if (number == RLIMIT_NOFILE)
        descriptor_limit((uint32_t)wanted->rlim_cur); /* at most DESCRIPTORS_MAX, as it was at first */
    if (number == RLIMIT_FSIZE)
        tmp_limit(wanted->rlim_cur);
    return 0;
}

int64_t linux_setrlimit(struct frame *frame)
{
    struct rlimit64 wanted;
    int error = user_read(&wanted, frame_argument(frame, 1), sizeof wanted);
    return error ? error : set(frame_argument(frame, 0), &wanted);
}

int64_t linux_prlimit64(struct frame *frame)
{
    int32_t pid = (int32_t)frame_argument(frame, 0);
    uint64_t resource = frame_argument(frame, 1);
    uint64_t new_at = frame_argument(frame, 2), old_at = frame_argument(frame, 3);
    struct rlimit64 wanted, is;
    int error = new_at ? user_read(&wanted, new_at, sizeof wanted) : 0;
    if (error)
        return error;
    if (pid != 0 && !task_find(pid))
        return -ESRCH;
    error = process_limit(resource, &is);
    if (!error && new_at)
        error = set(resource, &wanted);
    return error || !old_at ? error : user_write(old_at, &is, sizeof is);
}

_Static_assert(RLIM_NLIMITS <= 32, "a bit for each");
