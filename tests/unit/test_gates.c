/*
 * test_gates.c: the three gate pages: each has one instruction that the filter listens to, and what may be
 * called from there is what its window, and the setting jit, allow. Each case is a child that seals itself.
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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate_layout.h"
#include "monitor/process/filter.h"
#include "monitor/process/trampoline_layout.h"
#include "sealed_blank.h"

#define BELL_AT(channel) ((channel) + offsetof(struct mf_channel_head, bell))

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
        prepare_blank();
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
            prepare_blank();
            memcpy((void *)(uintptr_t)MF_PROGRAM_BASE, call, sizeof call);
            static struct sock_filter code[FILTER_PROCESS_MAX];
            seal_by(code, filter_compile_blank(FILTER_GATE_DEFAULT, DEFAULT_CHANNEL, code,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gate_has_one_call_only),
        cmocka_unit_test(the_usual_gate_has_one_call_only),
        cmocka_unit_test(without_a_second_filter_the_other_gate_has_any_windows_rules),
        cmocka_unit_test(without_a_second_filter_the_gate_of_jit_has_any_windows_rules),
        cmocka_unit_test(another_window_has_rules_of_its_own),
        cmocka_unit_test(with_jit_the_programs_memory_may_become_executable),
        cmocka_unit_test(a_call_of_made_code_traps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
