/* content.c: see content.h. Segments are few; runs are many, and sorted. */
#include "monitor/kvm/content.h"

#include <stddef.h>

#include "base/err.h"

static uint64_t run_from(const struct mf_run *run)
{
    return (uint64_t)run->page * MF_PAGE_BYTES;
}

static uint64_t run_to(const struct mf_run *run)
{
    return run_from(run) + (uint64_t)run->pages * MF_PAGE_BYTES;
}

/* The first run that ends behind address; NULL: none. */
static const struct mf_run *run_after(const struct snapshot *snapshot, uint64_t address)
{
    uint32_t low = 0, high = snapshot->head ? snapshot->head->run_count : 0;
    const uint32_t count = high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run_to(&snapshot->runs[middle]) > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low < count ? &snapshot->runs[low] : NULL;
}

/* The same for the segments' file parts. */
static const struct image_segment *segment_after(const struct image *image, uint64_t address)
{
    const struct image_segment *first = NULL;
    for (uint32_t i = 0; image && i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        if (segment->file_bytes && segment->address + segment->file_bytes > address &&
            (!first || segment->address < first->address))
            first = segment;
    }
    return first;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool content_next(const struct content *content, uint64_t from, uint64_t to,
                  struct extent *extent)
{
    const struct mf_run *run = run_after(&content->snapshot, from);
    const struct image_segment *segment = segment_after(content->image, from);
    *extent = (struct extent){.from = to, .to = to};
    if (run && run_from(run) < to) {
        extent->from = larger(from, run_from(run));
        extent->to = smaller(to, run_to(run));
        if (content->snapshot_file) /* the identity rule */
            extent->bytes = content->snapshot_file + extent->from;
    }
    if (segment && larger(from, segment->address) < extent->from) {
        extent->to = smaller(extent->from, segment->address + segment->file_bytes);
        extent->from = larger(from, segment->address);
        extent->bytes = content->image_file ? content->image_file + segment->file_offset +
                                                  (extent->from - segment->address)
                                            : NULL;
    }
    mf_assert(extent->from >= from && extent->to <= to);
    return extent->from < extent->to;
}
