/*
 * test_store.c: the conformance suite: what every back end of the store does. The same
 * tests run against memory, LMDB and a real Redis.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_rig.h"

static struct rig rig;
static struct store_options options;
static char folder[] = "/tmp/mf-store-XXXXXX";
static char part[64]; /* LMDB: a folder for each test */
static struct rig_redis redis;
static unsigned tests_begun;

static int start(void **state)
{
    struct mf_why why = {{0}};
    (void)state;
    if (!options.url) {
        (void)snprintf(part, sizeof part, "%s/%u", folder, tests_begun++);
        char command[96];
        (void)snprintf(command, sizeof command, "mkdir -p %s", part);
        if (system(command) != 0)
            return -1;
        options.directory = part;
    }
    if (rig_open(&rig, &options, &why))
        fail_msg("%s", why.text);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_close(&rig);
    if (options.url && strncmp(options.url, "redis", 5) == 0) {
        char command[192];
        (void)snprintf(command, sizeof command, "redis-cli -s %s flushall >/dev/null", options.url + 11);
        return system(command);
    }
    return 0;
}

#define OK(...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), MF_OK)
#define IS(err, ...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), (err))
#define ASK rig_ask(&rig)

static void assert_text(struct store_bytes bytes, const char *text)
{
    if (bytes.bytes != strlen(text) || memcmp(bytes.data, text, bytes.bytes) != 0)
        fail_msg("\"%.*s\" is not \"%s\"", (int)bytes.bytes, (const char *)bytes.data, text);
}

static void assert_takes(struct queue *queue, const char *text, uint32_t attempts)
{
    const struct queue_entry *entry = rig_take(&rig, queue);
    if (!entry)
        fail_msg("nothing, not \"%s\"", text);
    assert_text(entry->event, text);
    assert_int_equal(entry->attempts, attempts);
}

static void assert_takes_nothing(struct queue *queue)
{
    const struct queue_entry *entry = rig_take(&rig, queue);
    if (entry)
        fail_msg("\"%.*s\"", (int)entry->event.bytes, (const char *)entry->event.data);
}

static void assert_stat(struct queue *queue, uint64_t count, uint64_t bytes, uint64_t dead_count,
                        uint64_t dead_bytes)
{
    OK(queue_stat(queue, ASK));
    assert_int_equal(rig.got.stat.count, count);
    assert_int_equal(rig.got.stat.bytes, bytes);
    assert_int_equal(rig.got.stat.dead_count, dead_count);
    assert_int_equal(rig.got.stat.dead_bytes, dead_bytes);
}

/* ---- queues ---- */

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
    assert_stat(queue, 4, 10, 0, 0);
    rig.now_ms += 5;
    OK(queue_take(queue, 3, SIZE_MAX, 1000, ASK));
    assert_int_equal(rig.got.count, 3);
    assert_int_equal(rig.got.due_ms, rig.now_ms); /* there is more */
    uint64_t ids[] = {first, second, third};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig.got.entries[i].id, ids[i]);
        assert_text(rig.got.entries[i].event, (const char *[]){"one", "two", ""}[i]);
        assert_int_equal(rig.got.entries[i].attempts, 1);
        assert_int_equal(rig.got.entries[i].enqueued_ms, rig.now_ms - 5);
        assert_int_equal(rig.got.entries[i].due_ms, rig.now_ms + 1000);
        assert_int_equal(rig.got.entries[i].priority, QUEUE_BULK);
    }
    assert_takes(queue, "four", 1);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1000); /* the first lease's end */
    assert_takes_nothing(queue);
    assert_stat(queue, 4, 10, 0, 0);
    queue_put(queue);
}

static void an_acknowledged_entry_is_gone(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK)); /* nobody has it */
    assert_takes(queue, "event", 1);
    IS(MF_ENOENT, queue_ack(queue, id, 2, ASK));
    IS(MF_ENOENT, queue_ack(queue, id + 4, 1, ASK));
    OK(queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, queue_nack(queue, id, 1, 0, ASK));
    assert_stat(queue, 0, 0, 0, 0);
    rig.now_ms += 100000;
    assert_takes_nothing(queue);
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
    assert_takes(queue, "first", 1);
    rig.now_ms += 999;
    assert_takes(queue, "second", 1);
    assert_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1);
    rig.now_ms += 1;
    assert_takes(queue, "first", 2);
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
    assert_takes(queue, "event", 1);
    rig.now_ms += 5000;
    OK(queue_ack(queue, id, 1, ASK));
    assert_takes_nothing(queue);
    queue_put(queue);
}

static void a_lease_can_be_extended(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    IS(MF_ENOENT, queue_extend(queue, id, 0, 1000, ASK));
    assert_takes(queue, "event", 1);
    rig.now_ms += 900;
    OK(queue_extend(queue, id, 1, 1000, ASK));
    rig.now_ms += 999;
    assert_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 1);
    rig.now_ms += 1;
    assert_takes(queue, "event", 2);
    queue_put(queue);
}

static void an_entry_given_back_waits_for_its_time(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t first = rig_append(&rig, queue, "first"), second = rig_append(&rig, queue, "second");
    (void)rig_append(&rig, queue, "third");
    assert_takes(queue, "first", 1);
    assert_takes(queue, "second", 1);
    OK(queue_nack(queue, first, 1, 300, ASK));
    IS(MF_ENOENT, queue_ack(queue, first, 1, ASK));
    OK(queue_nack(queue, second, 1, 0, ASK));
    assert_takes(queue, "second", 2); /* before what nobody has had */
    assert_takes(queue, "third", 1);
    assert_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 300);
    rig.now_ms += 299;
    assert_takes_nothing(queue);
    rig.now_ms += 1;
    assert_takes(queue, "first", 2);
    OK(queue_nack(queue, first, 2, 50, ASK)); /* and again */
    rig.now_ms += 50;
    assert_takes(queue, "first", 3);
    OK(queue_ack(queue, first, 3, ASK));
    assert_stat(queue, 2, 11, 0, 0);
    queue_put(queue);
}

static void what_came_back_and_passed_goes_on(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    uint64_t id = rig_append(&rig, queue, "event");
    assert_takes(queue, "event", 1);
    OK(queue_nack(queue, id, 1, 10, ASK));
    rig.now_ms += 10;
    assert_takes(queue, "event", 2);
    rig.now_ms += 1000;
    assert_takes(queue, "event", 3);
    OK(queue_nack(queue, id, 3, 10, ASK));
    rig.now_ms += 5;
    assert_takes_nothing(queue);
    assert_int_equal(rig.got.due_ms, rig.now_ms + 5);
    rig.now_ms += 5;
    assert_takes(queue, "event", 4);
    OK(queue_ack(queue, id, 4, ASK));
    assert_takes_nothing(queue);
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
    assert_takes(queue, "urgent 1", 1);
    assert_int_equal(rig.got.entries[0].priority, QUEUE_URGENT);
    uint64_t id = rig.got.entries[0].id;
    assert_takes(queue, "urgent 2", 1);
    assert_takes(queue, "bulk 1", 1);
    OK(queue_nack(queue, bulk, 1, 0, ASK));
    OK(queue_nack(queue, id, 1, 0, ASK));
    assert_takes(queue, "urgent 1", 2);
    assert_takes(queue, "bulk 1", 2);
    assert_takes(queue, "bulk 2", 1);
    assert_takes_nothing(queue);
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
    assert_takes(queue, "x", 1);
    queue_put(queue);
}

static void a_full_queue_refuses_all_of_an_append(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.count_max = 3, .bytes_max = 10});
    struct store_bytes two[] = {{"a", 1}, {"b", 1}};
    struct store_bytes large = {"12345678", 8};
    OK(queue_append(queue, QUEUE_BULK, two, 2, ASK));
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, two, 2, ASK));
    assert_stat(queue, 2, 2, 0, 0);
    OK(queue_append(queue, QUEUE_BULK, &large, 1, ASK));
    assert_stat(queue, 3, 10, 0, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 1, ASK));
    assert_takes(queue, "a", 1);
    OK(queue_ack(queue, rig.got.entries[0].id, 1, ASK));
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 2, ASK));
    OK(queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* exactly full again */
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, &(struct store_bytes){"", 0}, 1, ASK));
    assert_stat(queue, 3, 10, 0, 0);
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
    assert_takes(queue, "1", 1); /* in somebody's hands: it stays */
    uint64_t id = rig.got.entries[0].id;
    OK(queue_append(queue, QUEUE_URGENT, &urgent, 1, ASK));
    assert_int_equal(rig.got.number, 0);
    OK(queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* 2 goes */
    assert_int_equal(rig.got.number, 1);
    assert_int_equal(rig.got.count, 1);
    assert_stat(queue, 4, 4, 0, 0);
    OK(queue_append(queue, QUEUE_URGENT, two, 2, ASK)); /* 3 and x go */
    assert_int_equal(rig.got.number, 2);
    IS(MF_EFULL, queue_append(queue, QUEUE_BULK, two, 1, ASK)); /* urgent ones do not, for bulk */
    assert_stat(queue, 4, 4, 0, 0);
    OK(queue_ack(queue, id, 1, ASK));
    OK(queue_append(queue, QUEUE_URGENT, &(struct store_bytes){"12345678", 8}, 1, ASK)); /* for its bytes */
    assert_int_equal(rig.got.number, 1);
    assert_stat(queue, 3, 10, 0, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, &(struct store_bytes){"12345678901", 11}, 1, ASK));
    assert_stat(queue, 3, 10, 0, 0); /* nothing is dropped in vain */
    assert_takes(queue, "x", 1);
    assert_takes(queue, "y", 1);
    assert_takes(queue, "12345678", 1);
    assert_takes_nothing(queue);
    queue_put(queue);
}

static void one_that_came_back_may_be_dropped(void **state)
{
    (void)state;
    const struct queue_settings settings = {.count_max = 2, .overflow = QUEUE_DROPS};
    struct queue *queue = rig_queue(&rig, "q", &settings);
    rig_append(&rig, queue, "1");
    rig_append(&rig, queue, "2");
    assert_takes(queue, "1", 1);
    OK(queue_nack(queue, rig.got.entries[0].id, 1, 500, ASK));
    OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){"3", 1}, 1, ASK));
    assert_int_equal(rig.got.number, 1);
    rig.now_ms += 1000;
    assert_takes(queue, "2", 1);
    assert_takes(queue, "3", 1);
    assert_takes_nothing(queue);
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
    assert_stat(queue, 2 * MF_QUEUE_DROPPED_MAX, 2 * MF_QUEUE_DROPPED_MAX, 0, 0);
    OK(queue_append(queue, QUEUE_BULK, &(struct store_bytes){text, MF_QUEUE_DROPPED_MAX}, 1, ASK));
    assert_int_equal(rig.got.number, MF_QUEUE_DROPPED_MAX);
    assert_stat(queue, MF_QUEUE_DROPPED_MAX + 1, 2 * MF_QUEUE_DROPPED_MAX, 0, 0);
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
    assert_stat(queue, 0, 0, 3, 11);
    assert_takes_nothing(queue);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 3);
    assert_text(rig.got.entries[1].event, "two");
    assert_text(rig.got.entries[1].reason, QUEUE_WAS_FULL);
    assert_int_equal(rig.got.entries[1].attempts, 0);
    assert_int_equal(rig.got.entries[1].died_ms, rig.now_ms);
    assert_int_equal(rig.got.entries[1].enqueued_ms, rig.now_ms);
    OK(queue_append(queue, QUEUE_BULK, event, 2, ASK));
    assert_int_equal(rig.got.number, 0);
    IS(MF_EFULL, queue_append(queue, QUEUE_URGENT, event, 1, ASK));
    assert_stat(queue, 2, 6, 3, 11);
    OK(queue_purge(queue, true, 1, ASK));
    OK(queue_append(queue, QUEUE_URGENT, event, 1, ASK));
    assert_stat(queue, 2, 6, 3, 11);
    OK(queue_purge(queue, false, 10, ASK));
    OK(queue_redrive(queue, 1, ASK));
    assert_takes(queue, "two", 1);
    queue_put(queue);
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
    IS(MF_EFULL, queue_append(d, QUEUE_BULK, &event, 1, ASK)); /* one more name */
    assert_stat(d, 0, 0, 0, 0);
    OK(queue_append(other, QUEUE_BULK, two, 2, ASK)); /* each tenant has its own */
    IS(MF_EFULL, queue_append(a, QUEUE_BULK, &long_one, 1, ASK));
    OK(queue_append(a, QUEUE_BULK, &event, 1, ASK)); /* that is all of it */
    IS(MF_EFULL, queue_append(b, QUEUE_BULK, &event, 1, ASK));
    const struct queue_entry *entry = rig_take(&rig, b); /* a dead letter counts, too */
    assert_non_null(entry);
    OK(queue_bury(b, entry->id, entry->attempts, rig_text("why"), ASK));
    IS(MF_EFULL, queue_append(c, QUEUE_BULK, &event, 1, ASK));
    OK(queue_purge(b, true, 10, ASK));
    OK(queue_append(c, QUEUE_BULK, &event, 1, ASK));
    OK(queue_purge(c, false, 10, ASK));
    IS(MF_EFULL, queue_append(d, QUEUE_BULK, &event, 1, ASK)); /* a name is for good */
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
    assert_stat(queue, 2, 6, 1, 3);
    OK(queue_bury(queue, id[1], 1, rig_text(""), ASK));
    IS(MF_EFULL, queue_bury(queue, id[2], 1, rig_text("x"), ASK));
    OK(queue_ack(queue, id[2], 1, ASK)); /* still ours */
    assert_stat(queue, 0, 0, 2, 8);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 2);
    assert_false(rig.got.more);
    assert_int_equal(rig.got.entries[0].id, id[0]);
    assert_text(rig.got.entries[0].event, "one");
    assert_text(rig.got.entries[0].reason, "page fault");
    assert_int_equal(rig.got.entries[0].attempts, 1);
    assert_int_equal(rig.got.entries[0].enqueued_ms, rig.now_ms - 7);
    assert_int_equal(rig.got.entries[0].died_ms, rig.now_ms);
    assert_text(rig.got.entries[1].reason, "");
    rig.now_ms += 10000;
    assert_takes_nothing(queue);
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
    assert_stat(queue, 3, 8, 1, 1);
    assert_takes(queue, "urgent", 1);
    assert_int_equal(rig.got.entries[0].enqueued_ms, rig.now_ms);
    assert_true(rig.got.entries[0].id > last);
    assert_takes(queue, "c", 1);
    OK(queue_ack(queue, rig.got.entries[0].id, 1, ASK));
    OK(queue_redrive(queue, 10, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_takes(queue, "a", 1);
    assert_takes(queue, "b", 1);
    OK(queue_redrive(queue, 10, ASK));
    assert_int_equal(rig.got.count, 0);
    assert_stat(queue, 3, 8, 0, 0);
    queue_put(queue);
}

static void what_is_too_old_dies(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.age_ms_max = 1000, .dead_max = 4});
    uint64_t taken = rig_append(&rig, queue, "taken");
    assert_takes(queue, "taken", 1);
    uint64_t back = rig_append(&rig, queue, "back");
    assert_takes(queue, "back", 1);
    OK(queue_nack(queue, back, 1, 10, ASK));
    (void)rig_append(&rig, queue, "old");
    rig.now_ms += 500;
    (void)rig_append(&rig, queue, "young");
    rig.now_ms += 501;
    assert_takes(queue, "young", 1);
    assert_takes_nothing(queue);
    assert_stat(queue, 1, 5, 3, 12);
    OK(queue_peek(queue, true, 0, 10, 100, ASK));
    assert_int_equal(rig.got.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_text(rig.got.entries[i].event, (const char *[]){"taken", "back", "old"}[i]);
        assert_text(rig.got.entries[i].reason, QUEUE_TOO_OLD);
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
    assert_takes(queue, "two", 1);
    assert_takes_nothing(queue);
    assert_stat(queue, 1, 3, 1, 3);
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
    assert_text(rig.got.entries[0].event, "new");
    assert_int_equal(takes, 3);
    assert_stat(queue, 1, 3, count, count);
    queue_put(queue);
}

static void peek_shows_all_and_takes_nothing(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    struct store_bytes urgent = {"urgent", 6};
    uint64_t one = rig_append(&rig, queue, "one"), two = rig_append(&rig, queue, "two");
    (void)rig_append(&rig, queue, "three");
    assert_takes(queue, "one", 1);
    assert_takes(queue, "two", 1);
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
    assert_text(rig.got.entries[1].event, "one");
    assert_int_equal(rig.got.entries[1].attempts, 1);
    assert_int_equal(rig.got.entries[1].due_ms, rig.now_ms + 1000);
    assert_int_equal(rig.got.entries[2].id, two);
    assert_int_equal(rig.got.entries[2].attempts, 1);
    assert_int_equal(rig.got.entries[2].due_ms, rig.now_ms + 500);
    OK(queue_peek(queue, false, two, 3, 100, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_false(rig.got.more);
    assert_text(rig.got.entries[0].event, "three");
    assert_takes(queue, "urgent", 1);
    assert_takes(queue, "three", 1);
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
    assert_stat(queue, 1, 1, 1, 1);
    IS(MF_ENOENT, queue_ack(queue, third, 1, ASK));
    OK(queue_purge(queue, false, 2, ASK));
    assert_int_equal(rig.got.count, 1);
    rig.now_ms += 5000;
    assert_takes_nothing(queue);
    assert_true(rig.got.due_ms == STORE_NEVER);
    OK(queue_purge(queue, true, 5, ASK));
    assert_int_equal(rig.got.count, 1);
    assert_stat(queue, 0, 0, 0, 0);
    OK(queue_purge(queue, true, 5, ASK));
    assert_int_equal(rig.got.count, 0);
    (void)rig_append(&rig, queue, "new");
    assert_takes(queue, "new", 1);
    queue_put(queue);
}

static void queues_and_tenants_are_apart(void **state)
{
    (void)state;
    struct queue *one = rig_queue(&rig, "q", NULL), *two = rig_queue(&rig, "q-2", NULL), *other;
    assert_int_equal(queue_get(rig.store, "other", "q", &(struct queue_settings){0}, &other), MF_OK);
    (void)rig_append(&rig, one, "one");
    assert_takes_nothing(two);
    assert_takes_nothing(other);
    assert_stat(other, 0, 0, 0, 0);
    (void)rig_append(&rig, other, "other");
    OK(queue_purge(other, false, 10, ASK));
    assert_takes(one, "one", 1);
    queue_put(one);
    queue_put(two);
    queue_put(other);
}

static void an_unknown_queue_is_empty(void **state)
{
    (void)state;
    struct queue *queue = rig_queue(&rig, "q", NULL);
    assert_stat(queue, 0, 0, 0, 0);
    assert_takes_nothing(queue);
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

static unsigned hints;

static void note_hint(struct queue_watch *watch)
{
    (void)watch;
    hints++;
}

static void assert_hinted(void)
{
    for (int i = 0; i < 2000 && !hints; i++) { /* Redis tells it on another connection */
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
    assert_takes(queue, "x", 1);
    OK(queue_nack(queue, id, 1, 100, ASK));
    assert_hinted();
    rig.now_ms += 100;
    assert_takes(queue, "x", 2);
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

/* The bound is that of all back ends. */
static void so_many_may_wait_and_no_more(void **state)
{
    (void)state;
    if (options.url && strncmp(options.url, "redis", 5) == 0)
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

/* ---- many at once ---- */

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
    assert_stat(busy.queue, 0, 0, 0, 0);
    queue_put(busy.queue);
}

/* ---- key-values ---- */

static void values_are_set_read_and_deleted(void **state)
{
    (void)state;
    struct space *space = rig_space(&rig, RIG_TENANT), *other = rig_space(&rig, "other");
    struct store_bytes key = {"a\0b\xff", 4}, near = {"a\0b", 3};
    IS(MF_ENOENT, space_read(space, key, SIZE_MAX, ASK));
    OK(space_set(space, key, rig_text("first"), 0, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_text(rig.got.value, "first");
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
    assert_text(rig.got.value, "-2");
    OK(space_set(space, key, rig_text("9223372036854775806"), 0, ASK));
    OK(space_increment(space, key, 1, ASK));
    assert_true(rig.got.number == INT64_MAX);
    IS(MF_EINVAL, space_increment(space, key, 1, ASK));
    OK(space_read(space, key, SIZE_MAX, ASK));
    assert_text(rig.got.value, "9223372036854775807");
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
    assert_text(rig.got.value, "one");
    IS(MF_EEXIST, space_compare_and_set(space, key, &two, one, 0, ASK));
    assert_text(rig.got.value, "one");
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
    assert_text(rig.got.pairs[0].key, "a/1");
    assert_text(rig.got.pairs[0].value, "a/1");
    OK(space_scan(space, prefix, rig_text("a/1"), 10, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 2);
    assert_false(rig.got.more);
    assert_text(rig.got.pairs[0].key, "a/2");
    assert_int_equal(rig.got.pairs[0].value.bytes, 0);
    assert_int_equal(rig.got.pairs[1].expires_ms, rig.now_ms + 10);
    rig.now_ms += 10;
    OK(space_scan(space, prefix, rig_text("a/1"), 10, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 1);
    OK(space_scan(space, none, none, 1000, SIZE_MAX, false, ASK));
    assert_int_equal(rig.got.count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_text(rig.got.pairs[i].key, (const char *[]){"a", "a/1", "a/2", "a0", "b", "\xff", "\xff\xff"}[i]);
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
    assert_text(rig.got.value, "12345");
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
    assert_text(rig.got.pairs[0].key, "k2");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

/* ---- changes with appends beside them ---- */

static void a_change_and_its_appends_are_one_step(void **state)
{
    struct queue *a = rig_queue(&rig, "a", NULL), *b = rig_queue(&rig, "b", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes key = rig_text("k"), one = rig_text("1"), other = rig_text("x");
    const struct store_also also[] = {{a, QUEUE_BULK, rig_text("to a")}, {b, QUEUE_URGENT, rig_text("to b")}};
    struct store_beside beside = {also, 2};
    (void)state;
    assert_int_equal(RIG(&rig, space_set_beside(space, key, one, 0, &beside, rig_ask(&rig))), MF_OK);
    assert_takes(a, "to a", 1);
    assert_takes(b, "to b", 1);
    beside.count = 1;
    assert_int_equal(RIG(&rig, space_increment_beside(space, key, 41, &beside, rig_ask(&rig))), MF_OK);
    assert_int_equal(rig.got.number, 42);
    assert_takes(a, "to a", 1);
    one = rig_text("42");
    assert_int_equal(RIG(&rig, space_compare_and_set_beside(space, key, &one, other, 0, &beside, rig_ask(&rig))), MF_OK);
    assert_takes(a, "to a", 1);
    assert_int_equal(RIG(&rig, space_delete_beside(space, key, &beside, rig_ask(&rig))), MF_OK);
    assert_takes(a, "to a", 1);
    assert_takes_nothing(a);
    assert_takes_nothing(b);
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
    assert_stat(a, 0, 0, 0, 0);
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
    assert_text(rig.got.value, "1");
    assert_stat(a, 0, 0, 0, 0);
    assert_stat(c, 1, 1, 0, 0);
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
    assert_stat(a, 0, 0, 0, 0);
    assert_takes(b, "old", 1);
    assert_int_equal(RIG(&rig, queue_ack_beside(a, id, 1, &beside, rig_ask(&rig))), MF_ENOENT);
    assert_takes(b, "moved", 1);
    assert_takes_nothing(b);
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

static const struct CMUnitTest tests[] = {
    TEST(entries_come_in_the_order_of_appending),
    TEST(an_acknowledged_entry_is_gone),
    TEST(a_lease_that_passed_goes_to_the_next),
    TEST(a_late_acknowledgement_counts_if_nobody_else_has_it),
    TEST(a_lease_can_be_extended),
    TEST(an_entry_given_back_waits_for_its_time),
    TEST(what_came_back_and_passed_goes_on),
    TEST(urgent_entries_overtake),
    TEST(a_take_keeps_to_its_bytes_but_takes_one),
    TEST(a_full_queue_refuses_all_of_an_append),
    TEST(the_oldest_that_wait_make_room),
    TEST(one_that_came_back_may_be_dropped),
    TEST(so_many_make_room_and_no_more),
    TEST(what_has_no_room_is_buried),
    TEST(a_tenant_has_so_many_queues_and_bytes),
    TEST(a_buried_entry_keeps_its_story),
    TEST(dead_letters_are_redriven_as_new),
    TEST(what_is_too_old_dies),
    TEST(what_is_too_old_is_taken_where_dead_letters_are_full),
    TEST(many_old_ones_die_over_several_takes),
    TEST(peek_shows_all_and_takes_nothing),
    TEST(a_purge_takes_taken_ones_too),
    TEST(queues_and_tenants_are_apart),
    TEST(an_unknown_queue_is_empty),
    TEST(what_is_past_a_limit_is_refused_at_once),
    TEST(the_largest_event_and_value_fit),
    TEST(watchers_hear_of_what_can_be_taken),
    TEST(closing_answers_all_that_waits),
    TEST(so_many_may_wait_and_no_more),
    TEST(a_busy_queue_loses_and_doubles_nothing),
    TEST(values_are_set_read_and_deleted),
    TEST(expired_values_are_invisible_at_once),
    TEST(increments_add_up),
    TEST(compare_and_set_compares),
    TEST(a_scan_goes_through_a_prefix_in_order),
    TEST(an_answer_keeps_to_its_bytes),
    TEST(a_space_has_a_bound),
    TEST(a_change_and_its_appends_are_one_step),
    TEST(what_is_refused_appends_nothing),
    TEST(where_one_has_no_room_nothing_changes),
    TEST(an_entry_moves_from_queue_to_queue),
    TEST(appends_beside_are_checked),
};

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    int failed = 0;
    if (!mkdtemp(folder))
        return 1;
    if (!*only || strcmp(only, "memory") == 0) {
        options = (struct store_options){.url = "memory:"};
        failed += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    }
    if (!*only || strcmp(only, "lmdb") == 0) {
        options = (struct store_options){.url = NULL};
        failed += cmocka_run_group_tests_name("lmdb", tests, NULL, NULL);
    }
    if (!*only || strcmp(only, "redis") == 0) {
        if (!rig_redis_start(&redis, folder))
            failed++, fprintf(stderr, "no redis-server (Debian: redis-tools)\n");
        else {
            options = (struct store_options){.url = redis.url, .node = "here"};
            failed += cmocka_run_group_tests_name("redis", tests, NULL, NULL);
            rig_redis_stop(&redis, SIGTERM);
        }
    }
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || failed;
}
