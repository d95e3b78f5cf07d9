/*
 * process.c: the process monitor: one instance as this very process. It maps what every
 * guest has where the guest expects it (guest address = host address), and leaves its own
 * image for the trampoline, which waits, maps the window and becomes the guest. Order:
 * lock down → parse → map → seal → run: a hostile file meets a parser that can make no
 * call but its own (trampoline/main.c).
 * Guarantees: when the guest's first instruction runs, the process holds the window
 * and nothing else, two descriptors, and a filter of the calls in filter.c.
 * Leaves to others: that entries and segments are sane (image_parse); namespaces,
 * capabilities, rlimits (spawner/).
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/channel.h"
#include "monitor/common/tsc.h"
#include "monitor/common/window.h"
#include "monitor/monitor.h"
#include "monitor/process/filter.h"
#include "monitor/process/gate.h"
#include "monitor/process/trampoline.h"

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

/* What every start writes: pages to be found while nobody waits. The channel's are the trampoline's. */
static void touch(void)
{
    static const uint64_t written[] = {MF_BOOT_BASE, MF_GATE_DATA_BASE,
                                       MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES - 1};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        *(volatile uint8_t *)(uintptr_t)written[i] = 0;
    (void)*(volatile uint8_t *)(uintptr_t)MF_GATE_BASE;
}

/* Beyond a window of the usual size nothing is kept; but nothing must be in the way there. */
mf_err monitor_process_survey(struct mf_why *why)
{
    mf_err err = gate_supported(why);
    if (!err)
        err = reserve(MF_BOOT_BASE, MF_WINDOW_MAX, why);
    if (!err)
        err = window_anonymous(NULL, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES,
                               PROT_READ | PROT_WRITE, why);
    if (!err)
        err = gate_map(why);
    if (!err)
        err = trampoline_map(why);
    if (!err)
        (void)munmap((void *)(uintptr_t)MF_WINDOW_DEFAULT, MF_WINDOW_MAX - MF_WINDOW_DEFAULT);
    return err;
}

static bool sealed; /* this process and all blanks that it forks */

mf_err monitor_process_seal(struct mf_why *why)
{
    static struct sock_filter code[FILTER_PROCESS_MAX];
    extern const char __executable_start[], etext[];
    struct sock_fprog program = {.filter = code};
    program.len = (unsigned short)filter_compile_spawner(
        (uintptr_t)__executable_start, (uintptr_t)etext, code, FILTER_PROCESS_MAX);
    if (program.len == 0) /* our text straddles a boundary: each blank attaches its own */
        return MF_OK;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0ul, &program) != 0)
        return mf_why(why, mf_err_from_errno(errno), "no system call filter: %s", strerror(errno));
    sealed = true;
    return MF_OK;
}

/* All that is this blank's own; window and channel are the trampoline's. */
static mf_err prepare(struct monitor_blank *blank, struct mf_why *why)
{
    mf_assert(blank->bell == MONITOR_FD_BELL && blank->console == MONITOR_FD_CONSOLE &&
              blank->channel == MONITOR_FD_CHANNEL);
    mf_err err = gate_catch(why);
    if (!err)
        touch();
    return err;
}

mf_err monitor_process_wait(struct monitor_blank *blank, const struct monitor_start *probe,
                            struct mf_why *why)
{
    mf_err err = prepare(blank, why);
    if (err)
        return err;
    gate_arm();
    trampoline_arm(blank, sealed, tsc_since(), probe);
    trampoline_enter();
}
