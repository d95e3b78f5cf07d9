/*
 * test_kvm_pagetable.c: the page tables of a KVM guest as its processor would walk them
 * (Intel SDM 3, 4.5), not as pagetable.c reads them back. x86-64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "abi/layout.h"
#include "cpu_layout.h"
#include "monitor/kvm/pagetable.h"

#define PRESENT 1ull
#define WRITE 2ull
#define USER 4ull
#define LARGE 0x80ull
#define LARGE_PAGE (uint64_t)MF_LARGE_PAGE_BYTES
#define NX (1ull << 63)
#define FRAME 0x000ffffffffff000ull
#define PAGE (uint64_t)MF_PAGE_BYTES

static uint8_t *make(void)
{
    uint8_t *cpu = mmap(NULL, CPU_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(cpu, MAP_FAILED);
    pagetable_init(cpu);
    return cpu;
}

static void drop(uint8_t *cpu)
{
    assert_int_equal(munmap(cpu, CPU_BYTES), 0);
}

static uint64_t entry_at(const uint8_t *cpu, uint64_t table, uint64_t index)
{
    uint64_t entry;
    assert_in_range(table, CPU_BASE + CPU_PML4, CPU_BASE + CPU_BYTES - PAGE);
    memcpy(&entry, cpu + (table - CPU_BASE) + index * sizeof entry, sizeof entry);
    return entry;
}

/* The leaf entry that translates address; 0 where there is none. Every level above must
 * let all through: the leaf alone decides. */
static uint64_t walk(const uint8_t *cpu, uint64_t address)
{
    uint64_t table = pagetable_root();
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t entry = entry_at(cpu, table, address >> shift & 511);
        if (!(entry & PRESENT))
            return 0;
        if (shift == 21 && entry & LARGE)
            return (entry & ~LARGE) + (address & (LARGE_PAGE - 1) & ~(PAGE - 1));
        assert_int_equal(entry & (USER | WRITE | NX), USER | WRITE);
        table = entry & FRAME;
    }
    uint64_t leaf = entry_at(cpu, table, address >> 12 & 511);
    return leaf & PRESENT ? leaf : 0;
}

static void expect(const uint8_t *cpu, uint64_t address, uint64_t frame, uint64_t bits)
{
    uint64_t leaf = walk(cpu, address);
    assert_int_equal(leaf & FRAME, frame);
    assert_int_equal(leaf & (PRESENT | WRITE | USER | NX), bits);
}

/* Calls see for every translation that there is. */
static uint32_t every(const uint8_t *cpu, void (*see)(uint64_t address, uint64_t leaf))
{
    uint32_t count = 0;
    for (uint64_t address = 0; address < 1ull << 32; address += PAGE) {
        if (address % (PAGE * 512) == 0) { /* skip what has no table */
            uint64_t directory = entry_at(cpu, entry_at(cpu, pagetable_root(), 0) & FRAME,
                                          address >> 30 & 511);
            if (!(directory & PRESENT) ||
                !(entry_at(cpu, directory & FRAME, address >> 21 & 511) & PRESENT)) {
                address += PAGE * 511;
                continue;
            }
        }
        uint64_t leaf = walk(cpu, address);
        if (leaf) {
            see(address, leaf);
            count++;
        }
    }
    return count;
}

static void never_write_and_execute(uint64_t address, uint64_t leaf)
{
    (void)address;
    assert_true((leaf & WRITE) == 0 || (leaf & NX) != 0);
}

static void never_a_page_table(uint64_t address, uint64_t leaf)
{
    (void)address;
    uint64_t frame = leaf & FRAME;
    assert_true(frame < CPU_BASE + CPU_PML4 || frame >= CPU_BASE + CPU_BYTES);
}

static void ring_3_never_writes_the_monitors(uint64_t address, uint64_t leaf)
{
    if ((leaf & USER) && (leaf & FRAME) >= MF_WINDOW_MAX)
        assert_int_equal(leaf & WRITE, 0);
    if (address >= MF_WINDOW_MAX)
        assert_int_equal(leaf & USER, 0);
}

static void an_empty_window_shows_gate_and_ring_0_only(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    expect(cpu, MF_GATE_BASE, RING0_BASE + RING0_GATE, PRESENT | USER);
    expect(cpu, MF_GATE_DATA_BASE, CPU_BASE + CPU_PAGE, PRESENT | USER | NX);
    for (uint64_t page = RING0_BASE; page < RING0_BASE + RING0_CODE; page += PAGE)
        expect(cpu, page, page, PRESENT | NX);
    expect(cpu, RING0_BASE + RING0_CODE, RING0_BASE + RING0_CODE, PRESENT);
    expect(cpu, CPU_BASE + CPU_PAGE, CPU_BASE + CPU_PAGE, PRESENT | WRITE | NX);
    assert_int_equal(every(cpu, ring_3_never_writes_the_monitors), 8);
    (void)every(cpu, never_write_and_execute);
    (void)every(cpu, never_a_page_table);
    drop(cpu);
}

static void pages_stand_at_their_own_address(void **state)
{
    (void)state;
    static const struct {
        enum page_access access;
        uint64_t bits;
    } cases[] = {{PAGE_READ, PRESENT | USER | NX},
                 {PAGE_READ_WRITE, PRESENT | USER | WRITE | NX},
                 {PAGE_READ_EXECUTE, PRESENT | USER},
                 {PAGE_READ_WRITE_EXECUTE, PRESENT | USER | WRITE},
                 {PAGE_NONE, 0}};
    static const uint64_t at[] = {MF_BOOT_BASE, MF_KERNEL_BASE, MF_PROGRAM_BASE, 0x1ff000,
                                  0x3ffff000,   0x40000000,     MF_WINDOW_MAX - 3 * PAGE};
    uint8_t *cpu = make();
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            (void)pagetable_set(cpu, at[i], at[i] + 2 * PAGE, cases[k].access);
            for (uint64_t page = at[i]; page < at[i] + 2 * PAGE; page += PAGE)
                expect(cpu, page, cases[k].bits ? page : 0, cases[k].bits);
            assert_int_equal(walk(cpu, at[i] + 2 * PAGE), 0);
        }
    drop(cpu);
}

static void the_largest_window_fits(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    const uint64_t channel = MF_WINDOW_MAX - MF_CHANNEL_BYTES;
    (void)pagetable_set(cpu, MF_KERNEL_BASE, channel, PAGE_READ_WRITE);
    expect(cpu, channel - PAGE, channel - PAGE, PRESENT | USER | WRITE | NX);
    assert_int_equal(walk(cpu, channel), 0);
    assert_int_equal(every(cpu, never_a_page_table), 8 + (channel - MF_KERNEL_BASE) / PAGE);
    drop(cpu);
}

static void a_change_of_what_was_there_is_told(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    const uint64_t from = MF_PROGRAM_BASE, to = from + 4 * PAGE;
    assert_false(pagetable_set(cpu, from, to, PAGE_NONE));
    assert_false(pagetable_set(cpu, from, to, PAGE_READ_WRITE));
    assert_false(pagetable_set(cpu, from, to, PAGE_READ_WRITE));
    assert_true(pagetable_set(cpu, to - PAGE, to, PAGE_READ));
    assert_true(pagetable_set(cpu, from, to, PAGE_READ_WRITE));
    assert_true(pagetable_set(cpu, from, to, PAGE_NONE));
    assert_false(pagetable_set(cpu, from, to, PAGE_READ));
    drop(cpu);
}

static void allowed_is_what_every_byte_allows(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    const uint64_t a = MF_PROGRAM_BASE;
    (void)pagetable_set(cpu, a, a + PAGE, PAGE_READ_WRITE);
    (void)pagetable_set(cpu, a + PAGE, a + 2 * PAGE, PAGE_READ);
    assert_true(pagetable_allows(cpu, a, 1, true));
    assert_true(pagetable_allows(cpu, a, PAGE, true));
    assert_false(pagetable_allows(cpu, a, PAGE + 1, true));
    assert_true(pagetable_allows(cpu, a, 2 * PAGE, false));
    assert_false(pagetable_allows(cpu, a, 2 * PAGE + 1, false));
    assert_false(pagetable_allows(cpu, a - 1, 2, false));
    assert_false(pagetable_allows(cpu, a + PAGE, 8, true));
    /* Not where it seems to stand: an alias of monitor memory. */
    assert_false(pagetable_allows(cpu, MF_GATE_BASE, 8, false));
    assert_false(pagetable_allows(cpu, MF_GATE_DATA_BASE, 8, false));
    /* Past the window, and where sums carry. */
    assert_false(pagetable_allows(cpu, MF_WINDOW_MAX, 1, false));
    assert_false(pagetable_allows(cpu, MF_WINDOW_MAX - 8, 16, false));
    assert_false(pagetable_allows(cpu, RING0_BASE, 8, false));
    assert_false(pagetable_allows(cpu, a, UINT64_MAX, false));
    assert_false(pagetable_allows(cpu, UINT64_MAX, 8, false));
    assert_false(pagetable_allows(cpu, UINT64_MAX - 7, UINT64_MAX, false));
    drop(cpu);
}

static void expect_equal(const uint8_t *a, const uint8_t *b)
{
    for (uint64_t page = 0; page < MF_WINDOW_DEFAULT; page += PAGE) {
        assert_int_equal(walk(a, page), walk(b, page));
        assert_int_equal(pagetable_allows(a, page, PAGE, false), pagetable_allows(b, page, PAGE, false));
        assert_int_equal(pagetable_allows(a, page, PAGE, true), pagetable_allows(b, page, PAGE, true));
    }
}

static uint32_t large_entries(const uint8_t *cpu)
{
    uint32_t count = 0;
    for (uint64_t i = 0; i < MF_WINDOW_DEFAULT / LARGE_PAGE; i++)
        count += (entry_at(cpu, CPU_BASE + CPU_PD, i) & LARGE) != 0;
    return count;
}

static void large_pages_say_what_small_ones_would(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    static const struct {
        uint64_t from, to;
        enum page_access access;
    } edits[] = {
        {6 * MIB + PAGE, 6 * MIB + 2 * PAGE, PAGE_READ_WRITE}, /* in the midst of one */
        {7 * MIB, 9 * MIB, PAGE_NONE},                         /* of the same, and of the next */
        {10 * MIB, 12 * MIB, PAGE_READ},                       /* all of one */
    };
    uint8_t *large = make(), *small = make();
    struct pagetable_undo undo = {
        .kept = mmap(NULL, pagetable_undo_bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    uint64_t from, to;
    (void)pagetable_set(large, 14 * MIB, 14 * MIB + PAGE, PAGE_READ_WRITE); /* there already */
    (void)pagetable_set(small, 14 * MIB, 14 * MIB + PAGE, PAGE_READ_WRITE);
    pagetable_set_large(large, 3 * MIB, 15 * MIB, PAGE_READ_EXECUTE);
    pagetable_set_large(large, 16 * MIB, 18 * MIB - PAGE, PAGE_READ);
    (void)pagetable_set(small, 3 * MIB, 15 * MIB, PAGE_READ_EXECUTE);
    (void)pagetable_set(small, 16 * MIB, 18 * MIB - PAGE, PAGE_READ);
    assert_int_equal(large_entries(large), 5); /* from 4 to 14 MiB */
    expect_equal(large, small);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        pagetable_keep(large, &undo, edits[i].from, edits[i].to);
        assert_true(pagetable_set(large, edits[i].from, edits[i].to, edits[i].access));
        assert_true(pagetable_set(small, edits[i].from, edits[i].to, edits[i].access));
        expect_equal(large, small);
        (void)every(large, never_write_and_execute);
    }
    assert_int_equal(large_entries(large), 2);
    while (pagetable_undo_next(large, &undo, &from, &to))
        ;
    (void)pagetable_set(small, 3 * MIB, 15 * MIB, PAGE_READ_EXECUTE);
    expect_equal(large, small);
    assert_int_equal(munmap(undo.kept, pagetable_undo_bytes()), 0);
    drop(large);
    drop(small);
}

/* An event opens 6 to 10 MiB, closes a page of the first two, and opens half of the next. */
static void what_is_opened_large_is_undone(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    struct pagetable_undo undo = {
        .kept = mmap(NULL, pagetable_undo_bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    uint8_t *large = make(), *small = make(), *none = make();
    for (int event = 0; event < 3; event++) {
        uint64_t from, to, told = 0;
        pagetable_keep(large, &undo, 6 * MIB, 11 * MIB);
        assert_false(pagetable_set_large(large, 6 * MIB, 10 * MIB, PAGE_READ_WRITE));
        assert_false(pagetable_set_large(large, 9 * MIB, 11 * MIB, PAGE_READ_WRITE)); /* again, and more */
        assert_int_equal(large_entries(large), 2);
        assert_true(pagetable_set(large, 7 * MIB, 7 * MIB + PAGE, PAGE_NONE));
        assert_int_equal(large_entries(large), 1);
        (void)pagetable_set(small, 6 * MIB, 11 * MIB, PAGE_READ_WRITE);
        (void)pagetable_set(small, 7 * MIB, 7 * MIB + PAGE, PAGE_NONE);
        expect_equal(large, small);
        while (pagetable_undo_next(large, &undo, &from, &to)) {
            assert_true(from % LARGE_PAGE == 0 && from >= 6 * MIB);
            told += to - from;
        }
        assert_int_equal(told, 5 * MIB);
        expect_equal(large, none);
    }
    assert_int_equal(munmap(undo.kept, pagetable_undo_bytes()), 0);
    drop(large);
    drop(small);
    drop(none);
}

/* Tables take memory where something is entered. */
static void what_is_closed_needs_no_table(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    unsigned char touched[CPU_BYTES / MF_PAGE_BYTES];
    assert_false(pagetable_set(cpu, MF_PROGRAM_BASE, MF_WINDOW_MAX, PAGE_NONE));
    assert_int_equal(mincore(cpu, CPU_BYTES, touched), 0);
    for (size_t i = CPU_PT / MF_PAGE_BYTES + MF_PROGRAM_BASE / LARGE_PAGE; i < sizeof touched; i++)
        assert_int_equal(touched[i] & 1, 0);
    drop(cpu);
}

static void a_small_guest_touches_few_pages(void **state)
{
    (void)state;
    uint8_t *cpu = make();
    unsigned char touched[CPU_BYTES / MF_PAGE_BYTES];
    (void)pagetable_set(cpu, MF_KERNEL_BASE, MF_KERNEL_BASE + 20 * PAGE, PAGE_READ_EXECUTE);
    (void)pagetable_set(cpu, MF_PROGRAM_BASE, MF_PROGRAM_BASE + 20 * PAGE, PAGE_READ);
    (void)pagetable_set(cpu, MF_WINDOW_DEFAULT - MF_CHANNEL_BYTES, MF_WINDOW_DEFAULT,
                        PAGE_READ_WRITE);
    assert_int_equal(mincore(cpu, CPU_BYTES, touched), 0);
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof touched; i++)
        count += touched[i] & 1;
    /* Root, second level, two directories, ring 0's table, three tables of the window. */
    assert_int_equal(count, 8);
    drop(cpu);
}

/* Protections as `protect` would change them, and the way back. */
static void an_undo_brings_every_entry_back(void **state)
{
    (void)state;
    enum { MIB = 1 << 20 };
    static const struct {
        uint64_t from, to;
        enum page_access access;
    } edits[] = {
        {MF_KERNEL_BASE, MF_KERNEL_BASE + 0x4000, PAGE_READ_WRITE},  /* text, too */
        {MF_KERNEL_BASE + 0x3000, MF_KERNEL_BASE + 0x9000, PAGE_NONE},
        {5 * MIB, 11 * MIB, PAGE_READ_WRITE},                        /* across tables, new ones */
        {7 * MIB, 7 * MIB + 0x1000, PAGE_READ},
        {MF_WINDOW_MAX - 4 * MIB, MF_WINDOW_MAX, PAGE_READ},
    };
    struct pagetable_undo undo = {
        .kept = mmap(NULL, pagetable_undo_bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)};
    uint8_t *cpu = make();
    uint8_t *first = malloc(CPU_BYTES);
    uint64_t from, to, count = 0;
    (void)pagetable_set(cpu, MF_KERNEL_BASE, MF_KERNEL_BASE + 0x4000, PAGE_READ_EXECUTE);
    (void)pagetable_set(cpu, MF_KERNEL_BASE + 0x4000, MF_KERNEL_BASE + 0x8000, PAGE_READ_WRITE);
    (void)pagetable_set(cpu, MF_WINDOW_MAX - 4 * MIB, MF_WINDOW_MAX - 2 * MIB, PAGE_READ_WRITE);
    /* Directories stay hung in; make those that the edits will make. */
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        for (uint64_t at = edits[i].from; at < edits[i].to; at += PAGE)
            if (!walk(cpu, at))
                (void)pagetable_set(cpu, at, at + PAGE, PAGE_NONE);
    memcpy(first, cpu, CPU_BYTES);
    assert_false(pagetable_undo_next(cpu, &undo, &from, &to));
    for (int round = 0; round < 3; round++) {
        bool text = false, beyond = false;
        for (size_t i = (size_t)round; i < sizeof edits / sizeof *edits; i++) {
            pagetable_keep(cpu, &undo, edits[i].from, edits[i].to);
            (void)pagetable_set(cpu, edits[i].from, edits[i].to, edits[i].access);
        }
        for (count = 0; pagetable_undo_next(cpu, &undo, &from, &to); count++) {
            text = text || (from == MF_KERNEL_BASE && to == MF_KERNEL_BASE + 0x3000);
            beyond = beyond || to > MF_WINDOW_MAX - 2 * MIB;
        }
        assert_memory_equal(first, cpu, CPU_BYTES);
        assert_int_equal(text, round == 0); /* what is present and changed is told */
        assert_true(beyond);
        assert_int_equal(count, (round < 2) + 4 + 2); /* tables */
    }
    free(first);
    assert_int_equal(munmap(undo.kept, pagetable_undo_bytes()), 0);
    drop(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_window_shows_gate_and_ring_0_only),
        cmocka_unit_test(pages_stand_at_their_own_address),
        cmocka_unit_test(the_largest_window_fits),
        cmocka_unit_test(a_change_of_what_was_there_is_told),
        cmocka_unit_test(allowed_is_what_every_byte_allows),
        cmocka_unit_test(large_pages_say_what_small_ones_would),
        cmocka_unit_test(what_is_opened_large_is_undone),
        cmocka_unit_test(what_is_closed_needs_no_table),
        cmocka_unit_test(a_small_guest_touches_few_pages),
        cmocka_unit_test(an_undo_brings_every_entry_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
