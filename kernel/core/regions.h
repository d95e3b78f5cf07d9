/*
 * regions.h: who owns which pages of the program's address space. A sorted list of
 * ranges that do not overlap; no memory access, no hypercalls: memory.c acts.
 * Ranges are in pages, [start, end). Nothing here knows what a page allows in the
 * monitor's eyes; prot is what its owner asked for.
 */
#ifndef KERNEL_CORE_REGIONS_H
#define KERNEL_CORE_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/core/limits.h"

enum region_kind {
    REGION_SPARE,   /* open, zero, nobody's: may be handed out without a hypercall */
    REGION_PROGRAM, /* a segment of the program                                     */
    REGION_GUARD,   /* below the stack: never accessible                            */
    REGION_STACK,   /* all that the stack may grow to                               */
    REGION_HEAP,    /* below the program break                                      */
    REGION_MAP,     /* mmap                                                         */
    REGION_KERNEL,  /* heap.c's, above all that a program may name                  */
};

struct region {
    uint32_t start, end;
    uint8_t prot; /* MF_PROT_… and the flags below */
    uint8_t kind;
    bool wipe; /* its content is gone when the instance is frozen */
    uint8_t reserved;
};
#define REGION_TEXT 16u   /* of the image, as that has it                            */
#define REGION_BEHIND 32u /* of a mapping, behind its file's end: not accessible, whatever is asked for */
#define REGION_STALE 8u   /* not accessible, and to be discarded before it is again */

struct regions {
    uint32_t count;
    struct region region[REGIONS_MAX];
};

/* Room for n more entries? An operation below adds at most REGIONS_STEP. */
#define REGIONS_STEP 2u
bool regions_room(const struct regions *regions, uint32_t n);
/* Room for the entries that borders at start and end would make of those there? */
bool regions_room_borders(const struct regions *regions, uint32_t start, uint32_t end);

/* Index of the first region that ends after page; count if none does. */
uint32_t regions_find(const struct regions *regions, uint32_t page);

/* Nobody's, spare or not, all of it? */
bool regions_free(const struct regions *regions, uint32_t start, uint32_t end);
/* Somebody's, all of it? */
bool regions_owned(const struct regions *regions, uint32_t start, uint32_t end);
/* The region that holds page, NULL if it is nobody's and not spare. */
const struct region *regions_at(const struct regions *regions, uint32_t page);

/* Take [start, end) out of the list, whatever stands there. Needs room. */
void regions_cut(struct regions *regions, uint32_t start, uint32_t end);
/* Put in a region where nothing stands; joins like neighbours. Needs room. */
void regions_add(struct regions *regions, struct region region);
/* Set the protection of what stands within [start, end). Needs room. */
void regions_protect(struct regions *regions, uint32_t start, uint32_t end, uint8_t prot);
/* Likewise, whether it is wiped at the freeze. Needs room. */
void regions_wipe(struct regions *regions, uint32_t start, uint32_t end, bool wipe);

/* The highest free place for pages within [low, high), at a multiple of align (a power of two, in
 * pages): its start, 0 if none. */
uint32_t regions_place(const struct regions *regions, uint32_t low, uint32_t high,
                       uint32_t pages, uint32_t align);

/* Borders, within [low, high), of the stretch without any region around page, where
 * none may stand. */
void regions_gap(const struct regions *regions, uint32_t page, uint32_t low, uint32_t high,
                 uint32_t *start, uint32_t *end);

#endif
