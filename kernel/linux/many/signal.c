/*
 * signal.c: signals: sending, waiting for their time, entering handlers.
 * Guarantees: as Linux: an ordinary signal is pending at most once for a thread and once for
 * the process, real-time ones and those of timers queue up to SIGNALS_QUEUED_MAX; a thread's own
 * come before the process's. Default actions that stop or kill end the instance: SIGABRT as
 * MF_CAUSE_ABORTED, others as MF_CAUSE_SIGNAL.
 * Leaves to others: the frame on the program's stack (x86_64/signal_frame.c), the calls
 * (signal_call.c). Owns dispositions and what is pending.
 */
#include "kernel/linux/many/signal.h"

#include <asm/errno.h>

#include "kernel/core/boot.h"
#include "kernel/core/heap.h"
#include "kernel/core/limits.h"
#include "kernel/core/user.h"
#include "kernel/file/signalfd.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/many/timer.h"
#include "kernel/x86_64/signal_frame.h"

#define SIGNAL_REALTIME 32 /* the first that queues */

/* What a signal says beside its number. */
struct signal_queued {
    struct signal_queued *next;
    struct siginfo info;
};

static struct {
    uint64_t pending;
    struct signal_queued *queued; /* the process's, oldest first */
    uint32_t queued_count;        /* of all */
    struct sigaction action[SIGNALS]; /* of signal number - 1 */
} process;

static bool queue(struct signal_queued **list, const struct siginfo *info);
static struct signal_queued **find_queued(struct signal_queued **link, const struct siginfo *info);
static void unlink_queued(struct signal_queued **link);
static uint64_t bit_of_queued(const struct signal_queued *list, int number);
static void wake_one(uint64_t bit);
static bool take_from(uint64_t *pending, struct signal_queued **list, uint64_t set,
                      struct siginfo *info);
static void restart(struct frame *frame);
static bool enter(struct frame *frame, const struct siginfo *info);

int signal_send(struct task *task, const struct siginfo *info)
{
    int number = info->si_signo;
    uint64_t bit = SIGNAL_BIT(number);
    const struct task *judge = task ? task : task_current ? task_current : task_first;
    uint64_t *pending = task ? &task->signals.pending : &process.pending;
    if (signal_is_ignored(signal_action(number), number) &&
        !(bit & (judge->signals.blocked | judge->signals.awaited)))
        return 0;
    if (number < SIGNAL_REALTIME && *pending & bit && info->si_code != SI_TIMER)
        return 0;
    if (!queue(task ? &task->signals.queued : &process.queued, info) &&
        number >= SIGNAL_REALTIME && info->si_code != SI_USER)
        return -EAGAIN;
    *pending |= bit;
    if (!task)
        wake_one(bit);
    else if (bit & (~task->signals.blocked | task->signals.awaited))
        (void)task_wake(task);
    signalfd_tell(bit);
    return 0;
}

bool signal_waits(const struct task *task, const struct siginfo *info)
{
    struct signal_queued *first = task ? task->signals.queued : process.queued;
    return *find_queued(&first, info) != NULL;
}

void signal_drop(struct task *task, const struct siginfo *info)
{
    uint64_t *pending = task ? &task->signals.pending : &process.pending;
    struct signal_queued **list = task ? &task->signals.queued : &process.queued;
    struct signal_queued **link = find_queued(list, info);
    if (!*link)
        return;
    unlink_queued(link);
    *pending &= ~SIGNAL_BIT(info->si_signo);
    *pending |= bit_of_queued(*list, info->si_signo);
}

void signal_discard(int number)
{
    const uint64_t bit = SIGNAL_BIT(number);
    struct siginfo info;
    while (take_from(&process.pending, &process.queued, bit, &info))
        continue;
    for (struct task *task = task_first; task; task = task->next)
        while (take_from(&task->signals.pending, &task->signals.queued, bit, &info))
            continue;
}

uint64_t signal_pending(const struct task *task)
{
    return task->signals.pending | process.pending;
}

bool signal_is_due(const struct task *task)
{
    return (signal_pending(task) & ~task->signals.blocked) != 0;
}

int signal_take(struct task *task, uint64_t set, struct siginfo *info)
{
    bool taken = take_from(&task->signals.pending, &task->signals.queued, set, info) ||
                 take_from(&process.pending, &process.queued, set, info);
    if (!taken)
        return 0;
    timer_signal_taken(info);
    return info->si_signo;
}

bool signal_deliver(struct frame *frame, bool interrupted)
{
    struct task_signals *own = &task_current->signals;
    struct siginfo info;
    bool entered = false;
    for (;;) {
        int number = signal_take(task_current, ~own->blocked, &info);
        if (number == 0 && !entered && !interrupted && own->restore) {
            signal_mask_back(task_current);
            continue; /* those that the old mask lets through */
        }
        if (number == 0)
            return entered;
        const struct sigaction *action = signal_action(number);
        if (signal_is_ignored(action, number))
            continue;
        if (action->sa_handler == SIG_DFL)
            signal_die(frame, number);
        if (interrupted && !entered && action->sa_flags & SA_RESTART)
            restart(frame);
        if (!enter(frame, &info))
            signal_die(frame, SIGSEGV);
        entered = true; /* another one that is due interrupts the handler at its start */
    }
}

bool signal_fault(struct frame *frame, int number, int code, uint64_t address)
{
    if (number == 0 || task_current->signals.blocked & SIGNAL_BIT(number) ||
        signal_action(number)->sa_handler == SIG_DFL ||
        signal_action(number)->sa_handler == SIG_IGN)
        return false;
    struct siginfo info = {.si_signo = number, .si_code = code};
    info.si_addr = (void *)address;
    return enter(frame, &info);
}

void signal_mask_during_call(uint64_t mask)
{
    struct task_signals *own = &task_current->signals;
    if (!own->restore)
        own->saved = own->blocked;
    own->restore = true;
    own->blocked = mask & ~SIGNAL_UNBLOCKABLE;
    signal_retarget();
}

void signal_mask_back(struct task *task)
{
    if (task->signals.restore)
        task->signals.blocked = task->signals.saved;
    task->signals.restore = false;
}

struct sigaction *signal_action(int number)
{
    return &process.action[number - 1];
}

void signal_retarget(void)
{
    for (uint64_t left = process.pending; left; left &= left - 1)
        wake_one(left & -left);
}

void signal_renew(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction *action = &process.action[i];
        *action = (struct sigaction){.sa_handler = action->sa_handler == SIG_IGN ? SIG_IGN : SIG_DFL};
    }
}

void signal_forget(struct task *task)
{
    struct siginfo info;
    while (take_from(&task->signals.pending, &task->signals.queued, ~0ull, &info))
        continue;
}

static bool queue(struct signal_queued **list, const struct siginfo *info)
{
    if (process.queued_count == SIGNALS_QUEUED_MAX)
        return false;
    struct signal_queued *queued = heap_take(sizeof *queued);
    if (!queued)
        return false;
    process.queued_count++;
    queued->info = *info;
    while (*list)
        list = &(*list)->next;
    *list = queued;
    return true;
}

/* The link to what says the same, of the same timer; it leads to NULL if nothing does. */
static struct signal_queued **find_queued(struct signal_queued **link, const struct siginfo *info)
{
    while (*link && ((*link)->info.si_signo != info->si_signo || (*link)->info.si_code != info->si_code ||
                     (*link)->info.si_tid != info->si_tid))
        link = &(*link)->next;
    return link;
}

static void unlink_queued(struct signal_queued **link)
{
    struct signal_queued *queued = *link;
    *link = queued->next;
    heap_give(queued, sizeof *queued);
    process.queued_count--;
}

/* The signal's bit, if one is in that list. */
static uint64_t bit_of_queued(const struct signal_queued *list, int number)
{
    while (list && list->info.si_signo != number)
        list = list->next;
    return list ? SIGNAL_BIT(number) : 0;
}

/* For the process: the current thread takes it when it goes on, if it may; else one that waits. */
static void wake_one(uint64_t bit)
{
    if (task_current && bit & ~task_current->signals.blocked)
        return;
    for (struct task *task = task_first; task; task = task->next)
        if (bit & (~task->signals.blocked | task->signals.awaited) && task_wake(task))
            return;
}

static bool take_from(uint64_t *pending, struct signal_queued **list, uint64_t set,
                      struct siginfo *info)
{
    uint64_t due = *pending & set;
    if (!due)
        return false;
    int number = __builtin_ctzll(due) + 1;
    *pending &= ~SIGNAL_BIT(number);
    *info = (struct siginfo){.si_signo = number, .si_code = SI_USER};
    while (*list && (*list)->info.si_signo != number)
        list = &(*list)->next;
    if (!*list)
        return true;
    *info = (*list)->info;
    unlink_queued(list);
    *pending |= bit_of_queued(*list, number);
    return true;
}

/* The call again, from its instruction; or from the kernel's entry, if the program had jumped
 * there (abi/calls.h, MF_AUX_SYSCALL): RCX and R11 are still as that wants them. */
static void restart(struct frame *frame)
{
    uint16_t code = 0;
    const uint16_t syscall = 0x050f;
    frame->rax = frame->call;
    if (user_read(&code, frame_caller(frame), sizeof code) == 0 && code == syscall)
        frame->trap.rip = frame_caller(frame);
    else
        frame->trap.rip = (uint64_t)kernel_syscall;
}

/* Put a frame on the program's stack and let it go on in the handler. */
static bool enter(struct frame *frame, const struct siginfo *info)
{
    struct task_signals *own = &task_current->signals;
    struct sigaction *action = signal_action(info->si_signo);
    uint64_t mask = own->restore ? own->saved : own->blocked;
    uint64_t sp = frame->trap.rsp - SIGNAL_RED_ZONE_BYTES;
    if (action->sa_flags & SA_ONSTACK && own->stack.ss_size &&
        !signal_on_stack(&own->stack, frame->trap.rsp))
        sp = (uint64_t)own->stack.ss_sp + own->stack.ss_size;
    if (!(action->sa_flags & SA_RESTORER) ||
        signal_frame_push(frame, sp, action, info, mask, &own->stack) != 0)
        return false;
    own->restore = false;
    own->blocked |= action->sa_mask;
    if (!(action->sa_flags & SA_NODEFER))
        own->blocked |= SIGNAL_BIT(info->si_signo);
    signal_retarget();
    if (action->sa_flags & SA_RESETHAND)
        action->sa_handler = SIG_DFL;
    return true;
}
