/*
 * space.c: the program's address space, from the end of the program to the channel:
 *
 *   program | guard | stack | heap → …      … ← mappings | one page | channel
 *
 * Guarantees: list of regions and the monitor's protection agree: a region is as its
 * owner asked, spare regions are readable and writable, all else is inaccessible
 * (abi/boot.h: so it is at the start). Memory is opened by granules, since opening is
 * an exit; what is opened ahead is a spare region. Stack top and heap touch, so that
 * one exit opens the first granule of both.
 * Leaves to others: what a program may ask for (memory.c).
 * Owns the list and all memory above the program.
 */
#include "kernel/core/space.h"

#include <asm/errno.h>
#include <linux/elf.h>

#include "abi/image.h"
#include "kernel/core/assert.h"
#include "kernel/core/bss.h"
#include "kernel/core/hypercall.h"
#include "kernel/core/string.h"

#define FROZEN_MAX 64u /* more are taken together */

struct extent {
    uint32_t start, end;
};

struct space space BSS_HOT_BEGINNING;
static struct {
    uint32_t count; /* 0 before a freeze */
    struct extent extent[FROZEN_MAX];
} frozen BSS_LARGE;

static void add_program(const struct mf_boot *boot);
static int open_free(uint32_t start, uint32_t end, bool upwards);
static int clear_frozen(uint32_t start, uint32_t end);
static void add_stack(void);

bool space_decode(uint64_t address, uint64_t bytes, uint32_t *start, uint32_t *end)
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

int space_start(const struct mf_boot *boot)
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

    space.jit = boot->flags & MF_BOOT_JIT;
    space.image_end = low;
    space.stack_low = low + page_of(STACK_GUARD_BYTES);
    space.stack_top = space.stack_low + stack_pages;
    space.stack_open = space.stack_top - first_pages;
    space.heap_start = space.heap_break = address_of(space.stack_top);
    add_program(boot);
    add_stack();
    uint32_t open_end = space.stack_open + page_of(GRANULE_BYTES);
    if (open_end > space.high)
        open_end = space.high;
    regions_add(&space.regions, (struct region){.start = space.stack_top,
                                                .end = open_end,
                                                .prot = PROT_RW,
                                                .kind = REGION_SPARE});
    return space_set(space.stack_open, open_end, PROT_RW);
}

static void add_stack(void)
{
    regions_add(&space.regions, (struct region){.start = space.image_end,
                                                .end = space.stack_low,
                                                .kind = REGION_GUARD});
    regions_add(&space.regions, (struct region){.start = space.stack_low,
                                                .end = space.stack_top,
                                                .prot = PROT_RW,
                                                .kind = REGION_STACK});
}

/* What the image has stays as it is, for whoever adopts it next. */
static int drop(struct region region)
{
    if (region.kind == REGION_PROGRAM || region.kind == REGION_GUARD) {
        regions_cut(&space.regions, region.start, region.end);
        return 0;
    }
    return space_release(region.start, region.end);
}

int space_renew(uint32_t stack_pages)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < space.regions.count;) {
        const struct region region = space.regions.region[i];
        if (region.kind == REGION_SPARE || region.kind == REGION_KERNEL)
            i++;
        else
            error = drop(region);
    }
    if (error)
        return error;
    add_stack();
    space.heap_break = space.heap_start;
    stack_pages += page_of(STACK_FIRST_BYTES);
    if (stack_pages > space.stack_top - space.stack_low)
        stack_pages = space.stack_top - space.stack_low;
    space.stack_open = space.stack_top - stack_pages;
    return space_set(space.stack_open, space.stack_top, PROT_RW);
}

int space_set(uint32_t start, uint32_t end, uint32_t prot)
{
    return hypercall_protect(address_of(start), address_of(end - start), prot);
}

int space_discard(uint32_t start, uint32_t end)
{
    if (start < space.image_end) {
        uint32_t stop = end < space.image_end ? end : space.image_end;
        int error = space_set(start, stop, PROT_RW);
        if (error)
            return error;
        memset((void *)address_of(start), 0, address_of(stop - start));
        start = stop;
    }
    int error = start < end ? hypercall_discard(address_of(start), address_of(end - start)) : 0;
    return error ? error : clear_frozen(start, end);
}

void space_frozen(const struct mf_range *ranges, uint32_t count)
{
    frozen.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t end = ranges[i].page + ranges[i].pages;
        struct extent *last = frozen.count ? &frozen.extent[frozen.count - 1] : NULL;
        if (ranges[i].prot == MF_PROT_NONE)
            continue;
        if (last && (last->end == ranges[i].page || frozen.count == FROZEN_MAX))
            last->end = end;
        else
            frozen.extent[frozen.count++] = (struct extent){ranges[i].page, end};
    }
}

static void clear_page(uint32_t page)
{
    uint64_t *word = (uint64_t *)address_of(page);
    uint32_t at = 0;
    while (at < MF_PAGE_BYTES / sizeof *word && word[at] == 0)
        at++;
    if (at < MF_PAGE_BYTES / sizeof *word)
        memset(word, 0, MF_PAGE_BYTES);
}

/* Where the snapshot is mapped, what was given back reads as it was frozen. */
static int clear_frozen(uint32_t start, uint32_t end)
{
    for (uint32_t i = 0; i < frozen.count; i++) {
        uint32_t from = start > frozen.extent[i].start ? start : frozen.extent[i].start;
        uint32_t to = end < frozen.extent[i].end ? end : frozen.extent[i].end;
        int error = from < to ? space_set(from, to, PROT_RW) : 0;
        if (error)
            return error;
        for (; from < to; from++)
            clear_page(from);
    }
    return 0;
}

int space_zero(uint32_t start, uint32_t end)
{
    int error = space_discard(start, end);
    for (uint32_t page = start; !error && page < end && (page < space.image_end || frozen.count);) {
        const struct region *region = regions_at(&space.regions, page);
        uint32_t region_end = region->end < end ? region->end : end;
        error = space_set(page, region_end, region->prot & PROT_ALL);
        page = region_end;
    }
    return error;
}

int space_wipe(void)
{
    int error = 0;
    for (uint32_t i = 0; !error && i < space.regions.count; i++) {
        const struct region *region = &space.regions.region[i];
        if (region->wipe || region->prot & REGION_STALE)
            error = space_zero(region->start, region->end);
    }
    return error;
}

int space_claim(struct region region, bool upwards)
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
            error = space_set(region.start, region.end, region.prot & PROT_ALL);
    }
    if (error || !regions_room(&space.regions, 2 * REGIONS_STEP))
        return error ? error : -ENOMEM;
    regions_cut(&space.regions, region.start, region.end);
    regions_add(&space.regions, region);
    return 0;
}

int space_release(uint32_t start, uint32_t end)
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
        int error = space_discard(from, to);
        if (!error)
            error = space_set(from, to, MF_PROT_NONE);
        if (error)
            return error;
        regions_cut(&space.regions, from, to);
        page = to;
    }
    return 0;
}

/* The pages of a region that allow what it says; text is as the image has it. */
static struct mf_range range_of(const struct region *region)
{
    uint32_t start = region->start;
    if (region->kind == REGION_STACK && start < space.stack_open)
        start = space.stack_open < region->end ? space.stack_open : region->end;
    bool none = region->kind == REGION_GUARD || region->prot & REGION_TEXT;
    return (struct mf_range){.page = start,
                             .pages = none ? 0 : region->end - start,
                             .prot = region->prot & PROT_ALL};
}

uint32_t space_ranges(struct mf_range *to, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < space.regions.count; i++) {
        struct mf_range range = range_of(&space.regions.region[i]);
        struct mf_range *last = count ? &to[count - 1] : NULL;
        if (range.pages == 0)
            continue;
        if (last && last->page + last->pages == range.page && last->prot == range.prot)
            last->pages += range.pages;
        else if (count == most)
            return most + 1;
        else
            to[count++] = range;
    }
    return count;
}

/* How far a position-independent program stands from where its headers say: the segment that
 * begins with the file holds them, too. */
static uint64_t program_bias(const struct mf_boot *boot, const struct elf64_phdr *header)
{
    for (uint32_t i = 0; i < boot->program_phnum; i++)
        if (header[i].p_type == PT_LOAD && header[i].p_offset == 0)
            return address_of(page_of(boot->program_phdr)) - header[i].p_vaddr;
    return 0;
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
    uint64_t bias = loaded ? program_bias(boot, header) : 0;
    for (uint32_t i = 0; loaded && i < boot->program_phnum; i++) {
        if (header[i].p_type != PT_LOAD || header[i].p_memsz == 0)
            continue;
        uint64_t address = header[i].p_vaddr + bias;
        struct region region = {
            .start = page_of(address),
            .end = page_after(address + header[i].p_memsz),
            .prot = (uint8_t)(MF_PROT_READ | (header[i].p_flags & PF_W ? MF_PROT_WRITE : 0) |
                              (header[i].p_flags & PF_X ? REGION_TEXT : 0)),
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
        int error = space_set(from, to, PROT_RW);
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
