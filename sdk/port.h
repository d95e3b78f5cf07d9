/*
 * port.h: the calls of abi/calls.h, wherever the program runs. Inside
 * mayfly the library OS serves them; outside, where Linux knows none of them,
 * local.c does, from standard input to standard output. Results as there: >= 0,
 * or -errno.
 */
#ifndef MF_SDK_PORT_H
#define MF_SDK_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/calls.h"

long port_next(struct mf_call_event *event, void *buffer, size_t capacity);
long port_body(void *buffer, size_t capacity);
long port_reply(unsigned status, const void *fields, size_t field_bytes, const void *data,
                size_t bytes, unsigned flags);
long port_write(const void *data, size_t bytes, unsigned flags);
long port_fail(const char *message, size_t bytes);
long port_log(unsigned level, const char *text, size_t bytes);
bool port_cancelled(void);

/* A request in two pieces, and its answer's head; then the answer's data. */
struct port_request {
    unsigned operation;
    const void *head;
    size_t head_bytes;
    const void *data;
    size_t data_bytes;
};
long port_operation(const struct port_request *request, struct mf_call_result *result);
long port_result(void *buffer, size_t capacity);

#endif
