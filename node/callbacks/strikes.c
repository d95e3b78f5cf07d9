/* strikes.c: see strikes.h. Each number has one place, which it may have to leave to another. */
#include "node/callbacks/strikes.h"

static struct strike *place_of(struct strikes *strikes, uint64_t id)
{
    return &strikes->strike[id % MF_CALLBACK_STRIKES_MAX]; /* numbers ascend */
}

uint32_t strikes_add(struct strikes *strikes, uint64_t id)
{
    struct strike *strike = place_of(strikes, id);
    if (strike->id != id)
        *strike = (struct strike){.id = id};
    if (strike->times < UINT32_MAX)
        strike->times++;
    return strike->times;
}

void strikes_forget(struct strikes *strikes, uint64_t id)
{
    struct strike *strike = place_of(strikes, id);
    if (strike->id == id)
        *strike = (struct strike){0};
}
