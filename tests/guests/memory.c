/*
 * memory.c: what of the address space a guest can read, write and execute, page by
 * page below the window's end and in strides above it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/layout.h"
#include "harness.h"

#define WINDOW (16ull << 20)
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)

enum { READ, WRITE, JUMP };

static void range(struct harness *harness, const char *name, unsigned how, uint64_t from, uint64_t to,
                  uint64_t step, const char *process, const char *kvm)
{
    struct order order = {.kind = ORDER_TOUCH_ALL, .number = how, .address = from, .last = to - 1,
                          .step = step};
    struct answer answer = {0};
    char outcome[OUTCOME_BYTES];
    if (!wanted(harness, name))
        return;
    bool answered = victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    if (answered)
        snprintf(outcome, sizeof outcome, answer.count ? "%" PRIu64 " there, the first at 0x%" PRIx64
                                                       : "nothing there",
                 answer.count, answer.value);
    judge(harness, name, "", outcome, here(harness, process, kvm));
}

static void execute(struct harness *harness, const char *name, uint64_t address, const char *expected)
{
    struct order order = {.kind = ORDER_EXECUTE, .address = address};
    struct answer answer = {0};
    char outcome[OUTCOME_BYTES];
    if (!wanted(harness, name))
        return;
    (void)victim_order_anew(harness, &order, CASE_NS, &answer, outcome);
    judge(harness, name, "", outcome, expected);
}

/* The monitor's scratch, which the guest can read: none of its words may be an address of
 * the host's, which are the same for all blanks of a spawner. */
static void no_host_address(struct harness *harness, uint64_t from, uint64_t to)
{
    char outcome[OUTCOME_BYTES] = "none";
    if (!wanted(harness, "memory: host addresses"))
        return;
    for (uint64_t at = from, word = 0; at < to; at++) {
        const struct order order = {.kind = ORDER_TOUCH, .number = READ, .address = at};
        struct answer answer = {0};
        if (!victim_order_anew(harness, &order, CASE_NS, &answer, outcome))
            break;
        snprintf(outcome, sizeof outcome, "none");
        word = word >> 8 | answer.value << 56;
        if (at % 8 == 7 && word >= MF_WINDOW_MAX && word < 0x800000000000) {
            snprintf(outcome, sizeof outcome, "0x%" PRIx64 " at 0x%" PRIx64, word, at - 7);
            break;
        }
    }
    judge(harness, "memory: host addresses", "in the gate's data", outcome, "none");
}

void test_memory(struct harness *harness)
{
    const char *nothing = "nothing there";
    no_host_address(harness, MF_GATE_DATA_BASE, MF_GATE_DATA_BASE + 0x80);
    range(harness, "memory below the boot page", READ, 0, MF_BOOT_BASE, 0x1000, nothing, nothing);
    range(harness, "memory: boot page, read", READ, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES, 0x1000,
          "* there*|16 there*|1 there*", "16 there*|1 there*");
    range(harness, "memory: boot page, write", WRITE, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES,
          0x1000, nothing, nothing);
    range(harness, "memory: boot page, execute", JUMP, MF_BOOT_BASE, MF_BOOT_BASE + MF_BOOT_BYTES,
          0x1000, nothing, nothing);
    range(harness, "memory: gate, write", WRITE, MF_GATE_BASE, MF_GATE_DATA_BASE, 64, nothing, nothing);
    range(harness, "memory behind the gate", READ, MF_GATE_BASE + 0x1000, MF_GATE_DATA_BASE, 0x1000,
          nothing, nothing);
    range(harness, "memory: gate's data, execute", JUMP, MF_GATE_DATA_BASE + 0x2000,
          MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES, 0x1000, nothing, nothing);
    range(harness, "memory below the kernel", READ, MF_GATE_DATA_BASE + MF_GATE_DATA_BYTES,
          MF_KERNEL_BASE, 0x1000, nothing, nothing);
    range(harness, "memory: kernel's text, write", WRITE, MF_KERNEL_BASE, MF_KERNEL_BASE + 0x2000, 256,
          nothing, nothing);
    range(harness, "memory behind the kernel", READ, 0x200000, MF_PROGRAM_BASE, 0x1000, nothing, nothing);
    range(harness, "memory behind the program", READ, 0x500000, CHANNEL, 0x1000, nothing, nothing);
    range(harness, "memory: channel, execute", JUMP, CHANNEL + 0x3000, WINDOW, 0x1000, nothing, nothing);
    range(harness, "memory behind the window", READ, WINDOW, WINDOW + (64 << 20), 0x1000, nothing, nothing);
    range(harness, "memory up to 2 GiB", READ, WINDOW, 0x80000000, 0x100000, nothing, nothing);
    range(harness, "memory up to 128 TiB", READ, 0x80000000, 0x800000000000, 1ull << 32, nothing, nothing);
    range(harness, "memory where PIE lies", READ, 0x555555000000, 0x555559000000, 0x1000, nothing, nothing);
    range(harness, "memory where stacks lie", READ, 0x7ffff8000000, 0x7ffffffff000, 0x1000, nothing, nothing);
    range(harness, "memory past user space", READ, 0x7ffffffff000, 0x800000001000, 0x1000, nothing, nothing);
    range(harness, "memory: kernel's half", READ, 0xffff800000000000, 0xfffffffffff00000, 1ull << 38,
          nothing, nothing);
    range(harness, "memory: kernel's text", READ, 0xffffffff80000000, 0xffffffffc0000000, 0x200000,
          nothing, nothing);
    range(harness, "memory: vsyscall", READ, 0xffffffffff600000, 0xffffffffff601000, 0x100,
          "nothing there|16 there*", nothing);
    execute(harness, "execute own data", RAW_SCRATCH, "traps 14");
    execute(harness, "execute the channel", CHANNEL + MF_CHANNEL_TO_NODE_DATA, "traps 14");
    execute(harness, "execute own text, written", MF_KERNEL_BASE, "traps 14");
    execute(harness, "execute the gate's data", MF_GATE_DATA_BASE + 0x8000, "traps 14");
}
