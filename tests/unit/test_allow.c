/* test_allow.c: lists of what a function may ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/settings.h"

static mf_err take(const char *json, struct allow *allow, struct mf_why *why)
{
    json_t *object = json_loads(json, JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    mf_err err = allow_from_json(object, allow, why);
    json_decref(object);
    return err;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    static const char text[] =
        "{\"http\": [\"api.example.org:443\", \"https://[::1]\", \"*.example.org:80\", \"http://10.0.0.1:8080\"],"
        " \"pop\": [\"*\", \"a-b\"], \"publish\": [\"a/+/#\"], \"push\": [\"q\"],"
        " \"read\": [\"shop/\", \"*\"], \"secrets\": [\"Token_1.x\"], \"splice\": [\"t\"], \"write\": [\"k\"]}";
    struct allow allow = {0}, copy = {0};
    const char *list[MF_ALLOW_COUNT_MAX];
    assert_int_equal(take(text, &allow, NULL), MF_OK);
    assert_int_equal(allow_copy(&allow, &copy), MF_OK);
    allow_close(&allow);
    json_t *out = allow_to_json(&copy), *in = json_loads(text, 0, NULL);
    assert_true(json_equal(out, in));
    json_decref(out);
    json_decref(in);
    assert_int_equal(allow_list(&copy, ALLOW_READ, list), 2);
    assert_string_equal(list[0], "shop/");
    assert_string_equal(list[1], "*");
    assert_string_equal(allow_first(&copy, ALLOW_WRITE), "k");
    allow_close(&copy);
    out = allow_to_json(&copy);
    assert_int_equal(json_object_size(out), 0);
    json_decref(out);
}

static void bad_lists_are_refused_whole(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"[]", "must be an object"},
        {"{\"files\": []}", "a key that is none"},
        {"{\"read\": \"a\"}", "read: must be a list"},
        {"{\"read\": [\"a\", 1]}", "read: entry 2: the beginning of keys"},
        {"{\"read\": [\"\"]}", "read: entry 1"},
        {"{\"write\": [\"a\\u0007\"]}", "write: entry 1"},
        {"{\"write\": [\"a\\u0000b\"]}", "write: entry 1"},
        {"{\"push\": [\"A\"]}", "push: entry 1: a queue's name"},
        {"{\"pop\": [\"**\"]}", "pop: entry 1"},
        {"{\"publish\": [\"a#\"]}", "publish: entry 1: an MQTT topic filter"},
        {"{\"publish\": [\"\"]}", "publish: entry 1"},
        {"{\"secrets\": [\".hidden\"]}", "secrets: entry 1: a secret's name"},
        {"{\"secrets\": [\"a/b\"]}", "secrets: entry 1"},
        {"{\"splice\": [\"*\"]}", "splice: entry 1"},
        {"{\"http\": [\"example.org\"]}", "http: entry 1: HOST:PORT"},
        {"{\"http\": [\":80\"]}", "http: entry 1"},
        {"{\"http\": [\"a:0\"]}", "http: entry 1"},
        {"{\"http\": [\"a:65536\"]}", "http: entry 1"},
        {"{\"http\": [\"a:080\"]}", "http: entry 1"},
        {"{\"http\": [\"a:1x\"]}", "http: entry 1"},
        {"{\"http\": [\"a b:80\"]}", "http: entry 1"},
        {"{\"http\": [\"a/b:80\"]}", "http: entry 1"},
        {"{\"http\": [\"[::1:80\"]}", "http: entry 1"},
        {"{\"http\": [\"ftp://a:80\"]}", "http: entry 1"},
        {"{\"http\": [\"*.:80\"]}", "http: entry 1"},
    };
    struct allow allow = {0};
    assert_int_equal(take("{\"read\": [\"kept\"]}", &allow, NULL), MF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mf_why why = {{0}};
        if (take(bad[i][0], &allow, &why) != MF_EINVAL || !strstr(why.text, bad[i][1]))
            fail_msg("%s: \"%s\"", bad[i][0], why.text);
        assert_string_equal(allow_first(&allow, ALLOW_READ), "kept");
    }
    allow_close(&allow);
}

/* {"read": [so many entries of so many bytes]} */
static json_t *many(size_t entries, size_t bytes)
{
    char text[MF_KEY_BYTES_MAX + 2];
    json_t *list = json_array();
    memset(text, 'k', sizeof text);
    text[bytes] = 0;
    for (size_t i = 0; i < entries; i++)
        assert_int_equal(json_array_append_new(list, json_string(text)), 0);
    return json_pack("{s:o}", "read", list);
}

static void bounds_hold(void **state)
{
    (void)state;
    static const struct {
        size_t entries, bytes;
        mf_err err;
    } bounds[] = {
        {MF_ALLOW_COUNT_MAX, 1, MF_OK},
        {MF_ALLOW_COUNT_MAX + 1, 1, MF_EINVAL},
        {1, MF_KEY_BYTES_MAX, MF_OK},
        {1, MF_KEY_BYTES_MAX + 1, MF_EINVAL},
        {MF_ALLOW_BYTES_MAX / (MF_KEY_BYTES_MAX + 1), MF_KEY_BYTES_MAX, MF_OK},
        {MF_ALLOW_BYTES_MAX / (MF_KEY_BYTES_MAX + 1) + 1, MF_KEY_BYTES_MAX, MF_EINVAL},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct allow allow = {0};
        json_t *json = many(bounds[i].entries, bounds[i].bytes);
        assert_int_equal(allow_from_json(json, &allow, NULL), bounds[i].err);
        json_decref(json);
        allow_close(&allow);
    }
}

static void as_settings(void **state)
{
    (void)state;
    struct settings settings, copy;
    struct mf_why why = {{0}};
    settings_init(&settings);
    assert_string_equal(settings.tenant, "default");
    static const char text[] = "{\"tenant\": \"shop-1\", \"allow\": {\"read\": [\"a\"]}}";
    assert_int_equal(settings_parse(text, strlen(text), &settings, &why), MF_OK);
    assert_int_equal(settings_copy(&settings, &copy), MF_OK);
    settings_close(&settings);
    assert_string_equal(copy.tenant, "shop-1");
    assert_string_equal(allow_first(&copy.allow, ALLOW_READ), "a");
    static const char nothing[] = "{\"allow\": {}}";
    assert_int_equal(settings_parse(nothing, strlen(nothing), &copy, &why), MF_OK);
    assert_int_equal(copy.allow.count[ALLOW_READ], 0);
    settings_foreign(&copy);
    assert_string_equal(copy.tenant, "default");
    static const char *const bad[] = {"{\"tenant\": \"functions\"}", "{\"tenant\": \"node\"}",
                                      "{\"tenant\": \"callbacks\"}", "{\"tenant\": \"A\"}",
                                      "{\"tenant\": \"\"}", "{\"tenant\": 1}", "{\"allow\": []}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(settings_parse(bad[i], strlen(bad[i]), &copy, &why), MF_EINVAL);
    settings_close(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(bad_lists_are_refused_whole),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(as_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
