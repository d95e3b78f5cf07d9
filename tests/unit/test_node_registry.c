/*
 * test_node_registry.c: functions by name, in a table that grows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/functions/function.h"
#include "node/functions/registry.h"

#define MANY 5000u

static struct registry registry;
static struct function *all;

/* The test holds a reference of its own to each, so that the registry frees none. */
static int open_many(void **state)
{
    (void)state;
    all = calloc(MANY, sizeof *all);
    assert_non_null(all);
    registry_init(&registry);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i].refs = 2;
        link_init(&all[i].by_name);
        link_init(&all[i].in_order);
        (void)snprintf(all[i].name, sizeof all[i].name, "f%u", i);
    }
    return 0;
}

static int close_many(void **state)
{
    (void)state;
    free(all);
    return 0;
}

static void remove_all(struct function *function, void *context)
{
    registry_remove(context, function);
}

static void every_function_is_found_while_the_table_grows(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        assert_null(registry_find(&registry, all[i].name));
        registry_add(&registry, &all[i]);
        assert_ptr_equal(registry_find(&registry, all[i].name), &all[i]);
        assert_ptr_equal(registry_find(&registry, all[i / 2].name), &all[i / 2]);
        assert_true(registry.count <= registry.buckets);
    }
    for (uint32_t i = 0; i < MANY; i++)
        assert_ptr_equal(registry_find(&registry, all[i].name), &all[i]);
    assert_int_equal(registry.count, MANY);
    registry_each(&registry, remove_all, &registry);
    assert_int_equal(registry.count, 0);
    assert_null(registry_find(&registry, "f1"));
    registry_close(&registry);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(all[i].refs, 1);
}

static void a_cursor_outlives_what_it_points_at(void **state)
{
    (void)state;
    struct registry_cursor one, two;
    for (uint32_t i = 0; i < 4; i++)
        registry_add(&registry, &all[i]);
    registry_cursor_open(&registry, &one);
    registry_cursor_open(&registry, &two);
    assert_ptr_equal(registry_next(&one), &all[0]);
    registry_remove(&registry, &all[1]); /* that comes next */
    registry_remove(&registry, &all[0]); /* that came last  */
    registry_add(&registry, &all[4]);
    assert_ptr_equal(registry_next(&one), &all[2]);
    assert_ptr_equal(registry_next(&one), &all[3]);
    registry_remove(&registry, &all[4]);
    assert_null(registry_next(&one));
    registry_cursor_close(&one);
    assert_ptr_equal(registry_next(&two), &all[2]);
    registry_cursor_close(&two);
    registry_each(&registry, remove_all, &registry);
    registry_close(&registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_function_is_found_while_the_table_grows, open_many,
                                        close_many),
        cmocka_unit_test_setup_teardown(a_cursor_outlives_what_it_points_at, open_many, close_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
