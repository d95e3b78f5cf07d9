/*
 * memory.c: the program's address space, from the end of the program to the channel:
 *
 *   program | guard | stack | heap → …      … ← mappings | one page | channel
 *
 * Guarantees: list of regions and the monitor's protection agree: a region is as its
 * owner asked, spare regions are readable and writable, all else is inaccessible
 * (abi/boot.h: so it is at the start). Memory is opened by granules, since opening is
 * an exit; what is opened ahead is a spare region. Stack top and heap touch, so that
 * one exit opens the first granule of both.
 * Leaves to others: Linux's flags (linux/memory.c), faults (trap.c).
 * Owns the list and all memory above the program.
 */
#include "kernel/core/memory.h"

#include <asm/errno.h>
#include <linux/elf.h>

#include "abi/hypercall.h"
#include "abi/image.h"
#include "kernel/core/assert.h"
#include "kernel/core/bss.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/regions.h"
#include "kernel/core/string.h"

#define PROT_RW (MF_PROT_READ | MF_PROT_WRITE)

static struct {
    uint32_t first, high; /* pages the program may own: [first, high) */
    uint32_t image_end;   /* below it the monitor's `discard` may bring the file back */
    uint32_t stack_low, stack_open, stack_top;
    uint64_t heap_start, heap_break;
    struct regions regions; /* last: few of its entries are ever written */
} space BSS_HOT_BEGINNING;

static void add_program(const struct mf_boot *boot);
static int open_free(uint32_t start, uint32_t end, bool upwards);
static int claim(struct region region, bool upwards);
static int release(uint32_t start, uint32_t end);
static int64_t move(uint32_t start, uint32_t old_pages, uint32_t new_pages, uint32_t to);

static uint32_t page_of(uint64_t address)
{
    return (uint32_t)(address / MF_PAGE_BYTES);
}

static uint32_t page_after(uint64_t address)
{
    return (uint32_t)((address + MF_PAGE_BYTES - 1) / MF_PAGE_BYTES);
}

static uint64_t address_of(uint32_t page)
{
    return (uint64_t)page * MF_PAGE_BYTES;
}

/* Is it a range of the program's space, page-aligned, not empty? */
static bool decode(uint64_t address, uint64_t bytes, uint32_t *start, uint32_t *end)
{
    uint64_t high = address_of(space.high);
    if (address % MF_PAGE_BYTES || bytes % MF_PAGE_BYTES || bytes == 0)
        return false;
    if (address < address_of(space.first) || address > high || bytes > high - address)
        return false;
    *start = page_of(address);
    *end = page_of(address + bytes);
    return true;
}

static int protect(uint32_t start, uint32_t end, uint32_t prot)
{
    return hypercall_protect(address_of(start), address_of(end - start), prot);
}

/* Contents gone; pages of the image are readable and writable afterwards. */
static int discard(uint32_t start, uint32_t end)
{
    if (start < space.image_end) {
        uint32_t stop = end < space.image_end ? end : space.image_end;
        int error = protect(start, stop, PROT_RW);
        if (error)
            return error;
        memset((void *)address_of(start), 0, address_of(stop - start));
        start = stop;
    }
    return start < end ? hypercall_discard(address_of(start), address_of(end - start)) : 0;
}

int memory_start(const struct mf_boot *boot)
{
    space.first = page_of(MF_PROGRAM_BASE);
    space.high = page_of(boot->channel_base) - 1;
    uint32_t low = page_after(boot->program_end);
    if (low < space.first || low > space.high ||
        space.high - low < page_of(MF_PROGRAM_ROOM_MIN) - 1)
        return -ENOMEM;

    uint32_t stack_pages = (space.high - low) / STACK_SHARE;
    if (stack_pages < page_of(STACK_BYTES_MIN))
        stack_pages = page_of(STACK_BYTES_MIN);
    if (stack_pages > page_of(STACK_BYTES_MAX))
        stack_pages = page_of(STACK_BYTES_MAX);
    uint32_t first_pages = page_of(STACK_FIRST_BYTES);
    if (first_pages > stack_pages)
        first_pages = stack_pages;

    space.image_end = low;
    space.stack_low = low + page_of(STACK_GUARD_BYTES);
    space.stack_top = space.stack_low + stack_pages;
    space.stack_open = space.stack_top - first_pages;
    space.heap_start = space.heap_break = address_of(space.stack_top);
    add_program(boot);
    regions_add(&space.regions, (struct region){.start = low,
                                                .end = space.stack_low,
                                                .kind = REGION_GUARD});
    regions_add(&space.regions, (struct region){.start = space.stack_low,
                                                .end = space.stack_top,
                                                .prot = PROT_RW,
                                                .kind = REGION_STACK});
    uint32_t open_end = space.stack_open + page_of(GRANULE_BYTES);
    if (open_end > space.high)
        open_end = space.high;
    regions_add(&space.regions, (struct region){.start = space.stack_top,
                                                .end = open_end,
                                                .prot = PROT_RW,
                                                .kind = REGION_SPARE});
    return protect(space.stack_open, open_end, PROT_RW);
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
    if (protect(open, end, PROT_RW) != 0)
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
        if (claim(region, true) != 0)
            return space.heap_break;
    } else if (new_end < old_end && release(new_end, old_end) != 0) {
        return space.heap_break;
    }
    space.heap_break = address;
    return address;
}

int64_t memory_map(uint64_t hint, uint64_t bytes, uint32_t prot)
{
    uint32_t start, end;
    bool at_hint = hint != 0 && decode(hint, bytes, &start, &end) &&
                   start >= space.stack_top && regions_free(&space.regions, start, end);
    if (!at_hint) {
        if (bytes == 0 || bytes > address_of(space.high - space.stack_top))
            return -ENOMEM;
        start = regions_place(&space.regions, space.stack_top, space.high, page_of(bytes));
        end = start + page_of(bytes);
        if (start == 0)
            return -ENOMEM;
    }
    struct region region = {
        .start = start, .end = end, .prot = (uint8_t)prot, .kind = REGION_MAP};
    int error = claim(region, false);
    return error ? error : (int64_t)address_of(start);
}

int64_t memory_map_fixed(uint64_t address, uint64_t bytes, uint32_t prot, bool replace)
{
    uint32_t start, end;
    if (!decode(address, bytes, &start, &end))
        return -ENOMEM;
    if (!replace && !regions_free(&space.regions, start, end))
        return -EEXIST;
    struct region region = {
        .start = start, .end = end, .prot = (uint8_t)prot, .kind = REGION_MAP};
    /* A guard page inside a heap, as C libraries make them: one exit, not two. */
    if (prot == MF_PROT_NONE && regions_owned(&space.regions, start, end) &&
        regions_room(&space.regions, 2 * REGIONS_STEP)) {
        int error = protect(start, end, MF_PROT_NONE);
        if (error)
            return error;
        region.prot = REGION_STALE;
        regions_cut(&space.regions, start, end);
        regions_add(&space.regions, region);
        return (int64_t)address;
    }
    int error = release(start, end);
    if (!error)
        error = claim(region, false);
    return error ? error : (int64_t)address;
}

int memory_unmap(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!decode(address, bytes, &start, &end))
        return -EINVAL;
    return release(start, end);
}

int memory_protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    uint32_t start, end;
    if (!decode(address, bytes, &start, &end) || !regions_owned(&space.regions, start, end) ||
        !regions_room_borders(&space.regions, start, end))
        return -ENOMEM;
    for (uint32_t page = start; prot != MF_PROT_NONE && page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        uint32_t region_end = region->end < end ? region->end : end;
        int error = region->prot & REGION_STALE ? discard(page, region_end) : 0;
        if (error)
            return error;
        page = region_end;
    }
    int error = protect(start, end, prot);
    if (!error)
        regions_protect(&space.regions, start, end, (uint8_t)prot);
    return error;
}

int memory_discard(uint64_t address, uint64_t bytes)
{
    uint32_t start, end;
    if (!decode(address, bytes, &start, &end) || !regions_owned(&space.regions, start, end))
        return -ENOMEM;
    for (uint32_t page = start; page < end;) {
        const struct region *region = regions_at(&space.regions, page);
        if (region->kind == REGION_PROGRAM) /* Linux would read the file again */
            return -EINVAL;
        page = region->end;
    }
    int error = discard(start, end);
    for (uint32_t page = start; !error && page < end && page < space.image_end;) {
        const struct region *region = regions_at(&space.regions, page);
        uint32_t region_end = region->end < end ? region->end : end;
        error = protect(page, region_end, region->prot & PROT_RW);
        page = region_end;
    }
    return error;
}

int64_t memory_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes,
                     enum memory_move where, uint64_t to)
{
    uint32_t start, end, to_start = 0, to_end;
    if (!decode(address, old_bytes, &start, &end) || !regions_owned(&space.regions, start, end))
        return -EFAULT;
    const struct region *region = regions_at(&space.regions, start);
    if (region->end < end || region->kind == REGION_PROGRAM || region->kind == REGION_GUARD)
        return -EFAULT; /* one kind, one protection, as Linux wants it */
    if (new_bytes == 0 || new_bytes > address_of(space.high))
        return -ENOMEM;
    uint32_t old_pages = end - start, new_pages = page_of(new_bytes);
    if (where == MEMORY_MOVE_TO) {
        if (!decode(to, new_bytes, &to_start, &to_end) || (to_start < end && start < to_end))
            return -EINVAL;
        int error = release(to_start, to_end);
        return error ? error : move(start, old_pages, new_pages, to_start);
    }
    if (new_pages <= old_pages) {
        int error = new_pages < old_pages ? release(start + new_pages, end) : 0;
        return error ? error : (int64_t)address;
    }
    if (new_pages <= space.high - start && region->kind == REGION_MAP && region->end == end &&
        regions_free(&space.regions, end, start + new_pages)) {
        struct region more = *region;
        more.start = end;
        more.end = start + new_pages;
        int error = claim(more, true);
        return error ? error : (int64_t)address;
    }
    if (where == MEMORY_STAY)
        return -ENOMEM;
    to_start = regions_place(&space.regions, space.stack_top, space.high, new_pages);
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

/* The program's segments, from its headers if they are loaded, else all as one. */
static void add_program(const struct mf_boot *boot)
{
    uint32_t limit = page_after(boot->program_end);
    uint64_t table_bytes = (uint64_t)boot->program_phnum * sizeof(struct elf64_phdr);
    bool loaded = boot->program_phdr >= MF_PROGRAM_BASE &&
                  boot->program_phdr < boot->program_end &&
                  boot->program_phent == sizeof(struct elf64_phdr) &&
                  boot->program_phnum <= MF_PROGRAM_HEADERS_MAX &&
                  table_bytes <= boot->program_end - boot->program_phdr;
    const struct elf64_phdr *header = (const struct elf64_phdr *)boot->program_phdr;
    for (uint32_t i = 0; loaded && i < boot->program_phnum; i++) {
        if (header[i].p_type != PT_LOAD || header[i].p_memsz == 0)
            continue;
        struct region region = {
            .start = page_of(header[i].p_vaddr),
            .end = page_after(header[i].p_vaddr + header[i].p_memsz),
            .prot = (uint8_t)(MF_PROT_READ | (header[i].p_flags & PF_W ? MF_PROT_WRITE : 0) |
                              (header[i].p_flags & PF_X ? REGION_EXECUTE : 0)),
            .kind = REGION_PROGRAM,
        };
        if (region.start >= space.first && region.start < region.end && region.end <= limit &&
            regions_free(&space.regions, region.start, region.end))
            regions_add(&space.regions, region);
    }
    if (space.regions.count == 0)
        regions_add(&space.regions, (struct region){.start = space.first,
                                                    .end = limit,
                                                    .prot = PROT_RW,
                                                    .kind = REGION_PROGRAM});
}

/* Let all pages of a free range be spare: readable, writable, zero. Opens up to a
 * granule more in the direction given, as long as nothing stands there. */
static int open_free(uint32_t start, uint32_t end, bool upwards)
{
    uint32_t granule = page_of(GRANULE_BYTES);
    for (uint32_t page = start; page < end;) {
        const struct region *spare = regions_at(&space.regions, page);
        if (spare) {
            page = spare->end;
            continue;
        }
        uint32_t gap_start, gap_end;
        regions_gap(&space.regions, page, space.first, space.high, &gap_start, &gap_end);
        uint32_t from = page;
        uint32_t to = end < gap_end ? end : gap_end;
        if (upwards && to - from < granule)
            to = gap_end - from < granule ? gap_end : from + granule;
        if (!upwards && to - from < granule)
            from = to - gap_start < granule ? gap_start : to - granule;
        if (!regions_room(&space.regions, REGIONS_STEP))
            return -ENOMEM;
        int error = protect(from, to, PROT_RW);
        if (error)
            return error;
        regions_add(&space.regions, (struct region){.start = from,
                                                    .end = to,
                                                    .prot = PROT_RW,
                                                    .kind = REGION_SPARE});
        page = to;
    }
    return 0;
}

/* Give a free range to an owner. */
static int claim(struct region region, bool upwards)
{
    mf_assert(regions_free(&space.regions, region.start, region.end));
    if (!regions_room(&space.regions, 2 * REGIONS_STEP))
        return -ENOMEM;
    int error = 0;
    if (region.prot == PROT_RW) {
        error = open_free(region.start, region.end, upwards);
    } else {
        uint32_t at = regions_find(&space.regions, region.start);
        bool spare = at < space.regions.count &&
                     space.regions.region[at].start < region.end;
        if (spare || region.prot != MF_PROT_NONE)
            error = protect(region.start, region.end, region.prot & PROT_RW);
    }
    if (error || !regions_room(&space.regions, 2 * REGIONS_STEP))
        return error ? error : -ENOMEM;
    regions_cut(&space.regions, region.start, region.end);
    regions_add(&space.regions, region);
    return 0;
}

/* Take whatever a range's owners have: contents gone, inaccessible, nobody's. Spare
 * parts stay as they are. */
static int release(uint32_t start, uint32_t end)
{
    for (uint32_t page = start; page < end;) {
        uint32_t i = regions_find(&space.regions, page);
        if (i == space.regions.count || space.regions.region[i].start >= end)
            return 0;
        const struct region *region = &space.regions.region[i];
        if (region->kind == REGION_SPARE) {
            page = region->end;
            continue;
        }
        uint32_t from = region->start > page ? region->start : page;
        uint32_t to = region->end;
        while (to < end && ++i < space.regions.count && region[1].start == to &&
               region[1].kind != REGION_SPARE)
            to = (++region)->end;
        if (to > end)
            to = end;
        if (!regions_room_borders(&space.regions, from, to))
            return -ENOMEM;
        int error = discard(from, to);
        if (!error)
            error = protect(from, to, MF_PROT_NONE);
        if (error)
            return error;
        regions_cut(&space.regions, from, to);
        page = to;
    }
    return 0;
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
    int error = claim(region, false);
    if (!error && prot != PROT_RW && !(prot & REGION_STALE))
        error = protect(start, start + old_pages, MF_PROT_READ);
    if (error)
        return error;
    for (uint32_t i = 0; i < copied && !(prot & REGION_STALE); i++)
        if (!page_is_zero(start + i))
            memcpy((void *)address_of(to + i), (const void *)address_of(start + i),
                   MF_PAGE_BYTES);
    error = release(start, start + old_pages);
    if (!error && prot != PROT_RW)
        error = memory_protect(address_of(to), address_of(new_pages), prot & PROT_RW);
    return error ? error : (int64_t)address_of(to);
}
