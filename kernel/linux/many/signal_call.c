/*
 * signal_call.c: system calls for signals.
 * Guarantees: decode, then act. Leaves to others: what is pending (signal.c). Owns nothing.
 */
#include <asm/errno.h>
#include <linux/signal.h>

#include "abi/cause.h"
#include "kernel/core/fault.h"
#include "kernel/core/user.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/time.h"
#include "kernel/x86_64/signal_frame.h"

static int send_simple(struct task *task, uint64_t number, int code);
static int64_t queue_info(struct task *task, uint64_t number, uint64_t info_at);

int64_t linux_rt_sigaction(struct frame *frame)
{
    int64_t result = signal_action_call(frame, signal_action(1));
    int number = (int)frame_argument(frame, 0);
    if (result == 0 && frame_argument(frame, 1) && signal_is_ignored(signal_action(number), number))
        signal_discard(number);
    return result;
}

int64_t linux_rt_sigprocmask(struct frame *frame)
{
    int64_t result = signal_mask_call(frame, &task_current->signals.blocked);
    signal_retarget();
    return result;
}

int64_t linux_rt_sigpending(struct frame *frame)
{
    return signal_pending_call(frame, signal_pending(task_current) & task_current->signals.blocked);
}

int64_t linux_sigaltstack(struct frame *frame)
{
    return signal_stack_call(frame, &task_current->signals.stack);
}

/* 0: the frame is the interrupted program's again. */
int64_t linux_rt_sigreturn(struct frame *frame)
{
    uint64_t mask;
    stack_t stack;
    if (signal_frame_pop(frame, &mask, &stack) != 0)
        fault_program(MF_CAUSE_SIGNAL, frame, " signal=11 why=bad-signal-frame");
    task_current->signals.blocked = mask & ~SIGNAL_UNBLOCKABLE;
    signal_retarget();
    return 0;
}

/* The call never ends but by a handler, with EINTR. */
int64_t linux_rt_sigsuspend(struct frame *frame)
{
    uint64_t mask;
    if (frame_argument(frame, 1) != sizeof mask)
        return -EINVAL;
    if (user_read(&mask, frame_argument(frame, 0), sizeof mask) != 0)
        return -EFAULT;
    signal_mask_during_call(mask);
    int64_t result = wait_for(NULL, WAIT_FOR_EVER);
    return result == WAIT_INTERRUPTED ? -EINTR : result;
}

int64_t linux_rt_sigtimedwait(struct frame *frame)
{
    uint64_t set, timeout_at = frame_argument(frame, 2), ns;
    struct siginfo info;
    struct task_signals *own = &task_current->signals;
    uint64_t *deadline_ns = call_state(sizeof *deadline_ns, NULL);
    if (frame_argument(frame, 3) != sizeof set)
        return -EINVAL;
    if (user_read(&set, frame_argument(frame, 0), sizeof set) != 0)
        return -EFAULT;
    if (*deadline_ns == 0) {
        *deadline_ns = WAIT_FOR_EVER;
        int error = timeout_at ? time_read(timeout_at, &ns) : 0;
        if (error)
            return error;
        if (timeout_at)
            *deadline_ns = time_monotonic() + ns;
    }
    own->awaited = 0;
    set &= ~SIGNAL_UNBLOCKABLE;
    int number = signal_take(task_current, set, &info);
    if (number) {
        uint64_t to = frame_argument(frame, 1);
        return to && user_write(to, &info, sizeof info) != 0 ? -EFAULT : number;
    }
    own->awaited = set;
    int64_t result = wait_for(NULL, *deadline_ns);
    if (result == WAIT)
        return WAIT;
    own->awaited = 0;
    return result == WAIT_INTERRUPTED ? -EINTR : -EAGAIN;
}

int64_t linux_kill(struct frame *frame)
{
    int64_t pid = (int32_t)frame_argument(frame, 0);
    if (pid != 0 && pid != -1 && !identity_is_self(pid < 0 ? -pid : pid))
        return -ESRCH;
    return send_simple(NULL, frame_argument(frame, 1), SI_USER);
}

int64_t linux_tkill(struct frame *frame)
{
    struct task *task = task_find((int32_t)frame_argument(frame, 0));
    return task ? send_simple(task, frame_argument(frame, 1), SI_TKILL) : -ESRCH;
}

int64_t linux_tgkill(struct frame *frame)
{
    struct task *task = task_find((int32_t)frame_argument(frame, 1));
    if (!task || !identity_is_self((int32_t)frame_argument(frame, 0)))
        return -ESRCH;
    return send_simple(task, frame_argument(frame, 2), SI_TKILL);
}

int64_t linux_rt_sigqueueinfo(struct frame *frame)
{
    if (!identity_is_self((int32_t)frame_argument(frame, 0)))
        return -ESRCH;
    return queue_info(NULL, frame_argument(frame, 1), frame_argument(frame, 2));
}

int64_t linux_rt_tgsigqueueinfo(struct frame *frame)
{
    struct task *task = task_find((int32_t)frame_argument(frame, 1));
    if (!task || !identity_is_self((int32_t)frame_argument(frame, 0)))
        return -ESRCH;
    return queue_info(task, frame_argument(frame, 2), frame_argument(frame, 3));
}

static int send_simple(struct task *task, uint64_t number, int code)
{
    if ((uint32_t)number > SIGNALS)
        return -EINVAL;
    struct siginfo info = {.si_signo = (int)number, .si_code = code};
    info.si_pid = identity_pid();
    info.si_uid = user_id.user;
    return (uint32_t)number ? signal_send(task, &info) : 0;
}

/* To itself: any code is allowed. */
static int64_t queue_info(struct task *task, uint64_t number, uint64_t info_at)
{
    struct siginfo info;
    if ((uint32_t)number > SIGNALS)
        return -EINVAL;
    if (user_read(&info, info_at, sizeof info) != 0)
        return -EFAULT;
    info.si_signo = (int)number;
    return (uint32_t)number ? signal_send(task, &info) : 0;
}
