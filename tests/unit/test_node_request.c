/* test_node_request.c: targets, headers, call ids, from hostile clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/gateway/request.h"

static bool is(const char *text, const char *at, size_t bytes)
{
    return text ? at && strlen(text) == bytes && memcmp(text, at, bytes) == 0 : at == NULL;
}

static void targets_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *path, *query;
    } good[] = {
        {"/function/echo", "echo", "/", NULL},
        {"/function/echo/", "echo", "/", NULL},
        {"/function/echo?a=b", "echo", "/", "a=b"},
        {"/function/echo/x/y?a?b", "echo", "/x/y", "a?b"},
        {"/function/echo?", "echo", "/", ""},
        {"/function/echo//x", "echo", "//x", NULL},
        {"/function/%65cho/%2F", "%65cho", "/%2F", NULL},
        {"/function/", "", "/", NULL},
        {"/function/?x/y", "", "/", "x/y"},
        {"/function", NULL, "/function", NULL},
        {"/functions/echo", NULL, "/functions/echo", NULL},
        {"/async-function/echo/x?a", "echo", "/x", "a"},
        {"/async-function", NULL, "/async-function", NULL},
        {"/healthz", NULL, "/healthz", NULL},
        {"/", NULL, "/", NULL},
        {"http://host/function/a/b", "a", "/b", NULL},
        {"HTTPS://host:1/function/a", "a", "/", NULL},
        {"http://host", NULL, "/", NULL},
        {"http://host?x", NULL, "/", "x"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct target target;
        assert_int_equal(target_parse(good[i].text, &target), MF_OK);
        if (!is(good[i].name, target.name, target.name_bytes) ||
            !is(good[i].path, target.path, target.path_bytes) ||
            !is(good[i].query, target.query, target.query_bytes))
            fail_msg("%s", good[i].text);
        assert_int_equal(target.async, strncmp(good[i].text, "/async-function/", 16) == 0);
    }
}

static void other_forms_of_target_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "*", "echo", "host:443", "ftp://host/x", "http:/x", "?x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct target target;
        assert_int_equal(target_parse(bad[i], &target), MF_EINVAL);
    }
}

static void stays_here(const struct hop_by_hop *hops, const char *name, bool expect)
{
    if (header_stays(hops, name, strlen(name)) != expect)
        fail_msg("%s", name);
}

static void headers_of_the_connection_stay_on_this_hop(void **state)
{
    (void)state;
    struct hop_by_hop hops = {0};
    static const char listed[] = " close ,\tX-Mine,, x-other\t,";
    hop_by_hop_add(&hops, listed, sizeof listed - 1);
    assert_int_equal(hops.count, 3);
    stays_here(&hops, "x-MINE", true);
    stays_here(&hops, "X-Other", true);
    stays_here(&hops, "close", true);
    stays_here(&hops, "X-Min", false);
    stays_here(&hops, "x-mine2", false);
    static const char *const always[] = {"Connection", "keep-alive",        "Proxy-Connection",
                                         "TE",         "Trailer",           "Upgrade",
                                         "Expect",     "Transfer-Encoding", "Content-Length"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        stays_here(NULL, always[i], true);
    stays_here(NULL, "content-type", false);
    stays_here(NULL, "host", false);
    stays_here(NULL, "", false);
}

static void a_connection_header_without_end_is_noticed(void **state)
{
    (void)state;
    struct hop_by_hop hops = {0};
    for (int i = 0; i < CONNECTION_OPTIONS_MAX; i++)
        hop_by_hop_add(&hops, "x", 1);
    assert_false(hops.too_many);
    hop_by_hop_add(&hops, ",,,", 3);
    assert_false(hops.too_many);
    hop_by_hop_add(&hops, "y", 1);
    assert_true(hops.too_many);
}

static void call_ids_are_visible_ascii_and_short(void **state)
{
    (void)state;
    char longest[MF_CALL_ID_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(call_id_valid("a", 1));
    assert_true(call_id_valid("7-b.C_~!", 8));
    assert_true(call_id_valid(longest, MF_CALL_ID_BYTES_MAX));
    assert_false(call_id_valid(longest, MF_CALL_ID_BYTES_MAX + 1));
    assert_false(call_id_valid("", 0));
    assert_false(call_id_valid("a b", 3));
    assert_false(call_id_valid("a\tb", 3));
    assert_false(call_id_valid("a\0b", 3));
    assert_false(call_id_valid("\x7f", 1));
    assert_false(call_id_valid("\xc3\xa4", 2));
}

static void method_path_and_query_become_fields(void **state)
{
    (void)state;
    uint8_t data[256];
    struct field_writer writer;
    struct target target;
    assert_int_equal(target_parse("/function/a/p?q", &target), MF_OK);
    field_writer_init(&writer, data, sizeof data);
    request_begin(&writer, "GET", &target);
    assert_int_equal(writer.err, MF_OK);
    struct field_reader reader;
    struct field field;
    static const struct {
        enum mf_field_kind kind;
        const char *value;
    } expect[] = {{MF_FIELD_METHOD, "GET"}, {MF_FIELD_PATH, "/p"}, {MF_FIELD_QUERY, "q"}};
    field_reader_init(&reader, data, writer.bytes, false);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(field_next(&reader, &field), MF_OK);
        assert_int_equal(field.kind, expect[i].kind);
        assert_true(is(expect[i].value, field.value, field.value_bytes));
    }
    assert_int_equal(field_next(&reader, &field), MF_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_taken_apart),
        cmocka_unit_test(other_forms_of_target_are_refused),
        cmocka_unit_test(headers_of_the_connection_stay_on_this_hop),
        cmocka_unit_test(a_connection_header_without_end_is_noticed),
        cmocka_unit_test(call_ids_are_visible_ascii_and_short),
        cmocka_unit_test(method_path_and_query_become_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
