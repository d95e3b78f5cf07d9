/*
 * operation.h: what the current event asks of the node (abi/operation.h): one at a time,
 * and its answer waited for. The calls `operation` and `result` of abi/calls.h.
 */
#ifndef KERNEL_EVENT_OPERATION_H
#define KERNEL_EVENT_OPERATION_H

#include <stdint.h>

#include "kernel/event/event.h"

/* Another event: nothing has been answered yet. */
void operation_reset(void);

/* Results or -errno; pointers of the program's. Returns when the node has answered. */
int64_t operation_call(uint64_t operation, const struct event_data *request,
                       const struct event_data *data, uint64_t result);
int64_t operation_result(const struct event_data *buffer);

/* The same for the kernel itself: the request's struct and its one part are its own memory. 0, or
 * -ENOENT: no event is begun. What is answered lies in the channel, until the next one, or
 * until operation_wipe() takes it from there. */
struct operation_answer {
    uint32_t error; /* MF_RESULT_… */
    uint32_t bytes;
    const char *data;
};
int operation_ask(uint32_t operation, const void *request, uint32_t request_bytes,
                  const void *part, uint32_t part_bytes, struct operation_answer *answer);
void operation_wipe(void);

#endif
