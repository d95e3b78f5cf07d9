/*
 * waiting.c: the calls of a function that no instance has yet.
 * Owns function->queue and function->queued; borrows the calls. Loop thread only.
 */
#include "node/pool/waiting.h"

#include "node/functions/function.h"
#include "node/pool/call.h"

static struct call *oldest(const struct function *function, enum priority priority)
{
    const struct link *queue = &function->queue[priority];
    return list_empty(queue) ? NULL : list_of(queue->next, struct call, link);
}

struct call *waiting_first(const struct function *function)
{
    struct call *urgent = oldest(function, PRIORITY_URGENT);
    return urgent ? urgent : oldest(function, PRIORITY_BULK);
}

struct call *waiting_late(const struct function *function)
{
    struct call *urgent = oldest(function, PRIORITY_URGENT);
    struct call *bulk = oldest(function, PRIORITY_BULK);
    return !bulk || (urgent && urgent->wait_until_ns <= bulk->wait_until_ns) ? urgent : bulk;
}

void waiting_add(struct call *call)
{
    list_append(&call->function->queue[call->priority], &call->link);
    call->function->queued++;
}

void waiting_again(struct call *call)
{
    list_prepend(&call->function->queue[call->priority], &call->link);
    call->function->queued++;
}

void waiting_remove(struct call *call)
{
    if (list_empty(&call->link))
        return;
    list_remove(&call->link);
    call->function->queued--;
}
