/* test_sdk_event.c: fields packed and unpacked in place, events as handlers see them, requests
 * written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/event.h"
#include "sdk/reply.h"
#include "sdk/text_event.h"

static uint8_t buffer[EVENT_BUFFER_BYTES + 1];
static struct mayfly_event event;
static struct mayfly_reply reply;

/* An event of a hand-written request. */
static const char *parse(const char *text, struct text_event *parsed)
{
    *parsed = (struct text_event){.fields.data = buffer};
    return text_event_parse(text, strlen(text), parsed);
}

static void open_event(const char *text)
{
    struct text_event parsed;
    arena_reset(&event.arena);
    assert_null(parse(text, &parsed));
    memcpy(buffer + parsed.fields.bytes, text + parsed.body_offset, parsed.body_bytes);
    struct mf_call_event call = {.field_bytes = parsed.fields.bytes,
                                 .body_bytes = (uint32_t)parsed.body_bytes,
                                 .flags = MF_CALL_END};
    reply_open(&reply);
    assert_null(event_open(&event, &call, buffer, &reply));
}

static void header_names_are_lowered_and_found_in_any_case(void **state)
{
    (void)state;
    open_event("GET / HTTP/1.1\r\nX-One: 1\r\nCONTENT-type:  a/b \t\r\n\r\n");
    assert_string_equal(mayfly_header(&event, "x-ONE"), "1");
    assert_string_equal(mayfly_header(&event, "content-type"), "a/b");
    assert_null(mayfly_header(&event, "x-on"));
    const char *name, *value;
    size_t at = 0;
    assert_true(mayfly_each_header(&event, &at, &name, &value));
    assert_string_equal(name, "x-one");
    assert_true(mayfly_each_header(&event, &at, &name, &value));
    assert_string_equal(name, "content-type");
    assert_false(mayfly_each_header(&event, &at, &name, &value));
    event_close(&event);
}

static void request_line_is_taken_apart(void **state)
{
    (void)state;
    open_event("PUT /a/b%20c?x=1&y HTTP/1.1\n\nbody\n");
    assert_string_equal(mayfly_type(&event), "http");
    assert_string_equal(mayfly_method(&event), "PUT");
    assert_string_equal(mayfly_path(&event), "/a/b%20c");
    assert_string_equal(mayfly_query(&event), "x=1&y");
    struct mayfly_bytes body = mayfly_body(&event);
    assert_int_equal(body.bytes, 5);
    assert_string_equal(body.data, "body\n");
    event_close(&event);
}

static void text_that_is_no_request_is_a_body(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "hello", "{\"n\":1}", "GET", "GET /", "GET / HTTP/1", "GET  / HTTP/1.1",
        "GET /a b HTTP/1.1", "G{T / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/x.y\n\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        open_event(bodies[i]);
        assert_string_equal(mayfly_method(&event), "POST");
        assert_string_equal(mayfly_path(&event), "/");
        assert_string_equal(mayfly_query(&event), "");
        assert_string_equal(mayfly_body(&event).data, bodies[i]);
        event_close(&event);
    }
}

static void content_length_ends_the_body(void **state)
{
    (void)state;
    open_event("POST / HTTP/1.1\ncontent-length: 3\n\nabc\n");
    assert_int_equal(mayfly_body(&event).bytes, 3);
    event_close(&event);
}

static void malformed_heads_name_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault;
        size_t line;
    } cases[] = {
        {"GET / HTTP/1.1\nno colon\n\n", "name: value", 2},
        {"GET / HTTP/1.1\na: b\n: c\n\n", "name is empty", 3},
        {"GET / HTTP/1.1\na b: c\n\n", "RFC 9110", 2},
        {"GET / HTTP/1.1\na: b\n folded\n\n", "name: value", 3},
        {"GET / HTTP/1.1\na: b\rc\n\n", "line break", 2},
        {"GET / HTTP/1.1\ncontent-length: 4\n\nabc", "shorter", 3},
        {"GET / HTTP/1.1\ncontent-length: x\n\nabc", "not a number", 2},
        {"GET / HTTP/1.1\ncontent-length:\n\nabc", "not a number", 2},
        {"GET / HTTP/1.1\ncontent-length: 99999999999999999999\n\n", "not a number", 2},
        {"GET / HTTP/1.1\ncontent-length: 6291457\n\n", "not a number", 2},
        {"GET / HTTP/1.1\nTransfer-Encoding: chunked\n\n", "transfer-encoding", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text_event parsed;
        const char *fault = parse(cases[i].text, &parsed);
        assert_non_null(fault);
        assert_non_null(strstr(fault, cases[i].fault));
        assert_int_equal(parsed.line, cases[i].line);
    }
}

static void fields_refuse_what_the_node_would_refuse(void **state)
{
    (void)state;
    static char longer[MF_FIELD_VALUE_MAX + 1];
    memset(longer, 'x', sizeof longer);
    struct fields fields = {.data = buffer};
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "", 0, "v", 1));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a:b", 3, "v", 1));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, longer, MF_FIELD_NAME_MAX + 1, "v", 1));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, "v\nw", 3));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, "v\0w", 3));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, longer, MF_FIELD_VALUE_MAX + 1));
    assert_int_equal(fields.bytes, 0);
    assert_null(fields_add(&fields, MF_FIELD_HEADER, longer, MF_FIELD_NAME_MAX, "v", 1));
    assert_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, longer, MF_FIELD_VALUE_MAX));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, longer, MF_FIELD_VALUE_MAX));
    fields = (struct fields){.data = buffer};
    for (uint32_t i = 0; i < MF_FIELDS_MAX; i++)
        assert_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, "", 0));
    assert_non_null(fields_add(&fields, MF_FIELD_HEADER, "a", 1, "", 0));
}

static void fields_that_end_too_early_are_refused(void **state)
{
    (void)state;
    struct fields fields = {.data = buffer};
    assert_null(fields_add(&fields, MF_FIELD_HEADER, "name", 4, "value", 5));
    for (uint32_t cut = 0; cut < fields.bytes; cut++) {
        uint8_t copy[64];
        memcpy(copy, buffer, fields.bytes);
        uint32_t at = 0;
        struct field field;
        assert_false(fields_unpack(copy, cut, &at, &field));
    }
}

static void an_event_of_an_unknown_field_is_refused(void **state)
{
    (void)state;
    struct mf_field head = {.kind = 77};
    memcpy(buffer, &head, sizeof head);
    struct mf_call_event call = {.field_bytes = sizeof head, .flags = MF_CALL_END};
    reply_open(&reply);
    assert_non_null(event_open(&event, &call, buffer, &reply));
    call = (struct mf_call_event){.field_bytes = EVENT_BUFFER_BYTES, .body_bytes = 1};
    assert_non_null(event_open(&event, &call, buffer, &reply));
}

static void a_body_is_read_in_pieces_then_as_a_whole(void **state)
{
    (void)state;
    char piece[3];
    open_event("abcdefgh");
    assert_int_equal(mayfly_read(&event, piece, sizeof piece), 3);
    assert_memory_equal(piece, "abc", 3);
    assert_string_equal(mayfly_body(&event).data, "defgh");
    assert_int_equal(mayfly_read(&event, piece, 0), 0);
    assert_int_equal(mayfly_read(&event, piece, sizeof piece), 3);
    assert_int_equal(mayfly_read(&event, piece, sizeof piece), 2);
    assert_int_equal(mayfly_read(&event, piece, sizeof piece), 0);
    assert_int_equal(mayfly_body(&event).bytes, 0);
    event_close(&event);
}

static void parameters_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *value;
    } cases[] = {
        {"n=1", "n", "1"},
        {"m=0&n=1&n=2", "n", "1"},
        {"n", "n", ""},
        {"n&m=1", "n", ""},
        {"n=", "n", ""},
        {"nn=1", "n", NULL},
        {"n=1", "nn", NULL},
        {"", "n", NULL},
        {"&&n=1", "n", "1"},
        {"n=a+b%20c%2B", "n", "a b c+"},
        {"%6e=1", "n", "1"},
        {"a%3Db=c%3dd", "a=b", "c=d"},
        {"n=%", "n", "%"},
        {"n=%4", "n", "%4"},
        {"n=%zz", "n", "%zz"},
        {"n=a%00b", "n", "a%00b"},
        {"n=1=2", "n", "1=2"},
        {"n=%C3%A4", "n", "\xc3\xa4"},
        {"n=%4&m=1", "m", "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        arena_reset(&event.arena);
        event.query = cases[i].query;
        const char *value = mayfly_parameter(&event, cases[i].name);
        if (cases[i].value)
            assert_string_equal(value, cases[i].value);
        else
            assert_null(value);
    }
}

static void memory_of_an_event_is_aligned_and_reused(void **state)
{
    (void)state;
    arena_reset(&event.arena);
    char *first = mayfly_alloc(&event, 1);
    char *second = mayfly_alloc(&event, 1);
    assert_int_equal((uintptr_t)first % _Alignof(max_align_t), 0);
    assert_int_equal((uintptr_t)second % _Alignof(max_align_t), 0);
    assert_true(second > first);
    char *large = mayfly_alloc(&event, 10u << 20);
    assert_non_null(large);
    memset(large, 1, 10u << 20);
    assert_null(mayfly_alloc(&event, SIZE_MAX - 8));
    event_close(&event);
    assert_ptr_equal(mayfly_alloc(&event, 1), first);
    arena_reset(&event.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_names_are_lowered_and_found_in_any_case),
        cmocka_unit_test(request_line_is_taken_apart),
        cmocka_unit_test(text_that_is_no_request_is_a_body),
        cmocka_unit_test(content_length_ends_the_body),
        cmocka_unit_test(malformed_heads_name_their_line),
        cmocka_unit_test(fields_refuse_what_the_node_would_refuse),
        cmocka_unit_test(fields_that_end_too_early_are_refused),
        cmocka_unit_test(an_event_of_an_unknown_field_is_refused),
        cmocka_unit_test(a_body_is_read_in_pieces_then_as_a_whole),
        cmocka_unit_test(parameters_are_decoded),
        cmocka_unit_test(memory_of_an_event_is_aligned_and_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
