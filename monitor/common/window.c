/*
 * window.c: mappings of a window. Whatever fails here fails before the lock-down.
 * Leaves to others: that the segments are sane (image_parse), unmapping (a blank
 * that fails ends).
 */
#include "monitor/common/window.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/channel.h"

#define LARGE_PAGE_BYTES 0x200000u   /* of x86-64, and of aarch64 with small ones of 4 KiB */
#define LARGE_GAP_MIN (8u * LARGE_PAGE_BYTES) /* a program that needs less has little from them */
#define FEW_PAGES 2u
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, which build machines' headers may lack */

static void *at(uint8_t *base, uint64_t offset)
{
    return (void *)((uintptr_t)base + (uintptr_t)offset); /* base may be NULL: no pointer arithmetic */
}

/* A mapping to be: of memory (fd is -1), or of a file from offset on. */
struct mapping {
    uint64_t from, to; /* in the window, whole pages */
    int prot, flags;
    int fd;
    uint64_t offset;
    const char *what;  /* in words                   */
};

static mf_err map(uint8_t *base, const struct mapping *m, struct mf_why *why)
{
    mf_assert(m->from % MF_PAGE_BYTES == 0 && m->to % MF_PAGE_BYTES == 0 && m->from <= m->to);
    if (m->from == m->to)
        return MF_OK;
    void *where = at(base, m->from);
    size_t bytes = (size_t)(m->to - m->from);
    if (mmap(where, bytes, m->prot, m->flags | MAP_FIXED, m->fd, (off_t)m->offset) != where)
        return mf_why(why, mf_err_from_errno(errno), "cannot map the %s at 0x%llx (%llu bytes): %s",
                      m->what, (unsigned long long)m->from, (unsigned long long)bytes, strerror(errno));
    return MF_OK;
}

mf_err window_anonymous(uint8_t *base, uint64_t from, uint64_t to, int prot, struct mf_why *why)
{
    const struct mapping memory = {.from = from, .to = to, .prot = prot,
                                   .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                   .fd = -1, .what = "memory"};
    return map(base, &memory, why);
}

static int protection(const struct image_segment *segment, bool becomes_guest)
{
    int prot = 0;
    if (!becomes_guest)
        return PROT_READ | PROT_WRITE;
    if (segment->flags & PF_R)
        prot |= PROT_READ;
    if (segment->flags & PF_W)
        prot |= PROT_WRITE;
    if (segment->flags & PF_X)
        prot |= PROT_EXEC;
    return prot;
}

mf_err window_read(uint8_t *base, uint64_t address, int fd, uint64_t from, uint64_t bytes,
                   const char *what, struct mf_why *why)
{
    uint8_t *to = at(base, address);
    for (uint64_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, to + done, bytes - done, (off_t)(from + done));
        if (got <= 0)
            return mf_why(why, MF_EIO, "cannot read the %s: %s", what,
                          got < 0 ? strerror(errno) : "it ends early");
        done += (uint64_t)got;
    }
    return MF_OK;
}

void window_own(uint8_t *base, uint64_t address, uint64_t bytes)
{
    if (bytes)
        (void)madvise(at(base, address), (size_t)bytes, POPULATE_WRITE);
}

/* A file system mounted noexec refuses to have its pages executed (mmap(2), EPERM).
 * Then the text is read into memory of our own before it becomes executable: slower,
 * and not shared between instances, but an image is an image wherever it lies. */
static mf_err copy_text(uint8_t *base, const struct mapping *text, struct mf_why *why)
{
    uint64_t bytes = text->to - text->from;
    mf_err err = window_anonymous(base, text->from, text->to, PROT_READ | PROT_WRITE, why);
    if (!err)
        err = window_read(base, text->from, text->fd, text->offset, bytes, text->what, why);
    if (!err && mprotect(at(base, text->from), bytes, text->prot) != 0)
        err = mf_why(why, mf_err_from_errno(errno), "cannot make text executable: %s",
                     strerror(errno));
    return err;
}

/* Sizes are whole pages (abi/image.h), so no file page has a tail to clear. */
static mf_err map_file(uint8_t *base, const struct mapping *part, struct mf_why *why)
{
    mf_err err = map(base, part, why);
    return err == MF_EDENIED && (part->prot & PROT_EXEC) ? copy_text(base, part, why) : err;
}

static mf_err load_file_part(uint8_t *base, int fd, const struct image_segment *segment, int prot,
                             struct mf_why *why)
{
    const struct mapping part = {.from = segment->address,
                                 .to = segment->address + segment->file_bytes,
                                 .prot = prot, .flags = MAP_PRIVATE | MAP_NORESERVE,
                                 .fd = fd, .offset = segment->file_offset,
                                 .what = "image's segment"};
    return map_file(base, &part, why);
}

mf_err window_load(uint8_t *base, const struct monitor_start *start, uint32_t first,
                   uint32_t end, bool becomes_guest, struct mf_why *why)
{
    mf_assert(first <= end && end <= start->image.segment_count &&
              end <= MF_IMAGE_SEGMENTS_MAX);
    for (uint32_t i = first; i < end; i++) {
        const struct image_segment *segment = &start->image.segment[i];
        int prot = protection(segment, becomes_guest);
        mf_err err = load_file_part(base, start->image_fd, segment, prot, why);
        if (!err && becomes_guest)
            err = window_anonymous(base, segment->address + segment->file_bytes,
                                   segment->address + segment->memory_bytes, prot, why);
        if (err)
            return err;
    }
    return MF_OK;
}

static int protection_of(uint32_t prot)
{
    return (int)(window_defers(prot) ? prot & ~MF_PROT_WRITE : prot); /* Linux's numbers */
}

static mf_err protect_range(uint8_t *base, const struct mf_range *range, struct mf_why *why)
{
    uint64_t address = (uint64_t)range->page * MF_PAGE_BYTES;
    uint64_t bytes = (uint64_t)range->pages * MF_PAGE_BYTES;
    if (mprotect(at(base, address), bytes, protection_of(range->prot)) != 0)
        return mf_why(why, mf_err_from_errno(errno), "snapshot: cannot protect 0x%llx: %s",
                      (unsigned long long)address, strerror(errno));
    return MF_OK;
}

/* Into memory that is there already and may be written: a mapping less. Where KVM has to hear of each
 * mapping, a page or two are copied for less; while pages are still looked at, they would look like written ones. */
static bool copies(const struct monitor_start *start, const struct mf_run *run, bool becomes_guest)
{
    if (becomes_guest)
        return run->flags & MF_RUN_COPY && run->prot == (MF_PROT_READ | MF_PROT_WRITE);
    return run->flags & MF_RUN_COPY || (run->pages <= FEW_PAGES && start->touched.head);
}

static mf_err restore_run(uint8_t *base, const struct monitor_start *start, const struct mf_run *run,
                          bool becomes_guest, struct mf_why *why)
{
    const int fd = start->snapshot_fd;
    int prot = becomes_guest ? protection_of(run->prot) : PROT_READ | PROT_WRITE;
    uint64_t address = (uint64_t)run->page * MF_PAGE_BYTES;
    uint64_t bytes = (uint64_t)run->pages * MF_PAGE_BYTES;
    if (copies(start, run, becomes_guest))
        return window_read(base, address, fd, address, bytes, "snapshot", why);
    const struct mapping part = {.from = address, .to = address + bytes,
                                 .prot = prot, .flags = MAP_PRIVATE | MAP_NORESERVE,
                                 .fd = fd, .offset = address, .what = "snapshot"};
    return map_file(base, &part, why);
}

mf_err window_restore(uint8_t *base, const struct monitor_start *start, bool becomes_guest,
                      struct mf_why *why)
{
    const struct snapshot *snapshot = &start->snapshot;
    mf_err err = MF_OK;
    for (uint32_t i = 0; !err && becomes_guest && i < snapshot->head->range_count; i++)
        err = protect_range(base, &snapshot->ranges[i], why);
    for (uint32_t i = 0; !err && i < snapshot->head->run_count; i++)
        err = restore_run(base, start, &snapshot->runs[i], becomes_guest, why);
    return err;
}

/* Whole ones of [from, to); what is there already stays as it is. A host without them says EINVAL. */
static void allow_large(uint8_t *base, uint64_t from, uint64_t to)
{
    from = (from + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    to = to / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    if (to > from && to - from >= LARGE_GAP_MIN)
        (void)madvise(at(base, from), (size_t)(to - from), MADV_HUGEPAGE);
}

void window_large(uint8_t *base, const struct monitor_start *start)
{
    const struct mf_snapshot *head = start->snapshot.head;
    uint64_t from = start->image.info.program_end;
    for (uint32_t i = 0; i < head->range_count; i++) {
        const struct mf_range *range = &start->snapshot.ranges[i];
        const uint64_t begins = (uint64_t)range->page * MF_PAGE_BYTES;
        const uint64_t ends = begins + (uint64_t)range->pages * MF_PAGE_BYTES;
        if (range->prot == MF_PROT_NONE) /* reserved only */
            continue;
        if (begins > from)
            allow_large(base, from, begins);
        from = ends > from ? ends : from;
    }
    allow_large(base, from, start->channel_base);
}

/* docs/adr/0005: what it saves, and what was tried besides. */
void window_prepare(uint8_t *base, const struct touched *touched)
{
    for (uint32_t i = 0; touched->head && i < touched->head->run_count; i++)
        window_own(base, (uint64_t)touched->runs[i].page * MF_PAGE_BYTES,
                   (uint64_t)touched->runs[i].pages * MF_PAGE_BYTES);
}

mf_err window_channel(uint8_t *base, uint64_t channel_base, int channel, struct mf_why *why)
{
    const struct mapping shared = {.from = channel_base, .to = channel_base + MF_CHANNEL_BYTES,
                                   .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED,
                                   .fd = channel, .what = "channel"};
    return map(base, &shared, why);
}
