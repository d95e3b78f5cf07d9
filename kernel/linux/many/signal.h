/*
 * signal.h: signals of a program with threads: to the process or to one of them, from the
 * program itself, its exceptions, timers and descriptors.
 */
#ifndef KERNEL_LINUX_MANY_SIGNAL_H
#define KERNEL_LINUX_MANY_SIGNAL_H

#include "kernel/linux/signal.h"
#include "kernel/task/task.h"

/* To a thread; NULL: to the process, any thread of it. info->si_signo: 1 to SIGNALS. 0, or
 * -EAGAIN: a real-time signal finds no room in the queue. */
int signal_send(struct task *task, const struct siginfo *info);

/* Of a timer's, which are all queued, for it has one at most: is it in that queue? And out of it. */
bool signal_waits(const struct task *task, const struct siginfo *info);
void signal_drop(struct task *task, const struct siginfo *info);

/* It is ignored from now on: nobody's is pending any more. */
void signal_discard(int number);

/* Is one pending that this thread does not block? */
bool signal_is_due(const struct task *task);

/* When the current thread goes on: if a signal is due, let the frame enter its handler
 * (true), or end the instance. interrupted: the call that the frame stands behind was, and
 * begins again behind the handler if that says so. */
bool signal_deliver(struct frame *frame, bool interrupted);

/* The current thread's mask until its call ends, whatever comes of it: for calls that take a
 * mask along (ppoll and its like), each time that they begin. */
void signal_mask_during_call(uint64_t mask);
/* The call has ended, and not by a signal. */
void signal_mask_back(struct task *task);

/* The oldest pending one of a set, taken away: its number; 0: none. */
int signal_take(struct task *task, uint64_t set, struct siginfo *info);
/* Those that are pending for a thread. */
uint64_t signal_pending(const struct task *task);

struct sigaction *signal_action(int number);
/* The current thread blocks more, or is gone: what is pending for the process, and was to be
 * taken by it, is for another one that waits. */
void signal_retarget(void);

/* Another program instead: no handlers; what is ignored stays so, and what is pending. */
void signal_renew(void);

/* The thread ends. */
void signal_forget(struct task *task);

#endif
