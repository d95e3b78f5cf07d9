/*
 * instructions.c: every instruction of raw/snippets.h, selectors, ports, 32-bit code:
 * what ring 3 may do with the processor, seen from a guest that survives its own
 * exceptions.
 */
#include <stdio.h>
#include <string.h>

#include "abi/hypercall.h"
#include "harness.h"
#include "tests/unit/machine.h"
#include "raw/snippets.h"

struct expectation {
    enum snippet snippet;
    const char *process, *kvm; /* NULL: the default, a protection or invalid exception */
};

static const char *const names[] = {
#define NAME(name, text) #name,
    SNIPPETS(NAME)
};

#define REFUSED "traps 13|traps 6"

static const struct expectation expectations[] = {
    {SNIPPET_nop, "answers", "answers"},
    {SNIPPET_int3, "traps 3", "traps 3"},
    {SNIPPET_int1, "traps 1|traps 3|traps 13", "traps 1|traps 3|traps 13"},
    {SNIPPET_rdtsc, "answers", "answers"},
    {SNIPPET_cpuid, "answers", "answers"},
    {SNIPPET_rdpmc, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_int80, "dies protocol", "traps 13|traps 6"},
    {SNIPPET_sysenter, "dies protocol|traps 14|" REFUSED, REFUSED},
    {SNIPPET_sysenter_framed, "dies protocol|" REFUSED, REFUSED},
    {SNIPPET_cli, "traps 13", "traps 13|answers"},
    {SNIPPET_sti, "traps 13", "traps 13|answers"},
    /* where our host is a guest itself, its hypervisor is asked, and says no in its way */
    {SNIPPET_vmcall, "answers|traps 14|" REFUSED, "answers|traps 14|" REFUSED},
    {SNIPPET_vmmcall, "answers|traps 14|" REFUSED, "answers|traps 14|" REFUSED},
    {SNIPPET_xgetbv, "answers", "answers"},
    {SNIPPET_wrfsbase, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_wrgsbase, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_iopl, "answers", "answers"},
    {SNIPPET_nested_task, "answers|traps 13", "answers|traps 13"},
    {SNIPPET_alignment, "answers|traps 17", "answers|traps 17"},
    {SNIPPET_trap_flag, "traps 1", "traps 1|dies timeout"},
    {SNIPPET_direction, "answers", "answers"},
    {SNIPPET_divide, "traps 0", "traps 0"},
    {SNIPPET_into_vsyscall, "answers|traps 14|traps 13", "traps 14|traps 13"},
    {SNIPPET_rdrand, "answers", "answers"},
    {SNIPPET_pause_long, "answers", "answers"},
    {SNIPPET_syscall_tf, "answers|traps 1", "answers|traps 1|dies timeout"},
    /* with keys the guest locks itself out of its own memory: the next exception cannot arrive */
    {SNIPPET_protection_keys, "answers|traps 6|traps 14", "answers|traps 6|traps 14"},
    {SNIPPET_protection_keys_all, "traps 6|traps 14|dies triple-fault", "traps 6|traps 14|dies triple-fault"},
    {SNIPPET_split_lock, "answers|traps 17|traps 14", "answers|traps 17|traps 14"},
    {SNIPPET_umwait, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_tpause, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_transaction, "answers|" REFUSED, "answers|" REFUSED},
    {SNIPPET_shadow_stack, "answers", "answers"},
    {SNIPPET_lret_gate, "answers|traps *", "answers|traps *"},
};

static const char *expected_of(const struct harness *harness, unsigned snippet)
{
    if (snippet == SNIPPET_int80 && harness->sandbox == MF_SANDBOX_PROCESS && !machine_has_int80())
        return REFUSED;
    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
        if (expectations[i].snippet == snippet)
            return here(harness, expectations[i].process, expectations[i].kvm);
    return REFUSED;
}

static void every_snippet(struct harness *harness)
{
    static const uint64_t arguments[][4] = {
        {0, 0, 0, RAW_SCRATCH},
        {0xffff880000000000, 0xc0000080, 0, 0xffff880000000000},
        {0x8000000000000000, 0x1b, 0xffffffff, 0},
        {0x10, 0x10, 0x10, MF_GATE_BASE},
    };
    for (unsigned snippet = 0; snippet < SNIPPET_COUNT; snippet++) {
        char name[64];
        if (snippet >= SNIPPET_out8 && snippet <= SNIPPET_rep_in32)
            continue; /* ports() */
        snprintf(name, sizeof name, "instruction %s", names[snippet]);
        if (!wanted(harness, name))
            continue;
        for (size_t set = 0; set < sizeof arguments / sizeof arguments[0]; set++) {
            struct order order = {.kind = ORDER_SNIPPET, .number = snippet};
            struct answer answer = {0};
            char outcome[OUTCOME_BYTES], detail[16];
            memcpy(order.argument, arguments[set], sizeof arguments[set]);
            order.argument[5] = arguments[set][0]; /* rax */
            const char *expected = expected_of(harness, snippet);
            (void)victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
            bool bits = snippet == SNIPPET_iopl && (answer.value & 0x3000) != 0;
            if (bits && harness->sandbox == MF_SANDBOX_PROCESS)
                snprintf(outcome, sizeof outcome, "answers with IOPL %u",
                         (unsigned)(answer.value >> 12 & 3));
            snprintf(detail, sizeof detail, "set %zu", set);
            judge(harness, name, set ? detail : "", outcome, expected);
        }
    }
}

/* Each register with each selector of both tables; then far returns to them. Only
 * null selectors and those of ring 3's own segments may load: Linux has 64-bit and
 * 32-bit code, data, and one whose limit tells the processor's number; times RPL. */
#define SELECTORS_MAX (5u * 4u)

static void every_selector(struct harness *harness)
{
    static const char *const registers[] = {"es", "ds", "ss", "fs", "gs", "cs"};
    for (unsigned which = 0; which < 6; which++) {
        uint64_t loaded = 0;
        char outcome[OUTCOME_BYTES] = "", name[32];
        snprintf(name, sizeof name, "selectors into %s", registers[which]);
        if (!wanted(harness, name))
            continue;
        for (unsigned first = 0; first < 0x1000 && outcome[0] != 'd'; first += 0x400) {
            struct order order = {.kind = ORDER_SELECTORS, .number = first, .last = first + 0x3ff,
                                  .argument = {which}};
            struct answer answer = {0};
            (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
            loaded += answer.count;
        }
        if (outcome[0] == 'a')
            snprintf(outcome, sizeof outcome, "%s", loaded <= SELECTORS_MAX ? "few load" : "many load");
        judge(harness, name, "", outcome, "few load");
        if (loaded > SELECTORS_MAX)
            printf("  %llu selectors loaded\n", (unsigned long long)loaded);
    }
}

/* Ports, widths and directions; a guest's own hypercalls are ports under KVM: `out` of
 * 32 bits, and nothing else. */
static void ports(struct harness *harness)
{
    static const uint16_t numbers[] = {
        0, 0x20, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x80, 0x92, 0xa1, 0x1f0, 0x3f8, 0x4ff, 0x500,
        0x501, 0x502, 0x503, 0x507, 0x508, 0x509, 0x50f, 0x580, 0x600, 0xcf8, 0xcf9, 0xcfc, 0x5658, 0xffff,
    };
    group_begin(harness);
    for (unsigned snippet = SNIPPET_out8; snippet <= SNIPPET_rep_in32; snippet++)
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            struct order order = {.kind = ORDER_SNIPPET, .number = snippet,
                                  .argument = {RAW_SCRATCH, RAW_SCRATCH, numbers[i], 0x400, 0,
                                               0xfffffff0}};
            struct answer answer = {0};
            char outcome[OUTCOME_BYTES], detail[64];
            bool call = numbers[i] >= MF_HC_PORT && numbers[i] < MF_HC_PORT + MF_HYPERCALL_COUNT;
            bool rings = snippet == SNIPPET_out32 && numbers[i] == MF_HC_PORT + MF_HC_ring;
            bool ring_port = numbers[i] == MF_HC_PORT + MF_HC_ring;
            (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
            snprintf(detail, sizeof detail, "%s port 0x%x", names[snippet], numbers[i]);
            judge(harness, "ports", detail, outcome,
                  here(harness, "traps 13",
                       rings       ? "answers|dies protocol"
                       : ring_port ? "answers|dies protocol|dies protection"
                       : call      ? "dies protocol|dies protection"
                                   : "dies protection|dies protocol|traps 13"));
        }
    group_end(harness, "ports");
}

/* Out of 32-bit code, which Linux gives every process a selector for, none of the three
 * ways into the host's kernel may open. */
static void compatibility(struct harness *harness)
{
    static const char *const ways[] = {"32-bit int 0x80", "32-bit sysenter", "32-bit syscall"};
    for (unsigned way = 0; way < 3; way++) {
        struct order order = {.kind = ORDER_COMPAT, .number = way, .argument = {0x23}};
        struct answer answer = {0};
        char outcome[OUTCOME_BYTES];
        if (!wanted(harness, ways[way]))
            continue;
        (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
        judge(harness, ways[way], "", outcome,
              here(harness, "dies protocol|traps 6|traps 13|traps 14", "traps 13|traps 6"));
    }
}

/* The gate's data belong to the guest in all but name. Whatever it writes there, its next
 * exception ends it or arrives, and nothing hangs. */
static void gate_data(struct harness *harness)
{
    static const uint64_t values[] = {0, 1, 8, RAW_SCRATCH, RAW_SCRATCH + 1, MF_GATE_BASE,
                                      MF_GATE_BASE + 0x800, MF_GATE_DATA_BASE, MF_KERNEL_BASE,
                                      0x7fffffff, 0xfffff000, 0xffff880000000000,
                                      0x8000000000000000, UINT64_MAX};
    group_begin(harness);
    for (uint64_t at = 0; at < 0x80; at += 8)
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            struct order order = {.kind = ORDER_POKE, .address = MF_GATE_DATA_BASE + at,
                                  .number = values[i], .last = 0};
            struct answer answer = {0};
            char outcome[OUTCOME_BYTES], detail[64];
            victim_close(harness);
            const char *expected = /* it may have sent itself round in circles */
                here(harness, "traps *|dies protocol|dies triple-fault|dies kernel-bug|dies timeout",
                     "traps 14");
            (void)victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
            snprintf(detail, sizeof detail, "word 0x%llx = 0x%llx", (unsigned long long)at,
                     (unsigned long long)values[i]);
            judge(harness, "gate's data", detail, outcome, expected);
            if (harness->sandbox == MF_SANDBOX_KVM)
                break; /* not writable there */
        }
    victim_close(harness);
    group_end(harness, "gate's data");
}

void test_instructions(struct harness *harness)
{
    every_snippet(harness);
    every_selector(harness);
    compatibility(harness);
    if (wanted(harness, "gate's data"))
        gate_data(harness);
    if (wanted(harness, "ports"))
        ports(harness);
}
