/* snapshot.c: see snapshot.h. Leaves to others: the digest (snapshot_digest.c), reading. */
#include "image/snapshot.h"

#include "abi/hypercall.h"

static bool executes(uint32_t prot)
{
    return prot & MF_PROT_EXECUTE;
}

/* What `protect` may be asked for (abi/hypercall.h). */
static bool is_protection(uint32_t prot, uint32_t page, bool jit)
{
    const uint32_t plain = prot & ~MF_PROT_EXECUTE;
    if (executes(prot) && (!jit || page < MF_PROGRAM_BASE / MF_PAGE_BYTES || plain == MF_PROT_NONE))
        return false;
    return plain == MF_PROT_NONE || plain == MF_PROT_READ || plain == (MF_PROT_READ | MF_PROT_WRITE);
}

/* Pages that come at or after *free and end at or before the channel; *free moves on. */
static bool follows(uint32_t page, uint32_t pages, uint32_t end, uint32_t *free)
{
    if (pages == 0 || page < *free || page >= end || pages > end - page)
        return false;
    *free = page + pages;
    return true;
}

static uint32_t first_page(void)
{
    return MF_KERNEL_BASE / MF_PAGE_BYTES;
}

static uint32_t channel_page(uint64_t window_bytes)
{
    return (uint32_t)((window_bytes - MF_CHANNEL_BYTES) / MF_PAGE_BYTES);
}

mf_err snapshot_check_ranges(const struct mf_range *ranges, uint32_t count, uint64_t window_bytes,
                             bool jit, struct mf_why *why)
{
    uint32_t end = channel_page(window_bytes), free = first_page();
    if (count > MF_SNAPSHOT_RANGES_MAX)
        return mf_why(why, MF_EFORMAT, "snapshot: %u ranges; at most %u", count,
                      MF_SNAPSHOT_RANGES_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (!follows(ranges[i].page, ranges[i].pages, end, &free) ||
            !is_protection(ranges[i].prot, ranges[i].page, jit))
            return mf_why(why, MF_EFORMAT,
                          "snapshot: range %u (pages 0x%x, %u of them, protection %u) is out of "
                          "bounds or order",
                          i, ranges[i].page, ranges[i].pages, ranges[i].prot);
    return MF_OK;
}

static mf_err check_runs(const struct snapshot *snapshot, struct mf_why *why)
{
    uint32_t end = channel_page(snapshot->head->window_bytes), free = first_page();
    for (uint32_t i = 0; i < snapshot->head->run_count; i++) {
        const struct mf_run *run = &snapshot->runs[i];
        if (!follows(run->page, run->pages, end, &free) || !is_protection(run->prot, run->page, true) ||
            (run->flags & ~MF_RUN_COPY) != 0)
            return mf_why(why, MF_EFORMAT,
                          "snapshot: run %u (pages 0x%x, %u of them, protection %u, flags %u) is "
                          "out of bounds or order",
                          i, run->page, run->pages, run->prot, run->flags);
    }
    uint64_t file_bytes =
        snapshot->head->run_count ? (uint64_t)free * MF_PAGE_BYTES : MF_KERNEL_BASE;
    if (snapshot->head->file_bytes != file_bytes)
        return mf_why(why, MF_EFORMAT, "snapshot: runs end at %llu, the file at %llu",
                      (unsigned long long)file_bytes,
                      (unsigned long long)snapshot->head->file_bytes);
    return MF_OK;
}

static mf_err check_head(const struct mf_snapshot *head, size_t bytes, uint64_t file_bytes,
                         struct mf_why *why)
{
    if (bytes < sizeof *head || head->magic != MF_SNAPSHOT_MAGIC)
        return mf_why(why, MF_EFORMAT, "snapshot: not one");
    if (head->abi_version != MF_ABI_VERSION)
        return mf_why(why, MF_EFORMAT, "snapshot: made by ABI version %u, this is %u",
                      head->abi_version, MF_ABI_VERSION);
    if (head->window_bytes < MF_WINDOW_MIN || head->window_bytes > MF_WINDOW_MAX ||
        head->window_bytes % MF_WINDOW_STEP != 0)
        return mf_why(why, MF_EFORMAT, "snapshot: window of %llu bytes",
                      (unsigned long long)head->window_bytes);
    if (head->range_count > MF_SNAPSHOT_RANGES_MAX || head->run_count > MF_SNAPSHOT_RUNS_MAX ||
        head->head_bytes != sizeof *head + head->range_count * sizeof(struct mf_range) +
                                head->run_count * sizeof(struct mf_run) ||
        head->head_bytes > bytes)
        return mf_why(why, MF_EFORMAT, "snapshot: head of %u bytes with %u ranges and %u runs",
                      head->head_bytes, head->range_count, head->run_count);
    if (head->file_bytes != file_bytes)
        return mf_why(why, MF_EFORMAT, "snapshot: %llu bytes, should be %llu: cut off",
                      (unsigned long long)file_bytes, (unsigned long long)head->file_bytes);
    return MF_OK;
}

mf_err snapshot_parse(const void *head, size_t bytes, uint64_t file_bytes,
                      struct snapshot *snapshot, struct mf_why *why)
{
    const struct mf_snapshot *at = head;
    mf_err err = check_head(at, bytes, file_bytes, why);
    if (err)
        return err;
    const struct mf_range *ranges = (const struct mf_range *)(at + 1);
    *snapshot = (struct snapshot){
        .head = at,
        .ranges = ranges,
        .runs = (const struct mf_run *)(ranges + at->range_count),
    };
    err = snapshot_check_ranges(ranges, at->range_count, at->window_bytes, true, why);
    if (!err)
        err = check_runs(snapshot, why);
    for (uint32_t i = 0; !err && i < at->range_count; i++)
        snapshot->executes = snapshot->executes || executes(ranges[i].prot);
    for (uint32_t i = 0; !err && i < at->run_count; i++)
        snapshot->executes = snapshot->executes || executes(snapshot->runs[i].prot);
    return err;
}

mf_err snapshot_allowed(const struct snapshot *snapshot, bool jit, struct mf_why *why)
{
    if (snapshot->executes && !jit)
        return mf_why(why, MF_EFORMAT, "snapshot: pages to be executed, of a function without jit");
    return MF_OK;
}

uint64_t snapshot_pages(const struct snapshot *snapshot)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < snapshot->head->run_count; i++)
        pages += snapshot->runs[i].pages;
    return pages;
}
