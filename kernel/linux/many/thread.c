/*
 * thread.c: system calls that make threads, end them, and say which one it is.
 * Guarantees: what ends gives its locks back (robust lists) and tells who waits for it
 * (CLONE_CHILD_CLEARTID). A second process there is none.
 * Leaves to others: tasks (task/), futexes (futex.c). Owns nothing.
 */
#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "abi/hypercall.h"
#include "abi/log.h"
#include "kernel/contract/contract.h"
#include "kernel/core/limits.h"
#include "kernel/core/string.h"
#include "kernel/core/text.h"
#include "kernel/core/user.h"
#include "kernel/event/output.h"
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/many/futex.h"
#include "kernel/linux/process.h"
#include "kernel/task/task.h"

/* A thread shares all of these; the rest is about numbers and bases, or asks for nothing. */
#define CLONE_SHARED (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_KNOWN                                                                            \
    (CLONE_SHARED | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
     CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_IO | CSIGNAL)

#define TIMER_SLACK_NS 50000 /* prctl(2): what a thread has that says nothing */

static int64_t clone_thread(struct frame *frame, const struct clone_args *args);
static int64_t refuse_process(const struct frame *frame);
static void give_locks_back(const struct task *task);

int64_t linux_clone(struct frame *frame)
{
    const struct clone_args args = {
        .flags = frame_argument(frame, 0),
        .stack = frame_argument(frame, 1),
        .parent_tid = frame_argument(frame, 2),
        .child_tid = frame_argument(frame, 3),
        .tls = frame_argument(frame, 4),
    };
    return clone_thread(frame, &args);
}

int64_t linux_clone3(struct frame *frame)
{
    struct clone_args args = {0};
    uint64_t bytes = frame_argument(frame, 1);
    if (bytes < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (bytes > sizeof args)
        return -E2BIG;
    if (user_read(&args, frame_argument(frame, 0), bytes) != 0)
        return -EFAULT;
    if (args.flags & (CSIGNAL | CLONE_DETACHED) || args.set_tid_size ||
        (args.flags & CLONE_THREAD && args.exit_signal) || !args.stack != !args.stack_size ||
        args.stack_size > UINT64_MAX - args.stack)
        return -EINVAL;
    args.stack += args.stack_size;
    return clone_thread(frame, &args);
}

int64_t linux_fork(struct frame *frame)
{
    return refuse_process(frame);
}

int64_t linux_vfork(struct frame *frame)
{
    return refuse_process(frame);
}

static _Noreturn void end_all(const struct frame *frame)
{
    contract_end(frame_argument(frame, 0) & 0xff);
    process_exit(frame);
}

int64_t linux_exit(struct frame *frame)
{
    struct task *task = task_current;
    const uint32_t zero = 0;
    if (task_count() == 1)
        end_all(frame);
    give_locks_back(task);
    if (task->clear_tid_at && user_write(task->clear_tid_at, &zero, sizeof zero) == 0)
        (void)futex_wake(task->clear_tid_at, 1, FUTEX_BITSET_MATCH_ANY);
    task_end();
    return 0;
}

int64_t linux_exit_group(struct frame *frame)
{
    end_all(frame);
}

int64_t linux_gettid(struct frame *frame)
{
    (void)frame;
    return task_tid(task_current);
}

int64_t linux_set_tid_address(struct frame *frame)
{
    task_current->clear_tid_at = frame_argument(frame, 0);
    return task_tid(task_current);
}

int64_t linux_set_robust_list(struct frame *frame)
{
    if (frame_argument(frame, 1) != sizeof(struct robust_list_head))
        return -EINVAL;
    task_current->robust_at = frame_argument(frame, 0);
    return 0;
}

int64_t linux_get_robust_list(struct frame *frame)
{
    const uint64_t bytes = sizeof(struct robust_list_head);
    int32_t tid = (int32_t)frame_argument(frame, 0);
    const struct task *task = tid ? task_find(tid) : task_current;
    if (!task)
        return -ESRCH;
    if (user_write(frame_argument(frame, 2), &bytes, sizeof bytes) != 0)
        return -EFAULT;
    return user_write(frame_argument(frame, 1), &task->robust_at, sizeof task->robust_at);
}

int64_t linux_prctl(struct frame *frame)
{
    uint64_t at = frame_argument(frame, 1);
    const int32_t none = 0;
    char *name = task_current->name;
    switch ((int)frame_argument(frame, 0)) {
    case PR_SET_NAME:
        for (size_t i = 0; i < TASK_NAME_BYTES - 1; i++) {
            if (user_read(&name[i], at + i, 1) != 0)
                return -EFAULT;
            if (name[i] == 0)
                break;
        }
        return 0;
    case PR_GET_NAME:
        return user_write(at, name, TASK_NAME_BYTES);
    case PR_GET_PDEATHSIG: /* the parent does not die */
        return user_write(at, &none, sizeof none);
    case PR_GET_DUMPABLE:
    case PR_SET_DUMPABLE:
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_PDEATHSIG:
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
    case PR_SET_TIMERSLACK:
    case PR_SET_CHILD_SUBREAPER:
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_READ:
    case PR_GET_SECUREBITS:
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_TIMERSLACK:
        return TIMER_SLACK_NS;
    case PR_GET_NO_NEW_PRIVS:
        return 1;
    default:
        return -EINVAL;
    }
}

/* One processor: what the others are to see, they have seen when they run. */
int64_t linux_membarrier(struct frame *frame)
{
    const uint64_t known =
        MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
        MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
        MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
    uint64_t command = (uint32_t)frame_argument(frame, 0);
    if (frame_argument(frame, 1) || command & ~known || command & (command - 1))
        return -EINVAL;
    return command == MEMBARRIER_CMD_QUERY ? (int64_t)known : 0;
}

static int64_t clone_thread(struct frame *frame, const struct clone_args *args)
{
    if (!(args->flags & CLONE_THREAD))
        return refuse_process(frame);
    if ((args->flags & CLONE_SHARED) != CLONE_SHARED || args->flags & ~(uint64_t)CLONE_KNOWN)
        return -EINVAL;
    if (args->flags & CLONE_SETTLS && args->tls >= MF_SEGMENT_END)
        return -EPERM;
    struct task *task = task_create();
    if (!task)
        return -EAGAIN;
    task->frame = *frame;
    frame_result_set(&task->frame, 0);
    task->frame.trap.rflags &= ~(uint64_t)FLAG_TRAP;
    if (args->stack)
        task->frame.trap.rsp = args->stack;
    if (args->flags & CLONE_SETTLS)
        task->fs_base = args->tls;
    if (args->flags & CLONE_CHILD_CLEARTID)
        task->clear_tid_at = args->child_tid;
    if (args->flags & CLONE_PARENT_SETTID) /* Linux, too, does not mind if it cannot */
        (void)user_write(args->parent_tid, &task->tid, sizeof task->tid);
    if (args->flags & CLONE_CHILD_SETTID)
        (void)user_write(args->child_tid, &task->tid, sizeof task->tid);
    task_run(task);
    return task->tid;
}

static int64_t refuse_process(const struct frame *frame)
{
    static bool told;
    struct text line = {.bytes = 0};
    text_add(&line, "a second process is refused (ENOSYS): a function is one; asked for at ");
    text_hex(&line, frame_site(frame));
    if (!told)
        output_kernel(MF_LOG_WARN, line.data, line.bytes);
    told = true;
    return -ENOSYS;
}

/* A lock that the thread holds: its next owner learns that the last one died. */
static void give_back(const struct task *task, uint64_t address)
{
    uint32_t word;
    if (address % sizeof word || user_read(&word, address, sizeof word) != 0)
        return;
    if (task_find(word & FUTEX_TID_MASK) != task)
        return;
    bool waited_for = word & FUTEX_WAITERS;
    word = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    if (user_write(address, &word, sizeof word) == 0 && waited_for)
        (void)futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY);
}

/* Linux's Documentation/locking/robust-futexes.rst. The lowest bit of a link says that the
 * lock inherits priority, which none does. */
static void give_locks_back(const struct task *task)
{
    struct robust_list_head head;
    if (!task->robust_at || user_read(&head, task->robust_at, sizeof head) != 0)
        return;
    uint64_t at = (uint64_t)head.list.next & ~1ull;
    uint64_t pending = (uint64_t)head.list_op_pending & ~1ull;
    for (uint32_t i = 0; at != task->robust_at && i < ROBUST_LOCKS_MAX; i++) {
        uint64_t next;
        if (user_read(&next, at, sizeof next) != 0)
            break;
        if (at != pending) /* it may be in the list, too */
            give_back(task, at + (uint64_t)head.futex_offset);
        at = next & ~1ull;
    }
    if (pending)
        give_back(task, pending + (uint64_t)head.futex_offset);
}
