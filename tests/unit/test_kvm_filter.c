/*
 * test_kvm_filter.c: every line of the KVM monitor's filter, in the kernel that will
 * enforce it: good arguments pass, each limit kills one step beyond, and without its
 * line a good call kills too. Each case is a child that seals itself and makes one call.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "monitor/kvm/filter.h"
#include "monitor/kvm/memory.h"
#include "monitor/kvm/reset.h"
#include "sealed.h"

#define CHANNEL (MF_WINDOW_MIN - MF_CHANNEL_BYTES)
#define PAGE (uint64_t)MF_PAGE_BYTES
#define HIGH (1ull << 32)
#define AT(address) (MEMORY_HOST + (address))
#define BELL AT(CHANNEL + offsetof(struct mf_channel_head, bell))
#define RW (PROT_READ | PROT_WRITE)

/* By hand: a sealed child may not even use the C library's way out. */
static long call(long number, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3];
    register uint64_t r8 __asm__("r8") = a[4];
    register uint64_t r9 __asm__("r9") = a[5];
    long result = number;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void seal(const struct filter_line *lines, uint32_t count)
{
    struct sock_filter code[KVM_FILTER_MAX];
    int console[2];
    void *window = (void *)(uintptr_t)MEMORY_HOST;
    if (mmap(window, MF_WINDOW_MIN, RW,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != window ||
        pipe(console) || dup2(console[1], MONITOR_FD_CONSOLE) < 0 ||
        dup2(open("/dev/null", O_RDWR), KVM_FD_VCPU) < 0)
        _exit(98);
    seal_by(code, kvm_filter_compile(lines, count, CHANNEL, code, KVM_FILTER_MAX));
}

static int call_with(const struct filter_line *lines, uint32_t count, long number,
                     const uint64_t a[6])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        seal(lines, count);
        (void)call(number, a);
        /* The way out may be the line that is missing: a signal that needs no call. */
        (void)call(SYS_exit_group, (const uint64_t[6]){ALLOWED});
        __builtin_trap();
    }
    return outcome(pid);
}

struct call_case {
    const char *what;
    uint32_t line; /* of the table, which admits it; of no meaning where none does */
    long number;
    uint64_t a[6];
};

enum { RUN, FUTEX, RESTART, MPROTECT, MADVISE, CLOCK, CONSOLE, REGISTERS, EXIT, SCAN, SET_VECTORS,
       GO, SEED, RING, REST, PAGEMAP, TAKE, TIMER, LINES };
#define GO_WORD (RESET_CONTROL_HOST + offsetof(struct mf_control, go))

static const struct call_case good[] = {
    {"run", RUN, SYS_ioctl, {KVM_FD_VCPU, KVM_RUN}},
    {"wait that need not", FUTEX, SYS_futex, {BELL, FUTEX_WAIT_BITSET, 7, 0, 0, ~0u}},
    {"restart", RESTART, SYS_restart_syscall, {0}},
    {"first page", MPROTECT, SYS_mprotect, {AT(MF_KERNEL_BASE), PAGE, RW}},
    {"last page", MPROTECT, SYS_mprotect, {AT(CHANNEL - PAGE), PAGE, PROT_NONE}},
    {"all", MPROTECT, SYS_mprotect, {AT(MF_KERNEL_BASE), CHANNEL - MF_KERNEL_BASE, RW}},
    {"discard", MADVISE, SYS_madvise, {AT(MF_PROGRAM_BASE), PAGE, MADV_DONTNEED}},
    {"discard all", MADVISE, SYS_madvise,
     {AT(MF_PROGRAM_BASE), CHANNEL - MF_PROGRAM_BASE, MADV_DONTNEED}},
    {"monotonic", CLOCK, SYS_clock_gettime, {CLOCK_MONOTONIC, AT(MF_KERNEL_BASE)}},
    {"realtime", CLOCK, SYS_clock_gettime, {CLOCK_REALTIME, AT(MF_KERNEL_BASE)}},
    {"line", CONSOLE, SYS_write, {MONITOR_FD_CONSOLE, AT(MF_KERNEL_BASE), MF_CONSOLE_MAX}},
    {"registers", REGISTERS, SYS_ioctl, {KVM_FD_VCPU, KVM_GET_REGS, AT(MF_KERNEL_BASE)}},
    {"exit", EXIT, SYS_exit_group, {ALLOWED}},
};

static const struct call_case bad[] = {
    {"another vCPU", 0, SYS_ioctl, {KVM_FD_VCPU + 1, KVM_RUN}},
    {"descriptor high", 0, SYS_ioctl, {KVM_FD_VCPU + HIGH, KVM_RUN}},
    {"request high", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_RUN + HIGH}},
    {"set registers", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_REGS}},
    {"set special registers", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_SREGS}},
    {"memory slot", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_USER_MEMORY_REGION}},
    {"new vm", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_CREATE_VM}},
    {"console's ioctl", 0, SYS_ioctl, {MONITOR_FD_CONSOLE, KVM_RUN}},
    {"terminal", 0, SYS_ioctl, {STDIN_FILENO, 0x5412 /* TIOCSTI */}},
    {"wait elsewhere", 0, SYS_futex, {BELL + 4, FUTEX_WAIT_BITSET, 7}},
    {"wait low", 0, SYS_futex, {BELL - MEMORY_HOST, FUTEX_WAIT_BITSET, 7}},
    {"wake", 0, SYS_futex, {BELL, FUTEX_WAKE, 1}},
    {"lock", 0, SYS_futex, {BELL, FUTEX_LOCK_PI, 1}},
    {"page below kernel", 0, SYS_mprotect, {AT(MF_KERNEL_BASE - PAGE), PAGE, RW}},
    {"channel", 0, SYS_mprotect, {AT(CHANNEL), PAGE, RW}},
    {"into the channel", 0, SYS_mprotect, {AT(CHANNEL - PAGE), 2 * PAGE, RW}},
    {"the monitor's memory", 0, SYS_mprotect, {MF_PROGRAM_BASE, PAGE, RW}},
    {"another high word", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE) + HIGH, PAGE, RW}},
    {"high bytes", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE), PAGE + HIGH, RW}},
    {"sum carries", 0, SYS_mprotect, {AT(CHANNEL - PAGE), HIGH - PAGE, RW}},
    {"crooked", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE) + 1, PAGE, RW}},
    {"read only", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE), PAGE, PROT_READ}},
    {"execute", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE), PAGE, PROT_READ | PROT_EXEC}},
    {"all three", 0, SYS_mprotect, {AT(MF_PROGRAM_BASE), PAGE, RW | PROT_EXEC}},
    {"discard kernel", 0, SYS_madvise, {AT(MF_PROGRAM_BASE - PAGE), PAGE, MADV_DONTNEED}},
    {"discard channel", 0, SYS_madvise, {AT(CHANNEL), PAGE, MADV_DONTNEED}},
    {"other advice", 0, SYS_madvise, {AT(MF_PROGRAM_BASE), PAGE, MADV_WILLNEED}},
    {"large pages", 0, SYS_madvise, {AT(MF_PROGRAM_BASE), PAGE, MADV_HUGEPAGE}},
    {"cpu clock", 0, SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID, AT(MF_KERNEL_BASE)}},
    {"standard output", 0, SYS_write, {STDOUT_FILENO, AT(MF_KERNEL_BASE), 1}},
    {"bell", 0, SYS_write, {MONITOR_FD_BELL, AT(MF_KERNEL_BASE), 8}},
    {"line too long", 0, SYS_write, {MONITOR_FD_CONSOLE, AT(MF_KERNEL_BASE), MF_CONSOLE_MAX + 1}},
    {"open", 0, SYS_openat, {0}},
    {"execve", 0, SYS_execve, {0}},
    {"mmap", 0, SYS_mmap, {0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull}},
    {"munmap", 0, SYS_munmap, {AT(MF_PROGRAM_BASE), PAGE}},
    {"socket", 0, SYS_socket, {1, 1, 0}},
    {"clone", 0, SYS_clone, {SIGCHLD}},
    {"ptrace", 0, SYS_ptrace, {0}},
    {"kill", 0, SYS_kill, {1, 0}},
    {"seccomp", 0, SYS_seccomp, {1, 0, 0}},
    {"rt_sigreturn", 0, SYS_rt_sigreturn, {0}},
    {"exit of a thread", 0, SYS_exit, {0}},
    {"x32", 0, 0x40000000 + SYS_write, {MONITOR_FD_CONSOLE, AT(MF_KERNEL_BASE), 1}},
};

/* Where the guest is rolled back. */
static const struct call_case reset_good[] = {
    {"scan", SCAN, SYS_ioctl, {KVM_FD_PAGEMAP, PAGEMAP_SCAN_CALL, AT(MF_KERNEL_BASE)}},
    {"vectors", SET_VECTORS, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_XSAVE, AT(MF_KERNEL_BASE)}},
    {"stand still", GO, SYS_futex, {GO_WORD, FUTEX_WAIT, 7}},
    {"seed", SEED, SYS_getrandom, {AT(MF_KERNEL_BASE), MF_BOOT_SEED_BYTES, 0}},
    {"tell", RING, SYS_write, {MONITOR_FD_BELL, AT(MF_KERNEL_BASE), sizeof(uint64_t)}},
    {"rest", REST, SYS_madvise, {RESET_CONTENT_HOST, MF_WINDOW_MAX, MADV_DONTNEED}},
    {"pagemap", PAGEMAP, SYS_pread64, {KVM_FD_PAGEMAP, AT(MF_KERNEL_BASE), PAGE, 0}},
};

/* Where the guest is preempted. */
static const struct call_case preempt_good[] = {
    {"take the signal", TAKE, SYS_rt_sigtimedwait,
     {AT(MF_KERNEL_BASE), 0, AT(MF_KERNEL_BASE), 8}},
    {"timer", TIMER, SYS_setitimer, {ITIMER_PROF, AT(MF_KERNEL_BASE), 0}},
};

static const struct call_case preempt_bad[] = {
    {"what the signal says", 0, SYS_rt_sigtimedwait,
     {AT(MF_KERNEL_BASE), AT(MF_KERNEL_BASE), AT(MF_KERNEL_BASE), 8}},
    {"a timer of real time", 0, SYS_setitimer, {ITIMER_REAL, AT(MF_KERNEL_BASE), 0}},
    {"timer high", 0, SYS_setitimer, {ITIMER_PROF + HIGH, AT(MF_KERNEL_BASE), 0}},
    {"the old timer", 0, SYS_setitimer, {ITIMER_PROF, AT(MF_KERNEL_BASE), AT(MF_KERNEL_BASE)}},
    {"a handler", 0, SYS_rt_sigaction, {SIGPROF, AT(MF_KERNEL_BASE), 0, 8}},
    {"a mask", 0, SYS_rt_sigprocmask, {0, AT(MF_KERNEL_BASE), 0, 8}},
};

/* Bad there, too, and close to what is good. */
static const struct call_case reset_bad[] = {
    {"scan of another", 0, SYS_ioctl, {KVM_FD_PAGEMAP + 1, PAGEMAP_SCAN_CALL, AT(MF_KERNEL_BASE)}},
    {"scan by the vCPU", 0, SYS_ioctl, {KVM_FD_VCPU, PAGEMAP_SCAN_CALL, AT(MF_KERNEL_BASE)}},
    {"another ioctl of it", 0, SYS_ioctl, {KVM_FD_PAGEMAP, PAGEMAP_SCAN_CALL + 1}},
    {"run the pagemap", 0, SYS_ioctl, {KVM_FD_PAGEMAP, KVM_RUN}},
    {"registers one by one", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_SREGS}},
    {"model-specific registers", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_MSRS}},
    {"XCR0", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_XCRS}},
    {"CPUID", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_CPUID2}},
    {"debug registers", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_DEBUGREGS, AT(MF_KERNEL_BASE)}},
    {"guest debugging", 0, SYS_ioctl, {KVM_FD_VCPU, KVM_SET_GUEST_DEBUG}},
    {"another word of the page", 0, SYS_futex, {GO_WORD - 4, FUTEX_WAIT, 7}},
    {"wake the node", 0, SYS_futex, {GO_WORD, FUTEX_WAKE, 1}},
    {"random bytes for more", 0, SYS_getrandom, {AT(MF_KERNEL_BASE), MF_BOOT_SEED_BYTES + 1, 0}},
    {"random flags", 0, SYS_getrandom, {AT(MF_KERNEL_BASE), MF_BOOT_SEED_BYTES, 2}},
    {"the snapshot from its second page on", 0, SYS_madvise, {RESET_CONTENT_HOST + PAGE, PAGE, MADV_DONTNEED}},
    {"more than a snapshot", 0, SYS_madvise, {RESET_CONTENT_HOST, MF_WINDOW_MAX + PAGE, MADV_DONTNEED}},
    {"populate the snapshot", 0, SYS_madvise, {RESET_CONTENT_HOST, PAGE, MADV_WILLNEED}},
    {"ring with less", 0, SYS_write, {MONITOR_FD_BELL, AT(MF_KERNEL_BASE), 7}},
    {"ring with more", 0, SYS_write, {MONITOR_FD_BELL, AT(MF_KERNEL_BASE), 16}},
    {"write the pagemap", 0, SYS_write, {KVM_FD_PAGEMAP, AT(MF_KERNEL_BASE), 8}},
    {"read the console", 0, SYS_pread64, {MONITOR_FD_CONSOLE, AT(MF_KERNEL_BASE), PAGE, 0}},
    {"write at a place", 0, SYS_pwrite64, {KVM_FD_PAGEMAP, AT(MF_KERNEL_BASE), 8, 0}},
};

/* Which of these cases do not come to that with these lines? */
static void all_are(int wanted, const struct filter_line *lines, uint32_t count,
                    const struct call_case *cases, size_t case_count)
{
    for (size_t i = 0; i < case_count; i++)
        if (call_with(lines, count, cases[i].number, cases[i].a) != wanted)
            fail_msg("%s: %s", cases[i].what, wanted == DIED ? "passed" : "died");
}
#define ALL_ARE(wanted, lines, count, cases) \
    all_are(wanted, lines, count, cases, sizeof(cases) / sizeof *(cases))

static void good_arguments_pass(void **state)
{
    (void)state;
    struct filter_line lines[FILTER_LINES_MAX];
    ALL_ARE(ALLOWED, kvm_filter_lines, kvm_filter_line_count, good);
    ALL_ARE(ALLOWED, lines, kvm_filter_choose(true, true, lines), good);
    ALL_ARE(ALLOWED, lines, kvm_filter_choose(true, true, lines), reset_good);
    ALL_ARE(ALLOWED, lines, kvm_filter_choose(true, true, lines), preempt_good);
}

static void each_limit_kills_one_step_beyond(void **state)
{
    (void)state;
    struct filter_line lines[FILTER_LINES_MAX];
    ALL_ARE(DIED, kvm_filter_lines, kvm_filter_line_count, bad);
    ALL_ARE(DIED, lines, kvm_filter_choose(true, true, lines), reset_bad);
    ALL_ARE(DIED, lines, kvm_filter_choose(true, true, lines), preempt_bad);
}

static void lines_for_rolling_back_are_in_force_only_there(void **state)
{
    (void)state;
    struct filter_line lines[FILTER_LINES_MAX];
    ALL_ARE(DIED, lines, kvm_filter_choose(false, true, lines), reset_good);
    ALL_ARE(ALLOWED, lines, kvm_filter_choose(true, false, lines), reset_good);
}

static void lines_for_preempts_are_in_force_only_there(void **state)
{
    (void)state;
    struct filter_line lines[FILTER_LINES_MAX];
    ALL_ARE(DIED, lines, kvm_filter_choose(true, false, lines), preempt_good);
    ALL_ARE(ALLOWED, lines, kvm_filter_choose(false, true, lines), preempt_good);
}

static void without_its_line_each_kills(const struct call_case *cases, size_t count)
{
    struct filter_line all[FILTER_LINES_MAX], rest[FILTER_LINES_MAX];
    const uint32_t lines = kvm_filter_choose(true, true, all);
    assert_int_equal(lines, LINES);
    for (size_t i = 0; i < count; i++) {
        uint32_t kept = 0;
        for (uint32_t k = 0; k < lines; k++)
            if (k != cases[i].line)
                rest[kept++] = all[k];
        if (call_with(rest, kept, cases[i].number, cases[i].a) != DIED)
            fail_msg("%s: passed without its line", cases[i].what);
    }
}

static void without_its_line_a_good_call_kills(void **state)
{
    (void)state;
    without_its_line_each_kills(good, sizeof good / sizeof *good);
    without_its_line_each_kills(reset_good, sizeof reset_good / sizeof *reset_good);
    without_its_line_each_kills(preempt_good, sizeof preempt_good / sizeof *preempt_good);
}

static void the_table_keeps_its_promises(void **state)
{
    (void)state;
    static const char *const order[] = {
        "ioctl",   "futex", "restart_syscall", "mprotect", "madvise", "clock_gettime",
        "write",   "ioctl", "exit_group",      "ioctl",    "ioctl",   "futex",
        "getrandom", "write", "madvise",        "pread64", "rt_sigtimedwait", "setitimer"};
    struct filter_line lines[FILTER_LINES_MAX];
    const uint32_t count = kvm_filter_choose(true, true, lines);
    assert_int_equal(count, sizeof order / sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal(lines[i].call, order[i]);
        assert_true(strlen(lines[i].reason) > 20);
        assert_true(strlen(lines[i].arguments) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_arguments_pass),
        cmocka_unit_test(each_limit_kills_one_step_beyond),
        cmocka_unit_test(lines_for_rolling_back_are_in_force_only_there),
        cmocka_unit_test(lines_for_preempts_are_in_force_only_there),
        cmocka_unit_test(without_its_line_a_good_call_kills),
        cmocka_unit_test(the_table_keeps_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
