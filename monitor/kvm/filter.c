/* filter.c: the KVM monitor's lines. Pure, no allocation. */
#include "monitor/kvm/filter.h"

#include <linux/futex.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "abi/boot.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "cpu_model.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/reset.h"

/* The calls of a warm event come first. */
const struct filter_line kvm_filter_lines[] = {
    {"ioctl", SYS_ioctl, "descriptor = the vCPU, request = KVM_RUN",
     "run the guest. The vCPU's memory and tables were fixed before the lock-down.",
     {{FILTER_EQUAL, 0, KVM_FD_VCPU}, {FILTER_EQUAL, 1, KVM_RUN}}},
    {"futex", SYS_futex, "address = the channel's bell, operation = FUTEX_WAIT_BITSET",
     "`wait`: sleep until the node rings. It can only wait, and only on that word; waiting "
     "touches nobody else.",
     {{FILTER_BELL, 0, 0}, {FILTER_EQUAL, 1, FUTEX_WAIT_BITSET}}},
    {"restart_syscall", SYS_restart_syscall, "none",
     "a `wait` with a deadline goes on after the process was stopped and continued. The kernel "
     "keeps what is restarted; only a line of this table can have begun it.",
     {{FILTER_NOTHING, 0, 0}}},
    {"mprotect", SYS_mprotect, "pages of the window in [kernel base, channel); none, or read and write",
     "`protect`: off and on makes KVM forget translations. Nothing here is ever executable.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_ONE_OF, 2, 1u << PROT_NONE | 1u << (PROT_READ | PROT_WRITE)}}},
    {"madvise", SYS_madvise,
     "pages of the window in [program base, channel); advice = MADV_DONTNEED",
     "`discard`: give memory back. It affects private pages of this process only.",
     {{FILTER_RANGE, 0, MF_PROGRAM_BASE}, {FILTER_EQUAL, 2, MADV_DONTNEED}}},
    {"clock_gettime", SYS_clock_gettime, "clock = CLOCK_MONOTONIC or CLOCK_REALTIME",
     "`clock`, where the vDSO cannot read the time by itself.",
     {{FILTER_ONE_OF, 0, 1u << CLOCK_MONOTONIC | 1u << CLOCK_REALTIME}}},
    {"write", SYS_write, "descriptor = the console, at most MF_CONSOLE_MAX bytes",
     "`console`: lines for the function's log before the channel is up, and last words, the "
     "guest's or the monitor's. A pipe that does not block; the node reads it at its own pace.",
     {{FILTER_EQUAL, 0, MONITOR_FD_CONSOLE}, {FILTER_AT_MOST, 2, MF_CONSOLE_MAX}}},
    {"ioctl", SYS_ioctl, "descriptor = the vCPU, request = reading its registers",
     "where the guest stood, in the monitor's last words.",
     {{FILTER_EQUAL, 0, KVM_FD_VCPU}, {FILTER_EQUAL, 1, CPU_POSITION_IOCTL}}},
    {"exit_group", SYS_exit_group, "any status",
     "`halt`, `fault`, and every other end: the node reads the status as something that a guest "
     "says.",
     {{FILTER_NOTHING, 0, 0}}},
};
const uint32_t kvm_filter_line_count = sizeof kvm_filter_lines / sizeof *kvm_filter_lines;

const struct filter_line kvm_reset_lines[] = {
    {"ioctl", SYS_ioctl, "descriptor = the instance's pagemap, request = PAGEMAP_SCAN",
     "which pages were written. It tells this process of its own memory.",
     {{FILTER_EQUAL, 0, KVM_FD_PAGEMAP}, {FILTER_EQUAL, 1, PAGEMAP_SCAN_CALL}}},
    {"ioctl", SYS_ioctl, "descriptor = the vCPU, request = setting vectors and masks",
     "a rolled back guest finds none of those that it left. The other registers go in with "
     "KVM_RUN.",
     {{FILTER_EQUAL, 0, KVM_FD_VCPU}, {FILTER_EQUAL, 1, CPU_VECTORS_IOCTL}}},
    {"futex", SYS_futex, "address = the control page's `go`, operation = FUTEX_WAIT",
     "stand still until the node has the next event. It can only wait, and only on that word.",
     {{FILTER_EQUAL, 0, RESET_CONTROL_HOST + offsetof(struct mf_control, go)},
      {FILTER_EQUAL, 1, FUTEX_WAIT}}},
    {"getrandom", SYS_getrandom, "at most MF_BOOT_SEED_BYTES, no flags",
     "a fresh seed for each event. Anybody may have random bytes.",
     {{FILTER_AT_MOST, 1, MF_BOOT_SEED_BYTES}, {FILTER_EQUAL, 2, 0}}},
    {"write", SYS_write, "descriptor = the bell, 8 bytes",
     "tell a node that waits that the guest is rolled back. It is what `ring` does.",
     {{FILTER_EQUAL, 0, MONITOR_FD_BELL}, {FILTER_EQUAL, 2, sizeof(uint64_t)}}},
    {"madvise", SYS_madvise,
     "the snapshot, where it is mapped a second time; advice = MADV_DONTNEED",
     "pages of a file that were copied back from need not stay mapped while the guest rests.",
     {{FILTER_EQUAL, 0, RESET_CONTENT_HOST},
      {FILTER_AT_MOST, 1, MF_WINDOW_MAX},
      {FILTER_EQUAL, 2, MADV_DONTNEED}}},
    {"pread64", SYS_pread64, "descriptor = the instance's pagemap",
     "which pages were written, where the host has no PAGEMAP_SCAN (before Linux 6.7).",
     {{FILTER_EQUAL, 0, KVM_FD_PAGEMAP}}},
};
const uint32_t kvm_reset_line_count = sizeof kvm_reset_lines / sizeof *kvm_reset_lines;

const struct filter_line kvm_preempt_lines[] = {
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, "no word of the signal but its number",
     "take the signal of the timer, which ended KVM_RUN. This process has no other to wait for.",
     {{FILTER_EQUAL, 1, 0}}},
    {"setitimer", SYS_setitimer, "timer = ITIMER_PROF, the old one is not asked for",
     "after a rollback: the next event's first preempt comes a whole period after its start. It "
     "counts this process's own processor time.",
     {{FILTER_EQUAL, 0, ITIMER_PROF}, {FILTER_EQUAL, 2, 0}}},
};
const uint32_t kvm_preempt_line_count = sizeof kvm_preempt_lines / sizeof *kvm_preempt_lines;
_Static_assert((sizeof kvm_filter_lines + sizeof kvm_reset_lines + sizeof kvm_preempt_lines) /
                       sizeof *kvm_filter_lines <=
                   FILTER_LINES_MAX,
               "all of them at most");

uint32_t kvm_filter_choose(bool reset, bool preempt, struct filter_line lines[FILTER_LINES_MAX])
{
    uint32_t count = kvm_filter_line_count;
    memcpy(lines, kvm_filter_lines, sizeof kvm_filter_lines);
    if (reset) {
        memcpy(lines + count, kvm_reset_lines, sizeof kvm_reset_lines);
        count += kvm_reset_line_count;
    }
    if (preempt) {
        memcpy(lines + count, kvm_preempt_lines, sizeof kvm_preempt_lines);
        count += kvm_preempt_line_count;
    }
    return count;
}

uint32_t kvm_filter_compile(const struct filter_line *lines, uint32_t count,
                            uint64_t channel_base, struct sock_filter *out, uint32_t room)
{
    const struct filter_place place = {.base = MEMORY_HOST, .channel_base = channel_base};
    return filter_program(&place, lines, count, out, room);
}
