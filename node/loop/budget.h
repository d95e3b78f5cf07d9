/* budget.h: so many bytes and no more. Any thread. */
#ifndef MF_NODE_LOOP_BUDGET_H
#define MF_NODE_LOOP_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct budget {
    _Atomic uint64_t used;
    uint64_t limit;
};

/* False: there is not so much left; nothing is taken. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
    uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do
        if (bytes > budget->limit - used)
            return false;
    while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                  memory_order_relaxed, memory_order_relaxed));
    return true;
}

static inline void budget_give(struct budget *budget, size_t bytes)
{
    uint64_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    mf_assert(bytes <= before);
}

#endif
