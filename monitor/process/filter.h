/*
 * filter.h: the host system calls that a sealed process sandbox can make, as data:
 * one line a call, with the rule for its arguments and its reason. From this list
 * come the seccomp filter, `mayfly inspect --host` and the tests. Any thread.
 *
 * The filter lets a call through only from the gate's one `syscall` instruction and
 * only if a line's rule holds; a call from anywhere else traps to the guest's own
 * kernel (SIGSYS), which is how programs make system calls; a call through the gate
 * that no line admits, a 32-bit or an x32 call kills the process.
 */
#ifndef MF_MONITOR_PROCESS_FILTER_H
#define MF_MONITOR_PROCESS_FILTER_H

#include "monitor/common/filter.h"

extern const struct filter_line filter_lines[];
extern const uint32_t filter_line_count;

/* Compile lines for a window whose channel starts at channel_base into out (room
 * instructions). Returns how many were written; 0: no room. */
uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room);

#endif
