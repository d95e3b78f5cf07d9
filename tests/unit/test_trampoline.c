/*
 * test_trampoline.c: what a blank can do before it is sealed, and that none of it can be
 * done afterwards. Each line of the trampoline's calls, in the kernel that will enforce
 * it, as in test_filter.c: good arguments pass, each limit kills one step beyond, and
 * without its line a good call kills too. And its sentences against the C library's.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "abi/layout.h"
#include "gate_layout.h"
#include "monitor/process/gate.h"
#include "monitor/process/trampoline.h"
#include "monitor/process/trampoline/format.h"
#include "sealed.h"

#define PAGE (uint64_t)MF_PAGE_BYTES
#define HIGH (1ull << 32)
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)
#define HERE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE)
#define FILE_HERE (MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE)
#define SHARED_HERE (MAP_SHARED | MAP_FIXED)
#define LARGEST_CHANNEL (MF_WINDOW_MAX - MF_CHANNEL_BYTES)
#define NOBODY ~0ull
#define DATA (TRAMPOLINE_DATA + 0x8000)
#define DEFAULT_CHANNEL (MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES)
#define SMALL_CHANNEL (MF_WINDOW_MIN - MF_CHANNEL_BYTES)
#define BELL_AT(channel) ((channel) + offsetof(struct mf_channel_head, bell))

/* The trampoline's own instruction, with its host_call() around it. */
SEALED static long through_trampoline(long number, const uint64_t a[6])
{
    long (*host_call)(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) =
        (long (*)(long, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))TRAMPOLINE_TEXT;
    return host_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void attach(const struct sock_filter *code, uint32_t length)
{
    const struct sock_fprog program = {.len = (unsigned short)length,
                                       .filter = (struct sock_filter *)(uintptr_t)code};
    if (length == 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
        _exit(97);
}

/* What the process monitor sets up before a blank waits, all but the filter. */
static void prepare(void)
{
    struct mf_why why;
    map_fixed(MF_BOOT_BASE, MF_WINDOW_DEFAULT, MAP_FIXED_NOREPLACE);
    if (gate_map(&why) || trampoline_map(&why))
        _exit(98);
    (void)close(MONITOR_FD_CONTROL);
    (void)close(MONITOR_FD_CHANNEL);
}

static void wait_sealed(void)
{
    static struct sock_filter code[FILTER_PROCESS_MAX];
    prepare();
    attach(code, filter_compile_blank(FILTER_GATE_DEFAULT, DEFAULT_CHANNEL, code,
                                      FILTER_PROCESS_MAX));
}

/* The same with these of the trampoline's lines only. */
static void wait_sealed_with(const struct filter_line *lines, uint32_t count)
{
    static struct sock_filter code[FILTER_PROCESS_MAX];
    const struct filter_place place = {.channel_base = DEFAULT_CHANNEL,
                                       .call_return = GATE_SYSCALL_RETURN,
                                       .before_return = TRAMPOLINE_SYSCALL_RETURN,
                                       .any_return = GATE_OTHER_RETURN,
                                       .before = lines,
                                       .before_count = count,
                                       .more_return = GATE_JIT_RETURN,
                                       .more = filter_lines,
                                       .more_count = filter_line_count};
    prepare();
    attach(code,
           filter_program(&place, filter_lines, filter_line_count, code, FILTER_PROCESS_MAX));
}

static int call_with(const struct filter_line *lines, uint32_t count, long number,
                     const uint64_t a[6])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        wait_sealed_with(lines, count);
        long result = through_trampoline(number, a);
        leave(result < 0 && result > -4096 ? ALLOWED_ERRNO : ALLOWED);
    }
    return outcome(pid);
}

struct call_case {
    const char *what;
    const char *line; /* the call whose line admits it; NULL: none does */
    uint32_t nth;     /* of the lines of that name                      */
    long number;
    uint64_t a[6];
    int result;
};

static const struct call_case good[] = {
    {"order", "recvmsg", 0, SYS_recvmsg, {MONITOR_FD_CONTROL, DATA}, ALLOWED_ERRNO},
    {"size", "fstat", 0, SYS_fstat, {0, DATA}, ALLOWED},
    {"head", "pread64", 0, SYS_pread64, {63, DATA, PAGE, 0}, ALLOWED_ERRNO},
    {"segment", "mmap", 0, SYS_mmap, {MF_KERNEL_BASE, PAGE, RX, FILE_HERE, 63}, ALLOWED_ERRNO},
    {"zeros", "mmap", 1, SYS_mmap, {MF_KERNEL_BASE, PAGE, RX, HERE, NOBODY}, ALLOWED},
    {"largest window", "mmap", 1, SYS_mmap,
     {MF_WINDOW_DEFAULT, MF_WINDOW_MAX - MF_WINDOW_DEFAULT, PROT_NONE, HERE, NOBODY}, ALLOWED},
    {"everything", "mmap", 1, SYS_mmap,
     {MF_KERNEL_BASE, MF_WINDOW_MAX - MF_KERNEL_BASE, RW, HERE, NOBODY}, ALLOWED},
    {"channel", "mmap", 2, SYS_mmap,
     {LARGEST_CHANNEL, MF_CHANNEL_BYTES, RW, SHARED_HERE, MONITOR_FD_CHANNEL}, ALLOWED_ERRNO},
    {"spawner", "munmap", 0, SYS_munmap, {MF_WINDOW_DEFAULT, PAGE + 1}, ALLOWED},
    {"above the vDSO", "munmap", 1, SYS_munmap, {HIGH, PAGE}, ALLOWED},
    {"smaller window", "munmap", 2, SYS_munmap, {MF_WINDOW_MIN, PAGE}, ALLOWED},
    {"boot page", "mprotect", 0, SYS_mprotect, {MF_BOOT_BASE, MF_BOOT_BYTES, PROT_READ}, ALLOWED},
    {"range", "mprotect", 1, SYS_mprotect, {MF_KERNEL_BASE, PAGE, PROT_NONE}, ALLOWED},
    {"copied text", "mprotect", 1, SYS_mprotect, {MF_KERNEL_BASE, PAGE, RX}, ALLOWED},
    {"touched", "madvise", 0, SYS_madvise, {MF_KERNEL_BASE, PAGE, 23}, ALLOWED},
    {"large pages", "madvise", 0, SYS_madvise, {MF_KERNEL_BASE, PAGE, MADV_HUGEPAGE}, ALLOWED},
    {"seed", "getrandom", 0, SYS_getrandom, {DATA, 48, 0}, ALLOWED},
    {"time", "clock_gettime", 0, SYS_clock_gettime, {CLOCK_REALTIME, DATA}, ALLOWED},
    {"share", "setpriority", 0, SYS_setpriority, {PRIO_PROCESS, 0, 19}, ALLOWED},
    {"preempts", "setitimer", 0, SYS_setitimer, {ITIMER_PROF, DATA, 0}, ALLOWED},
    {"descriptors", "close_range", 0, SYS_close_range, {100, ~0u, 0}, ALLOWED},
    {"file", "close", 0, SYS_close, {63}, ALLOWED_ERRNO},
    {"refusal", "sendto", 0, SYS_sendto, {MONITOR_FD_CONTROL, DATA, 8, MSG_NOSIGNAL}, ALLOWED_ERRNO},
    {"another filter", "seccomp", 0, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, 0}, ALLOWED_ERRNO},
    {"another gate", "mremap", 0, SYS_mremap,
     {TRAMPOLINE_OTHER_GATE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE}, ALLOWED},
    {"the gate of jit", "mremap", 1, SYS_mremap,
     {TRAMPOLINE_JIT_GATE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE}, ALLOWED},
    {"end", "exit_group", 0, SYS_exit_group, {ALLOWED}, ALLOWED},
};

#define KILLS(what, ...) {what, NULL, 0, __VA_ARGS__, DIED}
static const struct call_case bad[] = {
    KILLS("another socket", SYS_recvmsg, {MONITOR_FD_CONTROL + 1, DATA}),
    KILLS("order high", SYS_recvmsg, {MONITOR_FD_CONTROL + HIGH, DATA}),
    KILLS("anywhere", SYS_mmap, {0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, NOBODY}),
    KILLS("perhaps there", SYS_mmap,
          {MF_KERNEL_BASE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, NOBODY}),
    KILLS("flags high", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, HERE + HIGH, NOBODY}),
    KILLS("shared", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, SHARED_HERE | MAP_ANONYMOUS, NOBODY}),
    KILLS("a shared image", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, SHARED_HERE, 63}),
    KILLS("a channel to execute", SYS_mmap,
          {MF_KERNEL_BASE, PAGE, RX, SHARED_HERE, MONITOR_FD_CHANNEL}),
    KILLS("locked", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, HERE | MAP_LOCKED, NOBODY}),
    KILLS("huge", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, HERE | MAP_HUGETLB, NOBODY}),
    KILLS("growing", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, HERE | MAP_GROWSDOWN, NOBODY}),
    KILLS("filled", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW, FILE_HERE | MAP_POPULATE, 63}),
    KILLS("over the trampoline", SYS_mmap, {MF_KERNEL_BASE - PAGE, PAGE, RW, HERE, NOBODY}),
    KILLS("over its text", SYS_mmap, {TRAMPOLINE_TEXT, PAGE, RX, HERE, NOBODY}),
    KILLS("over the gate", SYS_mmap, {MF_GATE_BASE, PAGE, RX, HERE, NOBODY}),
    KILLS("over the boot page", SYS_mmap, {MF_BOOT_BASE, PAGE, RW, HERE, NOBODY}),
    KILLS("past any window", SYS_mmap, {MF_WINDOW_MAX, PAGE, RW, HERE, NOBODY}),
    KILLS("into past any window", SYS_mmap, {MF_WINDOW_MAX - PAGE, 2 * PAGE, RW, HERE, NOBODY}),
    KILLS("high", SYS_mmap, {MF_KERNEL_BASE + HIGH, PAGE, RW, HERE, NOBODY}),
    KILLS("bytes high", SYS_mmap, {MF_KERNEL_BASE, HIGH, RW, HERE, NOBODY}),
    KILLS("sum carries", SYS_mmap, {MF_WINDOW_MAX - PAGE, HIGH - MF_WINDOW_MAX, RW, HERE, NOBODY}),
    KILLS("crooked", SYS_mmap, {MF_KERNEL_BASE + 1, PAGE, RW, HERE, NOBODY}),
    KILLS("write and execute", SYS_mmap, {MF_KERNEL_BASE, PAGE, RW | PROT_EXEC, HERE, NOBODY}),
    KILLS("execute only", SYS_mmap, {MF_KERNEL_BASE, PAGE, PROT_EXEC, HERE, NOBODY}),
    KILLS("unmap the trampoline", SYS_munmap, {TRAMPOLINE_BASE, TRAMPOLINE_BYTES}),
    KILLS("unmap the gate", SYS_munmap, {MF_GATE_BASE, PAGE}),
    KILLS("unmap past any window", SYS_munmap, {MF_WINDOW_MAX, PAGE}),
    KILLS("unmap up to 4 GiB", SYS_munmap, {HIGH - PAGE, PAGE}),
    KILLS("write the boot page", SYS_mprotect, {MF_BOOT_BASE, MF_BOOT_BYTES, RW}),
    KILLS("part of the boot page", SYS_mprotect, {MF_BOOT_BASE, PAGE, PROT_READ}),
    KILLS("write the gate", SYS_mprotect, {MF_GATE_BASE, PAGE, RW}),
    KILLS("write our text", SYS_mprotect, {TRAMPOLINE_TEXT, PAGE, RW}),
    KILLS("execute our data", SYS_mprotect, {TRAMPOLINE_DATA, PAGE, RX}),
    KILLS("protect write and execute", SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW | PROT_EXEC}),
    KILLS("protect grows down", SYS_mprotect, {MF_KERNEL_BASE, PAGE, RW | PROT_GROWSDOWN}),
    KILLS("protect past any window", SYS_mprotect, {MF_WINDOW_MAX, PAGE, RW}),
    KILLS("other advice", SYS_madvise, {MF_KERNEL_BASE, PAGE, MADV_DONTNEED}),
    KILLS("merged pages", SYS_madvise, {MF_KERNEL_BASE, PAGE, MADV_MERGEABLE}),
    KILLS("read pages", SYS_madvise, {MF_KERNEL_BASE, PAGE, 22}),
    KILLS("large pages past any window", SYS_madvise, {MF_WINDOW_MAX, PAGE, MADV_HUGEPAGE}),
    KILLS("advice for the trampoline", SYS_madvise, {TRAMPOLINE_DATA, PAGE, 23}),
    KILLS("random with flags", SYS_getrandom, {DATA, 48, 1}),
    KILLS("cpu clock", SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, DATA}),
    KILLS("another's share", SYS_setpriority, {PRIO_PROCESS, 1, 19}),
    KILLS("the user's share", SYS_setpriority, {PRIO_USER, 0, 19}),
    KILLS("nice 20", SYS_setpriority, {PRIO_PROCESS, 0, 20}),
    KILLS("nice -1", SYS_setpriority, {PRIO_PROCESS, 0, NOBODY}),
    KILLS("a timer of real time", SYS_setitimer, {ITIMER_REAL, DATA, 0}),
    KILLS("timer high", SYS_setitimer, {ITIMER_PROF + HIGH, DATA, 0}),
    KILLS("the old timer", SYS_setitimer, {ITIMER_PROF, DATA, DATA}),
    KILLS("close with flags", SYS_close_range, {100, ~0u, 2}),
    KILLS("another receiver", SYS_sendto, {MONITOR_FD_CONTROL + 1, DATA, 8, 0}),
    KILLS("with an address", SYS_sendto, {MONITOR_FD_CONTROL, DATA, 8, 0, DATA, 8}),
    KILLS("strict mode", SYS_seccomp, {SECCOMP_SET_MODE_STRICT, 0, 0}),
    KILLS("listener", SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, DATA}),
    KILLS("move another page", SYS_mremap,
          {MF_KERNEL_BASE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE}),
    KILLS("move it elsewhere", SYS_mremap,
          {TRAMPOLINE_OTHER_GATE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_KERNEL_BASE}),
    KILLS("leave it there, too", SYS_mremap,
          {TRAMPOLINE_OTHER_GATE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | 4 /* DONTUNMAP */,
           MF_GATE_BASE}),
    KILLS("move two", SYS_mremap,
          {TRAMPOLINE_OTHER_GATE, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE}),
    KILLS("move the gate of jit elsewhere", SYS_mremap,
          {TRAMPOLINE_JIT_GATE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_KERNEL_BASE}),
    KILLS("write and execute", SYS_mprotect, {MF_PROGRAM_BASE, PAGE, RW | PROT_EXEC}),
    KILLS("open", SYS_openat, {0}),
    KILLS("socket", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}),
    KILLS("execve", SYS_execve, {0}),
    KILLS("fork", SYS_fork, {0}),
    KILLS("ptrace", SYS_ptrace, {0}),
    KILLS("write", SYS_write, {MONITOR_FD_CONSOLE, DATA, 1}),
    KILLS("futex", SYS_futex, {DATA, FUTEX_WAKE, 1}),
    KILLS("signal handler", SYS_rt_sigaction, {SIGSYS, 0, 0, 8}),
    KILLS("x32", 0x40000000 + SYS_close, {63}),
    KILLS("no such call", 100000, {0}),
};

static void good_arguments_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int got = call_with(trampoline_lines, trampoline_line_count, good[i].number, good[i].a);
        if (got != good[i].result)
            fail_msg("%s: %d instead of %d", good[i].what, got, good[i].result);
    }
}

static void each_limit_kills_one_step_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int got = call_with(trampoline_lines, trampoline_line_count, bad[i].number, bad[i].a);
        if (got != DIED)
            fail_msg("%s: %d", bad[i].what, got);
    }
}

/* What is left of the table when the nth line of a call is taken out. */
static uint32_t without(const char *call, uint32_t nth, struct filter_line rest[FILTER_LINES_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < trampoline_line_count; i++)
        if (strcmp(trampoline_lines[i].call, call) != 0 || nth-- != 0)
            rest[count++] = trampoline_lines[i];
    assert_int_equal(count, trampoline_line_count - 1);
    return count;
}

static void without_its_line_a_good_call_kills(void **state)
{
    (void)state;
    struct filter_line rest[FILTER_LINES_MAX];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint32_t count = without(good[i].line, good[i].nth, rest);
        int got = call_with(rest, count, good[i].number, good[i].a);
        if (got != DIED)
            fail_msg("%s: %d without its line", good[i].what, got);
    }
}

static void every_line_has_a_good_call_and_a_reason(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < trampoline_line_count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof good / sizeof *good; k++)
            found |= strcmp(good[k].line, trampoline_lines[i].call) == 0;
        assert_true(found);
        assert_true(strlen(trampoline_lines[i].reason) > 10);
        assert_true(strlen(trampoline_lines[i].arguments) > 0);
    }
}

/* As a guest would find it: the trampoline is gone. */
static void seal(void)
{
    const uint64_t a[6] = {TRAMPOLINE_BASE, TRAMPOLINE_BYTES};
    wait_sealed();
    if (through_gate(SYS_munmap, a) != 0)
        leave(99);
}

static int sealed_jump(uint64_t address)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would make calls */
        seal();
        ((void (*)(void))(uintptr_t)address)();
        leave(ALLOWED);
    }
    return outcome(pid);
}

static void after_the_seal_there_is_nothing_to_jump_to(void **state)
{
    (void)state;
    assert_int_equal(sealed_jump(TRAMPOLINE_TEXT), DIED + SIGSEGV);
    assert_int_equal(sealed_jump(TRAMPOLINE_SYSCALL), DIED + SIGSEGV);
    assert_int_equal(sealed_jump(TRAMPOLINE_OTHER_GATE), DIED + SIGSEGV);
    assert_int_equal(sealed_jump(TRAMPOLINE_JIT_GATE), DIED + SIGSEGV);
}

/* The trampoline's good calls, made from the gate: only those that are the gate's own pass. */
static void the_trampolines_calls_are_not_the_gates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            seal();
            long result = through_gate(good[i].number, good[i].a);
            leave(result < 0 ? ALLOWED_ERRNO : ALLOWED);
        }
        bool shared = good[i].number == SYS_clock_gettime || good[i].number == SYS_exit_group ||
                      (good[i].number == SYS_mprotect && good[i].a[0] == MF_KERNEL_BASE &&
                       good[i].a[2] == PROT_NONE);
        int got = outcome(pid);
        if (shared ? got != ALLOWED && got != ALLOWED_ERRNO : got != DIED)
            fail_msg("%s: %d", good[i].what, got);
    }
}

/* Each of the three pages has one `syscall`, where the filter knows it, and no bytes that could be
 * jumped to as another. */
static void each_gate_has_one_call_only(void **state)
{
    (void)state;
    static const struct {
        uint64_t page, call_return;
    } gates[] = {{MF_GATE_BASE, GATE_SYSCALL_RETURN},
                 {TRAMPOLINE_OTHER_GATE, GATE_OTHER_RETURN},
                 {TRAMPOLINE_JIT_GATE, GATE_JIT_RETURN}};
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prepare();
        for (size_t i = 0; i < sizeof gates / sizeof *gates; i++) {
            const uint8_t *page = (const uint8_t *)(uintptr_t)gates[i].page;
            const uint64_t wanted = gates[i].call_return - MF_GATE_BASE - 2;
            for (uint64_t at = 0; at + 1 < PAGE; at++) {
                bool calls = page[at] == 0x0f && (page[at + 1] == 0x05 || page[at + 1] == 0x34);
                calls |= page[at] == 0xcd && page[at + 1] == 0x80;
                if (calls != (at == wanted))
                    _exit(1);
            }
        }
        _exit(ALLOWED);
    }
    assert_int_equal(outcome(pid), ALLOWED);
}

/* What the first filter judges as any window's calls ends at GATE_OTHER_RETURN; the usual page
 * has no instruction there. */
static void the_usual_gate_has_one_call_only(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGTRAP, SIG_DFL);
        wait_sealed();
        ((void (*)(void))(uintptr_t)(GATE_OTHER_RETURN - 2))();
        leave(ALLOWED);
    }
    assert_int_equal(outcome(pid), DIED + SIGTRAP);
}

/* A parser that was taken over moves the other gate page and attaches no second filter: what
 * then comes from there must be a call that some window's guest may make. */
static int unfiltered(uint64_t gate, long number, const uint64_t a[6])
{
    const uint64_t move[6] = {gate, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE};
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        wait_sealed();
        if (through_trampoline(SYS_mremap, move) != MF_GATE_BASE)
            leave(99);
        leave(through_gate(number, a) < 0 ? ALLOWED_ERRNO : ALLOWED);
    }
    return outcome(pid);
}

static void without_a_second_filter_the_other_gate_has_any_windows_rules(void **state)
{
    (void)state;
#define CALL(number, ...) \
    unfiltered(TRAMPOLINE_OTHER_GATE, number, (const uint64_t[6]){__VA_ARGS__})
    static const uint64_t bells[] = {BELL_AT(SMALL_CHANNEL), BELL_AT(DEFAULT_CHANNEL),
                                     BELL_AT(DEFAULT_CHANNEL + MF_WINDOW_STEP),
                                     BELL_AT(LARGEST_CHANNEL)};
    static const uint64_t no_bells[] = {BELL_AT(SMALL_CHANNEL - MF_WINDOW_STEP),
                                        BELL_AT(SMALL_CHANNEL) - 4, BELL_AT(SMALL_CHANNEL) + 4,
                                        BELL_AT(DEFAULT_CHANNEL) + MF_WINDOW_STEP / 2,
                                        BELL_AT(LARGEST_CHANNEL + MF_WINDOW_STEP),
                                        BELL_AT(DEFAULT_CHANNEL) + HIGH};
    for (size_t i = 0; i < sizeof bells / sizeof *bells; i++)
        assert_int_equal(CALL(SYS_futex, bells[i], FUTEX_WAIT_BITSET, 7, 0, 0, ~0u), ALLOWED_ERRNO);
    for (size_t i = 0; i < sizeof no_bells / sizeof *no_bells; i++)
        assert_int_equal(CALL(SYS_futex, no_bells[i], FUTEX_WAIT_BITSET, 7, 0, 0, ~0u), DIED);
    assert_int_equal(CALL(SYS_futex, BELL_AT(DEFAULT_CHANNEL), FUTEX_WAKE, 1), DIED);
    assert_int_equal(CALL(SYS_mprotect, MF_KERNEL_BASE, PAGE, PROT_READ), ALLOWED);
    assert_int_equal(CALL(SYS_mprotect, MF_KERNEL_BASE, PAGE, RX), DIED);
    assert_int_equal(CALL(SYS_mprotect, LARGEST_CHANNEL - PAGE, PAGE, PROT_READ), ALLOWED_ERRNO);
    assert_int_equal(CALL(SYS_mprotect, LARGEST_CHANNEL, PAGE, PROT_READ), DIED);
    assert_int_equal(CALL(SYS_mmap, MF_KERNEL_BASE, PAGE, RX, HERE, NOBODY), DIED);
    assert_int_equal(CALL(SYS_munmap, TRAMPOLINE_BASE, TRAMPOLINE_BYTES), ALLOWED);
    assert_int_equal(CALL(SYS_getpid, 0), DIED);
    assert_int_equal(CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0), DIED);
    assert_int_equal(CALL(SYS_execve, 0), DIED);
    assert_int_equal(CALL(SYS_exit_group, ALLOWED), ALLOWED);
#undef CALL
}

/* The gate of jit: the same, and its one line more. */
static void without_a_second_filter_the_gate_of_jit_has_any_windows_rules(void **state)
{
    (void)state;
#define CALL(number, ...) \
    unfiltered(TRAMPOLINE_JIT_GATE, number, (const uint64_t[6]){__VA_ARGS__})
    assert_int_equal(CALL(SYS_futex, BELL_AT(SMALL_CHANNEL), FUTEX_WAIT_BITSET, 7, 0, 0, ~0u),
                     ALLOWED_ERRNO);
    assert_int_equal(CALL(SYS_futex, BELL_AT(SMALL_CHANNEL) + 4, FUTEX_WAIT_BITSET, 7, 0, 0, ~0u),
                     DIED);
    assert_int_equal(CALL(SYS_mprotect, MF_PROGRAM_BASE, PAGE, RX), ALLOWED);
    assert_int_equal(CALL(SYS_mprotect, MF_PROGRAM_BASE, PAGE, RW | PROT_EXEC), ALLOWED);
    assert_int_equal(CALL(SYS_mprotect, MF_PROGRAM_BASE - PAGE, PAGE, RX), DIED);
    assert_int_equal(CALL(SYS_mprotect, LARGEST_CHANNEL, PAGE, RX), DIED);
    assert_int_equal(CALL(SYS_mmap, MF_PROGRAM_BASE, PAGE, RX, HERE, NOBODY), DIED);
    assert_int_equal(CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0), DIED);
    assert_int_equal(CALL(SYS_execve, 0), DIED);
#undef CALL
}

/* As the trampoline does for a window of an unusual size, or for a function with jit. */
static void seal_with(enum filter_gate gate, uint64_t channel_base)
{
    static struct sock_filter code[FILTER_PROCESS_MAX];
    const struct sock_fprog program = {
        .len = (unsigned short)filter_compile_blank(gate, channel_base, code, FILTER_PROCESS_MAX),
        .filter = code};
    const uint64_t add[6] = {SECCOMP_SET_MODE_FILTER, 0, (uintptr_t)&program};
    const uint64_t move[6] = {gate == FILTER_GATE_JIT ? TRAMPOLINE_JIT_GATE : TRAMPOLINE_OTHER_GATE,
                              PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE};
    const uint64_t unmap[6] = {TRAMPOLINE_BASE, TRAMPOLINE_BYTES};
    wait_sealed();
    if (program.len == 0 || through_trampoline(SYS_seccomp, add) != 0 ||
        through_trampoline(SYS_mremap, move) != MF_GATE_BASE || through_gate(SYS_munmap, unmap) != 0)
        leave(99);
}

static int sealed_call(enum filter_gate gate, uint64_t channel_base, long number, const uint64_t a[6])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        seal_with(gate, channel_base);
        leave(through_gate(number, a) < 0 ? ALLOWED_ERRNO : ALLOWED);
    }
    return outcome(pid);
}

static void another_window_has_rules_of_its_own(void **state)
{
    (void)state;
#define CALL(number, ...) \
    sealed_call(FILTER_GATE_OTHER, SMALL_CHANNEL, number, (const uint64_t[6]){__VA_ARGS__})
    assert_int_equal(CALL(SYS_futex, BELL_AT(SMALL_CHANNEL), FUTEX_WAIT_BITSET, 7, 0, 0, ~0u),
                     ALLOWED_ERRNO);
    assert_int_equal(CALL(SYS_futex, BELL_AT(DEFAULT_CHANNEL), FUTEX_WAIT_BITSET, 7, 0, 0, ~0u),
                     DIED);
    assert_int_equal(CALL(SYS_mprotect, SMALL_CHANNEL - PAGE, PAGE, PROT_READ), ALLOWED);
    assert_int_equal(CALL(SYS_mprotect, SMALL_CHANNEL, PAGE, PROT_READ), DIED);
    assert_int_equal(CALL(SYS_mprotect, MF_PROGRAM_BASE, PAGE, RX), DIED);
    assert_int_equal(CALL(SYS_mprotect, MF_PROGRAM_BASE, PAGE, RW | PROT_EXEC), DIED);
    assert_int_equal(CALL(SYS_madvise, SMALL_CHANNEL - PAGE, PAGE, MADV_DONTNEED), ALLOWED);
    assert_int_equal(CALL(SYS_madvise, SMALL_CHANNEL, PAGE, MADV_DONTNEED), DIED);
    assert_int_equal(CALL(SYS_mmap, MF_KERNEL_BASE, PAGE, RX, HERE, NOBODY), DIED);
    assert_int_equal(CALL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0), DIED);
    assert_int_equal(CALL(SYS_execve, 0), DIED);
    assert_int_equal(CALL(SYS_exit_group, ALLOWED), ALLOWED);
#undef CALL
}

/* What a function with jit has more than any other of its window, and what it has not. */
static void with_jit_the_programs_memory_may_become_executable(void **state)
{
    (void)state;
#define CALL(number, ...) \
    sealed_call(FILTER_GATE_JIT, DEFAULT_CHANNEL, number, (const uint64_t[6]){__VA_ARGS__})
#define PROTECT(at, bytes, prot) CALL(SYS_mprotect, at, bytes, prot)
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, RX), ALLOWED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, RW | PROT_EXEC), ALLOWED);
    assert_int_equal(PROTECT(DEFAULT_CHANNEL - PAGE, PAGE, RX), ALLOWED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, DEFAULT_CHANNEL - MF_PROGRAM_BASE, RX), ALLOWED);
    assert_int_equal(PROTECT(MF_KERNEL_BASE, PAGE, PROT_READ), ALLOWED);
    assert_int_equal(PROTECT(MF_KERNEL_BASE, PAGE, RX), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE - PAGE, PAGE, RW | PROT_EXEC), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE - PAGE, 2 * PAGE, RX), DIED);
    assert_int_equal(PROTECT(DEFAULT_CHANNEL, PAGE, RX), DIED);
    assert_int_equal(PROTECT(DEFAULT_CHANNEL - PAGE, 2 * PAGE, RX), DIED);
    assert_int_equal(PROTECT(MF_GATE_BASE, PAGE, RW | PROT_EXEC), DIED);
    assert_int_equal(PROTECT(MF_GATE_DATA_BASE, PAGE, RX), DIED);
    assert_int_equal(PROTECT(MF_BOOT_BASE, PAGE, RX), DIED);
    assert_int_equal(PROTECT(TRAMPOLINE_TEXT, PAGE, RX), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, PROT_EXEC), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, PROT_WRITE | PROT_EXEC), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, RX + HIGH), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE + HIGH, PAGE, RX), DIED);
    assert_int_equal(PROTECT(MF_PROGRAM_BASE, PAGE, RX | PROT_GROWSDOWN), DIED);
    assert_int_equal(CALL(SYS_mmap, MF_PROGRAM_BASE, PAGE, RX, HERE, NOBODY), DIED);
    assert_int_equal(CALL(SYS_mremap, MF_PROGRAM_BASE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                          TRAMPOLINE_TEXT),
                     DIED);
    assert_int_equal(CALL(SYS_pkey_mprotect, MF_PROGRAM_BASE, PAGE, RX, ~0ull), DIED);
    assert_int_equal(CALL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0), DIED);
    assert_int_equal(CALL(SYS_execve, 0), DIED);
#undef PROTECT
#undef CALL
}

/* A `syscall` in memory that the program made executable is nobody's place: it traps. */
static void a_call_of_made_code_traps(void **state)
{
    (void)state;
    static const uint8_t call[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
    static const long numbers[] = {SYS_getpid, SYS_write, SYS_mprotect, SYS_exit_group, SYS_execve};
    static const uint64_t protect[6] = {MF_PROGRAM_BASE, PAGE, RX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)signal(SIGSYS, SIG_DFL);
            prepare();
            memcpy((void *)(uintptr_t)MF_PROGRAM_BASE, call, sizeof call);
            static struct sock_filter code[FILTER_PROCESS_MAX];
            attach(code, filter_compile_blank(FILTER_GATE_DEFAULT, DEFAULT_CHANNEL, code,
                                              FILTER_PROCESS_MAX));
            const uint64_t move[6] = {TRAMPOLINE_JIT_GATE, PAGE, PAGE,
                                      MREMAP_MAYMOVE | MREMAP_FIXED, MF_GATE_BASE};
            if (through_trampoline(SYS_mremap, move) != MF_GATE_BASE ||
                through_gate(SYS_mprotect, protect) != 0)
                leave(99);
            long result = numbers[i];
            __asm__ volatile("call *%1"
                             : "+a"(result)
                             : "r"((uintptr_t)MF_PROGRAM_BASE), "D"(0), "S"(0), "d"(0)
                             : "rcx", "r11", "memory");
            leave(ALLOWED);
        }
        assert_int_equal(outcome(pid), DIED); /* of SIGSYS, by default */
    }
}

/* The spawner's filter, with a page of calls as its text: how a getpid ends that is made so
 * far from the start of a text of 64 bytes. */
#define HOME 0x300000000000ull
static int from_home(int64_t offset)
{
    static const uint8_t call[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
    static struct sock_filter code[FILTER_PROCESS_MAX];
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        uint8_t *at = (uint8_t *)(uintptr_t)HOME + offset;
        (void)signal(SIGSYS, SIG_DFL);
        prepare();
        map_fixed(HOME - PAGE, HOME + PAGE, MAP_FIXED_NOREPLACE);
        memcpy(at, call, sizeof call);
        if (mprotect((void *)(uintptr_t)(HOME - PAGE), 2 * PAGE, RX) != 0)
            _exit(96);
        attach(code, filter_compile_spawner(HOME, HOME + 64, code, FILTER_PROCESS_MAX));
        long result = SYS_getpid;
        __asm__ volatile("call *%1" : "+a"(result) : "r"(at) : "rcx", "r11", "memory");
        leave(result > 0 ? ALLOWED : ALLOWED_ERRNO);
    }
    return outcome(pid);
}

static void only_the_spawners_text_calls_what_it_likes(void **state)
{
    (void)state;
    struct sock_filter code[FILTER_PROCESS_MAX];
    assert_int_equal(from_home(-2), ALLOWED); /* a call is told by its end */
    assert_int_equal(from_home(0), ALLOWED);
    assert_int_equal(from_home(61), ALLOWED);
    assert_int_equal(from_home(62), DIED);
    assert_int_equal(from_home(-3), DIED);
    assert_int_equal(from_home(-(int64_t)PAGE), DIED);
    assert_int_equal(filter_compile_spawner(HIGH - PAGE, HIGH + PAGE, code, FILTER_PROCESS_MAX), 0);
    assert_int_equal(filter_compile_spawner(PAGE, 2 * PAGE, code, FILTER_PROCESS_MAX), 0);
}

__attribute__((format(printf, 1, 2))) static void same(const char *format, ...)
{
    char ours[64], theirs[64];
    va_list list;
    for (size_t room = 0; room <= sizeof ours; room += room < 8 ? 1 : 28) {
        memset(ours, 'x', sizeof ours);
        memset(theirs, 'x', sizeof theirs);
        va_start(list, format);
        int bytes = format_into(ours, room, format, list);
        va_end(list);
        va_start(list, format);
        assert_int_equal(bytes, vsnprintf(theirs, room, format, list));
        va_end(list);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static void sentences_are_the_c_librarys(void **state)
{
    (void)state;
    same("nothing to put in, 100%%");
    same("%s and %s", "one", "");
    same("%d %d %d", 0, -7, INT32_MIN);
    same("%u %x 0x%x", UINT32_MAX, UINT32_MAX, 0u);
    same("%zu of 0x%zx", SIZE_MAX, SIZE_MAX);
    same("%llu 0x%llx", 18446744073709551615ull, 0x123456789abcdefull);
    same("%" PRIu64 " 0x%" PRIx64 " %" PRIu32, UINT64_MAX, UINT64_MAX, 5u);
    same("%lu %ld", 1ul << 40, -(1l << 40));
    same("%s: a sentence that is longer than what there is room for, so that it is cut", "snapshot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_arguments_pass),
        cmocka_unit_test(each_limit_kills_one_step_beyond),
        cmocka_unit_test(without_its_line_a_good_call_kills),
        cmocka_unit_test(every_line_has_a_good_call_and_a_reason),
        cmocka_unit_test(after_the_seal_there_is_nothing_to_jump_to),
        cmocka_unit_test(the_trampolines_calls_are_not_the_gates),
        cmocka_unit_test(the_usual_gate_has_one_call_only),
        cmocka_unit_test(each_gate_has_one_call_only),
        cmocka_unit_test(without_a_second_filter_the_other_gate_has_any_windows_rules),
        cmocka_unit_test(without_a_second_filter_the_gate_of_jit_has_any_windows_rules),
        cmocka_unit_test(another_window_has_rules_of_its_own),
        cmocka_unit_test(with_jit_the_programs_memory_may_become_executable),
        cmocka_unit_test(a_call_of_made_code_traps),
        cmocka_unit_test(only_the_spawners_text_calls_what_it_likes),
        cmocka_unit_test(sentences_are_the_c_librarys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
