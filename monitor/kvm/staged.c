/* staged.c: see staged.h. The bytes are staged.S, where they lie in the window staged_layout.h,
 * both made from kernel.elf. */
#include "monitor/kvm/staged.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "monitor/common/window.h"
#include "monitor/kvm/pagetable.h"
#include "staged_layout.h"

#define ROUND_UP(address) (((uint64_t)(address) + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1))
#define TEXT_END ROUND_UP(STAGED_TEXT_END)

/* Written by every start: first page of the variables, top page of the stack. */
static const uint32_t written[] = {STAGED_DATA, (STAGED_STACK_TOP - 1) & ~(MF_PAGE_BYTES - 1)};

extern const uint8_t staged_bytes[], staged_bytes_end[];

static uint64_t file_bytes(void)
{
    return (uint64_t)(staged_bytes_end - staged_bytes);
}

mf_err staged_open(struct memory *memory, uint32_t *pages, uint32_t *count, struct mf_why *why)
{
    uint8_t *place = memory->window + MF_KERNEL_BASE;
    _Static_assert(MF_KERNEL_BASE < TEXT_END && TEXT_END <= STAGED_DATA && STAGED_DATA < STAGED_END &&
                       STAGED_END <= MF_KERNEL_LIMIT,
                   "kernel.lds");
    mf_assert(file_bytes() == STAGED_DATA - MF_KERNEL_BASE);
    if (mremap((void *)(uintptr_t)staged_bytes, file_bytes(), file_bytes(),
               MREMAP_MAYMOVE | MREMAP_FIXED, place) != place ||
        mprotect(place, file_bytes(), PROT_READ | PROT_WRITE) != 0) /* as all of the window is */
        return mf_why(why, mf_err_from_errno(errno), "cannot stage the library OS: %s",
                      strerror(errno));
    (void)pagetable_set(memory->cpu, MF_KERNEL_BASE, TEXT_END, PAGE_READ_EXECUTE);
    (void)pagetable_set(memory->cpu, TEXT_END, STAGED_DATA, PAGE_READ);
    *count = 0;
    for (uint32_t page = MF_KERNEL_BASE; page < STAGED_DATA; page += MF_PAGE_BYTES)
        pages[(*count)++] = page;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        (void)pagetable_set(memory->cpu, written[i], written[i] + MF_PAGE_BYTES, PAGE_READ_WRITE);
        memory->window[written[i]] = 0; /* a page of its own, where it will stay */
        pages[(*count)++] = written[i];
    }
    memory->staged = true;
    return MF_OK;
}

/* Are its segments laid out as ours: text, constants, then variables, all zero? */
static bool is_ours(const struct image *image, uint32_t *segments)
{
    uint32_t count = 0;
    while (count < image->segment_count && image_segment_is_kernel(&image->segment[count]))
        count++;
    const struct image_segment *text = &image->segment[0], *constants = &image->segment[1];
    if (count < 2 || text->address != MF_KERNEL_BASE || text->flags != (PF_R | PF_X) ||
        text->file_bytes != TEXT_END - MF_KERNEL_BASE || text->memory_bytes != text->file_bytes ||
        constants->address != TEXT_END || constants->flags != PF_R ||
        constants->file_bytes != STAGED_DATA - TEXT_END ||
        constants->memory_bytes != constants->file_bytes ||
        constants->file_offset != text->file_offset + text->file_bytes)
        return false;
    for (uint32_t i = 2; i < count; i++)
        if (image->segment[i].file_bytes || image->segment[i].flags != (PF_R | PF_W) ||
            image->segment[i].address + image->segment[i].memory_bytes > STAGED_END)
            return false;
    *segments = count;
    return true;
}

static mf_err is_same(const struct memory *memory, const struct monitor_start *start, bool *same,
                      struct mf_why *why)
{
    const struct image_segment *text = &start->image.segment[0];
    void *theirs = mmap(NULL, file_bytes(), PROT_READ, MAP_PRIVATE, start->image_fd,
                        (off_t)text->file_offset);
    if (theirs == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the image: %s", strerror(errno));
    *same = memcmp(theirs, memory->window + MF_KERNEL_BASE, file_bytes()) == 0;
    (void)munmap(theirs, file_bytes());
    return MF_OK;
}

/* A snapshot in which text or constants are not what they were: no guest that means well. */
static bool is_changed(const struct monitor_start *start)
{
    const uint32_t end = STAGED_DATA / MF_PAGE_BYTES;
    const struct snapshot *snapshot = &start->snapshot;
    return start->flags & MF_START_RESTORE &&
           ((snapshot->head->range_count && snapshot->ranges[0].page < end) ||
            (snapshot->head->run_count && snapshot->runs[0].page < end));
}

/* Fresh memory over all of it: KVM forgets what it knew of these pages. */
static mf_err clear(struct memory *memory, struct mf_why *why)
{
    (void)pagetable_set(memory->cpu, MF_KERNEL_BASE, STAGED_END, PAGE_NONE);
    return window_anonymous(memory->window, MF_KERNEL_BASE, STAGED_END, PROT_READ | PROT_WRITE, why);
}

mf_err staged_keep(struct memory *memory, const struct monitor_start *start, uint32_t *segments,
                   struct mf_why *why)
{
    bool same = false;
    mf_err err = MF_OK;
    if (is_ours(&start->image, segments) && !is_changed(start))
        err = is_same(memory, start, &same, why);
    if (err || same)
        return err;
    *segments = 0;
    return clear(memory, why);
}
