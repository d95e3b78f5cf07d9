/*
 * task.c: see task.h: tasks come and go.
 * Guarantees: at most TASKS_MAX; a number is nobody else's until 2^30 tasks later. The first
 * task costs nothing that kernel.elf would not pay, until there is a second one.
 * Leaves to others: who runs (schedule.c).
 * Owns every struct task, and whose state is in the processor.
 */
#include "kernel/task/task.h"

#include <asm/errno.h>

#include "abi/program.h"
#include "kernel/core/assert.h"
#include "kernel/core/boot.h"
#include "kernel/core/fault.h"
#include "kernel/core/heap.h"
#include "kernel/core/limits.h"
#include "kernel/core/string.h"
#include "kernel/linux/files/files.h"
#include "kernel/linux/identity.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/many/usage.h"
#include "kernel/x86_64/segment.h"
#include "kernel/x86_64/vector.h"

/* Above all numbers that a process may have, below what a futex's owner may be (Linux's
 * FUTEX_TID_MASK). They stay what they are in a snapshot's clones. */
#define TID_FIRST (IDENTITY_PID_FIRST + IDENTITY_PIDS)
#define TID_LAST 0x3fffffff

struct task *task_current, *task_first;

static struct task first;
static struct task *in_processor; /* whose bases and vector state are there; NULL: nobody's */
static struct vector vector;      /* no bytes: not known yet */
static uint32_t count;
static int32_t last_tid;

static void name(struct task *task, const char *path);
static void link(struct task *task);
static void unlink(struct task *task);

void task_start(void)
{
    heap_start();
    files_start();
    const char *path = boot_environment(MF_ENV_PROGRAM);
    path = path ? path : boot_environment(MF_ENV_FUNCTION);
    link(&first);
    name(&first, path ? path : "function");
    task_current = in_processor = &first;
    usage_begin(&first);
}

/* As Linux has it: the file that was started, without its folders. */
static void name(struct task *task, const char *path)
{
    const char *last = path;
    for (; *path; path++)
        if (*path == '/')
            last = path + 1;
    memset(task->name, 0, sizeof task->name);
    for (uint32_t i = 0; i < TASK_NAME_BYTES - 1 && last[i]; i++)
        task->name[i] = last[i];
}

static bool give_vector(struct task *task)
{
    if (vector.bytes == 0)
        vector = vector_find(TASK_VECTOR_BYTES_MAX);
    if (!task->vector)
        task->vector = heap_take(vector.bytes);
    return task->vector != NULL;
}

static int32_t new_tid(void)
{
    do
        last_tid = last_tid < TID_FIRST || last_tid == TID_LAST ? TID_FIRST : last_tid + 1;
    while (task_find(last_tid));
    return last_tid;
}

struct task *task_create(void)
{
    mf_assert(in_processor == task_current);
    if (count == TASKS_MAX || !give_vector(task_current))
        return NULL;
    struct task *task = heap_take(sizeof *task);
    if (!task || !give_vector(task)) {
        heap_give(task, sizeof *task);
        return NULL;
    }
    task->tid = new_tid();
    task->fs_base = segment_base(MF_SEGMENT_FS);
    task->gs_base = segment_base(MF_SEGMENT_GS);
    vector_save(&vector, task->vector);
    task->signals.blocked = task_current->signals.blocked;
    memcpy(task->name, task_current->name, sizeof task->name);
    link(task);
    return task;
}

static void set_base(uint32_t which, uint64_t base)
{
    if (segment_base(which) != base && segment_set_base(which, base) != 0)
        fault_words(MF_CAUSE_KERNEL_BUG, "the monitor refuses a thread's FS or GS base");
}

static void end(struct task *task)
{
    task_call_over(task);
    signal_forget(task);
    unlink(task);
    if (in_processor == task)
        in_processor = NULL;
    heap_give(task->vector, vector.bytes);
    if (task != &first)
        heap_give(task, sizeof *task);
}

void task_end(void)
{
    usage_end();
    end(task_current);
    task_current = NULL;
    signal_retarget(); /* it may have been the one that was to take them */
}

int task_renew_prepare(void)
{
    return give_vector(task_current) ? 0 : -ENOMEM;
}

void task_renew(const char *path)
{
    struct task *task = task_current;
    mf_assert(in_processor == task);
    for (struct task *other = task_first, *next; other; other = next) {
        next = other->next;
        if (other != task)
            end(other);
    }
    task_run_none();
    task->tid = 0;
    task->clear_tid_at = task->robust_at = 0;
    task->signals.stack = (stack_t){.ss_size = 0};
    name(task, path);
    set_base(MF_SEGMENT_FS, 0);
    set_base(MF_SEGMENT_GS, 0);
    vector_begin(&vector, task->vector);
    if (vector_restore(&vector, task->vector) != 0)
        fault_words(MF_CAUSE_KERNEL_BUG, "the processor refuses the vector state of a start");
}

uint32_t task_count(void)
{
    return count;
}

int32_t task_tid(const struct task *task)
{
    return task->tid ? task->tid : identity_pid();
}

struct task *task_find(int64_t tid)
{
    for (struct task *task = task_first; task; task = task->next)
        if (task->tid ? task->tid == tid : identity_is_self(tid))
            return task;
    return NULL;
}

void task_switch(struct task *task)
{
    if (in_processor == task)
        return;
    if (in_processor) {
        in_processor->fs_base = segment_base(MF_SEGMENT_FS);
        in_processor->gs_base = segment_base(MF_SEGMENT_GS);
        vector_save(&vector, in_processor->vector);
    }
    set_base(MF_SEGMENT_FS, task->fs_base);
    set_base(MF_SEGMENT_GS, task->gs_base);
    if (vector_restore(&vector, task->vector) != 0)
        fault_words(MF_CAUSE_KERNEL_BUG, "the processor refuses a thread's vector state");
    in_processor = task;
}

static void link(struct task *task)
{
    task->next = task_first;
    if (task_first)
        task_first->previous = task;
    task_first = task;
    count++;
}

static void unlink(struct task *task)
{
    *(task->previous ? &task->previous->next : &task_first) = task->next;
    if (task->next)
        task->next->previous = task->previous;
    count--;
}
