/* test_kernel_regions.c: the list of regions against a map of every page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/core/assert.h"
#include "kernel/core/regions.h"

#define PAGES 300u
#define ROUNDS 20000u
#define NOBODY 0xff

/* The model: one entry a page. */
static uint8_t owner[PAGES], allows[PAGES], wiped[PAGES];
static struct regions regions;

void kernel_assert_failed(const char *fact, const char *file, int line)
{
    fail_msg("%s at %s:%d", fact, file, line);
    abort();
}

static int empty(void **state)
{
    (void)state;
    memset(&regions, 0, sizeof regions);
    memset(owner, NOBODY, sizeof owner);
    memset(allows, 0, sizeof allows);
    memset(wiped, 0, sizeof wiped);
    return 0;
}

static void model_set(uint32_t start, uint32_t end, uint8_t kind, uint8_t prot)
{
    memset(owner + start, kind, end - start);
    memset(allows + start, prot, end - start);
    memset(wiped + start, 0, end - start);
}

static void add(uint32_t start, uint32_t end, enum region_kind kind, uint8_t prot)
{
    struct region region = {.start = start, .end = end, .prot = prot, .kind = (uint8_t)kind};
    regions_add(&regions, region);
    model_set(start, end, (uint8_t)kind, prot);
}

/* Same pages, sorted, nothing empty, like neighbours joined. */
static void agrees(void)
{
    uint8_t seen_owner[PAGES], seen_allows[PAGES], seen_wiped[PAGES] = {0};
    memset(seen_owner, NOBODY, sizeof seen_owner);
    memset(seen_allows, 0, sizeof seen_allows);
    for (uint32_t i = 0; i < regions.count; i++) {
        const struct region *r = &regions.region[i];
        assert_true(r->start < r->end && r->end <= PAGES);
        if (i > 0) {
            assert_true(r[-1].end <= r->start);
            assert_false(r[-1].end == r->start && r[-1].kind == r->kind &&
                         r[-1].prot == r->prot && r[-1].wipe == r->wipe);
        }
        memset(seen_owner + r->start, r->kind, r->end - r->start);
        memset(seen_allows + r->start, r->prot, r->end - r->start);
        memset(seen_wiped + r->start, r->wipe, r->end - r->start);
    }
    assert_memory_equal(seen_owner, owner, PAGES);
    for (uint32_t i = 0; i < PAGES; i++)
        if (owner[i] != NOBODY) {
            assert_int_equal(seen_allows[i], allows[i]);
            assert_int_equal(seen_wiped[i], wiped[i]);
        }
}

static bool model_free(uint32_t start, uint32_t end)
{
    for (uint32_t i = start; i < end; i++)
        if (owner[i] != NOBODY && owner[i] != REGION_SPARE)
            return false;
    return true;
}

static bool model_owned(uint32_t start, uint32_t end)
{
    for (uint32_t i = start; i < end; i++)
        if (owner[i] == NOBODY || owner[i] == REGION_SPARE)
            return false;
    return true;
}

static uint32_t model_place(uint32_t low, uint32_t high, uint32_t pages, uint32_t align)
{
    for (uint32_t start = high - pages; pages <= high - low && start >= low; start--)
        if (start % align == 0 && model_free(start, start + pages))
            return start;
    return 0;
}

static void any_sequence_keeps_list_and_map_the_same(void **state)
{
    (void)state;
    srand(7);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t start = 1 + (uint32_t)rand() % (PAGES - 1);
        uint32_t end = start + 1 + (uint32_t)rand() % (PAGES - start);
        if (rand() % 3)
            end = start + 1 + (end - start) % 9;
        if (end > PAGES)
            end = PAGES;
        uint8_t prot = (uint8_t)(rand() % 4);
        assert_int_equal(regions_free(&regions, start, end), model_free(start, end));
        assert_int_equal(regions_owned(&regions, start, end), model_owned(start, end));
        switch (rand() % 4) {
        case 0:
            regions_cut(&regions, start, end);
            model_set(start, end, NOBODY, 0);
            break;
        case 1:
            regions_cut(&regions, start, end);
            add(start, end, rand() % 2 ? REGION_MAP : REGION_SPARE, prot);
            break;
        case 2:
            regions_wipe(&regions, start, end, prot & 1);
            memset(wiped + start, prot & 1, end - start);
            break;
        default:
            regions_protect(&regions, start, end, prot);
            memset(allows + start, prot, end - start);
        }
        agrees();
        uint32_t low = 1 + (uint32_t)rand() % 50, high = PAGES - (uint32_t)rand() % 50;
        uint32_t pages = 1 + (uint32_t)rand() % 40;
        for (uint32_t align = 1; align <= 64; align *= 4)
            assert_int_equal(regions_place(&regions, low, high, pages, align),
                             model_place(low, high, pages, align));
    }
}

static void at_finds_the_region_of_a_page_and_none_beside_it(void **state)
{
    (void)state;
    add(10, 20, REGION_MAP, 3);
    add(20, 21, REGION_HEAP, 3);
    assert_null(regions_at(&regions, 9));
    assert_int_equal(regions_at(&regions, 10)->kind, REGION_MAP);
    assert_int_equal(regions_at(&regions, 19)->kind, REGION_MAP);
    assert_int_equal(regions_at(&regions, 20)->kind, REGION_HEAP);
    assert_null(regions_at(&regions, 21));
}

static void gap_ends_at_its_neighbours_or_at_the_borders_given(void **state)
{
    uint32_t start, end;
    (void)state;
    regions_gap(&regions, 50, 5, 100, &start, &end);
    assert_int_equal(start, 5);
    assert_int_equal(end, 100);
    add(10, 20, REGION_MAP, 3);
    add(60, 70, REGION_SPARE, 3);
    regions_gap(&regions, 50, 5, 100, &start, &end);
    assert_int_equal(start, 20);
    assert_int_equal(end, 60);
    regions_gap(&regions, 80, 5, 100, &start, &end);
    assert_int_equal(start, 70);
    assert_int_equal(end, 100);
}

static void room_is_told_up_to_the_last_entry(void **state)
{
    (void)state;
    assert_true(regions_room(&regions, REGIONS_MAX));
    for (uint32_t i = 0; i < 100; i++)
        add(2 * i + 1, 2 * i + 2, REGION_MAP, 3);
    assert_true(regions_room(&regions, REGIONS_MAX - 100));
    assert_false(regions_room(&regions, REGIONS_MAX - 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(any_sequence_keeps_list_and_map_the_same, empty),
        cmocka_unit_test_setup(at_finds_the_region_of_a_page_and_none_beside_it, empty),
        cmocka_unit_test_setup(gap_ends_at_its_neighbours_or_at_the_borders_given, empty),
        cmocka_unit_test_setup(room_is_told_up_to_the_last_entry, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
