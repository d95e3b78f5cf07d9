/*
 * memory.c: slots, and how a changed page-table entry reaches the processor.
 *
 * A processor keeps translations; a KVM that shadows page tables keeps a copy of them
 * and does not see that we, its user, edit the original. Both are made to forget by
 * taking the pages from the VM for a moment (mprotect off and on): KVM must drop
 * every translation that leads to a page which its host process unmaps (its MMU
 * notifier), under shadow paging, EPT and NPT alike.
 */
#include "monitor/kvm/memory.h"

#include <elf.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/boot.h"
#include "abi/channel.h"
#include "abi/hypercall.h"
#include "monitor/common/boot.h"
#include "monitor/common/window.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/staged.h"

enum { SLOT_WINDOW = CPU_SLOTS, SLOT_WINDOW_MORE };

#define NEAR_PAGES_MAX 24u
#define GROUP_PAGES 8u /* that KVM adds at a time to a shadow: PTE_PREFETCH_NUM */

void memory_used(const struct memory *memory, uint32_t used[MEMORY_USED])
{
    static const uint32_t of_channel[MEMORY_USED - 1] = {
        0, MF_CHANNEL_TO_GUEST_SLOTS, MF_CHANNEL_TO_NODE_SLOTS, MF_CHANNEL_TO_GUEST_DATA,
        MF_CHANNEL_TO_NODE_DATA};
    for (size_t i = 0; i < MEMORY_USED - 1; i++)
        used[i] = (uint32_t)memory->channel_base + of_channel[i];
    used[MEMORY_USED - 1] = MF_BOOT_BASE;
}

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "%s: %s", what, strerror(error));
}

static mf_err map_channel(struct memory *memory, uint64_t window_bytes, int channel,
                          struct mf_why *why)
{
    memory->window_bytes = window_bytes;
    memory->channel_base = window_bytes - MF_CHANNEL_BYTES;
    mf_err err = window_channel(memory->window, memory->channel_base, channel, why);
    if (!err)
        (void)pagetable_set(memory->cpu, memory->channel_base, window_bytes, PAGE_READ_WRITE);
    return err;
}

/* The blank's guess was wrong: nothing is there, and KVM forgets that there was. */
static mf_err unmap_channel(const struct memory *memory, struct mf_why *why)
{
    (void)pagetable_set(memory->cpu, memory->channel_base, memory->window_bytes, PAGE_NONE);
    return window_anonymous(memory->window, memory->channel_base, memory->window_bytes,
                            PROT_READ | PROT_WRITE, why);
}

mf_err memory_open(struct memory *memory, uint64_t window_bytes, int channel, struct mf_why *why)
{
    void *where = (void *)(uintptr_t)MEMORY_HOST;
    *memory = (struct memory){0};
    memory->window =
        mmap(where, MF_WINDOW_MAX, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory->window != where)
        return failed(why, "cannot reserve the guest's window");
    mf_err err = cpu_memory(&memory->cpu, why);
    if (!err)
        err = map_channel(memory, window_bytes, channel, why);
    memory->slot_bytes = window_bytes;
    if (err)
        return err;
    (void)pagetable_set(memory->cpu, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES, PAGE_READ);
    memory->window[MF_BOOT_BASE] = 0; /* a page of its own, where it will stay */
    return MF_OK;
}

/* Guest-physical is the address in the window. */
static mf_err slot(const struct memory *memory, int vm, uint32_t number, uint64_t from,
                   uint64_t to, struct mf_why *why)
{
    const struct kvm_userspace_memory_region region = {
        .slot = number,
        .guest_phys_addr = from,
        .memory_size = to - from,
        .userspace_addr = (uintptr_t)memory->window + from};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0)
        return failed(why, "KVM_SET_USER_MEMORY_REGION");
    return MF_OK;
}

mf_err memory_slots(const struct memory *memory, int vm, struct mf_why *why)
{
    mf_err err = cpu_slots(vm, memory->cpu, why);
    return err ? err : slot(memory, vm, SLOT_WINDOW, 0, memory->slot_bytes, why);
}

static enum page_access access_of(uint32_t prot)
{
    const bool executes = prot & MF_PROT_EXECUTE;
    return prot & MF_PROT_WRITE  ? executes ? PAGE_READ_WRITE_EXECUTE : PAGE_READ_WRITE
           : prot & MF_PROT_READ ? executes ? PAGE_READ_EXECUTE : PAGE_READ
                                 : PAGE_NONE;
}

static void enter_segments(const struct memory *memory, const struct image *image)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        const uint64_t end = segment->address + segment->memory_bytes;
        if (segment->flags & PF_W)
            (void)pagetable_set(memory->cpu, segment->address, end, PAGE_READ_WRITE);
        else
            (void)pagetable_set_large(memory->cpu, segment->address, end,
                                      segment->flags & PF_X ? PAGE_READ_EXECUTE : PAGE_READ);
    }
}

/* Pages may come in large ones (window_large()) where nothing of a file stands in 2 MiB: else they are
 * mapped in parts. */
static bool enter(const struct memory *memory, uint64_t from, uint64_t to, uint32_t prot)
{
    const enum page_access access = access_of(prot);
    if (!memory->large || access != PAGE_READ_WRITE)
        return pagetable_set(memory->cpu, from, to, access);
    bool changed = false;
    for (uint64_t end; from < to; from = end) {
        struct extent ignored;
        end = (from | (MF_LARGE_PAGE_BYTES - 1)) + 1;
        end = end < to ? end : to;
        changed = (content_next(&memory->content, from, end, &ignored)
                       ? pagetable_set(memory->cpu, from, end, access)
                       : pagetable_set_large(memory->cpu, from, end, access)) ||
                  changed;
    }
    return changed;
}

static void enter_pages(const struct memory *memory, uint32_t page, uint32_t pages, uint32_t prot)
{
    (void)enter(memory, (uint64_t)page * MF_PAGE_BYTES, ((uint64_t)page + pages) * MF_PAGE_BYTES, prot);
}

/* Over the segments, as the guest's own `protect` would be: text that a range or a run
 * covers is none any more. No guest has run, so there is nothing to forget. */
static void enter_snapshot(const struct memory *memory, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->head->range_count; i++)
        enter_pages(memory, snapshot->ranges[i].page, snapshot->ranges[i].pages,
                    snapshot->ranges[i].prot);
    for (uint32_t i = 0; i < snapshot->head->run_count; i++)
        enter_pages(memory, snapshot->runs[i].page, snapshot->runs[i].pages,
                    snapshot->runs[i].prot);
}

/* How many segments the library OS has: they come first (image.h: ascending). */
static uint32_t kernel_segments(const struct image *image)
{
    uint32_t count = 0;
    while (count < image->segment_count && image_segment_is_kernel(&image->segment[count]))
        count++;
    return count;
}

/* Where KVM shadows page tables it adds up to eight pages at a time, up to the first that is
 * no page of this process's own (Linux, paging_tmpl.h, pte_prefetch). All that a small
 * program has in its file, copied, then costs an entry for eight pages, 30 us, instead of
 * one each; to copy a page costs one. */
static bool is_near(const struct memory *memory, const struct image *image)
{
    uint64_t bytes = 0;
    for (uint32_t i = kernel_segments(image); i < image->segment_count; i++)
        bytes += image->segment[i].file_bytes;
    return memory->shadowed && bytes <= NEAR_PAGES_MAX * MF_PAGE_BYTES;
}

/* Into the memory that a blank has there, which is all zeros behind the file parts, too. */
static mf_err bring_near(const struct memory *memory, const struct monitor_start *start,
                         struct mf_why *why)
{
    const struct image *image = &start->image;
    mf_err err = MF_OK;
    for (uint32_t i = kernel_segments(image); !err && i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segment[i];
        window_own(memory->window, segment->address, segment->file_bytes);
        err = window_read(memory->window, segment->address, start->image_fd,
                          segment->file_offset, segment->file_bytes, "image", why);
    }
    return err;
}

/* Pages of a group, a bit each. */
static bool has(uint32_t group, uint32_t page)
{
    return group >> page & 1;
}

/* Where KVM shadows page tables, it starts at the first page of a group, and stops at one that is not
 * own. Those in between are made own, too, as far as they are not more than the entries that this saves: a page
 * costs some 2 us and 4 KiB, an entry 5 to 30. */
static uint32_t filled(uint32_t group)
{
    uint32_t written = 0, end = 0;
    for (uint32_t page = 0; page < GROUP_PAGES; page++) {
        written += has(group, page);
        if (has(group, page) && page + 1 <= 2 * written - 1)
            end = page + 1;
    }
    return group | ((1u << end) - 1);
}

static void own(const struct memory *memory, uint64_t first_page, uint32_t group)
{
    for (uint32_t from = 0, to; from < GROUP_PAGES; from = to + 1) {
        for (to = from; to < GROUP_PAGES && has(group, to);)
            to++;
        window_own(memory->window, (first_page + from) * MF_PAGE_BYTES, (uint64_t)(to - from) * MF_PAGE_BYTES);
    }
}

/* As window_prepare(), in groups. docs/adr/0005. */
static void prepare_groups(const struct memory *memory, const struct touched *touched)
{
    uint64_t first_page = 0;
    uint32_t group = 0;
    for (uint32_t i = 0; touched->head && i < touched->head->run_count; i++) {
        const struct mf_touched_run *run = &touched->runs[i];
        for (uint64_t page = run->page; page < (uint64_t)run->page + run->pages; page++) {
            if (page - first_page >= GROUP_PAGES) {
                own(memory, first_page, filled(group));
                first_page = page / GROUP_PAGES * GROUP_PAGES;
                group = 0;
            }
            group |= 1u << (page - first_page);
        }
    }
    own(memory, first_page, filled(group));
}

/* The image, but for its first segments, which are there. */
static mf_err load_image(const struct memory *memory, const struct monitor_start *start,
                         uint32_t there, struct mf_why *why)
{
    bool near = is_near(memory, &start->image);
    uint32_t end = near ? kernel_segments(&start->image) : start->image.segment_count;
    mf_err err = window_load(memory->window, start, there, end, false, why);
    return err || !near ? err : bring_near(memory, start, why);
}

mf_err memory_load(struct memory *memory, int vm, const struct monitor_start *start, int channel,
                   struct mf_why *why)
{
    uint32_t staged = 0;
    mf_err err = MF_OK;
    if (start->window_bytes != memory->window_bytes) {
        err = unmap_channel(memory, why);
        if (!err)
            err = map_channel(memory, start->window_bytes, channel, why);
    }
    if (!err && start->window_bytes > memory->slot_bytes)
        err = slot(memory, vm, SLOT_WINDOW_MORE, memory->slot_bytes, start->window_bytes, why);
    if (!err && memory->staged)
        err = staged_keep(memory, start, &staged, why);
    if (!err)
        err = load_image(memory, start, staged, why);
    if (!err && start->flags & MF_START_RESTORE)
        err = window_restore(memory->window, start, false, why);
    memory->large = start->flags & MF_START_RESTORE && start->image.info.flags & MF_IMAGE_LINUX;
    if (!err && memory->large)
        window_large(memory->window, start);
    if (!err && memory->shadowed)
        prepare_groups(memory, &start->touched);
    else if (!err)
        window_prepare(memory->window, &start->touched);
    if (!err)
        err = boot_fill(memory->window + MF_BOOT_BASE, start, &memory->host, why);
    if (err)
        return err;
    memory->jit = start->flags & MF_START_JIT;
    enter_segments(memory, &start->image);
    memory->content = (struct content){.image = &start->image};
    if (start->flags & MF_START_RESTORE) {
        memory->content.snapshot = start->snapshot;
        enter_snapshot(memory, &start->snapshot);
    }
    return MF_OK;
}

int memory_protect(struct memory *memory, uint64_t address, uint64_t bytes, uint32_t prot)
{
    const uint64_t end = address + bytes;
    memory->edited = true;
    if (memory->undo)
        pagetable_keep(memory->cpu, memory->undo, address, end);
    bool changed = enter(memory, address, end, prot);
    return changed ? memory_forget(memory, address, end) : 0;
}

int memory_forget(const struct memory *memory, uint64_t from, uint64_t to)
{
    if (mprotect(memory->window + from, to - from, PROT_NONE) != 0 ||
        mprotect(memory->window + from, to - from, PROT_READ | PROT_WRITE) != 0)
        return -errno;
    return 0;
}

static int give_back(const struct memory *memory, uint64_t from, uint64_t to)
{
    return from < to && madvise(memory->window + from, to - from, MADV_DONTNEED) ? -errno : 0;
}

int memory_discard(struct memory *memory, uint64_t address, uint64_t bytes)
{
    const uint64_t end = address + bytes;
    struct extent file;
    int error = 0;
    memory->edited = true;
    /* Pages of a file would come back with its contents. */
    while (!error && content_next(&memory->content, address, end, &file)) {
        error = give_back(memory, address, file.from);
        memset(memory->window + file.from, 0, file.to - file.from);
        address = file.to;
    }
    return error ? error : give_back(memory, address, end);
}
