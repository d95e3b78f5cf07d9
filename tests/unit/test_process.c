/*
 * test_process.c: the process monitor from the guest's side: what a few instructions
 * find when they begin, what traps look like, what each hypercall refuses, and how a
 * guest that breaks its own traps ends. Real spawner, real blanks; the guests are in
 * raw_guests.S.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/image.h"
#include "machine.h"
#include "raw_run.h"

#define LABELS(X)                                                                              \
    X(halt) X(deadline) X(fault) X(fault_unknown) X(fault_reserved) X(halt_reserved)           \
    X(struct_unaligned) X(struct_outside) X(struct_not_there) X(struct_read_only) X(no_stack)  \
    X(clock) X(console) X(protect) X(discard) X(segment) X(registers) X(invalid) X(read_zero)             \
    X(read_page_15) X(write_boot) X(write_gate) X(write_text) X(past_window) X(reserved) X(read_trampoline) X(write_trampoline) X(run_trampoline) X(run_other_gate)       \
    X(run_data) X(run_channel) X(run_bss) X(run_stack) X(privileged) X(divide) X(breakpoint)   \
    X(single_step) X(single_step_call) X(compat) X(int80) X(compat_int80) X(call) X(loop)      \
    X(no_trap_stack) X(forged_frame) X(no_signal_stack) X(calls_blocked) X(frame_not_there)    \
    X(gate_execve) X(vsyscall) X(uretprobe) X(uprobe)                                                               \
    X(invalid_landing) X(page_fault_landing) X(protection_landing) X(divide_landing)           \
    X(breakpoint_landing) X(single_step_landing) X(single_step_call_landing)                   \
    X(compat_landing) X(call_landing) X(vsyscall_landing)        \
    X(uretprobe_landing) X(uretprobe_old) X(uprobe_old)
#define DECLARE(name) extern const char raw_##name[];
LABELS(DECLARE)

#define FAULT(cause) ((MF_CAUSE_STATUS + MF_CAUSE_##cause) << 8) /* as of waitpid */
#define HALTED 0

static const struct guest {
    const char *what;
    struct raw_entries entries;
    int status;
    const char *cause; /* exit_cause()'s words */
    bool (*machine)(void); /* what it needs of the machine; NULL: nothing */
} guests[] = {
#define HALTS(name) {#name, {raw_##name, NULL, NULL}, HALTED, "halted", NULL}
#define LANDS(name, landing) {#name, {raw_##name, NULL, raw_##landing}, HALTED, "halted", NULL}
#define CALLS(name, landing) {#name, {raw_##name, raw_##landing, NULL}, HALTED, "halted", NULL}
#define DIES(name, CAUSE, words) {#name, {raw_##name, NULL, NULL}, FAULT(CAUSE), words, NULL}
    /* what the guest finds, and its hypercalls */
    HALTS(halt),
    HALTS(registers),
    HALTS(deadline),
    HALTS(clock),
    HALTS(console),
    HALTS(protect),
    HALTS(discard),
    HALTS(segment),
    DIES(fault, DIVIDE, "divide"),
    DIES(fault_unknown, PROTOCOL, "protocol"),
    DIES(fault_reserved, PROTOCOL, "protocol"),
    DIES(halt_reserved, PROTOCOL, "protocol"),
    DIES(struct_unaligned, PROTOCOL, "protocol"),
    DIES(struct_outside, PROTOCOL, "protocol"),
    DIES(struct_not_there, PROTOCOL, "protocol"),
    DIES(struct_read_only, PROTOCOL, "protocol"),
    DIES(no_stack, KERNEL_BUG, "kernel-bug"), /* its own `call` faults: a page fault like any */
    /* traps */
    LANDS(invalid, invalid_landing),
    LANDS(read_zero, page_fault_landing),
    LANDS(read_page_15, page_fault_landing),
    LANDS(write_boot, page_fault_landing),
    LANDS(write_gate, page_fault_landing),
    LANDS(write_text, page_fault_landing),
    LANDS(past_window, page_fault_landing),
    LANDS(read_trampoline, page_fault_landing),
    LANDS(write_trampoline, page_fault_landing),
    LANDS(run_trampoline, page_fault_landing),
    LANDS(run_other_gate, page_fault_landing),
    LANDS(reserved, page_fault_landing),
    LANDS(run_data, page_fault_landing),
    LANDS(run_channel, page_fault_landing),
    LANDS(run_bss, page_fault_landing),
    LANDS(run_stack, page_fault_landing),
    LANDS(privileged, protection_landing),
    LANDS(divide, divide_landing),
    LANDS(breakpoint, breakpoint_landing),
    LANDS(single_step, single_step_landing),
    {"compat", {raw_compat, NULL, raw_compat_landing}, HALTED, "halted", machine_has_32_bit_code},
    LANDS(forged_frame, protection_landing), /* selectors of 0: iretq refuses them */
    CALLS(call, call_landing),
    {"vsyscall", {raw_vsyscall, raw_vsyscall_landing, NULL}, HALTED, "halted", machine_has_vsyscall},
    CALLS(single_step_call, single_step_call_landing),
    {"uretprobe", {raw_uretprobe, raw_uretprobe_old, raw_uretprobe_landing}, HALTED, "halted", NULL},
    CALLS(uprobe, uprobe_old),
    /* the end, and no loop */
    {"loop", {raw_loop, NULL, raw_loop}, FAULT(TRIPLE_FAULT), "triple-fault", NULL},
    DIES(no_trap_stack, PROTOCOL, "protocol"),
    {"no_signal_stack", {raw_no_signal_stack, NULL, NULL}, SIGSEGV, "triple-fault", NULL},
    {"calls_blocked", {raw_calls_blocked, NULL, NULL}, SIGSYS, "protocol", NULL},
    DIES(frame_not_there, PROTOCOL, "protocol"),
    {"int80", {raw_int80, NULL, NULL}, SIGSYS, "protocol", machine_has_int80},
    {"compat_int80", {raw_compat_int80, NULL, NULL}, SIGSYS, "protocol", machine_has_32_bit_code},
    {"gate_execve", {raw_gate_execve, NULL, NULL}, SIGSYS, "protocol", NULL},
};

static struct spawner spawner;

static int open_spawner(void **state)
{
    (void)state;
    spawner_of_build(&spawner);
    return 0;
}

static int close_spawner(void **state)
{
    (void)state;
    spawner_close(&spawner);
    return 0;
}

static int run(const struct raw_entries *entries, char *console, size_t room)
{
    const struct raw_run run = {.entries = *entries, .sandbox = MF_SANDBOX_PROCESS};
    return raw_run(&spawner, &run, console, room);
}

static void every_guest_ends_as_it_should(void **state)
{
    (void)state;
    char console[64];
    int wrong = 0;
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
        if (guests[i].machine && !guests[i].machine())
            continue;
        int status = run(&guests[i].entries, console, sizeof console);
        if (status == guests[i].status && strcmp(exit_cause(status), guests[i].cause) == 0)
            continue;
        print_error("%s: status 0x%x (%s) instead of 0x%x (%s)\n", guests[i].what,
                    (unsigned)status, exit_cause(status), (unsigned)guests[i].status,
                    guests[i].cause);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void preempts_come_where_they_should(void **state)
{
    (void)state;
    raw_run_preempted(&spawner, MF_SANDBOX_PROCESS);
}

static void console_lines_arrive(void **state)
{
    (void)state;
    char console[64];
    const struct raw_entries entries = {.entry = raw_console};
    assert_int_equal(run(&entries, console, sizeof console), HALTED);
    assert_string_equal(console, "hello\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_guest_ends_as_it_should),
        cmocka_unit_test(preempts_come_where_they_should),
        cmocka_unit_test(console_lines_arrive),
    };
    return cmocka_run_group_tests(tests, open_spawner, close_spawner);
}
