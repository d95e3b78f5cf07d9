/* Letters to callers: what they say, however little room there is; hosts that are left alone, or are slow; letters that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/event.h"
#include "node/callbacks/letter.h"
#include "node/callbacks/pauses.h"
#include "node/callbacks/strikes.h"
#include "node/callbacks/turns.h"
#include "node/instance/event.h"

static uint8_t reply[MF_HEAD_BYTES_MAX], room[MF_HEAD_BYTES_MAX];

static void put(struct field_writer *writer, const char *name, const char *value)
{
    field_put(writer, MF_FIELD_HEADER, name, strlen(name), value, strlen(value));
    assert_int_equal(writer->err, MF_OK);
}

static struct letter sample(uint32_t field_bytes)
{
    return (struct letter){.url = "http://h/x?y", .url_bytes = 12, .call_id = "id-1", .call_id_bytes = 4,
                           .function = "fn", .status = 207, .took_ns = 1002003000, .now_ns = 5,
                           .fields = reply, .field_bytes = field_bytes,
                           .body = (const uint8_t *)"body", .body_bytes = 4};
}

/* Header's only value; NULL: none. Fails if there are two. */
static const char *header(uint32_t bytes, const char *name)
{
    static char text[MF_FIELD_VALUE_MAX + 1];
    struct field_reader reader;
    struct field field;
    const char *found = NULL;
    field_reader_init(&reader, room, bytes, true);
    while (field_next(&reader, &field) == MF_OK) {
        if (field.name_bytes != strlen(name) || memcmp(field.name, name, field.name_bytes) != 0)
            continue;
        assert_null(found);
        memcpy(text, field.value, field.value_bytes);
        text[field.value_bytes] = 0;
        found = text;
    }
    return found;
}

static void read_back(const struct letter *letter, struct letter_out *out, struct mf_buf *buf)
{
    assert_int_equal(letter_write(letter, buf), MF_OK);
    assert_int_equal(letter_read(buf->data, buf->bytes, room, out), MF_OK);
}

static void a_letter_says_how_it_ended(void **state)
{
    struct field_writer writer;
    struct mf_buf buf = {0};
    struct letter_out out;
    (void)state;
    field_writer_init(&writer, reply, sizeof reply);
    static const char *const names[] = {"x-call-id", "x-function-status", "x-function-name", "host",
                                        "x-duration-seconds", "x-callback-url", "connection",
                                        "content-length", "transfer-encoding"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(&writer, names[i], "forged");
    put(&writer, "content-type", "text/x");
    const struct letter letter = sample(writer.bytes);
    read_back(&letter, &out, &buf);
    assert_int_equal(out.url_bytes, 12);
    assert_memory_equal(out.url, "http://h/x?y", 12);
    assert_memory_equal(out.body, "body", 4);
    assert_string_equal(header(out.header_bytes, "x-call-id"), "id-1");
    assert_string_equal(header(out.header_bytes, "x-function-name"), "fn");
    assert_string_equal(header(out.header_bytes, "x-function-status"), "207");
    assert_string_equal(header(out.header_bytes, "x-duration-seconds"), "1.002003");
    assert_string_equal(header(out.header_bytes, "content-type"), "text/x");
    for (size_t i = 3; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], "x-duration-seconds") != 0)
            assert_null(header(out.header_bytes, names[i]));
    mf_buf_close(&buf);
}

static void a_reply_without_room_for_ours_loses_its_headers(void **state)
{
    struct field_writer writer;
    struct mf_buf buf = {0};
    struct letter_out out;
    char name[16];
    (void)state;
    field_writer_init(&writer, reply, sizeof reply);
    for (unsigned i = 0; i < MF_FIELDS_MAX; i++) {
        (void)snprintf(name, sizeof name, "x-%u", i);
        put(&writer, name, "y");
    }
    const struct letter letter = sample(writer.bytes);
    read_back(&letter, &out, &buf);
    assert_string_equal(header(out.header_bytes, "x-function-status"), "207");
    assert_null(header(out.header_bytes, "x-1"));
    assert_int_equal(out.body_bytes, 4);
    mf_buf_close(&buf);
}

static void what_is_no_letter_is_refused(void **state)
{
    struct mf_buf buf = {0};
    struct letter_out out;
    const struct letter letter = sample(0);
    (void)state;
    assert_int_equal(letter_write(&letter, &buf), MF_OK);
    for (size_t i = 0; i < buf.bytes; i++)
        assert_int_equal(letter_read(buf.data, i, room, &out), MF_EFORMAT);
    buf.data[0] ^= 1;
    assert_int_equal(letter_read(buf.data, buf.bytes, room, &out), MF_EFORMAT);
    mf_buf_close(&buf);
}

static void the_url_is_found_among_the_fields(void **state)
{
    struct field_writer writer;
    const char *url = NULL;
    size_t bytes = 0;
    (void)state;
    field_writer_init(&writer, reply, sizeof reply);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/x-callback-url", 15);
    put(&writer, "x-callback-urls", "no");
    assert_false(letter_wanted(reply, writer.bytes, &url, &bytes));
    put(&writer, "X-Callback-Url", "http://h");
    assert_true(letter_wanted(reply, writer.bytes, &url, &bytes));
    assert_int_equal(bytes, 8);
    assert_memory_equal(url, "http://h", 8);
}

static struct url at(const char *text)
{
    struct url url;
    assert_int_equal(url_parse(text, strlen(text), &url, NULL), MF_OK);
    return url;
}

static void a_host_is_left_alone_for_longer_and_longer(void **state)
{
    static struct pauses pauses;
    const struct url a = at("http://a/"), b = at("http://b/"), other = at("http://a:81/");
    uint64_t now = 1000, pause = MF_CALLBACK_PAUSE_MS_FIRST;
    (void)state;
    assert_int_equal(pauses_left_ms(&pauses, &a, now), 0);
    for (int i = 0; i < 12; i++) {
        assert_true(pauses_failed(&pauses, &a, now));
        assert_int_equal(pauses_left_ms(&pauses, &a, now), pause);
        assert_false(pauses_failed(&pauses, &a, now + 1)); /* that was on its way, too */
        assert_int_equal(pauses_left_ms(&pauses, &a, now + 1), pause - 1);
        assert_int_equal(pauses_left_ms(&pauses, &b, now) + pauses_left_ms(&pauses, &other, now), 0);
        now += pause;
        assert_int_equal(pauses_left_ms(&pauses, &a, now), 0);
        pause = pause * 2 < MF_CALLBACK_PAUSE_MS_MAX ? pause * 2 : MF_CALLBACK_PAUSE_MS_MAX;
    }
    pauses_took(&pauses, &a);
    assert_true(pauses_failed(&pauses, &a, now));
    assert_int_equal(pauses_left_ms(&pauses, &a, now), MF_CALLBACK_PAUSE_MS_FIRST);
}

static void pauses_are_bounded(void **state)
{
    static struct pauses pauses;
    char text[32];
    (void)state;
    for (unsigned i = 0; i <= MF_CALLBACK_PAUSES_MAX; i++) {
        (void)snprintf(text, sizeof text, "http://h%u/", i);
        const struct url url = at(text);
        assert_true(pauses_failed(&pauses, &url, i));
    }
    const struct url first = at("http://h0/"), second = at("http://h1/"), last = at("http://h64/");
    assert_int_equal(pauses_left_ms(&pauses, &first, 64), 0); /* forgotten for the last */
    assert_true(pauses_left_ms(&pauses, &second, 64) > 0);
    assert_true(pauses_left_ms(&pauses, &last, 64) > 0);
}

static void letters_to_a_slow_host_come_in_turn(void **state)
{
    static struct turns turns;
    const struct url slow = at("http://slow/"), other = at("http://slow:81/");
    const uint64_t step = MF_CALLBACK_TURN_MS_FIRST / MF_CALLBACKS_PER_HOST_MAX;
    uint64_t now = 5000, before = 0;
    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        uint64_t wait = turns_give_ms(&turns, &slow, now, 1, 0);
        assert_in_range(wait, i * step, i * (step + 1) + 1);
        assert_true(wait > before);
        before = wait;
    }
    assert_in_range(turns_give_ms(&turns, &other, now, 1, 0), step, step + 1); /* each host has its own */
    now += 1000000; /* all of these turns are over: the next one begins anew */
    assert_in_range(turns_give_ms(&turns, &slow, now, 1, 0), step, step + 1);
}

static void turns_follow_the_hosts_pace(void **state)
{
    static struct turns turns;
    const struct url url = at("http://slow/");
    (void)state;
    turns_took(&turns, &url, 1); /* nobody waits for it: nothing is kept */
    assert_int_equal(turns.turn[0].host[0], 0);
    (void)turns_give_ms(&turns, &url, 1000, 1, 0);
    for (unsigned i = 0; i < 50; i++)
        turns_took(&turns, &url, 8000000000ull);
    assert_in_range(turns_give_ms(&turns, &url, 100000, 1, 0), 1900, 2002);
    for (unsigned i = 0; i < 100; i++)
        turns_took(&turns, &url, 1000000);
    assert_in_range(turns_give_ms(&turns, &url, 200000, 1, 0), 1, 2);
}

static void a_turn_is_never_far_away(void **state)
{
    static struct turns turns;
    const struct url url = at("http://slow/");
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t wait = turns_give_ms(&turns, &url, 1000, 1, i * 2654435761u);
        assert_in_range(wait, 1, MF_CALLBACK_TURN_MS_MAX + 1);
    }
    assert_true(turns_give_ms(&turns, &url, 1000, 1, 0) >= MF_CALLBACK_TURN_MS_MAX / 2);
}

static void who_asks_for_a_turn_again_waits_longer(void **state)
{
    static struct turns turns;
    const struct url url = at("http://slow/");
    uint64_t most = MF_CALLBACK_TURN_MS_MAX;
    (void)state;
    while (turns.turn[0].next_us < (1000 + most) * 1000) /* until there is none in the next minute */
        (void)turns_give_ms(&turns, &url, 1000, 1, 0);
    for (uint32_t takes = 1; takes < 20; takes++) {
        assert_int_equal(turns_give_ms(&turns, &url, 1000, takes, 0), most / 2);
        assert_int_equal(turns_give_ms(&turns, &url, 1000, takes, (uint32_t)most / 2 - 1), most - 1);
        most = takes <= TURN_DOUBLINGS_MAX ? most * 2 : most;
    }
    assert_int_equal(most, (uint64_t)MF_CALLBACK_TURN_MS_MAX << TURN_DOUBLINGS_MAX);
    turns = (struct turns){0}; /* and who has one does not, however often he was taken */
    assert_true(turns_give_ms(&turns, &url, 1000, 20, UINT32_MAX) < MF_CALLBACK_TURN_MS_FIRST);
}

static void turns_are_bounded(void **state)
{
    static struct turns turns;
    char text[32];
    (void)state;
    for (unsigned i = 0; i <= MF_CALLBACK_TURNS_MAX; i++) {
        (void)snprintf(text, sizeof text, "http://h%u/", i);
        const struct url url = at(text);
        (void)turns_give_ms(&turns, &url, 1000 + i, 1, 0);
    }
    const struct url second = at("http://h1/"), last = at("http://h64/");
    const uint64_t once = MF_CALLBACK_TURN_MS_FIRST / MF_CALLBACKS_PER_HOST_MAX + 1;
    assert_true(turns_give_ms(&turns, &second, 1001, 1, 0) > once); /* known: its second turn */
    assert_true(turns_give_ms(&turns, &last, 1064, 1, 0) > once);
}

static void failures_are_counted_by_letter(void **state)
{
    static struct strikes strikes;
    (void)state;
    assert_int_equal(strikes_add(&strikes, 7), 1);
    assert_int_equal(strikes_add(&strikes, 7), 2);
    assert_int_equal(strikes_add(&strikes, 8), 1);
    assert_int_equal(strikes_add(&strikes, 7), 3);
    strikes_forget(&strikes, 8 + MF_CALLBACK_STRIKES_MAX); /* another one, of the same place */
    assert_int_equal(strikes_add(&strikes, 8), 2);
    strikes_forget(&strikes, 8);
    assert_int_equal(strikes_add(&strikes, 8), 1);
    assert_int_equal(strikes_add(&strikes, 7 + MF_CALLBACK_STRIKES_MAX), 1); /* takes its place */
    assert_int_equal(strikes_add(&strikes, 7), 1);
    strikes.strike[9].id = 9;
    strikes.strike[9].times = UINT32_MAX;
    assert_int_equal(strikes_add(&strikes, 9), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_says_how_it_ended),
        cmocka_unit_test(a_reply_without_room_for_ours_loses_its_headers),
        cmocka_unit_test(what_is_no_letter_is_refused),
        cmocka_unit_test(the_url_is_found_among_the_fields),
        cmocka_unit_test(a_host_is_left_alone_for_longer_and_longer),
        cmocka_unit_test(pauses_are_bounded),
        cmocka_unit_test(letters_to_a_slow_host_come_in_turn),
        cmocka_unit_test(turns_follow_the_hosts_pace),
        cmocka_unit_test(a_turn_is_never_far_away),
        cmocka_unit_test(who_asks_for_a_turn_again_waits_longer),
        cmocka_unit_test(turns_are_bounded),
        cmocka_unit_test(failures_are_counted_by_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
