/*
 * main.c: from a waiting blank to its guest: leave the spawner's image → let the filter be
 * in force → take the window that it is for, and its filter → wait for MF_START → parse → map →
 * unmap the trampoline → run.
 * Guarantees: what a hostile image or snapshot could do to this code, it could do only
 * with the calls of trampoline_lines; when the guest's first instruction runs, the process
 * holds the window and nothing else, two descriptors, and only the gate's calls.
 * Leaves to others: what could be done before (process.c), the last steps (gate.S).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "abi/channel.h"
#include "abi/trap.h"
#include "base/limits.h"
#include "filter_arch.h"
#include "monitor/common/boot.h"
#include "monitor/common/start.h"
#include "monitor/common/window.h"
#include "monitor/process/trampoline.h"
#include "monitor/process/trampoline/host.h"

#define DEFAULT_CHANNEL ((uint64_t)MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES)

static struct start_packet packet;
static struct trampoline_order order __attribute__((section(".bss.order"), aligned(4096)));

_Noreturn void trampoline_main(void);
_Noreturn void trampoline_seal(uint64_t entry, uint64_t syscall, uint64_t exception,
                               uint64_t record, uint64_t gate);

static bool unmap(uint64_t from, uint64_t to)
{
    return munmap((void *)(uintptr_t)from, (size_t)(to - from)) == 0;
}

/* Unmap the spawner's image: everything above a window of the usual size in one call. Where
 * the kernel seals its vDSO (mseal(2), Linux 6.16), that is refused whole: then unmap below
 * and above it, and what can be of its surroundings page by page; what stays is code whose
 * `syscall` the filter traps. */
static mf_err leave(struct mf_why *why)
{
    const uint64_t zone = 64ull * MF_PAGE_BYTES; /* on either side: vvar below, the vDSO's own above */
    const uint64_t from = order.vdso - zone, to = order.vdso + zone;
    if (unmap(MF_WINDOW_DEFAULT, ARCH_ADDRESSES_END))
        return MF_OK;
    if (!order.vdso || !unmap(MF_WINDOW_DEFAULT, from))
        return mf_why(why, mf_err_from_errno(errno), "cannot unmap the spawner: %s", strerror(errno));
    for (uint64_t at = from; at < to; at += MF_PAGE_BYTES)
        if (!unmap(at, at + MF_PAGE_BYTES) && errno != EPERM) /* sealed pages refuse so: they stay */
            return mf_why(why, mf_err_from_errno(errno), "cannot unmap around the vDSO: %s",
                          strerror(errno));
    if (to < ARCH_ADDRESSES_END && !unmap(to, ARCH_ADDRESSES_END))
        return mf_why(why, mf_err_from_errno(errno), "cannot unmap past the vDSO: %s",
                      strerror(errno));
    return MF_OK;
}

static mf_err attach(uint32_t length, struct mf_why *why)
{
    const struct sock_fprog program = {.len = (unsigned short)length, .filter = order.filter};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0ul, &program) != 0)
        return mf_why(why, mf_err_from_errno(errno), "no system call filter: %s", strerror(errno));
    return MF_OK;
}

/* From what is reserved, a window of the usual size, to one of this size with its channel. */
static mf_err resize(uint64_t window_bytes, struct mf_why *why)
{
    mf_err err = MF_OK;
    if (window_bytes > MF_WINDOW_DEFAULT)
        err = window_anonymous(NULL, MF_WINDOW_DEFAULT, window_bytes, PROT_NONE, why);
    if (window_bytes < MF_WINDOW_DEFAULT && !unmap(window_bytes, MF_WINDOW_DEFAULT))
        err = mf_why(why, mf_err_from_errno(errno), "cannot cut the window to size: %s",
                     strerror(errno));
    return err ? err : window_channel(NULL, window_bytes - MF_CHANNEL_BYTES, MONITOR_FD_CHANNEL, why);
}

/* The filter in force is of the usual window, and of no function with jit. First this one's is
 * added, and only then comes the gate page whose calls the first one leaves to it (filter.h). */
static mf_err change_gate(uint64_t window_bytes, bool jit, struct mf_why *why)
{
    const uintptr_t page = jit ? TRAMPOLINE_JIT_GATE : TRAMPOLINE_OTHER_GATE;
    uint32_t length =
        filter_compile_blank(jit ? FILTER_GATE_JIT : FILTER_GATE_OTHER,
                             window_bytes - MF_CHANNEL_BYTES, order.filter, FILTER_PROCESS_MAX);
    mf_assert(length > 0);
    mf_err err = attach(length, why);
    void *gate = (void *)(uintptr_t)MF_GATE_BASE;
    if (!err && mremap((void *)page, MF_GATE_BYTES, MF_GATE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
                       gate) != gate)
        err = mf_why(why, mf_err_from_errno(errno), "cannot change the gate page: %s",
                     strerror(errno));
    return err;
}

static bool is_usual(uint64_t window_bytes, bool jit)
{
    return window_bytes == MF_WINDOW_DEFAULT && !jit;
}

/* What nearly every order will find as it has it: window, channel, filter and gate page. */
static mf_err guess(struct mf_why *why)
{
    mf_err err = resize(order.window_bytes, why);
    return err || is_usual(order.window_bytes, order.jit)
               ? err
               : change_gate(order.window_bytes, order.jit, why);
}

/* The guess was wrong, which only one of the usual blank can be: a filter more would not undo the
 * other's. */
static mf_err adapt(const struct monitor_start *start, struct mf_why *why)
{
    const bool jit = start->flags & MF_START_JIT;
    mf_err err = MF_OK;
    if (start->window_bytes == order.window_bytes && jit == order.jit)
        return MF_OK;
    if (!is_usual(order.window_bytes, order.jit))
        return mf_why(why, MF_EPROTO, "a blank for %llu MiB and jit %u, and an order for %llu and %u",
                      (unsigned long long)order.window_bytes >> 20, order.jit,
                      (unsigned long long)start->window_bytes >> 20, jit);
    if (start->window_bytes != order.window_bytes) {
        err = window_anonymous(NULL, DEFAULT_CHANNEL, MF_WINDOW_DEFAULT, PROT_NONE, why);
        if (!err)
            err = resize(start->window_bytes, why);
    }
    return err ? err : change_gate(start->window_bytes, jit, why);
}

/* By the guest's own call: none of ours allows both at once. */
static mf_err open_page(uint32_t page, uint32_t pages, uint32_t prot, struct mf_why *why)
{
    struct mf_hc_protect protect = {.address = (uint64_t)page * MF_PAGE_BYTES,
                                    .bytes = (uint64_t)pages * MF_PAGE_BYTES,
                                    .prot = prot};
    if (!window_defers(prot))
        return MF_OK;
    ((void (*)(struct mf_hc_protect *))mf_gate_address(MF_HC_protect))(&protect);
    return protect.error ? mf_why(why, mf_err_from_errno(-protect.error),
                                  "snapshot: cannot let 0x%llx be written and executed: %s",
                                  (unsigned long long)protect.address, strerror(-protect.error))
                         : MF_OK;
}

/* What the snapshot of a function with jit has both to be written and to be executed. */
static mf_err open_both(const struct snapshot *snapshot, struct mf_why *why)
{
    mf_err err = MF_OK;
    for (uint32_t i = 0; !err && i < snapshot->head->range_count; i++)
        err = open_page(snapshot->ranges[i].page, snapshot->ranges[i].pages,
                        snapshot->ranges[i].prot, why);
    for (uint32_t i = 0; !err && i < snapshot->head->run_count; i++)
        err = open_page(snapshot->runs[i].page, snapshot->runs[i].pages, snapshot->runs[i].prot, why);
    return err;
}

static mf_err fill_boot(const struct monitor_start *start, struct mf_why *why)
{
    void *boot = (void *)(uintptr_t)MF_BOOT_BASE;
    mf_err err = boot_fill(boot, start, &order.host, why);
    if (!err && mprotect(boot, MF_BOOT_BYTES, PROT_READ) != 0)
        err = mf_why(why, MF_EIO, "cannot make the boot page read-only: %s", strerror(errno));
    return err;
}

/* The gate catches its signal; it counts what this thread uses, so from here on. */
static mf_err start_preempts(struct mf_why *why)
{
    const struct timeval period = {.tv_usec = MF_PREEMPT_MS * 1000};
    const struct itimerval timer = {period, period};
    if (setitimer(ITIMER_PROF, &timer, NULL) != 0)
        return mf_why(why, mf_err_from_errno(errno), "no timer for preempts: %s", strerror(errno));
    return MF_OK;
}

/* All but bell and console; the image and the channel live on as mappings. */
static mf_err close_others(struct mf_why *why)
{
    _Static_assert(MONITOR_FD_CONSOLE == MONITOR_FD_BELL + 1, "two ranges to close");
    if (syscall(SYS_close_range, 0ul, MONITOR_FD_BELL - 1ul, 0ul) != 0 ||
        syscall(SYS_close_range, MONITOR_FD_CONSOLE + 1ul, (unsigned long)~0u, 0ul) != 0)
        return mf_why(why, MF_EUNSUPPORTED, "close_range: %s (Linux 5.9 has it)", strerror(errno));
    return MF_OK;
}

static mf_err run(const struct monitor_start *start, struct mf_why *why)
{
    mf_err err = start_nice(start, order.nice, why);
    if (!err) /* first: the window may reach past the guess */
        err = adapt(start, why);
    if (!err)
        err = window_load(NULL, start, 0, start->image.segment_count, true, why);
    if (!err && start->flags & MF_START_RESTORE)
        err = window_restore(NULL, start, true, why);
    if (!err && start->flags & MF_START_RESTORE)
        window_large(NULL, start);
    if (!err)
        window_prepare(NULL, &start->touched);
    if (!err)
        err = fill_boot(start, why);
    if (!err && start->snapshot.executes)
        err = open_both(&start->snapshot, why);
    if (!err && start->image.info.flags & MF_IMAGE_LINUX)
        err = start_preempts(why);
    if (!err)
        err = close_others(why); /* last: the control socket tells of all that failed before */
    if (err)
        return err;
    const struct mf_image_info *info = &start->image.info;
    trampoline_seal(info->kernel_entry, info->kernel_syscall, info->kernel_exception,
                    info->trap_stack_top - sizeof(struct mf_trap), order.seal);
}

/* Standard error was for the spawner's words: what parses an order has nothing to say there. */
static mf_err close_standard(struct mf_why *why)
{
    if (syscall(SYS_close_range, 0ul, MONITOR_FD_CONTROL - 1ul, 0ul) != 0)
        return mf_why(why, MF_EUNSUPPORTED, "close_range: %s (Linux 5.9 has it)", strerror(errno));
    return MF_OK;
}

/* Pages that every start uses: to be found while nobody waits. */
static void touch(void)
{
    *(volatile unsigned char *)packet.bytes = 0;
    *(volatile uint32_t *)&order.start.flags = order.start.flags;
    start_touch();
}

/* The same of the channel, which a first event reads. */
static void touch_channel(void)
{
    static const uint32_t read[] = {0, MF_CHANNEL_TO_GUEST_SLOTS, MF_CHANNEL_TO_NODE_SLOTS,
                                    MF_CHANNEL_TO_GUEST_DATA, MF_CHANNEL_TO_NODE_DATA};
    const volatile uint8_t *channel =
        (void *)(uintptr_t)(order.window_bytes - MF_CHANNEL_BYTES);
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        (void)channel[read[i]];
}

void trampoline_main(void)
{
    static struct mf_why why;
    touch();
    mf_err err = leave(&why);
    if (!err && order.length)
        err = attach(order.length, &why);
    if (!err)
        err = guess(&why);
    if (!err)
        touch_channel();
    if (!err && !order.probe) /* a probe's order is here already, with its image's descriptor */
        err = close_standard(&why);
    if (err)
        monitor_give_up(MONITOR_FD_CONTROL, MF_BLANK_FAILED, err, &why);
    if (!order.probe)
        err = start_receive(MONITOR_FD_CONTROL, &packet, &order.start, &why);
    if (err == MF_EDEAD)
        _exit(0); /* the node has no use for this blank any more */
    if (!err)
        err = run(&order.start, &why);
    monitor_give_up(MONITOR_FD_CONTROL, MF_START_FAILED, err, &why);
}
