/*
 * reset.c: roll back → tell the node → wait for go → enter anew.
 * Guarantees: when `resets` rises, no byte of the guest's memory, no entry of its page
 * tables and no register is other than at its first instruction, however it ended, but for
 * the boot page, which it only reads; and no instruction of it runs until `go` does.
 * Leaves to others: the channel, which the node makes as new meanwhile; whether an event
 * was answered, which the node knows.
 */
#include "monitor/kvm/reset.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi/channel.h"
#include "base/clock.h"
#include "base/limits.h"
#include "monitor/common/boot.h"
#include "monitor/kvm/end.h"
#include "monitor/kvm/preempt.h"

#define RESTS_AFTER_MS 100

_Static_assert(sizeof(struct mf_control) <= MF_PAGE_BYTES, "one page");

static mf_err failed(struct mf_why *why, const char *what)
{
    int error = errno;
    return mf_why(why, mf_err_from_errno(error), "reset: %s: %s", what, strerror(error));
}

/* --- before the lock-down --- */

static mf_err map_file(int fd, uint64_t bytes, uint64_t where, const uint8_t **file, struct mf_why *why)
{
    const int flags = MAP_PRIVATE | (where ? MAP_FIXED_NOREPLACE : 0);
    void *data = bytes ? mmap((void *)(uintptr_t)where, bytes, PROT_READ, flags, fd, 0) : NULL;
    if (data == MAP_FAILED)
        return failed(why, "cannot map image and snapshot again");
    *file = data;
    return MF_OK;
}

/* What pages held before the guest wrote them, to be copied from. */
static mf_err map_contents(struct content *content, const struct monitor_start *start,
                           struct mf_why *why)
{
    uint64_t image_bytes = 0;
    for (uint32_t i = 0; i < start->image.segment_count; i++) {
        const struct image_segment *segment = &start->image.segment[i];
        uint64_t end = segment->file_offset + segment->file_bytes;
        image_bytes = segment->file_bytes && end > image_bytes ? end : image_bytes;
    }
    mf_err err = map_file(start->image_fd, image_bytes, 0, &content->image_file, why);
    if (!err)
        err = map_file(start->snapshot_fd, start->snapshot.head->file_bytes, RESET_CONTENT_HOST,
                       &content->snapshot_file, why);
    return err;
}

static mf_err map_control(struct reset *reset, int channel, struct mf_why *why)
{
    void *where = (void *)(uintptr_t)RESET_CONTROL_HOST;
    void *got = mmap(where, MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED_NOREPLACE, channel, MF_CHANNEL_BYTES);
    if (got != where)
        return failed(why, "cannot map the control page");
    reset->control = got;
    reset->go = __atomic_load_n(&reset->control->go, __ATOMIC_ACQUIRE);
    return MF_OK;
}

static mf_err map_undo(struct reset *reset, struct mf_why *why)
{
    void *got = mmap(NULL, pagetable_undo_bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        return failed(why, "cannot reserve room for page tables");
    reset->undo.kept = got;
    reset->memory->undo = &reset->undo;
    return MF_OK;
}

mf_err reset_open(struct reset *reset, const struct monitor_start *start,
                  const struct monitor_blank *blank, int vm, struct memory *memory,
                  const struct cpu *cpu, struct cpu_model *model, struct mf_why *why)
{
    mf_assert(start->snapshot.head && start->pagemap_fd >= 0);
    reset->memory = memory;
    reset->cpu = cpu;
    reset->bell = blank->bell;
    reset->console = blank->console;
    mf_err err = map_contents(&memory->content, start, why);
    if (memory->large)
        reset->content_bytes = start->snapshot.head->file_bytes;
    if (!err)
        err = map_control(reset, blank->channel, why);
    if (!err)
        err = map_undo(reset, why);
    if (!err)
        err = dirty_open(&reset->dirty, start->pagemap_fd, memory->window, MF_BOOT_BASE, why);
    if (!err)
        err = cpu_learn_first(cpu, vm, model, why);
    if (!err)
        cpu_keep(cpu, model, &reset->state);
    if (!err && !cpu_rewind(cpu, &reset->state)) /* so that it begins as it will after each event */
        err = failed(why, "registers");
    return err;
}

/* --- rolling back --- */

_Noreturn static void refused(const struct reset *reset, const char *what, int error)
{
    end_noticed(reset->console, reset->cpu->fd, MF_CAUSE_HOST, "kvm: reset: %s: errno %d", what,
                error);
}

/* Memory that nothing of a file is in, above the kernel, may as well be given back. */
static bool may_drop(const struct memory *memory, uint64_t from, uint64_t to)
{
    struct extent ignored;
    return from >= MF_PROGRAM_BASE && !content_next(&memory->content, from, to, &ignored);
}

static void drop(const struct reset *reset, uint64_t from, uint64_t to)
{
    if (madvise(reset->memory->window + from, to - from, MADV_DONTNEED) != 0)
        refused(reset, "madvise", errno);
}

static void undo_protections(struct reset *reset)
{
    uint64_t from, to;
    while (pagetable_undo_next(reset->memory->cpu, &reset->undo, &from, &to)) {
        if (from == to)
            continue;
        if (may_drop(reset->memory, from, to)) {
            drop(reset, from, to); /* KVM forgets what the host has not */
        } else {
            int error = memory_forget(reset->memory, from, to);
            if (error)
                refused(reset, "mprotect", -error);
        }
    }
}

/* Pages kept stay the process's own, so that the next event finds them in place, and
 * this function does, too. But no more than some. */
static void clear(const struct reset *reset, uint64_t from, uint64_t to, uint64_t kept)
{
    if (kept > MF_RESET_PAGES_KEPT_MAX && from >= MF_PROGRAM_BASE)
        drop(reset, from, to);
    else
        memset(reset->memory->window + from, 0, to - from);
}

static void bring_back(const struct reset *reset, uint64_t from, uint64_t to, uint64_t kept)
{
    struct extent file;
    while (content_next(&reset->memory->content, from, to, &file)) {
        if (from < file.from)
            clear(reset, from, file.from, kept);
        memcpy(reset->memory->window + file.from, file.bytes, file.to - file.from);
        from = file.to;
    }
    if (from < to)
        clear(reset, from, to, kept);
}

/* Where entries and discarded pages are as they were all the time, a page that the guest
 * may not write is, too: text that was copied in need not be brought back. */
static uint64_t writable_until(const struct reset *reset, uint64_t from, uint64_t to)
{
    if (reset->memory->edited)
        return to;
    while (from < to && pagetable_allows(reset->memory->cpu, from, MF_PAGE_BYTES, true))
        from += MF_PAGE_BYTES;
    return from;
}

static uint64_t rewind_memory(struct reset *reset)
{
    uint64_t from, to, end, pages = 0;
    int found;
    undo_protections(reset);
    dirty_begin(&reset->dirty, MF_KERNEL_BASE, reset->memory->channel_base);
    while ((found = dirty_next(&reset->dirty, &from, &to)) == 1) {
        for (; from < to; from = end > from ? end : from + MF_PAGE_BYTES) {
            end = writable_until(reset, from, to);
            pages += (end - from) / MF_PAGE_BYTES;
            bring_back(reset, from, end, pages);
        }
    }
    if (found < 0)
        refused(reset, "pagemap", -found);
    reset->memory->edited = false;
    return pages;
}

static void ring(const struct reset *reset)
{
    const uint64_t one = 1;
    (void)!write(reset->bell, &one, sizeof one); /* full: it is rung already */
}

/* What the guest would do for itself (abi/channel.h). */
static bool node_sleeps(const struct reset *reset)
{
    struct mf_channel_head *head =
        (struct mf_channel_head *)(void *)(reset->memory->window + reset->memory->channel_base);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&head->node_sleeping, __ATOMIC_ACQUIRE) == 1 &&
           __atomic_exchange_n(&head->node_sleeping, 0, __ATOMIC_SEQ_CST) == 1;
}

static void tell(const struct reset *reset, uint64_t pages, uint64_t began_ns)
{
    struct mf_control *control = reset->control;
    control->dirty_pages = (uint32_t)pages;
    control->reset_ns = mf_monotonic_ns() - began_ns;
    __atomic_fetch_add(&control->resets, 1, __ATOMIC_SEQ_CST);
    /* The node sets notify and then looks at resets again: one of us sees the other. */
    bool asked = __atomic_exchange_n(&control->notify, 0, __ATOMIC_SEQ_CST) == 1;
    if (node_sleeps(reset) || asked)
        ring(reset);
}

/* A read of a page that is copied back maps many around it: of a Linux program's snapshot some 700 KiB,
 * which count as this instance's. One that rests does not need them. */
static void let_go(const struct reset *reset)
{
    if (madvise((void *)(uintptr_t)RESET_CONTENT_HOST, reset->content_bytes, MADV_DONTNEED) != 0)
        refused(reset, "madvise", errno);
}

static void await_go(struct reset *reset)
{
    static const struct timespec soon = {.tv_nsec = RESTS_AFTER_MS * MF_NS_PER_MS};
    const struct timespec *patience = reset->content_bytes ? &soon : NULL;
    uint32_t now, *go = &reset->control->go, *asleep = &reset->control->asleep;
    /* The node adds to go and then takes asleep: one of us sees the other. */
    while ((now = __atomic_load_n(go, __ATOMIC_SEQ_CST)) == reset->go) {
        __atomic_store_n(asleep, 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(go, __ATOMIC_SEQ_CST) == reset->go &&
            syscall(SYS_futex, go, FUTEX_WAIT, reset->go, patience, NULL, 0) != 0 && errno == ETIMEDOUT) {
            let_go(reset);
            patience = NULL; /* once: an idle instance has no tick */
        }
        __atomic_store_n(asleep, 0, __ATOMIC_SEQ_CST);
    }
    reset->go = now;
}

void reset_guest(struct reset *reset)
{
    const uint64_t began_ns = mf_monotonic_ns();
    uint8_t *boot = reset->memory->window + MF_BOOT_BASE;
    struct mf_why why = {{0}};
    if (!__atomic_load_n(&reset->control->notify, __ATOMIC_ACQUIRE) && node_sleeps(reset))
        ring(reset);
    if (!cpu_rewind(reset->cpu, &reset->state))
        refused(reset, "registers", errno);
    uint64_t pages = rewind_memory(reset);
    if (boot_renew(boot, &why) != MF_OK)
        refused(reset, "seed", errno);
    tell(reset, pages, began_ns);
    await_go(reset);
    if (reset->preempt && !preempt_renew())
        refused(reset, "setitimer", errno);
    boot_stamp(boot, &reset->memory->host);
}
