/* test_node_fair.c: who gets the processors: the arithmetic of fair.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/pool/fair.h"

#define MS MF_NS_PER_MS
#define TICK (FAIR_TICK_MS * MS)

static void dealt(uint32_t count, struct fair_view *view, const uint64_t *due_ms)
{
    fair_deal(view, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(view[i].due_ns / MS, due_ms[i]);
}

static void what_was_used_is_dealt_out_by_weight(void **state)
{
    (void)state;
    dealt(2, (struct fair_view[]){{300, 20 * MS, 40 * MS, 0}, {100, 20 * MS, 40 * MS, 0}},
          (uint64_t[]){30, 10});
    dealt(3, (struct fair_view[]){{100, 40 * MS, 40 * MS, 0}, {100, 0, 40 * MS, 0}, {200, 0, 40 * MS, 0}},
          (uint64_t[]){10, 10, 20});
}

static void nobody_is_due_more_than_it_wanted(void **state)
{
    (void)state;
    /* One wants little: the others have the rest, by weight. */
    dealt(3, (struct fair_view[]){{100, 2 * MS, 2 * MS, 0}, {100, 19 * MS, 40 * MS, 0}, {300, 19 * MS, 40 * MS, 0}},
          (uint64_t[]){2, 9, 28});
    /* All have what they want. */
    dealt(2, (struct fair_view[]){{1, 5 * MS, 5 * MS, 0}, {1000, 7 * MS, 7 * MS, 0}}, (uint64_t[]){5, 7});
    dealt(2, (struct fair_view[]){{100, 0, 0, 0}, {100, 30 * MS, 30 * MS, 0}}, (uint64_t[]){0, 30});
    dealt(1, (struct fair_view[]){{100, 30 * MS, 60 * MS, 0}}, (uint64_t[]){30});
    dealt(0, NULL, NULL);
}

static void half_a_processor_is_computing(void **state)
{
    (void)state;
    assert_false(fair_computes(false, TICK / 2, TICK));
    assert_true(fair_computes(false, TICK / 2 + 1, TICK));
    assert_true(fair_computes(true, TICK / 4 + 1, TICK));
    assert_false(fair_computes(true, TICK / 4, TICK));
}

static void what_is_dealt_adds_up(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 1000; round++) {
        struct fair_view view[5];
        uint64_t used = 0, due = 0;
        for (int i = 0; i < 5; i++) {
            seed = seed * 1664525u + 1013904223u;
            view[i] = (struct fair_view){.weight = 1 + seed % 1000, .used_ns = (seed >> 8) % 1000000};
            seed = seed * 1664525u + 1013904223u;
            view[i].wanted_ns = view[i].used_ns + (seed >> 8) % 1000000;
            used += view[i].used_ns;
        }
        fair_deal(view, 5);
        for (int i = 0; i < 5; i++) {
            assert_true(view[i].due_ns <= view[i].wanted_ns);
            due += view[i].due_ns;
        }
        assert_in_range(due, used - 5, used);
    }
}

static void credit_has_bounds(void **state)
{
    (void)state;
    const struct fair_view more = {.used_ns = 20 * MS, .due_ns = 10 * MS};
    const struct fair_view less = {.used_ns = 10 * MS, .due_ns = 20 * MS};
    int64_t credit = 0;
    credit = fair_credit(credit, &more);
    assert_int_equal(credit, -(int64_t)(10 * MS));
    for (int i = 0; i < 20; i++)
        credit = fair_credit(credit, &more);
    assert_int_equal(credit, -(int64_t)(FAIR_CREDIT_MS_MAX * MS));
    for (int i = 0; i < 40; i++)
        credit = fair_credit(credit, &less);
    assert_int_equal(credit, FAIR_CREDIT_MS_MAX * MS);
}

/* Two that spin, 3 : 1, where the kernel gives both a processor: as fair.c would go on. */
static void two_that_spin_get_their_shares(void **state)
{
    (void)state;
    int64_t credit[2] = {0, 0};
    uint64_t used[2] = {0, 0};
    int down = -1;
    for (int i = 0; i < 1000; i++) {
        struct fair_view view[2] = {{300, TICK, 2 * TICK, 0}, {100, TICK, 2 * TICK, 0}};
        if (down >= 0) { /* the other one has both */
            view[down].used_ns = 0;
            view[1 - down].used_ns = 2 * TICK;
        }
        fair_deal(view, 2);
        for (int f = 0; f < 2; f++) {
            credit[f] = fair_credit(credit[f], &view[f]);
            used[f] += view[f].used_ns;
        }
        if (down >= 0 && credit[down] >= 0)
            down = -1;
        for (int f = 0; f < 2 && down < 0; f++)
            if (credit[f] < -(int64_t)(FAIR_DEBT_MS * MS) && credit[1 - f] > 0)
                down = f;
    }
    assert_in_range(used[0] * 100 / used[1], 285, 315);
}

static uint32_t next(uint32_t limit, uint32_t busy, uint32_t least, uint32_t most, uint64_t used_ms,
                     uint64_t waited_ms)
{
    const struct fair_work work = {busy, least, most, TICK, used_ms * MS, waited_ms * MS};
    return fair_next_limit(limit, &work);
}

static uint32_t settles(uint32_t processors, uint32_t least, uint32_t most)
{
    uint32_t limit = 0;
    for (int i = 0; i < 100; i++) { /* that spin: each processor's time is divided among them */
        uint32_t busy = limit ? limit : most;
        uint64_t run = busy < processors ? busy : processors;
        limit = next(limit, busy, least, most, run * FAIR_TICK_MS, (busy - run) * FAIR_TICK_MS);
    }
    return limit;
}

static void who_only_waits_gets_fewer(void **state)
{
    (void)state;
    assert_in_range(settles(2, 2, 16), 2, 5);
    assert_in_range(settles(2, 1, 4096), 2, 5);
    assert_in_range(settles(8, 8, 64), 8, 17);
    assert_int_equal(settles(8, 8, 8), 0); /* which it may have anyway */
}

static void who_sleeps_is_not_limited(void **state)
{
    (void)state;
    assert_int_equal(next(0, 16, 2, 16, 10, 1), 0);
    assert_int_equal(next(0, 16, 2, 16, 1, 10), 0); /* on a machine that others have filled */
    uint32_t limit = 2;
    for (int i = 0; i < 8; i++)
        limit = next(limit, limit, 2, 16, 1, 1);
    assert_int_equal(limit, 0); /* more with each tick, until it is as free as it was */
}

static void the_least_is_kept(void **state)
{
    (void)state;
    assert_int_equal(next(0, 2, 2, 16, 1, 39), 0);
    assert_int_equal(next(0, 16, 2, 16, 1, 319), 2);
    assert_int_equal(next(3, 3, 1, 16, 0, 0), 4);
    assert_int_equal(next(0, 0, 1, 16, 0, 0), 0);
}

/* Two processors: of which so many percent of what was used are one's. */
static void who_wants_little_takes_no_processor_from_a_limit(void **state)
{
    (void)state;
    assert_int_equal(fair_least(2, 0, 0), 2);
    assert_int_equal(fair_least(2, 100, 100), 2);
    assert_int_equal(fair_least(2, 88, 100), 2); /* the other one comes ten times a second */
    assert_int_equal(fair_least(2, 86, 100), 1);
    assert_int_equal(fair_least(2, 75, 100), 1); /* three to one */
    assert_int_equal(fair_least(2, 50, 100), 1);
    assert_int_equal(fair_least(2, 0, 100), 1);
    assert_int_equal(fair_least(64, 99, 100), 63);
    assert_int_equal(fair_least(1, 100, 100), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_used_is_dealt_out_by_weight),
        cmocka_unit_test(nobody_is_due_more_than_it_wanted),
        cmocka_unit_test(what_is_dealt_adds_up),
        cmocka_unit_test(half_a_processor_is_computing),
        cmocka_unit_test(credit_has_bounds),
        cmocka_unit_test(two_that_spin_get_their_shares),
        cmocka_unit_test(who_only_waits_gets_fewer),
        cmocka_unit_test(who_sleeps_is_not_limited),
        cmocka_unit_test(the_least_is_kept),
        cmocka_unit_test(who_wants_little_takes_no_processor_from_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
