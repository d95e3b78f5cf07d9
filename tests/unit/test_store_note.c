/*
 * test_store_note.c: the conformance suite (test_store.c): notes of leases that ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store_suite.h"

static const struct store_ask *unheard(void)
{
    static struct store_ask ask;
    ask = (struct store_ask){.now_ms = rig.now_ms};
    return &ask;
}

static struct store_note note_of(uint32_t number, const char *text)
{
    struct store_note note = {.text = rig_text(text)};
    memset(note.key, 'k', sizeof note.key);
    memcpy(note.key, &number, sizeof number);
    return note;
}

/* Through all of its steps. */
static mf_err find(struct space *space, enum store_durability durability, uint32_t number)
{
    struct store_note note = note_of(number, "");
    uint64_t older = 0;
    for (unsigned steps = 0;; steps++) {
        mf_err err = RIG(&rig, space_note(space, durability, note.key, older, rig_ask(&rig)));
        if (err != MF_ENOENT || !rig.got.more)
            return err;
        assert_true(steps <= MF_NOTES_MAX);
        older = (uint64_t)rig.got.number;
    }
}

static void an_end_leaves_its_note(void **state)
{
    static const struct queue_settings loose = {.durability = STORE_PROCESS_CRASH};
    struct queue *queue = rig_queue(&rig, "a", NULL), *other = rig_queue(&rig, "b", &loose);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_note good = note_of(1, "good"), bad = note_of(2, "bad"), again = note_of(1, "again");
    (void)state;
    IS(MF_ENOENT, space_note(space, STORE_POWER_LOSS, good.key, 0, ASK));
    assert_false(rig.got.more);
    rig_append(&rig, queue, "1");
    rig_append(&rig, queue, "2");
    uint64_t id = rig_take(&rig, queue)->id;
    OK(queue_ack_noted(queue, id, 1, &good, ASK));
    id = rig_take(&rig, queue)->id;
    OK(queue_bury_noted(queue, id, 1, rig_text("why"), &bad, ASK));
    OK(space_note(space, STORE_POWER_LOSS, good.key, 0, ASK));
    store_has_text(rig.got.value, "good");
    OK(space_note(space, STORE_POWER_LOSS, bad.key, 0, ASK));
    store_has_text(rig.got.value, "bad");
    rig_append(&rig, other, "1");
    id = rig_take(&rig, other)->id;
    OK(queue_ack_noted(other, id, 1, &again, ASK));
    OK(space_note(space, STORE_PROCESS_CRASH, good.key, 0, ASK));
    store_has_text(rig.got.value, "again");
    queue_put(queue);
    queue_put(other);
    space_put(space);
}

static void what_is_refused_leaves_none(void **state)
{
    static const struct queue_settings none_dead = {.dead_max = 1};
    struct queue *queue = rig_queue(&rig, "a", &none_dead);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_note note = note_of(1, "no"), first = note_of(2, "first");
    (void)state;
    rig_append(&rig, queue, "1");
    rig_append(&rig, queue, "2");
    uint64_t id = rig_take(&rig, queue)->id;
    IS(MF_ENOENT, queue_ack_noted(queue, id, 2, &note, ASK));
    OK(queue_bury_noted(queue, id, 1, rig_text("why"), &first, ASK));
    id = rig_take(&rig, queue)->id;
    IS(MF_EFULL, queue_bury_noted(queue, id, 1, rig_text("why"), &note, ASK));
    note.text.bytes = MF_NOTE_BYTES_MAX + 1;
    assert_int_equal(queue_ack_noted(queue, id, 1, &note, ASK), MF_ETOOBIG);
    IS(MF_ENOENT, space_note(space, STORE_POWER_LOSS, note.key, 0, ASK));
    OK(queue_ack(queue, id, 1, ASK));
    IS(MF_ENOENT, space_note(space, STORE_POWER_LOSS, note.key, 0, ASK));
    OK(space_note(space, STORE_POWER_LOSS, first.key, 0, ASK));
    queue_put(queue);
    space_put(space);
}

#define MORE (MF_NOTE_CHUNK_BYTES / STORE_NOTE_KEY_BYTES) /* a record's, as long as they are kept together */
#define AT_ONCE 64u

static void the_oldest_go_first(void **state)
{
    static const struct queue_settings loose = {.durability = STORE_PROCESS_CRASH};
    struct queue *queue = rig_queue(&rig, "a", &loose);
    struct space *space = rig_space(&rig, RIG_TENANT);
    struct store_bytes events[AT_ONCE];
    uint64_t ids[AT_ONCE];
    (void)state;
    for (unsigned i = 0; i < AT_ONCE; i++)
        events[i] = rig_text("x");
    for (uint32_t number = 0; number < MF_NOTES_MAX + MORE;) {
        OK(queue_append(queue, QUEUE_BULK, events, AT_ONCE, ASK));
        OK(queue_take(queue, AT_ONCE, 1 << 20, 1000, ASK));
        assert_int_equal(rig.got.count, AT_ONCE);
        for (unsigned i = 0; i < AT_ONCE; i++)
            ids[i] = rig.got.entries[i].id;
        for (unsigned i = 0; i < AT_ONCE && number < MF_NOTES_MAX + MORE; i++, number++) {
            struct store_note note = note_of(number, "x");
            assert_int_equal(queue_ack_noted(queue, ids[i], 1, &note, unheard()), MF_OK);
        }
    }
    OK(queue_purge(queue, false, AT_ONCE, ASK));
    assert_int_equal(find(space, STORE_PROCESS_CRASH, 0), MF_ENOENT);
    assert_int_equal(find(space, STORE_PROCESS_CRASH, MORE), MF_OK);
    assert_int_equal(find(space, STORE_PROCESS_CRASH, MF_NOTES_MAX + MORE - 1), MF_OK);
    assert_int_equal(find(space, STORE_PROCESS_CRASH, MF_NOTES_MAX + MORE), MF_ENOENT);
    queue_put(queue);
    space_put(space);
}

/* The note of an event that begins with its number; "-": of nobody's. */
static bool note_of_event(const char *queue, const struct queue_entry *entry, uint64_t now_ms, struct store_own_note *own)
{
    uint32_t number = 0;
    const char *event = entry->event.data;
    if (entry->event.bytes < 2 || event[0] == '-')
        return false;
    number = (uint32_t)(event[0] - '0') * 10 + (uint32_t)(event[1] - '0');
    own->note = note_of(number, "");
    int bytes = snprintf((char *)own->text, sizeof own->text, "%s %.*s %u%s%s", queue, (int)entry->reason.bytes,
                         (const char *)entry->reason.data, entry->attempts, entry->died_ms ? " dead" : "",
                         now_ms == rig.now_ms ? "" : " when?");
    own->note.text = (struct store_bytes){own->text, (size_t)bytes};
    return true;
}

static void is_noted(struct space *space, enum store_durability durability, uint32_t number, const char *text)
{
    assert_int_equal(find(space, durability, number), MF_OK);
    store_has_text(rig.got.value, text);
}

static void what_is_dropped_leaves_a_note(void **state)
{
    static const struct queue_settings small = {.count_max = 2, .overflow = QUEUE_DROPS, .note_of = note_of_event};
    struct queue *queue = rig_queue(&rig, "a", &small), *other = rig_queue(&rig, "b", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    (void)state;
    rig_append(&rig, queue, "11");
    rig_append(&rig, queue, "-");
    uint64_t id = rig_take(&rig, queue)->id;
    OK(queue_nack(queue, id, 1, 0, ASK));
    rig_append(&rig, queue, "12");
    rig_append(&rig, queue, "13");
    is_noted(space, STORE_POWER_LOSS, 11, "a queue full 1");
    assert_int_equal(find(space, STORE_POWER_LOSS, 12), MF_ENOENT);
    rig_append(&rig, other, "x"); /* beside another change, too */
    id = rig_take(&rig, other)->id;
    const struct store_also also = {queue, QUEUE_BULK, rig_text("14")};
    OK(queue_ack_beside(other, id, 1, &(struct store_beside){&also, 1}, ASK));
    is_noted(space, STORE_POWER_LOSS, 12, "a queue full 0");
    store_takes(queue, "13", 1);
    store_takes(queue, "14", 1);
    queue_put(queue);
    queue_put(other);
    space_put(space);
}

static void what_has_no_room_and_dies_leaves_a_note(void **state)
{
    static const struct queue_settings small = {.count_max = 1, .overflow = QUEUE_BURIES, .note_of = note_of_event,
                                                .durability = STORE_PROCESS_CRASH};
    struct queue *queue = rig_queue(&rig, "a", &small);
    struct space *space = rig_space(&rig, RIG_TENANT);
    const struct store_bytes events[] = {rig_text("22"), rig_text("-"), rig_text("23")};
    (void)state;
    rig_append(&rig, queue, "21");
    OK(queue_append(queue, QUEUE_BULK, events, 3, ASK));
    store_has_stat(queue, 1, 2, 3, 5);
    is_noted(space, STORE_PROCESS_CRASH, 22, "a queue full 0 dead");
    is_noted(space, STORE_PROCESS_CRASH, 23, "a queue full 0 dead");
    assert_int_equal(find(space, STORE_PROCESS_CRASH, 21), MF_ENOENT);
    queue_put(queue);
    space_put(space);
}

static void what_has_no_room_beside_a_change_leaves_a_note(void **state)
{
    static const struct queue_settings small = {.count_max = 1, .overflow = QUEUE_BURIES, .note_of = note_of_event};
    struct queue *queue = rig_queue(&rig, "a", &small), *roomy = rig_queue(&rig, "b", NULL);
    struct space *space = rig_space(&rig, RIG_TENANT);
    const struct store_also also[] = {{roomy, QUEUE_BULK, rig_text("41")}, {queue, QUEUE_BULK, rig_text("42")}};
    (void)state;
    rig_append(&rig, queue, "40");
    OK(space_set_beside(space, rig_text("k"), rig_text("v"), 0, &(struct store_beside){also, 2}, ASK));
    store_has_stat(queue, 1, 2, 1, 2);
    is_noted(space, STORE_POWER_LOSS, 42, "a queue full 0 dead");
    assert_int_equal(find(space, STORE_POWER_LOSS, 41), MF_ENOENT);
    queue_put(queue);
    queue_put(roomy);
    space_put(space);
}

static void what_is_purged_leaves_a_note(void **state)
{
    static const struct queue_settings noting = {.note_of = note_of_event};
    struct queue *queue = rig_queue(&rig, "a", &noting);
    struct space *space = rig_space(&rig, RIG_TENANT);
    (void)state;
    for (int i = 0; i < 3; i++)
        rig_append(&rig, queue, (const char *[]){"51", "52", "53"}[i]);
    uint64_t id = rig_take(&rig, queue)->id;
    OK(queue_bury(queue, id, 1, rig_text("why"), ASK));
    (void)rig_take(&rig, queue);
    OK(queue_purge(queue, true, 10, ASK)); /* what died has its note */
    assert_int_equal(find(space, STORE_POWER_LOSS, 51), MF_ENOENT);
    OK(queue_purge(queue, false, 10, ASK));
    is_noted(space, STORE_POWER_LOSS, 52, "a purged 1");
    is_noted(space, STORE_POWER_LOSS, 53, "a purged 0");
    queue_put(queue);
    space_put(space);
}

static void what_is_too_old_leaves_a_note(void **state)
{
    static const struct queue_settings brief = {.age_ms_max = 1000, .note_of = note_of_event};
    struct queue *queue = rig_queue(&rig, "a", &brief);
    struct space *space = rig_space(&rig, RIG_TENANT);
    (void)state;
    rig_append(&rig, queue, "31");
    rig_append(&rig, queue, "-");
    uint64_t id = rig_take(&rig, queue)->id;
    OK(queue_nack(queue, id, 1, 0, ASK));
    rig.now_ms += 1001;
    rig_append(&rig, queue, "32");
    store_takes(queue, "32", 1);
    is_noted(space, STORE_POWER_LOSS, 31, "a too old 1 dead");
    assert_int_equal(find(space, STORE_POWER_LOSS, 32), MF_ENOENT);
    store_has_stat(queue, 1, 2, 2, 3);
    queue_put(queue);
    space_put(space);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(an_end_leaves_its_note),
        STORE_TEST(what_is_refused_leaves_none),
        STORE_TEST(the_oldest_go_first),
        STORE_TEST(what_is_dropped_leaves_a_note),
        STORE_TEST(what_has_no_room_and_dies_leaves_a_note),
        STORE_TEST(what_has_no_room_beside_a_change_leaves_a_note),
        STORE_TEST(what_is_purged_leaves_a_note),
        STORE_TEST(what_is_too_old_leaves_a_note),
    };
    return store_suite(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
