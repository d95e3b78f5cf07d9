/* test_node_callback_room.c: which letters have a place on the way: what hosts that hang leave for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/callbacks/room.h"
#include "node/node.h"

#define HELD_MAX 512u

static struct node node;
static struct callbacks callbacks;
static struct posting *made[HELD_MAX];

static int begin(void **state)
{
    (void)state;
    node.budget.limit = 256u << 20;
    callbacks = (struct callbacks){.node = &node};
    link_init(&callbacks.postings);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < callbacks.in_hand; i++)
        free(made[i]);
    return 0;
}

/* A letter in hand, to a host of that number. */
static struct posting *letter_to(unsigned host, size_t bytes)
{
    assert_true(callbacks.in_hand < HELD_MAX);
    struct posting *posting = calloc(1, sizeof *posting);
    assert_non_null(posting);
    posting->callbacks = &callbacks;
    posting->charged = bytes;
    callbacks.held += bytes;
    char text[32];
    (void)snprintf(text, sizeof text, "http://h%u/", host);
    assert_int_equal(url_parse(text, strlen(text), &posting->url, NULL), MF_OK);
    link_init(&posting->link);
    list_append(&callbacks.postings, &posting->link);
    made[callbacks.in_hand++] = posting;
    return posting;
}

/* One more to that host is in hand, and goes if it may. */
static enum room_place give(unsigned host, bool fails)
{
    struct posting *posting = letter_to(host, 100);
    enum room_place place = room_place(posting, fails);
    posting->ending = place == ROOM_BACK;
    if (place != ROOM_THERE)
        return place;
    posting->transfer = (struct transfer *)posting; /* nobody looks into it */
    posting->fails = fails;
    return place;
}

/* As many letters as there may be to each of so many hosts, in turn: how many go. */
static unsigned given(unsigned hosts, bool fail)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MF_CALLBACKS_PER_HOST_MAX; i++)
        for (unsigned host = 0; host < hosts; host++)
            count += give(host, fail) == ROOM_THERE;
    return count;
}

static void one_host_has_four_places(void **state)
{
    (void)state;
    assert_int_equal(given(1, false), MF_CALLBACKS_PER_HOST_MAX);
    for (unsigned i = 0; i < MF_CALLBACKS_PER_HOST_MAX; i++)
        assert_int_equal(give(0, false), ROOM_WAIT);
    assert_int_equal(give(0, false), ROOM_BACK);
    assert_int_equal(give(1, false), ROOM_THERE);
}

static void four_hosts_leave_half(void **state)
{
    (void)state;
    assert_int_equal(given(4, false), 8);
    assert_int_equal(give(99, false), ROOM_THERE);
}

static void the_first_host_leaves_others_theirs(void **state)
{
    (void)state;
    for (unsigned host = 0; host < 4; host++)
        for (unsigned i = 0; i < MF_CALLBACKS_PER_HOST_MAX; i++)
            (void)give(host, false);
    assert_int_equal(give(99, false), ROOM_THERE);
}

static void eight_hosts_leave_four(void **state)
{
    (void)state;
    assert_int_equal(given(8, false), 12);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(give(90 + i, false), ROOM_THERE);
    assert_int_equal(give(99, false), ROOM_WAIT);
}

static void many_wait_in_hand_for_few_places(void **state)
{
    (void)state;
    (void)given(8, false);
    assert_true(callbacks.in_hand >= MF_CALLBACKS_IN_HAND_MAX / 2);
    assert_int_equal(give(0, false), ROOM_BACK); /* one waits already */
}

static void hosts_that_fail_have_one_place_each_and_four_together(void **state)
{
    (void)state;
    assert_int_equal(given(1, true), 1);
    assert_int_equal(given(40, true), MF_CALLBACKS_FAILING_MAX - 1);
    assert_int_equal(give(41, true), ROOM_BACK); /* and fills no hand */
    assert_int_equal(give(99, false), ROOM_THERE);
}

static void a_hosts_large_letters_have_half_of_the_room(void **state)
{
    (void)state;
    const size_t share = (size_t)node.budget.limit / MF_CALLBACKS_SHARE;
    struct posting *first = letter_to(0, share / 2);
    assert_int_equal(room_place(first, false), ROOM_THERE);
    first->transfer = (struct transfer *)first;
    struct posting *second = letter_to(0, 1);
    assert_int_equal(room_place(second, false), ROOM_WAIT);
    assert_int_equal(room_place(letter_to(1, share / 2), false), ROOM_THERE);
    callbacks.held = share;
    assert_int_equal(room_place(second, false), ROOM_BACK); /* it is in others' room */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_host_has_four_places),
        TEST(four_hosts_leave_half),
        TEST(the_first_host_leaves_others_theirs),
        TEST(eight_hosts_leave_four),
        TEST(many_wait_in_hand_for_few_places),
        TEST(hosts_that_fail_have_one_place_each_and_four_together),
        TEST(a_hosts_large_letters_have_half_of_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
