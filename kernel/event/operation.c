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
#include "kernel/core/user.h"
#include "kernel/event/wire.h"

static uint32_t last_number;
static uint32_t answered_bytes; /* of data, that stand in the channel for this event */

void operation_reset(void)
{
    answered_bytes = 0;
}

static bool readable(const struct event_data *data)
{
    return data->bytes == 0 || user_range(data->address, data->bytes);
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
    if (!readable(request) || !readable(data) || !user_range(result, sizeof(struct mf_call_result)))
        return -EFAULT;
    uint32_t bytes = (uint32_t)(request->bytes + data->bytes);
    struct ring_place place = wire_reserve(bytes, bytes);
    if ((request->bytes && user_read(place.data, request->address, request->bytes) != 0) ||
        (data->bytes && user_read(place.data + request->bytes, data->address, data->bytes) != 0))
        return -EFAULT;
    if (++last_number == 0)
        last_number = 1;
    answered_bytes = 0;
    struct mf_desc desc = {.id = id,
                           .type = MF_MSG_OPERATION,
                           .data_bytes = bytes,
                           .arg = operation | (uint64_t)last_number << 32};
    wire_result_clear();
    wire_publish(&desc, &place);
    struct mf_result head;
    wire_result_wait(last_number, &head);
    struct mf_call_result answer = {.error = head.error,
                                    .data_bytes = head.data_bytes,
                                    .head_bytes = head.head_bytes,
                                    .flags = head.flags,
                                    .value = head.value};
    answered_bytes = head.data_bytes;
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
