/*
 * memory.c: what a program may ask of its address space.
 * Guarantees: decode, then act; a refusal has no effect but that memory may have been
 * opened ahead. Leaves to others: Linux's flags (linux/memory.c), faults (trap.c),
 * pages and their owners (space.c). Owns the break.
 */
#include "kernel/core/memory.h"

#include <asm/errno.h>

#include "kernel/core/space.h"
#include "kernel/core/string.h"

static int64_t move(uint32_t start, uint32_t old_pages, uint32_t new_pages, uint32_t to);

int memory_start(const struct mf_boot *boot)
{
    return space_start(boot);
}

uint64_t memory_stack_top(void)
{
    return address_of(space.stack_top);
}

uint64_t memory_stack_bytes(void)
{
    return address_of(space.stack_top - space.stack_low);
}

bool memory_grow_stack(uint64_t address)
{
    uint32_t page = page_of(address);
    if (address >= memory_stack_top() || page < space.stack_low || page >= space.stack_open)
        return false;
    const struct region *region = regions_at(&space.regions, page);
    if (!region || region->kind != REGION_STACK || region->prot != PROT_RW)
        return false;
    uint32_t granule = page_of(GRANULE_BYTES);
    uint32_t open = page - space.stack_low < granule ? space.stack_low : page - granule;
    if (open < region->start)
        open = region->start;
    uint32_t end = region->end < space.stack_open ? region->end : space.stack_open;
    if (space_set(open, end, PROT_RW) != 0)
        return false;
    space.stack_open = open;
    return true;
}

bool memory_is_guard(uint64_t address)
{
    if (address >= address_of(space.high))
        return false;
    const struct region *region = regions_at(&space.regions, page_of(address));
    return region && region->kind == REGION_GUARD;
}

bool memory_is_owned(uint64_t address)
{
    if (address >= address_of(space.high))
        return false;
    const struct region *region = regions_at(&space.regions, page_of(address));
    return region && region->kind != REGION_SPARE && region->kind != REGION_GUARD;
}

uint64_t memory_break(uint64_t address)
{
    if (address < space.heap_start || address > address_of(space.high))
        return space.heap_break;
    uint32_t old_end = page_after(space.heap_break);
    uint32_t new_end = page_after(address);
    if (new_end > old_end) {
        if (!regions_free(&space.regions, old_end, new_end))
            return space.heap_break;
        struct region region = {
            .start = old_end, .end = new_end, .prot = PROT_RW, .kind = REGION_HEAP};
        if (space_claim(region, true) != 0)
            return space.heap_break;
    } else if (new_end < old_end && space_release(new_end, old_end) != 0) {
        return space.heap_break;
    }
    space.heap_break = address;
    return address;
}

/* What a place that is asked for is aligned to, in pages. Runtimes that need it so (V8: 256 KiB)
 * ask for an aligned place anywhere, and give back what is none. */
static uint32_t alignment_of(uint64_t hint)
{
    uint64_t lowest = hint & -hint;
    return lowest > MF_LARGE_PAGE_BYTES ? page_of(MF_LARGE_PAGE_BYTES)
           : lowest > MF_PAGE_BYTES     ? page_of(lowest)
                                        : 1;
}

static uint32_t place(uint32_t pages, uint32_t align)
{
    uint32_t start = regions_place(&space.regions, space.stack_top, space.high, pages, align);
    return start ? start : regions_place(&space.regions, space.stack_top, space.high, pages, 1);
}

int64_t memory_map(uint64_t hint, uint64_t bytes, uint32_t prot)
{
    uint32_t start, end;
    bool at_hint = hint != 0 && space_decode(hint, bytes, &start, &end) &&
                   start >= space.stack_top && regions_free(&space.regions, start, end);
    if (!at_hint) {
        if (bytes == 0 || bytes > address_of(space.high - space.stack_top))
            return -ENOMEM;
        start = place(page_of(bytes), alignment_of(hint));
        end = start + page_of(bytes);
        if (start == 0)
            return -ENOMEM;
    }
    struct region region = {
        .start = start, .end = end, .prot = (uint8_t)prot, .kind = REGION_MAP};
    int error = space_claim(region, false);
    return error ? error : (int64_t)address_of(start);
}

int memory_behind(uint64_t address, uint64_t bytes, bool behind)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end) || !regions_owned(&space.regions, start, end) ||
        !regions_room_borders(&space.regions, start, end))
        return -ENOMEM;
    int error = space_set(start, end, behind ? MF_PROT_NONE : PROT_RW);
    if (!error)
        regions_protect(&space.regions, start, end, behind ? REGION_BEHIND : PROT_RW);
    return error;
}

bool memory_is_behind(uint64_t address)
{
    if (address >= address_of(space.high))
        return false;
    const struct region *region = regions_at(&space.regions, page_of(address));
    return region && region->prot & REGION_BEHIND;
}

int64_t memory_map_fixed(uint64_t address, uint64_t bytes, uint32_t prot, bool replace)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end))
        return -ENOMEM;
    if (!replace && !regions_free(&space.regions, start, end))
        return -EEXIST;
    struct region region = {
        .start = start, .end = end, .prot = (uint8_t)prot, .kind = REGION_MAP};
    /* A guard page inside a heap, as C libraries make them: one exit, not two. */
    if (prot == MF_PROT_NONE && regions_owned(&space.regions, start, end) &&
        regions_room(&space.regions, 2 * REGIONS_STEP)) {
        int error = space_set(start, end, MF_PROT_NONE);
        if (error)
            return error;
        region.prot = REGION_STALE;
        regions_cut(&space.regions, start, end);
        regions_add(&space.regions, region);
        return (int64_t)address;
    }
    int error = space_release(start, end);
    if (!error)
        error = space_claim(region, false);
    return error ? error : (int64_t)address;
}

int memory_unmap(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end))
        return -EINVAL;
    return space_release(start, end);
}

static int protect(uint32_t start, uint32_t end, uint32_t prot)
{
    if (!regions_room_borders(&space.regions, start, end))
        return -ENOMEM;
    for (uint32_t page = start; prot != MF_PROT_NONE && page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        uint32_t region_end = region->end < end ? region->end : end;
        int error = region->prot & REGION_STALE ? space_discard(page, region_end) : 0;
        if (error)
            return error;
        page = region_end;
    }
    int error = space_set(start, end, prot);
    if (!error)
        regions_protect(&space.regions, start, end, (uint8_t)prot);
    return error;
}

/* From start on, what is owned without a hole. */
static uint32_t owned_end(uint32_t start, uint32_t end)
{
    const struct region *region;
    while (start < end && (region = regions_at(&space.regions, start)) && region->kind != REGION_SPARE)
        start = region->end;
    return start < end ? start : end;
}

int memory_protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end))
        return -ENOMEM;
    uint32_t owned = owned_end(start, end); /* as Linux: what is before a hole is changed all the same */
    int error = 0;
    for (uint32_t page = start, stop; !error && page < owned; page = stop) {
        bool behind = memory_is_behind(address_of(page)); /* stays so */
        for (stop = page; stop < owned && memory_is_behind(address_of(stop)) == behind;)
            stop = regions_at(&space.regions, stop)->end;
        stop = stop < owned ? stop : owned;
        error = behind ? 0 : protect(page, stop, prot);
    }
    return error ? error : owned < end ? -ENOMEM : 0;
}

int memory_discard(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end) || !regions_owned(&space.regions, start, end))
        return -ENOMEM;
    for (uint32_t page = start; page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        if (region->kind == REGION_PROGRAM) /* Linux would read the file again */
            return -EINVAL;
        page = region->end;
    }
    return space_zero(start, end);
}

int memory_wipe(uint64_t address, uint64_t bytes, bool wipe)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end) || !regions_owned(&space.regions, start, end))
        return -ENOMEM;
    for (uint32_t page = start; wipe && page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        if (region->kind != REGION_HEAP && region->kind != REGION_MAP)
            return -EINVAL;
        page = region->end;
    }
    if (!regions_room(&space.regions, REGIONS_STEP))
        return -ENOMEM;
    regions_wipe(&space.regions, start, end, wipe);
    return 0;
}

int memory_renew(uint64_t stack_bytes)
{
    return space_renew(page_after(stack_bytes));
}

int memory_adopt(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end) || end > space.image_end ||
        !regions_free(&space.regions, start, end))
        return -EEXIST;
    if (!regions_room(&space.regions, REGIONS_STEP))
        return -ENOMEM;
    regions_add(&space.regions, (struct region){.start = start,
                                                .end = end,
                                                .prot = MF_PROT_READ | REGION_TEXT,
                                                .kind = REGION_PROGRAM});
    return 0;
}

bool memory_may_execute(void)
{
    return space.jit;
}

bool memory_executes(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!space_decode(address, bytes, &start, &end))
        return false;
    for (uint32_t page = start; page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        if (!region || !(region->prot & REGION_TEXT))
            return false;
        page = region->end;
    }
    return true;
}

void memory_fill(uint64_t address, const void *from, uint64_t bytes, uint64_t length)
{
    memcpy((void *)address, from, bytes);
    memset((void *)(address + bytes), 0, length - bytes);
}

int64_t memory_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes,
                     enum memory_move where, uint64_t to)
{
    uint32_t start, end, to_start = 0, to_end;
    if (!space_decode(address, old_bytes, &start, &end) || !regions_owned(&space.regions, start, end))
        return -EFAULT;
    const struct region *region = regions_at(&space.regions, start);
    if (region->end < end || region->kind == REGION_PROGRAM || region->kind == REGION_GUARD)
        return -EFAULT; /* one kind, one protection, as Linux wants it */
    if (new_bytes == 0 || new_bytes > address_of(space.high))
        return -ENOMEM;
    uint32_t old_pages = end - start, new_pages = page_of(new_bytes);
    if (where == MEMORY_MOVE_TO) {
        if (!space_decode(to, new_bytes, &to_start, &to_end) || (to_start < end && start < to_end))
            return -EINVAL;
        int error = space_release(to_start, to_end);
        return error ? error : move(start, old_pages, new_pages, to_start);
    }
    if (new_pages <= old_pages) {
        int error = new_pages < old_pages ? space_release(start + new_pages, end) : 0;
        return error ? error : (int64_t)address;
    }
    if (new_pages <= space.high - start && region->kind == REGION_MAP && region->end == end &&
        regions_free(&space.regions, end, start + new_pages)) {
        struct region more = *region;
        more.start = end;
        more.end = start + new_pages;
        int error = space_claim(more, true);
        return error ? error : (int64_t)address;
    }
    if (where == MEMORY_STAY)
        return -ENOMEM;
    to_start = place(new_pages, 1);
    return to_start ? move(start, old_pages, new_pages, to_start) : -ENOMEM;
}

void memory_usage(uint64_t *used, uint64_t *total)
{
    *total = address_of(space.high - space.first);
    *used = 0;
    for (uint32_t i = 0; i < space.regions.count; i++) {
        const struct region *region = &space.regions.region[i];
        if (region->kind != REGION_SPARE && region->kind != REGION_GUARD)
            *used += address_of(region->end - region->start);
    }
}

static bool page_is_zero(uint32_t page)
{
    const uint64_t *word = (const uint64_t *)address_of(page);
    for (uint32_t i = 0; i < MF_PAGE_BYTES / sizeof *word; i++)
        if (word[i])
            return false;
    return true;
}

/* A region's content to a free place of another size; the old one is released. Pages
 * of zeros are not written, so that what was never touched stays untouched. */
static int64_t move(uint32_t start, uint32_t old_pages, uint32_t new_pages, uint32_t to)
{
    struct region region = *regions_at(&space.regions, start);
    uint8_t prot = region.prot;
    uint32_t copied = old_pages < new_pages ? old_pages : new_pages;
    region.start = to;
    region.end = to + new_pages;
    region.kind = REGION_MAP;
    region.prot = PROT_RW;
    int error = space_claim(region, false);
    if (!error && prot != PROT_RW && !(prot & REGION_STALE))
        error = space_set(start, start + old_pages, MF_PROT_READ);
    if (error)
        return error;
    for (uint32_t i = 0; i < copied && !(prot & REGION_STALE); i++)
        if (!page_is_zero(start + i))
            memcpy((void *)address_of(to + i), (const void *)address_of(start + i),
                   MF_PAGE_BYTES);
    error = space_release(start, start + old_pages);
    if (!error && prot != PROT_RW)
        error = memory_protect(address_of(to), address_of(new_pages), prot & PROT_ALL);
    return error ? error : (int64_t)address_of(to);
}
