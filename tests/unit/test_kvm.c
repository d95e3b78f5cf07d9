/*
 * test_kvm.c: the KVM monitor from the guest's side, as test_process.c is for the
 * process monitor: what a few instructions find when they begin, what traps look like,
 * what each hypercall refuses, and how a guest ends that touches what is the monitor's.
 * Real spawner, real blanks; the guests are in raw_guests.S. Without a usable /dev/kvm
 * it says so and is skipped (status 77).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/image.h"
#include "raw_run.h"

#define AT_ONCE 32
#define PROBES_TRIED_MAX 50

#define LABELS(X)                                                                              \
    X(halt) X(deadline) X(fault) X(fault_unknown) X(fault_reserved) X(halt_reserved)           \
    X(struct_unaligned) X(struct_outside) X(struct_not_there) X(struct_read_only) X(no_stack)  \
    X(clock) X(console) X(protect) X(discard) X(segment) X(registers) X(invalid) X(read_zero)             \
    X(read_page_15) X(write_boot) X(write_gate) X(write_text) X(past_window) X(reserved)       \
    X(run_data) X(run_channel) X(run_bss) X(run_stack) X(privileged) X(divide) X(breakpoint)   \
    X(single_step) X(single_step_call) X(compat) X(call) X(loop) X(no_trap_stack)              \
    X(invalid_landing) X(page_fault_landing) X(protection_landing) X(divide_landing)           \
    X(breakpoint_landing) X(single_step_landing) X(single_step_call_landing) X(call_landing)   \
    X(ring0_tables) X(ring0_code) X(ring0_stack) X(page_tables) X(write_gate_data)             \
    X(run_gate_data) X(downgrade) X(taken_landing) X(call_privileged)                          \
    X(call_privileged_landing) X(port_other) X(port_short) X(port_in) X(address_high)          \
    X(ring_nonsense) X(refused_landing)
#define DECLARE(name) extern const char raw_##name[];
LABELS(DECLARE)

#define FAULT(cause) ((MF_CAUSE_STATUS + MF_CAUSE_##cause) << 8) /* as of waitpid */
#define HALTED 0

static const struct guest {
    const char *what;
    struct raw_entries entries;
    int status;
} guests[] = {
#define HALTS(name) {#name, {raw_##name, NULL, NULL}, HALTED}
#define LANDS(name, landing) {#name, {raw_##name, NULL, raw_##landing}, HALTED}
#define CALLS(name, landing) {#name, {raw_##name, raw_##landing, NULL}, HALTED}
#define DIES(name, CAUSE) {#name, {raw_##name, NULL, NULL}, FAULT(CAUSE)}
    /* what the guest finds, and its hypercalls */
    HALTS(halt),
    HALTS(registers),
    HALTS(deadline),
    HALTS(clock),
    HALTS(console),
    HALTS(protect),
    HALTS(discard),
    HALTS(segment),
    LANDS(downgrade, taken_landing),
    DIES(fault, DIVIDE),
    DIES(fault_unknown, PROTOCOL),
    DIES(fault_reserved, PROTOCOL),
    DIES(halt_reserved, PROTOCOL),
    DIES(ring_nonsense, PROTOCOL),
    DIES(struct_unaligned, PROTOCOL),
    DIES(struct_outside, PROTOCOL),
    DIES(struct_not_there, PROTOCOL),
    DIES(struct_read_only, PROTOCOL),
    DIES(address_high, PROTOCOL),
    DIES(port_short, PROTOCOL),
    DIES(port_other, PROTECTION),
    DIES(port_in, PROTECTION),
    DIES(no_stack, KERNEL_BUG), /* its own `call` faults: a page fault like any */
    /* traps */
    LANDS(invalid, invalid_landing),
    LANDS(read_zero, page_fault_landing),
    LANDS(read_page_15, page_fault_landing),
    LANDS(write_boot, page_fault_landing),
    LANDS(write_gate, page_fault_landing),
    LANDS(write_gate_data, page_fault_landing),
    LANDS(write_text, page_fault_landing),
    LANDS(past_window, page_fault_landing),
    LANDS(reserved, page_fault_landing),
    LANDS(run_data, page_fault_landing),
    LANDS(run_channel, page_fault_landing),
    LANDS(run_bss, page_fault_landing),
    LANDS(run_stack, page_fault_landing),
    LANDS(run_gate_data, page_fault_landing),
    LANDS(ring0_tables, page_fault_landing),
    LANDS(ring0_code, page_fault_landing),
    LANDS(ring0_stack, page_fault_landing),
    LANDS(page_tables, page_fault_landing),
    LANDS(privileged, protection_landing),
    LANDS(compat, refused_landing), /* no selector for 32-bit code */
    LANDS(divide, divide_landing),
    LANDS(breakpoint, breakpoint_landing),
    LANDS(single_step, single_step_landing),
    CALLS(call, call_landing),
    CALLS(single_step_call, single_step_call_landing),
    {"call_privileged", {raw_call_privileged, raw_call_privileged_landing, raw_protection_landing},
     HALTED},
    /* the end, and no loop */
    {"loop", {raw_loop, NULL, raw_loop}, FAULT(TRIPLE_FAULT)},
    DIES(no_trap_stack, PROTOCOL),
};

static struct spawner spawner;

static const struct blank_fit *fit; /* of the blanks that run() takes */

static int run(const struct raw_entries *entries, uint64_t window_bytes, char *console,
               size_t room)
{
    const struct raw_run run = {
        .entries = *entries, .sandbox = MF_SANDBOX_KVM, .fit = fit, .window_bytes = window_bytes};
    return raw_run(&spawner, &run, console, room);
}

static void every_guest_ends_as_it_should(void **state)
{
    (void)state;
    char console[256];
    int wrong = 0;
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
        int status = run(&guests[i].entries, 0, console, sizeof console);
        if (status == guests[i].status)
            continue;
        print_error("%s: status 0x%x (%s) instead of 0x%x (%s); console: %s\n", guests[i].what,
                    (unsigned)status, exit_cause(status), (unsigned)guests[i].status,
                    exit_cause(guests[i].status), console);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void preempts_come_where_they_should(void **state)
{
    (void)state;
    raw_run_preempted(&spawner, MF_SANDBOX_KVM);
}

static void console_lines_arrive(void **state)
{
    (void)state;
    char console[64];
    const struct raw_entries entries = {.entry = raw_console};
    assert_int_equal(run(&entries, 0, console, sizeof console), HALTED);
    assert_string_equal(console, "hello\n");
}

static void an_end_that_we_noticed_says_where(void **state)
{
    (void)state;
    char console[256];
    const struct raw_entries entries = {.entry = raw_port_other};
    assert_int_equal(run(&entries, 0, console, sizeof console), FAULT(PROTECTION));
    assert_non_null(strstr(console, "kvm: wrote to port 0x60: at 0x100"));
}

static void windows_have_every_size(void **state)
{
    (void)state;
    char console[64];
    const struct raw_entries entries = {.entry = raw_clock};
    static const uint64_t sizes[] = {MF_WINDOW_MIN, MF_WINDOW_DEFAULT,
                                     MF_WINDOW_DEFAULT + MF_WINDOW_STEP, 0x40000000,
                                     MF_WINDOW_MAX};
    static const struct blank_fit fits[] = {{.window_bytes = MF_WINDOW_MIN}, {.window_bytes = 0x40000000}};
    for (size_t k = 0; k <= sizeof fits / sizeof *fits; k++) {
        fit = k ? &fits[k - 1] : NULL;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            assert_int_equal(run(&entries, sizes[i], console, sizeof console), HALTED);
    }
    fit = NULL;
}

/* The key of every snapshot: the same at each start of the node, on whichever processor
 * of the host, and not the same for what guests see differently. */
static void features_have_a_digest(void **state)
{
    (void)state;
    struct spawner again;
    struct mf_why why = {{0}};
    assert_int_equal(spawner_open(MF_SPAWNER_PATH, &again, &why), MF_OK);
    const uint64_t *ours = spawner.support.features, *theirs = again.support.features;
    assert_true(ours[MF_SANDBOX_KVM] != 0);
    assert_true(ours[MF_SANDBOX_PROCESS] != 0);
    assert_true(ours[MF_SANDBOX_KVM] != ours[MF_SANDBOX_PROCESS]);
    assert_true(ours[MF_SANDBOX_KVM] == theirs[MF_SANDBOX_KVM]);
    assert_true(ours[MF_SANDBOX_PROCESS] == theirs[MF_SANDBOX_PROCESS]);
    spawner_close(&again);
}

#define CHILDREN_MAX 64

static int children_of(pid_t parent, int child[CHILDREN_MAX])
{
    char path[64];
    int count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "r");
    while (file && count < CHILDREN_MAX && fscanf(file, "%d", &child[count]) == 1)
        count++;
    if (file)
        (void)fclose(file);
    return count;
}

static bool is_called(pid_t pid, const char *name)
{
    char path[64], comm[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    bool is = file && fscanf(file, "%31s", comm) == 1 && strcmp(comm, name) == 0;
    if (file)
        (void)fclose(file);
    return is;
}

/* In a process of its own, while the test waits for another spawner to be ready: kills so
 * many probes, as if for want of memory. */
_Noreturn static void kill_probes(pid_t test, int probes)
{
    const struct timespec nap = {.tv_nsec = 50000};
    int own[CHILDREN_MAX], below[CHILDREN_MAX];
    for (pid_t last = 0; probes > 0; (void)nanosleep(&nap, NULL))
        for (int i = children_of(test, own); i > 0; i--)
            for (int j = children_of(own[i - 1], below); j > 0; j--) {
                pid_t pid = below[j - 1];
                if (pid == last || !is_called(pid, "mayfly-kvm") || kill(pid, SIGKILL) != 0)
                    continue;
                last = pid;
                probes--;
            }
    _exit(0);
}

/* False: the killer has found one too few. */
static bool open_without_probes(struct spawner *other, int probes)
{
    struct mf_why why = {{0}};
    int status;
    pid_t killer = fork();
    assert_true(killer >= 0);
    if (killer == 0)
        kill_probes(getppid(), probes);
    mf_err err = spawner_open(MF_SPAWNER_PATH, other, &why);
    (void)kill(killer, SIGKILL);
    assert_int_equal(waitpid(killer, &status, 0), killer);
    assert_int_equal(err, MF_OK);
    return status == 0;
}

static void a_probe_that_is_killed_is_made_again(void **state)
{
    (void)state;
    struct spawner other;
    for (int tries = 0; !open_without_probes(&other, 1); spawner_close(&other))
        assert_true(++tries < PROBES_TRIED_MAX);
    assert_true(other.support.usable[MF_SANDBOX_KVM]);
    spawner_close(&other);
}

/* What the probe finds out, the first blanks then have to, all at once. */
static void blanks_of_a_spawner_without_its_probe_are_made(void **state)
{
    (void)state;
    struct spawner other;
    struct blank blank[AT_ONCE];
    struct mf_why why = {{0}};
    const struct raw_entries entries = {.entry = raw_halt};
    int image = raw_image(&entries);
    for (int tries = 0; !open_without_probes(&other, 2) || other.support.usable[MF_SANDBOX_KVM];
         spawner_close(&other)) /* or one was through when it was killed */
        assert_true(++tries < PROBES_TRIED_MAX);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        assert_int_equal(blank_open(&other, i + 1, MF_SANDBOX_KVM, NULL, &blank[i], &why), MF_OK);
        assert_int_equal(blank_start(&blank[i], &(struct start_order){.image_fd = image}, &why), MF_OK);
    }
    for (unsigned exited = 0; exited < AT_ONCE;) {
        struct mf_spawn_packet packet;
        next_packet(&other, &packet);
        exited += packet.type == MF_EXITED;
        if (packet.type == MF_EXITED && blank_start_failed(&blank[packet.id - 1], &why))
            fail_msg("%s", why.text);
        assert_true(packet.type != MF_EXITED || packet.status == HALTED);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        blank_close(&blank[i]);
    spawner_close(&other);
    (void)close(image);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_guest_ends_as_it_should),
        cmocka_unit_test(preempts_come_where_they_should),
        cmocka_unit_test(console_lines_arrive),
        cmocka_unit_test(an_end_that_we_noticed_says_where),
        cmocka_unit_test(windows_have_every_size),
        cmocka_unit_test(features_have_a_digest),
        cmocka_unit_test(a_probe_that_is_killed_is_made_again),
        cmocka_unit_test(blanks_of_a_spawner_without_its_probe_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_kvm(&spawner, all);
}
