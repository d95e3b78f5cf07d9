/*
 * console.h: the lines an instance writes without its channel: a kernel's last words,
 * fault reports. They go to the function's log, level error, with the names of its
 * image's functions beside addresses. Loop thread only.
 */
#ifndef MF_NODE_LOGS_CONSOLE_H
#define MF_NODE_LOGS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

struct instance;

/* Read what is there, a bounded amount; false: nothing was. */
bool console_read(struct instance *instance);

/* Read all, and end a last line without a newline. Before anyone is told of its end. */
void console_drain(struct instance *instance);
void console_close(struct instance *instance);

#define CONSOLE_FAULT "fault: cause=" /* how a report begins (kernel/core/fault.c) */
/* Of the report of its last fault: the line with cause, address and place, and the backtrace, with names as
 * in the log; lines of at most MF_QUEUE_REASON_BYTES_MAX and one more. NULL: none. The instance's. */
const char *console_report(const struct instance *instance, size_t *bytes);

#endif
