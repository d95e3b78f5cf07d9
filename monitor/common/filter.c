/*
 * filter.c: from lines to BPF. Hand-made because libseccomp cannot compare the
 * instruction pointer (docs/adr/0001-own-seccomp-filter.md). Pure, no allocation.
 *
 * BPF sees 32-bit words: every comparison of a 64-bit argument first demands that
 * its high word is what it should be, so no truncation hides a large value.
 */
#include "monitor/common/filter.h"

#include <linux/seccomp.h>
#include <stddef.h>

#include "abi/channel.h"
#include "abi/layout.h"
#include "base/err.h"
#include "syscall_arch.h"

_Static_assert(2 * MF_WINDOW_MAX - MF_KERNEL_BASE <= UINT32_MAX,
               "address + bytes of a range cannot carry out of 32 bits: at most high + (high - low)");
#define OFFSETS_MAX 255u /* a BPF jump's reach */
#define TO_NEXT 0xffu    /* a jump offset still to be filled in: to the next line */

struct writer {
    struct sock_filter *out;
    uint32_t room;
    uint32_t length;
    bool full;
};

/* Where jumps to the lines of other places stand; 0: there is no such place. */
struct branches {
    uint32_t before;
    uint32_t any;
    uint32_t more;
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

/* low <= address, address + bytes <= high; see the top for why the sum is exact. */
static void check_range(struct writer *w, uint32_t argument, uint64_t low,
                        const struct filter_place *place)
{
    const uint64_t high = place->channel_base;
    const uint32_t in_page = MF_PAGE_BYTES - 1;
    demand_high(w, argument + 1, 0);
    unless(w, BPF_JGT, (uint32_t)(high - low));
    unless(w, BPF_JSET, in_page);
    demand_high(w, argument, place->base);
    unless(w, BPF_JGT, (uint32_t)high);
    unless(w, BPF_JSET, in_page);
    demand(w, BPF_JGE, (uint32_t)low);
    put(w, BPF_MISC | BPF_TAX, 0, 0, 0);
    load_low(w, argument + 1);
    put(w, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    unless(w, BPF_JGT, (uint32_t)high);
}

/* Windows end at multiples of a step, their channels so far below that. */
static void check_bell(struct writer *w, uint32_t argument, const struct filter_place *place)
{
    const uint32_t bell = offsetof(struct mf_channel_head, bell);
    const uint32_t step = MF_WINDOW_STEP, lowest = MF_WINDOW_MIN - MF_CHANNEL_BYTES + bell;
    _Static_assert((MF_WINDOW_STEP & (MF_WINDOW_STEP - 1)) == 0 && MF_WINDOW_MIN % MF_WINDOW_STEP == 0,
                   "what is below a step can be masked");
    if (!place->any_window) {
        check_equal(w, argument, place->base + place->channel_base + bell);
        return;
    }
    demand_high(w, argument, place->base);
    demand(w, BPF_JGE, lowest);
    unless(w, BPF_JGT, (uint32_t)place->channel_base + bell);
    put(w, BPF_ALU | BPF_AND | BPF_K, 0, 0, step - 1);
    demand(w, BPF_JEQ, lowest & (step - 1));
}

static void check(struct writer *w, const struct filter_check *c, const struct filter_place *place)
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
    case FILTER_HIGH:
        load(w, offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t) +
                    FILTER_ARCH_HIGH);
        unless(w, BPF_JEQ, 0);
        break;
    case FILTER_BELL:
        check_bell(w, c->argument, place);
        break;
    case FILTER_RANGE:
        check_range(w, c->argument, c->value, place);
        break;
    }
}

static void line(struct writer *w, const struct filter_line *l, const struct filter_place *place)
{
    uint32_t first = w->length;
    load(w, offsetof(struct seccomp_data, nr));
    demand(w, BPF_JEQ, l->number);
    for (uint32_t i = 0; i < FILTER_CHECKS_MAX; i++)
        check(w, &l->checks[i], place);
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

/* A jump to lines that follow later, for calls of this place; its index, to be filled in. 0:
 * there is no such place. */
static uint32_t branch(struct writer *w, uint32_t call_return)
{
    if (!call_return)
        return 0;
    put(w, BPF_JMP | BPF_K | BPF_JEQ, 0, 1, call_return);
    put(w, BPF_JMP | BPF_JA, 0, 0, 0);
    return w->length - 1;
}

/* Whose call is it? Foreign: dies. Not from one of the places: traps. */
static struct branches origin(struct writer *w, const struct filter_place *place)
{
    const uint32_t call_return = place->call_return;
    struct branches branches = {0};
    const size_t ip = offsetof(struct seccomp_data, instruction_pointer);
    const uint32_t jump = BPF_JMP | BPF_K;
    /* Loaded and not used: when a filter is attached, Linux (5.11) tries it with every
     * number of either architecture, for a cache of those that pass whatever else. A
     * trial ends at the first word that it cannot know: this one. Trials of a long filter
     * cost more than all else of attaching it. */
    load(w, ip + FILTER_ARCH_LOW);
    load(w, offsetof(struct seccomp_data, arch));
    put(w, jump | BPF_JEQ, 1, 0, FILTER_ARCH_AUDIT);
    give(w, SECCOMP_RET_KILL_PROCESS);
    load(w, offsetof(struct seccomp_data, nr));
    put(w, jump | BPF_JSET, 0, 1, FILTER_ARCH_FOREIGN);
    give(w, SECCOMP_RET_KILL_PROCESS);
    if (!call_return)
        return branches;
    const uint8_t others = (uint8_t)((place->before_return ? 2 : 0) + (place->any_return ? 2 : 0) +
                                     (place->more_return ? 2 : 0));
    load(w, ip + FILTER_ARCH_HIGH);
    put(w, jump | BPF_JEQ, place->home_end ? 6 : 1, 0, 0);
    if (place->home_end) {
        put(w, jump | BPF_JEQ, 0, 4, (uint32_t)(place->home >> 32));
        load(w, ip + FILTER_ARCH_LOW);
        put(w, jump | BPF_JGE, 0, 2, (uint32_t)place->home);
        put(w, jump | BPF_JGE, 1, 0, (uint32_t)place->home_end);
        give(w, SECCOMP_RET_ALLOW);
    }
    give(w, SECCOMP_RET_TRAP);
    load(w, ip + FILTER_ARCH_LOW);
    put(w, jump | BPF_JEQ, (uint8_t)(others + 1), 0, call_return);
    branches.before = branch(w, place->before_return);
    branches.any = branch(w, place->any_return);
    branches.more = branch(w, place->more_return);
    give(w, SECCOMP_RET_TRAP);
    return branches;
}

static void judge(struct writer *w, const struct filter_line *lines, uint32_t count,
                  const struct filter_place *place)
{
    for (uint32_t i = 0; i < count; i++)
        line(w, &lines[i], place);
    give(w, SECCOMP_RET_KILL_PROCESS);
}

/* The same, where that jump leads to. */
static void judge_branch(struct writer *w, uint32_t jump, const struct filter_line *lines,
                         uint32_t count, const struct filter_place *place)
{
    if (!jump)
        return;
    if (!w->full)
        w->out[jump].k = w->length - jump - 1;
    judge(w, lines, count, place);
}

uint32_t filter_program(const struct filter_place *place, const struct filter_line *lines,
                        uint32_t count, struct sock_filter *out, uint32_t room)
{
    /* The largest window: the trampoline maps its channel, the gate's calls end below it. */
    const struct filter_place largest = {.channel_base = MF_WINDOW_MAX};
    const struct filter_place any = {.base = place->base,
                                     .channel_base = MF_WINDOW_MAX - MF_CHANNEL_BYTES,
                                     .any_window = true};
    mf_assert(count <= FILTER_LINES_MAX && place->before_count <= FILTER_LINES_MAX &&
              place->more_count <= FILTER_LINES_MAX);
    mf_assert(!place->home_end || (place->home >> 32 && place->home >> 32 == place->home_end >> 32));
    mf_assert(place->channel_base <= MF_WINDOW_MAX && (uint32_t)place->base == 0);
    struct writer w = {.out = out, .room = room};
    struct branches branches = origin(&w, place);
    judge(&w, lines, count, place);
    judge_branch(&w, branches.before, place->before, place->before_count, &largest);
    judge_branch(&w, branches.any, lines, count, &any);
    judge_branch(&w, branches.more, place->more, place->more_count, &any);
    return w.full ? 0 : w.length;
}
