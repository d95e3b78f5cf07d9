/* test_settings.c: settings from JSON and back: every key, every bound. */
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

static void defaults_are_within_bounds_and_complete(void **state)
{
    struct settings *settings = *state;
    json_t *object = settings_to_json(settings);
    assert_int_equal(json_object_size(object), 38);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, settings_rig_open, settings_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_within_bounds_and_complete),
        TEST(every_key_is_taken),
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
