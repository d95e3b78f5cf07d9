/*
 * wait.c: see wait.h.
 * Guarantees: a task that is woken is on no queue and has no deadline; woken once, it begins
 * its call again once. Leaves to others: who runs (schedule.c), signals (linux/many/).
 * Owns the queues' links.
 */
#include "kernel/task/wait.h"

#include <asm/errno.h>

#include "kernel/core/assert.h"
#include "kernel/core/string.h"
#include "kernel/linux/many/signal.h"
#include "kernel/task/task.h"

static void deadline_came(struct deadline *deadline)
{
    struct task *task = (struct task *)(void *)((char *)deadline - offsetof(struct task, deadline));
    task->passed_ns = deadline->at_ns;
    (void)task_wake(task);
}

static void take_off(struct wait *place)
{
    struct wait_queue *queue = place->queue;
    *(place->previous ? &place->previous->next : &queue->first) = place->next;
    *(place->next ? &place->next->previous : &queue->last) = place->previous;
    place->queue = NULL;
}

static void leave(struct task *task)
{
    while (task->places) {
        struct wait *place = task->places;
        task->places = place->other;
        if (place->queue)
            take_off(place);
    }
    deadline_clear(&task->deadline);
}

static void put_on(struct wait_queue *queue, struct wait *place)
{
    place->queue = queue;
    place->next = NULL;
    place->previous = queue->last;
    *(queue->last ? &queue->last->next : &queue->first) = place;
    queue->last = place;
}

void wait_on(struct wait_queue *queue, struct wait *place)
{
    mf_assert(!place->queue);
    place->task = task_current;
    place->other = task_current->places;
    task_current->places = place;
    put_on(queue, place);
}

void wait_move(struct wait_queue *queue, struct wait *place)
{
    take_off(place);
    put_on(queue, place);
}

int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns)
{
    if (queue)
        wait_on(queue, &task_current->place);
    return wait_now(deadline_ns);
}

int64_t wait_now(uint64_t deadline_ns)
{
    struct task *task = task_current;
    int64_t ended = deadline_ns <= task->passed_ns ? -ETIMEDOUT
                    : signal_is_due(task)          ? WAIT_INTERRUPTED
                                                   : 0;
    if (ended) {
        leave(task);
        return ended;
    }
    if (deadline_ns != WAIT_FOR_EVER) {
        task->deadline.due = deadline_came;
        deadline_set(&task->deadline, deadline_ns);
    }
    return WAIT;
}

uint32_t wait_wake(struct wait_queue *queue, uint32_t most)
{
    uint32_t woken = 0;
    while (queue->first && woken < most) {
        struct wait *place = queue->first;
        if (task_wake(place->task))
            woken++;
        else
            take_off(place);
    }
    return woken;
}

bool task_wake(struct task *task)
{
    if (task->state != TASK_WAITS)
        return false;
    leave(task);
    task->state = TASK_RUNS;
    task->begins_again = true;
    task_run(task);
    return true;
}

void *call_state(size_t bytes, void (*end)(void *state))
{
    mf_assert(bytes <= CALL_STATE_BYTES);
    task_current->call_begun = true;
    task_current->call_end = end;
    return task_current->call;
}

void task_call_over(struct task *task)
{
    leave(task);
    task->passed_ns = 0;
    if (!task->call_begun)
        return;
    if (task->call_end)
        task->call_end(task->call);
    task->call_begun = false;
    task->call_end = NULL;
    memset(task->call, 0, sizeof task->call);
}
