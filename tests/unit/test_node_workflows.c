/* test_node_workflows.c: what is kept of a workflow: read, refused, followed by the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/workflows/record.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FUNCTION "{\"image\": \"" HASH "\", \"settings\": {}}"
#define VERSION(n) "{\"version\": " n ", \"deployed_at_ms\": 5, \"functions\": {\"a\": " FUNCTION "}}"
#define MANIFESTS ", \"manifests\": {\"a\": {}}}"

static json_t *json_of(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static json_t *take(const char *text)
{
    json_t *record;
    struct mf_why why = {{0}};
    if (record_parse(text, strlen(text), &record, &why))
        fail_msg("%s: %s", text, why.text);
    return record;
}

static void refuse(const char *text, const char *words)
{
    json_t *record;
    struct mf_why why = {{0}};
    mf_err err = record_parse(text, strlen(text), &record, &why);
    assert_null(record);
    if (err != MF_EFORMAT || !strstr(why.text, words))
        fail_msg("%s: %d \"%s\"; expected \"%s\"", text, err, why.text, words);
}

static void records_are_read_strictly(void **state)
{
    (void)state;
    json_decref(take("{\"versions\": [" VERSION("3") ", " VERSION("1") "]" MANIFESTS));
    refuse("", "no JSON");
    refuse("{\"versions\": [], \"versions\": []}", "no JSON");
    refuse("[]", "no versions");
    refuse("{\"versions\": []" MANIFESTS, "no versions");
    refuse("{\"versions\": [" VERSION("0") "]" MANIFESTS, "without number");
    refuse("{\"versions\": [" VERSION("\"1\"") "]" MANIFESTS, "without number");
    refuse("{\"versions\": [" VERSION("1") ", " VERSION("1") "]" MANIFESTS, "do not go down");
    refuse("{\"versions\": [" VERSION("1") ", " VERSION("2") "]" MANIFESTS, "do not go down");
    refuse("{\"versions\": [" VERSION("1") "]}", "without a manifest");
    refuse("{\"versions\": [{\"version\": 1, \"functions\": {\"a\": " FUNCTION "}}]" MANIFESTS, "or time");
    refuse("{\"versions\": [{\"version\": 1, \"deployed_at_ms\": 1, \"functions\": {}}]" MANIFESTS, "of 1 to 128");
    char many[4096] = "{\"versions\": [";
    for (unsigned i = 0; i < MF_WORKFLOW_VERSIONS_MAX + 1; i++)
        strcat(strcat(many, i ? "," : ""), VERSION("9"));
    refuse(strcat(many, "]" MANIFESTS), "too many");
}

static void functions_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words; /* NULL: taken */
        bool manifests;
    } each[] = {
        {"{\"a\": " FUNCTION ", \"b-2\": " FUNCTION "}", NULL, false},
        {"{\"a\": {\"image\": \"" HASH "\", \"settings\": {}, \"manifest\": {}}}", NULL, true},
        {"{\"a\": {\"image\": \"" HASH "\", \"settings\": {}, \"manifest\": {}}}", "only beside dry_run", false},
        {"{\"a\": {\"image\": \"" HASH "\", \"settings\": {}, \"manifest\": 1}}", "only beside", true},
        {"{\"a\": {\"image\": \"" HASH "\", \"settings\": []}}", "a: settings", false},
        {"{\"a\": {\"image\": \"" HASH "\"}}", "a: settings", false},
        {"{\"a\": {\"image\": \"beef\", \"settings\": {}}}", "a: image", false},
        {"{\"a\": {\"settings\": {}}}", "a: image", false},
        {"{\"a\": 1}", "a: image", false},
        {"{\"a\": {\"image\": \"" HASH "\", \"settings\": {}, \"x\": {}}}", "and nothing else", true},
        {"{\"A\": " FUNCTION "}", "a name has", false},
        {"{\"../a\": " FUNCTION "}", "a name has", false},
        {"{}", "of 1 to 128", false},
        {"[]", "an object", false},
    };
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        json_t *functions = json_of(each[i].json);
        struct mf_why why = {{0}};
        mf_err err = record_check_functions(functions, each[i].manifests, &why);
        if (err != (each[i].words ? MF_EINVAL : MF_OK) || (each[i].words && !strstr(why.text, each[i].words)))
            fail_msg("%s: %d \"%s\"", each[i].json, err, why.text);
        json_decref(functions);
    }
    assert_int_equal(record_check_functions(NULL, false, NULL), MF_EINVAL);
}

static void versions_go_up_and_old_ones_go(void **state)
{
    (void)state;
    json_t *functions = json_of("{\"a\": " FUNCTION "}"), *manifests = json_of("{\"a\": {}}");
    json_t *record = NULL;
    for (uint32_t i = 1; i <= MF_WORKFLOW_VERSIONS_MAX + 3; i++) {
        json_t *next = record_next(record, functions, manifests, i * 1000, i == 5 ? 3 : 0);
        json_decref(record);
        record = next;
        char *text = json_dumps(record, 0);
        json_decref(take(text)); /* what is written is read */
        free(text);
        assert_int_equal(version_number(record_version(record, 0)), i);
    }
    assert_int_equal(json_array_size(json_object_get(record, "versions")), MF_WORKFLOW_VERSIONS_MAX);
    assert_null(record_version(record, 3));
    assert_int_equal(version_number(record_version(record, 4)), 4);
    assert_int_equal(json_integer_value(json_object_get(record_version(record, 5), "back_to")), 3);
    assert_null(json_object_get(record_version(record, 6), "back_to"));
    assert_ptr_equal(version_functions(record_version(record, 7)), functions);
    json_decref(record);
    json_decref(functions);
    json_decref(manifests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_strictly),
        cmocka_unit_test(functions_are_checked),
        cmocka_unit_test(versions_go_up_and_old_ones_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
