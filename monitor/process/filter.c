/*
 * filter.c: the process sandbox's lines. Pure, no allocation.
 */
#include "monitor/process/filter.h"

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "base/err.h"
#include "filter_arch.h"
#include "monitor/monitor.h"
#include "monitor/process/trampoline_layout.h"

#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, which build machines' headers may lack */

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
    FILTER_ARCH_LINES
    {"restart_syscall", SYS_restart_syscall, "none",
     "a `wait` with a deadline goes on after the process was stopped and continued, as a CPU "
     "ceiling does. The kernel keeps what is restarted; only a line of this table can have begun "
     "it.",
     {{FILTER_NOTHING, 0, 0}}},
    {"munmap", SYS_munmap, "the trampoline's pages, all of them",
     "the seal itself: the monitor's last code goes, and with it all calls but these. Later there "
     "is nothing to unmap.",
     {{FILTER_EQUAL, 0, TRAMPOLINE_BASE}, {FILTER_EQUAL, 1, TRAMPOLINE_BYTES}}},
    {"exit_group", SYS_exit_group, "any status",
     "`halt`, `fault`, and the gate's own end on nonsense: the node reads the status as "
     "something that a guest says.",
     {{FILTER_NOTHING, 0, 0}}},
};
const uint32_t filter_line_count = sizeof filter_lines / sizeof *filter_lines;

const struct filter_line filter_jit_lines[] = {
    {"mprotect", SYS_mprotect,
     "pages in [program base, channel); read and execute, or read, write and execute",
     "`protect` of functions with jit: code that the program makes. It runs as the program's own "
     "does: its `syscall` instructions trap, and what it may touch is the same window.",
     {{FILTER_RANGE, 0, MF_PROGRAM_BASE},
      {FILTER_ONE_OF, 2,
       1u << (PROT_READ | PROT_EXEC) | 1u << (PROT_READ | PROT_WRITE | PROT_EXEC)}}},
};
const uint32_t filter_jit_line_count = sizeof filter_jit_lines / sizeof *filter_jit_lines;
_Static_assert((sizeof filter_lines + sizeof filter_jit_lines) / sizeof *filter_lines <=
                   FILTER_LINES_MAX,
               "filter.h");

#define READABLE (1u << PROT_NONE | 1u << PROT_READ | 1u << (PROT_READ | PROT_WRITE))
#define ANY_BUT_BOTH (READABLE | 1u << (PROT_READ | PROT_EXEC)) /* never write and execute */

const struct filter_line trampoline_lines[] = {
    {"recvmsg", SYS_recvmsg, "descriptor = the control socket",
     "the blank waits for its order. One packet is taken; the socket is closed before the seal.",
     {{FILTER_EQUAL, 0, MONITOR_FD_CONTROL}}},
    {"fstat", SYS_fstat, "any descriptor",
     "how long are image and snapshot? The descriptors came with the order; all others of the "
     "process are listed in monitor.h, and none is a file.",
     {{FILTER_NOTHING, 0, 0}}},
    {"pread64", SYS_pread64, "any descriptor",
     "heads and pages of the files of the order, which are open for reading and nothing else can "
     "be read at an offset but the channel.",
     {{FILTER_NOTHING, 0, 0}}},
    {"mmap", SYS_mmap,
     "of a file, private, pages in [kernel base, 2 GiB), just there; never write and execute",
     "segments, and what the snapshot adds. Never over the gate, the boot page or the trampoline.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_ONE_OF, 2, ANY_BUT_BOTH},
      {FILTER_EQUAL, 3, MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED}}},
    {"mmap", SYS_mmap,
     "of nothing, private, pages in [kernel base, 2 GiB), just there; never write and execute",
     "the memory between; text from where files may not be executed.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_ONE_OF, 2, ANY_BUT_BOTH},
      {FILTER_EQUAL, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED}}},
    {"mmap", SYS_mmap,
     "of the channel, shared, pages in [kernel base, 2 GiB), just there; read and write",
     "the channel of a window that is not of the usual size.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_EQUAL, 2, PROT_READ | PROT_WRITE},
      {FILTER_EQUAL, 3, MAP_SHARED | MAP_FIXED},
      {FILTER_EQUAL, 4, MONITOR_FD_CHANNEL}}},
    {"munmap", SYS_munmap, "from the end of a window of the usual size on",
     "the spawner's image, with all above the window.",
     {{FILTER_EQUAL, 0, MF_WINDOW_DEFAULT}}},
    {"munmap", SYS_munmap, "addresses from 4 GiB on",
     "the same around a vDSO that the kernel has sealed.",
     {{FILTER_HIGH, 0, 0}}},
    {"munmap", SYS_munmap, "pages in [kernel base, 2 GiB)",
     "a window smaller than the usual one is cut to its size.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE}}},
    {"mprotect", SYS_mprotect, "the boot page; read",
     "the guest must not write what the monitor told it.",
     {{FILTER_EQUAL, 0, MF_BOOT_BASE}, {FILTER_EQUAL, 1, MF_BOOT_BYTES}, {FILTER_EQUAL, 2, PROT_READ}}},
    {"mprotect", SYS_mprotect, "pages in [kernel base, 2 GiB); never write and execute",
     "the protections of a snapshot; text that had to be copied from a file system mounted noexec.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE}, {FILTER_ONE_OF, 2, ANY_BUT_BOTH}}},
    {"madvise", SYS_madvise,
     "pages in [kernel base, 2 GiB); advice = MADV_POPULATE_WRITE or MADV_HUGEPAGE",
     "pages that the first event will write are there before it comes; memory that the guest has "
     "not opened yet may come in large pages when it does. It is the window's, and no more of it.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE}, {FILTER_ONE_OF, 2, 1u << POPULATE_WRITE | 1u << MADV_HUGEPAGE}}},
    {"getrandom", SYS_getrandom, "no flags",
     "the guest's seed.",
     {{FILTER_EQUAL, 2, 0}}},
    {"clock_gettime", SYS_clock_gettime, "clock = CLOCK_MONOTONIC or CLOCK_REALTIME",
     "the times in the boot page.",
     {{FILTER_ONE_OF, 0, 1u << CLOCK_MONOTONIC | 1u << CLOCK_REALTIME}}},
    {"setpriority", SYS_setpriority, "this process, nice 0 to 19",
     "the function's share of the processor. Without rights it can only go down.",
     {{FILTER_EQUAL, 0, PRIO_PROCESS}, {FILTER_EQUAL, 1, 0}, {FILTER_AT_MOST, 2, PRIO_MAX - 1}}},
    {"setitimer", SYS_setitimer, "timer = ITIMER_PROF, the old one is not asked for",
     "preempts, for images that want them: a signal of this process's own whenever it has used so "
     "much processor time. It can be caught by the gate only.",
     {{FILTER_EQUAL, 0, ITIMER_PROF}, {FILTER_EQUAL, 2, 0}}},
    {"close_range", SYS_close_range, "no flags",
     "of the descriptors only bell and console remain.",
     {{FILTER_EQUAL, 2, 0}}},
    {"close", SYS_close, "any descriptor",
     "a file that names pages to prepare is read and closed; so are those of an order that is "
     "refused.",
     {{FILTER_NOTHING, 0, 0}}},
    {"sendto", SYS_sendto, "descriptor = the control socket, no address",
     "why an order is refused.",
     {{FILTER_EQUAL, 0, MONITOR_FD_CONTROL}, {FILTER_EQUAL, 4, 0}}},
    {"seccomp", SYS_seccomp, "SECCOMP_SET_MODE_FILTER, no flags",
     "for a window that is not of the usual size, and for a function with jit: a second filter. All filters are asked, so "
     "one more can only forbid.",
     {{FILTER_EQUAL, 0, SECCOMP_SET_MODE_FILTER}, {FILTER_EQUAL, 1, 0}}},
    {"mremap", SYS_mremap, "the other gate page, over the gate page",
     "the same: the page whose calls the second filter judges.",
     {{FILTER_EQUAL, 0, TRAMPOLINE_OTHER_GATE},
      {FILTER_EQUAL, 1, MF_GATE_BYTES},
      {FILTER_EQUAL, 2, MF_GATE_BYTES},
      {FILTER_EQUAL, 3, MREMAP_MAYMOVE | MREMAP_FIXED},
      {FILTER_EQUAL, 4, MF_GATE_BASE}}},
    {"mremap", SYS_mremap, "the gate page of functions with jit, over the gate page",
     "the same, for one of those.",
     {{FILTER_EQUAL, 0, TRAMPOLINE_JIT_GATE},
      {FILTER_EQUAL, 1, MF_GATE_BYTES},
      {FILTER_EQUAL, 2, MF_GATE_BYTES},
      {FILTER_EQUAL, 3, MREMAP_MAYMOVE | MREMAP_FIXED},
      {FILTER_EQUAL, 4, MF_GATE_BASE}}},
    {"exit_group", SYS_exit_group, "any status", "nobody has an order for this blank, or it is refused.",
     {{FILTER_NOTHING, 0, 0}}},
};
const uint32_t trampoline_line_count = sizeof trampoline_lines / sizeof *trampoline_lines;
_Static_assert(sizeof trampoline_lines / sizeof *trampoline_lines <= FILTER_LINES_MAX, "filter.h");

uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room)
{
    const struct filter_place place = {.channel_base = channel_base,
                                       .call_return = FILTER_ARCH_CALL_RETURN};
    return filter_program(&place, lines, count, out, room);
}

uint32_t filter_choose(bool jit, struct filter_line lines[FILTER_LINES_MAX])
{
    memcpy(lines, filter_lines, sizeof filter_lines);
    if (jit)
        memcpy(lines + filter_line_count, filter_jit_lines, sizeof filter_jit_lines);
    return filter_line_count + (jit ? filter_jit_line_count : 0);
}

static uint32_t call_return(enum filter_gate gate)
{
    return gate == FILTER_GATE_JIT     ? FILTER_ARCH_JIT_RETURN
           : gate == FILTER_GATE_OTHER ? FILTER_ARCH_OTHER_RETURN
                                       : FILTER_ARCH_CALL_RETURN;
}

/* A second filter is of one gate page; the first one leaves the calls of both others to it. */
static uint32_t compile(enum filter_gate gate, struct filter_place place, struct sock_filter *out,
                        uint32_t room)
{
    struct filter_line lines[FILTER_LINES_MAX], jit_lines[FILTER_LINES_MAX];
    const uint32_t count = filter_choose(gate == FILTER_GATE_JIT, lines);
    place.call_return = call_return(gate);
    place.before_return = TRAMPOLINE_SYSCALL_RETURN;
    place.before = trampoline_lines;
    place.before_count = trampoline_line_count;
    if (gate == FILTER_GATE_DEFAULT) {
        place.any_return = FILTER_ARCH_OTHER_RETURN;
        place.more_return = FILTER_ARCH_JIT_RETURN;
        place.more = jit_lines;
        place.more_count = filter_choose(true, jit_lines);
    }
    return filter_program(&place, lines, count, out, room);
}

uint32_t filter_compile_blank(enum filter_gate gate, uint64_t channel_base,
                              struct sock_filter *out, uint32_t room)
{
    return compile(gate, (struct filter_place){.channel_base = channel_base}, out, room);
}

uint32_t filter_compile_spawner(uint64_t home, uint64_t home_end, struct sock_filter *out,
                                uint32_t room)
{
    const struct filter_place place = {.channel_base = MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES,
                                       .home = home,
                                       .home_end = home_end};
    if (home >> 32 == 0 || home >> 32 != home_end >> 32)
        return 0;
    return compile(FILTER_GATE_DEFAULT, place, out, room);
}
