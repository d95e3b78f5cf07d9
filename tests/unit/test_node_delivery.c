/* test_node_delivery.c: envelopes, what outcomes mean, when the next attempt is due, and what is
 * remembered of calls that ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "node/delivery/calls.h"
#include "node/delivery/envelope.h"
#include "node/delivery/retry.h"
#include "node/instance/event.h"

#define CALL_ID "a-call"

static uint8_t fields[MF_HEAD_BYTES_MAX], written[4096];

static void put_header(struct field_writer *writer, const char *name, const char *value)
{
    field_put(writer, MF_FIELD_HEADER, name, strlen(name), value, strlen(value));
}

static struct envelope sample(const char *body)
{
    struct field_writer writer;
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    put_header(&writer, "x-other", "yes");
    put_header(&writer, ATTEMPT_HEADER, ATTEMPT_ROOM);
    assert_int_equal(writer.err, MF_OK);
    return (struct envelope){.arrived_ns = 77,
                             .call_id = CALL_ID,
                             .call_id_bytes = strlen(CALL_ID),
                             .fields = fields,
                             .field_bytes = writer.bytes,
                             .body = (const uint8_t *)body,
                             .body_bytes = strlen(body)};
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char *const body[] = {"", "x", "a body"};
    for (size_t i = 0; i < 3; i++) {
        struct envelope made = sample(body[i]), read;
        envelope_write(&made, written);
        assert_int_equal(envelope_read(written, envelope_bytes(&made), &read, NULL), MF_OK);
        assert_int_equal(read.arrived_ns, 77);
        assert_int_equal(read.call_id_bytes, made.call_id_bytes);
        assert_memory_equal(read.call_id, CALL_ID, strlen(CALL_ID));
        assert_int_equal(read.field_bytes, made.field_bytes);
        assert_memory_equal(read.fields, fields, made.field_bytes);
        assert_int_equal(read.body_bytes, made.body_bytes);
        if (made.body_bytes)
            assert_memory_equal(read.body, body[i], made.body_bytes);
    }
}

static void other_bytes_are_refused(void **state)
{
    (void)state;
    struct envelope made = sample("body"), read;
    size_t bytes = envelope_bytes(&made);
    static uint8_t changed[sizeof written];
    envelope_write(&made, written);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_int_equal(envelope_read(written, cut, &read, NULL), MF_EFORMAT);
    assert_int_equal(envelope_read(written, bytes + 1, &read, NULL), MF_EFORMAT);
    /* Each byte of the lengths, magic and version; then an id and fields that are none. */
    for (size_t at = 0; at < offsetof(struct envelope_head, arrived_ns); at++) {
        memcpy(changed, written, bytes);
        changed[at] ^= 0x81;
        assert_int_equal(envelope_read(changed, bytes, &read, NULL), MF_EFORMAT);
    }
    memcpy(changed, written, bytes);
    changed[sizeof(struct envelope_head)] = '\n';
    assert_int_equal(envelope_read(changed, bytes, &read, NULL), MF_EFORMAT);
    memcpy(changed, written, bytes);
    changed[sizeof(struct envelope_head) + strlen(CALL_ID)] = 99;
    assert_int_equal(envelope_read(changed, bytes, &read, NULL), MF_EFORMAT);
}

static void the_attempt_is_told_once_whatever_was_there(void **state)
{
    (void)state;
    static const uint32_t number[] = {1, 10, UINT32_MAX};
    struct envelope made = sample("");
    static uint8_t room[MF_HEAD_BYTES_MAX];
    for (size_t i = 0; i < 3; i++) {
        struct field_reader reader;
        struct field field;
        uint32_t bytes, seen = 0;
        char text[16];
        (void)snprintf(text, sizeof text, "%u", number[i]);
        assert_int_equal(envelope_fields(&made, number[i], room, &bytes), MF_OK);
        assert_true(bytes <= made.field_bytes);
        field_reader_init(&reader, room, bytes, false);
        while (field_next(&reader, &field) == MF_OK) {
            if (field.name_bytes != strlen(ATTEMPT_HEADER) ||
                memcmp(field.name, ATTEMPT_HEADER, field.name_bytes) != 0)
                continue;
            seen++;
            assert_int_equal(field.value_bytes, strlen(text));
            assert_memory_equal(field.value, text, strlen(text));
        }
        assert_int_equal(seen, 1);
    }
}

static void outcomes_mean_what_they_mean(void **state)
{
    (void)state;
    static const struct {
        enum situation situation;
        uint32_t status;
        enum verdict verdict;
    } row[] = {
        {SITUATION_REPLIED, 200, VERDICT_DELIVERED},
        {SITUATION_REPLIED, 302, VERDICT_DELIVERED},
        {SITUATION_REPLIED, 404, VERDICT_DELIVERED},
        {SITUATION_REPLIED, 499, VERDICT_DELIVERED},
        {SITUATION_REPLIED, 500, VERDICT_FAILED},
        {SITUATION_REPLIED, 599, VERDICT_FAILED},
        {SITUATION_HANDLER_FAILED, 0, VERDICT_FAILED},
        {SITUATION_BAD_ANSWER, 0, VERDICT_FAILED},
        {SITUATION_INSTANCE_FAULT, 0, VERDICT_FAILED},
        {SITUATION_PROTOCOL, 0, VERDICT_FAILED},
        {SITUATION_DEADLINE, 0, VERDICT_FAILED},
        {SITUATION_NO_FREE_INSTANCE, 0, VERDICT_OVERLOAD},
        {SITUATION_CANNOT_START, 0, VERDICT_OVERLOAD},
        {SITUATION_NODE_FULL, 0, VERDICT_OVERLOAD},
        {SITUATION_STOPPING, 0, VERDICT_RETURN},
        {SITUATION_STOPPED, 0, VERDICT_RETURN},
        {SITUATION_UNKNOWN_FUNCTION, 0, VERDICT_RETURN},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(retry_verdict(row[i].situation, row[i].status), row[i].verdict);
}

static void pauses_double_up_to_a_bound(void **state)
{
    (void)state;
    static const uint64_t most_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000,
                                       300000, 300000};
    for (uint32_t i = 0; i < sizeof most_ms / sizeof most_ms[0]; i++) {
        assert_int_equal(retry_delay_ms(i + 1, 0), most_ms[i]);
        uint64_t least_ms = retry_delay_ms(i + 1, UINT32_MAX);
        assert_in_range(least_ms, most_ms[i] / 2, most_ms[i] / 2 + 1);
    }
    assert_int_equal(retry_delay_ms(UINT32_MAX, 0), 300000);
    assert_int_equal(retry_overload_ms(1, 0), 100);
    assert_int_equal(retry_overload_ms(UINT32_MAX, 0), 10000);
    assert_int_equal(retry_trouble_ms(1), 1000);
    assert_int_equal(retry_trouble_ms(UINT32_MAX), 30000);
}

static void chance_spreads_them(void **state)
{
    (void)state;
    uint64_t last_ms = UINT64_MAX;
    for (uint64_t chance = 0; chance <= UINT32_MAX; chance += UINT32_MAX / 16) {
        uint64_t ms = retry_delay_ms(9, (uint32_t)chance);
        assert_in_range(ms, 128000, 256000);
        assert_true(ms < last_ms);
        last_ms = ms;
    }
}

static void the_last_calls_are_remembered(void **state)
{
    (void)state;
    struct calls calls = {0};
    char id[32];
    assert_null(calls_find(&calls, "0"));
    for (unsigned i = 0; i < MF_CALLS_REMEMBERED + 10; i++) {
        (void)snprintf(id, sizeof id, "%u", i);
        uint8_t key[CALL_KEY_BYTES];
        call_note_key(id, key);
        calls_ended(&calls, key, "f", i % 2 ? CALL_DEAD : CALL_DELIVERED, i, "words", i);
    }
    assert_null(calls_find(&calls, "9"));
    const struct call_end *end = calls_find(&calls, "11");
    assert_non_null(end);
    assert_int_equal(end->attempts, 11);
    assert_int_equal(end->state, CALL_DEAD);
    assert_string_equal(end->function, "f");
    uint8_t again[CALL_KEY_BYTES];
    call_note_key("11", again);
    calls_ended(&calls, again, "g", CALL_DROPPED, 1, "again", 5);
    assert_string_equal(calls_find(&calls, "11")->words, "again");
    assert_int_equal(calls_find(&calls, "11")->state, CALL_DROPPED);
    calls_close(&calls);
}

static void an_end_is_read_from_its_note(void **state)
{
    (void)state;
    struct store_own_note note, other;
    struct call_end end;
    call_note_make("id", "f", CALL_DEAD, 7, "status 500", 1234, &note);
    assert_int_equal(call_note_read(note.note.text, &end), MF_OK);
    assert_string_equal(end.function, "f");
    assert_string_equal(end.words, "status 500");
    assert_true(end.state == CALL_DEAD && end.attempts == 7 && end.ended_ms == 1234);
    call_note_make("other", "f", CALL_DEAD, 7, "status 500", 1234, &other);
    assert_memory_not_equal(note.note.key, other.note.key, sizeof note.note.key);
    for (size_t bytes = 0; bytes < note.note.text.bytes; bytes++)
        assert_int_equal(call_note_read((struct store_bytes){note.text, bytes}, &end), MF_EFORMAT);
    for (size_t at = 0; at < 4; at++) { /* each byte of the head that has few good values */
        other = note;
        other.text[at] ^= 0x80;
        assert_int_equal(call_note_read((struct store_bytes){other.text, note.note.text.bytes}, &end), MF_EFORMAT);
    }
    call_note_make("id", "f", CALL_DELIVERED, 1, "a\n\xc3\xa4", 1, &other);
    assert_int_equal(call_note_read(other.note.text, &end), MF_OK);
    assert_string_equal(end.words, "a???");
    note.text[note.note.text.bytes - 1] = '\n';
    assert_int_equal(call_note_read(note.note.text, &end), MF_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(the_attempt_is_told_once_whatever_was_there),
        cmocka_unit_test(outcomes_mean_what_they_mean),
        cmocka_unit_test(pauses_double_up_to_a_bound),
        cmocka_unit_test(chance_spreads_them),
        cmocka_unit_test(the_last_calls_are_remembered),
        cmocka_unit_test(an_end_is_read_from_its_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
