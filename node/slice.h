/*
 * slice.h: how long the kernel lets a task run while others wait for its processor.
 *
 * A task that wakes up goes before one whose slice is longer, and has its turn within its own: the
 * scheduler deals out the same shares, in smaller pieces (EEVDF; Linux 6.12 and later take a slice
 * for ordinary tasks, older ones pass it over). An event goes through six tasks, node, store, spawner, monitor among them;
 * beside a function that computes on all processors it waited for each, for whole ticks. With nobody beside it a
 * short slice only costs: who is woken for each message takes them one by one (`pool/fair.c` says when).
 * Any thread.
 */
#ifndef MF_NODE_SLICE_H
#define MF_NODE_SLICE_H

#include <stdint.h>
#include <sys/types.h>

/* Of that thread, or that process's first one, and of all threads and processes that it makes from now on; 0: of the
 * calling one. What cannot be done is not. ns: 100,000 … 100,000,000, else Linux takes the nearest;
 * 0: what the kernel gives to all. nice: that it has afterwards, if it had less: Linux sets both at once, so what a
 * task sets of itself between our look and our setting would be undone. Who knows what that is going to be says so. */
#define SLICE_NICE_ANY (-20)
void slice_set(pid_t pid, uint64_t ns, int nice);
/* The nice, 0 to MF_NICE_MAX, at which the kernel gives that part of the weight of nice 0; 1 and more: 0, as
 * an ordinary user may only go down. The weights fall by 1.25 with each step (kernel/sched/core.c,
 * sched_prio_to_weight). */
int slice_nice_of(double weight);
/* Of all threads of this process. */
void slice_set_own(uint64_t ns);

#endif
