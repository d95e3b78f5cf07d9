/*
 * timer.c: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986) of intrusive
 * nodes: set is O(1), stop and fire O(log n) amortised.
 * Guarantees: timers fire in the order of their times, each once per setting; one
 * set for a time already past waits for the next timers_fire().
 * Owns nothing. One thread.
 */
#include "node/loop/timer.h"

#include <stddef.h>

#include "base/err.h"

static struct timer *meld(struct timer *a, struct timer *b);
static struct timer *meld_siblings(struct timer *first);
static void cut(struct timer *timer);

void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns)
{
    mf_assert(timer->fire);
    if (timer->armed && timer->at_ns == at_ns)
        return;
    timer_stop(timers, timer);
    if (at_ns == TIMER_NEVER)
        return;
    /* Not again within the timers_fire() that it may be set from: that would not end. */
    timer->at_ns = at_ns > timers->fired_ns ? at_ns : timers->fired_ns + 1;
    timer->armed = true;
    timers->first = meld(timers->first, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (!timer->armed)
        return;
    struct timer *children = meld_siblings(timer->child);
    timer->child = NULL;
    timer->armed = false;
    if (timers->first == timer) {
        timers->first = children;
        return;
    }
    cut(timer);
    timers->first = meld(timers->first, children);
}

void timers_clock_set(struct timers *timers, uint64_t now_ns)
{
    timers->fired_ns = now_ns;
}

uint64_t timers_next(const struct timers *timers)
{
    return timers->first ? timers->first->at_ns : TIMER_NEVER;
}

bool timers_fire(struct timers *timers, uint64_t now_ns)
{
    bool any = false;
    if (now_ns > timers->fired_ns)
        timers->fired_ns = now_ns;
    while (timers->first && timers->first->at_ns <= now_ns) {
        struct timer *timer = timers->first;
        timer_stop(timers, timer);
        timer->fire(timer, now_ns);
        any = true;
    }
    return any;
}

static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->at_ns < a->at_ns) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->parent = a;
    b->sibling = a->child;
    if (a->child)
        a->child->parent = b;
    a->child = b;
    return a;
}

/* Two passes: pairs from the left, then all from the right. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL;
    while (first) {
        struct timer *a = first, *b = a->sibling;
        first = b ? b->sibling : NULL;
        a->parent = a->sibling = NULL;
        if (b)
            b->parent = b->sibling = NULL;
        struct timer *pair = meld(a, b);
        pair->sibling = pairs; /* the pairs so far, latest first */
        pairs = pair;
    }
    struct timer *root = NULL;
    while (pairs) {
        struct timer *pair = pairs;
        pairs = pair->sibling;
        pair->sibling = NULL;
        root = meld(root, pair);
    }
    return root;
}

/* Out of its parent's list of children. */
static void cut(struct timer *timer)
{
    mf_assert(timer->parent);
    if (timer->parent->child == timer)
        timer->parent->child = timer->sibling;
    else
        timer->parent->sibling = timer->sibling;
    if (timer->sibling)
        timer->sibling->parent = timer->parent;
    timer->parent = timer->sibling = NULL;
}
