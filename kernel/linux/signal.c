/*
 * signal.c: of both kernels: what the calls for signals say, checked and done on the caller's state.
 * Leaves to others: what is pending (one/signal.c, many/signal.c). Owns nothing.
 */
#include "kernel/linux/signal.h"

#include <asm/errno.h>
#include <linux/signal.h>

#include "abi/cause.h"
#include "kernel/core/fault.h"
#include "kernel/core/user.h"

#define IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))

int64_t signal_action_call(struct frame *frame, struct sigaction actions[SIGNALS])
{
    uint64_t number = (uint32_t)frame_argument(frame, 0);
    uint64_t new_at = frame_argument(frame, 1);
    uint64_t old_at = frame_argument(frame, 2);
    if (number < 1 || number > SIGNALS || frame_argument(frame, 3) != sizeof(sigset_t))
        return -EINVAL;
    struct sigaction new, old = actions[number - 1];
    if (new_at) {
        if (SIGNAL_BIT(number) & SIGNAL_UNBLOCKABLE)
            return -EINVAL;
        if (user_read(&new, new_at, sizeof new) != 0)
            return -EFAULT;
        new.sa_mask &= ~SIGNAL_UNBLOCKABLE;
    }
    if (old_at && user_write(old_at, &old, sizeof old) != 0)
        return -EFAULT;
    if (new_at)
        actions[number - 1] = new;
    return 0;
}

int64_t signal_mask_call(struct frame *frame, uint64_t *blocked)
{
    uint64_t set_at = frame_argument(frame, 1);
    uint64_t old_at = frame_argument(frame, 2);
    uint64_t set = 0, old = *blocked;
    if (frame_argument(frame, 3) != sizeof set)
        return -EINVAL;
    if (set_at && user_read(&set, set_at, sizeof set) != 0)
        return -EFAULT;
    if (set_at) {
        switch ((int)frame_argument(frame, 0)) {
        case SIG_BLOCK:
            set = old | set;
            break;
        case SIG_UNBLOCK:
            set = old & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        *blocked = set & ~SIGNAL_UNBLOCKABLE;
    }
    return old_at ? user_write(old_at, &old, sizeof old) : 0;
}

int64_t signal_pending_call(struct frame *frame, uint64_t set)
{
    uint64_t bytes = frame_argument(frame, 1);
    return bytes > sizeof set ? -EINVAL : user_write(frame_argument(frame, 0), &set, bytes);
}

int64_t signal_stack_call(struct frame *frame, stack_t *stack)
{
    uint64_t new_at = frame_argument(frame, 0);
    uint64_t old_at = frame_argument(frame, 1);
    bool busy = signal_on_stack(stack, frame->trap.rsp);
    stack_t new, old = *stack;
    old.ss_flags = stack->ss_size == 0 ? SS_DISABLE : busy ? SS_ONSTACK : 0;
    if (new_at) {
        if (user_read(&new, new_at, sizeof new) != 0)
            return -EFAULT;
        if (busy)
            return -EPERM;
        if (new.ss_flags & ~(SS_DISABLE | SS_ONSTACK))
            return -EINVAL;
        if (new.ss_flags & SS_DISABLE)
            new = (stack_t){0};
        else if (new.ss_size < MINSIGSTKSZ)
            return -ENOMEM;
        *stack = new;
    }
    return old_at ? user_write(old_at, &old, sizeof old) : 0;
}

bool signal_on_stack(const stack_t *stack, uint64_t rsp)
{
    uint64_t base = (uint64_t)stack->ss_sp;
    return stack->ss_size && rsp > base && rsp - base <= stack->ss_size;
}

bool signal_is_ignored(const struct sigaction *action, int number)
{
    return action->sa_handler == SIG_IGN ||
           (action->sa_handler == SIG_DFL && SIGNAL_BIT(number) & IGNORED_BY_DEFAULT);
}

void signal_die(const struct frame *frame, int number)
{
    struct text detail = {.bytes = 0};
    text_add(&detail, " signal=");
    text_decimal(&detail, (uint64_t)number);
    fault_program(number == SIGABRT ? MF_CAUSE_ABORTED : MF_CAUSE_SIGNAL, frame,
                  text_string(&detail));
}
