/*
 * test_store_space.c: the conformance suite (test_store.c): key-values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_suite.h"

static void values_are_set_read_and_deleted(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT), *other = rig_space(&rig, "other");
    struct store_bytes key = {"a\0b\xff", 4}, near = {"a\0b", 3};
    IS(MF_ENOENT, space_read(space, key, SIZE_MAX, ASK));
    OK(space_set(space, key, rig_text("first"), 0, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    store_has_text(rig.got.value, "first");
    assert_true(rig.got.expires_ms == STORE_NEVER);
    IS(MF_ENOENT, space_read(space, near, SIZE_MAX, ASK));
    IS(MF_ENOENT, space_read(other, key, SIZE_MAX, ASK));
    OK(space_set(space, key, rig_text(""), 0, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_int_equal(rig.got.value.bytes, 0);
    IS(MF_ENOENT, space_delete(other, key, ASK));
    OK(space_delete(space, key, ASK));
    IS(MF_ENOENT, space_delete(space, key, ASK));
    IS(MF_ENOENT, space_read(space, key, SIZE_MAX, ASK));
    space_put(space);
    space_put(other);
}

static void expired_values_are_invisible_at_once(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = {"k", 1};
    OK(space_set(space, key, rig_text("v"), 100, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_int_equal(rig.got.expires_ms, rig.now_ms + 100);
    rig.now_ms += 99;
    OK(space_read(space, key, SIZE_MAX, ASK));
    rig.now_ms += 1;
    IS(MF_ENOENT, space_read(space, key, SIZE_MAX, ASK));
    IS(MF_ENOENT, space_delete(space, key, ASK));
    OK(space_scan(space, (struct store_bytes){0}, (struct store_bytes){0}, 10, SIZE_MAX, true, ASK));
    assert_int_equal(rig.got.count, 0);
    OK(space_set(space, key, rig_text("7"), 100, ASK));
    rig.now_ms += 50;
    OK(space_increment(space, key, 1, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_int_equal(rig.got.expires_ms, rig.now_ms + 50); /* it stays */
    rig.now_ms += 50;
    OK(space_increment(space, key, 1, ASK));
    assert_int_equal(rig.got.number, 1);
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_true(rig.got.expires_ms == STORE_NEVER);
    OK(space_set(space, key, rig_text("v"), 100, ASK));
    OK(space_set(space, key, rig_text("w"), 0, ASK)); /* and now it stays */
    rig.now_ms += 1000;
    OK(space_read(space, key, SIZE_MAX, ASK));
    OK(space_set(space, key, rig_text("w"), UINT64_MAX, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_true(rig.got.expires_ms == STORE_NEVER);
    space_put(space);
}

static void increments_add_up(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = {"n", 1};
    OK(space_increment(space, key, 5, ASK));
    assert_int_equal(rig.got.number, 5);
    OK(space_increment(space, key, -7, ASK));
    assert_int_equal(rig.got.number, -2);
    OK(space_read(space, key, SIZE_MAX, ASK));
    store_has_text(rig.got.value, "-2");
    OK(space_set(space, key, rig_text("9223372036854775806"), 0, ASK));
    OK(space_increment(space, key, 1, ASK));
    assert_true(rig.got.number == INT64_MAX);
    IS(MF_EINVAL, space_increment(space, key, 1, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    store_has_text(rig.got.value, "9223372036854775807");
    OK(space_set(space, key, rig_text("-9223372036854775807"), 0, ASK));
    OK(space_increment(space, key, -1, ASK));
    assert_true(rig.got.number == INT64_MIN);
    IS(MF_EINVAL, space_increment(space, key, -1, ASK));
    static const char *const none[] = {"", "-", "x", "1 ", " 1", "1.0", "+1", "9223372036854775808", "1e3",
                                       "007", "-0", "00"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        OK(space_set(space, key, rig_text(none[i]), 0, ASK));
        if (RIG(&rig, space_increment(space, key, 1, ASK)) != MF_EINVAL)
            fail_msg("\"%s\"", none[i]);
    }
    space_put(space);
}

static void compare_and_set_compares(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = {"k", 1}, one = {"one", 3}, two = {"two", 3}, empty = {"", 0};
    IS(MF_ENOENT, space_compare_and_set(space, key, &one, two, 0, ASK));
    OK(space_compare_and_set(space, key, NULL, one, 0, ASK));
    IS(MF_EEXIST, space_compare_and_set(space, key, NULL, two, 0, ASK));
    store_has_text(rig.got.value, "one");
    IS(MF_EEXIST, space_compare_and_set(space, key, &two, one, 0, ASK));
    store_has_text(rig.got.value, "one");
    IS(MF_EEXIST, space_compare_and_set(space, key, &empty, one, 0, ASK));
    OK(space_compare_and_set(space, key, &one, empty, 100, ASK));
    OK(space_compare_and_set(space, key, &empty, two, 100, ASK));
    rig.now_ms += 100;
    IS(MF_ENOENT, space_compare_and_set(space, key, &two, one, 0, ASK));
    OK(space_compare_and_set(space, key, NULL, two, 0, ASK));
    space_put(space);
}

static void a_scan_goes_through_a_prefix_in_order(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT);
    static const char *const names[] = {"b", "a/2", "a/1", "a", "a/3", "a0", "\xff\xff", "\xff"};
    struct store_bytes prefix = {"a/", 2}, none = {"", 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        OK(space_set(space, rig_text(names[i]), rig_text(names[i]), i == 4 ? 10 : 0, ASK));
    OK(space_scan(space, prefix, none, 1, SIZE_MAX, true, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_true(rig.got.more);
    store_has_text(rig.got.pairs[0].key, "a/1");
    store_has_text(rig.got.pairs[0].value, "a/1");
    OK(space_scan(space, prefix, rig_text("a/1"), 10, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 2);
    assert_false(rig.got.more);
    store_has_text(rig.got.pairs[0].key, "a/2");
    assert_int_equal(rig.got.pairs[0].value.bytes, 0);
    assert_int_equal(rig.got.pairs[1].expires_ms, rig.now_ms + 10);
    rig.now_ms += 10;
    OK(space_scan(space, prefix, rig_text("a/1"), 10, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 1);
    OK(space_scan(space, none, none, 1000, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 7);
    for (size_t i = 0; i < 7; i++)
        store_has_text(rig.got.pairs[i].key, (const char *[]){"a", "a/1", "a/2", "a0", "b", "\xff", "\xff\xff"}[i]);
    OK(space_scan(space, rig_text("\xff"), none, 1000, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 2);
    OK(space_scan(space, prefix, rig_text("b"), 10, SIZE_MAX, false, ASK)); /* past it all */
    assert_int_equal(rig.got.count, 0);
    OK(space_scan(space, prefix, rig_text("A"), 10, SIZE_MAX, false, ASK)); /* before it all */
    assert_int_equal(rig.got.count, 2);
    space_put(space);
}

static void an_answer_keeps_to_its_bytes(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = {"k1", 2}, none = {"", 0};
    OK(space_set(space, key, rig_text("12345"), 10, ASK));
    OK(space_set(space, rig_text("k2"), rig_text("123"), 0, ASK));
    OK(space_set(space, rig_text("k3"), none, 0, ASK));
    OK(space_read(space, key, 5, ASK));
    store_has_text(rig.got.value, "12345");
    IS(MF_ETOOBIG, space_read(space, key, 4, ASK));
    assert_null(rig.got.value.data);
    OK(space_read(space, rig_text("k3"), 0, ASK));
    static const struct {
        size_t bytes_max, count;
        bool values, more;
    } asked[] = {{7, 1, true, true},   {11, 1, true, true}, {12, 2, true, true}, {13, 2, true, true},
                 {14, 3, true, false}, {2, 1, false, true}, {5, 2, false, true}, {6, 3, false, false}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        OK(space_scan(space, none, none, 10, asked[i].bytes_max, asked[i].values, ASK));
        assert_int_equal(rig.got.count, asked[i].count);
        assert_int_equal(rig.got.more, asked[i].more);
    }
    IS(MF_ETOOBIG, space_scan(space, none, none, 10, 6, true, ASK)); /* or who asks came no further */
    assert_int_equal(rig.got.count, 0);
    IS(MF_ETOOBIG, space_scan(space, none, none, 10, 1, false, ASK));
    rig.now_ms += 10; /* what is not there any more is not too large */
    IS(MF_ENOENT, space_read(space, key, 4, ASK));
    OK(space_scan(space, none, none, 10, 6, true, ASK));
    assert_int_equal(rig.got.count, 1);
    store_has_text(rig.got.pairs[0].key, "k2");
    space_put(space);
}

static void a_space_has_a_bound(void **state)
{
    (void)state;
    struct space *space;
    struct store_bytes key = {"k", 1}, other = {"o", 1};
    assert_int_equal(space_get(rig.store, RIG_TENANT, &(struct space_settings){.bytes_max = 10},
                               &space),
                     MF_OK);
    OK(space_set(space, key, rig_text("12345678"), 0, ASK));
    IS(MF_EFULL, space_set(space, other, rig_text("1"), 0, ASK));
    OK(space_set(space, other, rig_text(""), 0, ASK));
    IS(MF_EFULL, space_increment(space, (struct store_bytes){"n", 1}, 1, ASK));
    IS(MF_EFULL, space_set(space, key, rig_text("123456789"), 0, ASK));
    OK(space_set(space, key, rig_text("1234"), 100, ASK)); /* smaller than what was there */
    OK(space_set(space, other, rig_text("1234"), 100, ASK));
    rig.now_ms += 100;
    OK(space_set(space, (struct store_bytes){"new", 3}, rig_text("1234567"), 0, ASK)); /* those have gone */
    OK(space_delete(space, (struct store_bytes){"new", 3}, ASK));
    OK(space_set(space, key, rig_text("123456789"), 0, ASK));
    space_put(space);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(values_are_set_read_and_deleted),
        STORE_TEST(expired_values_are_invisible_at_once),
        STORE_TEST(increments_add_up),
        STORE_TEST(compare_and_set_compares),
        STORE_TEST(a_scan_goes_through_a_prefix_in_order),
        STORE_TEST(an_answer_keeps_to_its_bytes),
        STORE_TEST(a_space_has_a_bound),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
