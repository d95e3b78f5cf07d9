/* calls.c: see calls.h. */
#include "node/delivery/calls.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void key_of(const char *call_id, uint8_t key[CALL_KEY_BYTES])
{
    (void)crypto_generichash(key, CALL_KEY_BYTES, (const uint8_t *)call_id, strlen(call_id), NULL,
                             0);
}

void calls_ended(struct calls *calls, const char *call_id, const char *function,
                 enum call_state state, uint32_t attempts, const char *words, uint64_t now_ms)
{
    if (!calls->end)
        calls->end = calloc(MF_CALLS_REMEMBERED, sizeof *calls->end);
    if (!calls->end)
        return;
    struct call_end *end = &calls->end[calls->count++ % MF_CALLS_REMEMBERED];
    *end = (struct call_end){.ended_ms = now_ms, .attempts = attempts, .state = state};
    key_of(call_id, end->key);
    memcpy(end->function, function, strnlen(function, sizeof end->function - 1)); /* the rest is 0 */
    memcpy(end->words, words, strnlen(words, sizeof end->words - 1));
}

const struct call_end *calls_find(const struct calls *calls, const char *call_id)
{
    uint8_t key[CALL_KEY_BYTES];
    uint64_t held = calls->count < MF_CALLS_REMEMBERED ? calls->count : MF_CALLS_REMEMBERED;
    key_of(call_id, key);
    for (uint64_t i = 1; i <= held; i++) {
        const struct call_end *end = &calls->end[(calls->count - i) % MF_CALLS_REMEMBERED];
        if (memcmp(end->key, key, sizeof key) == 0)
            return end;
    }
    return NULL;
}

void calls_close(struct calls *calls)
{
    free(calls->end);
    *calls = (struct calls){0};
}
