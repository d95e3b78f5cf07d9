/*
 * test_kvm_hypercall.c: hypercalls of a hostile guest: where their structs stand, each
 * field at and past its limits, and what the acts do to window and page tables. No VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/cause.h"
#include "abi/channel.h"
#include "base/clock.h"
#include "monitor/kvm/hypercall.h"
#include "monitor/kvm/pagetable.h"

#define PAGE (uint64_t)MF_PAGE_BYTES
#define WINDOW MF_WINDOW_MIN
#define CHANNEL (WINDOW - MF_CHANNEL_BYTES)
#define DATA 0x200000u /* two pages, read and write */
#define TEXT 0x203000u /* one page, read and execute */
#define RODATA 0x204000u

static struct memory memory;
/* What of the window is a file's. */
static const struct image image = {
    .segment = {{.address = MF_PROGRAM_BASE, .memory_bytes = 2 * PAGE, .file_bytes = 2 * PAGE}},
    .segment_count = 1,
};
static int console[2];

static int setup(void **state)
{
    (void)state;
    struct mf_why why;
    int channel = memfd_create("channel", MFD_CLOEXEC);
    if (channel < 0 || ftruncate(channel, MF_CHANNEL_BYTES) ||
        memory_open(&memory, MF_WINDOW_DEFAULT, channel, &why) || pipe(console) || fcntl(console[0], F_SETFL, O_NONBLOCK))
        return -1;
    memory.window_bytes = WINDOW;
    memory.channel_base = CHANNEL;
    memory.content.image = &image;
    (void)pagetable_set(memory.cpu, DATA, DATA + 2 * PAGE, PAGE_READ_WRITE);
    (void)pagetable_set(memory.cpu, TEXT, TEXT + PAGE, PAGE_READ_EXECUTE);
    (void)pagetable_set(memory.cpu, RODATA, RODATA + PAGE, PAGE_READ);
    (void)pagetable_set(memory.cpu, CHANNEL, WINDOW, PAGE_READ_WRITE);
    return 0;
}

/* What the guest left at address: a call's struct. */
static void leave(uint64_t address, const void *data, size_t bytes)
{
    memcpy(memory.window + address, data, bytes);
}

static bool decodes_at(uint32_t number, uint32_t address)
{
    struct hypercall call;
    return hypercall_decode(&memory, number, address, &call);
}

static void a_struct_must_be_the_guests_own_memory(void **state)
{
    (void)state;
    static const struct {
        uint32_t address;
        bool reads, writes; /* what a call may do there */
    } cases[] = {
        {DATA, true, true},
        {DATA + 8, true, true},
        {DATA + (uint32_t)PAGE - 8, true, true}, /* across two good pages */
        {DATA + 2 * (uint32_t)PAGE - 8, true, false},  /* out of the last: the longer ones */
        {TEXT, true, false},
        {RODATA, true, false},
        {DATA + 1, false, false},
        {DATA + 4, false, false},
        {0, false, false},
        {8, false, false},
        {MF_BOOT_BASE, true, false},
        {MF_GATE_BASE, false, false},
        {MF_GATE_DATA_BASE, false, false},
        {DATA - 8, false, false},
        {DATA + 2 * (uint32_t)PAGE, false, false},
        {WINDOW - 24, true, true}, /* in the channel */
        {WINDOW - 8, true, false},
        {WINDOW, false, false},
        {WINDOW + 8, false, false},
        {MF_WINDOW_MAX - 8, false, false},
        {(uint32_t)MF_WINDOW_MAX, false, false},
        {0xc0010000, false, false},
        {UINT32_MAX - 7, false, false},
        {UINT32_MAX, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (decodes_at(MF_HC_halt, cases[i].address) != cases[i].reads)
            fail_msg("halt at 0x%x", cases[i].address);
        if (decodes_at(MF_HC_clock, cases[i].address) != cases[i].writes)
            fail_msg("clock at 0x%x", cases[i].address);
    }
}

static void the_number_must_be_one_of_the_list(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < MF_HYPERCALL_COUNT; number++)
        assert_true(decodes_at(number, DATA));
    assert_false(decodes_at(MF_HYPERCALL_COUNT, DATA));
    assert_false(decodes_at(UINT32_MAX, DATA));
    assert_false(decodes_at(0u - MF_HC_PORT, DATA)); /* port 0 */
}

static void reserved_words_are_zero(void **state)
{
    (void)state;
    static const uint32_t words[] = {1, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        leave(DATA, &(struct mf_hc_halt){words[i]}, sizeof(struct mf_hc_halt));
        assert_false(decodes_at(MF_HC_halt, DATA));
        assert_false(decodes_at(MF_HC_ring, DATA));
        leave(DATA, &(struct mf_hc_fault){1, words[i]}, sizeof(struct mf_hc_fault));
        assert_false(decodes_at(MF_HC_fault, DATA));
    }
    memset(memory.window + DATA, 0, PAGE);
}

static const struct range_case {
    uint64_t address, bytes;
    bool protect, discard; /* accepted? */
} ranges[] = {
    {MF_PROGRAM_BASE, PAGE, true, true},
    {MF_KERNEL_BASE, PAGE, true, false},
    {MF_KERNEL_BASE, CHANNEL - MF_KERNEL_BASE, true, false},
    {MF_PROGRAM_BASE, CHANNEL - MF_PROGRAM_BASE, true, true},
    {CHANNEL - PAGE, PAGE, true, true},
    {CHANNEL - PAGE, 2 * PAGE, false, false},
    {CHANNEL, PAGE, false, false},
    {CHANNEL, 0, false, false},
    {MF_PROGRAM_BASE, 0, false, false},
    {MF_PROGRAM_BASE, 1, false, false},
    {MF_PROGRAM_BASE + 1, PAGE, false, false},
    {MF_PROGRAM_BASE + PAGE - 1, PAGE, false, false},
    {MF_PROGRAM_BASE, PAGE + 1, false, false},
    {MF_PROGRAM_BASE, CHANNEL - MF_PROGRAM_BASE + PAGE, false, false},
    {MF_KERNEL_BASE - PAGE, PAGE, false, false},
    {MF_GATE_BASE, PAGE, false, false},
    {0, PAGE, false, false},
    {0, CHANNEL, false, false},
    {MF_PROGRAM_BASE, 0 - PAGE, false, false},
    {MF_PROGRAM_BASE, 0 - (uint64_t)MF_PROGRAM_BASE, false, false},
    {0 - PAGE, PAGE, false, false},
    {0 - PAGE, 2 * PAGE, false, false},
    {1ull << 32 | MF_PROGRAM_BASE, PAGE, false, false},
    {MF_PROGRAM_BASE, 1ull << 32 | PAGE, false, false},
    {WINDOW, PAGE, false, false},
    {MF_WINDOW_MAX, PAGE, false, false},
};

static void ranges_end_before_the_channel(void **state)
{
    (void)state;
    struct hypercall call;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const struct range_case *c = &ranges[i];
        leave(DATA, &(struct mf_hc_protect){c->address, c->bytes, MF_PROT_READ, 0},
              sizeof(struct mf_hc_protect));
        assert_true(hypercall_decode(&memory, MF_HC_protect, DATA, &call));
        if (call.refused == c->protect)
            fail_msg("protect 0x%llx + 0x%llx", (unsigned long long)c->address,
                     (unsigned long long)c->bytes);
        leave(DATA, &(struct mf_hc_discard){c->address, c->bytes, 0, 0},
              sizeof(struct mf_hc_discard));
        assert_true(hypercall_decode(&memory, MF_HC_discard, DATA, &call));
        if (call.refused == c->discard)
            fail_msg("discard 0x%llx + 0x%llx", (unsigned long long)c->address,
                     (unsigned long long)c->bytes);
    }
}

static void nothing_may_become_executable(void **state)
{
    (void)state;
    struct hypercall call;
    for (uint64_t prot = 0; prot < 64; prot++) {
        leave(DATA, &(struct mf_hc_protect){MF_PROGRAM_BASE, PAGE, (uint32_t)prot, 0},
              sizeof(struct mf_hc_protect));
        assert_true(hypercall_decode(&memory, MF_HC_protect, DATA, &call));
        assert_int_equal(call.refused, prot != 0 && prot != 1 && prot != 3);
    }
}

static bool refuses_to_execute(uint64_t address, uint64_t bytes, uint32_t prot)
{
    struct hypercall call;
    leave(DATA, &(struct mf_hc_protect){address, bytes, prot, 0}, sizeof(struct mf_hc_protect));
    assert_true(hypercall_decode(&memory, MF_HC_protect, DATA, &call));
    return call.refused;
}

static void with_jit_the_programs_memory_may(void **state)
{
    (void)state;
    memory.jit = true;
    for (uint32_t prot = 0; prot < 64; prot++) {
        const bool known = prot == 0 || prot == 1 || prot == 3 || prot == 5 || prot == 7;
        assert_int_equal(refuses_to_execute(MF_PROGRAM_BASE, PAGE, prot), !known);
        assert_int_equal(refuses_to_execute(MF_PROGRAM_BASE - PAGE, PAGE, prot), !known || prot > 3);
    }
    assert_false(refuses_to_execute(MF_PROGRAM_BASE, CHANNEL - MF_PROGRAM_BASE, 7));
    assert_true(refuses_to_execute(MF_PROGRAM_BASE - PAGE, 2 * PAGE, 5));
    assert_true(refuses_to_execute(CHANNEL, PAGE, 5));
    assert_true(refuses_to_execute(CHANNEL - PAGE, 2 * PAGE, 5));
    assert_true(refuses_to_execute(MF_GATE_BASE, PAGE, 7));
    assert_true(refuses_to_execute(MF_BOOT_BASE, PAGE, 5));
    memory.jit = false;
    assert_true(refuses_to_execute(MF_PROGRAM_BASE, PAGE, 5));
}

static void a_line_is_short_and_below_the_channel(void **state)
{
    (void)state;
    static const struct {
        uint64_t address;
        uint32_t bytes;
        bool good;
    } cases[] = {
        {DATA, 0, true},
        {DATA, MF_CONSOLE_MAX, true},
        {0, 1, true},
        {CHANNEL - 1, 1, true},
        {CHANNEL, 0, true},
        {DATA, MF_CONSOLE_MAX + 1, false},
        {DATA, UINT32_MAX, false},
        {CHANNEL - 1, 2, false},
        {CHANNEL, 1, false},
        {UINT64_MAX, 1, false},
        {UINT64_MAX - 4094, MF_CONSOLE_MAX, false},
        {1ull << 32 | DATA, 1, false},
    };
    struct hypercall call;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        leave(DATA, &(struct mf_hc_console){cases[i].address, cases[i].bytes, 0},
              sizeof(struct mf_hc_console));
        assert_true(hypercall_decode(&memory, MF_HC_console, DATA, &call));
        assert_int_equal(call.refused, !cases[i].good);
    }
}

static void a_base_is_an_address_of_a_user(void **state)
{
    (void)state;
    static const struct {
        uint64_t base;
        uint32_t which;
        bool good;
    } cases[] = {
        {0, MF_SEGMENT_FS, true},
        {DATA + 1, MF_SEGMENT_GS, true},
        {MF_SEGMENT_END - 1, MF_SEGMENT_FS, true},
        {MF_SEGMENT_END, MF_SEGMENT_FS, false},
        {1ull << 47, MF_SEGMENT_GS, false},
        {1ull << 63, MF_SEGMENT_FS, false},
        {UINT64_MAX, MF_SEGMENT_GS, false},
        {0, MF_SEGMENT_GS + 1, false},
        {0, UINT32_MAX, false},
    };
    struct hypercall call;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        leave(DATA, &(struct mf_hc_segment){cases[i].base, cases[i].which, 0},
              sizeof(struct mf_hc_segment));
        assert_true(hypercall_decode(&memory, MF_HC_segment, DATA, &call));
        assert_int_equal(call.refused, !cases[i].good);
    }
}

static const struct hypercall_host host = {.memory = &memory, .console = -1};

static void act(uint32_t number, uint32_t address, const void *in, size_t bytes)
{
    struct hypercall call;
    const struct hypercall_host real = {.memory = &memory, .console = console[1]};
    leave(address, in, bytes);
    assert_true(hypercall_decode(&memory, number, address, &call));
    /* What the guest does now is too late. */
    memset(memory.window + address, 0xff, bytes);
    hypercall_act(&real, &call);
    hypercall_answer(&memory, &call);
}

static int32_t protect(uint64_t address, uint64_t bytes, uint32_t prot)
{
    struct mf_hc_protect p = {address, bytes, prot, 77};
    act(MF_HC_protect, DATA, &p, sizeof p);
    memcpy(&p, memory.window + DATA, sizeof p);
    return p.error;
}

static int32_t discard(uint64_t address, uint64_t bytes)
{
    struct mf_hc_discard d = {address, bytes, 77, 77};
    act(MF_HC_discard, DATA, &d, sizeof d);
    memcpy(&d, memory.window + DATA, sizeof d);
    assert_int_equal(d.reserved, 0);
    return d.error;
}

static void protect_edits_the_page_tables(void **state)
{
    (void)state;
    const uint64_t at = MF_PROGRAM_BASE + 8 * PAGE;
    assert_int_equal(protect(at, PAGE, MF_PROT_READ | MF_PROT_WRITE), 0);
    assert_true(pagetable_allows(memory.cpu, at, PAGE, true));
    assert_false(pagetable_allows(memory.cpu, at + PAGE, 1, false));
    memory.window[at] = 7;
    assert_int_equal(protect(at, PAGE, MF_PROT_READ), 0);
    assert_true(pagetable_allows(memory.cpu, at, PAGE, false));
    assert_false(pagetable_allows(memory.cpu, at, 1, true));
    assert_int_equal(protect(at, PAGE, MF_PROT_NONE), 0);
    assert_false(pagetable_allows(memory.cpu, at, 1, false));
    assert_int_equal(memory.window[at], 7); /* contents stay, and the monitor reads them */
    assert_int_equal(protect(MF_GATE_BASE, PAGE, MF_PROT_READ | MF_PROT_WRITE), -EINVAL);
    assert_int_equal(protect(at, PAGE, 7), -EINVAL);
    assert_false(pagetable_allows(memory.cpu, at, 1, false));
}

static void discarded_pages_read_as_zero(void **state)
{
    (void)state;
    /* The image's file covers the first two pages of the program. */
    int file = memfd_create("image", 0);
    static const uint8_t text[2 * MF_PAGE_BYTES] = {[0] = 1, [MF_PAGE_BYTES] = 2};
    assert_int_equal(write(file, text, sizeof text), sizeof text);
    uint8_t *program = memory.window + MF_PROGRAM_BASE;
    assert_ptr_equal(mmap(program, sizeof text, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                          file, 0),
                     program);
    assert_int_equal(program[PAGE], 2);
    program[2 * PAGE] = 3;
    program[3 * PAGE] = 4;
    assert_int_equal(discard(MF_PROGRAM_BASE + PAGE, 2 * PAGE), 0);
    assert_int_equal(program[0], 1);
    assert_int_equal(program[PAGE], 0);
    assert_int_equal(program[2 * PAGE], 0);
    assert_int_equal(program[3 * PAGE], 4);
    assert_int_equal(discard(MF_PROGRAM_BASE, 4 * PAGE), 0);
    assert_int_equal(program[0], 0);
    assert_int_equal(program[3 * PAGE], 0);
    program[5 * PAGE] = 5;
    assert_int_equal(discard(MF_KERNEL_BASE, 0x400000), -EINVAL);
    assert_int_equal(program[5 * PAGE], 5);
    assert_int_equal(close(file), 0);
}

static void console_lines_reach_the_pipe(void **state)
{
    (void)state;
    char got[8] = {0};
    struct mf_hc_console c = {DATA + 64, 5, 77};
    leave(DATA + 64, "hello", 5);
    act(MF_HC_console, DATA, &c, sizeof c);
    memcpy(&c, memory.window + DATA, sizeof c);
    assert_int_equal(c.error, 0);
    assert_int_equal(read(console[0], got, sizeof got), 5);
    assert_string_equal(got, "hello");
    c = (struct mf_hc_console){CHANNEL, 1, 77};
    act(MF_HC_console, DATA, &c, sizeof c);
    memcpy(&c, memory.window + DATA, sizeof c);
    assert_int_equal(c.error, -EINVAL);
    assert_int_equal(read(console[0], got, sizeof got), -1);
}

static void clocks_are_the_hosts(void **state)
{
    (void)state;
    const uint64_t before = mf_monotonic_ns();
    struct mf_hc_clock c = {0};
    act(MF_HC_clock, DATA, &c, sizeof c);
    memcpy(&c, memory.window + DATA, sizeof c);
    assert_in_range(c.monotonic_ns, before, mf_monotonic_ns());
    assert_true(c.realtime_ns > 0);
}

static uint32_t wait_for(uint64_t deadline_ns, uint32_t seen)
{
    struct mf_hc_wait w = {.deadline_ns = deadline_ns, .seen = seen, .now = 77};
    act(MF_HC_wait, DATA, &w, sizeof w);
    memcpy(&w, memory.window + DATA, sizeof w);
    return w.now;
}

static void wait_ends_by_bell_or_deadline(void **state)
{
    (void)state;
    uint32_t *bell = (uint32_t *)(void *)(memory.window + CHANNEL +
                                          offsetof(struct mf_channel_head, bell));
    *bell = 5;
    assert_int_equal(wait_for(0, 4), 5); /* rang already */
    const uint64_t deadline = mf_monotonic_ns() + 2 * MF_NS_PER_MS;
    assert_int_equal(wait_for(deadline, 5), 5);
    assert_true(mf_monotonic_ns() >= deadline);
    assert_int_equal(wait_for(1, 5), 5);          /* long past */
    assert_int_equal(wait_for(UINT64_MAX, 4), 5); /* past every clock, yet rang */
    *bell = 0;
}

static int status_of(uint32_t number, const void *in, size_t bytes)
{
    struct hypercall call;
    int status = 0;
    leave(DATA, in, bytes);
    assert_true(hypercall_decode(&memory, number, DATA, &call));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        hypercall_act(&host, &call);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void ends_have_their_status(void **state)
{
    (void)state;
    assert_int_equal(status_of(MF_HC_halt, &(struct mf_hc_halt){0}, sizeof(struct mf_hc_halt)), 0);
    static const uint32_t causes[] = {MF_CAUSE_NONE, MF_CAUSE_COUNT, UINT32_MAX, 0x80000001u};
    for (uint32_t cause = 1; cause < MF_CAUSE_COUNT; cause++)
        assert_int_equal(
            status_of(MF_HC_fault, &(struct mf_hc_fault){cause, 0}, sizeof(struct mf_hc_fault)),
            MF_CAUSE_STATUS + (int)cause);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        assert_int_equal(
            status_of(MF_HC_fault, &(struct mf_hc_fault){causes[i], 0}, sizeof(struct mf_hc_fault)),
            MF_CAUSE_STATUS + MF_CAUSE_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_must_be_the_guests_own_memory),
        cmocka_unit_test(the_number_must_be_one_of_the_list),
        cmocka_unit_test(reserved_words_are_zero),
        cmocka_unit_test(ranges_end_before_the_channel),
        cmocka_unit_test(nothing_may_become_executable),
        cmocka_unit_test(with_jit_the_programs_memory_may),
        cmocka_unit_test(a_line_is_short_and_below_the_channel),
        cmocka_unit_test(a_base_is_an_address_of_a_user),
        cmocka_unit_test(protect_edits_the_page_tables),
        cmocka_unit_test(discarded_pages_read_as_zero),
        cmocka_unit_test(console_lines_reach_the_pipe),
        cmocka_unit_test(clocks_are_the_hosts),
        cmocka_unit_test(wait_ends_by_bell_or_deadline),
        cmocka_unit_test(ends_have_their_status),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
