/*
 * kernel_stubs.h: what the kernel's files stand on, for tests on the host: memory that is counted,
 * a program whose memory is the test's own, and a task that never really waits.
 */
#ifndef TEST_KERNEL_STUBS_H
#define TEST_KERNEL_STUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern size_t stub_heap_used;      /* bytes that are out               */
extern size_t stub_heap_max;       /* no more than so many             */
extern uint64_t stub_clock_ns;     /* both clocks                      */
extern unsigned stub_woken;        /* by wait_wake(), whoever it was   */
extern unsigned stub_waits;        /* calls of wait_for()              */
extern unsigned stub_broken;       /* SIGPIPEs                         */
extern const char *stub_secret;    /* the node's answer; NULL: no event is begun */
extern uint32_t stub_secret_error; /* MF_RESULT_…                                */
extern unsigned stub_asked, stub_wiped; /* operations; answers that were wiped   */
extern char stub_said[512];        /* the kernel's last line                     */
extern const void *stub_watched;   /* of the heap: was it all zero when it was given back? */
extern bool stub_watched_was_wiped;
void stub_call_over(void);         /* the task's call has ended: its state is zero again */

#endif
