/* staged.c: see staged.h. The bytes are staged.S, where they lie in the window staged_layout.h and
 * staged_linux_layout.h, made from kernel.elf and kernel-linux.elf. */
#include "monitor/kvm/staged.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "monitor/common/window.h"
#include "monitor/kvm/pagetable.h"
#include "staged_layout.h"
#include "staged_linux_layout.h"

#define ROUND_DOWN(address) ((uint64_t)(address) & ~(uint64_t)(MF_PAGE_BYTES - 1))
#define ROUND_UP(address) (((uint64_t)(address) + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1))

extern const uint8_t staged_bytes[], staged_bytes_end[], staged_linux_bytes[], staged_linux_bytes_end[];

struct staged {
    const uint8_t *bytes, *bytes_end;
    uint64_t text_end, data, end;
    uint64_t stubs, stubs_end; /* pages in which the packer puts what is a program's own (image/stubs.h) */
    /* Written by every start: first page of the variables, top page of the stack. 0: those of a
     * snapshot, which are mapped. */
    uint64_t written[2];
};

static const struct staged of_functions = {
    staged_bytes,
    staged_bytes_end,
    ROUND_UP(STAGED_TEXT_END),
    STAGED_DATA,
    STAGED_END,
    STAGED_DATA, /* none */
    STAGED_DATA,
    {STAGED_DATA, (STAGED_STACK_TOP - 1) & ~(MF_PAGE_BYTES - 1)}};
static const struct staged of_programs = {staged_linux_bytes,
                                          staged_linux_bytes_end,
                                          ROUND_UP(STAGED_LINUX_TEXT_END),
                                          STAGED_LINUX_DATA,
                                          STAGED_LINUX_END,
                                          ROUND_DOWN(STAGED_LINUX_STUBS),
                                          ROUND_UP(STAGED_LINUX_STUBS_END),
                                          {0, 0}};

_Static_assert(MF_KERNEL_BASE < STAGED_TEXT_END && STAGED_TEXT_END <= STAGED_DATA && STAGED_DATA < STAGED_END &&
                   STAGED_END <= MF_KERNEL_LIMIT && MF_KERNEL_BASE < STAGED_LINUX_TEXT_END &&
                   STAGED_LINUX_TEXT_END <= STAGED_LINUX_DATA && STAGED_LINUX_DATA < STAGED_LINUX_END &&
                   STAGED_LINUX_END <= MF_KERNEL_LIMIT,
               "kernel.lds");
_Static_assert((STAGED_LINUX_DATA - MF_KERNEL_BASE) / MF_PAGE_BYTES <= STAGED_PAGES_MAX, "room in pages[]");

static uint64_t file_bytes(const struct staged *staged)
{
    return (uint64_t)(staged->bytes_end - staged->bytes);
}

mf_err staged_open(struct memory *memory, uint32_t *pages, uint32_t *count, struct mf_why *why)
{
    const struct staged *staged = memory->window_bytes == MF_WINDOW_DEFAULT ? &of_functions : &of_programs;
    const uint64_t bytes = file_bytes(staged);
    uint8_t *place = memory->window + MF_KERNEL_BASE;
    mf_assert(bytes == staged->data - MF_KERNEL_BASE);
    if (mremap((void *)(uintptr_t)staged->bytes, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place) !=
            place ||
        mprotect(place, bytes, PROT_READ | PROT_WRITE) != 0) /* as all of the window is */
        return mf_why(why, mf_err_from_errno(errno), "cannot stage the library OS: %s",
                      strerror(errno));
    (void)pagetable_set(memory->cpu, MF_KERNEL_BASE, staged->text_end, PAGE_READ_EXECUTE);
    (void)pagetable_set(memory->cpu, staged->text_end, staged->data, PAGE_READ);
    *count = 0;
    for (uint64_t page = MF_KERNEL_BASE; page < staged->data; page += MF_PAGE_BYTES)
        if (page < staged->stubs || page >= staged->stubs_end) /* to be replaced: KVM need not forget them */
            pages[(*count)++] = (uint32_t)page;
    for (size_t i = 0; i < 2 && staged->written[i]; i++) {
        const uint64_t page = staged->written[i];
        (void)pagetable_set(memory->cpu, page, page + MF_PAGE_BYTES, PAGE_READ_WRITE);
        memory->window[page] = 0; /* a page of its own, where it will stay */
        pages[(*count)++] = (uint32_t)page;
    }
    memory->staged = staged;
    return MF_OK;
}

/* Are its segments laid out as ours: text, constants, then variables? Where pages of these are
 * staged, too, they are all zero. */
static bool is_ours(const struct staged *staged, const struct image *image, uint32_t *segments)
{
    uint32_t count = 0;
    while (count < image->segment_count && image_segment_is_kernel(&image->segment[count]))
        count++;
    const struct image_segment *text = &image->segment[0], *constants = &image->segment[1];
    if (count < 2 || text->address != MF_KERNEL_BASE || text->flags != (PF_R | PF_X) ||
        text->file_bytes != staged->text_end - MF_KERNEL_BASE || text->memory_bytes != text->file_bytes ||
        constants->address != staged->text_end || constants->flags != PF_R ||
        constants->file_bytes != staged->data - staged->text_end ||
        constants->memory_bytes != constants->file_bytes ||
        constants->file_offset != text->file_offset + text->file_bytes)
        return false;
    *segments = 2;
    for (uint32_t i = 2; i < count && staged->written[0]; i++, (*segments)++)
        if (image->segment[i].file_bytes || image->segment[i].flags != (PF_R | PF_W) ||
            image->segment[i].address + image->segment[i].memory_bytes > staged->end)
            return false;
    return true;
}

/* Equal but for the pages of stubs? They are mapped from the image then. */
static mf_err is_same(const struct memory *memory, const struct monitor_start *start, bool *same,
                      struct mf_why *why)
{
    const struct staged *staged = memory->staged;
    const uint64_t bytes = file_bytes(staged), file_offset = start->image.segment[0].file_offset,
                   stubs = staged->stubs - MF_KERNEL_BASE, stubs_end = staged->stubs_end - MF_KERNEL_BASE;
    const uint8_t *ours = memory->window + MF_KERNEL_BASE;
    uint8_t *theirs = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, start->image_fd, (off_t)file_offset);
    if (theirs == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the image: %s", strerror(errno));
    *same = memcmp(theirs, ours, stubs) == 0 &&
            memcmp(theirs + stubs_end, ours + stubs_end, bytes - stubs_end) == 0;
    (void)munmap(theirs, bytes);
    if (!*same || stubs == stubs_end)
        return MF_OK;
    void *place = memory->window + staged->stubs;
    if (mmap(place, stubs_end - stubs, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED,
             start->image_fd, (off_t)(file_offset + stubs)) != place)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the image's stubs: %s", strerror(errno));
    return MF_OK;
}

/* A snapshot in which text or constants are not what they were: no guest that means well. */
static bool is_changed(const struct staged *staged, const struct monitor_start *start)
{
    const uint64_t end = staged->data / MF_PAGE_BYTES;
    const struct snapshot *snapshot = &start->snapshot;
    return start->flags & MF_START_RESTORE &&
           ((snapshot->head->range_count && snapshot->ranges[0].page < end) ||
            (snapshot->head->run_count && snapshot->runs[0].page < end));
}

/* Fresh memory over all of it: KVM forgets what it knew of these pages. */
static mf_err clear(struct memory *memory, struct mf_why *why)
{
    const uint64_t end = memory->staged->end;
    (void)pagetable_set(memory->cpu, MF_KERNEL_BASE, end, PAGE_NONE);
    return window_anonymous(memory->window, MF_KERNEL_BASE, end, PROT_READ | PROT_WRITE, why);
}

mf_err staged_keep(struct memory *memory, const struct monitor_start *start, uint32_t *segments,
                   struct mf_why *why)
{
    bool same = false;
    mf_err err = MF_OK;
    if (is_ours(memory->staged, &start->image, segments) && !is_changed(memory->staged, start))
        err = is_same(memory, start, &same, why);
    if (err || same)
        return err;
    *segments = 0;
    return clear(memory, why);
}
