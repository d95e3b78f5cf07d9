/*
 * regions.c: the list of regions.
 * Guarantees: sorted, no overlap, no empty region, like neighbours joined; one owner
 * for every page. Leaves to others: to ask for room first (regions_room()).
 * Owns the list's entries.
 */
#include "kernel/core/regions.h"

#include "kernel/core/assert.h"
#include "kernel/core/string.h"

static void insert(struct regions *regions, uint32_t at, struct region region);
static void erase(struct regions *regions, uint32_t at, uint32_t count);
static bool inside(const struct regions *regions, uint32_t page);
static void split(struct regions *regions, uint32_t page);
static uint32_t cut_out(struct regions *regions, uint32_t start, uint32_t end, uint32_t *first);
static void join_all(struct regions *regions, uint32_t first, uint32_t last);
static void join(struct regions *regions, uint32_t at);

bool regions_room(const struct regions *regions, uint32_t n)
{
    return n <= REGIONS_MAX - regions->count;
}

bool regions_room_borders(const struct regions *regions, uint32_t start, uint32_t end)
{
    return regions_room(regions, (uint32_t)inside(regions, start) + inside(regions, end));
}

uint32_t regions_find(const struct regions *regions, uint32_t page)
{
    uint32_t low = 0, high = regions->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (regions->region[middle].end > page)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool regions_free(const struct regions *regions, uint32_t start, uint32_t end)
{
    for (uint32_t i = regions_find(regions, start); i < regions->count; i++) {
        if (regions->region[i].start >= end)
            break;
        if (regions->region[i].kind != REGION_SPARE)
            return false;
    }
    return true;
}

bool regions_owned(const struct regions *regions, uint32_t start, uint32_t end)
{
    for (uint32_t i = regions_find(regions, start); start < end; i++) {
        if (i == regions->count || regions->region[i].start > start ||
            regions->region[i].kind == REGION_SPARE)
            return false;
        start = regions->region[i].end;
    }
    return true;
}

const struct region *regions_at(const struct regions *regions, uint32_t page)
{
    uint32_t i = regions_find(regions, page);
    bool holds = i < regions->count && regions->region[i].start <= page;
    return holds ? &regions->region[i] : NULL;
}

void regions_cut(struct regions *regions, uint32_t start, uint32_t end)
{
    uint32_t first, last = cut_out(regions, start, end, &first);
    erase(regions, first, last - first);
}

void regions_add(struct regions *regions, struct region region)
{
    uint32_t at = regions_find(regions, region.start);
    mf_assert(region.start < region.end);
    mf_assert(at == regions->count || regions->region[at].start >= region.end);
    insert(regions, at, region);
    join(regions, at);
    if (at > 0)
        join(regions, at - 1);
}

void regions_protect(struct regions *regions, uint32_t start, uint32_t end, uint8_t prot)
{
    uint32_t first, last = cut_out(regions, start, end, &first);
    for (uint32_t i = first; i < last; i++)
        regions->region[i].prot = prot;
    join_all(regions, first, last);
}

void regions_wipe(struct regions *regions, uint32_t start, uint32_t end, bool wipe)
{
    uint32_t first, last = cut_out(regions, start, end, &first);
    for (uint32_t i = first; i < last; i++)
        regions->region[i].wipe = wipe;
    join_all(regions, first, last);
}

/* The highest place in the free stretch [from, top); 0: it is too small. */
static uint32_t place_in(uint32_t from, uint32_t top, uint32_t pages, uint32_t align)
{
    if (top <= from || top - from < pages)
        return 0;
    uint32_t start = (top - pages) & ~(align - 1);
    return start >= from ? start : 0;
}

uint32_t regions_place(const struct regions *regions, uint32_t low, uint32_t high,
                       uint32_t pages, uint32_t align)
{
    uint32_t top = high; /* of the free stretch being measured */
    for (uint32_t i = regions->count; i-- > 0 && regions->region[i].end > low;) {
        const struct region *region = &regions->region[i];
        if (region->kind == REGION_SPARE || region->start >= high)
            continue;
        uint32_t start = place_in(region->end, top, pages, align);
        if (start)
            return start;
        top = region->start;
    }
    return place_in(low, top, pages, align);
}

void regions_gap(const struct regions *regions, uint32_t page, uint32_t low, uint32_t high,
                 uint32_t *start, uint32_t *end)
{
    uint32_t i = regions_find(regions, page);
    mf_assert(i == regions->count || regions->region[i].start > page);
    *start = i > 0 && regions->region[i - 1].end > low ? regions->region[i - 1].end : low;
    *end = i < regions->count && regions->region[i].start < high ? regions->region[i].start : high;
}

static void insert(struct regions *regions, uint32_t at, struct region region)
{
    mf_assert(regions->count < REGIONS_MAX);
    memmove(&regions->region[at + 1], &regions->region[at],
            (regions->count - at) * sizeof regions->region[0]);
    regions->region[at] = region;
    regions->count++;
}

static void erase(struct regions *regions, uint32_t at, uint32_t count)
{
    mf_assert(at + count <= regions->count);
    memmove(&regions->region[at], &regions->region[at + count],
            (regions->count - at - count) * sizeof regions->region[0]);
    regions->count -= count;
}

/* Is page in the middle of a region, no border? */
static bool inside(const struct regions *regions, uint32_t page)
{
    uint32_t i = regions_find(regions, page);
    return i < regions->count && regions->region[i].start < page;
}

static void split(struct regions *regions, uint32_t page)
{
    uint32_t i = regions_find(regions, page);
    if (!inside(regions, page))
        return;
    struct region above = regions->region[i];
    above.start = page;
    regions->region[i].end = page;
    insert(regions, i + 1, above);
}

/* What stands within [start, end) as entries of their own: [first, result). */
static uint32_t cut_out(struct regions *regions, uint32_t start, uint32_t end, uint32_t *first)
{
    split(regions, start);
    split(regions, end);
    uint32_t last = *first = regions_find(regions, start);
    while (last < regions->count && regions->region[last].start < end)
        last++;
    return last;
}

/* Of [first, last) and its neighbours, those that touch and are alike. */
static void join_all(struct regions *regions, uint32_t first, uint32_t last)
{
    for (uint32_t i = last; i > first; i--) /* from above, so that indices hold */
        join(regions, i - 1);
    if (first > 0)
        join(regions, first - 1);
}

/* Make one region of at and the one after it, if they touch and are alike. */
static void join(struct regions *regions, uint32_t at)
{
    if (at + 1 >= regions->count)
        return;
    struct region *below = &regions->region[at];
    const struct region *above = below + 1;
    if (below->end != above->start || below->kind != above->kind || below->prot != above->prot ||
        below->wipe != above->wipe)
        return;
    below->end = above->end;
    erase(regions, at + 1, 1);
}
