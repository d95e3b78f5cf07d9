/* test_triggers.c: the setting `triggers`: from JSON, back, copies, every bound at and past; the
 * grammar of cron fields and of MQTT's topics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/settings.h"
#include "image/topic.h"
#include "settings_rig.h"

/* The list of triggers in a setting. */
static const char *wrapped(const char *list)
{
    static char json[4096];
    assert_true(snprintf(json, sizeof json, "{\"triggers\": %s}", list) < (int)sizeof json);
    return json;
}

static void take_list(struct settings *settings, const char *list)
{
    take(settings, wrapped(list));
}

static void refuse_list(struct settings *settings, const char *list, const char *sentence)
{
    refuse(settings, wrapped(list), sentence);
}

static void every_kind_is_taken_and_told_whole(void **state)
{
    struct settings *settings = *state;
    take_list(settings, "[{\"mqtt\": \"device/sck/+/readings/#\"}, {\"mqtt\": \"a\", \"qos\": 2, \"nodes\": \"every\"},"
                   " {\"every\": \"60s\"}, {\"cron\": \"*/5 8-18 * * mon-fri\", \"timezone\":"
                   " \"Europe/Vienna\", \"missed\": \"once\"}, {\"key\": \"door/\"}, {\"queue\": \"alarms\"}]");
    const struct trigger *each = settings->triggers.each;
    assert_int_equal(settings->triggers.count, 6);
    assert_int_equal(each[0].kind, TRIGGER_MQTT);
    assert_int_equal(each[0].qos, 1);
    assert_false(each[0].every_node);
    assert_int_equal(each[1].qos, 2);
    assert_true(each[1].every_node);
    assert_int_equal(each[2].every_ms, 60000);
    assert_false(each[2].once);
    assert_true(each[3].once);
    assert_string_equal(each[3].timezone, "Europe/Vienna");
    assert_string_equal(each[4].text, "door/");
    assert_int_equal(each[4].text_bytes, 5);
    assert_string_equal(each[5].text, "alarms");
    assert_true(triggers_has(&settings->triggers, TRIGGER_KEY));
    json_t *told = triggers_to_json(&settings->triggers);
    char *text = json_dumps(told, JSON_COMPACT);
    assert_string_equal(text, "[{\"mqtt\":\"device/sck/+/readings/#\",\"nodes\":\"one\",\"qos\":1},"
                              "{\"mqtt\":\"a\",\"nodes\":\"every\",\"qos\":2},"
                              "{\"every\":\"1m\",\"missed\":\"skip\"},{\"cron\":\"*/5 8-18 * * mon-fri\","
                              "\"missed\":\"once\",\"timezone\":\"Europe/Vienna\"},{\"key\":\"door/\"},"
                              "{\"queue\":\"alarms\"}]");
    free(text);
    json_decref(told);
}

static void a_list_replaces_the_list(void **state)
{
    struct settings *settings = *state;
    take_list(settings, "[{\"every\": \"1s\"}, {\"every\": \"2s\"}]");
    take_list(settings, "[{\"queue\": \"q\"}]");
    assert_int_equal(settings->triggers.count, 1);
    assert_int_equal(settings_parse("{\"memory_mib\": 8}", 17, settings, NULL), MF_OK);
    assert_int_equal(settings->triggers.count, 1);
    take_list(settings, "[]");
    assert_int_equal(settings->triggers.count, 0);
    assert_null(settings->triggers.each);
}

static void a_copy_is_its_owners(void **state)
{
    struct settings *settings = *state, copy;
    take_list(settings, "[{\"key\": \"a\"}, {\"every\": \"2s\"}]");
    assert_int_equal(settings_copy(settings, &copy), MF_OK);
    take_list(settings, "[]");
    assert_int_equal(copy.triggers.count, 2);
    assert_string_equal(copy.triggers.each[0].text, "a");
    assert_int_equal(copy.triggers.each[1].every_ms, 2000);
    settings_close(&copy);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *list, *sentence;
    } bad[] = {
        {"{}", "triggers: must be a list of objects"},
        {"null", "triggers: must be a list"},
        {"[5]", "triggers: entry 1: must be an object with one of mqtt, every, cron, key, queue"},
        {"[{\"every\": \"1s\"}, {}]", "triggers: entry 2: must be an object with one of"},
        {"[{\"every\": \"1s\", \"cron\": \"* * * * *\"}]", "entry 1: must be an object with one of"},
        {"[{\"every\": 5}]", "entry 1: every: must be a string"},
        {"[{\"every\": \"5\"}]", "entry 1: every: no duration; a number with its unit"},
        {"[{\"every\": \"99ms\"}]", "entry 1: every: 100ms to 720h are allowed"},
        {"[{\"every\": \"721h\"}]", "entry 1: every: 100ms to 720h are allowed"},
        {"[{\"every\": \"99999999999999999999h\"}]", "entry 1: every: 100ms to 720h are allowed"},
        {"[{\"every\": \"1s\", \"qos\": 1}]", "entry 1: qos: does not go with every"},
        {"[{\"every\": \"1s\", \"timezone\": \"UTC\"}]", "entry 1: timezone: does not go with every"},
        {"[{\"queue\": \"a\", \"missed\": \"once\"}]", "entry 1: missed: does not go with queue"},
        {"[{\"every\": \"1s\", \"missed\": \"twice\"}]", "entry 1: missed: skip or once"},
        {"[{\"every\": \"1s\", \"missed\": true}]", "entry 1: missed: skip or once"},
        {"[{\"every\": \"1s\", \"x\\u001b\": true}]", "entry 1: \"(not printable)\" is not a key of a trigger"},
        {"[{\"cron\": \"* * * *\"}]", "entry 1: cron: 4 of five fields"},
        {"[{\"cron\": \"* * * * *\", \"timezone\": \"../etc/passwd\"}]", "entry 1: timezone: not a name"},
        {"[{\"cron\": \"* * * * *\", \"timezone\": \"\"}]", "entry 1: timezone: not a name"},
        {"[{\"cron\": \"* * * * *\", \"timezone\": \"/UTC\"}]", "entry 1: timezone: not a name"},
        {"[{\"cron\": \"* * * * *\", \"timezone\": \"a//b\"}]", "entry 1: timezone: not a name"},
        {"[{\"cron\": \"* * * * *\", \"timezone\": 5}]", "entry 1: timezone: not a name"},
        {"[{\"mqtt\": \"a/#/b\"}]", "entry 1: mqtt: # at byte 3 is not the last level"},
        {"[{\"mqtt\": \"a\", \"qos\": 3}]", "entry 1: qos: 0, 1 or 2"},
        {"[{\"mqtt\": \"a\", \"qos\": \"1\"}]", "entry 1: qos: 0, 1 or 2"},
        {"[{\"mqtt\": \"a\", \"nodes\": \"two\"}]", "entry 1: nodes: one or every"},
        {"[{\"mqtt\": \"a\", \"nodes\": 1}]", "entry 1: nodes: one or every"},
        {"[{\"every\": \"1s\", \"nodes\": \"one\"}]", "entry 1: nodes: does not go with every"},
        {"[{\"queue\": \"Alarms\"}]", "entry 1: queue: not the name of a queue"},
        {"[{\"queue\": \"\"}]", "entry 1: queue: not the name of a queue"},
        {"[{\"every\": \"1m\"}, {\"key\": \"\"}, {\"every\": \"60s\"}]", "entry 3 is the same as entry 1"},
        {"[{\"cron\": \"* * * * *\"}, {\"cron\": \"* * * * *\", \"timezone\": \"UTC\"}]",
         "entry 2 is the same as entry 1"},
    };
    struct settings *settings = *state;
    take_list(settings, "[{\"queue\": \"stays\"}]");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse_list(settings, bad[i].list, bad[i].sentence);
    assert_string_equal(settings->triggers.each[0].text, "stays");
    take_list(settings, "[{\"every\": \"100ms\"}, {\"every\": \"720h\"}, {\"key\": \"\"},"
                   "{\"cron\": \"@daily\", \"timezone\": \"America/Argentina/Buenos_Aires\"},"
                   "{\"cron\": \"@daily\", \"timezone\": \"Etc/GMT+5\"}]");
}

static void their_number_and_sizes_are_bounded(void **state)
{
    json_t *list = json_array(), *object = json_pack("{s:o}", "triggers", list);
    struct mf_why why;
    char text[MF_TOPIC_BYTES_MAX + 2];
    for (unsigned i = 1; i <= MF_TRIGGERS_MAX; i++)
        json_array_append_new(list, json_pack("{s:s%}", "key", "aaaaaaaaaaaaaaaaaaaaa", (size_t)i));
    assert_int_equal(settings_from_json(object, *state, NULL), MF_OK);
    json_array_append_new(list, json_pack("{s:s}", "key", "b"));
    assert_int_equal(settings_from_json(object, *state, &why), MF_EINVAL);
    assert_string_equal(why.text, "triggers: 17; 16 are allowed");
    memset(text, 'x', sizeof text);
    json_array_clear(list);
    json_array_append_new(list, json_pack("{s:s%}", "key", text, (size_t)MF_KEY_BYTES_MAX));
    assert_int_equal(settings_from_json(object, *state, NULL), MF_OK);
    json_array_append_new(list, json_pack("{s:s%}", "key", text, (size_t)MF_KEY_BYTES_MAX + 1));
    assert_int_equal(settings_from_json(object, *state, &why), MF_EINVAL);
    assert_string_equal(why.text, "triggers: entry 2: key: 257 bytes; 256 are allowed");
    json_array_clear(list);
    json_array_append_new(list, json_pack("{s:s%}", "mqtt", text, (size_t)MF_TOPIC_BYTES_MAX));
    assert_int_equal(settings_from_json(object, *state, NULL), MF_OK);
    json_array_append_new(list, json_pack("{s:s%}", "mqtt", text, (size_t)MF_TOPIC_BYTES_MAX + 1));
    assert_int_equal(settings_from_json(object, *state, &why), MF_EINVAL);
    assert_string_equal(why.text, "triggers: entry 2: mqtt: 1025 bytes; 1 to 1024 are allowed");
    json_decref(object);
}

static void cron_fields_are_sets(void **state)
{
    static const struct {
        const char *text;
        struct cron cron;
    } good[] = {
        {"* * * * *", {(1ull << 60) - 1, (1u << 24) - 1, 0xfffffffe, 0x1ffe, 0x7f, false}},
        {"0 0 1 1 0", {1, 1, 2, 2, 1, true}},
        {"59 23 31 12 7", {1ull << 59, 1u << 23, 1u << 31, 1u << 12, 1, true}},
        {"*/20 */12 */10 */6 */3", {1 | 1u << 20 | 1ull << 40, 1 | 1u << 12, 2 | 1u << 11 | 1u << 21 | 1u << 31,
                                    2 | 1u << 7, 1 | 1u << 3 | 1u << 6, false}},
        {"5-10/2,30 8,12 * jan,MAR-may Fri-7", {1u << 5 | 1u << 7 | 1u << 9 | 1u << 30, 1u << 8 | 1u << 12,
                                               0xfffffffe, 2 | 1u << 3 | 1u << 4 | 1u << 5,
                                               1u << 5 | 1u << 6 | 1, false}},
        {"\t0  0 29 2 * ", {1, 1, 1u << 29, 4, 0x7f, false}},
        {"0 0 30 2 mon", {1, 1, 1u << 30, 4, 2, true}}, /* every Monday of February */
        {"@hourly", {1, (1u << 24) - 1, 0xfffffffe, 0x1ffe, 0x7f, false}},
        {"@weekly", {1, 1, 0xfffffffe, 0x1ffe, 1, false}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct cron cron;
        struct mf_why why = {{0}};
        if (cron_parse(good[i].text, &cron, &why) != MF_OK)
            fail_msg("%s: %s", good[i].text, why.text);
        assert_int_equal(cron.minutes, good[i].cron.minutes);
        assert_int_equal(cron.hours, good[i].cron.hours);
        assert_int_equal(cron.days, good[i].cron.days);
        assert_int_equal(cron.months, good[i].cron.months);
        assert_int_equal(cron.weekdays, good[i].cron.weekdays);
        assert_int_equal(cron.either, good[i].cron.either);
    }
}

static void cron_days_are_both_or_either(void **state)
{
    struct cron cron;
    (void)state;
    assert_int_equal(cron_parse("0 0 13 * fri", &cron, NULL), MF_OK);
    assert_true(cron_has_day(&cron, 5, 13, 1));
    assert_true(cron_has_day(&cron, 5, 14, 5));
    assert_false(cron_has_day(&cron, 5, 14, 6));
    assert_int_equal(cron_parse("0 0 */2 * fri", &cron, NULL), MF_OK);
    assert_true(cron_has_day(&cron, 5, 13, 5));
    assert_false(cron_has_day(&cron, 5, 14, 5));
    assert_false(cron_has_day(&cron, 5, 13, 1));
}

static void cron_mistakes_are_named(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"", "0 of five fields"},
        {"* * * * * *", "more than five fields"},
        {"60 * * * *", "minute: \"60\"; 0 to 59"},
        {"-1 * * * *", "minute: \"-1\""},
        {"* 24 * * *", "hour: \"24\"; 0 to 23"},
        {"* * 0 * *", "day of the month: \"0\"; 1 to 31"},
        {"* * 32 * *", "day of the month: \"32\""},
        {"* * * 13 *", "month: \"13\"; 1 to 12, ranges a-b, steps /n, lists with commas, or *, names of"},
        {"* * * foo *", "month: \"foo\""},
        {"* * * * 8", "day of the week: \"8\"; 0 to 7"},
        {"*/0 * * * *", "minute: \"*/0\""},
        {"5/2 * * * *", "minute: \"5/2\""},
        {"9-5 * * * *", "minute: \"9-5\""},
        {"1, * * * *", "minute: \"1,\""},
        {"1,,2 * * * *", "minute: \"1,,2\""},
        {"1- * * * *", "minute: \"1-\""},
        {"*5 * * * *", "minute: \"*5\""},
        {"99999999999999999999 * * * *", "minute: \"99999999999999999999\""},
        {"a\x1b[2J * * * *", "minute: \"a?[2J\""},
        {"0 0 30 2 *", "there is no such day in any year"},
        {"0 0 31 2,4,6,9,11 *", "there is no such day in any year"},
        {"@reboot", "no such name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cron cron;
        struct mf_why why = {{0}};
        if (cron_parse(bad[i].text, &cron, &why) != MF_EINVAL || !strstr(why.text, bad[i].sentence))
            fail_msg("%s: \"%s\", expected \"%s\"", bad[i].text, why.text, bad[i].sentence);
    }
}

static void topics_are_mqtts(void **state)
{
    static const char *const good[] = {"a", "/", "a/", "//", "+", "#", "a/+/b", "+/+", "/#", "a/#", "$SYS/#", "$share/g/a/#",
                                       "gr\u00fc\u00df/+", " "};
    static const struct {
        const char *filter, *sentence;
    } bad[] = {
        {"", "0 bytes; 1 to 1024 are allowed"}, {"a+", "+ at byte 2 is not a level by itself, as in a/+"},
        {"+a", "+ at byte 1 is not a level"},   {"a#", "# at byte 2 is not a level"},
        {"#/a", "# at byte 1 is not the last"}, {"a/#b", "# at byte 3 is not a level"},
        {"a/##", "# at byte 3 is not a level"}, {"a\x80", "byte 2 is not UTF-8"},
        {"a\xc3", "byte 2 is not UTF-8"},       {"\xed\xa0\x80", "byte 1 is not UTF-8"},
        {"$share/g", "$share/GROUP/FILTER: "},  {"$share/+/a", "a group without wildcards"},
        {"a\n", "byte 2 is a control"},         {"\xc2\x9b", "byte 1 is a control"},
    };
    struct mf_why why;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(topic_filter_check(good[i], strlen(good[i]), NULL), MF_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why.text[0] = 0;
        if (topic_filter_check(bad[i].filter, strlen(bad[i].filter), &why) != MF_EINVAL ||
            !strstr(why.text, bad[i].sentence))
            fail_msg("%s: \"%s\", expected \"%s\"", bad[i].filter, why.text, bad[i].sentence);
    }
    assert_int_equal(topic_filter_check("a\0b", 3, NULL), MF_EINVAL);
    assert_int_equal(topic_name_check("a/b", 3, NULL), MF_OK);
    assert_int_equal(topic_name_check("a/+", 3, NULL), MF_EINVAL);
    assert_int_equal(topic_name_check("#", 1, NULL), MF_EINVAL);
}

/* The standard's own examples, 4.7.1.2 to 4.7.3. */
static void filters_meet(void **state)
{
    static const struct {
        const char *one, *other;
        bool meet;
    } pair[] = {
        {"a", "a", true},         {"a", "b", false},         {"a/+", "a/b", true},     {"a/+", "+/b", true},
        {"a/+", "b/+", false},    {"a/#", "a", true},        {"a/#", "a/b/c", true},   {"a/#", "+/b", true},
        {"a/b/#", "a/c/#", false}, {"#", "a/b", true},       {"+", "a/b", false},      {"+/+", "#", true},
        {"a/b", "a/b/c", false},  {"a/b/+", "a/#", true},    {"a/+/c", "a/b/+", true}, {"a/+/c", "a/b/d", false},
        {"$SYS/a", "#", false},   {"$SYS/a", "+/a", false},  {"$SYS/#", "$SYS/+", true}, {"/", "+/+", true},
        {"/", "+", false},        {"a/", "a", false},        {"a/", "a/+", true},      {"a/+/#", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        const size_t one = strlen(pair[i].one), other = strlen(pair[i].other);
        if (topic_filters_meet(pair[i].one, one, pair[i].other, other) != pair[i].meet ||
            topic_filters_meet(pair[i].other, other, pair[i].one, one) != pair[i].meet)
            fail_msg("%s meets %s: %d", pair[i].one, pair[i].other, !pair[i].meet);
    }
}

static void filters_take_topics(void **state)
{
    static const struct {
        const char *filter, *name;
        bool takes;
    } pair[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player10", false},
        {"sport/#", "sport", true},
        {"#", "a/b", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"#", "$SYS/a", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"ACCOUNTS", "Accounts", false},
        {"a/b", "a/b", true},
        {"a/b", "a/b/", false},
        {"a/b/", "a/b", false},
        {"a/+/c", "a//c", true},
        {"+/#", "a", true},
        {"a/+/#", "a", false},
        {"a", "ab", false},
        {"ab", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++)
        if (topic_filter_takes(pair[i].filter, strlen(pair[i].filter), pair[i].name,
                               strlen(pair[i].name)) != pair[i].takes)
            fail_msg("%s takes %s: %d", pair[i].filter, pair[i].name, !pair[i].takes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, settings_rig_open, settings_rig_close)
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_taken_and_told_whole),
        TEST(a_list_replaces_the_list),
        TEST(a_copy_is_its_owners),
        TEST(mistakes_are_named),
        TEST(their_number_and_sizes_are_bounded),
        TEST(cron_fields_are_sets),
        TEST(cron_days_are_both_or_either),
        TEST(cron_mistakes_are_named),
        TEST(topics_are_mqtts),
        TEST(filters_take_topics),
        TEST(filters_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
