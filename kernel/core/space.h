/*
 * space.h: pages and their owners: the list of regions and the monitor's protection,
 * kept in step. Ranges are in pages, [start, end). Results are 0 or -errno. Only for
 * memory.c, which answers for what it changes in the list itself.
 */
#ifndef KERNEL_CORE_SPACE_H
#define KERNEL_CORE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/boot.h"
#include "abi/hypercall.h"
#include "abi/snapshot.h"
#include "kernel/core/regions.h"

#define PROT_RW (MF_PROT_READ | MF_PROT_WRITE)
#define PROT_ALL (PROT_RW | MF_PROT_EXECUTE)

struct space {
    uint32_t first, high; /* pages the program may own: [first, high) */
    uint32_t image_end;   /* below it the monitor's `discard` may bring the file back */
    uint32_t stack_low, stack_open, stack_top;
    bool jit;             /* memory may become executable (abi/boot.h) */
    uint64_t heap_start, heap_break;
    struct regions regions; /* last: few of its entries are ever written */
};
extern struct space space;

static inline uint32_t page_of(uint64_t address)
{
    return (uint32_t)(address / MF_PAGE_BYTES);
}

static inline uint32_t page_after(uint64_t address)
{
    return (uint32_t)((address + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES);
}

static inline uint64_t address_of(uint32_t page)
{
    return (uint64_t)page * MF_PAGE_BYTES;
}

/* Is it a range of the program's space, page-aligned, not empty? */
bool space_decode(uint64_t address, uint64_t bytes, uint32_t *start, uint32_t *end);

/* Lay out program, guard, stack and heap, and open what a start needs. */
int space_start(const struct mf_boot *boot);

/* As at the start again, but that of the program nothing is anybody's, and stack_pages more of the stack are
 * open. */
int space_renew(uint32_t stack_pages);

/* All that is open, or was changed since the start, as `protect` has it: how many
 * entries (abi/snapshot.h). Neighbours alike are one. most + 1: they are more than to has room for. */
uint32_t space_ranges(struct mf_range *to, uint32_t most);

/* What the monitor allows. */
int space_set(uint32_t start, uint32_t end, uint32_t prot);
/* This is what a snapshot has; from now on, thus in its clones, what is discarded there is cleared, too. */
void space_frozen(const struct mf_range *ranges, uint32_t count);
/* Contents gone; pages of the image, and of a snapshot, are readable and writable afterwards. */
int space_discard(uint32_t start, uint32_t end);
/* Contents gone, all as its owners had it otherwise. */
int space_zero(uint32_t start, uint32_t end);
/* Likewise all that no snapshot is to hold: what is marked so, and what nobody will read
 * before it is discarded. */
int space_wipe(void);

/* Give a free range to an owner: zero, with the protection that the region names. */
int space_claim(struct region region, bool upwards);
/* Take whatever a range's owners have: contents gone, inaccessible, nobody's. Spare
 * parts stay as they are. */
int space_release(uint32_t start, uint32_t end);

#endif
