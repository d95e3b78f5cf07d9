/*
 * slice.h: how long the kernel lets this process run while others wait for its processor.
 *
 * A task that wakes up goes before one whose slice is longer, and has its turn within its own: the
 * scheduler deals out the same shares, in smaller pieces (EEVDF; Linux 6.12 and later take a slice
 * for ordinary tasks, older ones pass it over). An event goes through six tasks and more, node, store, spawner, monitor;
 * beside a function that computes on all processors it waits for each, for whole ticks, without it.
 */
#ifndef MF_NODE_SLICE_H
#define MF_NODE_SLICE_H

/* Of the calling thread, and of all threads and processes that it makes from now on. What cannot be
 * done is not. */
void slice_shorten(void);

#endif
