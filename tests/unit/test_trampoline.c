/*
 * test_trampoline.c: what a blank can do before it is sealed, and that none of it can be
 * done afterwards. Each line of the trampoline's calls, in the kernel that will enforce
 * it, as in test_filter.c: good arguments pass, each limit kills one step beyond, and
 * without its line a good call kills too.
 */
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate_layout.h"
#include "monitor/monitor.h"
#include "monitor/process/filter.h"
#include "monitor/process/trampoline.h"
#include "sealed_blank.h"

#define FILE_HERE (MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE)
#define SHARED_HERE (MAP_SHARED | MAP_FIXED)
#define DATA (TRAMPOLINE_DATA + 0x8000)

/* A blank that waits, with these of the trampoline's lines only. */
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
    prepare_blank();
    seal_by(code, filter_program(&place, filter_lines, filter_line_count, code, FILTER_PROCESS_MAX));
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
        prepare_blank();
        map_fixed(HOME - PAGE, HOME + PAGE, MAP_FIXED_NOREPLACE);
        memcpy(at, call, sizeof call);
        if (mprotect((void *)(uintptr_t)(HOME - PAGE), 2 * PAGE, RX) != 0)
            _exit(96);
        seal_by(code, filter_compile_spawner(HOME, HOME + 64, code, FILTER_PROCESS_MAX));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_arguments_pass),
        cmocka_unit_test(each_limit_kills_one_step_beyond),
        cmocka_unit_test(without_its_line_a_good_call_kills),
        cmocka_unit_test(every_line_has_a_good_call_and_a_reason),
        cmocka_unit_test(after_the_seal_there_is_nothing_to_jump_to),
        cmocka_unit_test(the_trampolines_calls_are_not_the_gates),
        cmocka_unit_test(only_the_spawners_text_calls_what_it_likes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
