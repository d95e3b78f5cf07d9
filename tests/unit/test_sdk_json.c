/* test_sdk_json.c: RFC 8259, what is JSON and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/event.h"
#include "sdk/mayfly_json.h"
#include "sdk/reply.h"

static struct mayfly_event event;
static struct mayfly_json_error error;

/* From a block of exactly its size, so that a sanitizer sees a byte too far. */
static const struct mayfly_json *parse_bytes(const char *text, size_t bytes)
{
    arena_reset(&event.arena);
    char *exact = malloc(bytes ? bytes : 1);
    memcpy(exact, text, bytes);
    const struct mayfly_json *value = mayfly_json_parse(&event, exact, bytes, &error);
    free(exact);
    return value;
}

static const struct mayfly_json *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void values_of_every_kind(void **state)
{
    (void)state;
    assert_int_equal(parse("null")->kind, MAYFLY_JSON_NULL);
    assert_true(parse(" true ")->boolean);
    assert_false(parse("false")->boolean);
    assert_string_equal(parse("\"a\"")->text, "a");
    assert_int_equal(parse("[]")->count, 0);
    assert_null(parse("{}")->first);
    const struct mayfly_json *v = parse("\t{\"a\" : [1, 2,3], \"b\":{\"c\":null}}\r\n");
    assert_int_equal(v->count, 2);
    const struct mayfly_json *a = mayfly_json_member(v, "a");
    assert_int_equal(a->count, 3);
    assert_true(a->first->next->next->number == 3);
    assert_null(a->first->next->next->next);
    assert_int_equal(mayfly_json_member(mayfly_json_member(v, "b"), "c")->kind, MAYFLY_JSON_NULL);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0}, {"-0", 0}, {"95", 95}, {"66.35", 66.35}, {"-1.5e3", -1500}, {"1E+2", 100},
        {"1e-2", 0.01}, {"123456789012345678", 123456789012345678.0}, {"1e-400", 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(parse(good[i].text)->number == good[i].value);
    static const char *const bad[] = {"01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "1e400",
                                      "-1e400", "NaN", "Infinity", "1_000", "--1", "1.e1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(parse(bad[i]));
}

static void a_number_of_too_many_characters_is_refused(void **state)
{
    (void)state;
    char text[MAYFLY_JSON_NUMBER_MAX + 2];
    memset(text, '1', sizeof text);
    assert_non_null(parse_bytes(text, MAYFLY_JSON_NUMBER_MAX));
    assert_null(parse_bytes(text, MAYFLY_JSON_NUMBER_MAX + 1));
}

static void strings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
        size_t bytes;
    } good[] = {
        {"\"\"", "", 0},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0041\\u00e4\\u20ac\"", "A\xc3\xa4\xe2\x82\xac", 6},
        {"\"\\ud83D\\uDE00\"", "\xf0\x9f\x98\x80", 4},
        {"\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80", 4},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\x7f\"", "\x7f", 1},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct mayfly_json *v = parse(good[i].text);
        assert_non_null(v);
        assert_int_equal(v->text_bytes, good[i].bytes);
        assert_memory_equal(v->text, good[i].value, good[i].bytes + 1);
    }
    static const char *const bad[] = {
        "\"", "\"\\\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\x01\"",
        "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\ud83d\\n\"",
        "\"\x80\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xf8\x88\x80\x80\x80\"", "\"\xc3\"", "\"\xe2\x82\"", "'a'",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(parse(bad[i]));
}

static void what_is_no_json_says_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        size_t line, column;
    } bad[] = {
        {"", "text ends", 1, 1},
        {" \n ", "text ends", 2, 2},
        {"[1,]", "value belongs", 1, 4},
        {"[1 2]", "comma or ]", 1, 4},
        {"{\"a\":1,}", "double quotes", 1, 8},
        {"{\"a\" 1}", "colon", 1, 6},
        {"{\"a\":1 \"b\":2}", "comma or }", 1, 8},
        {"{a:1}", "double quotes", 1, 2},
        {"{\n  \"a\":\n  nul}", "no such word", 3, 3},
        {"[", "text ends", 1, 2},
        {"{} x", "something follows", 1, 4},
        {"tru", "no such word", 1, 1},
        {"// a\n1", "value belongs", 1, 1},
        {"\xef\xbb\xbf{}", "value belongs", 1, 1},
        {"{t:2026-10-07T04:11:00Z,55:28.3,56:66}", "double quotes", 1, 2},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(parse(bad[i].text));
        assert_non_null(strstr(error.what, bad[i].what));
        assert_int_equal(error.line, bad[i].line);
        assert_int_equal(error.column, bad[i].column);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * MAYFLY_JSON_DEPTH_MAX + 2];
    for (size_t depth = MAYFLY_JSON_DEPTH_MAX; depth <= MAYFLY_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        const struct mayfly_json *v = parse_bytes(text, 2 * depth);
        assert_true((v != NULL) == (depth == MAYFLY_JSON_DEPTH_MAX));
    }
}

static void the_last_of_a_name_counts(void **state)
{
    (void)state;
    const struct mayfly_json *v = parse("{\"a\":1,\"b\":2,\"a\":3,\"a\\u0000\":4}");
    assert_true(mayfly_json_member(v, "a")->number == 3);
    assert_null(mayfly_json_member(v, "c"));
    assert_null(mayfly_json_member(NULL, "a"));
    assert_null(mayfly_json_member(parse("[1]"), "a"));
    assert_string_equal(mayfly_json_kind_name(NULL), "nothing");
}

static void written_strings_read_back(void **state)
{
    (void)state;
    static struct mayfly_reply reply;
    static const char text[] = "a\"\\\n\x01\x7f\xc3\xa4\xf0\x9f\x98\x80";
    reply_open(&reply);
    mayfly_json_write_string(&reply, text);
    const struct mayfly_json *v = parse_bytes((const char *)reply.buffer, reply.buffered);
    assert_string_equal(v->text, text);
    reply_open(&reply);
    mayfly_json_write_string(&reply, "\xff\xc3");
    v = parse_bytes((const char *)reply.buffer, reply.buffered);
    assert_string_equal(v->text, "\xef\xbf\xbd\xef\xbf\xbd");
    arena_reset(&event.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(numbers),
        cmocka_unit_test(a_number_of_too_many_characters_is_refused),
        cmocka_unit_test(strings),
        cmocka_unit_test(what_is_no_json_says_where),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_last_of_a_name_counts),
        cmocka_unit_test(written_strings_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
