/*
 * process.c: the process monitor: one instance as this very process. It maps the
 * window where the guest expects it (guest address = host address), then becomes the
 * guest: parse (common/start.c) → open → map → lock down → run.
 * Guarantees: when the guest's first instruction runs, the process holds the window
 * and nothing else, two descriptors, and a filter of the calls in filter.c.
 * Leaves to others: that entries and segments are sane (image_parse); namespaces,
 * capabilities, rlimits (spawner/).
 */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/boot.h"
#include "abi/channel.h"
#include "monitor/common/boot.h"
#include "monitor/common/window.h"
#include "monitor/monitor.h"
#include "monitor/process/filter.h"
#include "monitor/process/gate.h"

#define DEFAULT_CHANNEL ((uint64_t)MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES)

/* Take [from, to) for us, if nothing is there. */
static mf_err reserve(uint64_t from, uint64_t to, struct mf_why *why)
{
    void *where = (void *)(uintptr_t)from;
    void *got = mmap(where, (size_t)(to - from), PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == where)
        return MF_OK;
    return mf_why(why, MF_EUNSUPPORTED,
                  "cannot reserve the guest's addresses 0x%llx to 0x%llx: %s (sysctl "
                  "vm.mmap_min_addr must be at most %u, and nothing may be mapped there)",
                  (unsigned long long)from, (unsigned long long)to,
                  got == MAP_FAILED ? strerror(errno) : "taken", MF_BOOT_BASE);
}

/* What every start writes, and what its first event uses of the channel: pages to be found
 * while nobody waits. */
static void touch(void)
{
    static const uint64_t written[] = {MF_BOOT_BASE, MF_GATE_DATA_BASE,
                                       MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES - 1};
    static const uint64_t read[] = {DEFAULT_CHANNEL,
                                    DEFAULT_CHANNEL + MF_CHANNEL_TO_GUEST_SLOTS,
                                    DEFAULT_CHANNEL + MF_CHANNEL_TO_NODE_SLOTS,
                                    DEFAULT_CHANNEL + MF_CHANNEL_TO_GUEST_DATA,
                                    DEFAULT_CHANNEL + MF_CHANNEL_TO_NODE_DATA};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        *(volatile uint8_t *)(uintptr_t)written[i] = 0;
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        (void)*(volatile uint8_t *)(uintptr_t)read[i];
}

/* Everything that does not depend on the image, and the channel where nearly every start
 * will have it. The window is reserved at its largest: one mapping without pages, cut to
 * size when all above the window is unmapped. */
mf_err monitor_process_prepare(struct monitor_blank *blank, struct mf_why *why)
{
    mf_assert(blank->bell == MONITOR_FD_BELL && blank->console == MONITOR_FD_CONSOLE);
    mf_err err = gate_supported(why);
    if (!err)
        err = reserve(MF_BOOT_BASE, MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES, why);
    if (!err)
        err = reserve(MF_KERNEL_BASE, MF_WINDOW_MAX, why);
    if (!err)
        err = window_anonymous(NULL, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES,
                               PROT_READ | PROT_WRITE, why);
    if (!err)
        err = gate_map(why);
    if (!err)
        err = gate_catch(why);
    if (!err)
        err = window_channel(NULL, DEFAULT_CHANNEL, blank->channel, why);
    if (!err)
        touch();
    return err;
}

/* The guess of prepare was wrong: it is taken back. */
static mf_err move_channel(uint64_t channel_base, int channel, struct mf_why *why)
{
    mf_err err = window_anonymous(NULL, DEFAULT_CHANNEL, MF_WINDOW_DEFAULT, PROT_NONE, why);
    return err ? err : window_channel(NULL, channel_base, channel, why);
}

static mf_err fill_boot(const struct monitor_start *start, struct mf_why *why)
{
    void *boot = (void *)(uintptr_t)MF_BOOT_BASE;
    mf_err err = boot_fill(boot, start, getauxval(AT_HWCAP), getauxval(AT_HWCAP2), why);
    if (!err && mprotect(boot, MF_BOOT_BYTES, PROT_READ) != 0)
        err = mf_why(why, MF_EIO, "cannot make the boot page read-only: %s", strerror(errno));
    return err;
}

/* All but bell and console; the image and the channel live on as mappings. */
static mf_err close_others(struct mf_why *why)
{
    _Static_assert(MONITOR_FD_CONSOLE == MONITOR_FD_BELL + 1, "two ranges to close");
    if (syscall(SYS_close_range, 0u, (unsigned)MONITOR_FD_BELL - 1, 0u) != 0 ||
        syscall(SYS_close_range, (unsigned)MONITOR_FD_CONSOLE + 1, ~0u, 0u) != 0)
        return mf_why(why, MF_EUNSUPPORTED, "close_range: %s (Linux 5.9 has it)", strerror(errno));
    return MF_OK;
}

mf_err monitor_process_run(struct monitor_blank *blank, const struct monitor_start *start,
                           struct mf_why *why)
{
    mf_err err = MF_OK;
    if (start->channel_base != DEFAULT_CHANNEL) /* first: the window may reach past it */
        err = move_channel(start->channel_base, blank->channel, why);
    if (!err)
        err = window_load(NULL, start, 0, start->image.segment_count, true, why);
    if (!err && start->flags & MF_START_RESTORE)
        err = window_restore(NULL, start, true, why);
    if (!err)
        window_prepare(NULL, &start->touched);
    if (!err)
        err = fill_boot(start, why);
    if (err)
        return err;
    uint32_t length = filter_compile(filter_lines, filter_line_count, start->channel_base,
                                     gate_data()->filter, GATE_FILTER_MAX);
    mf_assert(length > 0);
    gate_arm(start, length);
    err = close_others(why);
    if (!err)
        gate_enter();
    return err;
}
