/* file_stubs.h: the same of what files and file systems need besides: clocks, calls, the node's answers. */
#ifndef TEST_FILE_STUBS_H
#define TEST_FILE_STUBS_H

#include <stdint.h>

#include "kernel_stubs.h"

extern uint64_t stub_clock_ns;     /* both clocks                      */
extern unsigned stub_broken;       /* SIGPIPEs and SIGXFSZs            */
extern const char *stub_secret;    /* the node's answer; NULL: no event is begun */
extern uint32_t stub_secret_error; /* MF_RESULT_…                                */
extern unsigned stub_asked, stub_wiped; /* operations; answers that were wiped   */
extern char stub_said[512];        /* the kernel's last line                     */
void stub_call_over(void);         /* the task's call has ended: its state is zero again */

#endif
