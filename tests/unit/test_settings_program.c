/* test_settings_program.c: settings that say how a program is run, and what a guest is told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/settings.h"
#include "settings_rig.h"

/* guest_env, its strings one after the other. */
static void expect_guest_env(const struct settings *settings, const char *const *want, size_t count)
{
    const char *at = settings->guest_env;
    assert_int_equal(settings->guest_env_count, count);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        assert_string_equal(at, want[i]);
    assert_int_equal(count ? at - settings->guest_env : 0, settings->guest_env_bytes);
}

static void a_lambda_is_told_its_name(const struct settings *settings)
{
    struct settings other;
    assert_int_equal(settings_copy(settings, &other), MF_OK);
    take(&other, "{\"folder\": \"/task\", \"args\": [\"app.main\"], "
                 "\"environment\": {\"AWS_LAMBDA_LOG_STREAM_NAME\": \"mine\"}}");
    assert_int_equal(settings_rename(&other, "f", NULL), MF_OK);
    static const char *const named[] = {
        "AWS_LAMBDA_LOG_STREAM_NAME=mine", "MAYFLY_CONTRACT=lambda", "MAYFLY_FUNCTION=f",
        "MAYFLY_FOLDER=/task", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
        "LAMBDA_TASK_ROOT=/task", "_HANDLER=app.main", "AWS_LAMBDA_FUNCTION_NAME=f",
        "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/f", "MAYFLY_ARGUMENT=app.main",
    };
    expect_guest_env(&other, named, sizeof named / sizeof named[0]);
    refuse(&other, "{\"environment\": {\"MAYFLY_FUNCTION\": \"g\"}}",
           "environment: MAYFLY_FUNCTION is what the setting `name` says");
    refuse(&other, "{\"warm_up\": \"/path\"}", "is no payload of an event");
    take(&other, "{\"warm_up\": \"{\\\"a\\\": [1, 2]}\"}");
    settings_close(&other);
}

static void a_guest_is_told_how_its_program_is_run(void **state)
{
    struct settings *settings = *state, copy;
    take(settings, "{\"environment\": {\"PORT\": \"1\"}}");
    expect_guest_env(settings, (const char *const[]){"PORT=1"}, 1); /* the SDK's have no port */
    take(settings, "{\"args\": [\"-v\", \"\", \"a b\"], \"contract\": \"http\", \"port\": 81, \"jit\": false, "
                   "\"folder\": \"/srv\", \"user\": \"1000:0\", \"program\": \"/bin/s\", \"warm_up\": \"/ready?x=1\", "
                   "\"environment\": {\"A\": \"1\"}}");
    static const char *const http[] = {
        "A=1", "MAYFLY_CONTRACT=http", "MAYFLY_WARM_UP=/ready?x=1", "MAYFLY_FOLDER=/srv",
        "MAYFLY_USER=1000:0", "MAYFLY_PROGRAM=/bin/s", "PORT=81", "MAYFLY_ARGUMENT=-v", "MAYFLY_ARGUMENT=",
        "MAYFLY_ARGUMENT=a b",
    };
    expect_guest_env(settings, http, sizeof http / sizeof http[0]);
    assert_false(settings->jit);
    take(settings, "{\"jit\": true}"); /* which no variable says */
    expect_guest_env(settings, http, sizeof http / sizeof http[0]);
    assert_int_equal(settings_copy(settings, &copy), MF_OK);
    assert_true(copy.jit);
    json_t *object = settings_to_json(&copy);
    settings_close(&copy);
    take(settings, "{\"contract\": \"lambda\", \"memory_mib\": 128, \"environment\": {}, "
                   "\"args\": [], \"folder\": \"\", \"user\": \"\", \"program\": \"\", \"warm_up\": \"\", "
                   "\"jit\": false}");
    assert_false(settings->jit);
    static const char *const lambda[] = {
        "MAYFLY_CONTRACT=lambda", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
        "LAMBDA_TASK_ROOT=/",
    };
    expect_guest_env(settings, lambda, 5);
    a_lambda_is_told_its_name(settings);
    refuse(settings, "{\"environment\": {\"AWS_LAMBDA_RUNTIME_API\": \"x\"}}",
           "environment: AWS_LAMBDA_RUNTIME_API is what the setting `contract` says");
    refuse(settings, "{\"environment\": {\"AWS_LAMBDA_FUNCTION_VERSION\": \"1\"}}",
           "environment: AWS_LAMBDA_FUNCTION_VERSION is what the setting `contract` says");
    refuse(settings, "{\"environment\": {\"AWS_LAMBDA_FUNCTION_MEMORY_SIZE\": \"1\"}}",
           "environment: AWS_LAMBDA_FUNCTION_MEMORY_SIZE is what the setting `memory_mib` says");
    take(settings, "{\"args\": [], \"contract\": \"stdio\", \"folder\": \"\", \"program\": \"\", "
                   "\"warm_up\": \"\", \"environment\": {}}");
    expect_guest_env(settings, (const char *const[]){"MAYFLY_CONTRACT=stdio"}, 1);
    json_object_del(object, "name");
    assert_int_equal(settings_from_json(object, settings, NULL), MF_OK); /* what is printed is taken */
    expect_guest_env(settings, http, sizeof http / sizeof http[0]);
    assert_true(settings->jit);
    json_decref(object);
}

static void the_window_is_the_contracts_unless_somebody_chose_it(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"contract\": \"http\"}");
    assert_int_equal(settings->memory_mib, 1024);
    take(settings, "{\"timeout_ms\": 5}");
    assert_int_equal(settings->memory_mib, 1024);
    take(settings, "{\"contract\": \"lambda\", \"memory_mib\": 64}");
    assert_int_equal(settings->memory_mib, 64);
    take(settings, "{\"contract\": \"stdio\"}");
    assert_int_equal(settings->memory_mib, 64);
}

static void how_a_program_is_run_is_checked(void **state)
{
    struct settings *settings = *state;
    refuse(settings, "{\"contract\": \"grpc\"}", "contract: \"grpc\"; sdk, http, lambda, openwhisk or stdio");
    refuse(settings, "{\"contract\": 1}", "contract: must be a string");
    refuse(settings, "{\"port\": 0}", "port: 0; 1 to 65535 are allowed");
    refuse(settings, "{\"port\": 65536}", "port: 65536");
    refuse(settings, "{\"jit\": \"no\"}", "jit: must be true or false");
    refuse(settings, "{\"jit\": null}", "jit: must be true or false");
    refuse(settings, "{\"args\": [\"a\"]}", "args: not with contract: sdk");
    refuse(settings, "{\"folder\": \"/a\"}", "folder: not with contract: sdk");
    refuse(settings, "{\"program\": \"/a\"}", "program: not with contract: sdk");
    refuse(settings, "{\"user\": \"1:1\"}", "user: not with contract: sdk");
    refuse(settings, "{\"warm_up\": \"/a\", \"contract\": \"stdio\"}", "warm_up: only with contract: http or lambda, not stdio");
    take(settings, "{\"contract\": \"openwhisk\"}");
    refuse(settings, "{\"loader\": \"/lib/ld.so\"}", "loader: only with program");
    take(settings, "{\"loader\": \"/lib/ld.so\", \"program\": \"/p\", \"args\": [\"x\"]}");
    expect_guest_env(settings, (const char *const[]){
        "MAYFLY_CONTRACT=openwhisk", "MAYFLY_PROGRAM=/p", "PORT=8080", "MALLOC_ARENA_MAX=1",
        "MAYFLY_ARGUMENT=--argv0", "MAYFLY_ARGUMENT=/p", "MAYFLY_ARGUMENT=/p", "MAYFLY_ARGUMENT=x"}, 8);
    take(settings, "{\"environment\": {\"MALLOC_ARENA_MAX\": \"4\"}}"); /* the author's own */
    expect_guest_env(settings, (const char *const[]){
        "MALLOC_ARENA_MAX=4", "MAYFLY_CONTRACT=openwhisk", "MAYFLY_PROGRAM=/p", "PORT=8080",
        "MAYFLY_ARGUMENT=--argv0", "MAYFLY_ARGUMENT=/p", "MAYFLY_ARGUMENT=/p", "MAYFLY_ARGUMENT=x"}, 8);
    refuse(settings, "{\"args\": \"a\"}", "args: must be a list of at most 64 strings");
    refuse(settings, "{\"args\": [\"a\", 1]}", "args: entry 2 is no string");
    refuse(settings, "{\"folder\": \"srv\"}", "folder: \"srv\" is no absolute path");
    refuse(settings, "{\"program\": \"s\"}", "program: \"s\" is no absolute path");
    static const char *const user[] = {"1000", "0:0", ":1", "1:", "1:1:", "+1:1", " 1:1", "1: 1", "a:1", "-1:1",
                                       "4294967295:1", "1:4294967295", "1:18446744073709551617", "1000:00000000000000001"};
    for (size_t i = 0; i < sizeof user / sizeof user[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"user\": \"%s\"}", user[i]);
        refuse(settings, text, "is no USER:GROUP");
    }
    take(settings, "{\"user\": \"4294967294:4294967294\"}");
    refuse(settings, "{\"environment\": {\"MAYFLY_USER\": \"1:1\"}}", "what the setting `user` says");
    take(settings, "{\"user\": \"\"}");
    refuse(settings, "{\"environment\": {\"PORT\": \"1\"}}", "PORT is what the setting `port` says");
    refuse(settings, "{\"environment\": {\"MAYFLY_ARGUMENT\": \"\"}}", "what the setting `args` says");
    take(settings, "{\"contract\": \"http\"}");
    static const char *const path[] = {"a", "/a b", "/a\\u0001", "/a#b", "http://h/"};
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"warm_up\": \"%s\"}", path[i]);
        refuse(settings, text, "is no path of a request");
    }
}

static void a_guests_environment_has_bounds(void **state)
{
    struct settings *settings = *state;
    json_t *list = json_array(), *map = json_object();
    take(settings, "{\"contract\": \"stdio\"}");
    for (int i = 0; i < 63; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "V%d", i);
        json_object_set_new(map, name, json_string("x"));
        json_array_append_new(list, json_string("x"));
    }
    json_array_append_new(list, json_string("x"));
    json_t *both = json_pack("{s:o, s:o}", "args", list, "environment", map);
    assert_int_equal(settings_from_json(both, settings, NULL), MF_OK); /* 63, 64, and the contract */
    json_object_set_new(map, "W", json_string("x"));
    struct mf_why why = {{0}};
    assert_int_equal(settings_from_json(both, settings, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "environment and args: 129 entries"));
    json_array_append_new(list, json_string("x"));
    assert_int_equal(settings_from_json(both, settings, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "args: must be a list of at most 64"));
    json_decref(both);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, settings_rig_open, settings_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(a_guest_is_told_how_its_program_is_run),
        TEST(the_window_is_the_contracts_unless_somebody_chose_it),
        TEST(how_a_program_is_run_is_checked),
        TEST(a_guests_environment_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
