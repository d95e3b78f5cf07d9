/*
 * hypercalls.c: nonsense in every hypercall, generated from abi/hypercall.h: each field
 * at every value that could matter, address and length together, and the struct itself
 * at every place where it does not belong. What must come of it is judged here from
 * the rules in that header.
 */
#include <stdio.h>
#include <string.h>

#include "abi/cause.h"
#include "abi/hypercall.h"
#include "base/clock.h"
#include "harness.h"

#define WINDOW (16ull << 20) /* the test images' manifest */
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define SCRATCH 0x800000ull /* in the program's range, no segment there */
#define GUEST_IMAGE_END (RAW_SCRATCH + RAW_SCRATCH_BYTES)
#define AT_OWN RAW_SCRATCH

enum direction { DIRECTION_in, DIRECTION_out };

struct field {
    const char *name;
    enum direction direction;
    unsigned bytes;
};

struct call {
    const char *name;
    const struct field *field;
    unsigned count;
    unsigned struct_bytes;
};

#define FIELD(direction, type, name, meaning) {#name, DIRECTION_##direction, sizeof(type)},
#define FIELDS(nr, name, purpose) static const struct field fields_##name[] = {MF_HC_##name##_FIELDS(FIELD)};
MF_HYPERCALLS(FIELDS)
#define CALL(nr, name, purpose) \
    [nr] = {#name, fields_##name, sizeof fields_##name / sizeof(struct field), sizeof(struct mf_hc_##name)},
static const struct call calls[] = {MF_HYPERCALLS(CALL)};

static const uint64_t values[] = {
    0, 1, 2, 3, 4, 7, 8, 15, 0xfff, 0x1000, 0x1001, 0x2000, MF_CONSOLE_MAX - 1, MF_CONSOLE_MAX + 1,
    MF_CAUSE_COUNT - 1, MF_CAUSE_COUNT, 127, 128, 255, 256, 0xffff, MF_BOOT_BASE, MF_GATE_BASE,
    MF_GATE_DATA_BASE, MF_KERNEL_BASE - 1, MF_KERNEL_BASE - 0x1000, MF_KERNEL_BASE,
    MF_KERNEL_LIMIT - 0x1000, MF_PROGRAM_BASE - 0x1000, MF_PROGRAM_BASE - 1, MF_PROGRAM_BASE,
    SCRATCH, SCRATCH + 1, SCRATCH + 8, CHANNEL - 0x1000, CHANNEL - 1, CHANNEL, CHANNEL + 1,
    CHANNEL + 0x1000, WINDOW - 0x1000, WINDOW - 1, WINDOW, WINDOW + 0x1000, 0x7fffffff, 0x80000000,
    0xfffff000, 0xffffffff, 0x100000000, 0x100000000 + SCRATCH, 0x7fffffffffffffff,
    0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff, 0xffff880000000000, 0x7ffffffff000,
};
#define VALUES (sizeof values / sizeof values[0])

/* Where a struct has no business, and some where it has. */
static const uint64_t places[] = {
    0, 1, 8, 0xfff8, MF_BOOT_BASE, MF_BOOT_BASE + 8, MF_BOOT_BASE + 0x1ff8, MF_GATE_BASE,
    MF_GATE_BASE + 0x800, MF_GATE_BASE + 0x1000 - 8, MF_GATE_BASE + 0x1000, MF_GATE_DATA_BASE - 8,
    MF_KERNEL_BASE - 8, MF_KERNEL_BASE, AT_OWN, AT_OWN + 1, AT_OWN + 4, MF_KERNEL_LIMIT - 8,
    MF_PROGRAM_BASE, SCRATCH, CHANNEL - 8, CHANNEL - 4, CHANNEL + 0x3000, WINDOW - 8, WINDOW - 4,
    WINDOW - 1, WINDOW, WINDOW + 8, 0x7ffffff8, 0x80000000, 0xfffffff8, 0x100000000,
    0x100000000 + AT_OWN, 0x8000000000000000 + AT_OWN, 0xffff880000000000, 0xfffffffffffffff8,
};

static unsigned offset_of(const struct call *call, unsigned field)
{
    unsigned at = 0;
    for (unsigned i = 0; i <= field; i++) {
        unsigned bytes = call->field[i].bytes;
        at = (at + bytes - 1) / bytes * bytes;
        if (i < field)
            at += bytes;
    }
    return at;
}

static void set(struct order *order, const struct call *call, unsigned field, uint64_t value)
{
    memcpy(order->bytes + offset_of(call, field), &value, call->field[field].bytes);
}

/* A call that keeps the rules. Fields marked `out` hold garbage before. */
static struct order good(unsigned number)
{
    struct order order = {.kind = ORDER_HYPERCALL, .number = number, .address = AT_OWN};
    memset(order.bytes, 0xff, sizeof order.bytes);
    const struct call *call = &calls[number];
    for (unsigned i = 0; i < call->count; i++)
        if (call->field[i].direction == DIRECTION_in)
            set(&order, call, i, 0);
    switch (number) {
    case MF_HC_wait:
        set(&order, call, 0, 1);
        break;
    case MF_HC_protect:
        set(&order, call, 0, SCRATCH);
        set(&order, call, 1, MF_PAGE_BYTES);
        set(&order, call, 2, MF_PROT_READ | MF_PROT_WRITE);
        break;
    case MF_HC_discard:
        set(&order, call, 0, SCRATCH);
        set(&order, call, 1, MF_PAGE_BYTES);
        break;
    case MF_HC_console:
        set(&order, call, 0, AT_OWN);
        set(&order, call, 1, 1);
        break;
    case MF_HC_fault:
        set(&order, call, 0, MF_CAUSE_PAGE_FAULT);
        break;
    default:
        break;
    }
    return order;
}

static bool pages_ok(uint64_t address, uint64_t bytes, uint64_t low)
{
    return address % MF_PAGE_BYTES == 0 && bytes % MF_PAGE_BYTES == 0 && bytes != 0 &&
           address >= low && address <= CHANNEL && bytes <= CHANNEL - address;
}

/* error, as abi/hypercall.h words it, of a call whose struct is where it should be. */
static int32_t expected_error(const struct order *order, bool jit, bool *either)
{
    *either = false;
    if (order->number == MF_HC_protect) {
        struct mf_hc_protect in;
        memcpy(&in, order->bytes, sizeof in);
        *either = in.address < GUEST_IMAGE_END; /* it has shot itself */
        const bool plain = in.prot == MF_PROT_NONE || in.prot == MF_PROT_READ ||
                           in.prot == (MF_PROT_READ | MF_PROT_WRITE);
        const bool executes = in.prot == (MF_PROT_READ | MF_PROT_EXECUTE) ||
                              in.prot == (MF_PROT_READ | MF_PROT_WRITE | MF_PROT_EXECUTE);
        return (plain && pages_ok(in.address, in.bytes, MF_KERNEL_BASE)) ||
                       (executes && jit && pages_ok(in.address, in.bytes, MF_PROGRAM_BASE))
                   ? 0
                   : -22;
    }
    if (order->number == MF_HC_discard) {
        struct mf_hc_discard in;
        memcpy(&in, order->bytes, sizeof in);
        return pages_ok(in.address, in.bytes, MF_PROGRAM_BASE) ? 0 : -22;
    }
    if (order->number == MF_HC_segment) {
        struct mf_hc_segment in;
        memcpy(&in, order->bytes, sizeof in);
        return in.base < MF_SEGMENT_END && in.which <= MF_SEGMENT_GS ? 0 : -22;
    }
    struct mf_hc_console in;
    memcpy(&in, order->bytes, sizeof in);
    bool fits = in.bytes <= MF_CONSOLE_MAX && in.address <= CHANNEL && in.bytes <= CHANNEL - in.address;
    *either = fits; /* what is not readable is -EFAULT, a full pipe -EAGAIN */
    return fits ? 0 : -22;
}

static const char *cause_words(uint32_t cause)
{
    switch (cause) {
#define WORDS(nr, NAME, name, meaning) \
    case nr:                           \
        return "dies " name;
        MF_CAUSES(WORDS)
    default:
        return "dies protocol";
    }
}

static const char *expected_outcome(const struct harness *harness, const struct order *order)
{
    uint32_t first, second;
    memcpy(&first, order->bytes, sizeof first);
    memcpy(&second, order->bytes + 4, sizeof second);
    switch (order->number) {
    case MF_HC_halt:
        return first ? "dies protocol" : "dies halted";
    case MF_HC_ring: /* under KVM an ioeventfd may serve it, which looks at nothing */
        return first ? here(harness, "dies protocol", "answers|dies protocol") : "answers";
    case MF_HC_fault:
        return second ? "dies protocol" : cause_words(first);
    case MF_HC_wait: {
        uint32_t idle_reserved[2];
        memcpy(idle_reserved, order->bytes + offsetof(struct mf_hc_wait, idle), sizeof idle_reserved);
        return idle_reserved[0] > 1 || idle_reserved[1] ? "dies protocol" : "answers|dies timeout";
    }
    default:
        return "answers";
    }
}

static int32_t error_of(const struct call *call, const struct answer *answer)
{
    int32_t error = 0;
    for (unsigned i = 0; i < call->count; i++)
        if (strcmp(call->field[i].name, "error") == 0)
            memcpy(&error, answer->bytes + offset_of(call, i), sizeof error);
    return error;
}

/* Calls that answer by `error`: the right one, or outcome says which instead. */
static void try_error(struct harness *harness, const struct order *order, const char *detail)
{
    struct answer answer = {0};
    char outcome[OUTCOME_BYTES];
    const struct call *call = &calls[order->number];
    bool either, suicide = order->number == MF_HC_protect;
    int32_t want = expected_error(order, harness->jit, &either);
    suicide = suicide && either;
    if (victim_order_anew(harness, order, suicide ? HANG_NS : CASE_NS, &answer, outcome)) {
        int32_t error = error_of(call, &answer);
        if (error == want || (either && (error == -14 || error == -11)))
            snprintf(outcome, sizeof outcome, "answers");
        else
            snprintf(outcome, sizeof outcome, "error %d instead of %d", error, want);
    }
    judge(harness, call->name, detail, outcome, suicide ? "answers|dies *" : "answers");
    if (order->number == MF_HC_protect && want == 0) /* the next shall find nothing changed */
        victim_close(harness);
}

static void try(struct harness *harness, const struct order *order, const char *detail)
{
    struct answer answer = {0};
    char outcome[OUTCOME_BYTES];
    if (order->number == MF_HC_protect || order->number == MF_HC_discard ||
        order->number == MF_HC_console || order->number == MF_HC_segment) {
        try_error(harness, order, detail);
        return;
    }
    const char *expected = expected_outcome(harness, order);
    (void)victim_order_anew(harness, order, limit_of(expected), &answer, outcome);
    judge(harness, calls[order->number].name, detail, outcome, expected);
}

static void every_field(struct harness *harness, unsigned number)
{
    const struct call *call = &calls[number];
    for (unsigned i = 0; i < call->count; i++) {
        if (call->field[i].direction != DIRECTION_in)
            continue;
        for (size_t v = 0; v < VALUES; v++) {
            if (call->field[i].bytes == 4 && values[v] > UINT32_MAX)
                continue;
            struct order order = good(number);
            char detail[64];
            set(&order, call, i, values[v]);
            snprintf(detail, sizeof detail, "%s=0x%llx", call->field[i].name,
                     (unsigned long long)values[v]);
            try(harness, &order, detail);
        }
    }
}

/* Address and length that only together reach too far. */
static void ranges(struct harness *harness, unsigned number)
{
    static const uint64_t address[] = {0, MF_KERNEL_LIMIT, MF_PROGRAM_BASE, CHANNEL - 0x1000, CHANNEL,
                                       WINDOW, 0x7ffff000, 0xfffff000, 0xfffffffffffff000};
    static const uint64_t bytes[] = {1, 0x1000, 0x2000, CHANNEL, WINDOW, 0x7ffff000, 0x80000000,
                                     0xfffff000, 0x100000000, 0xfffffffffffff000};
    const struct call *call = &calls[number];
    for (size_t a = 0; a < sizeof address / sizeof address[0]; a++)
        for (size_t b = 0; b < sizeof bytes / sizeof bytes[0]; b++) {
            struct order order = good(number);
            char detail[64];
            set(&order, call, 0, address[a]);
            set(&order, call, 1, bytes[b]);
            snprintf(detail, sizeof detail, "address=0x%llx bytes=0x%llx",
                     (unsigned long long)address[a], (unsigned long long)bytes[b]);
            try(harness, &order, detail);
        }
}

static bool has_out(const struct call *call)
{
    for (unsigned i = 0; i < call->count; i++)
        if (call->field[i].direction == DIRECTION_out)
            return true;
    return false;
}

static const char *expected_at(const struct harness *harness, unsigned number, uint64_t place)
{
    const struct call *call = &calls[number];
    bool inside = place <= WINDOW - call->struct_bytes && place % 8 == 0;
    if (number == MF_HC_ring && harness->sandbox == MF_SANDBOX_KVM)
        return "answers|traps *|dies protocol"; /* the ioeventfd again */
    if (place == AT_OWN)
        return expected_outcome(harness, &(struct order){.number = number,
                                                        .bytes = {number == MF_HC_fault}});
    if (!inside)
        return "dies protocol";
    if (place >= CHANNEL) /* shared memory is as good as any: what it holds decides */
        return number == MF_HC_wait ? "answers|dies protocol|dies timeout" : "answers|dies *";
    if (number == MF_HC_wait) /* what stands there may be a deadline far away */
        return "dies protocol|dies timeout";
    if (has_out(call)) /* nothing of ours there that may be written */
        return "dies protocol";
    return "answers|dies protocol|dies halted";
}

static void every_place(struct harness *harness, unsigned number)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct order order = good(number);
        struct answer answer;
        char outcome[OUTCOME_BYTES], detail[64];
        order.address = places[i];
        victim_close(harness);
        const char *expected = expected_at(harness, number, places[i]);
        victim_order_anew(harness, &order, limit_of(expected), &answer, outcome);
        snprintf(detail, sizeof detail, "struct at 0x%llx", (unsigned long long)places[i]);
        judge(harness, calls[number].name, detail, outcome, expected);
    }
    victim_close(harness);
}

/* To execute: with jit, and nowhere but in the program's part of the window. */
static void executions(struct harness *harness)
{
    static const uint64_t address[] = {0, MF_GATE_BASE, MF_GATE_DATA_BASE, MF_KERNEL_BASE,
                                       MF_KERNEL_LIMIT - 0x1000, MF_PROGRAM_BASE - 0x2000,
                                       MF_PROGRAM_BASE, SCRATCH, CHANNEL - 0x2000, CHANNEL - 0x1000,
                                       CHANNEL, WINDOW};
    const struct call *call = &calls[MF_HC_protect];
    for (size_t a = 0; a < sizeof address / sizeof address[0]; a++)
        for (uint32_t prot = MF_PROT_EXECUTE; prot < 4 * MF_PROT_EXECUTE; prot++) {
            struct order order = good(MF_HC_protect);
            char detail[64];
            set(&order, call, 0, address[a]);
            set(&order, call, 1, 2ull * MF_PAGE_BYTES);
            set(&order, call, 2, prot);
            snprintf(detail, sizeof detail, "jit=%d address=0x%llx prot=%u", harness->jit,
                     (unsigned long long)address[a], prot);
            try(harness, &order, detail);
        }
}

static void with_and_without_jit(struct harness *harness)
{
    static const char name[] = "hypercall protect, to execute";
    if (!wanted(harness, name))
        return;
    group_begin(harness);
    for (int jit = 0; jit < 2; jit++) {
        victim_close(harness);
        harness->jit = jit;
        executions(harness);
    }
    every_field(harness, MF_HC_protect);
    victim_close(harness);
    harness->jit = false;
    group_end(harness, name);
}

void test_hypercalls(struct harness *harness)
{
    for (unsigned number = 0; number < MF_HYPERCALL_COUNT; number++) {
        char name[32];
        snprintf(name, sizeof name, "hypercall %s", calls[number].name);
        if (!wanted(harness, name))
            continue;
        group_begin(harness);
        every_field(harness, number);
        if (number == MF_HC_protect || number == MF_HC_discard || number == MF_HC_console)
            ranges(harness, number);
        every_place(harness, number);
        group_end(harness, name);
    }
    with_and_without_jit(harness);
}
