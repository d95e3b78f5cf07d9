/* budget.h: so many bytes and no more. One thread. */
#ifndef MF_NODE_LOOP_BUDGET_H
#define MF_NODE_LOOP_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct budget {
    uint64_t used, limit;
};

/* False: there is not so much left; nothing is taken. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
    if (bytes > budget->limit - budget->used)
        return false;
    budget->used += bytes;
    return true;
}

static inline void budget_give(struct budget *budget, size_t bytes)
{
    mf_assert(bytes <= budget->used);
    budget->used -= bytes;
}

#endif
