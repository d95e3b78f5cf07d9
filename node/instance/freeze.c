/*
 * freeze.c: see freeze.h.
 * Guarantees: reads from the instance's process and writes to the file, nothing else; the
 * file obeys abi/snapshot.h whatever the guest said or does.
 * A page is in the snapshot if the guest may have it (a segment that is not text, or a
 * range), if its process has a page of its own there, and if that is not all zeros where
 * zeros are what a restore finds anyway.
 * Owns its descriptors and tables for the call.
 */
#include "node/instance/freeze.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/hypercall.h"
#include "base/clock.h"
#include "node/instance/process_folder.h"

/* proc_pid_pagemap(5): one word a page. */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_SHARED (1ull << 61) /* a file's, not a private copy of it */

#define BATCH_PAGES 64u     /* read and written at once                                     */
#define RUNS_WANTED 32u     /* more are joined across small gaps: each is a mapping to make */
#define GAP_PAGES_MAX 1024u
#define COPY_PAGES_MAX 64u  /* all of a snapshot this small is copied, not mapped: a mapping and
                               a fault for nearly every page it has would cost more       */

/* What is known of each page of the window. */
enum {
    PAGE_PROT = 7,    /* MF_PROT_…                            */
    PAGE_OPEN = 8,    /* a segment's that is not text, or a range's */
    PAGE_FILE = 16,   /* without content the image's shows    */
    PAGE_CONTENT = 32 /* to be in the snapshot                */
};

struct freezing {
    const struct freeze_order *order;
    int fd, mem, pagemap;
    uint32_t pages;
    uint8_t *page; /* one byte each */
    struct mf_range *ranges; /* of the order's, what is needed */
    uint32_t range_count;
    struct mf_run *runs;
    uint32_t run_count;
    uint8_t *buffer; /* BATCH_PAGES */
};

static uint64_t address_of(uint32_t page)
{
    return (uint64_t)page * MF_PAGE_BYTES;
}

static mf_err open_process(struct freezing *freezing, struct mf_why *why)
{
    int folder;
    mf_err err = process_folder_open(freezing->order->pid, freezing->order->parent, &folder, why);
    if (err)
        return err;
    freezing->mem = openat(folder, "mem", O_RDONLY | O_CLOEXEC);
    freezing->pagemap = freezing->mem < 0 ? -1 : openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    int error = errno;
    (void)close(folder);
    if (freezing->mem < 0 || freezing->pagemap < 0)
        return mf_why(why, mf_err_from_errno(error),
                      "cannot look into the instance's memory: %s (sysctl kernel.yama.ptrace_scope "
                      "must be 0 or 1)",
                      strerror(error));
    return MF_OK;
}

static void mark_segments(struct freezing *freezing)
{
    const struct image *image = freezing->order->image;
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        uint32_t first = (uint32_t)(segment->address / MF_PAGE_BYTES);
        uint32_t end = (uint32_t)((segment->address + segment->memory_bytes) / MF_PAGE_BYTES);
        uint32_t file_end = (uint32_t)((segment->address + segment->file_bytes) / MF_PAGE_BYTES);
        uint8_t open = segment->flags & PF_X ? 0 : PAGE_OPEN;
        uint8_t prot = segment->flags & PF_W ? MF_PROT_READ | MF_PROT_WRITE : MF_PROT_READ;
        for (uint32_t page = first; page < end && page < freezing->pages; page++)
            freezing->page[page] = (uint8_t)(open | prot | (page < file_end ? PAGE_FILE : 0));
    }
}

/* Ranges that say no more than the image does are left out: each costs a call a restore. */
static void mark_ranges(struct freezing *freezing)
{
    const struct freeze_order *order = freezing->order;
    for (uint32_t i = 0; i < order->range_count; i++) {
        const struct mf_range *range = &order->ranges[i];
        bool news = false;
        for (uint32_t k = 0; k < range->pages; k++) {
            uint8_t *page = &freezing->page[range->page + k];
            uint8_t wanted = (uint8_t)(PAGE_OPEN | range->prot);
            news = news || (*page & (PAGE_OPEN | PAGE_PROT)) != wanted;
            *page = (uint8_t)((*page & PAGE_FILE) | wanted);
        }
        if (news)
            freezing->ranges[freezing->range_count++] = *range;
    }
}

static bool is_zero(const uint8_t *page)
{
    return page[0] == 0 && memcmp(page, page + 1, MF_PAGE_BYTES - 1) == 0;
}

static mf_err write_all(int fd, const void *data, size_t bytes, uint64_t offset, struct mf_why *why)
{
    const uint8_t *at = data;
    while (bytes) {
        ssize_t wrote = pwrite(fd, at, bytes, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return mf_why(why, mf_err_from_errno(errno), "cannot write the snapshot: %s",
                          strerror(errno));
        at += wrote;
        offset += (uint64_t)wrote;
        bytes -= (size_t)wrote;
    }
    return MF_OK;
}

/* Pages that the process has of its own: those with content to the file. */
static mf_err take_pages(struct freezing *freezing, uint32_t first, uint32_t count,
                         struct mf_why *why)
{
    uint64_t host = freezing->order->sandbox == MF_SANDBOX_KVM ? MF_WINDOW_HOST_KVM
                                                               : MF_WINDOW_HOST_PROCESS;
    ssize_t got = pread(freezing->mem, freezing->buffer, (size_t)count * MF_PAGE_BYTES,
                        (off_t)(host + address_of(first)));
    if (got != (ssize_t)(count * MF_PAGE_BYTES))
        return mf_why(why, got < 0 ? mf_err_from_errno(errno) : MF_EDEAD,
                      "cannot read the instance's memory at 0x%llx: %s",
                      (unsigned long long)address_of(first), got < 0 ? strerror(errno) : "it ended");
    mf_err err = MF_OK;
    for (uint32_t i = 0; !err && i < count; i++) {
        const uint8_t *data = freezing->buffer + (size_t)i * MF_PAGE_BYTES;
        if (!(freezing->page[first + i] & PAGE_FILE) && is_zero(data))
            continue;
        freezing->page[first + i] |= PAGE_CONTENT;
        err = write_all(freezing->fd, data, MF_PAGE_BYTES, address_of(first + i), why);
    }
    return err;
}

static bool is_own(const struct freezing *freezing, uint32_t page, uint64_t entry)
{
    return freezing->page[page] & PAGE_OPEN && entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) &&
           !(entry & PAGEMAP_SHARED);
}

static mf_err take_content(struct freezing *freezing, struct mf_why *why)
{
    uint64_t entry[BATCH_PAGES];
    uint64_t host = freezing->order->sandbox == MF_SANDBOX_KVM ? MF_WINDOW_HOST_KVM
                                                               : MF_WINDOW_HOST_PROCESS;
    for (uint32_t first = MF_KERNEL_BASE / MF_PAGE_BYTES; first < freezing->pages;
         first += BATCH_PAGES) {
        uint32_t count = freezing->pages - first < BATCH_PAGES ? freezing->pages - first
                                                               : BATCH_PAGES;
        uint64_t at = (host / MF_PAGE_BYTES + first) * sizeof *entry;
        if (pread(freezing->pagemap, entry, count * sizeof *entry, (off_t)at) !=
            (ssize_t)(count * sizeof *entry))
            return mf_why(why, MF_EDEAD, "the instance ended while it was read");
        for (uint32_t i = 0, end; i < count; i = end + 1) {
            for (end = i; end < count && is_own(freezing, first + end, entry[end]);)
                end++;
            mf_err err = end > i ? take_pages(freezing, first + i, end - i, why) : MF_OK;
            if (err)
                return err;
        }
    }
    return MF_OK;
}

/* May page end the gap between two runs: no content, and zeros there change nothing. */
static bool is_gap(const struct freezing *freezing, uint32_t page, uint8_t prot)
{
    return (freezing->page[page] & (PAGE_OPEN | PAGE_FILE | PAGE_CONTENT)) == PAGE_OPEN &&
           (freezing->page[page] & PAGE_PROT) == prot;
}

/* Content with at most `gap` pages of zeros in between. False: more than there may be. */
static bool make_runs(struct freezing *freezing, uint32_t gap)
{
    freezing->run_count = 0;
    for (uint32_t page = 0; page < freezing->pages; page++) {
        if (!(freezing->page[page] & PAGE_CONTENT))
            continue;
        uint8_t prot = freezing->page[page] & PAGE_PROT;
        struct mf_run *last = freezing->run_count ? &freezing->runs[freezing->run_count - 1] : NULL;
        uint32_t from = last ? last->page + last->pages : page;
        while (from < page && is_gap(freezing, from, prot))
            from++;
        if (last && from == page && last->prot == prot && page - last->page - last->pages <= gap) {
            last->pages = page + 1 - last->page;
        } else {
            if (freezing->run_count == MF_SNAPSHOT_RUNS_MAX)
                return false;
            freezing->runs[freezing->run_count++] =
                (struct mf_run){.page = page, .pages = 1, .prot = prot};
        }
    }
    return true;
}

static void mark_copies(struct freezing *freezing)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; i < freezing->run_count; i++)
        pages += freezing->runs[i].pages;
    for (uint32_t i = 0; pages <= COPY_PAGES_MAX && i < freezing->run_count; i++)
        freezing->runs[i].flags = MF_RUN_COPY;
}

static mf_err join_runs(struct freezing *freezing, struct mf_why *why)
{
    bool fit = make_runs(freezing, 0);
    for (uint32_t gap = 1; (!fit || freezing->run_count > RUNS_WANTED) && gap <= GAP_PAGES_MAX;
         gap *= 4)
        fit = make_runs(freezing, gap);
    if (!fit)
        return mf_why(why, MF_ETOOBIG, "the memory is in more than %u pieces",
                      MF_SNAPSHOT_RUNS_MAX);
    mark_copies(freezing);
    memset(freezing->buffer, 0, MF_PAGE_BYTES);
    for (uint32_t i = 0; i < freezing->run_count; i++)
        for (uint32_t k = 0; k < freezing->runs[i].pages; k++) {
            uint32_t page = freezing->runs[i].page + k;
            if (freezing->page[page] & PAGE_CONTENT)
                continue;
            /* A hole of the file would cost more at every restore than zeros do here. */
            mf_err err = write_all(freezing->fd, freezing->buffer, MF_PAGE_BYTES, address_of(page),
                                   why);
            if (err)
                return err;
        }
    return MF_OK;
}

static void digest(const uint8_t *file, struct mf_snapshot *head)
{
    const struct mf_range *ranges = (const struct mf_range *)(const void *)(file + sizeof *head);
    const struct snapshot snapshot = {
        .head = head,
        .ranges = ranges,
        .runs = (const struct mf_run *)(const void *)(ranges + head->range_count)};
    snapshot_digest(&snapshot, file, head->digest);
}

static mf_err write_head(struct freezing *freezing, struct mf_why *why)
{
    const struct freeze_order *order = freezing->order;
    size_t ranges_bytes = freezing->range_count * sizeof(struct mf_range);
    size_t runs_bytes = freezing->run_count * sizeof(struct mf_run);
    uint32_t end = MF_KERNEL_BASE / MF_PAGE_BYTES;
    if (freezing->run_count) {
        const struct mf_run *last = &freezing->runs[freezing->run_count - 1];
        end = last->page + last->pages;
    }
    struct mf_snapshot head = {
        .magic = MF_SNAPSHOT_MAGIC,
        .abi_version = MF_ABI_VERSION,
        .head_bytes = (uint32_t)(sizeof head + ranges_bytes + runs_bytes),
        .window_bytes = order->window_bytes,
        .file_bytes = address_of(end),
        .made_at_ns = mf_realtime_ns(),
        .range_count = freezing->range_count,
        .run_count = freezing->run_count,
    };
    memcpy(head.key, order->key, sizeof head.key);
    memcpy(head.image, order->image->info.hash, sizeof head.image);
    if (ftruncate(freezing->fd, (off_t)head.file_bytes) != 0)
        return mf_why(why, mf_err_from_errno(errno), "cannot write the snapshot: %s",
                      strerror(errno));
    mf_err err = write_all(freezing->fd, freezing->ranges, ranges_bytes, sizeof head, why);
    if (!err)
        err = write_all(freezing->fd, freezing->runs, runs_bytes, sizeof head + ranges_bytes, why);
    if (err)
        return err;
    uint8_t *file = mmap(NULL, head.file_bytes, PROT_READ, MAP_SHARED, freezing->fd, 0);
    if (file == MAP_FAILED)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the snapshot: %s", strerror(errno));
    digest(file, &head);
    (void)munmap(file, head.file_bytes);
    return write_all(freezing->fd, &head, sizeof head, 0, why);
}

static mf_err write_snapshot(struct freezing *freezing, struct mf_why *why)
{
    mf_err err = open_process(freezing, why);
    if (err)
        return err;
    mark_segments(freezing);
    mark_ranges(freezing);
    err = take_content(freezing, why);
    if (!err)
        err = join_runs(freezing, why);
    return err ? err : write_head(freezing, why);
}

mf_err freeze_write(const struct freeze_order *order, int fd, struct mf_why *why)
{
    struct freezing freezing = {
        .order = order,
        .fd = fd,
        .mem = -1,
        .pagemap = -1,
        .pages = (uint32_t)((order->window_bytes - MF_CHANNEL_BYTES) / MF_PAGE_BYTES),
    };
    mf_err err = snapshot_check_ranges(order->ranges, order->range_count, order->window_bytes,
                                       order->jit, why);
    if (err)
        return err;
    freezing.page = calloc(freezing.pages, 1);
    freezing.ranges = malloc((order->range_count + 1) * sizeof *freezing.ranges);
    freezing.runs = malloc(MF_SNAPSHOT_RUNS_MAX * sizeof *freezing.runs);
    freezing.buffer = malloc(BATCH_PAGES * MF_PAGE_BYTES);
    if (!freezing.page || !freezing.ranges || !freezing.runs || !freezing.buffer)
        err = mf_why(why, MF_ENOMEM, "no memory to make a snapshot");
    else
        err = write_snapshot(&freezing, why);
    free(freezing.page);
    free(freezing.ranges);
    free(freezing.runs);
    free(freezing.buffer);
    if (freezing.mem >= 0)
        (void)close(freezing.mem);
    if (freezing.pagemap >= 0)
        (void)close(freezing.pagemap);
    return err;
}
