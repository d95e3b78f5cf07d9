/*
 * test_filter.c: every line of the process sandbox's filter, in the kernel that will
 * enforce it: good arguments pass, each limit kills one step beyond, and without its
 * line a good call kills too. Each case is a child that seals itself and makes one
 * call through the gate.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "gate_layout.h"
#include "machine.h"
#include "monitor/process/filter.h"
#include "monitor/process/gate.h"
#include "monitor/process/trampoline_layout.h"
#include "sealed.h"

#define CHANNEL (MF_WINDOW_MIN - MF_CHANNEL_BYTES)
#define BELL (CHANNEL + offsetof(struct mf_channel_head, bell))
#define PAGE (uint64_t)MF_PAGE_BYTES
#define HIGH (1ull << 32)

/* What the process monitor sets up, without its guest; seals with count lines. */
static void seal(const struct filter_line *lines, uint32_t count)
{
    struct mf_why why;
    struct sock_filter code[FILTER_PROCESS_MAX];
    int console[2];
    map_fixed(MF_BOOT_BASE, MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES, MAP_FIXED_NOREPLACE);
    map_fixed(MF_KERNEL_BASE, MF_WINDOW_MIN, MAP_FIXED_NOREPLACE);
    if (gate_map(&why) || pipe(console) || dup2(console[1], MONITOR_FD_CONSOLE) < 0 ||
        dup2(eventfd(0, EFD_NONBLOCK), MONITOR_FD_BELL) < 0)
        _exit(98);
    seal_by(code, filter_compile(lines, count, CHANNEL, code, FILTER_PROCESS_MAX));
}

static int call_with(const struct filter_line *lines, uint32_t count, long number,
                     const uint64_t a[6])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        seal(lines, count);
        long result = through_gate(number, a);
        leave(result < 0 ? ALLOWED_ERRNO : ALLOWED);
    }
    return outcome(pid);
}

/* One call; which line of the table admits it. */
struct call_case {
    const char *what;
    uint32_t line; /* index in filter_lines; of no meaning where none does */
    long number;
    uint64_t a[6];
    int result;
};

enum { FUTEX, RING, SIGRETURN, MPROTECT, MADVISE, CLOCK, CONSOLE, FS_BASE, GS_BASE, RESTART, SEAL, EXIT };

#define RW (PROT_READ | PROT_WRITE)
static const struct call_case good[] = {
    {"wait that need not", FUTEX, SYS_futex, {BELL, FUTEX_WAIT_BITSET, 7, 0, 0, ~0u}, ALLOWED_ERRNO},
    {"ring", RING, SYS_write, {MONITOR_FD_BELL, GATE_ONE, 8}, ALLOWED},
    {"first page", MPROTECT, SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW}, ALLOWED},
    {"last page", MPROTECT, SYS_mprotect, {CHANNEL - PAGE, PAGE, PROT_READ}, ALLOWED},
    {"all pages", MPROTECT, SYS_mprotect, {MF_KERNEL_BASE, CHANNEL - MF_KERNEL_BASE, PROT_NONE},
     ALLOWED},
    {"discard first", MADVISE, SYS_madvise, {MF_PROGRAM_BASE, PAGE, MADV_DONTNEED}, ALLOWED},
    {"discard all", MADVISE, SYS_madvise,
     {MF_PROGRAM_BASE, CHANNEL - MF_PROGRAM_BASE, MADV_DONTNEED}, ALLOWED},
    {"monotonic", CLOCK, SYS_clock_gettime, {CLOCK_MONOTONIC, MF_KERNEL_BASE}, ALLOWED},
    {"realtime", CLOCK, SYS_clock_gettime, {CLOCK_REALTIME, MF_KERNEL_BASE}, ALLOWED},
    {"console", CONSOLE, SYS_write, {MONITOR_FD_CONSOLE, MF_KERNEL_BASE, 1}, ALLOWED},
    {"longest line", CONSOLE, SYS_write, {MONITOR_FD_CONSOLE, MF_KERNEL_BASE, MF_CONSOLE_MAX},
     ALLOWED},
    {"FS base", FS_BASE, SYS_arch_prctl, {ARCH_SET_FS, 0}, ALLOWED},
    {"highest FS base", FS_BASE, SYS_arch_prctl, {ARCH_SET_FS, MF_SEGMENT_END - 1}, ALLOWED},
    {"FS base of the kernel's half", FS_BASE, SYS_arch_prctl, {ARCH_SET_FS, 1ull << 63},
     ALLOWED_ERRNO},
    {"GS base", GS_BASE, SYS_arch_prctl, {ARCH_SET_GS, 0}, ALLOWED},
    {"GS base of the kernel's half", GS_BASE, SYS_arch_prctl, {ARCH_SET_GS, 1ull << 63},
     ALLOWED_ERRNO},
    {"restart of nothing", RESTART, SYS_restart_syscall, {0}, ALLOWED_ERRNO},
    {"seal", SEAL, SYS_munmap, {TRAMPOLINE_BASE, TRAMPOLINE_BYTES}, ALLOWED},
    {"exit", EXIT, SYS_exit_group, {ALLOWED}, ALLOWED},
};

static const struct call_case bad[] = {
    {"wait elsewhere", 0, SYS_futex, {BELL + 4, FUTEX_WAIT_BITSET, 7}, DIED},
    {"wait high", 0, SYS_futex, {BELL + HIGH, FUTEX_WAIT_BITSET, 7}, DIED},
    {"wake", 0, SYS_futex, {BELL, FUTEX_WAKE, 1}, DIED},
    {"lock", 0, SYS_futex, {BELL, FUTEX_LOCK_PI, 1}, DIED},
    {"other clock", 0, SYS_futex, {BELL, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 7}, DIED},
    {"private", 0, SYS_futex, {BELL, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 7}, DIED},
    {"operation high", 0, SYS_futex, {BELL, FUTEX_WAIT_BITSET + HIGH, 7}, DIED},
    {"ring 7 bytes", 0, SYS_write, {MONITOR_FD_BELL, GATE_ONE, 7}, DIED},
    {"ring 9 bytes", 0, SYS_write, {MONITOR_FD_BELL, GATE_ONE, 9}, DIED},
    {"ring another number", 0, SYS_write, {MONITOR_FD_BELL, MF_KERNEL_BASE, 8}, DIED},
    {"standard output", 0, SYS_write, {STDOUT_FILENO, MF_KERNEL_BASE, 8}, DIED},
    {"descriptor below", 0, SYS_write, {MONITOR_FD_BELL - 1, GATE_ONE, 8}, DIED},
    {"descriptor above", 0, SYS_write, {MONITOR_FD_CONSOLE + 1, MF_KERNEL_BASE, 8}, DIED},
    {"descriptor high", 0, SYS_write, {MONITOR_FD_CONSOLE + HIGH, MF_KERNEL_BASE, 8}, DIED},
    {"line too long", 0, SYS_write, {MONITOR_FD_CONSOLE, MF_KERNEL_BASE, MF_CONSOLE_MAX + 1},
     DIED},
    {"line high", 0, SYS_write, {MONITOR_FD_CONSOLE, MF_KERNEL_BASE, HIGH}, DIED},
    {"page below kernel", 0, SYS_mprotect, {MF_KERNEL_BASE - PAGE, PAGE, RW}, DIED},
    {"gate", 0, SYS_mprotect, {MF_GATE_BASE, PAGE, RW}, DIED},
    {"boot page", 0, SYS_mprotect, {MF_BOOT_BASE, PAGE, RW}, DIED},
    {"channel", 0, SYS_mprotect, {CHANNEL, PAGE, RW}, DIED},
    {"into the channel", 0, SYS_mprotect, {CHANNEL - PAGE, 2 * PAGE, RW}, DIED},
    {"past the window", 0, SYS_mprotect, {MF_WINDOW_MIN, PAGE, RW}, DIED},
    {"high address", 0, SYS_mprotect, {MF_KERNEL_BASE + HIGH, PAGE, RW}, DIED},
    {"high bytes", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE + HIGH, RW}, DIED},
    {"sum carries", 0, SYS_mprotect, {CHANNEL - PAGE, HIGH - PAGE, RW}, DIED},
    {"sum carries 64", 0, SYS_mprotect, {CHANNEL - PAGE, 0 - PAGE, RW}, DIED},
    {"crooked address", 0, SYS_mprotect, {MF_KERNEL_BASE + 1, PAGE, RW}, DIED},
    {"crooked bytes", 0, SYS_mprotect, {CHANNEL - PAGE, PAGE + 1, RW}, DIED},
    {"execute", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, PROT_EXEC}, DIED},
    {"read and execute", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, PROT_READ | PROT_EXEC}, DIED},
    {"all three", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW | PROT_EXEC}, DIED},
    {"write only", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, PROT_WRITE}, DIED},
    {"grows down", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW | PROT_GROWSDOWN}, DIED},
    {"protection high", 0, SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW + HIGH}, DIED},
    {"discard kernel", 0, SYS_madvise, {MF_PROGRAM_BASE - PAGE, PAGE, MADV_DONTNEED}, DIED},
    {"discard channel", 0, SYS_madvise, {CHANNEL, PAGE, MADV_DONTNEED}, DIED},
    {"discard too far", 0, SYS_madvise, {CHANNEL - PAGE, 2 * PAGE, MADV_DONTNEED}, DIED},
    {"other advice", 0, SYS_madvise, {MF_PROGRAM_BASE, PAGE, MADV_WILLNEED}, DIED},
    {"advice below", 0, SYS_madvise, {MF_PROGRAM_BASE, PAGE, MADV_DONTNEED - 1}, DIED},
    {"cpu clock", 0, SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, MF_KERNEL_BASE}, DIED},
    {"clock 31", 0, SYS_clock_gettime, {31, MF_KERNEL_BASE}, DIED},
    {"clock 32", 0, SYS_clock_gettime, {32, MF_KERNEL_BASE}, DIED},
    {"another's clock", 0, SYS_clock_gettime, {~0ull - 5, MF_KERNEL_BASE}, DIED},
    {"base code below", 0, SYS_arch_prctl, {ARCH_SET_GS - 1, 0}, DIED},
    {"read FS base", 0, SYS_arch_prctl, {ARCH_GET_FS, MF_KERNEL_BASE}, DIED},
    {"base code high", 0, SYS_arch_prctl, {ARCH_SET_FS + HIGH, 0}, DIED},
    {"CPUID faulting", 0, SYS_arch_prctl, {ARCH_SET_CPUID, 0}, DIED},
    {"map a vDSO", 0, SYS_arch_prctl, {ARCH_MAP_VDSO_64, MF_KERNEL_BASE}, DIED},
    {"execve", 0, SYS_execve, {0}, DIED},
    {"mmap", 0, SYS_mmap, {0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull}, DIED},
    {"munmap", 0, SYS_munmap, {MF_KERNEL_BASE, PAGE}, DIED},
    {"seal less", 0, SYS_munmap, {TRAMPOLINE_BASE, TRAMPOLINE_BYTES - PAGE}, DIED},
    {"seal more", 0, SYS_munmap, {TRAMPOLINE_BASE, TRAMPOLINE_BYTES + PAGE}, DIED},
    {"seal from below", 0, SYS_munmap, {TRAMPOLINE_BASE - PAGE, TRAMPOLINE_BYTES}, DIED},
    {"seal high", 0, SYS_munmap, {TRAMPOLINE_BASE, TRAMPOLINE_BYTES + HIGH}, DIED},
    {"mremap", 0, SYS_mremap, {MF_KERNEL_BASE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                               TRAMPOLINE_BASE}, DIED},
    {"mmap of the trampoline's place", 0, SYS_mmap,
     {TRAMPOLINE_BASE, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~0ull},
     DIED},
    {"protection of the trampoline's place", 0, SYS_mprotect, {TRAMPOLINE_BASE, PAGE, RW}, DIED},
    {"seccomp", 0, SYS_seccomp, {1, 0, 0}, DIED},
    {"rt_sigaction", 0, SYS_rt_sigaction, {SIGSYS, 0, 0, 8}, DIED},
    {"no such call", 0, 100000, {0}, DIED},
    {"x32", 0, 0x40000000 + SYS_write, {MONITOR_FD_CONSOLE, MF_KERNEL_BASE, 1}, DIED},
    {"exit of a thread", 0, SYS_exit, {0}, DIED},
};

static void good_arguments_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int got = call_with(filter_lines, filter_line_count, good[i].number, good[i].a);
        if (got != good[i].result)
            fail_msg("%s: %d instead of %d", good[i].what, got, good[i].result);
    }
}

static void each_limit_kills_one_step_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int got = call_with(filter_lines, filter_line_count, bad[i].number, bad[i].a);
        if (got != bad[i].result)
            fail_msg("%s: %d instead of %d", bad[i].what, got, bad[i].result);
    }
}

/* What is left of the table when one line is taken out. */
static uint32_t without(uint32_t line, struct filter_line rest[FILTER_LINES_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < filter_line_count; i++)
        if (i != line)
            rest[count++] = filter_lines[i];
    return count;
}

static void without_its_line_a_good_call_kills(void **state)
{
    (void)state;
    struct filter_line rest[FILTER_LINES_MAX];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint32_t count = without(good[i].line, rest);
        int got = call_with(rest, count, good[i].number, good[i].a);
        if (got != DIED)
            fail_msg("%s: %d without its line", good[i].what, got);
    }
}

static void the_table_keeps_its_promises(void **state)
{
    (void)state;
    static const char *const order[] = {"futex",   "write",         "rt_sigreturn",
                                        "mprotect", "madvise",       "clock_gettime",
                                        "write",   "arch_prctl",    "arch_prctl",
                                        "restart_syscall", "munmap", "exit_group"};
    assert_int_equal(filter_line_count, sizeof order / sizeof *order);
    assert_true(filter_line_count <= FILTER_LINES_MAX);
    for (uint32_t i = 0; i < filter_line_count; i++) {
        assert_string_equal(filter_lines[i].call, order[i]);
        assert_true(strlen(filter_lines[i].reason) > 20);
        assert_true(strlen(filter_lines[i].arguments) > 0);
    }
}

SEALED static void on_sigsys(int signal)
{
    (void)signal;
    leave(HANDLED);
}

static int call_from_program(bool int80)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSYS, on_sigsys);
        (void)signal(SIGSEGV, SIG_DFL);
        seal(filter_lines, filter_line_count);
        long result;
        if (int80)
            __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory"); /* getpid there */
        else
            __asm__ volatile("syscall"
                             : "=a"(result)
                             : "a"(SYS_exit_group), "D"(0)
                             : "rcx", "r11", "memory");
        leave(ALLOWED);
    }
    return outcome(pid);
}

static void a_call_from_elsewhere_traps(void **state)
{
    (void)state;
    assert_int_equal(call_from_program(false), HANDLED);
}

static void a_32_bit_call_kills(void **state)
{
    (void)state;
    if (!machine_has_int80())
        skip();
    assert_int_equal(call_from_program(true), DIED);
}

SEALED static void on_sigsys_return(int signal)
{
    (void)signal;
}

extern const char gate_page[], gate_restorer[];

/* A trap whose handler returns by the gate's restorer, as all do in a sandbox. */
static int trap_and_return(const struct filter_line *lines, uint32_t count)
{
    const struct {
        void (*handler)(int);
        unsigned long flags;
        uintptr_t restorer;
        uint64_t mask;
    } action = {on_sigsys_return, SA_NODEFER | 0x04000000 /* SA_RESTORER */,
                MF_GATE_BASE + (uintptr_t)(gate_restorer - gate_page), 0};
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, sizeof action.mask))
            _exit(96);
        seal(lines, count);
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getpid) : "rcx", "r11", "memory");
        leave(result == SYS_getpid ? ALLOWED : ALLOWED_ERRNO);
    }
    return outcome(pid);
}

static void a_trap_returns_by_its_line_only(void **state)
{
    (void)state;
    struct filter_line rest[FILTER_LINES_MAX];
    assert_int_equal(trap_and_return(filter_lines, filter_line_count), ALLOWED);
    assert_int_equal(trap_and_return(rest, without(SIGRETURN, rest)), DIED);
}

static char state_of(pid_t pid)
{
    char path[32], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    const char *end = strrchr(text, ')');
    assert_non_null(end);
    return end[2];
}

/* A wait of so many seconds that is stopped in its sleep, and goes on; -1: it was over before. */
static int stop_within(const struct filter_line *lines, uint32_t count, time_t seconds)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += seconds;
        const uint64_t a[6] = {BELL, FUTEX_WAIT_BITSET, 0, (uintptr_t)&until, 0, ~0u};
        seal(lines, count);
        leave(through_gate(SYS_futex, a) == -ETIMEDOUT ? ALLOWED : ALLOWED_ERRNO);
    }
    while (!strchr("SZ", state_of(pid)))
        (void)usleep(1000);
    int status;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    if (!WIFSTOPPED(status))
        return -1;
    assert_int_equal(kill(pid, SIGCONT), 0);
    return outcome(pid);
}

static int stop_and_continue(const struct filter_line *lines, uint32_t count)
{
    int got = -1;
    for (time_t seconds = 1; got < 0 && seconds < 60; seconds *= 4) /* a slow machine may come too late */
        got = stop_within(lines, count, seconds);
    return got;
}

static void a_stopped_wait_goes_on_by_its_line_only(void **state)
{
    (void)state;
    struct filter_line rest[FILTER_LINES_MAX];
    assert_int_equal(stop_and_continue(filter_lines, filter_line_count), ALLOWED);
    assert_int_equal(stop_and_continue(rest, without(RESTART, rest)), DIED);
}

static void a_filter_that_does_not_fit_is_none(void **state)
{
    (void)state;
    struct sock_filter code[FILTER_PROCESS_MAX];
    uint32_t length =
        filter_compile(filter_lines, filter_line_count, CHANNEL, code, FILTER_PROCESS_MAX);
    assert_true(length > 0);
    assert_int_equal(filter_compile(filter_lines, filter_line_count, CHANNEL, code, length - 1), 0);
    assert_int_equal(filter_compile(filter_lines, filter_line_count, CHANNEL, code, length), length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_arguments_pass),
        cmocka_unit_test(each_limit_kills_one_step_beyond),
        cmocka_unit_test(without_its_line_a_good_call_kills),
        cmocka_unit_test(the_table_keeps_its_promises),
        cmocka_unit_test(a_call_from_elsewhere_traps),
        cmocka_unit_test(a_32_bit_call_kills),
        cmocka_unit_test(a_trap_returns_by_its_line_only),
        cmocka_unit_test(a_stopped_wait_goes_on_by_its_line_only),
        cmocka_unit_test(a_filter_that_does_not_fit_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
