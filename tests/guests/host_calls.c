/*
 * host_calls.c: system calls of the host, past the gate and through it. A `syscall`
 * of the guest's own must arrive in the guest's kernel, whatever its number; the
 * gate's own instruction (process sandbox only) must serve what the hypercalls need,
 * with their arguments, and be death for all else.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "abi/hypercall.h"
#include "harness.h"

#define NUMBER_LAST 600u
#define WINDOW (16ull << 20)
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define BELL (CHANNEL + 260) /* offsetof(struct mf_channel_head, bell) */

/* Linux lets these two pass every filter since 6.14 (commit cf6cb56ef244): outside
 * the pages that uprobes themselves map, the first is a SIGILL, the second an error. */
#define NUMBER_URETPROBE 335u
#define NUMBER_UPROBE 336u

static const uint64_t argument_sets[][6] = {
    {0, 0, 0, 0, 0, 0},
    {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
    {1, 2, 3, 4, 5, 6},
    {RAW_SCRATCH, RAW_SCRATCH, RAW_SCRATCH, RAW_SCRATCH, RAW_SCRATCH, RAW_SCRATCH},
    {6, RAW_SCRATCH, 8, 0, 0, 0},
    {0xffff880000000000, 0x1000, 7, 0x32, UINT64_MAX, 0},
    {5, 0x20808, 8, 0, 0, 0},
};
#define ARGUMENT_SETS (sizeof argument_sets / sizeof argument_sets[0])

static void from_own_text(struct harness *harness)
{
    group_begin(harness);
    for (size_t set = 0; set < ARGUMENT_SETS; set++)
        for (unsigned first = 0; first <= NUMBER_LAST; first += 100) {
            struct order order = {.kind = ORDER_SYSCALLS, .number = first, .last = first + 99};
            struct answer answer = {0};
            char outcome[OUTCOME_BYTES], detail[64];
            memcpy(order.argument, argument_sets[set], sizeof order.argument);
            uint64_t expected = 100;
            if (harness->sandbox == MF_SANDBOX_PROCESS && first == 300)
                expected = 98; /* uretprobe and uprobe */
            bool answered = victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
            if (answered)
                snprintf(outcome, sizeof outcome, "%llu arrive",
                         (unsigned long long)answer.count);
            char words[64];
            snprintf(words, sizeof words, "%llu arrive|100 arrive", (unsigned long long)expected);
            snprintf(detail, sizeof detail, "numbers %u…%u, set %zu", first, first + 99, set);
            judge(harness, "syscall of its own", detail, outcome, words);
        }
    group_end(harness, "system calls of its own");
}

/* Numbers with bits that a 64-bit register has and a system call number has not. */
static void odd_numbers(struct harness *harness)
{
    static const uint64_t numbers[] = {
        0x40000000, 0x40000001, 0x40000000 + 59, 0x400001ff, 0x7fffffff, 0x80000000, 0xffffffff,
        0x100000000, 0x100000001, 0xffffffff00000001, 0x8000000000000001, UINT64_MAX, 0x6d6600,
        1000, 4095, 0x10000,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct order order = {.kind = ORDER_SYSCALLS, .number = numbers[i], .last = numbers[i]};
        struct answer answer = {0};
        char outcome[OUTCOME_BYTES], name[64];
        bool answered = victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
        if (answered)
            snprintf(outcome, sizeof outcome, "%llu arrive", (unsigned long long)answer.count);
        snprintf(name, sizeof name, "syscall 0x%llx", (unsigned long long)numbers[i]);
        judge(harness, name, "", outcome, here(harness, "1 arrive|dies protocol", "1 arrive"));
    }
}

/* `syscall` in the gate page, read byte by byte as the guest may. 0: there is none. */
static uint64_t find_gate_syscall(struct harness *harness, unsigned *count)
{
    uint64_t found = 0, before = 0;
    *count = 0;
    for (uint64_t at = MF_GATE_BASE; at < MF_GATE_BASE + MF_GATE_BYTES; at++) {
        struct order order = {.kind = ORDER_TOUCH, .address = at};
        struct answer answer = {0};
        char outcome[OUTCOME_BYTES];
        if (!victim_order_anew(harness, &order, CASE_NS, &answer, outcome) || answer.trapped)
            break;
        if (before == 0x0f && (answer.value == 0x05 || answer.value == 0x34)) {
            found = at - 1;
            (*count)++;
        }
        before = answer.value;
    }
    return found;
}

static void through_gate(struct harness *harness, uint64_t gate, const char *name, uint64_t number,
                         const uint64_t argument[6], const char *expected)
{
    struct order order = {.kind = ORDER_CALL_AT, .number = number, .address = gate};
    struct answer answer = {0};
    char outcome[OUTCOME_BYTES], detail[128] = "";
    memcpy(order.argument, argument, sizeof order.argument);
    bool answered = victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
    if (answered && !answer.trapped)
        snprintf(outcome, sizeof outcome, "%s", (int64_t)answer.value < 0 ? "refused" : "allowed");
    snprintf(detail, sizeof detail, "%s: %llu(0x%llx, 0x%llx, 0x%llx, 0x%llx)", name,
             (unsigned long long)number, (unsigned long long)argument[0],
             (unsigned long long)argument[1], (unsigned long long)argument[2],
             (unsigned long long)argument[3]);
    judge(harness, "through the gate", detail, outcome, expected);
}

static bool served(uint64_t number)
{
    static const unsigned numbers[] = {SYS_futex,  SYS_write,   SYS_rt_sigreturn,  SYS_mprotect,
                                       SYS_madvise, SYS_clock_gettime, SYS_exit_group,
                                       SYS_restart_syscall, SYS_arch_prctl};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (number == numbers[i])
            return true;
    return false;
}

static void every_number(struct harness *harness, uint64_t gate)
{
    group_begin(harness);
    for (size_t set = 0; set < ARGUMENT_SETS; set += 3)
        for (uint64_t number = 0; number <= NUMBER_LAST; number++) {
            if (served(number))
                continue;
            bool passes = number == NUMBER_URETPROBE || number == NUMBER_UPROBE;
            through_gate(harness, gate, "any", number, argument_sets[set],
                         passes ? "dies *|refused|traps *" : "dies protocol");
        }
    group_end(harness, "gate: every number");
}

static const uint64_t low_pages[] = {0, 0x1000, 0x10000, 0x20000, 0x30000, 0xff000};

/* The calls that hypercalls are made of, with arguments that none of them makes. */
static void hostile_arguments(struct harness *harness, uint64_t gate)
{
    const char *dies = "dies protocol";
    static const struct {
        const char *name;
        uint64_t number;
        uint64_t argument[6];
    } cases[] = {
        {"wake", SYS_futex, {BELL, 1, 1}},
        {"wake private", SYS_futex, {BELL, 129, 1}},
        {"wait elsewhere", SYS_futex, {BELL + 4, 9, 0, 0, 0, UINT32_MAX}},
        {"wait below", SYS_futex, {BELL - 4, 9, 0}},
        {"plain wait", SYS_futex, {BELL, 0, 0}},
        {"wait, real time clock", SYS_futex, {BELL, 9 | 256, 0}},
        {"requeue", SYS_futex, {BELL, 3, 1, 1, RAW_SCRATCH}},
        {"compare and requeue", SYS_futex, {BELL, 4, 1, 1, RAW_SCRATCH}},
        {"wake and operate", SYS_futex, {BELL, 5, 1, 1, RAW_SCRATCH}},
        {"lock with inheritance", SYS_futex, {BELL, 6}},
        {"wait on 64-bit alias", SYS_futex, {BELL + (1ull << 32), 9}},
        {"operation with high bits", SYS_futex, {BELL, 9 + (1ull << 32)}},
        {"write to 0", SYS_write, {0, RAW_SCRATCH, 1}},
        {"write to 1", SYS_write, {1, RAW_SCRATCH, 1}},
        {"write to 2", SYS_write, {2, RAW_SCRATCH, 1}},
        {"write to 3", SYS_write, {3, RAW_SCRATCH, 1}},
        {"write to 4", SYS_write, {4, RAW_SCRATCH, 1}},
        {"write to 7", SYS_write, {7, RAW_SCRATCH, 1}},
        {"write to -1", SYS_write, {UINT64_MAX, RAW_SCRATCH, 1}},
        {"write our 1 to the bell", SYS_write, {5, RAW_SCRATCH, 8}},
        {"write to the bell, 7 bytes", SYS_write, {5, 0x20808, 7}},
        {"write to the bell, 16 bytes", SYS_write, {5, 0x20808, 16}},
        {"bell with high bits", SYS_write, {5 + (1ull << 32), 0x20808, 8}},
        {"console, too much", SYS_write, {6, RAW_SCRATCH, MF_CONSOLE_MAX + 1}},
        {"console, 4 GiB and a byte", SYS_write, {6, RAW_SCRATCH, (1ull << 32) + 1}},
        {"console with high bits", SYS_write, {6 + (1ull << 32), RAW_SCRATCH, 1}},
        {"protect to execute", SYS_mprotect, {RAW_SCRATCH, 0x1000, 5}},
        {"protect to execute alone", SYS_mprotect, {RAW_SCRATCH, 0x1000, 4}},
        {"protect all", SYS_mprotect, {RAW_SCRATCH, 0x1000, 7}},
        {"protect to write alone", SYS_mprotect, {RAW_SCRATCH, 0x1000, 2}},
        {"protect, grows down", SYS_mprotect, {RAW_SCRATCH, 0x1000, 3 | 0x01000000}},
        {"protect, high bits", SYS_mprotect, {RAW_SCRATCH, 0x1000, 3 | 1ull << 32}},
        {"protect the gate", SYS_mprotect, {MF_GATE_BASE, 0x1000, 3}},
        {"protect the boot page", SYS_mprotect, {MF_BOOT_BASE, 0x1000, 3}},
        {"protect the gate's data", SYS_mprotect, {MF_GATE_DATA_BASE, 0x1000, 1}},
        {"protect the channel", SYS_mprotect, {CHANNEL, 0x1000, 1}},
        {"protect into the channel", SYS_mprotect, {CHANNEL - 0x1000, 0x2000, 1}},
        {"protect past the window", SYS_mprotect, {WINDOW, 0x1000, 3}},
        {"protect unaligned", SYS_mprotect, {RAW_SCRATCH + 1, 0x1000, 3}},
        {"protect around", SYS_mprotect, {0xfffffffffffff000, 0x2000, 3}},
        {"protect 64-bit alias", SYS_mprotect, {RAW_SCRATCH + (1ull << 32), 0x1000, 3}},
        {"protect length alias", SYS_mprotect, {RAW_SCRATCH, 0x1000 + (1ull << 32), 3}},
        {"protect carry", SYS_mprotect, {0x80000000, 0x80000000, 3}},
        {"advise: free", SYS_madvise, {0x800000, 0x1000, 8}},
        {"advise: remove", SYS_madvise, {0x800000, 0x1000, 9}},
        {"advise: hardware poison", SYS_madvise, {0x800000, 0x1000, 100}},
        {"advise: mergeable", SYS_madvise, {0x800000, 0x1000, 12}},
        {"advise: huge pages", SYS_madvise, {0x800000, 0x1000, 14}},
        {"advise: fork", SYS_madvise, {0x800000, 0x1000, 10}},
        {"advise: collapse", SYS_madvise, {0x800000, 0x1000, 25}},
        {"advise: guard", SYS_madvise, {0x800000, 0x1000, 102}},
        {"discard the gate", SYS_madvise, {MF_GATE_BASE, 0x1000, 4}},
        {"discard the kernel", SYS_madvise, {MF_KERNEL_BASE, 0x1000, 4}},
        {"discard the channel", SYS_madvise, {CHANNEL, 0x1000, 4}},
        {"discard around", SYS_madvise, {0xfffffffffffff000, 0x2000, 4}},
        {"clock: process", SYS_clock_gettime, {2, RAW_SCRATCH}},
        {"clock: boot time", SYS_clock_gettime, {7, RAW_SCRATCH}},
        {"clock: alarm", SYS_clock_gettime, {8, RAW_SCRATCH}},
        {"clock: of another process", SYS_clock_gettime, {0xfffffffe, RAW_SCRATCH}},
        {"clock: of a descriptor", SYS_clock_gettime, {0xffffffffffffffd3, RAW_SCRATCH}},
        {"clock with high bits", SYS_clock_gettime, {1 + (1ull << 32), RAW_SCRATCH}},
        {"base: none of these", SYS_arch_prctl, {0x1000, RAW_SCRATCH}},
        {"base: read FS", SYS_arch_prctl, {0x1003, RAW_SCRATCH}},
        {"base: read GS", SYS_arch_prctl, {0x1004, RAW_SCRATCH}},
        {"base: CPUID", SYS_arch_prctl, {0x1012, 0}},
        {"base: more vector state", SYS_arch_prctl, {0x1023, 18}},
        {"base: a vDSO", SYS_arch_prctl, {0x2003, 0x800000}},
        {"base: masked addresses", SYS_arch_prctl, {0x4002, 6}},
        {"base: shadow stack", SYS_arch_prctl, {0x5001, 1}},
        {"base with high bits", SYS_arch_prctl, {0x1002 + (1ull << 32), 0}},
        {"exit of the thread", SYS_exit, {0}},
        {"x32 write", 0x40000000 + SYS_write, {6, RAW_SCRATCH, 1}},
        {"x32 exec", 0x40000000 + 520, {RAW_SCRATCH}},
        {"number with high bits", SYS_mmap + (1ull << 32), {0, 0x1000, 7, 0x22}},
    };
    group_begin(harness);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        through_gate(harness, gate, cases[i].name, cases[i].number, cases[i].argument, dies);
    for (size_t i = 0; i < sizeof low_pages / sizeof low_pages[0]; i++) {
        const uint64_t protect[6] = {low_pages[i], 0x1000, 3};
        const uint64_t discard[6] = {low_pages[i], 0x1000, 4};
        through_gate(harness, gate, "low", SYS_mprotect, protect, dies);
        through_gate(harness, gate, "low", SYS_madvise, discard, dies);
    }
    group_end(harness, "gate: hostile arguments");
}

/* And these it must serve, or the cases above prove nothing. */
static void good_arguments(struct harness *harness, uint64_t gate)
{
    static const struct {
        const char *name;
        uint64_t number;
        uint64_t argument[6];
        const char *expected;
    } cases[] = {
        {"ring", SYS_write, {5, 0x20808, 8}, "allowed"},
        {"console", SYS_write, {6, RAW_SCRATCH, 1}, "allowed"},
        {"console from nowhere", SYS_write, {6, 0xffff880000000000, 1}, "refused"},
        {"console from past the window", SYS_write, {6, WINDOW, 64}, "refused"},
        {"protect", SYS_mprotect, {RAW_SCRATCH, 0x1000, 3}, "allowed"},
        {"protect, none", SYS_mprotect, {0x800000, 0x1000, 0}, "allowed"},
        {"discard", SYS_madvise, {0x800000, 0x1000, 4}, "allowed"},
        {"clock", SYS_clock_gettime, {1, RAW_SCRATCH}, "allowed"},
        {"clock into the gate", SYS_clock_gettime, {1, MF_GATE_BASE}, "refused"},
        {"clock into the boot page", SYS_clock_gettime, {0, MF_BOOT_BASE}, "refused"},
        {"clock into the kernel's half", SYS_clock_gettime, {0, 0xffff880000000000}, "refused"},
        {"wait for what is past", SYS_futex, {BELL, 9, 0xdead, 0, 0, UINT32_MAX}, "refused"},
        {"wait, timeout from nowhere", SYS_futex, {BELL, 9, 0xdead, 8, 0, UINT32_MAX}, "refused"},
        {"base of FS", SYS_arch_prctl, {0x1002, RAW_SCRATCH}, "allowed"},
        {"base of GS", SYS_arch_prctl, {0x1001, RAW_SCRATCH}, "allowed"},
        {"base in the kernel's half", SYS_arch_prctl, {0x1002, 0xffff880000000000}, "refused"},
        {"restart of nothing", SYS_restart_syscall, {0}, "refused"},
        {"exit", SYS_exit_group, {0}, "dies halted"},
        {"exit, high bits", SYS_exit_group, {0xffffff00}, "dies halted"},
        {"exit like a killed one", SYS_exit_group, {9}, "dies protocol"},
        {"sigreturn of what lies on the stack", SYS_rt_sigreturn, {0}, "dies *|traps *|refused"},
    };
    group_begin(harness);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        through_gate(harness, gate, cases[i].name, cases[i].number, cases[i].argument,
                     cases[i].expected);
    group_end(harness, "gate: what it serves");
}

void test_host_calls(struct harness *harness)
{
    unsigned count;
    if (wanted(harness, "system calls of its own"))
        from_own_text(harness);
    if (wanted(harness, "syscall 0x"))
        odd_numbers(harness);
    if (!wanted(harness, "gate") || harness->sandbox == MF_SANDBOX_KVM) /* no host in a VM */
        return;
    uint64_t gate = find_gate_syscall(harness, &count);
    char outcome[OUTCOME_BYTES];
    snprintf(outcome, sizeof outcome, "%u", count);
    judge(harness, "syscalls in the gate page", "", outcome, "1");
    if (!gate)
        return;
    good_arguments(harness, gate);
    hostile_arguments(harness, gate);
    every_number(harness, gate);
}
