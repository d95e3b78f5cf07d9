/* test_node_inbox.c: posts between threads, with real loops and threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/loop/list.h"
#include "node/loop/loop.h"

#define SENDERS 3u
#define POSTS 20000u
#define PATIENCE_NS (60 * MF_NS_PER_S)

struct letter {
    struct post post;
    uint32_t sender, number;
};

static struct loop loop;
static struct letter letters[SENDERS][POSTS];
static uint32_t next_of[SENDERS], arrived;
static bool in_order;
static struct timer patience;

static bool no_work(void *owner)
{
    (void)owner;
    return false;
}

static bool may_sleep(void *owner)
{
    (void)owner;
    return true;
}

static void end_when_all_are_here(void *owner)
{
    if (arrived == *(uint32_t *)owner)
        loop_stop(&loop);
}

static const struct loop_parts parts = {no_work, may_sleep, end_when_all_are_here};

static void out_of_patience(struct timer *timer, uint64_t now_ns)
{
    (void)timer, (void)now_ns;
    loop_stop(&loop);
}

static void open_for(uint32_t *expected)
{
    struct mf_why why;
    memset(next_of, 0, sizeof next_of);
    arrived = 0;
    in_order = true;
    assert_int_equal(loop_open(&loop, &parts, expected, &why), MF_OK);
    patience = (struct timer){.fire = out_of_patience};
    timer_set(&loop.timers, &patience, mf_monotonic_ns() + PATIENCE_NS);
}

static void take_letter(struct post *post)
{
    const struct letter *letter = list_of(post, struct letter, post);
    in_order = in_order && letter->number == next_of[letter->sender];
    next_of[letter->sender]++;
    arrived++;
}

/* In bursts, with pauses in which the loop falls asleep. */
static void *send_all(void *argument)
{
    uint32_t sender = (uint32_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < POSTS; i++) {
        letters[sender][i] = (struct letter){.sender = sender, .number = i};
        inbox_post(&loop.inbox, &letters[sender][i].post, take_letter);
        if (i % 500 == sender)
            (void)usleep(100);
    }
    return NULL;
}

static void posts_of_each_sender_arrive_once_and_in_order(void **state)
{
    (void)state;
    uint32_t expected = SENDERS * POSTS;
    pthread_t thread[SENDERS];
    open_for(&expected);
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, send_all, (void *)(uintptr_t)i), 0);
    loop_run(&loop);
    for (uint32_t i = 0; i < SENDERS; i++)
        (void)pthread_join(thread[i], NULL);
    assert_int_equal(arrived, expected);
    assert_true(in_order);
    loop_close(&loop);
}

static uint32_t rounds;

static bool count_round(void *owner)
{
    (void)owner;
    rounds++;
    return false;
}

static const struct loop_parts counting = {count_round, may_sleep, end_when_all_are_here};

static void *wake_for_nothing(void *argument)
{
    for (int i = 0; i < 20; i++) {
        inbox_wake(&loop.inbox);
        (void)usleep(1000);
    }
    inbox_post(&loop.inbox, argument, take_letter);
    return NULL;
}

/* Else two loops that wake each other after each round would never sleep. */
static void an_empty_inbox_wakes_nobody(void **state)
{
    (void)state;
    uint32_t expected = 1;
    pthread_t thread;
    open_for(&expected);
    loop.parts = &counting;
    rounds = 0;
    letters[0][0] = (struct letter){0};
    assert_int_equal(pthread_create(&thread, NULL, wake_for_nothing, &letters[0][0].post), 0);
    loop_run(&loop);
    (void)pthread_join(thread, NULL);
    assert_in_range(rounds, 1, 5);
    loop_close(&loop);
}

static void *send_one_later(void *argument)
{
    (void)argument;
    (void)usleep(20000);
    letters[0][0] = (struct letter){0};
    inbox_put(&loop.inbox, &letters[0][0].post, take_letter);
    inbox_wake(&loop.inbox);
    return NULL;
}

static void a_loop_that_sleeps_is_woken(void **state)
{
    (void)state;
    uint32_t expected = 1;
    pthread_t thread;
    open_for(&expected);
    assert_int_equal(pthread_create(&thread, NULL, send_one_later, NULL), 0);
    loop_run(&loop);
    (void)pthread_join(thread, NULL);
    assert_int_equal(arrived, 1);
    loop_close(&loop);
}

static void post_again(struct post *post)
{
    if (++arrived < 5)
        inbox_post(&loop.inbox, post, post_again);
}

static void a_post_may_be_sent_again_as_it_arrives(void **state)
{
    (void)state;
    uint32_t expected = 5;
    struct post post;
    open_for(&expected);
    inbox_post(&loop.inbox, &post, post_again);
    loop_run(&loop);
    assert_int_equal(arrived, 5);
    loop_close(&loop);
}

static void nothing_is_taken_from_an_empty_inbox(void **state)
{
    (void)state;
    uint32_t expected = 0;
    open_for(&expected);
    assert_false(inbox_take(&loop.inbox));
    assert_true(inbox_sleep(&loop.inbox));
    struct post post;
    inbox_put(&loop.inbox, &post, post_again);
    assert_false(inbox_sleep(&loop.inbox));
    arrived = 4;
    assert_true(inbox_take(&loop.inbox));
    assert_false(inbox_take(&loop.inbox));
    loop_close(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_each_sender_arrive_once_and_in_order),
        cmocka_unit_test(an_empty_inbox_wakes_nobody),
        cmocka_unit_test(a_loop_that_sleeps_is_woken),
        cmocka_unit_test(a_post_may_be_sent_again_as_it_arrives),
        cmocka_unit_test(nothing_is_taken_from_an_empty_inbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
