/*
 * sdk.c: the contract of programs that use the SDK: the call `next` takes an event.
 * Guarantees: while `next` waits other threads run; it wakes with a message.
 * Leaves to others: the calls (event/event.c). Owns the queue of those in `next`.
 */
#include <stddef.h>

#include "abi/program.h"
#include "kernel/contract/parts.h"
#include "kernel/event/event.h"
#include "kernel/event/wire.h"
#include "kernel/task/wait.h"

static struct wait_queue in_next;

int64_t event_await(void)
{
    return wait_for(&in_next, WAIT_FOR_EVER);
}

static bool turn(void)
{
    struct mf_desc desc;
    return in_next.first && wire_peek(0, &desc) && wait_wake(&in_next, 1) > 0;
}

static bool may_freeze(void)
{
    return in_next.first != NULL;
}

const struct contract contract_sdk = {
    .name = MF_CONTRACT_SDK, .turn = turn, .may_freeze = may_freeze};
