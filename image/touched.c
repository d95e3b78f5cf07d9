/* touched.c: see touched.h. Leaves to others: the digest (touched_digest.c), files. */
#include "image/touched.h"

#include "abi/channel.h"

static mf_err check_head(const struct mf_touched *head, size_t bytes, struct mf_why *why)
{
    if (bytes < sizeof *head || head->magic != MF_TOUCHED_MAGIC)
        return mf_why(why, MF_EFORMAT, "touched pages: not such a file");
    if (head->abi_version != MF_ABI_VERSION)
        return mf_why(why, MF_EFORMAT, "touched pages: made by ABI version %u, this is %u",
                      head->abi_version, MF_ABI_VERSION);
    if (head->run_count > MF_TOUCHED_RUNS_MAX ||
        bytes - sizeof *head != head->run_count * sizeof(struct mf_touched_run))
        return mf_why(why, MF_EFORMAT, "touched pages: %zu bytes with %u runs", bytes,
                      head->run_count);
    if (head->samples < 1 || head->samples > MF_TOUCHED_SAMPLES || head->reserved != 0)
        return mf_why(why, MF_EFORMAT, "touched pages: of %u samples", head->samples);
    if (head->window_bytes < MF_WINDOW_MIN || head->window_bytes > MF_WINDOW_MAX ||
        head->window_bytes % MF_WINDOW_STEP != 0)
        return mf_why(why, MF_EFORMAT, "touched pages: window of %llu bytes",
                      (unsigned long long)head->window_bytes);
    return MF_OK;
}

static mf_err check_runs(const struct touched *touched, struct mf_why *why)
{
    const uint32_t end =
        (uint32_t)((touched->head->window_bytes - MF_CHANNEL_BYTES) / MF_PAGE_BYTES);
    uint32_t free = MF_KERNEL_BASE / MF_PAGE_BYTES, pages = 0;
    for (uint32_t i = 0; i < touched->head->run_count; i++) {
        const struct mf_touched_run *run = &touched->runs[i];
        if (run->pages == 0 || run->page < free || run->page >= end ||
            run->pages > end - run->page)
            return mf_why(why, MF_EFORMAT,
                          "touched pages: run %u (pages 0x%x, %u of them) is out of bounds or "
                          "order",
                          i, run->page, run->pages);
        free = run->page + run->pages;
        pages += run->pages;
    }
    if (pages > MF_TOUCHED_PAGES_MAX)
        return mf_why(why, MF_EFORMAT, "touched pages: %u; at most %u", pages,
                      MF_TOUCHED_PAGES_MAX);
    return MF_OK;
}

mf_err touched_parse(const void *file, size_t bytes, struct touched *touched, struct mf_why *why)
{
    const struct mf_touched *head = file;
    *touched = (struct touched){0};
    mf_err err = check_head(head, bytes, why);
    if (err)
        return err;
    const struct touched found = {.head = head,
                                  .runs = (const struct mf_touched_run *)(head + 1)};
    err = check_runs(&found, why);
    if (!err)
        *touched = found;
    return err;
}

uint32_t touched_pages(const struct touched *touched)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; touched->head && i < touched->head->run_count; i++)
        pages += touched->runs[i].pages;
    return pages;
}

static uint32_t end_of(const struct mf_touched_run *run)
{
    return run->page + run->pages;
}

/* Each step leaves a run behind, and each piece is of a pair whose one half is left behind. */
uint32_t touched_common(const struct mf_touched_run *a, uint32_t a_count,
                        const struct mf_touched_run *b, uint32_t b_count,
                        struct mf_touched_run *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0, k = 0; i < a_count && k < b_count && count < MF_TOUCHED_RUNS_MAX;) {
        uint32_t from = a[i].page > b[k].page ? a[i].page : b[k].page;
        uint32_t to = end_of(&a[i]) < end_of(&b[k]) ? end_of(&a[i]) : end_of(&b[k]);
        if (from < to)
            out[count++] = (struct mf_touched_run){.page = from, .pages = to - from};
        if (end_of(&a[i]) <= end_of(&b[k]))
            i++;
        else
            k++;
    }
    return count;
}
