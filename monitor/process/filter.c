/*
 * filter.c: from lines to BPF. Hand-made because libseccomp cannot compare the
 * instruction pointer (docs/adr/0001-own-seccomp-filter.md). Pure, no allocation.
 *
 * BPF sees 32-bit words: every comparison of a 64-bit argument first demands that
 * its high word is what it should be, so no truncation hides a large value.
 */
#include "monitor/process/filter.h"

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi/channel.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "base/err.h"
#include "filter_arch.h"
#include "monitor/monitor.h"

/* The calls of a warm event come first. */
const struct filter_line filter_lines[] = {
    {"futex", SYS_futex, "address = the channel's bell, operation = FUTEX_WAIT_BITSET",
     "`wait`: sleep until the node rings. It can only wait, and only on that word; waiting "
     "touches nobody else.",
     {{FILTER_BELL, 0, 0}, {FILTER_EQUAL, 1, FUTEX_WAIT_BITSET}}},
    {"write", SYS_write, "descriptor = the bell, buffer = the gate's constant 1, 8 bytes",
     "`ring`: wake the node. It adds 1 to an eventfd; the node reads it and looks at the ring.",
     {{FILTER_EQUAL, 0, MONITOR_FD_BELL},
      {FILTER_EQUAL, 1, FILTER_ARCH_RING_VALUE},
      {FILTER_EQUAL, 2, sizeof(uint64_t)}}},
    {"rt_sigreturn", SYS_rt_sigreturn, "none",
     "the end of every trap: the handlers turn a signal into a jump to the guest's kernel. A "
     "forged frame sets registers and signal mask of the forger; Linux keeps it in ring 3.",
     {{FILTER_NOTHING, 0, 0}}},
    {"mprotect", SYS_mprotect,
     "pages in [kernel base, channel); none, read, or read and write; never execute",
     "`protect`: guard pages, heap growth, W^X. What is not executable can never become so.",
     {{FILTER_RANGE, 0, MF_KERNEL_BASE},
      {FILTER_ONE_OF, 2, 1u << PROT_NONE | 1u << PROT_READ | 1u << (PROT_READ | PROT_WRITE)}}},
    {"madvise", SYS_madvise, "pages in [program base, channel); advice = MADV_DONTNEED",
     "`discard`: give memory back. It affects private pages of this process only.",
     {{FILTER_RANGE, 0, MF_PROGRAM_BASE}, {FILTER_EQUAL, 2, MADV_DONTNEED}}},
    {"clock_gettime", SYS_clock_gettime, "clock = CLOCK_MONOTONIC or CLOCK_REALTIME",
     "`clock`: the time of day. The guest has the processor's time stamp counter anyway.",
     {{FILTER_ONE_OF, 0, 1u << CLOCK_MONOTONIC | 1u << CLOCK_REALTIME}}},
    {"write", SYS_write, "descriptor = the console, at most MF_CONSOLE_MAX bytes",
     "`console`: lines for the function's log before the channel is up, and a crash's last "
     "words. A pipe that does not block; the node reads it at its own pace.",
     {{FILTER_EQUAL, 0, MONITOR_FD_CONSOLE}, {FILTER_AT_MOST, 2, MF_CONSOLE_MAX}}},
    {"exit_group", SYS_exit_group, "any status",
     "`halt`, `fault`, and the gate's own end on nonsense: the node reads the status as "
     "something that a guest says.",
     {{FILTER_NOTHING, 0, 0}}},
};
const uint32_t filter_line_count = sizeof filter_lines / sizeof *filter_lines;
_Static_assert(sizeof filter_lines / sizeof *filter_lines <= FILTER_LINES_MAX, "twelve at most");

#define WINDOW_ADDRESSES_MAX 0x7fffffffu
_Static_assert(MF_WINDOW_MAX - MF_CHANNEL_BYTES <= WINDOW_ADDRESSES_MAX,
               "address + bytes of a range cannot carry out of 32 bits");
#define OFFSETS_MAX 255u /* a BPF jump's reach */
#define TO_NEXT 0xffu    /* a jump offset still to be filled in: to the next line */

struct writer {
    struct sock_filter *out;
    uint32_t room;
    uint32_t length;
    bool full;
};

static void put(struct writer *w, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    if (w->length == w->room) {
        w->full = true;
        return;
    }
    w->out[w->length++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct writer *w, size_t offset)
{
    put(w, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void give(struct writer *w, uint32_t verdict)
{
    put(w, BPF_RET | BPF_K, 0, 0, verdict);
}

/* Go on only if the comparison holds (or, for unless, does not); else the next line. */
static void demand(struct writer *w, uint16_t comparison, uint32_t k)
{
    put(w, (uint16_t)(BPF_JMP | comparison | BPF_K), 0, TO_NEXT, k);
}

static void unless(struct writer *w, uint16_t comparison, uint32_t k)
{
    put(w, (uint16_t)(BPF_JMP | comparison | BPF_K), TO_NEXT, 0, k);
}

static void load_low(struct writer *w, uint32_t argument)
{
    load(w, offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) + FILTER_ARCH_LOW);
}

/* The high word of argument must be this; the low one is loaded. */
static void demand_high(struct writer *w, uint32_t argument, uint64_t value)
{
    load(w, offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t) + FILTER_ARCH_HIGH);
    demand(w, BPF_JEQ, (uint32_t)(value >> 32));
    load_low(w, argument);
}

static void check_equal(struct writer *w, uint32_t argument, uint64_t value)
{
    demand_high(w, argument, value);
    demand(w, BPF_JEQ, (uint32_t)value);
}

static void check_one_of(struct writer *w, uint32_t argument, uint64_t set)
{
    demand_high(w, argument, 0);
    unless(w, BPF_JGT, 31);
    for (uint32_t value = 0; value < 32; value++)
        if (!(set >> value & 1) && set >> value != 0)
            unless(w, BPF_JEQ, value); /* a gap below the set's largest member */
    unless(w, BPF_JGT, 31u - (uint32_t)__builtin_clz((uint32_t)set));
}

/* low <= address, address + bytes <= high; both are below 2^31, so the sum is exact. */
static void check_range(struct writer *w, uint32_t argument, uint64_t low, uint64_t high)
{
    const uint32_t in_page = MF_PAGE_BYTES - 1;
    demand_high(w, argument + 1, 0);
    unless(w, BPF_JGT, (uint32_t)(high - low));
    unless(w, BPF_JSET, in_page);
    demand_high(w, argument, 0);
    unless(w, BPF_JGT, (uint32_t)high);
    unless(w, BPF_JSET, in_page);
    demand(w, BPF_JGE, (uint32_t)low);
    put(w, BPF_MISC | BPF_TAX, 0, 0, 0);
    load_low(w, argument + 1);
    put(w, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    unless(w, BPF_JGT, (uint32_t)high);
}

static void check(struct writer *w, const struct filter_check *c, uint64_t channel_base)
{
    switch (c->kind) {
    case FILTER_NOTHING:
        break;
    case FILTER_EQUAL:
        check_equal(w, c->argument, c->value);
        break;
    case FILTER_AT_MOST:
        demand_high(w, c->argument, 0);
        unless(w, BPF_JGT, (uint32_t)c->value);
        break;
    case FILTER_ONE_OF:
        check_one_of(w, c->argument, c->value);
        break;
    case FILTER_BELL:
        check_equal(w, c->argument, channel_base + offsetof(struct mf_channel_head, bell));
        break;
    case FILTER_RANGE:
        check_range(w, c->argument, c->value, channel_base);
        break;
    }
}

static void line(struct writer *w, const struct filter_line *l, uint64_t channel_base)
{
    uint32_t first = w->length;
    load(w, offsetof(struct seccomp_data, nr));
    demand(w, BPF_JEQ, l->number);
    for (uint32_t i = 0; i < FILTER_CHECKS_MAX; i++)
        check(w, &l->checks[i], channel_base);
    give(w, SECCOMP_RET_ALLOW);
    mf_assert(w->length - first < OFFSETS_MAX);
    for (uint32_t at = first; at < w->length; at++) {
        struct sock_filter *f = &w->out[at];
        if (BPF_CLASS(f->code) != BPF_JMP)
            continue;
        if (f->jt == TO_NEXT)
            f->jt = (uint8_t)(w->length - at - 1);
        if (f->jf == TO_NEXT)
            f->jf = (uint8_t)(w->length - at - 1);
    }
}

/* Whose call is it? Foreign: dies. Not the gate's: traps. */
static void origin(struct writer *w)
{
    const size_t ip = offsetof(struct seccomp_data, instruction_pointer);
    const uint32_t jump = BPF_JMP | BPF_K;
    load(w, offsetof(struct seccomp_data, arch));
    put(w, jump | BPF_JEQ, 1, 0, FILTER_ARCH_AUDIT);
    give(w, SECCOMP_RET_KILL_PROCESS);
    load(w, offsetof(struct seccomp_data, nr));
    put(w, jump | BPF_JSET, 0, 1, FILTER_ARCH_FOREIGN);
    give(w, SECCOMP_RET_KILL_PROCESS);
    load(w, ip + FILTER_ARCH_HIGH);
    put(w, jump | BPF_JEQ, 0, 2, 0);
    load(w, ip + FILTER_ARCH_LOW);
    put(w, jump | BPF_JEQ, 1, 0, FILTER_ARCH_CALL_RETURN);
    give(w, SECCOMP_RET_TRAP);
}

uint32_t filter_compile(const struct filter_line *lines, uint32_t count, uint64_t channel_base,
                        struct sock_filter *out, uint32_t room)
{
    mf_assert(count <= FILTER_LINES_MAX && channel_base <= WINDOW_ADDRESSES_MAX);
    struct writer w = {.out = out, .room = room};
    origin(&w);
    for (uint32_t i = 0; i < count; i++)
        line(&w, &lines[i], channel_base);
    give(&w, SECCOMP_RET_KILL_PROCESS);
    return w.full ? 0 : w.length;
}
