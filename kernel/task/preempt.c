/*
 * preempt.c: see preempt.h. Owns the count as it was last seen: of a snapshot's it is another
 * one, which makes the first answer a guess that harms nobody.
 */
#include "kernel/task/preempt.h"

#include "abi/trap.h"

static uint32_t seen;

bool kernel_preempted(void)
{
    uint32_t now = *(const volatile uint32_t *)MF_PREEMPT_COUNT;
    bool more = now != seen;
    seen = now;
    return more;
}
