/*
 * segment.c: see segment.h.
 * Guarantees: a base that was set is the program's until the next is set, whichever way.
 * Leaves to others: which bases a program may set (linux/process.c).
 * Owns what was set by hypercall; it is in a snapshot, so a restore must set both again.
 */
#include "kernel/x86_64/segment.h"

#include <stdbool.h>

#include "kernel/core/boot.h"
#include "kernel/core/hypercall.h"

/* What the hypercall set: no instruction reads it back. A program's own load of a selector
 * into FS or GS, which nobody makes, is not seen. */
static uint64_t remembered[2];

static bool by_hypercall(void)
{
    return boot_page()->flags & MF_BOOT_SEGMENTS;
}

uint64_t segment_base(uint32_t which)
{
    uint64_t base;
    if (by_hypercall())
        return remembered[which];
    if (which == MF_SEGMENT_FS)
        __asm__ volatile("rdfsbase %0" : "=r"(base));
    else
        __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

int segment_set_base(uint32_t which, uint64_t base)
{
    if (by_hypercall()) {
        int error = hypercall_segment(which, base);
        if (!error)
            remembered[which] = base;
        return error;
    }
    if (which == MF_SEGMENT_FS)
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    return 0;
}
