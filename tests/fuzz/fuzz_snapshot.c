/*
 * fuzz_snapshot.c: a snapshot's head, which says what a guest said of itself, from the
 * parser into mappings and page tables. Whatever it says: nothing becomes executable but with
 * jit, and of the kernel nothing at all, text that it covers is none any more, boot page, gate
 * and channel stay as they are, and each page's content is found where abi/snapshot.h puts it.
 * Input: the head of a snapshot file; its magic, sizes and window are set right for it, for
 * else nothing would ever be decoded. A bit of its key says whether the function has jit.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/channel.h"
#include "abi/hypercall.h"
#include "image/snapshot.h"
#include "monitor/common/window.h"
#include "monitor/kvm/content.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/pagetable.h"

#define WINDOW MF_WINDOW_DEFAULT
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define COPIES_MAX 64u /* pages; more would only take time */

static struct memory memory;
static int channel, file;
static struct monitor_start start = {
    .flags = MF_START_RESTORE,
    .image.segment = {{.address = MF_KERNEL_BASE,
                       .memory_bytes = 4 * MF_PAGE_BYTES,
                       .file_bytes = 4 * MF_PAGE_BYTES,
                       .flags = PF_R | PF_X},
                      {.address = MF_KERNEL_BASE + 4 * MF_PAGE_BYTES,
                       .memory_bytes = 8 * MF_PAGE_BYTES,
                       .file_bytes = 2 * MF_PAGE_BYTES,
                       .flags = PF_R | PF_W}},
    .image.segment_count = 2,
    .window_bytes = WINDOW,
    .channel_base = CHANNEL,
    .pagemap_fd = -1,
};

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void setup(void)
{
    struct mf_why why;
    channel = memfd_create("channel", MFD_CLOEXEC);
    file = memfd_create("files", MFD_CLOEXEC); /* both: all zeros */
    must(channel >= 0 && file >= 0 && ftruncate(channel, MF_CHANNEL_BYTES) == 0 &&
         ftruncate(file, (off_t)WINDOW) == 0 && memory_open(&memory, MF_WINDOW_DEFAULT, channel, &why) == MF_OK);
    start.image_fd = start.snapshot_fd = file;
}

/* What abi/snapshot.h says of one page. */
static uint32_t expected_access(const struct snapshot *snapshot, uint32_t page, bool *text)
{
    const uint32_t first = MF_KERNEL_BASE / MF_PAGE_BYTES;
    uint32_t prot = page < first + 4    ? MF_PROT_READ
                    : page < first + 12 ? MF_PROT_READ | MF_PROT_WRITE
                                        : MF_PROT_NONE;
    *text = page < first + 4;
    for (uint32_t i = 0; i < snapshot->head->range_count; i++)
        if (page - snapshot->ranges[i].page < snapshot->ranges[i].pages) {
            prot = snapshot->ranges[i].prot;
            *text = false;
        }
    for (uint32_t i = 0; i < snapshot->head->run_count; i++)
        if (page - snapshot->runs[i].page < snapshot->runs[i].pages) {
            prot = snapshot->runs[i].prot;
            *text = false;
        }
    return prot;
}

static void check_page(const struct snapshot *snapshot, uint32_t page)
{
    bool text;
    const uint64_t address = (uint64_t)page * MF_PAGE_BYTES;
    const uint32_t prot = expected_access(snapshot, page, &text);
    must(pagetable_allows(memory.cpu, address, MF_PAGE_BYTES, false) == (prot != MF_PROT_NONE));
    must(pagetable_allows(memory.cpu, address, MF_PAGE_BYTES, true) == !!(prot & MF_PROT_WRITE));
    /* To make it what it is but not executable changes an entry only if it is text, or made code. */
    const bool made = prot & MF_PROT_EXECUTE;
    must(!made || (start.flags & MF_START_JIT && address >= MF_PROGRAM_BASE));
    must((text || made) == pagetable_set(memory.cpu, address, address + MF_PAGE_BYTES,
                                         prot & MF_PROT_WRITE  ? PAGE_READ_WRITE
                                         : prot & MF_PROT_READ ? PAGE_READ
                                                               : PAGE_NONE));
    if (text || made)
        (void)pagetable_set(memory.cpu, address, address + MF_PAGE_BYTES,
                            prot & MF_PROT_WRITE ? PAGE_READ_WRITE_EXECUTE : PAGE_READ_EXECUTE);
}

/* The edges of everything that the head names, and a page to either side. */
static void check_pages(const struct snapshot *snapshot)
{
    const uint32_t first = MF_KERNEL_BASE / MF_PAGE_BYTES, end = CHANNEL / MF_PAGE_BYTES;
    const uint32_t count = snapshot->head->range_count;
    for (uint32_t i = 0; i < count + snapshot->head->run_count && i < 64; i++) {
        uint32_t page = i < count ? snapshot->ranges[i].page : snapshot->runs[i - count].page;
        uint32_t pages = i < count ? snapshot->ranges[i].pages : snapshot->runs[i - count].pages;
        const uint32_t edges[] = {page - 1, page, page + pages - 1, page + pages};
        for (uint32_t k = 0; k < 4; k++)
            if (edges[k] >= first && edges[k] < end)
                check_page(snapshot, edges[k]);
    }
    for (uint32_t page = first; page < first + 16; page++)
        check_page(snapshot, page);
}

static void check_walls(void)
{
    must(!pagetable_allows(memory.cpu, MF_GATE_BASE, 1, false) &&
         pagetable_allows(memory.cpu, MF_BOOT_BASE, MF_BOOT_BYTES, false) &&
         !pagetable_allows(memory.cpu, MF_BOOT_BASE, 1, true) &&
         !pagetable_allows(memory.cpu, MF_KERNEL_BASE - 1, 1, false) &&
         !pagetable_allows(memory.cpu, WINDOW, 1, false) &&
         pagetable_allows(memory.cpu, CHANNEL, MF_CHANNEL_BYTES, true));
}

/* Extents ascend, lie within what was asked for, and are all pages of segments and runs. */
static void check_content(const struct snapshot *snapshot)
{
    struct extent extent;
    uint64_t at = MF_KERNEL_BASE, pages = 0, expected = snapshot_pages(snapshot);
    for (uint32_t k = 0; k < 6; k++) {
        const uint32_t page = MF_KERNEL_BASE / MF_PAGE_BYTES + k;
        bool in_run = false;
        for (uint32_t i = 0; i < snapshot->head->run_count; i++)
            in_run = in_run || page - snapshot->runs[i].page < snapshot->runs[i].pages;
        expected += !in_run;
    }
    while (content_next(&memory.content, at, CHANNEL, &extent)) {
        must(extent.from >= at && extent.from < extent.to && extent.to <= CHANNEL);
        pages += (extent.to - extent.from) / MF_PAGE_BYTES;
        at = extent.to;
    }
    must(pages == expected);
}

static uint64_t copied_pages(const struct snapshot *snapshot)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < snapshot->head->run_count; i++)
        pages += snapshot->runs[i].flags & MF_RUN_COPY ? snapshot->runs[i].pages : 0;
    return pages;
}

/* Sizes and counts as a file would have them whose ranges and runs are these bytes. */
static uint64_t make_plausible(struct mf_snapshot *head, size_t bytes)
{
    const uint64_t rest = bytes - sizeof *head;
    head->magic = MF_SNAPSHOT_MAGIC;
    head->abi_version = MF_ABI_VERSION;
    head->window_bytes = WINDOW;
    head->range_count = (uint32_t)(head->range_count % (rest / sizeof(struct mf_range) + 1));
    head->run_count = (uint32_t)((rest - head->range_count * sizeof(struct mf_range)) /
                                 sizeof(struct mf_run));
    head->head_bytes = (uint32_t)(sizeof *head + head->range_count * sizeof(struct mf_range) +
                                  head->run_count * sizeof(struct mf_run));
    const struct mf_run *runs =
        (const void *)((const struct mf_range *)(const void *)(head + 1) + head->range_count);
    head->file_bytes = head->run_count ? ((uint64_t)runs[head->run_count - 1].page +
                                          runs[head->run_count - 1].pages) *
                                             MF_PAGE_BYTES
                                       : MF_KERNEL_BASE;
    return head->file_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static union {
        struct mf_snapshot snapshot;
        uint8_t bytes[MF_SNAPSHOT_HEAD_BYTES_MAX];
    } head;
    struct mf_why why;
    if (bytes < sizeof head.snapshot || bytes > sizeof head)
        return 0;
    if (!memory.window)
        setup();
    memcpy(&head, data, bytes);
    /* As it is, then as a plausible one: the parser must survive both. */
    (void)!snapshot_parse(&head, bytes, head.snapshot.file_bytes, &start.snapshot, &why);
    const uint64_t file_bytes = make_plausible(&head.snapshot, bytes);
    const bool jit = head.snapshot.key[0] & 1;
    start.flags = MF_START_RESTORE | (jit ? MF_START_JIT : 0);
    if (snapshot_parse(&head, bytes, file_bytes, &start.snapshot, &why) != MF_OK ||
        snapshot_allowed(&start.snapshot, jit, &why) != MF_OK ||
        copied_pages(&start.snapshot) > COPIES_MAX)
        return 0;
    (void)pagetable_set(memory.cpu, MF_KERNEL_BASE, CHANNEL, PAGE_NONE);
    must(window_anonymous(memory.window, MF_KERNEL_BASE, CHANNEL, PROT_READ | PROT_WRITE, &why) ==
         MF_OK);
    if (memory_load(&memory, -1, &start, channel, &why) != MF_OK)
        abort();
    check_walls();
    check_content(&start.snapshot);
    check_pages(&start.snapshot);
    return 0;
}
