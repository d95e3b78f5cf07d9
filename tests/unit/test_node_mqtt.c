/* test_node_mqtt.c: addresses of brokers, filters of functions, publications as they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/topic.h"
#include "node/functions/function.h"
#include "node/mqtt/message.h"
#include "node/mqtt/publication.h"
#include "node/mqtt/subscriptions.h"
#include "node/mqtt/url.h"

/* ---- addresses ---- */

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        struct mqtt_url url;
    } good[] = {
        {"mqtt://h", {.host = "h", .port = 1883}},
        {"mqtts://h", {.host = "h", .port = 8883, .tls = true}},
        {"mqtt://h:1/", {.host = "h", .port = 1}},
        {"mqtt://[::1]:65535", {.host = "::1", .port = 65535}},
        {"mqtt://[fe80::1%25]", {.host = "fe80::1%25", .port = 1883}},
        {"mqtt://u@h", {.host = "h", .user = "u", .port = 1883}},
        {"mqtt://u:p@h", {.host = "h", .user = "u", .password = "p", .port = 1883}},
        {"mqtt://u:@h", {.host = "h", .user = "u", .port = 1883}},
        {"mqtt://u%40x:a:%2Fb%25@10.0.0.1:2", {.host = "10.0.0.1", .user = "u@x",
                                               .password = "a:/b%", .port = 2}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct mqtt_url url;
        assert_int_equal(mqtt_url_read(good[i].text, &url, NULL), MF_OK);
        assert_string_equal(url.host, good[i].url.host);
        assert_string_equal(url.user, good[i].url.user);
        assert_string_equal(url.password, good[i].url.password);
        assert_int_equal(url.port, good[i].url.port);
        assert_int_equal(url.tls, good[i].url.tls);
    }
}

static void what_is_no_address_is_refused_without_its_password(void **state)
{
    static const char *const bad[] = {
        "", "h", "mqtt:", "mqtt://", "mqtt:///", "http://h", "MQTT://h", "mqtt://h:", "mqtt://h:0",
        "mqtt://h:65536", "mqtt://h:1x", "mqtt://h:123456", "mqtt://[::1", "mqtt://[]", "mqtt://[::1]x",
        "mqtt://h/path", "mqtt://a b", "mqtt://@h", "mqtt://:secret@h", "mqtt://u:secret@",
        "mqtt://u:secret%@h", "mqtt://u:secret%4@h", "mqtt://u:secret%00@h", "mqtt://u:secret%ff@h",
        "mqtt://h?x", "mqtt://h#x", "mqtt://h\n", "mqtt://::1",
    };
    char text[MF_MQTT_URL_BYTES_MAX + 2];
    struct mqtt_url url;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mf_why why = {{0}};
        assert_int_equal(mqtt_url_read(bad[i], &url, &why), MF_EINVAL);
        assert_null(strstr(why.text, "secret"));
        assert_non_null(strstr(why.text, "mqtt://"));
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "mqtt://", 7);
    text[sizeof text - 1] = 0;
    assert_int_equal(mqtt_url_read(text, &url, NULL), MF_EINVAL);
}

/* ---- subscriptions ---- */

static struct mqtt_subscriptions subscriptions;
static char told[256], chosen[256];

static void changed(struct mqtt_subscriptions *of, struct mqtt_filter *filter)
{
    size_t at = strlen(told);
    assert_ptr_equal(of, &subscriptions);
    (void)snprintf(told + at, sizeof told - at, "%c%s:%u ", filter->state == FILTER_NEW ? '+' : '-',
                   filter->text, filter->qos);
}

static void choose(void *context, struct function *function)
{
    assert_null(context);
    (void)snprintf(chosen + strlen(chosen), sizeof chosen - strlen(chosen), "%s ", function->name);
}

static void set(struct function *function, const char *const filters[], const uint8_t *qos)
{
    struct trigger each[8] = {{0}};
    struct triggers triggers = {.each = each};
    for (; filters && filters[triggers.count]; triggers.count++) {
        char *text = strdup(filters[triggers.count]);
        each[triggers.count] = (struct trigger){.kind = TRIGGER_MQTT, .text = text,
                                                .text_bytes = strlen(text),
                                                .qos = qos ? qos[triggers.count] : 1};
    }
    told[0] = 0;
    mqtt_subscriptions_set(&subscriptions, function, filters ? &triggers : NULL,
                           &function->subscriber);
    for (uint32_t i = 0; i < triggers.count; i++)
        free(each[i].text);
}

static const char *match(const char *topic, uint32_t number)
{
    chosen[0] = 0;
    (void)mqtt_subscriptions_match(&subscriptions, topic, strlen(topic), &number, number ? 1 : 0,
                                   choose, NULL);
    return chosen;
}

static int begin(void **state)
{
    (void)state;
    mqtt_subscriptions_open(&subscriptions, changed);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mqtt_subscriptions_close(&subscriptions);
    return 0;
}

#define FILTERS(...) (const char *const[]){__VA_ARGS__, NULL}

static void one_subscription_for_each_filter(void **state)
{
    struct function one = {.name = "one"}, two = {.name = "two"};
    (void)state;
    set(&one, FILTERS("a", "b/#"), NULL);
    assert_string_equal(told, "+a:1 +b/#:1 ");
    set(&two, FILTERS("a"), NULL);
    assert_string_equal(told, "");
    assert_string_equal(match("a", 0), "one two ");
    assert_string_equal(match("b/x", 0), "one ");
    assert_string_equal(match("c", 0), "");
    set(&one, FILTERS("b/#", "c"), NULL);
    assert_string_equal(told, "+c:1 "); /* a is two's, too */
    assert_string_equal(match("a", 0), "two ");
    set(&two, NULL, NULL);
    assert_string_equal(told, "-a:0 ");
    assert_null(two.subscriber);
    set(&one, NULL, NULL);
    assert_string_equal(told, "-b/#:0 -c:0 ");
    assert_string_equal(match("b", 0), "");
}

static void the_highest_quality_is_asked_for_and_it_is_one(void **state)
{
    struct function one = {.name = "one"}, two = {.name = "two"};
    (void)state;
    set(&one, FILTERS("a"), (uint8_t[]){0});
    assert_string_equal(told, "+a:0 ");
    set(&two, FILTERS("a"), (uint8_t[]){2});
    assert_string_equal(told, "+a:1 ");
    set(&one, FILTERS("a"), (uint8_t[]){1});
    assert_string_equal(told, "");
    set(&one, NULL, NULL);
    set(&two, FILTERS("a"), (uint8_t[]){0});
    assert_string_equal(told, "+a:0 ");
}

static void a_function_gets_a_message_once(void **state)
{
    struct function one = {.name = "one"};
    (void)state;
    set(&one, FILTERS("a/b", "a/+", "#"), NULL);
    assert_string_equal(match("a/b", 0), "one ");
    assert_string_equal(match("$SYS/x", 0), "");
}

static void numbers_say_for_which_filter_a_message_is(void **state)
{
    struct function one = {.name = "one"}, two = {.name = "two"};
    uint32_t shared = 0, plain = 0;
    (void)state;
    set(&one, FILTERS("$share/g/a/#"), NULL);
    set(&two, FILTERS("a/#"), NULL);
    list_each(at, &subscriptions.in_order) {
        const struct mqtt_filter *filter = list_of(at, struct mqtt_filter, in_order);
        *(filter->text[0] == '$' ? &shared : &plain) = filter->number;
    }
    assert_true(shared > 0 && shared <= 268435455 && plain > 0 && plain <= 268435455);
    assert_int_not_equal(shared, plain);
    assert_string_equal(match("a/b", shared), "one ");
    assert_string_equal(match("a/b", plain), "two ");
    assert_string_equal(match("a/b", 0), "one two ");
    assert_string_equal(match("b", plain), "");   /* whatever the broker says */
    assert_string_equal(match("a/b", 7), "");
}

static void shared_subscriptions_have_a_group_and_a_filter(void **state)
{
    size_t prefix;
    (void)state;
    assert_int_equal(topic_shared_prefix("$share/g/a", 10, &prefix), MF_OK);
    assert_int_equal(prefix, 9);
    assert_int_equal(topic_shared_prefix("$shared/a", 9, &prefix), MF_OK);
    assert_int_equal(prefix, 0);
    static const char *const bad[] = {"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(topic_shared_prefix(bad[i], strlen(bad[i]), &prefix), MF_EINVAL);
    struct function one = {.name = "one"};
    set(&one, FILTERS("$share/g"), NULL);
    assert_string_equal(told, "");
    assert_null(one.subscriber);
}

static void what_the_broker_still_has_is_left(void **state)
{
    struct function one = {.name = "one"};
    (void)state;
    set(&one, FILTERS("a"), NULL);
    assert_int_equal(mqtt_subscriptions_known(&subscriptions, "a", 1), MF_OK);
    assert_int_equal(mqtt_subscriptions_known(&subscriptions, "old", 3), MF_OK);
    assert_int_equal(mqtt_subscriptions_known(&subscriptions, "#a", 2), MF_EINVAL);
    unsigned leaving = 0;
    list_each(at, &subscriptions.in_order) {
        struct mqtt_filter *filter = list_of(at, struct mqtt_filter, in_order);
        leaving += filter->state == FILTER_LEAVING;
        mqtt_subscriptions_asked(&subscriptions, filter, filter->text[0]);
    }
    assert_int_equal(leaving, 1);
    assert_int_equal(subscriptions.count, 2);
    struct mqtt_filter *old = mqtt_subscriptions_answered(&subscriptions, 'o');
    assert_string_equal(old->text, "old");
    mqtt_filter_free(&subscriptions, old);
    assert_null(mqtt_subscriptions_answered(&subscriptions, 'o'));
    assert_int_equal(subscriptions.count, 1);
}

static void an_answer_to_an_older_question_counts_for_nothing(void **state)
{
    struct function one = {.name = "one"};
    (void)state;
    set(&one, FILTERS("a"), NULL);
    struct mqtt_filter *filter = list_of(subscriptions.in_order.next, struct mqtt_filter, in_order);
    mqtt_subscriptions_asked(&subscriptions, filter, 1);
    set(&one, NULL, NULL);
    mqtt_subscriptions_asked(&subscriptions, filter, 2);
    set(&one, FILTERS("a"), NULL); /* again, before the broker has answered */
    assert_string_equal(told, "+a:1 ");
    mqtt_subscriptions_asked(&subscriptions, filter, 3);
    assert_null(mqtt_subscriptions_answered(&subscriptions, 1));
    assert_null(mqtt_subscriptions_answered(&subscriptions, 2));
    assert_ptr_equal(mqtt_subscriptions_answered(&subscriptions, 3), filter);
}

/* ---- publications ---- */

static void publications_are_read_as_they_were_written(void **state)
{
    static const uint8_t payload[] = {0, 1, 255};
    const struct mqtt_publication written = {.topic = "a/ü", .topic_bytes = 4,
                                             .content_type = "text/plain", .content_type_bytes = 10,
                                             .payload = payload, .bytes = sizeof payload, .qos = 2,
                                             .retain = true};
    uint8_t room[64];
    struct mqtt_publication got;
    (void)state;
    assert_int_equal(mqtt_publication_check(&written, NULL), MF_OK);
    size_t bytes = mqtt_publication_bytes(&written);
    mqtt_publication_write(&written, room);
    assert_int_equal(mqtt_publication_read(room, bytes, &got, NULL), MF_OK);
    assert_memory_equal(got.topic, "a/ü", 4);
    assert_memory_equal(got.content_type, "text/plain", 10);
    assert_memory_equal(got.payload, payload, sizeof payload);
    assert_true(got.bytes == sizeof payload && got.qos == 2 && got.retain);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_int_equal(mqtt_publication_read(room, cut, &got, NULL), MF_EFORMAT);
    room[sizeof(struct mqtt_publication_head)] = '#';
    assert_int_equal(mqtt_publication_read(room, bytes, &got, NULL), MF_EFORMAT);
}

static void what_is_no_publication_is_refused(void **state)
{
    struct mqtt_publication publication = {.topic = "a", .topic_bytes = 1, .content_type = ""};
    (void)state;
    assert_int_equal(mqtt_publication_check(&publication, NULL), MF_OK);
    publication.qos = 3;
    assert_int_equal(mqtt_publication_check(&publication, NULL), MF_EINVAL);
    publication.qos = 0;
    publication.bytes = (6u << 20) + 1;
    assert_int_equal(mqtt_publication_check(&publication, NULL), MF_ETOOBIG);
    publication.bytes = 0;
    publication.content_type = "a\nb";
    publication.content_type_bytes = 3;
    assert_int_equal(mqtt_publication_check(&publication, NULL), MF_EINVAL);
    publication.content_type_bytes = 0;
    publication.topic_bytes = 0;
    assert_int_equal(mqtt_publication_check(&publication, NULL), MF_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(what_is_no_address_is_refused_without_its_password),
        cmocka_unit_test_setup_teardown(one_subscription_for_each_filter, begin, end),
        cmocka_unit_test_setup_teardown(the_highest_quality_is_asked_for_and_it_is_one, begin, end),
        cmocka_unit_test_setup_teardown(a_function_gets_a_message_once, begin, end),
        cmocka_unit_test_setup_teardown(numbers_say_for_which_filter_a_message_is, begin, end),
        cmocka_unit_test_setup_teardown(shared_subscriptions_have_a_group_and_a_filter, begin, end),
        cmocka_unit_test_setup_teardown(what_the_broker_still_has_is_left, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_to_an_older_question_counts_for_nothing, begin, end),
        cmocka_unit_test(publications_are_read_as_they_were_written),
        cmocka_unit_test(what_is_no_publication_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
