/*
 * heap.c: see heap.h.
 * Small things come from pages that are cut into blocks of one size; a page once cut stays
 * cut. Larger ones are runs of pages; free runs are a list in the order of addresses, each
 * entry in the run's own first page, and neighbours are joined.
 * Guarantees: nothing is open, so nothing is written, before somebody takes something; what
 * is handed out is zero; large runs that are given back are the node's again.
 * Leaves to others: who takes how much (each has a bound of its own).
 * Owns the part of the window above space.high.
 */
#include "kernel/core/heap.h"

#include "kernel/core/assert.h"
#include "kernel/core/limits.h"
#include "kernel/core/space.h"
#include "kernel/core/string.h"

struct block {
    struct block *next;
};

struct run {
    struct run *next; /* at a higher address                    */
    uint32_t pages;
    uint32_t clean; /* all zero behind this entry             */
};

static const uint16_t class_bytes[] = {16, 32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048};
#define CLASSES (sizeof class_bytes / sizeof class_bytes[0])
#define BLOCK_BYTES_MAX 2048u

static struct {
    uint32_t low, open, high; /* pages: open from low to open */
    uint64_t used_bytes;
    struct run *runs;
    struct block *blocks[CLASSES];
} heap;

static void *take_pages(uint32_t pages);
static void give_pages(void *at, uint32_t pages, bool clean);

void heap_start(void)
{
    uint32_t share = (space.high - space.stack_top) / HEAP_SHARE;
    heap.high = space.high;
    heap.low = heap.open = space.high - share;
    space.high = heap.low;
}

/* The smallest class that holds so much. */
static unsigned class_of(size_t bytes)
{
    unsigned class = 0;
    while (class_bytes[class] < bytes)
        class++;
    return class;
}

static struct block *cut_page(unsigned class)
{
    uint8_t *page = take_pages(1);
    if (!page)
        return NULL;
    struct block *first = NULL;
    uint32_t count = MF_PAGE_BYTES / class_bytes[class];
    for (uint32_t i = count; i-- > 0;) {
        struct block *block = (struct block *)(void *)(page + i * class_bytes[class]);
        block->next = first;
        first = block;
    }
    return first;
}

void *heap_take(size_t bytes)
{
    mf_assert(bytes > 0);
    if (bytes > BLOCK_BYTES_MAX) {
        if (bytes > address_of(heap.high - heap.low))
            return NULL;
        return take_pages(page_after(bytes));
    }
    unsigned class = class_of(bytes);
    struct block *block = heap.blocks[class];
    if (!block)
        block = cut_page(class);
    if (!block)
        return NULL;
    heap.blocks[class] = block->next;
    return memset(block, 0, class_bytes[class]);
}

void heap_give(void *at, size_t bytes)
{
    if (!at)
        return;
    uint64_t address = (uintptr_t)at;
    mf_assert(address >= address_of(heap.low) && address < address_of(heap.open));
    if (bytes > BLOCK_BYTES_MAX) {
        uint32_t pages = page_after(bytes);
        bool clean = pages >= HEAP_DISCARD_PAGES &&
                     space_discard(page_of(address), page_of(address) + pages) == 0;
        give_pages(at, pages, clean);
        return;
    }
    unsigned class = class_of(bytes);
    struct block *block = at;
    block->next = heap.blocks[class];
    heap.blocks[class] = block;
}

void heap_usage(uint64_t *used, uint64_t *total)
{
    *used = heap.used_bytes;
    *total = address_of(heap.high - heap.low);
}

/* Open more, at least so many pages, as a free run. */
static bool grow(uint32_t pages)
{
    uint32_t step = page_of(GRANULE_BYTES), left = heap.high - heap.open;
    if (step < pages)
        step = pages;
    if (step > left)
        step = left;
    if (step < pages || !regions_room(&space.regions, REGIONS_STEP) ||
        space_set(heap.open, heap.open + step, PROT_RW) != 0)
        return false;
    uint32_t from = heap.open;
    heap.open += step;
    regions_add(&space.regions, (struct region){
        .start = from, .end = heap.open, .prot = PROT_RW, .kind = REGION_KERNEL});
    heap.used_bytes += address_of(step);
    give_pages((void *)address_of(from), step, true);
    return true;
}

/* From a run's end, so that its entry stays where it is. */
static void *take_pages(uint32_t pages)
{
    struct run **link = &heap.runs;
    while (*link && (*link)->pages < pages)
        link = &(*link)->next;
    if (!*link)
        return grow(pages) ? take_pages(pages) : NULL;
    struct run *run = *link;
    uint8_t *at = (uint8_t *)run + address_of(run->pages - pages);
    bool clean = run->clean;
    run->pages -= pages;
    if (run->pages == 0) {
        *link = run->next;
        *run = (struct run){0};
    }
    heap.used_bytes += address_of(pages);
    return clean ? at : memset(at, 0, address_of(pages));
}

/* Make one run of it and the one after it, if they touch. */
static void join(struct run *run)
{
    struct run *next = run->next;
    if (!next || (uint8_t *)run + address_of(run->pages) != (uint8_t *)next)
        return;
    run->pages += next->pages;
    run->clean &= next->clean;
    run->next = next->next;
    *next = (struct run){0};
}

static void give_pages(void *at, uint32_t pages, bool clean)
{
    struct run *run = at, *before = NULL;
    struct run **link = &heap.runs;
    while (*link && *link < run) {
        before = *link;
        link = &before->next;
    }
    *run = (struct run){.next = *link, .pages = pages, .clean = clean};
    *link = run;
    heap.used_bytes -= address_of(pages);
    join(run);
    if (before)
        join(before);
}
