/*
 * test_store_room.c: the conformance suite (test_store.c): queues that are full, dead letters,
 * what is too old, limits.
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

static void a_full_queue_refuses_all_of_an_append(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.count_max = 3, .bytes_max = 10});
    struct store_bytes two[] = {{"a", 1}, {"b", 1}};
    struct store_bytes large = {"12345678", 8};
    OK(queue_append(queue, QUEUE_BULK, two, 2, ASK));
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, two, 2, ASK));
    store_has_stat(queue, 2, 2, 0, 0);
    OK(queue_append(queue, QUEUE_BULK, &large, 1, ASK));
    store_has_stat(queue, 3, 10, 0, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 1, ASK));
    store_takes(queue, "a", 1);
    OK(queue_ack(queue, rig.got.entries[0].id, 1, ASK));
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 2, ASK));
    OK(queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* exactly full again */
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, &(struct store_bytes){"", 0}, 1, ASK));
    store_has_stat(queue, 3, 10, 0, 0);
    queue_put(queue);
}

static void the_oldest_that_wait_make_room(void **state)
{
    (void)state;
    const struct queue_settings settings = {.count_max = 4, .bytes_max = 10, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    struct store_bytes event[] = {{"1", 1}, {"2", 1}, {"3", 1}}, urgent = {"!", 1}, two[] = {{"x", 1}, {"y", 1}};
    OK(queue_append(queue, QUEUE_BULK, event, 3, ASK));
    assert_int_equal(rig.got.number, 0);
    store_takes(queue, "1", 1); /* in somebody's hands: it stays */
    uint64_t id = rig.got.entries[0].id;
    OK(queue_append(queue, QUEUE_URGENT, &urgent, 1, ASK));
    assert_int_equal(rig.got.number, 0);
    OK(queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* 2 goes */
    assert_int_equal(rig.got.number, 1);
    assert_int_equal(rig.got.count, 1);
    store_has_stat(queue, 4, 4, 0, 0);
    OK(queue_append(queue, QUEUE_URGENT, two, 2, ASK)); /* 3 and x go */
    assert_int_equal(rig.got.number, 2);
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* urgent ones do not, for bulk */
    store_has_stat(queue, 4, 4, 0, 0);
    OK(queue_ack(queue, id, 1, ASK));
    OK(queue_append(queue, QUEUE_URGENT, &(struct store_bytes){"12345678", 8}, 1, ASK)); /* for its bytes */
    assert_int_equal(rig.got.number, 1);
    store_has_stat(queue, 3, 10, 0, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, &(struct store_bytes){"12345678901", 11}, 1, ASK));
    store_has_stat(queue, 3, 10, 0, 0); /* nothing is dropped in vain */
    store_takes(queue, "x", 1);
    store_takes(queue, "y", 1);
    store_takes(queue, "12345678", 1);
    store_takes_nothing(queue);
    queue_put(queue);
}

static void one_that_came_back_may_be_dropped(void **state)
{
    (void)state;
    const struct queue_settings settings = {.count_max = 2, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    rig_append(&rig, queue, "1");
    rig_append(&rig, queue, "2");
    store_takes(queue, "1", 1);
    OK(queue_nack(queue, rig.got.entries[0].id, 1, 500, ASK));
    OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){"3", 1}, 1, ASK));
    assert_int_equal(rig.got.number, 1);
    rig.now_ms += 1000;
    store_takes(queue, "2", 1);
    store_takes(queue, "3", 1);
    store_takes_nothing(queue);
    queue_put(queue);
}

static struct {
    struct queue_watch watch;
    struct queue_entry entries[MF_QUEUE_DROPPED_MAX]; /* without event.data */
    char first[MF_QUEUE_DROPPED_MAX];                 /* of each event      */
    size_t count;
    uint32_t answered; /* before */
} heard;

static void hear_nothing(struct queue_watch *watch)
{
    (void)watch;
}

static void hear(struct queue_watch *watch, const struct queue_entry *entries, size_t count)
{
    assert_ptr_equal(watch, &heard.watch);
    assert_in_range(count, 1, MF_QUEUE_DROPPED_MAX);
    heard.count = count;
    heard.answered = rig.answered;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *event = entries[i].event.data;
        heard.entries[i] = entries[i];
        heard.first[i] = (char)event[0];
        for (size_t b = 0; b < entries[i].event.bytes; b++) /* all of it is there */
            assert_int_equal(event[b], event[0]);
        heard.entries[i].event.data = NULL;
    }
}

static void listen_to(struct queue *queue)
{
    memset(&heard, 0, sizeof heard);
    heard.watch = (struct queue_watch){.ready = hear_nothing, .ended = hear};
    queue_watch(queue, &heard.watch);
}

static void who_watches_is_told_what_was_dropped(void **state)
{
    (void)state;
    const struct queue_settings settings = {.count_max = 2, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings), *from = rig_queue(&rig, "from", NULL);
    struct store_bytes two[] = {{"x", 1}, {"y", 1}};
    uint64_t ids[] = {rig_append(&rig, queue, "1"), rig_append(&rig, queue, "2")}, began_ms = rig.now_ms;
    store_takes(queue, "1", 1);
    listen_to(queue);
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 2, ASK)); /* one is taken: the other is not enough */
    assert_int_equal(heard.count, 0);
    OK(queue_nack(queue, ids[0], 1, 0, ASK));
    rig.now_ms += 500;
    uint32_t answered = rig.answered;
    OK(queue_append(queue, QUEUE_BULK, two, 2, ASK));
    assert_int_equal(heard.answered, answered); /* before the append was answered */
    assert_int_equal(heard.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(heard.entries[i].id, ids[i]);
        assert_int_equal(heard.entries[i].priority, QUEUE_BULK);
        assert_int_equal(heard.entries[i].enqueued_ms, began_ms);
        assert_int_equal(heard.entries[i].attempts, 1 - i);
        assert_int_equal(heard.entries[i].event.bytes, 1);
        assert_int_equal(heard.first[i], '1' + (int)i);
    }
    heard.count = 0;
    /* Beside a change of something else, and beside an append elsewhere. */
    const struct store_also also[] = {{queue, QUEUE_URGENT, {"z", 1}}};
    const struct store_beside beside = {also, 1};
    struct space *space = rig_space(&rig, RIG_TENANT);
    OK(space_set_beside(space, rig_text("k"), rig_text("v"), 0, &beside, ASK));
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.first[0], 'x');
    heard.count = 0;
    OK(queue_append_beside(from, QUEUE_BULK, two, 1, &beside, ASK));
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.first[0], 'y');
    heard.count = 0;
    store_takes(from, "x", 1);
    OK(queue_ack_beside(from, rig.got.entries[0].id, 1, &beside, ASK));
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.entries[0].priority, QUEUE_URGENT);
    assert_int_equal(heard.first[0], 'z');
    queue_unwatch(queue, &heard.watch);
    space_put(space);
    queue_put(from);
    queue_put(queue);
}

static void who_watches_is_told_what_was_too_old(void **state)
{
    (void)state;
    const struct queue_settings settings = {.age_ms_max = 1000};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    const uint64_t began_ms = rig.now_ms, id = rig_append(&rig, queue, "1");
    listen_to(queue);
    rig.now_ms += 1000;
    store_takes(queue, "1", 1);
    assert_int_equal(heard.count, 0);
    OK(queue_nack(queue, id, 1, 0, ASK));
    rig.now_ms += 1;
    rig_append(&rig, queue, "2");
    store_takes(queue, "2", 1);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.answered, rig.answered - 1);
    assert_int_equal(heard.entries[0].id, id);
    assert_int_equal(heard.entries[0].attempts, 1);
    assert_int_equal(heard.entries[0].enqueued_ms, began_ms);
    assert_int_equal(heard.entries[0].died_ms, rig.now_ms);
    assert_int_equal(heard.first[0], '1');
    store_has_text(heard.entries[0].reason, QUEUE_TOO_OLD);
    queue_unwatch(queue, &heard.watch);
    queue_put(queue);
}

static void of_what_was_dropped_the_beginning_is_told(void **state)
{
    (void)state;
    static const size_t sizes[] = {MF_QUEUE_ENDED_TOLD_BYTES - 1, MF_QUEUE_ENDED_TOLD_BYTES,
                                   MF_QUEUE_ENDED_TOLD_BYTES + 1};
    static char text[MF_QUEUE_ENDED_TOLD_BYTES + 1];
    const struct queue_settings settings = {.count_max = 1, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    memset(text, 'e', sizeof text);
    listen_to(queue);
    for (size_t i = 0; i < 3; i++) {
        OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){text, sizes[i]}, 1, ASK));
        OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){"s", 1}, 1, ASK));
        assert_int_equal(heard.count, 1);
        assert_int_equal(heard.first[0], 'e');
        assert_int_equal(heard.entries[0].event.bytes,
                         sizes[i] < MF_QUEUE_ENDED_TOLD_BYTES ? sizes[i] : MF_QUEUE_ENDED_TOLD_BYTES);
    }
    queue_unwatch(queue, &heard.watch);
    queue_put(queue);
}

static void so_many_make_room_and_no_more(void **state)
{
    (void)state;
    const struct queue_settings settings = {.bytes_max = 2 * MF_QUEUE_DROPPED_MAX, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    static char text[2 * MF_QUEUE_DROPPED_MAX];
    for (unsigned i = 0; i < 2 * MF_QUEUE_DROPPED_MAX; i++)
        rig_append(&rig, queue, "1");
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, &(struct store_bytes){text, MF_QUEUE_DROPPED_MAX + 1}, 1, ASK));
    store_has_stat(queue, 2 * MF_QUEUE_DROPPED_MAX, 2 * MF_QUEUE_DROPPED_MAX, 0, 0);
    listen_to(queue);
    OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){text, MF_QUEUE_DROPPED_MAX}, 1, ASK));
    assert_int_equal(rig.got.number, MF_QUEUE_DROPPED_MAX);
    assert_int_equal(heard.count, MF_QUEUE_DROPPED_MAX);
    queue_unwatch(queue, &heard.watch);
    store_has_stat(queue, MF_QUEUE_DROPPED_MAX + 1, 2 * MF_QUEUE_DROPPED_MAX, 0, 0);
    queue_put(queue);
}

static void what_has_no_room_is_buried(void **state)
{
    (void)state;
    const struct queue_settings settings = {.count_max = 2, .dead_max = 3, .overflow = QUEUE_BURIES};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    struct store_bytes event[] = {{"one", 3}, {"two", 3}, {"three", 5}};
    OK(queue_append(queue, QUEUE_BULK, event, 3, ASK)); /* as a whole, even the first time */
    assert_int_equal(rig.got.number, 3);
    assert_int_equal(rig.got.count, 3);
    store_has_stat(queue, 0, 0, 3, 11);
    store_takes_nothing(queue);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 3);
    store_has_text(rig.got.entries[1].event, "two");
    store_has_text(rig.got.entries[1].reason, QUEUE_WAS_FULL);
    assert_int_equal(rig.got.entries[1].attempts, 0);
    assert_int_equal(rig.got.entries[1].died_ms, rig.now_ms);
    assert_int_equal(rig.got.entries[1].enqueued_ms, rig.now_ms);
    OK(queue_append(queue, QUEUE_BULK, event, 2, ASK));
    assert_int_equal(rig.got.number, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, event, 1, ASK));
    store_has_stat(queue, 2, 6, 3, 11);
    OK(queue_purge(queue, true, 1, ASK));
    OK(queue_append(queue, QUEUE_URGENT, event, 1, ASK));
    store_has_stat(queue, 2, 6, 3, 11);
    OK(queue_purge(queue, false, 10, ASK));
    OK(queue_redrive(queue, 1, ASK));
    store_takes(queue, "two", 1);
    queue_put(queue);
}

static void store_has_siblings(struct queue *queue, const char *const *names, size_t count)
{
    OK(queue_siblings(queue, rig_text(""), ASK));
    assert_int_equal(rig.got.count, count);
    assert_false(rig.got.more);
    for (size_t i = 0; i < count; i++) {
        store_has_text(rig.got.pairs[i].key, names[i]);
        assert_int_equal(rig.got.pairs[i].value.bytes, sizeof(struct queue_stat));
    }
}

static void a_tenant_has_so_many_queues_and_bytes(void **state)
{
    (void)state;
    const struct queue_settings bounds = {.tenant_queues_max = 3, .tenant_bytes_max = 20};
    const struct store_bytes event = {"12345", 5}, long_one = {"1234567890", 10};
    const struct store_bytes two[] = {long_one, long_one};
    struct queue *a = rig_queue(&rig, "a", &bounds), *b = rig_queue(&rig, "b", &bounds),
                 *c = rig_queue(&rig, "c", &bounds), *d = rig_queue(&rig, "d", &bounds), *other;
    assert_int_equal(queue_get(rig.store, "acme2", "d", &bounds, &other), MF_OK);
    OK(queue_append(a, QUEUE_BULK, &event, 1, ASK));
    OK(queue_append(b, QUEUE_BULK, &event, 1, ASK));
    OK(queue_append(c, QUEUE_BULK, &event, 1, ASK));
    store_has_siblings(d, (const char *const[]){"a", "b", "c"}, 3);
    IS(MF_EFULL, queue_append(d, QUEUE_BULK, &event, 1, ASK)); /* one more name */
    assert_true(rig.got.bounded);
    store_has_stat(d, 0, 0, 0, 0);
    OK(queue_append(other, QUEUE_BULK, two, 2, ASK)); /* each tenant has its own */
    IS(MF_EFULL, queue_append(a, QUEUE_BULK, &long_one, 1, ASK));
    OK(queue_append(a, QUEUE_BULK, &event, 1, ASK)); /* that is all of it */
    IS(MF_EFULL, queue_append(b, QUEUE_BULK, &event, 1, ASK));
    const struct queue_entry *entry = rig_take(&rig, b); /* a dead letter counts, too */
    assert_non_null(entry);
    const uint64_t first_id = entry->id;
    OK(queue_bury(b, entry->id, entry->attempts, rig_text("why"), ASK));
    IS(MF_EFULL, queue_append(c, QUEUE_BULK, &event, 1, ASK));
    OK(queue_purge(b, false, 10, ASK)); /* nothing: a dead letter keeps the name */
    IS(MF_EFULL, queue_append(d, QUEUE_BULK, &event, 1, ASK));
    OK(queue_siblings(a, rig_text("a"), ASK));
    struct queue_stat stat;
    memcpy(&stat, rig.got.pairs[0].value.data, sizeof stat);
    assert_int_equal(stat.count, 0);
    assert_int_equal(stat.dead_count, 1);
    assert_int_equal(stat.dead_bytes, 5);
    OK(queue_purge(b, true, 10, ASK)); /* which it gives back */
    store_has_siblings(a, (const char *const[]){"a", "c"}, 2);
    OK(queue_append(d, QUEUE_BULK, &event, 1, ASK));
    IS(MF_EFULL, queue_append(b, QUEUE_BULK, &event, 1, ASK)); /* for another one to have */
    store_takes(c, "12345", 1);
    OK(queue_purge(c, false, 10, ASK)); /* what is taken, too */
    OK(queue_append(b, QUEUE_BULK, &event, 1, ASK));
    assert_true(rig.got.ids[0] > first_id); /* never one that it had before */
    store_has_stat(b, 1, 5, 0, 0);
    store_has_stat(c, 0, 0, 0, 0);
    store_takes(b, "12345", 1);
    OK(queue_purge(c, false, 10, ASK));
    struct queue *free_one = rig_queue(&rig, "free", &(struct queue_settings){0});
    OK(queue_append(free_one, QUEUE_BULK, two, 2, ASK)); /* whose settings ask for no bound */
    struct queue *all[] = {a, b, c, d, other, free_one};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        queue_put(all[i]);
}

static void a_buried_entry_keeps_its_story(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.dead_max = 2});
    uint64_t id[3];
    for (int i = 0; i < 3; i++)
        id[i] = rig_append(&rig, queue, (const char *[]){"one", "three", "2"}[i]);
    rig.now_ms += 7;
    OK(queue_take(queue, 3, SIZE_MAX, 1000, ASK));
    OK(queue_bury(queue, id[0], 1, rig_text("page fault"), ASK));
    IS(MF_ENOENT, queue_bury(queue, id[0], 1, rig_text("page fault"), ASK));
    store_has_stat(queue, 2, 6, 1, 3);
    OK(queue_bury(queue, id[1], 1, rig_text(""), ASK));
    IS(MF_EFULL, queue_bury(queue, id[2], 1, rig_text("x"), ASK));
    OK(queue_ack(queue, id[2], 1, ASK)); /* still ours */
    store_has_stat(queue, 0, 0, 2, 8);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 2);
    assert_false(rig.got.more);
    assert_int_equal(rig.got.entries[0].id, id[0]);
    store_has_text(rig.got.entries[0].event, "one");
    store_has_text(rig.got.entries[0].reason, "page fault");
    assert_int_equal(rig.got.entries[0].attempts, 1);
    assert_int_equal(rig.got.entries[0].enqueued_ms, rig.now_ms - 7);
    assert_int_equal(rig.got.entries[0].died_ms, rig.now_ms);
    store_has_text(rig.got.entries[1].reason, "");
    rig.now_ms += 10000;
    store_takes_nothing(queue);
    queue_put(queue);
}

static void dead_letters_are_redriven_as_new(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.count_max = 3});
    struct store_bytes urgent = {"urgent", 6};
    OK(queue_append(queue, QUEUE_URGENT, &urgent, 1, ASK));
    (void)rig_append(&rig, queue, "a");
    uint64_t last = rig_append(&rig, queue, "b");
    OK(queue_take(queue, 3, SIZE_MAX, 1000, ASK));
    uint64_t id[3] = {rig.got.entries[0].id, rig.got.entries[1].id, rig.got.entries[2].id};
    for (int i = 0; i < 3; i++)
        OK(queue_bury(queue, id[i], 1, rig_text("why"), ASK));
    (void)rig_append(&rig, queue, "c");
    rig.now_ms += 50;
    OK(queue_redrive(queue, 1, ASK));
    assert_int_equal(rig.got.count, 1);
    OK(queue_redrive(queue, 10, ASK)); /* there is room for one more */
    assert_int_equal(rig.got.count, 1);
    IS(MF_EFULL, queue_redrive(queue, 10, ASK));
    store_has_stat(queue, 3, 8, 1, 1);
    store_takes(queue, "urgent", 1);
    assert_int_equal(rig.got.entries[0].enqueued_ms, rig.now_ms);
    assert_true(rig.got.entries[0].id > last);
    store_takes(queue, "c", 1);
    OK(queue_ack(queue, rig.got.entries[0].id, 1, ASK));
    OK(queue_redrive(queue, 10, ASK));
    assert_int_equal(rig.got.count, 1);
    store_takes(queue, "a", 1);
    store_takes(queue, "b", 1);
    OK(queue_redrive(queue, 10, ASK));
    assert_int_equal(rig.got.count, 0);
    store_has_stat(queue, 3, 8, 0, 0);
    queue_put(queue);
}

static void what_is_too_old_dies(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.age_ms_max = 1000, .dead_max = 4});
    uint64_t taken = rig_append(&rig, queue, "taken");
    store_takes(queue, "taken", 1);
    uint64_t back = rig_append(&rig, queue, "back");
    store_takes(queue, "back", 1);
    OK(queue_nack(queue, back, 1, 10, ASK));
    (void)rig_append(&rig, queue, "old");
    rig.now_ms += 500;
    (void)rig_append(&rig, queue, "young");
    rig.now_ms += 501;
    store_takes(queue, "young", 1);
    store_takes_nothing(queue);
    store_has_stat(queue, 1, 5, 3, 12);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 3);
    for (int i = 0; i < 3; i++) {
        store_has_text(rig.got.entries[i].event, (const char *[]){"taken", "back", "old"}[i]);
        store_has_text(rig.got.entries[i].reason, QUEUE_TOO_OLD);
        assert_int_equal(rig.got.entries[i].attempts, i < 2);
    }
    IS(MF_ENOENT, queue_ack(queue, taken, 1, ASK));
    queue_put(queue);
}

/* Nothing vanishes, and nothing is told to come back at once for nothing. */
static void what_is_too_old_is_taken_where_dead_letters_are_full(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.age_ms_max = 1000, .dead_max = 1});
    (void)rig_append(&rig, queue, "one");
    (void)rig_append(&rig, queue, "two");
    rig.now_ms += 1001;
    store_takes(queue, "two", 1);
    store_takes_nothing(queue);
    store_has_stat(queue, 1, 3, 1, 3);
    queue_put(queue);
}

static void many_old_ones_die_over_several_takes(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.age_ms_max = 1000});
    static struct store_bytes events[MF_QUEUE_AGED_MAX * 2 + 10];
    size_t count = sizeof events / sizeof events[0];
    for (size_t i = 0; i < count; i++)
        events[i] = (struct store_bytes){"x", 1};
    OK(queue_append(queue, QUEUE_BULK, events, count, ASK));
    rig.now_ms += 2000;
    (void)rig_append(&rig, queue, "new");
    unsigned takes = 0;
    do {
        OK(queue_take(queue, 1, SIZE_MAX, 1000, ASK));
        takes++;
    } while (!rig.got.count && rig.got.due_ms <= rig.now_ms);
    assert_int_equal(rig.got.count, 1);
    store_has_text(rig.got.entries[0].event, "new");
    assert_int_equal(takes, 3);
    store_has_stat(queue, 1, 3, count, count);
    queue_put(queue);
}

static void what_is_past_a_limit_is_refused_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"", "-a", "a-", "A", "a/b", "a.b", "a b", "\xc3\xa4",
                                        "0123456789012345678901234567890123456789012345678901234567890123"};
    struct queue *queue = rig_queue(&rig, "q", NULL), *none;
    struct space *space = rig_space(&rig, RIG_TENANT), *no_space;
    char *large = calloc(1, MF_EVENT_BYTES_MAX + 1);
    assert_non_null(large);
    struct store_bytes past_event = {large, MF_EVENT_BYTES_MAX + 1}, past_value = {large, MF_VALUE_BYTES_MAX + 1},
                       past_key = {large, MF_KEY_BYTES_MAX + 1}, key = {"k", 1}, nothing = {"", 0};
    struct store_bytes three[3] = {{large, MF_EVENT_BYTES_MAX}, {large, MF_EVENT_BYTES_MAX}, {large, MF_EVENT_BYTES_MAX}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(queue_get(rig.store, RIG_TENANT, names[i], &(struct queue_settings){0}, &none), MF_EINVAL);
        assert_int_equal(queue_get(rig.store, names[i], "q", &(struct queue_settings){0}, &none), MF_EINVAL);
        assert_int_equal(space_get(rig.store, names[i], &(struct space_settings){0}, &no_space), MF_EINVAL);
    }
    assert_int_equal(queue_append(queue, QUEUE_BULK, &key, 0, ASK), MF_EINVAL);
    assert_int_equal(queue_append(queue, QUEUE_BULK, &key, MF_QUEUE_BATCH_MAX + 1, ASK), MF_EINVAL);
    assert_int_equal(queue_append(queue, QUEUE_PRIORITIES, &key, 1, ASK), MF_EINVAL);
    assert_int_equal(queue_append(queue, QUEUE_BULK, &past_event, 1, ASK), MF_ETOOBIG);
    assert_int_equal(queue_append(queue, QUEUE_BULK, three, 3, ASK), MF_ETOOBIG);
    assert_int_equal(queue_take(queue, 0, 1, 1, ASK), MF_EINVAL);
    assert_int_equal(queue_take(queue, MF_QUEUE_BATCH_MAX + 1, 1, 1, ASK), MF_EINVAL);
    assert_int_equal(queue_take(queue, 1, 1, 0, ASK), MF_EINVAL);
    assert_int_equal(queue_take(queue, 1, 1, MF_QUEUE_LEASE_MS_MAX + 1ull, ASK), MF_EINVAL);
    assert_int_equal(queue_extend(queue, 4, 1, 0, ASK), MF_EINVAL);
    assert_int_equal(queue_nack(queue, 4, 1, MF_QUEUE_DELAY_MS_MAX + 1, ASK), MF_EINVAL);
    assert_int_equal(queue_ack(queue, 7, 1, ASK), MF_EINVAL); /* no id of ours */
    assert_int_equal(queue_bury(queue, 4, 1, (struct store_bytes){large, MF_QUEUE_REASON_BYTES_MAX + 1}, ASK), MF_ETOOBIG);
    assert_int_equal(queue_purge(queue, true, 0, ASK), MF_EINVAL);
    assert_int_equal(space_read(space, nothing, SIZE_MAX, ASK), MF_EINVAL);
    assert_int_equal(space_read(space, past_key, SIZE_MAX, ASK), MF_ETOOBIG);
    assert_int_equal(space_set(space, key, past_value, 0, ASK), MF_ETOOBIG);
    assert_int_equal(space_compare_and_set(space, key, &past_value, nothing, 0, ASK), MF_ETOOBIG);
    assert_int_equal(space_scan(space, past_key, nothing, 1, SIZE_MAX, false, ASK), MF_ETOOBIG);
    assert_int_equal(space_scan(space, nothing, past_key, 1, SIZE_MAX, false, ASK), MF_ETOOBIG);
    assert_int_equal(space_scan(space, nothing, nothing, 0, SIZE_MAX, false, ASK), MF_EINVAL);
    rig.now_ms = 0;
    assert_int_equal(queue_stat(queue, ASK), MF_EINVAL);
    rig.now_ms = STORE_DATE_MS_MAX;
    assert_int_equal(queue_stat(queue, ASK), MF_EINVAL);
    assert_false(store_busy(rig.store));
    free(large);
    queue_put(queue);
    space_put(space);
}

static void the_largest_event_and_value_fit(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    uint8_t *large = malloc(MF_EVENT_BYTES_MAX);
    assert_non_null(large);
    for (size_t i = 0; i < MF_EVENT_BYTES_MAX; i++)
        large[i] = (uint8_t)(i * 31 >> 3);
    struct store_bytes event = {large, MF_EVENT_BYTES_MAX}, value = {large, MF_VALUE_BYTES_MAX},
                       key = {large, MF_KEY_BYTES_MAX};
    OK(queue_append(queue, QUEUE_BULK, &event, 1, ASK));
    const struct queue_entry *entry = rig_take(&rig, queue);
    assert_non_null(entry);
    assert_int_equal(entry->event.bytes, event.bytes);
    assert_memory_equal(entry->event.data, large, event.bytes);
    OK(queue_bury(queue, entry->id, 1, rig_text("large"), ASK));
    OK(queue_redrive(queue, 1, ASK));
    assert_int_equal(rig.got.count, 1);
    entry = rig_take(&rig, queue);
    assert_non_null(entry);
    assert_int_equal(entry->event.bytes, event.bytes);
    assert_memory_equal(entry->event.data, large, event.bytes);
    OK(space_set(space, key, value, 0, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_int_equal(rig.got.value.bytes, value.bytes);
    assert_memory_equal(rig.got.value.data, large, value.bytes);
    OK(space_compare_and_set(space, key, &value, (struct store_bytes){"small", 5}, 0, ASK));
    free(large);
    queue_put(queue);
    space_put(space);
}

/* The bound is that of all back ends. */
int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(a_full_queue_refuses_all_of_an_append),
        STORE_TEST(the_oldest_that_wait_make_room),
        STORE_TEST(one_that_came_back_may_be_dropped),
        STORE_TEST(who_watches_is_told_what_was_dropped),
        STORE_TEST(who_watches_is_told_what_was_too_old),
        STORE_TEST(of_what_was_dropped_the_beginning_is_told),
        STORE_TEST(so_many_make_room_and_no_more),
        STORE_TEST(what_has_no_room_is_buried),
        STORE_TEST(a_tenant_has_so_many_queues_and_bytes),
        STORE_TEST(a_buried_entry_keeps_its_story),
        STORE_TEST(dead_letters_are_redriven_as_new),
        STORE_TEST(what_is_too_old_dies),
        STORE_TEST(what_is_too_old_is_taken_where_dead_letters_are_full),
        STORE_TEST(many_old_ones_die_over_several_takes),
        STORE_TEST(what_is_past_a_limit_is_refused_at_once),
        STORE_TEST(the_largest_event_and_value_fit),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
