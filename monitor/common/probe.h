/* probe.h: the smallest guest, with which a monitor tries itself out. */
#ifndef MF_MONITOR_COMMON_PROBE_H
#define MF_MONITOR_COMMON_PROBE_H

#include "monitor/monitor.h"

/* A start of it: it drives every road once (entry, exception, system call, halt) and
 * ends with status 0, or with MF_CAUSE_KERNEL_BUG if one leads elsewhere. image_fd is
 * the caller's to close. */
MF_CHECKED mf_err probe_start(struct monitor_start *start, struct mf_why *why);

#endif
