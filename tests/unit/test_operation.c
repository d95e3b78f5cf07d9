/* test_operation.c: requests from bytes, and who may ask for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "node/operations/permit.h"

static uint8_t message[MF_CHUNK_BYTES_MAX];

/* A head and its parts, one behind the other; how much. */
static uint32_t put(const void *head, uint32_t bytes, const char *const *part)
{
    memcpy(message, head, bytes);
    for (; *part; part++) {
        memcpy(message + bytes, *part, strlen(*part));
        bytes += (uint32_t)strlen(*part);
    }
    return bytes;
}

static void part_is(const struct operation_request *request, unsigned part, const char *text)
{
    assert_int_equal(request->part[part].bytes, strlen(text));
    assert_memory_equal(request->part[part].data, text, strlen(text));
}

static void every_part_is_where_it_is_said_to_be(void **state)
{
    (void)state;
    struct operation_request request;
    const struct mf_op_compare_and_set set = {.life_ms = 5, .key_bytes = 1, .expected_bytes = 2,
                                              .value_bytes = 3, .flags = MF_OP_EXPECTED};
    uint32_t bytes = put(&set, sizeof set, (const char *const[]){"k", "ex", "new", NULL});
    assert_int_equal(operation_decode(MF_OPERATION_COMPARE_AND_SET, message, bytes, &request, NULL), 0);
    assert_int_equal(request.kind, MF_OPERATION_COMPARE_AND_SET);
    assert_int_equal(request.compare_and_set.life_ms, 5);
    part_is(&request, PART_KEY, "k");
    part_is(&request, PART_EXPECTED, "ex");
    part_is(&request, PART_NEW_VALUE, "new");
    const struct mf_op_fetch fetch = {.method_bytes = 3, .url_bytes = 8, .body_bytes = 4, .timeout_ms = 9};
    bytes = put(&fetch, sizeof fetch, (const char *const[]){"PUT", "http://a", "body", NULL});
    assert_int_equal(operation_decode(MF_OPERATION_FETCH, message, bytes, &request, NULL), 0);
    part_is(&request, PART_METHOD, "PUT");
    part_is(&request, PART_URL, "http://a");
    part_is(&request, PART_FIELDS, "");
    part_is(&request, PART_BODY, "body");
    assert_int_equal(operation_check(&request, NULL), MF_RESULT_OK);
}

/* Each operation, each length of it: every one that is not the whole is nonsense. */
static void what_is_cut_off_or_left_over_is_nonsense(void **state)
{
    (void)state;
    struct operation_request request;
    struct mf_why why;
    for (uint32_t kind = 1; kind < MF_OPERATION_END; kind++) {
        unsigned whole = 0;
        memset(message, 0, 64);
        for (uint32_t bytes = 0; bytes < 64; bytes++)
            whole += operation_decode(kind, message, bytes, &request, &why) == MF_OK;
        assert_int_equal(whole, 1); /* its head, with parts of no bytes */
        memset(message, 0xff, 64);
        for (uint32_t bytes = 0; bytes < 64; bytes++)
            assert_int_equal(operation_decode(kind, message, bytes, &request, &why), MF_EPROTO);
    }
    assert_int_equal(operation_decode(0, message, 8, &request, &why), MF_EPROTO);
    assert_int_equal(operation_decode(MF_OPERATION_END, message, 8, &request, &why), MF_EPROTO);
    const struct mf_op_compare_and_set odd = {.key_bytes = 1, .expected_bytes = 1};
    uint32_t bytes = put(&odd, sizeof odd, (const char *const[]){"k", "e", NULL});
    assert_int_equal(operation_decode(MF_OPERATION_COMPARE_AND_SET, message, bytes, &request, &why),
                     MF_EPROTO);
}

static struct operation_request made(enum mf_operation kind, const char *first, const char *second)
{
    struct operation_request request = {.kind = kind};
    request.part[0] = (struct operation_part){(const uint8_t *)first, (uint32_t)strlen(first)};
    request.part[1] = (struct operation_part){(const uint8_t *)second, (uint32_t)strlen(second)};
    request.part[2] = request.part[3] = (struct operation_part){message, 0};
    return request;
}

static void mistakes_of_a_program_are_told(void **state)
{
    (void)state;
    static char long_key[MF_KEY_BYTES_MAX + 2], long_type[MF_CONTENT_TYPE_BYTES_MAX + 2];
    memset(long_key, 'k', MF_KEY_BYTES_MAX + 1);
    memset(long_type, 't', MF_CONTENT_TYPE_BYTES_MAX + 1);
    const struct {
        enum mf_operation kind;
        const char *first, *second;
        enum mf_result_error error;
    } mistakes[] = {
        {MF_OPERATION_GET, "", "", MF_RESULT_INVALID},
        {MF_OPERATION_SET, long_key, "v", MF_RESULT_TOO_LARGE},
        {MF_OPERATION_SET, long_key + 1, "v", MF_RESULT_OK},
        {MF_OPERATION_PUSH, "a_b", "", MF_RESULT_INVALID},
        {MF_OPERATION_PUSH, "a-b", "text/plain", MF_RESULT_OK},
        {MF_OPERATION_PUSH, "a-b", "a\nb: c", MF_RESULT_INVALID},
        {MF_OPERATION_PUSH, "a-b", long_type, MF_RESULT_TOO_LARGE},
        {MF_OPERATION_POP, "", "", MF_RESULT_INVALID},
        {MF_OPERATION_FETCH, "get", "http://a", MF_RESULT_INVALID},
        {MF_OPERATION_FETCH, "", "http://a", MF_RESULT_INVALID},
        {MF_OPERATION_FETCH, "GET", "", MF_RESULT_INVALID},
        {MF_OPERATION_FETCH, "GET", "http://a\r\nb", MF_RESULT_INVALID},
        {MF_OPERATION_PUBLISH, "a/+", "", MF_RESULT_INVALID},
        {MF_OPERATION_PUBLISH, "a/b", "", MF_RESULT_OK},
        {MF_OPERATION_SECRET, "../etc", "", MF_RESULT_INVALID},
        {MF_OPERATION_SECRET, "a.b_c", "", MF_RESULT_OK},
        {MF_OPERATION_SCAN, "", "", MF_RESULT_INVALID}, /* none asked for */
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct mf_why why = {{0}};
        struct operation_request request = made(mistakes[i].kind, mistakes[i].first, mistakes[i].second);
        enum mf_result_error error = operation_check(&request, &why);
        if (error != mistakes[i].error)
            fail_msg("%s \"%.20s\" \"%.20s\": %s", operation_name(request.kind), mistakes[i].first,
                     mistakes[i].second, operation_word(error));
        assert_int_equal(why.text[0] != 0, error != MF_RESULT_OK);
    }
    struct operation_request request = made(MF_OPERATION_PUBLISH, "a", "");
    request.publish.qos = 3;
    assert_int_equal(operation_check(&request, NULL), MF_RESULT_INVALID);
}

static void what_is_not_named_is_denied(void **state)
{
    (void)state;
    static const char allowed[] =
        "{\"read\": [\"r/\", \"rw/\"], \"write\": [\"w/\", \"rw/\"], \"push\": [\"q\"], \"pop\": [\"*\"],"
        "\"publish\": [\"a/+\"], \"secrets\": [\"s\"]}";
    static const struct {
        enum mf_operation kind;
        const char *first;
        bool may;
        const char *list;
    } questions[] = {
        {MF_OPERATION_GET, "r/x", true, "read"},
        {MF_OPERATION_GET, "r", false, "read"},
        {MF_OPERATION_GET, "w/x", false, "read"},
        {MF_OPERATION_SCAN, "r/", true, "read"},
        {MF_OPERATION_SCAN, "", false, "read"},
        {MF_OPERATION_SET, "w/x", true, "write"},
        {MF_OPERATION_SET, "r/x", false, "write"},
        {MF_OPERATION_DELETE, "rw/x", true, "write"},
        {MF_OPERATION_INCREMENT, "rw/x", true, "write"},
        {MF_OPERATION_INCREMENT, "w/x", false, "read"},
        {MF_OPERATION_COMPARE_AND_SET, "r/x", false, "write"},
        {MF_OPERATION_COMPARE_AND_SET, "rw/x", true, "write"},
        {MF_OPERATION_PUSH, "q", true, "push"},
        {MF_OPERATION_PUSH, "q2", false, "push"},
        {MF_OPERATION_POP, "any", true, "pop"},
        {MF_OPERATION_PUBLISH, "a/b", true, "publish"},
        {MF_OPERATION_PUBLISH, "a/b/c", false, "publish"},
        {MF_OPERATION_SECRET, "s", true, "secrets"},
        {MF_OPERATION_SECRET, "t", false, "secrets"},
        {MF_OPERATION_FETCH, "GET", false, "http"},
    };
    struct allow allow = {0};
    json_t *json = json_loads(allowed, 0, NULL);
    assert_int_equal(allow_from_json(json, &allow, NULL), MF_OK);
    json_decref(json);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct operation_request request = made(questions[i].kind, questions[i].first, "");
        const char *list = "";
        if (operation_permitted(&allow, &request, &list) != questions[i].may)
            fail_msg("%s \"%s\"", operation_name(request.kind), questions[i].first);
        assert_string_equal(list, questions[i].list);
        const struct allow none = {0};
        assert_false(operation_permitted(&none, &request, &list));
    }
    allow_close(&allow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_where_it_is_said_to_be),
        cmocka_unit_test(what_is_cut_off_or_left_over_is_nonsense),
        cmocka_unit_test(mistakes_of_a_program_are_told),
        cmocka_unit_test(what_is_not_named_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
