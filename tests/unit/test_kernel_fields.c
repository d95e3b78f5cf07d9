/* test_kernel_fields.c: fields of replies, as the kernel lets them through, against the
 * node's writer and reader of the same rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/event.h"
#include "kernel/event/fields.h"
#include "node/instance/event.h"

#define ROUNDS 50000u

static uint8_t data[2 * MF_HEAD_BYTES_MAX];

static uint32_t put(uint32_t at, uint16_t kind, const char *name, uint32_t name_bytes,
                    const char *value, uint32_t value_bytes)
{
    struct mf_field field = {kind, (uint16_t)name_bytes, value_bytes};
    memcpy(data + at, &field, sizeof field);
    at += (uint32_t)sizeof field;
    memcpy(data + at, name, name_bytes);
    memcpy(data + at + name_bytes, value, value_bytes);
    return at + name_bytes + value_bytes;
}

static bool header_ok(const char *name, const char *value)
{
    uint32_t bytes = put(0, MF_FIELD_HEADER, name, (uint32_t)strlen(name), value,
                         (uint32_t)strlen(value));
    return fields_valid_reply(data, bytes);
}

static void headers_of_tokens_and_lines_are_valid(void **state)
{
    (void)state;
    assert_true(fields_valid_reply(data, 0));
    assert_true(header_ok("content-type", "text/plain; charset=utf-8"));
    assert_true(header_ok("x!#$%&'*+-.^_`|~09", ""));
    assert_false(header_ok("", "x"));
    assert_false(header_ok("Content-Type", "x"));
    assert_false(header_ok("a b", "x"));
    assert_false(header_ok("a:", "x"));
    assert_false(header_ok("a", "x\ry"));
    assert_false(header_ok("a", "x\ny"));
    uint32_t bytes = put(0, MF_FIELD_HEADER, "a", 1, "x\0y", 3);
    assert_false(fields_valid_reply(data, bytes));
}

static void only_headers_belong_to_a_reply(void **state)
{
    (void)state;
    for (uint16_t kind = 0; kind < 12; kind++) {
        uint32_t bytes = put(0, kind, "a", 1, "x", 1);
        assert_int_equal(fields_valid_reply(data, bytes), kind == MF_FIELD_HEADER);
    }
}

static void limits_hold_at_and_past_them(void **state)
{
    static char long_text[MF_FIELD_VALUE_MAX + 2];
    (void)state;
    memset(long_text, 'a', sizeof long_text);
    for (uint32_t past = 0; past <= 1; past++) {
        uint32_t bytes = put(0, MF_FIELD_HEADER, long_text, MF_FIELD_NAME_MAX + past, "x", 1);
        assert_int_equal(fields_valid_reply(data, bytes), !past);
        bytes = put(0, MF_FIELD_HEADER, "a", 1, long_text, MF_FIELD_VALUE_MAX + past);
        assert_int_equal(fields_valid_reply(data, bytes), !past);
        bytes = 0;
        for (uint32_t i = 0; i < MF_FIELDS_MAX + past; i++)
            bytes = put(bytes, MF_FIELD_HEADER, "a", 1, "x", 1);
        assert_int_equal(fields_valid_reply(data, bytes), !past);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    uint32_t first = put(0, MF_FIELD_HEADER, "name", 4, "value", 5);
    uint32_t bytes = put(first, MF_FIELD_HEADER, "other", 5, "", 0);
    for (uint32_t cut = 1; cut < bytes; cut++)
        assert_int_equal(fields_valid_reply(data, cut), cut == first);
}

/* Whatever the kernel lets through, the node takes: a handler's mistake ends as EINVAL
 * in the handler, never as a broken protocol. */
static void the_node_takes_all_that_passes(void **state)
{
    unsigned passed = 0;
    (void)state;
    srand(11);
    for (unsigned round = 0; round < ROUNDS; round++) {
        static const char letters[] = "ab-_~:A \n\r\t\0\x7f\x80z";
        uint32_t bytes = 0;
        for (int fields = rand() % 3; fields >= 0; fields--) {
            char name[4], value[4];
            for (unsigned i = 0; i < 4; i++) {
                name[i] = letters[(unsigned)rand() % (rand() % 4 ? 4 : sizeof letters - 1)];
                value[i] = letters[(unsigned)rand() % (rand() % 4 ? 8 : sizeof letters - 1)];
            }
            bytes = put(bytes, rand() % 20 ? MF_FIELD_HEADER : (uint16_t)(rand() % 7), name,
                        (uint32_t)rand() % 5, value, (uint32_t)rand() % 5);
        }
        if (!fields_valid_reply(data, bytes))
            continue;
        passed++;
        struct field_reader reader;
        struct field field;
        mf_err err;
        field_reader_init(&reader, data, bytes, true);
        while ((err = field_next(&reader, &field)) == MF_OK)
            ;
        assert_int_equal(err, MF_ENOENT);
    }
    assert_true(passed > ROUNDS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_tokens_and_lines_are_valid),
        cmocka_unit_test(only_headers_belong_to_a_reply),
        cmocka_unit_test(limits_hold_at_and_past_them),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(the_node_takes_all_that_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
