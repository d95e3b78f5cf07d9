/* test_settings_scaling.c: settings of queues, instances and how long they stay. */
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

static void scaling_keys_are_taken(void **state)
{
    struct settings *settings = *state, copy;
    assert_int_equal(settings->priority, PRIORITY_BULK);
    assert_int_equal(settings->overload, OVERLOAD_BACKPRESSURE);
    take(settings, "{\"priority\": \"urgent\", \"overload\": \"offload\", \"offload_url\": "
                   "\"https://other:81/async-function/f\", \"grace_ms\": 60000, \"scale_threshold\": 7,"
                   "\"min_instances\": 16}");
    assert_int_equal(settings->priority, PRIORITY_URGENT);
    assert_int_equal(settings->overload, OVERLOAD_OFFLOAD);
    assert_string_equal(settings->offload_url, "https://other:81/async-function/f");
    assert_int_equal(settings->grace_ms, 60000);
    assert_int_equal(settings->scale_threshold, 7);
    assert_int_equal(settings->min_instances, 16);
    assert_int_equal(settings_copy(settings, &copy), MF_OK);
    assert_string_equal(copy.offload_url, settings->offload_url);
    assert_ptr_not_equal(copy.offload_url, settings->offload_url);
    settings_close(&copy);
    json_t *object = settings_to_json(settings);
    settings_close(settings);
    settings_init(settings);
    json_object_del(object, "name");
    assert_int_equal(settings_from_json(object, settings, NULL), MF_OK);
    assert_string_equal(settings->offload_url, "https://other:81/async-function/f");
    json_decref(object);
    static const char *const overload[] = {"backpressure", "drop-oldest", "dead-letter", "stop-workflow"};
    for (size_t i = 0; i < sizeof overload / sizeof overload[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"overload\": \"%s\", \"offload_url\": \"\"}", overload[i]);
        take(settings, text);
        assert_int_equal(settings->overload, i);
        assert_null(settings->offload_url);
    }
}

static void where_events_are_posted_is_not_an_images_to_say(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"overload\": \"offload\", \"offload_url\": \"http://127.0.0.1/x\"}");
    settings_foreign(settings);
    assert_int_equal(settings->overload, OVERLOAD_BACKPRESSURE);
    assert_null(settings->offload_url);
    take(settings, "{\"overload\": \"drop-oldest\", \"contract\": \"http\", \"listen\": \"[::1]:81\"}");
    assert_string_equal(settings->listen, "[::1]:81");
    settings_foreign(settings);
    assert_string_equal(settings->listen, "");
    assert_int_equal(settings->overload, OVERLOAD_DROP_OLDEST);
}

/* YAML makes a number of `listen: 9000`. */
static void a_port_may_be_a_number(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"contract\": \"http\", \"listen\": 9000}");
    assert_string_equal(settings->listen, "9000");
    take(settings, "{\"listen\": 0}");
    assert_string_equal(settings->listen, "0");
    take(settings, "{\"listen\": 65535}");
    assert_string_equal(settings->listen, "65535");
    refuse(settings, "{\"listen\": 65536}", "listen: 65536; a port is 0 to 65535");
    refuse(settings, "{\"listen\": -1}", "listen: -1; a port");
    refuse(settings, "{\"listen\": 80.5}", "listen: must be a string");
    refuse(settings, "{\"listen\": true}", "listen: must be a string");
}

static void scaling_keys_out_of_place_are_refused(void **state)
{
    struct settings *settings = *state;
    refuse(settings, "{\"priority\": \"high\"}", "priority: \"high\"; bulk or urgent");
    refuse(settings, "{\"overload\": \"drop\"}", "overload: \"drop\"; backpressure, drop-oldest");
    assert_int_equal(settings->durability, DURABILITY_POWER_LOSS);
    take(settings, "{\"durability\": \"process-crash\", \"triggers\": [{\"mqtt\": \"a\"}]}");
    assert_int_equal(settings->durability, DURABILITY_PROCESS_CRASH);
    refuse(settings, "{\"durability\": \"none\"}", "durability: \"none\"; power-loss or process-crash");
    refuse(settings, "{\"triggers\": [{\"every\": \"1m\"}]}", "process-crash, but a trigger every");
    take(settings, "{\"durability\": \"power-loss\", \"triggers\": [{\"key\": \"a\"}]}");
    refuse(settings, "{\"durability\": \"process-crash\"}", "process-crash, but a trigger key");
    take(settings, "{\"triggers\": []}");
    refuse(settings, "{\"overload\": \"offload\"}", "offload needs offload_url");
    refuse(settings, "{\"grace_ms\": 60001}", "grace_ms: 60001");
    refuse(settings, "{\"contract\": \"http\", \"listen\": \"a:1\"}", "listen: \"a:1\"; PORT");
    refuse(settings, "{\"listen\": \"8081\"}", "listen: only with contract: http, not sdk");
    refuse(settings, "{\"scale_threshold\": -1}", "scale_threshold");
    refuse(settings, "{\"min_instances\": 17}", "min_instances: 17, but max_instances: 16");
    refuse(settings, "{\"min_instances\": 2, \"max_instances\": 1}", "min_instances: 2");
    static const char *const url[] = {"ftp://h/", "http://", "https:///x", "//h", "h", "http://h/a b",
                                      "http://h/\\u007f", "http://:80/", "http://?"};
    for (size_t i = 0; i < sizeof url / sizeof url[0]; i++) {
        char text[96];
        (void)snprintf(text, sizeof text, "{\"offload_url\": \"%s\"}", url[i]);
        refuse(settings, text, "is no absolute http or https URL");
    }
    static char text[MF_OFFLOAD_URL_BYTES_MAX + 64];
    for (size_t over = 0; over < 2; over++) {
        (void)snprintf(text, sizeof text, "{\"offload_url\": \"http://%0*d\"}",
                       (int)(MF_OFFLOAD_URL_BYTES_MAX - 7 + over), 7);
        if (over)
            refuse(settings, text, "is no absolute");
        else
            take(settings, text);
    }
}

static const char *keep_alive_told(const struct settings *settings, char room[static 32])
{
    json_t *object = settings_to_json(settings);
    (void)snprintf(room, 32, "%s", json_string_value(json_object_get(object, "keep_alive")));
    json_decref(object);
    return room;
}

static void keep_alive_is_none_hybrid_or_a_duration(void **state)
{
    static const struct {
        const char *json;
        enum keep_alive kind;
        uint32_t idle_ms;
        const char *told;
    } good[] = {
        {"{\"keep_alive\": \"none\"}", KEEP_ALIVE_NONE, 60000, "none"},
        {"{\"keep_alive\": \"hybrid\"}", KEEP_ALIVE_HYBRID, 60000, "hybrid"},
        {"{\"keep_alive\": \"0s\"}", KEEP_ALIVE_FIXED, 0, "0ms"},
        {"{\"keep_alive\": \"500ms\"}", KEEP_ALIVE_FIXED, 500, "500ms"},
        {"{\"keep_alive\": \"90s\"}", KEEP_ALIVE_FIXED, 90000, "90s"},
        {"{\"keep_alive\": \"60s\"}", KEEP_ALIVE_FIXED, 60000, "1m"},
        {"{\"keep_alive\": \"24h\"}", KEEP_ALIVE_FIXED, 86400000, "24h"},
        {"{\"idle_ms\": 5000, \"keep_alive\": \"5s\"}", KEEP_ALIVE_FIXED, 5000, "5s"},
        {"{\"idle_ms\": 5000, \"keep_alive\": \"hybrid\"}", KEEP_ALIVE_HYBRID, 5000, "hybrid"},
        {"{\"idle_ms\": 7000}", KEEP_ALIVE_FIXED, 7000, "7s"}, /* after hybrid: fixed again */
    };
    struct settings *settings = *state;
    assert_int_equal(settings->keep_alive, KEEP_ALIVE_FIXED);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char room[32];
        if (good[i].kind != KEEP_ALIVE_FIXED)
            settings->idle_ms = 60000;
        take(settings, good[i].json);
        assert_int_equal(settings->keep_alive, good[i].kind);
        assert_int_equal(settings->idle_ms, good[i].idle_ms);
        assert_string_equal(keep_alive_told(settings, room), good[i].told);
    }
}

static void keep_alive_refuses_what_is_no_duration(void **state)
{
    static const struct {
        const char *json, *sentence;
    } bad[] = {
        {"{\"keep_alive\": \"\"}", "keep_alive: \"\"; none, hybrid, or a duration with its unit"},
        {"{\"keep_alive\": \"60\"}", "keep_alive: \"60\"; none, hybrid, or a duration"},
        {"{\"keep_alive\": \"s\"}", "keep_alive: \"s\"; none"},
        {"{\"keep_alive\": \"-1s\"}", "keep_alive: \"-1s\"; none"},
        {"{\"keep_alive\": \"1.5h\"}", "keep_alive: \"1.5h\"; none"},
        {"{\"keep_alive\": \"1h30m\"}", "keep_alive: \"1h30m\"; none"},
        {"{\"keep_alive\": \"60 s\"}", "keep_alive: \"60 s\"; none"},
        {"{\"keep_alive\": \"Hybrid\"}", "keep_alive: \"Hybrid\"; none"},
        {"{\"keep_alive\": \"a\\u001b[2J\"}", "keep_alive: \"(not printable)\"; none"},
        {"{\"keep_alive\": \"25h\"}", "keep_alive: 25h; at most 24h are allowed"},
        {"{\"keep_alive\": \"86400001ms\"}", "at most 24h are allowed"},
        {"{\"keep_alive\": \"99999999999999999999h\"}", "at most 24h are allowed"},
        {"{\"keep_alive\": 60}", "keep_alive: must be a string: none, hybrid, or a duration"},
        {"{\"keep_alive\": null}", "keep_alive: must be a string"},
        {"{\"keep_alive\": \"10m\", \"idle_ms\": 5}", "keep_alive: 10m, but idle_ms: 5; give one"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(*state, bad[i].json, bad[i].sentence);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, settings_rig_open, settings_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(scaling_keys_are_taken),
        TEST(a_port_may_be_a_number),
        TEST(scaling_keys_out_of_place_are_refused),
        TEST(where_events_are_posted_is_not_an_images_to_say),
        TEST(keep_alive_is_none_hybrid_or_a_duration),
        TEST(keep_alive_refuses_what_is_no_duration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
