/*
 * thread.c: system calls on threads, where there is one.
 * Guarantees: what one thread can see of Linux's. Owns nothing.
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <stdbool.h>

#include "abi/log.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/text.h"
#include "kernel/core/user.h"
#include "kernel/event/event.h"
#include "kernel/event/output.h"
#include "kernel/linux/calls_one.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/process.h"
#include "kernel/linux/time.h"

int64_t linux_exit(struct frame *frame)
{
    process_exit(frame);
}

int64_t linux_exit_group(struct frame *frame)
{
    process_exit(frame);
}

int64_t linux_gettid(struct frame *frame)
{
    (void)frame;
    return identity_pid();
}

int64_t linux_set_tid_address(struct frame *frame)
{
    (void)frame; /* the word is cleared when a thread ends; this one ends with all */
    return identity_pid();
}

int64_t linux_set_robust_list(struct frame *frame)
{
    (void)frame;
    return 0;
}

int64_t linux_sched_yield(struct frame *frame)
{
    (void)frame;
    return 0;
}

/* Nobody else is there to wake us: a wait ends at its time, or is a deadlock, which
 * an event's deadline ends. */
int64_t linux_futex(struct frame *frame)
{
    uint64_t address = frame_argument(frame, 0);
    int operation = (int)frame_argument(frame, 1) & FUTEX_CMD_MASK;
    uint32_t expected = (uint32_t)frame_argument(frame, 2);
    uint64_t timeout = frame_argument(frame, 3);
    uint32_t value;
    if (operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET)
        return 0;
    if (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    if (address % sizeof value)
        return -EINVAL;
    int error = user_read(&value, address, sizeof value);
    if (error)
        return error;
    if (value != expected)
        return -EAGAIN;
    if (timeout == 0) {
        struct text line = {.bytes = 0};
        text_add(&line, "deadlock: waits for ever, for nobody, called from ");
        text_hex(&line, frame_site(frame));
        output_kernel(MF_LOG_ERROR, line.data, line.bytes);
        event_sleep(0);
    }
    uint64_t ns, monotonic, realtime;
    error = time_read(timeout, &ns);
    if (error)
        return error;
    hypercall_clock(&monotonic, &realtime);
    bool absolute = operation == FUTEX_WAIT_BITSET;
    bool real = (int)frame_argument(frame, 1) & FUTEX_CLOCK_REALTIME;
    uint64_t start = real ? realtime : monotonic;
    if (!absolute)
        event_sleep(monotonic + ns);
    else if (ns > start)
        event_sleep(monotonic + (ns - start));
    return -ETIMEDOUT;
}

int64_t linux_prctl(struct frame *frame)
{
    switch ((int)frame_argument(frame, 0)) {
    case PR_SET_NAME:
    case PR_GET_DUMPABLE:
        return 0;
    default:
        return -EINVAL;
    }
}

int process_limit(uint64_t resource, struct rlimit64 *limit)
{
    return process_limit_first(resource, limit);
}

int64_t linux_prlimit64(struct frame *frame)
{
    uint64_t pid = (uint32_t)frame_argument(frame, 0);
    uint64_t to = frame_argument(frame, 3);
    struct rlimit64 limit;
    if (pid != 0 && !identity_is_self((int64_t)pid))
        return -ESRCH;
    if (frame_argument(frame, 2))
        return -EPERM;
    int error = to ? process_limit(frame_argument(frame, 1), &limit) : 0;
    return error || !to ? error : user_write(to, &limit, sizeof limit);
}
