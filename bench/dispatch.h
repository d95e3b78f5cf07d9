/* dispatch.h: how long an event that is durable waits for a warm function to run it. One thread. */
#ifndef MF_BENCH_DISPATCH_H
#define MF_BENCH_DISPATCH_H

#include <stdint.h>

#include "base/err.h"
#include "bench/samples.h"

/* A private node with that store (--store), a warm function in either sandbox that works here; so
 * many asynchronous calls, one after the other. */
MF_CHECKED mf_err dispatch_measure(const char *store_url, uint32_t count, struct samples *us,
                                   struct mf_why *why);

#endif
