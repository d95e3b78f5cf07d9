/*
 * filter.c: the process sandbox's lines. Pure, no allocation.
 */
#include "monitor/process/filter.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "base/err.h"
#include "filter_arch.h"
#include "monitor/monitor.h"

/* The calls of a warm event come first. */
const struct filter_line filter_lines[] = {
    {"futex", SYS_futex, "address = the channel's bell, operation = FUTEX_WAIT_BITSET",
     "`wait`: sleep until the node rings. It can only wait, and only on that word; waiting "
     "touches nobody else.",
     {{FILTER_BELL, 0, 0}, {FILTER_EQUAL, 1, FUTEX_WAIT_BITSET}}},
    {"write", SYS_write, "descriptor = the bell, buffer = the gate's constant 1, 8 bytes",
     "`ring`: wake the node. It adds 1 to an eventfd; the node reads it and looks at the ring.",
     {{FILTER_EQUAL, 0, MONITOR_FD_BELL},
      {FILTER_EQUAL, 1, FILTER_ARCH_RING_VALUE},
      {FILTER_EQUAL, 2, sizeof(uint64_t)}}},
    {"rt_sigreturn", SYS_rt_sigreturn, "none",
     "the end of every trap: the handlers turn a signal into a jump to the guest's kernel. A "
     "forged frame sets registers and signal mask of the forger; Linux keeps it in ring 3.",
     {{FILTER_NOTHING, 0, 0}}},
    {"mprotect", SYS_mprotect,
     "pages in [kernel base, channel); none, read, or read and write; never execute",
     "`protect`: guard pages, heap growth, W^X. What is not executable can never become so.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_ONE_OF, 2, 1u << PROT_NONE | 1u << PROT_READ | 1u << (PROT_READ | PROT_WRITE)}}},
    {"madvise", SYS_madvise, "pages in [program base, channel); advice = MADV_DONTNEED",
     "`discard`: give memory back. It affects private pages of this process only.",
     {{FILTER_RANGE, 0, MF_PROGRAM_BASE}, {FILTER_EQUAL, 2, MADV_DONTNEED}}},
    {"clock_gettime", SYS_clock_gettime, "clock = CLOCK_MONOTONIC or CLOCK_REALTIME",
     "`clock`: the time of day. The guest has the processor's time stamp counter anyway.",
     {{FILTER_ONE_OF, 0, 1u << CLOCK_MONOTONIC | 1u << CLOCK_REALTIME}}},
    {"write", SYS_write, "descriptor = the console, at most MF_CONSOLE_MAX bytes",
     "`console`: lines for the function's log before the channel is up, and a crash's last "
     "words. A pipe that does not block; the node reads it at its own pace.",
     {{FILTER_EQUAL, 0, MONITOR_FD_CONSOLE}, {FILTER_AT_MOST, 2, MF_CONSOLE_MAX}}},
    {"restart_syscall", SYS_restart_syscall, "none",
     "a `wait` with a deadline goes on after the process was stopped and continued, as a CPU "
     "ceiling does. The kernel keeps what is restarted; only a line of this table can have begun "
     "it.",
     {{FILTER_NOTHING, 0, 0}}},
    {"exit_group", SYS_exit_group, "any status",
     "`halt`, `fault`, and the gate's own end on nonsense: the node reads the status as "
     "something that a guest says.",
     {{FILTER_NOTHING, 0, 0}}},
};
const uint32_t filter_line_count = sizeof filter_lines / sizeof *filter_lines;
_Static_assert(sizeof filter_lines / sizeof *filter_lines <= FILTER_LINES_MAX, "sixteen at most");

uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room)
{
    const struct filter_place place = {.channel_base = channel_base,
                                       .call_return = FILTER_ARCH_CALL_RETURN};
    return filter_program(&place, lines, count, out, room);
}
