/* test_settings.c: settings from JSON and back; every bound at and past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/settings.h"

static int setup(void **state)
{
    static struct settings settings;
    settings_init(&settings);
    *state = &settings;
    return 0;
}

static int teardown(void **state)
{
    settings_close(*state);
    return 0;
}

static void take(struct settings *settings, const char *json)
{
    struct mf_why why = {{0}};
    mf_err err = settings_parse(json, strlen(json), settings, &why);
    if (err)
        fail_msg("%s: %s", json, mf_why_text(&why, err));
}

static void refuse(struct settings *settings, const char *json, const char *sentence)
{
    struct mf_why why = {{0}};
    mf_err err = settings_parse(json, strlen(json), settings, &why);
    if (err != MF_EINVAL || !strstr(why.text, sentence))
        fail_msg("%s: %d \"%s\", expected \"%s\"", json, err, why.text, sentence);
}

static void defaults_are_within_bounds_and_complete(void **state)
{
    struct settings *settings = *state;
    json_t *object = settings_to_json(settings);
    assert_int_equal(json_object_size(object), 36);
    assert_int_equal(json_object_del(object, "name"), 0); /* the one that has no default */
    assert_int_equal(settings_from_json(object, settings, NULL), MF_OK);
    json_decref(object);
    assert_int_equal(settings->memory_mib, 64);
    assert_int_equal(settings->sandbox, MF_SANDBOX_AUTO);
}

static void every_key_is_taken(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"name\": \"a-1\", \"description\": \"d\", \"sandbox\": \"kvm\", \"memory_mib\": 8,"
                   "\"isolation\": \"fresh\","
                   "\"timeout_ms\": 1, \"max_instances\": 2, \"wait_ms\": 0, \"idle_ms\": 3,"
                   "\"cpu_share\": 4, \"cpu_ceiling_pct\": 5, \"next\": \"b-2\", \"environment\": {\"B\": \"2\", \"A\": \"\"}}");
    assert_string_equal(settings->name, "a-1");
    assert_string_equal(settings->description, "d");
    assert_int_equal(settings->sandbox, MF_SANDBOX_KVM);
    assert_int_equal(settings->isolation, ISOLATION_FRESH);
    assert_int_equal(settings->memory_mib, 8);
    assert_int_equal(settings->timeout_ms, 1);
    assert_int_equal(settings->max_instances, 2);
    assert_int_equal(settings->wait_ms, 0);
    assert_int_equal(settings->idle_ms, 3);
    assert_int_equal(settings->cpu_share, 4);
    assert_int_equal(settings->cpu_ceiling_pct, 5);
    assert_string_equal(settings->next, "b-2");
    assert_int_equal(settings->env_count, 2);
    assert_int_equal(settings->env_bytes, 7);
    assert_memory_equal(settings->env, "A=\0B=2", 7); /* sorted */
}

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
                   "\"folder\": \"/srv\", \"program\": \"/bin/s\", \"warm_up\": \"/ready?x=1\", "
                   "\"environment\": {\"A\": \"1\"}}");
    static const char *const http[] = {
        "A=1", "MAYFLY_CONTRACT=http", "MAYFLY_WARM_UP=/ready?x=1", "MAYFLY_FOLDER=/srv",
        "MAYFLY_PROGRAM=/bin/s", "PORT=81", "MAYFLY_ARGUMENT=-v", "MAYFLY_ARGUMENT=",
        "MAYFLY_ARGUMENT=a b",
    };
    expect_guest_env(settings, http, 9);
    assert_int_equal(settings_copy(settings, &copy), MF_OK);
    json_t *object = settings_to_json(&copy);
    settings_close(&copy);
    take(settings, "{\"contract\": \"lambda\", \"memory_mib\": 128, \"environment\": {}, "
                   "\"args\": [], \"folder\": \"\", \"program\": \"\", \"warm_up\": \"\"}");
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
    expect_guest_env(settings, http, 9);
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
    refuse(settings, "{\"jit\": true}", "jit: true is not possible");
    refuse(settings, "{\"jit\": \"no\"}", "jit: must be true or false");
    refuse(settings, "{\"args\": [\"a\"]}", "args: not with contract: sdk");
    refuse(settings, "{\"folder\": \"/a\"}", "folder: not with contract: sdk");
    refuse(settings, "{\"program\": \"/a\"}", "program: not with contract: sdk");
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

static void numbers_are_bounded(void **state)
{
    static const struct {
        const char *key;
        long long least, most;
    } bound[] = {
        {"memory_mib", 8, 2048},        {"timeout_ms", 1, MF_TIMEOUT_MS_MAX},
        {"attempts_max", 1, MF_ATTEMPTS_MAX}, {"max_age_s", 0, MF_EVENT_AGE_S_MAX},
        {"queue_max", 1, MF_QUEUE_EVENTS_MAX},
        {"wait_ms", 0, MF_WAIT_MS_MAX}, {"max_instances", 1, MF_INSTANCES_MAX},
        {"idle_ms", 0, MF_IDLE_MS_MAX}, {"cpu_share", 1, MF_CPU_SHARE_MAX},
        {"cpu_ceiling_pct", 0, 100},
    };
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        char json[128], sentence[128];
        const long long good[] = {bound[i].least, bound[i].most};
        const long long bad[] = {bound[i].least - 1, bound[i].most + 1, INT64_MAX, INT64_MIN,
                                 bound[i].least + (1ll << 32)};
        for (size_t j = 0; j < 2; j++) {
            (void)snprintf(json, sizeof json, "{\"%s\": %lld}", bound[i].key, good[j]);
            take(*state, json);
        }
        for (size_t j = 0; j < 5; j++) {
            (void)snprintf(json, sizeof json, "{\"%s\": %lld}", bound[i].key, bad[j]);
            (void)snprintf(sentence, sizeof sentence, "%s: %lld; %lld to %lld are allowed",
                           bound[i].key, bad[j], bound[i].least, bound[i].most);
            refuse(*state, json, sentence);
        }
        for (size_t j = 0; j < 4; j++) {
            static const char *const other[] = {"\"10\"", "10.0", "null", "true"};
            (void)snprintf(json, sizeof json, "{\"%s\": %s}", bound[i].key, other[j]);
            (void)snprintf(sentence, sizeof sentence, "%s: must be a whole number", bound[i].key);
            refuse(*state, json, sentence);
        }
    }
}

static void names_are_dns_labels(void **state)
{
    static const char longest[] = "a23456789012345678901234567890123456789012345678901234567890123";
    static const char *const good[] = {"a", "0", "a-b", longest};
    static const char *const bad[] = {"", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "a b", "\u00e9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(settings_name_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(settings_name_valid(bad[i], strlen(bad[i])));
    char past[66];
    (void)snprintf(past, sizeof past, "%s4", longest);
    assert_int_equal(strlen(longest), MF_NAME_BYTES_MAX);
    assert_false(settings_name_valid(past, strlen(past)));
    refuse(*state, "{\"name\": \"Hello\"}", "name: \"Hello\" is not a name");
    refuse(*state, "{\"name\": \"a\\u001b[2J\"}", "name: \"(not printable)\"");
    refuse(*state, "{\"name\": 5}", "name: must be a string");
}

static void descriptions_are_short_lines(void **state)
{
    char json[400];
    (void)snprintf(json, sizeof json, "{\"description\": \"%0255d\"}", 0);
    take(*state, json);
    (void)snprintf(json, sizeof json, "{\"description\": \"%0256d\"}", 0);
    refuse(*state, json, "description: 256 bytes; 255 are allowed");
    refuse(*state, "{\"description\": \"a\\nb\"}", "description: no line breaks");
    refuse(*state, "{\"description\": \"\\u007f\"}", "description: no line breaks");
    refuse(*state, "{\"description\": \"\\u009b2J\"}", "description: no line breaks");
    take(*state, "{\"description\": \"\\u00a0gr\\u00fc\\u00dfe\"}");
}

static void sandboxes_have_names(void **state)
{
    enum mf_sandbox sandbox;
    assert_true(sandbox_from_name("process", &sandbox));
    assert_int_equal(sandbox, MF_SANDBOX_PROCESS);
    assert_string_equal(sandbox_name(MF_SANDBOX_AUTO), "auto");
    assert_string_equal(sandbox_name((enum mf_sandbox)77), "unknown");
    assert_false(sandbox_from_name("", &sandbox));
    refuse(*state, "{\"sandbox\": \"vm\"}", "sandbox: \"vm\"; auto, process or kvm");
    refuse(*state, "{\"sandbox\": null}", "sandbox: must be a string");
    refuse(*state, "{\"isolation\": \"none\"}", "isolation: \"none\"; reset, reuse or fresh");
    refuse(*state, "{\"isolation\": true}", "isolation: must be a string");
}

static void strangers_are_refused(void **state)
{
    refuse(*state, "{\"memory\": 5}", "\"memory\" is not a setting");
    refuse(*state, "{\"\\u001b\": 5}", "\"(not printable)\" is not a setting");
    refuse(*state, "[]", "settings are a JSON object");
    refuse(*state, "", "settings are not JSON: line 1");
    refuse(*state, "{\"name\": \"a\", \"name\": \"b\"}", "settings are not JSON");
    refuse(*state, "{\"name\": \"a\"} x", "settings are not JSON");
}

static void a_quoted_mistake_is_fit_for_a_terminal(void **state)
{
    struct mf_why why = {{0}};
    static const char json[] = "{\"name\": \x1b[2J}";
    assert_int_equal(settings_parse(json, sizeof json - 1, *state, &why), MF_EINVAL);
    assert_null(strchr(why.text, '\x1b'));
}

static void text_past_the_limit_is_refused(void **state)
{
    char *json = calloc(1, 65538);
    memset(json, ' ', 65537);
    json[0] = '{';
    json[1] = '}';
    assert_int_equal(settings_parse(json, 65536, *state, NULL), MF_OK);
    assert_int_equal(settings_parse(json, 65537, *state, NULL), MF_ETOOBIG);
    free(json);
}

static void environment_is_checked(void **state)
{
    refuse(*state, "{\"environment\": [\"A=b\"]}", "environment: must be an object of strings");
    refuse(*state, "{\"environment\": {\"A\": 1}}", "environment: A: must be a string");
    refuse(*state, "{\"environment\": {\"\": \"\"}}", "environment: \"\" is not a variable's name");
    refuse(*state, "{\"environment\": {\"1A\": \"\"}}", "environment: \"1A\" is not a variable's");
    refuse(*state, "{\"environment\": {\"A=B\": \"\"}}", "environment: \"A=B\" is not a variable's");
    refuse(*state, "{\"environment\": {\"A\": \"\\u0000\"}}", "settings are not JSON");
    take(*state, "{\"environment\": {\"_a1\": \"=\"}}");
    take(*state, "{\"environment\": {}}");
    struct settings *settings = *state;
    assert_int_equal(settings->env_count, 0);
    assert_int_equal(settings->env_bytes, 0);
}

static void environment_count_is_bounded(void **state)
{
    json_t *map = json_object(), *object = json_pack("{s:o}", "environment", map);
    char name[16];
    for (int i = 0; i < MF_ENV_COUNT_MAX; i++) {
        (void)snprintf(name, sizeof name, "V%d", i);
        json_object_set_new(map, name, json_string(""));
    }
    assert_int_equal(settings_from_json(object, *state, NULL), MF_OK);
    json_object_set_new(map, "W", json_string(""));
    struct mf_why why;
    assert_int_equal(settings_from_json(object, *state, &why), MF_EINVAL);
    assert_string_equal(why.text, "environment: 129 variables; 128 are allowed");
    json_decref(object);
}

static void environment_bytes_are_bounded(void **state)
{
    char *value = calloc(1, MF_ENV_BYTES_MAX);
    memset(value, 'x', MF_ENV_BYTES_MAX - 3); /* with "A=" and a NUL exactly the limit */
    json_t *object = json_pack("{s:{s:s}}", "environment", "A", value);
    assert_int_equal(settings_from_json(object, *state, NULL), MF_OK);
    assert_int_equal(((struct settings *)*state)->env_bytes, MF_ENV_BYTES_MAX);
    json_object_set_new(json_object_get(object, "environment"), "B", json_string(""));
    struct mf_why why;
    assert_int_equal(settings_from_json(object, *state, &why), MF_EINVAL);
    assert_string_equal(why.text, "environment: more than 32768 bytes");
    json_decref(object);
    free(value);
}

static void an_overlay_applies_whole_or_not_at_all(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"name\": \"a\", \"environment\": {\"A\": \"1\"}}");
    struct settings before;
    assert_int_equal(settings_copy(settings, &before), MF_OK);
    refuse(settings, "{\"name\": \"b\", \"environment\": {\"B\": \"2\"}, \"memory_mib\": 1}",
           "memory_mib");
    assert_string_equal(settings->name, "a");
    assert_int_equal(settings->env_bytes, before.env_bytes);
    assert_memory_equal(settings->env, before.env, before.env_bytes);
    take(settings, "{\"memory_mib\": 128}");
    assert_string_equal(settings->name, "a");
    assert_string_equal(settings->env, "A=1");
    take(settings, "{\"environment\": {\"C\": \"3\"}}");
    assert_string_equal(settings->env, "C=3");
    settings_close(&before);
}

static void json_is_the_same_every_time(void **state)
{
    struct settings *settings = *state;
    take(settings, "{\"environment\": {\"B\": \"2\", \"A\": \"1\"}, \"name\": \"a\"}");
    json_t *object = settings_to_json(settings);
    char *unsorted = json_dumps(object, JSON_COMPACT);
    char *sorted = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(unsorted, sorted);
    struct settings again;
    settings_init(&again);
    assert_int_equal(settings_from_json(object, &again, NULL), MF_OK);
    assert_memory_equal(again.env, settings->env, settings->env_bytes);
    settings_close(&again);
    free(unsorted);
    free(sorted);
    json_decref(object);
}

static void followers_are_a_list_of_names(void **state)
{
    struct settings *settings = *state;
    struct settings copy;
    assert_null(followers_next(&settings->then, NULL));
    take(settings, "{\"then\": [\"a\", \"b-2\"]}");
    assert_int_equal(settings->then.count, 2);
    assert_int_equal(settings_copy(settings, &copy), MF_OK);
    take(settings, "{\"then\": []}"); /* the whole list */
    assert_null(settings->then.names);
    const char *name = followers_next(&copy.then, NULL);
    assert_string_equal(name, "a");
    name = followers_next(&copy.then, name);
    assert_string_equal(name, "b-2");
    assert_null(followers_next(&copy.then, name));
    json_t *list = followers_to_json(&copy.then);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    settings_close(&copy);
    static const struct {
        const char *json, *sentence;
    } bad[] = {{"{\"then\": \"a\"}", "then: must be a list of at most 16"},
               {"{\"then\": [\"a\", \"B\"]}", "then: entry 2 is not the name"},
               {"{\"then\": [7]}", "then: entry 1 is not the name"},
               {"{\"then\": [\"a\", \"b\", \"a\"]}", "then: a stands there twice"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(settings, bad[i].json, bad[i].sentence);
    char json[256] = "{\"then\": [";
    for (unsigned i = 0; i < MF_THEN_MAX; i++)
        (void)snprintf(json + strlen(json), sizeof json - strlen(json), "%s\"a%u\"", i ? "," : "", i);
    strcat(json, "]}");
    take(settings, json);
    strcpy(strstr(json, "]}"), ",\"z\"]}");
    refuse(settings, json, "a list of at most 16");
    assert_int_equal(settings->then.count, MF_THEN_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_within_bounds_and_complete),
        TEST(every_key_is_taken),
        TEST(a_guest_is_told_how_its_program_is_run),
        TEST(the_window_is_the_contracts_unless_somebody_chose_it),
        TEST(how_a_program_is_run_is_checked),
        TEST(a_guests_environment_has_bounds),
        TEST(scaling_keys_are_taken),
        TEST(scaling_keys_out_of_place_are_refused),
        TEST(where_events_are_posted_is_not_an_images_to_say),
        TEST(keep_alive_is_none_hybrid_or_a_duration),
        TEST(keep_alive_refuses_what_is_no_duration),
        TEST(numbers_are_bounded),
        TEST(names_are_dns_labels),
        TEST(descriptions_are_short_lines),
        TEST(sandboxes_have_names),
        TEST(strangers_are_refused),
        TEST(a_quoted_mistake_is_fit_for_a_terminal),
        TEST(text_past_the_limit_is_refused),
        TEST(environment_is_checked),
        TEST(environment_count_is_bounded),
        TEST(environment_bytes_are_bounded),
        TEST(an_overlay_applies_whole_or_not_at_all),
        TEST(json_is_the_same_every_time),
        TEST(followers_are_a_list_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
