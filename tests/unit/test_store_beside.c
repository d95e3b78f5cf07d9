/*
 * test_store_beside.c: the conformance suite (test_store.c): changes with appends beside them.
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

static void a_change_and_its_appends_are_one_step(void **state)
{
    struct queue *a = rig_queue(&rig, "a", NULL), *b = rig_queue(&rig, "b", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = rig_text("k"), one = rig_text("1"), other = rig_text("x");
    const struct store_also also[] = {{a, QUEUE_BULK, rig_text("to a")}, {b, QUEUE_URGENT, rig_text("to b")}};
    struct store_beside beside = {also, 2};
    (void)state;
    assert_int_equal(RIG(&rig, space_set_beside(space, key, one, 0, &beside, rig_ask(&rig))), MF_OK);
    store_takes(a, "to a", 1);
    store_takes(b, "to b", 1);
    beside.count = 1;
    assert_int_equal(RIG(&rig, space_increment_beside(space, key, 41, &beside, rig_ask(&rig))), MF_OK);
    assert_int_equal(rig.got.number, 42);
    store_takes(a, "to a", 1);
    one = rig_text("42");
    assert_int_equal(RIG(&rig, space_compare_and_set_beside(space, key, &one, other, 0, &beside, rig_ask(&rig))), MF_OK);
    store_takes(a, "to a", 1);
    assert_int_equal(RIG(&rig, space_delete_beside(space, key, &beside, rig_ask(&rig))), MF_OK);
    store_takes(a, "to a", 1);
    store_takes_nothing(a);
    store_takes_nothing(b);
    queue_put(a);
    queue_put(b);
    space_put(space);
}

static void what_is_refused_appends_nothing(void **state)
{
    struct queue *a = rig_queue(&rig, "a", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = rig_text("k"), text = rig_text("no number"), other = rig_text("x");
    const struct store_also also[] = {{a, QUEUE_BULK, rig_text("to a")}};
    struct store_beside beside = {also, 1};
    (void)state;
    assert_int_equal(RIG(&rig, space_delete_beside(space, key, &beside, rig_ask(&rig))), MF_ENOENT);
    assert_int_equal(RIG(&rig, space_compare_and_set_beside(space, key, &other, text, 0, &beside, rig_ask(&rig))), MF_ENOENT);
    assert_int_equal(RIG(&rig, space_set(space, key, text, 0, rig_ask(&rig))), MF_OK);
    assert_int_equal(RIG(&rig, space_increment_beside(space, key, 1, &beside, rig_ask(&rig))), MF_EINVAL);
    assert_int_equal(RIG(&rig, space_compare_and_set_beside(space, key, NULL, other, 0, &beside, rig_ask(&rig))), MF_EEXIST);
    store_has_stat(a, 0, 0, 0, 0);
    queue_put(a);
    space_put(space);
}

static void where_one_has_no_room_nothing_changes(void **state)
{
    static const struct queue_settings small = {.count_max = 1};
    struct queue *a = rig_queue(&rig, "a", NULL), *b = rig_queue(&rig, "b", &small);
    struct queue *c = rig_queue(&rig, "c", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = rig_text("k"), one = rig_text("1");
    const struct store_also also[] = {{a, QUEUE_BULK, rig_text("to a")}, {b, QUEUE_BULK, rig_text("to b")}};
    struct store_beside beside = {also, 2};
    (void)state;
    assert_int_equal(RIG(&rig, space_set(space, key, one, 0, rig_ask(&rig))), MF_OK);
    rig_append(&rig, b, "b is full");
    rig_append(&rig, c, "c");
    assert_int_equal(RIG(&rig, space_set_beside(space, key, rig_text("2"), 0, &beside, rig_ask(&rig))), MF_EFULL);
    assert_int_equal(RIG(&rig, space_increment_beside(space, key, 1, &beside, rig_ask(&rig))), MF_EFULL);
    assert_int_equal(RIG(&rig, space_compare_and_set_beside(space, key, &one, rig_text("2"), 0, &beside, rig_ask(&rig))), MF_EFULL);
    assert_int_equal(RIG(&rig, space_delete_beside(space, key, &beside, rig_ask(&rig))), MF_EFULL);
    const struct queue_entry *entry = rig_take(&rig, c);
    uint64_t id = entry->id;
    assert_int_equal(RIG(&rig, queue_ack_beside(c, id, 1, &beside, rig_ask(&rig))), MF_EFULL);
    assert_int_equal(RIG(&rig, queue_append_beside(c, QUEUE_BULK, &one, 1, &beside, rig_ask(&rig))), MF_EFULL);
    assert_int_equal(RIG(&rig, space_read(space, key, SIZE_MAX, rig_ask(&rig))), MF_OK);
    store_has_text(rig.got.value, "1");
    store_has_stat(a, 0, 0, 0, 0);
    store_has_stat(c, 1, 1, 0, 0);
    assert_int_equal(RIG(&rig, queue_ack(c, id, 1, rig_ask(&rig))), MF_OK);
    queue_put(a);
    queue_put(b);
    queue_put(c);
    space_put(space);
}

static void an_entry_moves_from_queue_to_queue(void **state)
{
    static const struct queue_settings dropping = {.count_max = 2, .overflow = QUEUE_DROPS};
    struct queue *a = rig_queue(&rig, "a", NULL), *b = rig_queue(&rig, "b", &dropping);
    struct store_bytes first = rig_text("first");
    const struct store_also also[] = {{b, QUEUE_BULK, rig_text("moved")}};
    struct store_beside beside = {also, 1};
    (void)state;
    rig_append(&rig, b, "oldest");
    rig_append(&rig, b, "old");
    rig_append(&rig, a, "moved");
    uint64_t id = rig_take(&rig, a)->id;
    assert_int_equal(RIG(&rig, queue_ack_beside(a, id, 1, &beside, rig_ask(&rig))), MF_OK);
    store_has_stat(a, 0, 0, 0, 0);
    store_takes(b, "old", 1);
    assert_int_equal(RIG(&rig, queue_ack_beside(a, id, 1, &beside, rig_ask(&rig))), MF_ENOENT);
    store_takes(b, "moved", 1);
    store_takes_nothing(b);
    assert_int_equal(RIG(&rig, queue_append_beside(a, QUEUE_BULK, &first, 1, &beside, rig_ask(&rig))), MF_EFULL); /* all are taken */
    queue_put(a);
    queue_put(b);
}

static void appends_beside_are_checked(void **state)
{
    static const struct queue_settings loose = {.durability = STORE_PROCESS_CRASH};
    struct queue *a = rig_queue(&rig, "a", NULL), *b = rig_queue(&rig, "b", &loose);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = rig_text("k");
    struct store_also also[MF_STORE_ALSO_MAX + 1] = {{a, QUEUE_BULK, key}, {a, QUEUE_BULK, key}};
    struct store_beside beside = {also, 2};
    (void)state;
    assert_int_equal(space_set_beside(space, key, key, 0, &beside, rig_ask(&rig)), MF_EINVAL); /* one queue twice */
    beside.count = 1;
    assert_int_equal(queue_append_beside(a, QUEUE_BULK, &key, 1, &beside, rig_ask(&rig)), MF_EINVAL); /* to itself */
    also[0].priority = QUEUE_PRIORITIES;
    assert_int_equal(space_set_beside(space, key, key, 0, &beside, rig_ask(&rig)), MF_EINVAL);
    also[0] = (struct store_also){b, QUEUE_BULK, key};
    assert_int_equal(space_set_beside(space, key, key, 0, &beside, rig_ask(&rig)), MF_EINVAL); /* less durable */
    also[0] = (struct store_also){a, QUEUE_BULK, {"", MF_EVENT_BYTES_MAX + 1}};
    assert_int_equal(space_set_beside(space, key, key, 0, &beside, rig_ask(&rig)), MF_ETOOBIG);
    beside.count = MF_STORE_ALSO_MAX + 1;
    assert_int_equal(space_set_beside(space, key, key, 0, &beside, rig_ask(&rig)), MF_EINVAL);
    assert_false(store_busy(rig.store));
    queue_put(a);
    queue_put(b);
    space_put(space);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(a_change_and_its_appends_are_one_step),
        STORE_TEST(what_is_refused_appends_nothing),
        STORE_TEST(where_one_has_no_room_nothing_changes),
        STORE_TEST(an_entry_moves_from_queue_to_queue),
        STORE_TEST(appends_beside_are_checked),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
