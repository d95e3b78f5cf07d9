/*
 * burst.h: how many instances were starting at once, as of late: so many blanks are worth
 * keeping. Pure: time comes as an argument.
 */
#ifndef MF_NODE_POOL_BURST_H
#define MF_NODE_POOL_BURST_H

#include <stdint.h>

#define BURST_HOLD_NS 60000000000ull /* a peak counts so long, then half, and so on */

struct burst { /* all zero: no start yet */
    uint32_t peak;
    uint64_t peak_ns; /* when it was seen last */
};

/* A start now; so many are under way with it. */
void burst_start(struct burst *burst, uint32_t starting, uint64_t now_ns);

/* Starts to expect at once: the peak, halved for every BURST_HOLD_NS since; 0: no more
 * than one. */
uint32_t burst_expected(const struct burst *burst, uint64_t now_ns);

/* When the expectation falls next if nothing happens. UINT64_MAX: never. */
uint64_t burst_falls_ns(const struct burst *burst, uint64_t now_ns);

#endif
