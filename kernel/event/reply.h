/*
 * reply.h: the current event's reply: the calls `reply` and `write` of abi/calls.h, with pointers of the
 * program's.
 */
#ifndef KERNEL_EVENT_REPLY_H
#define KERNEL_EVENT_REPLY_H

#include <stdint.h>

#include "kernel/event/event.h"

/* Another event: nothing has been replied yet. */
void reply_reset(void);

/* Bytes of the body that were taken, which is all, or -errno. flags: MF_CALL_… */
int64_t reply_begin(uint64_t status, const struct event_data *fields,
                    const struct event_data *body, uint64_t flags);
int64_t reply_write(const struct event_data *body, uint64_t flags);

#endif
