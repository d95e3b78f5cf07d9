/* test_node_shelf.c: which kinds of blanks are kept, and how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abi/layout.h"
#include "base/limits.h"
#include "node/pool/shelf.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define WANTED 8u

static struct shelf shelf[SHELVES];

static struct shelf *use(enum mf_sandbox sandbox, uint64_t window_bytes, bool jit)
{
    return shelf_use(shelf, sandbox, &(struct blank_fit){window_bytes, jit});
}

static void each_kind_has_one(void **state)
{
    (void)state;
    shelves_init(shelf);
    assert_ptr_equal(use(MF_SANDBOX_PROCESS, MF_WINDOW_DEFAULT, false), &shelf[MF_SANDBOX_PROCESS]);
    assert_ptr_equal(use(MF_SANDBOX_KVM, MF_WINDOW_DEFAULT, true), &shelf[MF_SANDBOX_KVM]);
    assert_ptr_equal(use(MF_SANDBOX_PROCESS, MF_WINDOW_MIN, false), &shelf[MF_SANDBOX_PROCESS]);
    struct shelf *jit = use(MF_SANDBOX_PROCESS, MF_WINDOW_DEFAULT, true);
    struct shelf *wide = use(MF_SANDBOX_KVM, MIB(1024), false);
    struct shelf *other = use(MF_SANDBOX_PROCESS, MIB(1024), false);
    assert_true(jit->in_use && jit->fit.jit && !shelf_is_usual(jit));
    assert_ptr_not_equal(jit, other);
    assert_ptr_not_equal(wide, other);
    assert_int_equal(wide->sandbox, MF_SANDBOX_KVM);
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(1024), true), wide); /* told at the start */
    assert_int_equal(wide->users, 2);
}

static void what_is_too_much_is_usual(void **state)
{
    (void)state;
    struct shelf *taken[SHELVES - SANDBOXES];
    shelves_init(shelf);
    for (uint32_t i = 0; i < SHELVES - SANDBOXES; i++)
        taken[i] = use(MF_SANDBOX_KVM, MIB(128 + i), false);
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(512), false), &shelf[MF_SANDBOX_KVM]);
    shelf_leave(taken[1]);
    taken[1]->count = 1; /* still there */
    assert_false(taken[1]->in_use);
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(512), false), &shelf[MF_SANDBOX_KVM]);
    taken[1]->count = 0;
    taken[1]->starting = 1;
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(512), false), &shelf[MF_SANDBOX_KVM]);
    taken[1]->starting = 0;
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(512), false), taken[1]);
    assert_true(taken[1]->in_use && taken[1]->fit.window_bytes == MIB(512));
    assert_ptr_equal(use(MF_SANDBOX_KVM, MIB(128), false), taken[0]);
    shelf_leave(taken[0]);
    assert_true(taken[0]->in_use); /* by the first */
}

static void usual_ones_stay(void **state)
{
    (void)state;
    shelves_init(shelf);
    shelf_leave(use(MF_SANDBOX_PROCESS, MF_WINDOW_DEFAULT, false));
    assert_true(shelf[MF_SANDBOX_PROCESS].in_use);
    assert_false(shelf[MF_SANDBOX_KVM].in_use);
}

static void memory_bounds_them(void **state)
{
    (void)state;
    shelves_init(shelf);
    const struct shelf *usual = use(MF_SANDBOX_KVM, MF_WINDOW_DEFAULT, false),
                       *wide = use(MF_SANDBOX_KVM, MIB(2000), false);
    assert_int_equal(shelf_least(usual, WANTED), WANTED);
    assert_int_equal(shelf_least(wide, WANTED), WANTED / 2);
    assert_int_equal(shelf_least(wide, 1), 1);
    assert_int_equal(shelf_least(wide, 0), 0);
    assert_int_equal(shelf_most(usual, WANTED, UINT64_MAX), WANTED * BLANKS_GROWTH);
    assert_int_equal(shelf_most(usual, WANTED, MIB(100)), 100);
    assert_int_equal(shelf_most(wide, WANTED, MIB(100)), 16); /* 1 MiB and 5 each */
    assert_int_equal(shelf_most(wide, WANTED, MIB(1)), WANTED / 2);
    assert_int_equal(shelf_most(usual, MF_BLANKS_MAX, UINT64_MAX), MF_BLANKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_one),
        cmocka_unit_test(what_is_too_much_is_usual),
        cmocka_unit_test(usual_ones_stay),
        cmocka_unit_test(memory_bounds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
