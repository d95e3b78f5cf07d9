/*
 * test_store.c: the conformance suite: what every back end of the store does. The same
 * tests run against memory, LMDB and a real Redis. Here: queues, one entry and many.
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

static void entries_come_in_the_order_of_appending(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes events[] = {{"one", 3}, {"two", 3}, {"", 0}};
    OK(queue_append(queue, QUEUE_BULK, events, 3, ASK));
    assert_int_equal(rig.got.count, 3);
    uint64_t first = rig.got.ids[0], second = rig.got.ids[1], third = rig.got.ids[2];
    assert_true(0 < first && first < second && second < third);
    assert_true(third < rig_append(&rig, queue, "four"));
    store_has_stat(queue, 4, 10, 0, 0);
    rig.now_ms += 5;
    OK(queue_take(queue, 3, SIZE_MAX, 1000, ASK));
    assert_int_equal(rig.got.count, 3);
    assert_int_equal(rig.got.due_ms, rig.now_ms); /* there is more */
    uint64_t ids[] = {first, second, third};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig.got.entries[i].id, ids[i]);
        store_has_text(rig.got.entries[i].event, (const char *[]){"one", "two", ""}[i]);
        assert_int_equal(rig.got.entries[i].attempts, 1);
        assert_int_equal(rig.got.entries[i].enqueued_ms, rig.now_ms - 5);
        assert_int_equal(rig.got.entries[i].due_ms, rig.now_ms + 1000);
        assert_int_equal(rig.got.entries[i].priority, QUEUE_BULK);
    }
    store_takes(queue, "four", 1);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1000); /* the first lease's end */
    store_takes_nothing(queue);
    store_has_stat(queue, 4, 10, 0, 0);
    queue_put(queue);
}

static void an_acknowledged_entry_is_gone(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK)); /* nobody has it */
    store_takes(queue, "event", 1);
    IS(MF_ENOENT, queue_ack(queue, id, 2, ASK));
    IS(MF_ENOENT, queue_ack(queue, id + 4, 1, ASK));
    OK(queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, queue_nack(queue, id, 1, 0, ASK));
    store_has_stat(queue, 0, 0, 0, 0);
    rig.now_ms += 100000;
    store_takes_nothing(queue);
    assert_true(rig.got.due_ms == STORE_NEVER);
    assert_true(rig_append(&rig, queue, "other") > id); /* ids are not used again */
    queue_put(queue);
}

static void a_lease_that_passed_goes_to_the_next(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "first");
    (void)rig_append(&rig, queue, "second");
    store_takes(queue, "first", 1);
    rig.now_ms += 999;
    store_takes(queue, "second", 1);
    store_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1);
    rig.now_ms += 1;
    store_takes(queue, "first", 2);
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, queue_nack(queue, id, 1, 0, ASK));
    IS(MF_ENOENT, queue_bury(queue, id, 1, rig_text("no"), ASK));
    IS(MF_ENOENT, queue_extend(queue, id, 1, 1000, ASK));
    OK(queue_ack(queue, id, 2, ASK));
    queue_put(queue);
}

static void a_late_acknowledgement_counts_if_nobody_else_has_it(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    store_takes(queue, "event", 1);
    rig.now_ms += 5000;
    OK(queue_ack(queue, id, 1, ASK));
    store_takes_nothing(queue);
    queue_put(queue);
}

static void a_lease_can_be_extended(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    IS(MF_ENOENT, queue_extend(queue, id, 0, 1000, ASK));
    store_takes(queue, "event", 1);
    rig.now_ms += 900;
    OK(queue_extend(queue, id, 1, 1000, ASK));
    rig.now_ms += 999;
    store_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1);
    rig.now_ms += 1;
    store_takes(queue, "event", 2);
    queue_put(queue);
}

static void an_entry_given_back_waits_for_its_time(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t first = rig_append(&rig, queue, "first"), second = rig_append(&rig, queue, "second");
    (void)rig_append(&rig, queue, "third");
    store_takes(queue, "first", 1);
    store_takes(queue, "second", 1);
    OK(queue_nack(queue, first, 1, 300, ASK));
    IS(MF_ENOENT, queue_ack(queue, first, 1, ASK));
    OK(queue_nack(queue, second, 1, 0, ASK));
    store_takes(queue, "second", 2); /* before what nobody has had */
    store_takes(queue, "third", 1);
    store_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 300);
    rig.now_ms += 299;
    store_takes_nothing(queue);
    rig.now_ms += 1;
    store_takes(queue, "first", 2);
    OK(queue_nack(queue, first, 2, 50, ASK)); /* and again */
    rig.now_ms += 50;
    store_takes(queue, "first", 3);
    OK(queue_ack(queue, first, 3, ASK));
    store_has_stat(queue, 2, 11, 0, 0);
    queue_put(queue);
}

static void what_came_back_and_passed_goes_on(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    store_takes(queue, "event", 1);
    OK(queue_nack(queue, id, 1, 10, ASK));
    rig.now_ms += 10;
    store_takes(queue, "event", 2);
    rig.now_ms += 1000;
    store_takes(queue, "event", 3);
    OK(queue_nack(queue, id, 3, 10, ASK));
    rig.now_ms += 5;
    store_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 5);
    rig.now_ms += 5;
    store_takes(queue, "event", 4);
    OK(queue_ack(queue, id, 4, ASK));
    store_takes_nothing(queue);
    assert_true(rig.got.due_ms == STORE_NEVER);
    queue_put(queue);
}

static void urgent_entries_overtake(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes urgent[] = {{"urgent 1", 8}, {"urgent 2", 8}};
    uint64_t bulk = rig_append(&rig, queue, "bulk 1");
    OK(queue_append(queue, QUEUE_URGENT, urgent, 2, ASK));
    (void)rig_append(&rig, queue, "bulk 2");
    store_takes(queue, "urgent 1", 1);
    assert_int_equal(rig.got.entries[0].priority, QUEUE_URGENT);
    uint64_t id = rig.got.entries[0].id;
    store_takes(queue, "urgent 2", 1);
    store_takes(queue, "bulk 1", 1);
    OK(queue_nack(queue, bulk, 1, 0, ASK));
    OK(queue_nack(queue, id, 1, 0, ASK));
    store_takes(queue, "urgent 1", 2);
    store_takes(queue, "bulk 1", 2);
    store_takes(queue, "bulk 2", 1);
    store_takes_nothing(queue);
    queue_put(queue);
}

static void a_take_keeps_to_its_bytes_but_takes_one(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes events[] = {{"0123456789", 10}, {"01234", 5}, {"01234", 5}, {"x", 1}};
    OK(queue_append(queue, QUEUE_BULK, events, 4, ASK));
    OK(queue_take(queue, 10, 3, 1000, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_int_equal(rig.got.due_ms, rig.now_ms);
    OK(queue_take(queue, 10, 10, 1000, ASK));
    assert_int_equal(rig.got.count, 2);
    store_takes(queue, "x", 1);
    queue_put(queue);
}

static void peek_shows_all_and_takes_nothing(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes urgent = {"urgent", 6};
    uint64_t one = rig_append(&rig, queue, "one"), two = rig_append(&rig, queue, "two");
    (void)rig_append(&rig, queue, "three");
    store_takes(queue, "one", 1);
    store_takes(queue, "two", 1);
    OK(queue_nack(queue, two, 1, 500, ASK));
    OK(queue_append(queue, QUEUE_URGENT, &urgent, 1, ASK));
    OK(queue_peek(queue, false, 0, 3, 3, ASK));
    assert_int_equal(rig.got.count, 3);
    assert_true(rig.got.more);
    assert_null(rig.got.entries[0].event.data); /* larger than asked for */
    assert_int_equal(rig.got.entries[0].event.bytes, 6);
    assert_int_equal(rig.got.entries[0].attempts, 0);
    assert_int_equal(rig.got.entries[0].due_ms, 0);
    assert_int_equal(rig.got.entries[1].id, one);
    store_has_text(rig.got.entries[1].event, "one");
    assert_int_equal(rig.got.entries[1].attempts, 1);
    assert_int_equal(rig.got.entries[1].due_ms, rig.now_ms + 1000);
    assert_int_equal(rig.got.entries[2].id, two);
    assert_int_equal(rig.got.entries[2].attempts, 1);
    assert_int_equal(rig.got.entries[2].due_ms, rig.now_ms + 500);
    OK(queue_peek(queue, false, two, 3, 100, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_false(rig.got.more);
    store_has_text(rig.got.entries[0].event, "three");
    store_takes(queue, "urgent", 1);
    store_takes(queue, "three", 1);
    queue_put(queue);
}

static void a_purge_takes_taken_ones_too(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes events[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    OK(queue_append(queue, QUEUE_BULK, events, 4, ASK));
    OK(queue_take(queue, 3, SIZE_MAX, 1000, ASK));
    uint64_t first = rig.got.entries[0].id, second = rig.got.entries[1].id, third = rig.got.entries[2].id;
    OK(queue_bury(queue, first, 1, rig_text("x"), ASK));
    OK(queue_nack(queue, second, 1, 10, ASK));
    OK(queue_purge(queue, false, 2, ASK));
    assert_int_equal(rig.got.count, 2);
    store_has_stat(queue, 1, 1, 1, 1);
    IS(MF_ENOENT, queue_ack(queue, third, 1, ASK));
    OK(queue_purge(queue, false, 2, ASK));
    assert_int_equal(rig.got.count, 1);
    rig.now_ms += 5000;
    store_takes_nothing(queue);
    assert_true(rig.got.due_ms == STORE_NEVER);
    OK(queue_purge(queue, true, 5, ASK));
    assert_int_equal(rig.got.count, 1);
    store_has_stat(queue, 0, 0, 0, 0);
    OK(queue_purge(queue, true, 5, ASK));
    assert_int_equal(rig.got.count, 0);
    (void)rig_append(&rig, queue, "new");
    store_takes(queue, "new", 1);
    queue_put(queue);
}

static void queues_and_tenants_are_apart(void **state)
{
    (void)state;
    struct queue *one = rig_queue(&rig, "q", NULL), *two = rig_queue(&rig, "q-2", NULL), *other;
    assert_int_equal(queue_get(rig.store, "other", "q", &(struct queue_settings){0}, &other), MF_OK);
    (void)rig_append(&rig, one, "one");
    store_takes_nothing(two);
    store_takes_nothing(other);
    store_has_stat(other, 0, 0, 0, 0);
    (void)rig_append(&rig, other, "other");
    OK(queue_purge(other, false, 10, ASK));
    store_takes(one, "one", 1);
    queue_put(one);
    queue_put(two);
    queue_put(other);
}

static void an_unknown_queue_is_empty(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    store_has_stat(queue, 0, 0, 0, 0);
    store_takes_nothing(queue);
    assert_true(rig.got.due_ms == STORE_NEVER);
    OK(queue_peek(queue, false, 0, 10, 10, ASK));
    assert_int_equal(rig.got.count, 0);
    OK(queue_peek(queue, true, 0, 10, 10, ASK));
    OK(queue_redrive(queue, 10, ASK));
    assert_int_equal(rig.got.count, 0);
    OK(queue_purge(queue, false, 10, ASK));
    IS(MF_ENOENT, queue_ack(queue, 5, 1, ASK));
    IS(MF_ENOENT, queue_extend(queue, 5, 1, 10, ASK));
    queue_put(queue);
}

static unsigned hints;

static void note_hint(struct queue_watch *watch)
{
    (void)watch;
    hints++;
}

static void assert_hinted(void)
{
    for (int i = 0; i < 60000 && !hints; i++) { /* Redis tells it on another connection */
        (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    assert_true(hints > 0);
    hints = 0;
}

static void watchers_hear_of_what_can_be_taken(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct queue_watch watch = {.ready = note_hint};
    hints = 0;
    queue_watch(queue, &watch);
    OK(queue_stat(queue, ASK));
    (void)usleep(50000);
    (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
    hints = 0;
    uint64_t id = rig_append(&rig, queue, "x");
    assert_hinted();
    store_takes(queue, "x", 1);
    OK(queue_nack(queue, id, 1, 100, ASK));
    assert_hinted();
    rig.now_ms += 100;
    store_takes(queue, "x", 2);
    OK(queue_bury(queue, id, 2, rig_text("y"), ASK));
    OK(queue_redrive(queue, 1, ASK));
    assert_hinted();
    queue_unwatch(queue, &watch);
    (void)rig_append(&rig, queue, "z");
    (void)usleep(20000);
    (void)uv_run(&rig.loop, UV_RUN_NOWAIT);
    assert_int_equal(hints, 0);
    queue_put(queue);
}

static unsigned late_answers;
static mf_err late_err;

static void note_late(void *context, const struct store_answer *answer)
{
    (void)context;
    late_answers++;
    late_err = answer->err;
}

static void closing_answers_all_that_waits(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes event = {"x", 1};
    struct store_ask ask = {.now_ms = rig.now_ms, .done = note_late};
    late_answers = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(queue_append(queue, QUEUE_BULK, &event, 1, &ask), MF_OK);
    assert_int_equal(late_answers, 0); /* never from within the call */
    assert_true(store_busy(rig.store));
    store_quiet(rig.store);
    assert_int_equal(queue_append(queue, QUEUE_BULK, &event, 1, &ask), MF_EDEAD);
    queue_put(queue); /* operations hold it */
    store_close(rig.store);
    assert_int_equal(late_answers, 100);
    rig.store = NULL;
}

static void so_many_may_wait_and_no_more(void **state)
{
    (void)state;
    if (store_is_redis())
        skip(); /* seconds, for nothing new */
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_ask ask = {.now_ms = rig.now_ms, .done = note_late};
    late_answers = 0;
    for (unsigned i = 0; i < MF_STORE_WAITING_MAX; i++)
        assert_int_equal(queue_stat(queue, &ask), MF_OK);
    assert_int_equal(queue_stat(queue, &ask), MF_EAGAIN);
    while (store_busy(rig.store))
        (void)uv_run(&rig.loop, UV_RUN_ONCE);
    assert_int_equal(late_answers, MF_STORE_WAITING_MAX);
    assert_int_equal(late_err, MF_OK);
    assert_int_equal(queue_stat(queue, &ask), MF_OK);
    while (store_busy(rig.store))
        (void)uv_run(&rig.loop, UV_RUN_ONCE);
    queue_put(queue);
}

#define BUSY_EVENTS 6000u
#define BUSY_WINDOW 200u

static struct {
    struct queue *queue;
    uint32_t asked, appended, done, in_flight;
    bool taking;
    uint8_t is_done[BUSY_EVENTS];
    uint8_t attempts[BUSY_EVENTS]; /* of the take that was told last */
} busy;

static void busy_take(void);

static void busy_ended(void *context, const struct store_answer *answer)
{
    assert_int_equal(answer->err, MF_OK);
    busy.in_flight--;
    busy.done += context != NULL;
}

static void busy_appended(void *context, const struct store_answer *answer)
{
    (void)context;
    assert_int_equal(answer->err, MF_OK);
    busy.in_flight--;
    busy.appended++;
}

/* Two in three are done; the others come again. */
static void busy_taken(void *context, const struct store_answer *answer)
{
    (void)context;
    busy.taking = false;
    busy.in_flight--;
    assert_int_equal(answer->err, MF_OK);
    for (size_t i = 0; i < answer->count; i++) {
        const struct queue_entry *entry = &answer->entries[i];
        uint32_t number;
        assert_int_equal(entry->event.bytes, sizeof number);
        memcpy(&number, entry->event.data, sizeof number);
        assert_true(number < BUSY_EVENTS && !busy.is_done[number]); /* never after its end */
        assert_int_equal(entry->attempts, ++busy.attempts[number]); /* no two at a time */
        bool ends = (number + entry->attempts) % 3 != 0;
        struct store_ask ask = {.now_ms = rig.now_ms, .done = busy_ended, .context = ends ? &busy : NULL};
        busy.is_done[number] = ends;
        busy.in_flight++;
        assert_int_equal(ends ? queue_ack(busy.queue, entry->id, entry->attempts, &ask)
                              : queue_nack(busy.queue, entry->id, entry->attempts, 0, &ask), MF_OK);
    }
}

static void busy_take(void)
{
    struct store_ask ask = {.now_ms = rig.now_ms, .done = busy_taken};
    if (busy.taking)
        return;
    busy.taking = true;
    busy.in_flight++;
    assert_int_equal(queue_take(busy.queue, 16, SIZE_MAX, 1000000, &ask), MF_OK);
}

static void a_busy_queue_loses_and_doubles_nothing(void **state)
{
    (void)state;
    memset(&busy, 0, sizeof busy);
    busy.queue = rig_queue(&rig, "q", NULL);
    while (busy.done < BUSY_EVENTS) {
        while (busy.asked < BUSY_EVENTS && busy.in_flight < BUSY_WINDOW) {
            struct store_bytes event = {&busy.asked, sizeof busy.asked};
            struct store_ask ask = {.now_ms = rig.now_ms, .done = busy_appended};
            assert_int_equal(queue_append(busy.queue, busy.asked % 5 ? QUEUE_BULK : QUEUE_URGENT, &event, 1, &ask), MF_OK);
            busy.asked++;
            busy.in_flight++;
        }
        busy_take();
        (void)uv_run(&rig.loop, UV_RUN_ONCE);
    }
    while (busy.in_flight)
        (void)uv_run(&rig.loop, UV_RUN_ONCE);
    assert_int_equal(busy.appended, BUSY_EVENTS);
    store_has_stat(busy.queue, 0, 0, 0, 0);
    queue_put(busy.queue);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(entries_come_in_the_order_of_appending),
        STORE_TEST(an_acknowledged_entry_is_gone),
        STORE_TEST(a_lease_that_passed_goes_to_the_next),
        STORE_TEST(a_late_acknowledgement_counts_if_nobody_else_has_it),
        STORE_TEST(a_lease_can_be_extended),
        STORE_TEST(an_entry_given_back_waits_for_its_time),
        STORE_TEST(what_came_back_and_passed_goes_on),
        STORE_TEST(urgent_entries_overtake),
        STORE_TEST(a_take_keeps_to_its_bytes_but_takes_one),
        STORE_TEST(peek_shows_all_and_takes_nothing),
        STORE_TEST(a_purge_takes_taken_ones_too),
        STORE_TEST(queues_and_tenants_are_apart),
        STORE_TEST(an_unknown_queue_is_empty),
        STORE_TEST(watchers_hear_of_what_can_be_taken),
        STORE_TEST(closing_answers_all_that_waits),
        STORE_TEST(so_many_may_wait_and_no_more),
        STORE_TEST(a_busy_queue_loses_and_doubles_nothing),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
