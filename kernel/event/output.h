/* output.h: standard output and standard error become log records, line by line. */
#ifndef KERNEL_EVENT_OUTPUT_H
#define KERNEL_EVENT_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "abi/log.h"
#include "kernel/event/event.h"

enum output_stream { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_STREAMS };

/* Bytes of the program's memory; 0 or -EFAULT. */
int output_write(enum output_stream stream, uint64_t address, uint64_t bytes);

/* The same from the kernel's memory. */
void output_put(enum output_stream stream, const char *text, size_t bytes);

/* Log what stands there without a line's end yet. */
void output_flush(void);

/* The same for one stream, handed out instead: its bytes, now gone from here. */
size_t output_take(unsigned stream, enum mf_log_level *level, const char **text);

/* A line of the kernel's own. */
void output_kernel(enum mf_log_level level, const char *text, size_t bytes);

/* The call `log` (abi/calls.h). */
int64_t output_log(uint64_t level, const struct event_data *text);

#endif
