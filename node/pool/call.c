/*
 * call.c: the situations as words, and what a call holds of its reply.
 * Loop thread only.
 */
#include "node/pool/call.h"

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

void call_drop_reply(struct call *call)
{
    mf_buf_close(&call->reply_fields);
    mf_buf_close(&call->reply_body);
}
