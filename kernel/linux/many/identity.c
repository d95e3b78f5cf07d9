/*
 * identity.c: system calls on users, sessions and children, of which a function has one, one
 * and none.
 * Guarantees: what changes nothing is granted, what would is refused. Owns nothing.
 */
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"

#include <asm/errno.h>
#include <linux/capability.h>

#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/task/task.h"

/* The same number to three places. */
static int64_t write_thrice(const struct frame *frame, uint32_t id)
{
    for (unsigned i = 0; i < 3; i++)
        if (user_write(frame_argument(frame, i), &id, sizeof id) != 0)
            return -EFAULT;
    return 0;
}

/* Are all of the call's first arguments this number, or -1, which leaves what is? */
static int64_t become(const struct frame *frame, unsigned arguments, uint32_t id)
{
    for (unsigned i = 0; i < arguments; i++)
        if ((uint32_t)frame_argument(frame, i) != id && (uint32_t)frame_argument(frame, i) != ~0u)
            return -EPERM;
    return 0;
}

int64_t linux_getresuid(struct frame *frame)
{
    return write_thrice(frame, user_id.user);
}

int64_t linux_getresgid(struct frame *frame)
{
    return write_thrice(frame, user_id.group);
}

int64_t linux_getgroups(struct frame *frame)
{
    (void)frame;
    return 0;
}

int64_t linux_setgroups(struct frame *frame)
{
    (void)frame;
    return -EPERM;
}

int64_t linux_setuid(struct frame *frame)
{
    return become(frame, 1, user_id.user);
}

int64_t linux_setgid(struct frame *frame)
{
    return become(frame, 1, user_id.group);
}

int64_t linux_setreuid(struct frame *frame)
{
    return become(frame, 2, user_id.user);
}

int64_t linux_setregid(struct frame *frame)
{
    return become(frame, 2, user_id.group);
}

int64_t linux_setresuid(struct frame *frame)
{
    return become(frame, 3, user_id.user);
}

int64_t linux_setresgid(struct frame *frame)
{
    return become(frame, 3, user_id.group);
}

static int64_t group_of(const struct frame *frame)
{
    int32_t pid = (int32_t)frame_argument(frame, 0);
    return pid == 0 || identity_is_self(pid) ? identity_pid() : -ESRCH;
}

int64_t linux_getpgid(struct frame *frame)
{
    return group_of(frame);
}

int64_t linux_getsid(struct frame *frame)
{
    return group_of(frame);
}

int64_t linux_setpgid(struct frame *frame)
{
    (void)frame;
    return -EPERM; /* of who leads a session */
}

int64_t linux_setsid(struct frame *frame)
{
    (void)frame;
    return -EPERM;
}

int64_t linux_wait4(struct frame *frame)
{
    (void)frame;
    return -ECHILD;
}

int64_t linux_waitid(struct frame *frame)
{
    (void)frame;
    return -ECHILD;
}

int64_t linux_personality(struct frame *frame)
{
    uint32_t wanted = (uint32_t)frame_argument(frame, 0);
    return wanted == 0 || wanted == ~0u ? 0 : -EINVAL;
}

int64_t linux_capget(struct frame *frame)
{
    struct __user_cap_header_struct header;
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uint64_t to = frame_argument(frame, 1);
    if (user_read(&header, frame_argument(frame, 0), sizeof header) != 0)
        return -EFAULT;
    if (header.version != _LINUX_CAPABILITY_VERSION_3) {
        header.version = _LINUX_CAPABILITY_VERSION_3;
        int error = user_write(frame_argument(frame, 0), &header, sizeof header);
        return error ? error : to ? -EINVAL : 0;
    }
    if (header.pid && !task_find(header.pid))
        return -ESRCH;
    return to ? user_write(to, none, sizeof none) : 0;
}
