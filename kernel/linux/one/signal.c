/*
 * signal.c: dispositions, mask, and sending to oneself.
 * Guarantees: as Linux for one thread; a signal is pending at most once, real-time
 * ones too. Default actions that stop or kill end the instance: SIGABRT as
 * MF_CAUSE_ABORTED, others as MF_CAUSE_SIGNAL.
 * Leaves to others: the frame on the program's stack (x86_64/signal_frame.c), what calls say
 * (linux/signal.c).
 * Owns dispositions, mask, pending set, alternate stack.
 */
#include "kernel/linux/one/signal.h"

#include <asm/errno.h>
#include <linux/signal.h>

#include "abi/cause.h"
#include "kernel/core/fault.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/linux/calls_one.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/user_id.h"
#include "kernel/x86_64/signal_frame.h"

static struct {
    uint64_t blocked, pending;
    stack_t stack; /* the alternate one; ss_size 0: none */
    struct sigaction action[SIGNALS]; /* of signal number - 1 */
} signals;

static bool enter(struct frame *frame, int number, const struct siginfo *info);
static int64_t send(uint64_t number);

bool signal_deliver(struct frame *frame)
{
    uint64_t due;
    bool entered = false;
    while ((due = signals.pending & ~signals.blocked) != 0) {
        int number = __builtin_ctzll(due) + 1;
        const struct sigaction *action = &signals.action[number - 1];
        signals.pending &= ~SIGNAL_BIT(number);
        if (signal_is_ignored(action, number))
            continue;
        struct siginfo info = {.si_signo = number, .si_code = SI_TKILL};
        info.si_pid = identity_pid();
        info.si_uid = user_id.user;
        if (action->sa_handler != SIG_DFL && enter(frame, number, &info)) {
            entered = true;
            continue; /* another one that is due interrupts the handler at its start */
        }
        signal_die(frame, number);
    }
    return entered;
}

bool signal_fault(struct frame *frame, int number, int code, uint64_t address)
{
    if (number == 0 || signals.blocked & SIGNAL_BIT(number) ||
        signals.action[number - 1].sa_handler == SIG_DFL ||
        signals.action[number - 1].sa_handler == SIG_IGN)
        return false;
    struct siginfo info = {.si_signo = number, .si_code = code};
    info.si_addr = (void *)address;
    return enter(frame, number, &info);
}

int64_t linux_rt_sigaction(struct frame *frame)
{
    int64_t result = signal_action_call(frame, signals.action);
    int number = (int)frame_argument(frame, 0);
    if (result == 0 && frame_argument(frame, 1) && signal_is_ignored(&signals.action[number - 1], number))
        signals.pending &= ~SIGNAL_BIT(number);
    return result;
}

int64_t linux_rt_sigprocmask(struct frame *frame)
{
    return signal_mask_call(frame, &signals.blocked);
}

int64_t linux_rt_sigpending(struct frame *frame)
{
    return signal_pending_call(frame, signals.pending & signals.blocked);
}

int64_t linux_sigaltstack(struct frame *frame)
{
    return signal_stack_call(frame, &signals.stack);
}

/* 0: the frame is the interrupted program's again. */
int64_t linux_rt_sigreturn(struct frame *frame)
{
    uint64_t mask;
    stack_t stack;
    if (signal_frame_pop(frame, &mask, &stack) != 0)
        fault_program(MF_CAUSE_SIGNAL, frame, " signal=11 why=bad-signal-frame");
    signals.blocked = mask & ~SIGNAL_UNBLOCKABLE;
    return 0;
}

int64_t linux_kill(struct frame *frame)
{
    int64_t pid = (int32_t)frame_argument(frame, 0);
    if (pid != 0 && pid != -1 && !identity_is_self(pid < 0 ? -pid : pid))
        return -ESRCH;
    return send(frame_argument(frame, 1));
}

int64_t linux_tkill(struct frame *frame)
{
    if (!identity_is_self((int32_t)frame_argument(frame, 0)))
        return -ESRCH;
    return send(frame_argument(frame, 1));
}

int64_t linux_tgkill(struct frame *frame)
{
    if (!identity_is_self((int32_t)frame_argument(frame, 0)) ||
        !identity_is_self((int32_t)frame_argument(frame, 1)))
        return -ESRCH;
    return send(frame_argument(frame, 2));
}

static int64_t send(uint64_t number)
{
    if ((uint32_t)number > SIGNALS)
        return -EINVAL;
    if ((uint32_t)number)
        signals.pending |= SIGNAL_BIT((uint32_t)number);
    return 0;
}

/* Put a frame on the program's stack and let it go on in the handler. */
static bool enter(struct frame *frame, int number, const struct siginfo *info)
{
    struct sigaction *action = &signals.action[number - 1];
    uint64_t sp = frame->trap.rsp - SIGNAL_RED_ZONE_BYTES;
    if (action->sa_flags & SA_ONSTACK && signals.stack.ss_size &&
        !signal_on_stack(&signals.stack, frame->trap.rsp))
        sp = (uint64_t)signals.stack.ss_sp + signals.stack.ss_size;
    if (!(action->sa_flags & SA_RESTORER) ||
        signal_frame_push(frame, sp, action, info, signals.blocked, &signals.stack) != 0)
        return false;
    signals.blocked |= action->sa_mask;
    if (!(action->sa_flags & SA_NODEFER))
        signals.blocked |= SIGNAL_BIT(number);
    if (action->sa_flags & SA_RESETHAND)
        action->sa_handler = SIG_DFL;
    return true;
}
