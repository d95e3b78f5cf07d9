/*
 * test_store_purge.c: the conformance suite (test_store.c): which queues there are, and what is told of what
 * somebody purges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store_suite.h"

/* As functions' queues are: any number of them. */
static void queues_without_a_bound_are_named_in_pages(void **state)
{
    enum { MORE = 3 };
    char name[16], last[16] = "";
    size_t count = 0;
    struct queue *queue;
    struct queue_stat stat;
    (void)state;
    for (unsigned i = 0; i < MF_QUEUE_NAMES_MAX + MORE; i++) {
        (void)snprintf(name, sizeof name, "q%03u", i);
        queue = rig_queue(&rig, name, NULL);
        rig_append(&rig, queue, "event");
        queue_put(queue);
    }
    queue = rig_queue(&rig, "asks", NULL);
    do {
        OK(queue_siblings(queue, rig_text(last), ASK));
        assert_int_equal(rig.got.count, count ? MORE : MF_QUEUE_NAMES_MAX);
        for (size_t i = 0; i < rig.got.count; i++, count++) {
            (void)snprintf(last, sizeof last, "q%03u", (unsigned)count);
            store_has_text(rig.got.pairs[i].key, last);
            assert_int_equal(rig.got.pairs[i].value.bytes, sizeof stat);
            memcpy(&stat, rig.got.pairs[i].value.data, sizeof stat);
            assert_int_equal(stat.count, 1);
            assert_int_equal(stat.bytes, 5);
        }
    } while (rig.got.more);
    assert_int_equal(count, MF_QUEUE_NAMES_MAX + MORE);
    char too_long[MF_NAME_BYTES_MAX + 2] = {0};
    memset(too_long, 'n', MF_NAME_BYTES_MAX + 1);
    assert_int_equal(queue_siblings(queue, rig_text(too_long), ASK), MF_EINVAL);
    queue_put(queue);
}

static struct {
    struct queue_watch watch;
    size_t count, bytes;
    struct queue_entry last; /* without event.data */
    char first;              /* of its event       */
} heard;

static void hear_nothing(struct queue_watch *watch)
{
    (void)watch;
}

static void hear(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    assert_ptr_equal(watch, &heard.watch);
    assert_in_range(count, 1, MF_QUEUE_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        store_has_text(entries[i].reason, QUEUE_PURGED);
        assert_int_equal(entries[i].died_ms, 0);
        heard.bytes += entries[i].event.bytes;
    }
    heard.count += count;
    heard.last = entries[count - 1];
    heard.first = *(const char *)heard.last.event.data;
    heard.last.event.data = NULL;
}

static void listen_to(struct queue *queue)
{
    memset(&heard, 0, sizeof heard);
    heard.watch = (struct queue_watch){.ready = hear_nothing, .ended = hear};
    queue_watch(queue, &heard.watch);
}

static void who_watches_is_told_what_was_purged(void **state)
{
    struct queue *queue = rig_queue(&rig, "q", NULL);
    const uint64_t began_ms = rig.now_ms;
    (void)state;
    for (int i = 0; i < 4; i++)
        rig_append(&rig, queue, (const char *[]){"dead", "one", "two", "three"}[i]);
    uint64_t id = rig_take(&rig, queue)->id;
    OK(queue_bury(queue, id, 1, rig_text("why"), ASK));
    id = rig_take(&rig, queue)->id; /* that one is in somebody's hands */
    listen_to(queue);
    OK(queue_purge(queue, true, 10, ASK)); /* of a dead letter it was said when it died */
    assert_int_equal(heard.count, 0);
    OK(queue_purge(queue, false, 1, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.id, id);
    assert_int_equal(heard.last.attempts, 1);
    assert_int_equal(heard.last.enqueued_ms, began_ms);
    assert_int_equal(heard.first, 'o');
    OK(queue_purge(queue, false, 10, ASK));
    assert_int_equal(rig.got.count, 2);
    assert_int_equal(heard.count, 3);
    assert_int_equal(heard.last.attempts, 0);
    assert_int_equal(heard.bytes, 3 + 3 + 5);
    store_has_stat(queue, 0, 0, 0, 0);
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK));
    queue_unwatch(queue, &heard.watch);
    queue_put(queue);
}

/* So much is told at once, and no more. */
static void a_purge_of_large_events_takes_several_steps(void **state)
{
    static char text[MF_QUEUE_ENDED_TOLD_BYTES + 1000];
    const struct store_bytes event = {memset(text, 'e', sizeof text), sizeof text};
    const size_t step = (MF_SCAN_BYTES_MAX + MF_QUEUE_ENDED_TOLD_BYTES - 1) / MF_QUEUE_ENDED_TOLD_BYTES, more = 10;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    (void)state;
    for (size_t i = 0; i < step + more; i++)
        OK(queue_append(queue, i % 2 ? QUEUE_BULK : QUEUE_URGENT, &event, 1, ASK));
    listen_to(queue);
    OK(queue_purge(queue, false, MF_QUEUE_BATCH_MAX, ASK));
    assert_int_equal(rig.got.count, step);
    assert_int_equal(heard.count, step);
    assert_int_equal(heard.bytes, step * MF_QUEUE_ENDED_TOLD_BYTES);
    OK(queue_purge(queue, false, MF_QUEUE_BATCH_MAX, ASK));
    assert_int_equal(rig.got.count, more);
    OK(queue_purge(queue, false, MF_QUEUE_BATCH_MAX, ASK));
    assert_int_equal(rig.got.count, 0);
    store_has_stat(queue, 0, 0, 0, 0);
    queue_unwatch(queue, &heard.watch);
    queue_put(queue);
}

/* As many as one operation may be of. */
static void many_small_events_go_in_one_step(void **state)
{
    static struct store_bytes events[MF_QUEUE_BATCH_MAX];
    struct queue *queue = rig_queue(&rig, "q", NULL);
    (void)state;
    for (size_t i = 0; i < MF_QUEUE_BATCH_MAX; i++)
        events[i] = rig_text("event");
    OK(queue_append(queue, QUEUE_BULK, events, MF_QUEUE_BATCH_MAX, ASK));
    listen_to(queue);
    OK(queue_purge(queue, false, MF_QUEUE_BATCH_MAX, ASK));
    assert_int_equal(rig.got.count, MF_QUEUE_BATCH_MAX);
    assert_int_equal(heard.count, MF_QUEUE_BATCH_MAX);
    queue_unwatch(queue, &heard.watch);
    queue_put(queue);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(queues_without_a_bound_are_named_in_pages),
        STORE_TEST(who_watches_is_told_what_was_purged),
        STORE_TEST(a_purge_of_large_events_takes_several_steps),
        STORE_TEST(many_small_events_go_in_one_step),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
