/*
 * keep_alive.c: see keep_alive.h.
 * Guarantees: nothing but *history changes, and it only in keep_alive_event() and
 * keep_alive_idle(); every count stays within its type, whatever the times are.
 * Leaves to others: when calls come and end (dispatch.c), starting and stopping (warm.c).
 */
#include "node/pool/keep_alive.h"

#include <stddef.h>

#include "base/err.h"

static void halve(struct keep_alive_history *history);
static bool has_pattern(const struct keep_alive_history *history);
static uint32_t bin_of_percentile(const struct keep_alive_history *history, uint32_t percent);

void keep_alive_event(struct keep_alive_history *history, uint64_t now_ns)
{
    uint64_t since_ns = history->idle_since_ns;
    history->idle_since_ns = 0;
    if (since_ns == 0 || now_ns < since_ns)
        return; /* it ran, or the clock went back: no idle time is known */
    uint64_t index = (now_ns - since_ns) / KEEP_ALIVE_BIN_NS;
    uint8_t *count = index < KEEP_ALIVE_BINS ? &history->bin[index] : &history->beyond;
    if (*count == UINT8_MAX)
        halve(history);
    if (index < KEEP_ALIVE_BINS) {
        history->squares += 2u * *count + 1;
        history->inside++;
    }
    ++*count;
}

void keep_alive_idle(struct keep_alive_history *history, uint64_t now_ns)
{
    history->idle_since_ns = now_ns ? now_ns : 1;
}

struct keep_alive_decision keep_alive_decide(const struct keep_alive_policy *policy,
                                             const struct keep_alive_history *history,
                                             uint64_t now_ns)
{
    struct keep_alive_decision decision = {0, KEEP_ALIVE_NEVER};
    if (policy->kind == KEEP_ALIVE_NONE)
        return decision;
    decision.unload_after_ns = policy->fixed_ns;
    if (policy->kind == KEEP_ALIVE_FIXED || !history || !has_pattern(history))
        return decision;
    uint64_t since_ns = history->idle_since_ns && history->idle_since_ns < now_ns
                            ? history->idle_since_ns
                            : now_ns;
    uint64_t head_ns = bin_of_percentile(history, KEEP_ALIVE_HEAD_PCT) * KEEP_ALIVE_BIN_NS;
    uint64_t tail_ns = (bin_of_percentile(history, KEEP_ALIVE_TAIL_PCT) + 1) * KEEP_ALIVE_BIN_NS;
    uint64_t idle_ns = now_ns - since_ns;
    uint64_t prewarm_ns = head_ns / 100 * (100 - KEEP_ALIVE_MARGIN_PCT);
    uint64_t unload_ns = tail_ns / 100 * (100 + KEEP_ALIVE_MARGIN_PCT);
    decision.unload_after_ns = unload_ns > idle_ns ? unload_ns - idle_ns : 0;
    if (prewarm_ns >= policy->unload_min_ns && idle_ns < prewarm_ns) {
        decision.unload_after_ns = 0;
        decision.prewarm_at_ns = since_ns + prewarm_ns;
    }
    return decision;
}

struct keep_alive_decision keep_alive_next_step(const struct keep_alive_step *step)
{
    struct keep_alive_decision decision = {0, KEEP_ALIVE_NEVER};
    if (step->next_is_live || step->follows_pct < KEEP_ALIVE_FOLLOWS_PCT_MIN ||
        step->takes_ns == 0 || step->takes_ns < step->start_ns)
        return decision;
    uint64_t margin_ns = step->takes_ns / 100 * KEEP_ALIVE_MARGIN_PCT;
    uint64_t early_ns = margin_ns + step->start_ns, after_ns = 0;
    if (step->takes_ns > KEEP_ALIVE_STEP_AT_ONCE_NS && step->takes_ns > early_ns)
        after_ns = step->takes_ns - early_ns;
    decision.prewarm_at_ns = step->begun_ns + after_ns;
    decision.unload_after_ns =
        step->takes_ns - after_ns + margin_ns + KEEP_ALIVE_STEP_AT_ONCE_NS;
    return decision;
}

/* Odd counts are rounded up in every other bin, and in the others at the next halving: so
 * the sum is halved, too, and bins of one neither all vanish nor all stay for ever. */
static void halve(struct keep_alive_history *history)
{
    uint32_t inside = 0, squares = 0;
    for (uint32_t i = 0; i < KEEP_ALIVE_BINS; i++) {
        uint32_t half = (history->bin[i] + ((i + history->halvings) & 1)) / 2;
        history->bin[i] = (uint8_t)half;
        inside += half;
        squares += half * half;
    }
    history->beyond /= 2;
    history->halvings++;
    history->inside = (uint16_t)inside;
    history->squares = squares;
}

/* Enough idle times, most of them within the bins, and in few of these: the coefficient
 * of variation of n counts with sum s and sum of squares q is sqrt(n*q/s^2 - 1). */
static bool has_pattern(const struct keep_alive_history *history)
{
    uint32_t all = (uint32_t)history->inside + history->beyond;
    if (all < KEEP_ALIVE_SAMPLES_MIN || history->inside == 0 ||
        history->beyond * 100u > all * KEEP_ALIVE_BEYOND_PCT_MAX)
        return false;
    uint64_t inside = history->inside;
    return (uint64_t)KEEP_ALIVE_BINS * history->squares >=
           (KEEP_ALIVE_CV_MIN * KEEP_ALIVE_CV_MIN + 1) * inside * inside;
}

/* By nearest rank; of at least one idle time inside. */
static uint32_t bin_of_percentile(const struct keep_alive_history *history, uint32_t percent)
{
    uint32_t rank = (history->inside * percent + 99) / 100, seen = history->bin[0], i = 0;
    while (seen < rank) {
        mf_assert(i + 1 < KEEP_ALIVE_BINS); /* inside is the sum of all bins */
        seen += history->bin[++i];
    }
    return i;
}
