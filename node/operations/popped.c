/*
 * popped.c: see popped.h.
 * Guarantees: what is not acknowledged comes back: with the event's end, else when its lease passes, or
 * when the node is started again.
 */
#include "node/operations/popped.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/delivery/retry.h"
#include "node/functions/function.h"
#include "node/node.h"
#include "node/pool/call.h"
#include "node/store/store.h"

struct popped {
    struct popped *next;
    struct queue *queue;
    uint64_t id;
    uint32_t attempts;
};

mf_err popped_add(struct call *call, struct queue *queue, uint64_t id, uint32_t attempts)
{
    if (call->popped_count == MF_POPS_PER_EVENT_MAX)
        return MF_EFULL;
    struct popped *popped = malloc(sizeof *popped);
    if (!popped)
        return MF_ENOMEM;
    *popped = (struct popped){call->popped, queue_again(queue), id, attempts};
    call->popped = popped;
    call->popped_count++;
    return MF_OK;
}

static mf_err give_back(const struct popped *popped, const struct function *function,
                        const struct outcome *outcome, const struct store_ask *ask)
{
    const uint32_t most = function->version ? function->version->settings.attempts_max
                                            : MF_ATTEMPTS_DEFAULT;
    char text[MF_NAME_BYTES_MAX + 128];
    if (popped->attempts < most)
        return queue_nack(popped->queue, popped->id, popped->attempts, 0, ask);
    int bytes = snprintf(text, sizeof text, "%s popped it and failed, %u attempts in all: %s",
                         function->name, popped->attempts,
                         outcome->situation == SITUATION_REPLIED ? "its reply was 500 or more"
                                                                 : situation_code(outcome->situation));
    return queue_bury(popped->queue, popped->id, popped->attempts,
                      (struct store_bytes){text, (size_t)bytes}, ask);
}

void popped_settle(struct call *call, const struct outcome *outcome)
{
    const struct function *function = call->function;
    const bool good = retry_verdict(outcome->situation, outcome->status) == VERDICT_DELIVERED;
    while (call->popped) {
        struct popped *popped = call->popped;
        const struct store_ask nobody = {delivery_now_ms(&function->node->delivery), NULL, NULL};
        mf_err ignored = good ? queue_ack(popped->queue, popped->id, popped->attempts, &nobody)
                              : give_back(popped, function, outcome, &nobody);
        (void)ignored; /* its lease ends all the same */
        call->popped = popped->next;
        queue_put(popped->queue);
        free(popped);
    }
    call->popped_count = 0;
}
