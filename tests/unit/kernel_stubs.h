/*
 * kernel_stubs.h: what the kernel's files stand on, for tests on the host: memory that is counted,
 * a program whose memory is the test's own, and a task that never really waits.
 */
#ifndef TEST_KERNEL_STUBS_H
#define TEST_KERNEL_STUBS_H

#include <stdbool.h>
#include <stddef.h>

extern size_t stub_heap_used;      /* bytes that are out               */
extern size_t stub_heap_max;       /* no more than so many             */
extern unsigned stub_woken;        /* by wait_wake(), whoever it was   */
extern unsigned stub_waits;        /* calls of wait_for()              */
extern const void *stub_unmapped;  /* of the program's: not there, and in range all the same */
extern const void *stub_watched;   /* of the heap: was it all zero when it was given back? */
extern bool stub_watched_was_wiped;

#endif
