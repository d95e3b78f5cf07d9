/*
 * schedule.c: who runs.
 * Guarantees: who was woken runs before those that have used up their slices, and of these, too,
 * one has its turn after each slice that is used up: nobody waits for ever. A call that waits
 * begins again when its task is woken, and ends once; when nobody can run all sleeps, by one
 * hypercall, until the next deadline or the doorbell, and may be frozen there. While somebody is
 * current its state is in the processor, unless its call has just begun again.
 * Leaves to others: what calls do (linux/), events (contract/), signals (linux/many/).
 * Owns the queues of those that can run.
 */
#include <asm/errno.h>

#include "kernel/contract/contract.h"
#include "kernel/core/freeze.h"
#include "kernel/event/output.h"
#include "kernel/event/wire.h"
#include "kernel/linux/call.h"
#include "kernel/linux/many/itimer.h"
#include "kernel/linux/many/signal.h"
#include "kernel/linux/many/usage.h"
#include "kernel/linux/time.h"
#include "kernel/socket/outside.h"
#include "kernel/task/preempt.h"
#include "kernel/task/task.h"

/* Those that can run: woken, or new; and those that used up a slice, or let others run first. */
static struct queue {
    struct task *first, *last;
} woken, spent;
static bool is_spent;   /* the current one was */
static bool spent_next; /* a slice of one that was not is over: the oldest of those is next */

static bool somebody_can_run(void);
static void slice_ends(void);
static void put(struct queue *queue, struct task *task);
static struct task *take(void);
static bool serve(struct frame *frame, bool *whole);
static void run_next(struct frame *frame);
static void look_around(void);
static void idle(void);

/* In memory that was frozen nobody is current: all wait. */
bool linux_call(struct frame *frame)
{
    bool whole = false;
    if (task_current && serve(frame, &whole))
        return whole;
    run_next(frame);
    return true;
}

void task_preempt(struct frame *frame)
{
    slice_ends();
    look_around();
    if (somebody_can_run()) {
        task_current->frame = *frame;
        put(&spent, task_current);
        run_next(frame);
    } else {
        (void)signal_deliver(frame, false);
    }
}

void task_run(struct task *task)
{
    put(&woken, task);
}

void task_run_none(void)
{
    woken = spent = (struct queue){NULL, NULL};
}

static bool somebody_can_run(void)
{
    return woken.first || spent.first;
}

static void slice_ends(void)
{
    spent_next = !is_spent && spent.first;
    itimer_pass();
}

static void put(struct queue *queue, struct task *task)
{
    task->runs_after_it = NULL;
    *(queue->last ? &queue->last->runs_after_it : &queue->first) = task;
    queue->last = task;
}

/* Somebody can. */
static struct task *take(void)
{
    is_spent = spent.first && (spent_next || !woken.first);
    spent_next = false;
    struct queue *queue = is_spent ? &spent : &woken;
    struct task *task = queue->first;
    queue->first = task->runs_after_it;
    if (!queue->first)
        queue->last = NULL;
    return task;
}

/* The current task's call. True: it has ended and the task goes on, as a whole or not; false:
 * another one is to run. */
static bool serve(struct frame *frame, bool *whole)
{
    struct task *task = task_current;
    for (;;) {
        int64_t result = call_serve(frame);
        if (!task_current) /* it was its last one */
            return false;
        if (result == WAIT) {
            task->state = TASK_WAITS;
            task->frame = *frame;
            return false;
        }
        bool interrupted = result == WAIT_INTERRUPTED;
        task_call_over(task);
        task_switch(task);
        *whole = (frame->call == LINUX_NR_rt_sigreturn || frame->call == LINUX_NR_execve) && result == 0;
        if (!*whole) {
            frame_result_set(frame, interrupted ? -EINTR : result);
            frame->trap.rflags &= ~(uint64_t)FLAG_TRAP; /* else it would trap in here */
        }
        if (signal_deliver(frame, interrupted))
            *whole = true;
        else if (interrupted) /* by what came to nothing */
            continue;
        bool over = kernel_preempted();
        if (!over && !task->yields)
            return true;
        if (over)
            slice_ends();
        task->yields = false;
        look_around();
        if (!somebody_can_run())
            return true;
        task->frame = *frame;
        put(&spent, task);
        return false;
    }
}

/* The next one's frame in the place of the last one's. */
static void run_next(struct frame *frame)
{
    for (;;) {
        bool whole;
        task_current = NULL;
        if (kernel_preempted())
            slice_ends();
        for (look_around(); !somebody_can_run(); look_around())
            idle();
        struct task *task = task_current = take();
        usage_begin(task);
        *frame = task->frame;
        (void)kernel_preempted(); /* its time begins */
        if (task->begins_again) {
            task->begins_again = false;
            if (serve(frame, &whole))
                return;
            continue;
        }
        task_switch(task);
        (void)signal_deliver(frame, false);
        return;
    }
}

static bool take_messages(void)
{
    bool moved = outside_turn();
    return contract_turn() || moved;
}

/* Whom the time or the node has made able to run. */
static void look_around(void)
{
    if (deadline_next() != UINT64_MAX)
        deadline_pass(time_monotonic());
    (void)take_messages();
}

/* Nobody can run. */
static void idle(void)
{
    uint64_t next_ns = deadline_next();
    usage_end();
    output_flush();
    /* An open connection from outside is as an event. */
    bool may_freeze = contract_may_freeze() && !outside_holds();
    if (may_freeze && freeze_is_wanted() && !outside_asks()) {
        outside_cut(); /* what is asked of the outside was waited for; what is open goes */
        freeze_here();
    }
    uint32_t seen = wire_doze(may_freeze);
    if (!take_messages()) { /* what came before the node knew that we sleep */
        wire_ring_before(may_freeze); /* an event that was cancelled may have been ended */
        wire_sleep(next_ns == UINT64_MAX ? 0 : next_ns, seen, may_freeze);
    }
    wire_awake();
}
