/*
 * operation.c: see operation.h.
 * Guarantees: an answer is believed only if it bears the number of the operation that is
 * waited for, which was cleared in the channel before it was asked: not one of an event
 * before, nor one from before a rollback.
 * Leaves to others: what requests mean (the node), waiting (wire.c).
 * Owns the number of the last operation and how much was answered.
 */
#include "kernel/event/operation.h"

#include <asm/errno.h>

#include "abi/calls.h"
#include "abi/operation.h"
#include "kernel/core/string.h"
#include "kernel/core/user.h"
#include "kernel/event/wire.h"

static uint32_t last_number;
static uint32_t answered_bytes; /* of data, that stand in the channel for this event */

void operation_reset(void)
{
    answered_bytes = 0;
}

/* What stands in the place is a request: send it, and wait for the answer. */
static void send(uint64_t id, uint64_t operation, uint32_t bytes, const struct ring_place *place,
                 struct mf_result *head)
{
    if (++last_number == 0)
        last_number = 1;
    answered_bytes = 0;
    struct mf_desc desc = {.id = id,
                           .type = MF_MSG_OPERATION,
                           .data_bytes = bytes,
                           .arg = operation | (uint64_t)last_number << 32};
    wire_result_clear();
    wire_publish(&desc, place);
    wire_result_wait(last_number, head);
    answered_bytes = head->data_bytes;
}

int64_t operation_call(uint64_t operation, const struct event_data *request,
                       const struct event_data *data, uint64_t result)
{
    uint64_t id = event_current();
    if (!id)
        return -ENOENT;
    if (operation == 0 || operation >= MF_OPERATION_END)
        return -EINVAL;
    if (request->bytes > MF_CHUNK_BYTES_MAX || data->bytes > MF_CHUNK_BYTES_MAX - request->bytes)
        return -E2BIG;
    if (!event_data_there(request) || !event_data_there(data) ||
        !user_range(result, sizeof(struct mf_call_result)))
        return -EFAULT;
    uint32_t bytes = (uint32_t)(request->bytes + data->bytes);
    struct ring_place place = wire_reserve(bytes, bytes);
    if ((request->bytes && user_read(place.data, request->address, request->bytes) != 0) ||
        (data->bytes && user_read(place.data + request->bytes, data->address, data->bytes) != 0))
        return -EFAULT;
    struct mf_result head;
    send(id, operation, bytes, &place, &head);
    struct mf_call_result answer = {.error = head.error,
                                    .data_bytes = head.data_bytes,
                                    .head_bytes = head.head_bytes,
                                    .flags = head.flags,
                                    .value = head.value};
    return user_write(result, &answer, sizeof answer);
}

int64_t operation_result(const struct event_data *buffer)
{
    if (!event_current())
        return -ENOENT;
    uint32_t bytes = buffer->bytes < answered_bytes ? (uint32_t)buffer->bytes : answered_bytes;
    if (bytes && user_write(buffer->address, wire_result_data(), bytes) != 0)
        return -EFAULT;
    return bytes;
}

int operation_ask(uint32_t operation, const void *request, uint32_t request_bytes,
                  const void *part, uint32_t part_bytes, struct operation_answer *answer)
{
    uint64_t id = event_current();
    uint32_t bytes = request_bytes + part_bytes;
    if (!id)
        return -ENOENT;
    struct ring_place place = wire_reserve(bytes, bytes);
    memcpy(place.data, request, request_bytes);
    memcpy(place.data + request_bytes, part, part_bytes);
    struct mf_result head;
    send(id, operation, bytes, &place, &head);
    *answer = (struct operation_answer){.error = head.error,
                                        .bytes = head.data_bytes,
                                        .data = (const char *)wire_result_data()};
    return 0;
}

void operation_wipe(void)
{
    wire_result_wipe(answered_bytes);
    answered_bytes = 0;
}
