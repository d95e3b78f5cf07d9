/* test_event.c: fields of events and replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/instance/event.h"

static uint8_t bytes[MF_HEAD_BYTES_MAX + 1024];

static void put(struct field_writer *writer, enum mf_field_kind kind, const char *name,
                const char *value)
{
    field_put(writer, kind, name, name ? strlen(name) : 0, value, strlen(value));
}

static uint32_t http_event(void)
{
    struct field_writer writer;
    field_writer_init(&writer, bytes, sizeof bytes);
    put(&writer, MF_FIELD_METHOD, NULL, "POST");
    put(&writer, MF_FIELD_PATH, NULL, "/a");
    put(&writer, MF_FIELD_HEADER, "X-Thing", "Value");
    assert_int_equal(writer.err, MF_OK);
    return writer.bytes;
}

static void written_fields_are_read_back(void **state)
{
    (void)state;
    struct field_reader reader;
    struct field field;
    field_reader_init(&reader, bytes, http_event(), false);
    assert_int_equal(field_next(&reader, &field), MF_OK);
    assert_int_equal(field.kind, MF_FIELD_METHOD);
    assert_memory_equal(field.value, "POST", 4);
    assert_int_equal(field_next(&reader, &field), MF_OK);
    assert_int_equal(field_next(&reader, &field), MF_OK);
    assert_int_equal(field.name_bytes, 7);
    assert_memory_equal(field.name, "x-thing", 7); /* lowered */
    assert_memory_equal(field.value, "Value", 5);
    assert_int_equal(field_next(&reader, &field), MF_ENOENT);
    assert_int_equal(field_next(&reader, &field), MF_ENOENT);
}

static mf_err written(enum mf_field_kind kind, const char *name, size_t name_bytes,
                      const char *value, size_t value_bytes)
{
    struct field_writer writer;
    field_writer_init(&writer, bytes, sizeof bytes);
    field_put(&writer, kind, name, name_bytes, value, value_bytes);
    return writer.err;
}

static void writer_refuses_what_a_reader_would(void **state)
{
    (void)state;
    static char longest[MF_FIELD_VALUE_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_int_equal(written(MF_FIELD_HEADER, "", 0, "v", 1), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "a b", 3, "v", 1), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "a:", 2, "v", 1), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "\xe4", 1, "v", 1), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "a\0", 2, "v", 1), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "a", 1, "v\r\nx: y", 7), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, "a", 1, "v\0", 2), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_METHOD, "a", 1, "GET", 3), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_PATH, NULL, 0, "/\n", 2), MF_EINVAL);
    assert_int_equal(written(MF_FIELD_HEADER, longest, MF_FIELD_NAME_MAX, "v", 1), MF_OK);
    assert_int_equal(written(MF_FIELD_HEADER, longest, MF_FIELD_NAME_MAX + 1, "v", 1), MF_ETOOBIG);
    assert_int_equal(written(MF_FIELD_PATH, NULL, 0, longest, MF_FIELD_VALUE_MAX), MF_OK);
    assert_int_equal(written(MF_FIELD_PATH, NULL, 0, longest, MF_FIELD_VALUE_MAX + 1), MF_ETOOBIG);
}

static void writers_first_failure_sticks(void **state)
{
    (void)state;
    struct field_writer writer;
    field_writer_init(&writer, bytes, sizeof bytes);
    put(&writer, MF_FIELD_HEADER, "a b", "v");
    put(&writer, MF_FIELD_PATH, NULL, "/");
    assert_int_equal(writer.err, MF_EINVAL);
    assert_int_equal(writer.bytes, 0);
}

static void writer_stops_at_its_room_and_at_the_count(void **state)
{
    (void)state;
    struct field_writer writer;
    field_writer_init(&writer, bytes, 10);
    put(&writer, MF_FIELD_PATH, NULL, "/1");
    assert_int_equal(writer.err, MF_OK);
    put(&writer, MF_FIELD_QUERY, NULL, "");
    assert_int_equal(writer.err, MF_ETOOBIG);
    field_writer_init(&writer, bytes, sizeof bytes);
    for (unsigned i = 0; i < MF_FIELDS_MAX; i++)
        put(&writer, MF_FIELD_HEADER, "h", "v");
    assert_int_equal(writer.err, MF_OK);
    put(&writer, MF_FIELD_HEADER, "h", "v");
    assert_int_equal(writer.err, MF_ETOOBIG);
}

/* Reads until the end or a refusal. */
static mf_err read_all(const void *data, uint32_t count, bool reply)
{
    struct field_reader reader;
    struct field field;
    mf_err err;
    field_reader_init(&reader, data, count, reply);
    while ((err = field_next(&reader, &field)) == MF_OK)
        ;
    return err;
}

/* One field as a liar writes it: the lengths need not be true. */
static uint32_t raw(uint32_t at, uint16_t kind, uint16_t name_bytes, uint32_t value_bytes,
                    const char *text)
{
    struct mf_field field = {kind, name_bytes, value_bytes};
    memcpy(bytes + at, &field, sizeof field);
    memcpy(bytes + at + sizeof field, text, strlen(text));
    return at + (uint32_t)(sizeof field + strlen(text));
}

static void reader_refuses_every_broken_rule(void **state)
{
    (void)state;
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 1, 1, "av"), true), MF_ENOENT);
    assert_int_equal(read_all(bytes, raw(0, 0, 0, 1, "v"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, 6, 0, 1, "v"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, UINT16_MAX, 0, 1, "v"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_PATH, 0, 1, "/"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 0, 1, "v"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 1, 1, "Av"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 1, 3, "av\r\n"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 1, 2, "av"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 3, 0, "av"), true), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, UINT16_MAX, UINT32_MAX, "av"), true),
                     MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_HEADER, 1, UINT32_MAX, "av"), true),
                     MF_EPROTO);
    assert_int_equal(read_all(bytes, 7, true), MF_EPROTO);
    assert_int_equal(read_all(bytes, 0, true), MF_ENOENT);
}

static void reader_refuses_fields_past_a_limit(void **state)
{
    (void)state;
    uint32_t at = 0;
    for (unsigned i = 0; i < MF_FIELDS_MAX; i++)
        at = raw(at, MF_FIELD_HEADER, 1, 1, "av");
    assert_int_equal(read_all(bytes, at, true), MF_ENOENT);
    assert_int_equal(read_all(bytes, raw(at, MF_FIELD_HEADER, 1, 1, "av"), true), MF_EPROTO);
    static char longest[MF_FIELD_VALUE_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    at = raw(0, MF_FIELD_HEADER, 1, MF_FIELD_VALUE_MAX, longest);
    assert_int_equal(read_all(bytes, at, true), MF_ENOENT);
    at = raw(0, MF_FIELD_HEADER, 0, MF_FIELD_VALUE_MAX + 1, longest);
    assert_int_equal(read_all(bytes, at, true), MF_EPROTO);
    longest[MF_FIELD_NAME_MAX + 1] = 0;
    at = raw(0, MF_FIELD_HEADER, MF_FIELD_NAME_MAX + 1, 0, longest);
    assert_int_equal(read_all(bytes, at, true), MF_EPROTO);
    assert_int_equal(read_all(bytes, MF_HEAD_BYTES_MAX + 1, true), MF_EPROTO);
}

static void an_event_is_http_or_has_a_type(void **state)
{
    (void)state;
    assert_int_equal(read_all(bytes, http_event(), false), MF_ENOENT);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_TYPE, 0, 5, "timer"), false), MF_ENOENT);
    assert_int_equal(read_all(bytes, 0, false), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(0, MF_FIELD_METHOD, 0, 3, "GET"), false), MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(http_event(), MF_FIELD_TYPE, 0, 5, "timer"), false),
                     MF_EPROTO);
    assert_int_equal(read_all(bytes, raw(http_event(), MF_FIELD_PATH, 0, 1, "/"), false),
                     MF_EPROTO); /* twice */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_fields_are_read_back),
        cmocka_unit_test(writer_refuses_what_a_reader_would),
        cmocka_unit_test(writers_first_failure_sticks),
        cmocka_unit_test(writer_stops_at_its_room_and_at_the_count),
        cmocka_unit_test(reader_refuses_every_broken_rule),
        cmocka_unit_test(reader_refuses_fields_past_a_limit),
        cmocka_unit_test(an_event_is_http_or_has_a_type),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
