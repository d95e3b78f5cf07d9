/*
 * call.c: the situations as words, and the end of a call.
 * Loop thread only.
 */
#include "node/pool/call.h"

#include "node/functions/function.h"
#include "node/node.h"
#include "node/operations/popped.h"
#include "node/pool/waiting.h"
#include "node/pool/warm.h"

struct situation_words {
    uint32_t status;
    const char *code, *meaning;
};

static const struct situation_words words[SITUATION_COUNT] = {
#define WORDS(NAME, status, code, meaning) [SITUATION_##NAME] = {status, code, meaning},
    SITUATIONS(WORDS)
#undef WORDS
};

uint32_t situation_status(enum situation situation)
{
    mf_assert(situation < SITUATION_COUNT);
    return words[situation].status;
}

const char *situation_code(enum situation situation)
{
    mf_assert(situation < SITUATION_COUNT);
    return words[situation].code;
}

const char *situation_meaning(enum situation situation)
{
    mf_assert(situation < SITUATION_COUNT);
    return words[situation].meaning;
}

/* What the dispatcher added, freed. */
static void drop_reply(struct call *call)
{
    mf_buf_close(&call->reply_fields);
    mf_buf_close(&call->reply_body);
}

void call_let_go(struct call *call)
{
    struct function *function = call->function;
    waiting_remove(call);
    call->function = NULL;
    call->instance = NULL;
    budget_give(&function->node->budget, call->reply_charged);
    drop_reply(call);
    call->release(call);
    warm_call_gone(function);
    function_put(function);
}

void call_answer(struct call *call, const struct outcome *outcome)
{
    popped_settle(call, outcome);
    if (!call->cancelled)
        call->done(call, outcome);
    call_let_go(call);
}
