/*
 * wait.h: system calls that cannot end yet, and who wakes them.
 *
 * A handler that has nothing to give puts its task on a queue and returns what the functions
 * below return: WAIT, and then another task runs. When the queue is woken, the time has come
 * or a signal is due, the call begins again, with the same registers; so a handler looks for
 * what it wants, then waits, and does not care which time it is:
 *
 *     if (pipe->bytes == 0)
 *         return pipe->nonblocking ? -EAGAIN : wait_for(&pipe->filled, WAIT_FOR_EVER);
 *
 * What a call has to remember from one beginning to the next (how far it came, when its
 * timeout ends) stands in call_state(). A waiting task has no stack: its whole state is in
 * memory, and may be frozen.
 */
#ifndef KERNEL_TASK_WAIT_H
#define KERNEL_TASK_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Results of handlers; no -errno is as low. */
#define WAIT (-4096)
/* Signals are due: the call begins again after their handlers, if those say so (SA_RESTART),
 * else it ends with EINTR. A call that is never restarted makes -EINTR of it. */
#define WAIT_INTERRUPTED (-4097)

#define WAIT_FOR_EVER UINT64_MAX /* deadline_ns; others are of CLOCK_MONOTONIC */

struct task;

/* Zero is an empty queue. Nobody may wait on one that is given back. */
struct wait_queue {
    struct wait *first, *last;
};

/* A task's place on a queue, zero before it is used. It is taken off when the task is woken,
 * by whatever, and when its call ends. */
struct wait {
    struct wait *next, *previous; /* on the queue                      */
    struct wait *other;           /* the task's next place             */
    struct wait_queue *queue;     /* NULL: on none                     */
    struct task *task;
};

/* Wait for one queue, or until the deadline; queue NULL: for the deadline or a signal only.
 * WAIT; -ETIMEDOUT: the time has come; WAIT_INTERRUPTED. */
int64_t wait_for(struct wait_queue *queue, uint64_t deadline_ns);

/* Wait for several: each has a place of the call's own, which stays where it is until the
 * call ends (call_state(), or its memory); then as wait_for(). */
void wait_on(struct wait_queue *queue, struct wait *place);
int64_t wait_now(uint64_t deadline_ns);

/* Wake the oldest that wait there, at most so many; how many it were. */
#define WAIT_ALL UINT32_MAX
uint32_t wait_wake(struct wait_queue *queue, uint32_t most);

/* To the end of another queue, without waking. */
void wait_move(struct wait_queue *queue, struct wait *place);

/* A waiting task stops waiting. True: it did. */
bool task_wake(struct task *task);

/* Bytes of the call that the current task makes: zero when it begins for the first time,
 * then as it left them. At most CALL_STATE_BYTES, aligned to 16. end: called once when the call
 * has ended or its task is gone, with these bytes, to give back what they own; or NULL. */
#define CALL_STATE_BYTES 128u
void *call_state(size_t bytes, void (*end)(void *state));

#endif
