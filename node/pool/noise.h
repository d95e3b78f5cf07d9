/*
 * noise.h: how much a function may say that nobody asked for: log records, lines on its
 * console, doorbells with nothing behind them. Pure functions; any thread.
 */
#ifndef MF_NODE_POOL_NOISE_H
#define MF_NODE_POOL_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct noise {
    uint64_t charged_ns; /* each one adds its share of a second */
};

void noise_add(struct noise *noise, uint64_t now_ns);

/* More than MF_NOISE_PER_S after a burst of MF_NOISE_BURST: not to be listened to now. */
bool noise_too_much(const struct noise *noise, uint64_t now_ns);

#endif
