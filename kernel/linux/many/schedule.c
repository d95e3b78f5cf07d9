/*
 * schedule.c: system calls on how threads are scheduled: all alike, on one processor.
 * Owns the process's nice value, which has no effect.
 */
#include <asm/errno.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <stddef.h>

#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/task/task.h"

#define NICE_LEAST (-20) /* the most favourable */
#define NICE_MOST 19
#define NICE_RAW(nice) (20 - (nice)) /* what the call getpriority gives */
#define REALTIME_PRIORITY_MAX 99

static int32_t nice;

#define PARENT 1 /* getppid: whoever that is, it is scheduled as all are */
#define SLICE_NS 10000000 /* the monitor's timer (abi/trap.h) */

/* Does the first argument name a thread (0: this one)? */
static bool is_known(const struct frame *frame)
{
    int32_t tid = (int32_t)frame_argument(frame, 0);
    return tid == 0 || task_find(tid);
}

int64_t linux_sched_yield(struct frame *frame)
{
    (void)frame;
    task_current->yields = true;
    return 0;
}

int64_t linux_sched_setaffinity(struct frame *frame)
{
    uint8_t mask;
    if (!is_known(frame))
        return -ESRCH;
    if (frame_argument(frame, 1) == 0)
        return -EINVAL;
    if (user_read(&mask, frame_argument(frame, 2), sizeof mask) != 0)
        return -EFAULT;
    return mask & 1 ? 0 : -EINVAL;
}

static bool may_be_looked_at(const struct frame *frame)
{
    return is_known(frame) || (int32_t)frame_argument(frame, 0) == PARENT;
}

int64_t linux_sched_getscheduler(struct frame *frame)
{
    return may_be_looked_at(frame) ? SCHED_NORMAL : -ESRCH;
}

int64_t linux_sched_setscheduler(struct frame *frame)
{
    if (!is_known(frame))
        return -ESRCH;
    return (uint32_t)frame_argument(frame, 1) == SCHED_NORMAL ? 0 : -EPERM;
}

int64_t linux_sched_getparam(struct frame *frame)
{
    const int32_t priority = 0;
    if (!may_be_looked_at(frame))
        return -ESRCH;
    return user_write(frame_argument(frame, 1), &priority, sizeof priority);
}

int64_t linux_sched_setparam(struct frame *frame)
{
    int32_t priority;
    if (!is_known(frame))
        return -ESRCH;
    if (user_read(&priority, frame_argument(frame, 1), sizeof priority) != 0)
        return -EFAULT;
    return priority ? -EINVAL : 0;
}

int64_t linux_sched_rr_get_interval(struct frame *frame)
{
    const struct timespec slice = {.tv_nsec = SLICE_NS};
    if ((int32_t)frame_argument(frame, 0) < 0)
        return -EINVAL;
    if (!may_be_looked_at(frame))
        return -ESRCH;
    return user_write(frame_argument(frame, 1), &slice, sizeof slice);
}

static bool is_realtime(uint64_t policy)
{
    return (uint32_t)policy == SCHED_FIFO || (uint32_t)policy == SCHED_RR;
}

static bool is_ordinary(uint64_t policy)
{
    return (uint32_t)policy == SCHED_NORMAL || (uint32_t)policy == SCHED_BATCH ||
           (uint32_t)policy == SCHED_IDLE;
}

int64_t linux_sched_get_priority_max(struct frame *frame)
{
    uint64_t policy = frame_argument(frame, 0);
    return is_realtime(policy) ? REALTIME_PRIORITY_MAX : is_ordinary(policy) ? 0 : -EINVAL;
}

int64_t linux_sched_get_priority_min(struct frame *frame)
{
    uint64_t policy = frame_argument(frame, 0);
    return is_realtime(policy) ? 1 : is_ordinary(policy) ? 0 : -EINVAL;
}

int64_t linux_getcpu(struct frame *frame)
{
    const uint32_t zero = 0;
    for (unsigned i = 0; i < 2; i++)
        if (frame_argument(frame, i) &&
            user_write(frame_argument(frame, i), &zero, sizeof zero) != 0)
            return -EFAULT;
    return 0;
}

/* Of the process, its group and its user: they are the same. */
static int decode_whose(const struct frame *frame)
{
    uint32_t which = (uint32_t)frame_argument(frame, 0);
    int32_t who = (int32_t)frame_argument(frame, 1);
    if (which > PRIO_USER)
        return -EINVAL;
    bool known = who == 0 || (which == PRIO_USER ? (uint32_t)who == user_id.user
                              : which == PRIO_PGRP ? identity_is_self(who) : task_find(who) != NULL);
    return known ? 0 : -ESRCH;
}

int64_t linux_getpriority(struct frame *frame)
{
    int error = decode_whose(frame);
    return error ? error : NICE_RAW(nice);
}

/* As for any user who may not: it can only become less favourable. */
int64_t linux_setpriority(struct frame *frame)
{
    int32_t to = (int32_t)frame_argument(frame, 2);
    int error = decode_whose(frame);
    if (error)
        return error;
    to = to < NICE_LEAST ? NICE_LEAST : to > NICE_MOST ? NICE_MOST : to;
    if (to < nice)
        return -EACCES;
    nice = to;
    return 0;
}
