/*
 * retry.h: what an attempt's outcome means for its event, and when the next one is due.
 * Pure functions: chance is passed in. Any thread.
 */
#ifndef MF_NODE_DELIVERY_RETRY_H
#define MF_NODE_DELIVERY_RETRY_H

#include <stdint.h>

#include "node/pool/call.h"

enum verdict {
    VERDICT_DELIVERED, /* the function took it: a status below 500. 4xx, too: it has looked at
                          the event and does not want it; again would be no different         */
    VERDICT_FAILED,    /* 5xx, an error, a fault, a breach, the deadline: an attempt, counted  */
    VERDICT_OVERLOAD,  /* it never began, for want of an instance or memory: not an attempt    */
    VERDICT_RETURN,    /* not here and now: the node stops, the function was removed, or stopped */
};

enum verdict retry_verdict(enum situation situation, uint32_t status);

/* After so many attempts (1 …): MF_RETRY_MS_FIRST, doubled with each, MF_RETRY_MS_MAX at most;
 * of that a random part from one half to all, so that what failed together does not come
 * back together. chance: any number, evenly distributed. */
uint64_t retry_delay_ms(uint32_t attempts, uint32_t chance);

/* The same for an event in hand that found no instance so many times (1 …) in a row. */
uint64_t retry_overload_ms(uint32_t times, uint32_t chance);

/* For a store that failed so many times (1 …) in a row. Not random: there is one of it. */
uint64_t retry_trouble_ms(uint32_t times);

#endif
