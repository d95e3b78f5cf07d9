/* backoff.c: see backoff.h. Pure functions; any thread. */
#include "node/pool/backoff.h"

#include <stdio.h>

#include "base/clock.h"

#define EVERY_NS (BACKOFF_EVERY_MS * MF_NS_PER_MS)
#define BURST_NS (BACKOFF_BURST * EVERY_NS)

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t pause_ns(uint32_t in_a_row)
{
    uint64_t ms = BACKOFF_FIRST_MS;
    if (in_a_row <= BACKOFF_FREE)
        return 0;
    for (uint32_t i = BACKOFF_FREE + 1; i < in_a_row && ms < BACKOFF_MS_MAX; i++)
        ms *= 2;
    return (ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX) * MF_NS_PER_MS;
}

void backoff_fault(struct backoff *backoff, uint64_t now_ns)
{
    backoff_kill(backoff, now_ns);
    if (backoff->in_a_row < UINT32_MAX)
        backoff->in_a_row++;
    if (backoff->in_a_row > BACKOFF_FREE)
        backoff->pause_ns = now_ns + pause_ns(backoff->in_a_row);
}

void backoff_kill(struct backoff *backoff, uint64_t now_ns)
{
    backoff->charged_ns = later(backoff->charged_ns, now_ns) + EVERY_NS;
}

void backoff_answer(struct backoff *backoff)
{
    backoff->in_a_row = 0;
    backoff->pause_ns = 0;
}

void backoff_redeployed(struct backoff *backoff)
{
    backoff_answer(backoff);
}

void backoff_start(struct backoff *backoff, uint64_t now_ns)
{
    if (backoff->in_a_row > BACKOFF_FREE)
        backoff->pause_ns = now_ns + pause_ns(backoff->in_a_row);
}

uint64_t backoff_until_ns(const struct backoff *backoff)
{
    uint64_t rationed_ns = backoff->charged_ns > BURST_NS ? backoff->charged_ns - BURST_NS : 0;
    return later(backoff->pause_ns, rationed_ns);
}

bool backoff_words(const struct backoff *backoff, uint64_t now_ns, char words[BACKOFF_WORDS_BYTES])
{
    uint64_t until_ns = backoff_until_ns(backoff);
    if (until_ns <= now_ns)
        return false;
    (void)snprintf(words, BACKOFF_WORDS_BYTES,
                   "this function's instances end too often (%u faults since its last answer): "
                   "the next one starts in %llu ms at the earliest",
                   backoff->in_a_row,
                   (unsigned long long)((until_ns - now_ns + MF_NS_PER_MS - 1) / MF_NS_PER_MS));
    return true;
}
