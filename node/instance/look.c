/*
 * look.c: see look.h. Documentation/admin-guide/mm/pagemap.rst.
 * A page that is the process's own was written, or copied in by its monitor. Pages that were
 * only read do not show: a fault maps those around it, too.
 */
#include "node/instance/look.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "abi/channel.h"
#include "base/limits.h"
#include "base/pagemap.h"
#include "node/instance/process_folder.h"

#define REGIONS 256u /* of one call */

struct look {
    int pagemap;
    uint64_t host; /* where the guest's address 0 stands */
    struct mf_touched_run *runs;
    uint32_t count, pages;
};

static bool is_full(const struct look *look)
{
    return look->count == MF_TOUCHED_RUNS_MAX || look->pages == MF_TOUCHED_PAGES_MAX;
}

static void add_region(struct look *look, const struct pagemap_region *region)
{
    const uint32_t room = MF_TOUCHED_PAGES_MAX - look->pages;
    uint64_t pages = (region->end - region->start) / MF_PAGE_BYTES;
    if (region->categories & (PAGEMAP_IS_FILE | PAGEMAP_IS_ZERO) || is_full(look))
        return;
    pages = pages < room ? pages : room;
    look->runs[look->count++] =
        (struct mf_touched_run){.page = (uint32_t)((region->start - look->host) / MF_PAGE_BYTES),
                                .pages = (uint32_t)pages};
    look->pages += (uint32_t)pages;
}

static mf_err failed(void)
{
    return errno == ENOTTY ? MF_EUNSUPPORTED : mf_err_from_errno(errno);
}

static mf_err scan(struct look *look, uint64_t from, uint64_t to)
{
    struct pagemap_region region[REGIONS];
    uint64_t left = MF_LOOK_PAGES_MAX;
    while (from < to && left && !is_full(look)) {
        struct pagemap_scan scan = {.size = sizeof scan,
                                    .start = look->host + from,
                                    .end = look->host + to,
                                    .vec = (uintptr_t)region,
                                    .vec_len = REGIONS,
                                    .max_pages = left,
                                    .category_anyof_mask = PAGEMAP_IS_PRESENT | PAGEMAP_IS_SWAPPED,
                                    .return_mask = PAGEMAP_IS_FILE | PAGEMAP_IS_ZERO};
        int count = ioctl(look->pagemap, PAGEMAP_SCAN_CALL, &scan);
        if (count < 0)
            return failed();
        for (int i = 0; i < count; i++) {
            uint64_t pages = (region[i].end - region[i].start) / MF_PAGE_BYTES;
            add_region(look, &region[i]);
            left -= pages < left ? pages : left;
        }
        if (scan.walk_end <= scan.start) /* its memory is gone */
            return MF_EDEAD;
        from = scan.walk_end - look->host;
    }
    return MF_OK;
}

mf_err look_touched(pid_t pid, pid_t parent, enum mf_sandbox sandbox, uint64_t window_bytes,
                    struct mf_touched_run *runs, uint32_t *count)
{
    struct look look = {.host = sandbox == MF_SANDBOX_KVM ? MF_WINDOW_HOST_KVM
                                                          : MF_WINDOW_HOST_PROCESS,
                        .runs = runs};
    mf_err err = process_pagemap_open(pid, parent, &look.pagemap, NULL);
    if (err)
        return err == MF_EDENIED ? err : MF_EDEAD;
    err = scan(&look, MF_KERNEL_BASE, window_bytes - MF_CHANNEL_BYTES);
    (void)close(look.pagemap);
    *count = look.count;
    return err;
}
