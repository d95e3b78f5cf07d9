/* local.h: the calls of abi/calls.h served by hand: one event from standard input,
 * its reply to standard output. See port.h for each. */
#ifndef MF_SDK_LOCAL_H
#define MF_SDK_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/calls.h"

/* Print status and headers before the body. */
void local_show_head(void);

long local_next(struct mf_call_event *event, void *buffer, size_t capacity);
long local_body(void *buffer, size_t capacity);
long local_reply(unsigned status, const void *fields, size_t field_bytes, const void *data,
                 size_t bytes, unsigned flags);
long local_write(const void *data, size_t bytes, unsigned flags);
long local_fail(const char *message, size_t bytes);
long local_log(unsigned level, const char *text, size_t bytes);

/* local_serve.c: key-values and queues in memory for this run; what would leave the node
 * is printed to standard error. */
struct port_request;
long local_operation(const struct port_request *request, struct mf_call_result *result);
long local_result(void *buffer, size_t capacity);

#endif
