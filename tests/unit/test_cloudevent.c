/* test_cloudevent.c: CloudEvents as JSON, in lists, as headers: the specification's examples, each
 * rule broken, and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/event.h"
#include "node/events/cloudevent.h"
#include "node/events/json_scan.h"
#include "node/instance/event.h"

static char text[1 << 16];

static mf_err parse(const char *json, struct cloudevent *event, struct mf_why *why)
{
    why->text[0] = 0;
    (void)snprintf(text, sizeof text, "%s", json);
    return cloudevent_parse(text, strlen(json), event, why);
}

static void take(const char *json, struct cloudevent *event)
{
    struct mf_why why;
    mf_err err = parse(json, event, &why);
    if (err)
        fail_msg("%s: %s", json, mf_why_text(&why, err));
}

static void expect(const struct cloudevent *event, const char *name, const char *value)
{
    struct event_text there = cloudevent_get(event, name);
    if (!there.text || there.bytes != strlen(value) || memcmp(there.text, value, there.bytes) != 0)
        fail_msg("%s: \"%.*s\", expected \"%s\"", name, (int)there.bytes, there.text ? there.text : "",
                 value);
}

static void expect_data(const struct cloudevent *event, const char *data)
{
    if (event->data_bytes != strlen(data) || (data[0] && memcmp(event->data, data, strlen(data)) != 0))
        fail_msg("\"%.*s\", expected \"%s\"", (int)event->data_bytes, (const char *)event->data, data);
}

#define HEAD "\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\""

/* JSON event format 1.0.2, 3.2: the first example. */
static void the_specifications_example_is_read(void **state)
{
    struct cloudevent event;
    (void)state;
    take("{\n \"specversion\" : \"1.0\",\n \"type\" : \"com.example.someevent\",\n"
         " \"source\" : \"/mycontext\",\n \"subject\": null,\n \"id\" : \"C234-1234-1234\",\n"
         " \"time\" : \"2018-04-05T17:31:00Z\",\n \"comexampleextension1\" : \"value\",\n"
         " \"comexampleothervalue\" : 5,\n \"datacontenttype\" : \"application/vnd.apache.thrift.binary\",\n"
         " \"data_base64\" : \"aGVsbG8=\"\n} ", &event);
    expect(&event, "type", "com.example.someevent");
    expect(&event, "source", "/mycontext");
    expect(&event, "id", "C234-1234-1234");
    expect(&event, "time", "2018-04-05T17:31:00Z");
    expect(&event, "comexampleextension1", "value");
    expect(&event, "comexampleothervalue", "5");
    assert_null(cloudevent_get(&event, "subject").text);
    assert_null(cloudevent_get(&event, "specversion").text);
    expect_data(&event, "hello");
}

static void data_stays_as_it_was_written(void **state)
{
    static const struct {
        const char *member, *type, *data;
    } good[] = {
        {"", NULL, ""},
        {",\"data\":null", NULL, ""},
        {",\"data\":{\"t\": 66.350, \"n\":12345678901234567890123}", "application/json",
         "{\"t\": 66.350, \"n\":12345678901234567890123}"},
        {",\"data\":\"a\\n\"", "application/json", "\"a\\n\""},
        {",\"data\": [ 1 , {} ] ", "application/json", "[ 1 , {} ]"},
        {",\"data\":false", "application/json", "false"},
        {",\"datacontenttype\":\"text/json; charset=utf-8\",\"data\":\"x\"", "text/json; charset=utf-8", "\"x\""},
        {",\"data\":\"x\",\"datacontenttype\":\"application/vnd.a+json\"", "application/vnd.a+json", "\"x\""},
        {",\"datacontenttype\":\"text/plain\",\"data\":\"a\\n\\u00fc\\ud83d\\ude00\\/\"", "text/plain",
         "a\n\xc3\xbc\xf0\x9f\x98\x80/"},
        {",\"datacontenttype\":\"text/plain\",\"data\":{\"a\":1}", "text/plain", "{\"a\":1}"},
        {",\"data_base64\":\"\"", NULL, ""},
        {",\"data_base64\":\"QQ==\"", NULL, "A"},
        {",\"data_base64\":\"QUI=\"", NULL, "AB"},
        {",\"data_base64\":\"QUJD\"", NULL, "ABC"},
        {",\"data_base64\":\"Pz\\/\\u002f\"", NULL, "??\xff"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct cloudevent event;
        char json[512];
        (void)snprintf(json, sizeof json, "{" HEAD "%s}", good[i].member);
        take(json, &event);
        expect_data(&event, good[i].data);
        if (good[i].type)
            expect(&event, "datacontenttype", good[i].type);
        else
            assert_null(cloudevent_get(&event, "datacontenttype").text);
    }
}

static void mistakes_in_json_are_named(void **state)
{
    static const struct {
        const char *json, *sentence;
    } bad[] = {
        {"", "an event is a JSON object"},
        {"[]", "an event is a JSON object"},
        {"{", "no JSON, or nested more than 256 deep, at byte 2"},
        {"{}", "specversion is missing"},
        {"{" HEAD ",}", "no JSON"},
        {"{" HEAD "} {", "something follows the event"},
        {"{" HEAD " \"a\":1}", "no JSON"},
        {"{" HEAD ",\"a\" 1}", "no JSON"},
        {"{" HEAD ",a:1}", "no JSON"},
        {"{" HEAD ",\"a\":\"\xff\"}", "no JSON"},
        {"{" HEAD ",\"a\":\"\\ud800\"}", "no JSON"},
        {"{" HEAD ",\"a\":\"\\udc00\\ud800\"}", "no JSON"},
        {"{" HEAD ",\"a\":01}", "no JSON"},
        {"{" HEAD ",\"a\":1.}", "no JSON"},
        {"{" HEAD ",\"data\":[1,]}", "no JSON"},
        {"{" HEAD ",\"data\":{\"a\":1,}}", "no JSON"},
        {"{" HEAD ",\"data\":{\"a\":1]}", "no JSON"},
        {"{" HEAD ",\"a\":1.5}", "a: a number that is no integer of 32 bits"},
        {"{" HEAD ",\"a\":2147483648}", "a: a number that is no integer of 32 bits"},
        {"{" HEAD ",\"a\":-2147483649}", "a: a number that is no integer of 32 bits"},
        {"{" HEAD ",\"a\":{}}", "a: an attribute is a string, a boolean or an integer"},
        {"{" HEAD ",\"A\":1}", "an attribute's name is 1 to 64 of a-z and 0-9"},
        {"{" HEAD ",\"\":1}", "an attribute's name is"},
        {"{" HEAD ",\"a_b\":1}", "an attribute's name is"},
        {"{" HEAD ",\"a\\u0000\":1}", "an attribute's name is"},
        {"{" HEAD ",\"id\":\"2\"}", "id stands there twice"},
        {"{" HEAD ",\"specversion\":\"1.0\"}", "specversion is \"1.0\", once"},
        {"{\"specversion\":\"0.3\"}", "specversion is \"1.0\", once"},
        {"{\"specversion\":1.0}", "specversion: a number that is no integer"},
        {"{\"specversion\":1}", "specversion is \"1.0\", once"},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "source is missing"},
        {"{\"specversion\":\"1.0\",\"id\":\"\",\"type\":\"t\"}", "id is empty"},
        {"{" HEAD ",\"subject\":\"\"}", "subject is empty"},
        {"{" HEAD ",\"a\":\"\\n\"}", "a is not UTF-8 without control characters"},
        {"{" HEAD ",\"a\":\"\\u0085\"}", "a is not UTF-8 without control characters"},
        {"{" HEAD ",\"a\":\"\\uffff\"}", "a is not UTF-8 without control characters"},
        {"{" HEAD ",\"time\":\"yesterday\"}", "time is not one of RFC 3339"},
        {"{" HEAD ",\"time\":\"2018-13-05T17:31:00Z\"}", "time is not one of RFC 3339"},
        {"{" HEAD ",\"time\":\"2018-04-05 17:31:00\"}", "time is not one of RFC 3339"},
        {"{" HEAD ",\"time\":\"2018-04-05T17:31:00\"}", "time is not one of RFC 3339"},
        {"{" HEAD ",\"time\":\"2018-04-05T17:31:00.Z\"}", "time is not one of RFC 3339"},
        {"{" HEAD ",\"dataschema\":\"a b\"}", "dataschema is not a URI"},
        {"{" HEAD ",\"datacontenttype\":\"json\"}", "datacontenttype is not a media type"},
        {"{" HEAD ",\"data\":1,\"data_base64\":\"\"}", "data stands there twice"},
        {"{" HEAD ",\"data\":1,\"data\":2}", "data stands there twice"},
        {"{" HEAD ",\"data_base64\":1}", "data_base64 is not a string"},
        {"{" HEAD ",\"data_base64\":\"QQ\"}", "data_base64 is not base64"},
        {"{" HEAD ",\"data_base64\":\"QR==\"}", "data_base64 is not base64"},
        {"{" HEAD ",\"data_base64\":\"Q===\"}", "data_base64 is not base64"},
        {"{" HEAD ",\"data_base64\":\"QUI=QUI=\"}", "data_base64 is not base64"},
        {"{" HEAD ",\"data_base64\":\"Q-JD\"}", "data_base64 is not base64"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cloudevent event;
        struct mf_why why;
        if (parse(bad[i].json, &event, &why) != MF_EINVAL || !strstr(why.text, bad[i].sentence))
            fail_msg("%s: \"%s\", expected \"%s\"", bad[i].json, why.text, bad[i].sentence);
    }
}

static void attributes_have_one_spelling(void **state)
{
    struct cloudevent event;
    (void)state;
    take("{" HEAD ",\"a\":true,\"b\":-2147483648,\"c\":2147483647,\"d\":\"\",\"\\u0065\":\"\\\"%\"}", &event);
    expect(&event, "a", "true");
    expect(&event, "b", "-2147483648");
    expect(&event, "c", "2147483647");
    assert_null(cloudevent_get(&event, "d").text);
    expect(&event, "e", "\"%");
    for (size_t i = 0; i < 4; i++) {
        static const char *const good[] = {"2018-04-05T17:31:00Z", "2018-04-05t17:31:60.123456789012z",
                                           "2018-04-05T17:31:00+01:00", "2018-04-05T17:31:00.5-23:59"};
        struct event_text value = {good[i], strlen(good[i])};
        assert_int_equal(cloudevent_set(&event, "time", value, NULL), MF_OK);
    }
}

static void their_number_and_size_is_bounded(void **state)
{
    static char long_value[MF_EVENT_VALUE_BYTES_MAX + 2];
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01";
    struct cloudevent event;
    struct mf_why why;
    char json[4096] = "{" HEAD;
    (void)state;
    for (unsigned i = 3; i < MF_EVENT_ATTRIBUTES_MAX; i++)
        (void)snprintf(json + strlen(json), 16, ",\"a%u\":%u", i, i);
    size_t bytes = strlen(json);
    (void)snprintf(json + bytes, 16, "}");
    take(json, &event);
    assert_int_equal(event.count, MF_EVENT_ATTRIBUTES_MAX);
    (void)snprintf(json + bytes, 16, ",\"b\":1}");
    assert_int_equal(parse(json, &event, &why), MF_ETOOBIG);
    assert_string_equal(why.text, "an event has at most 32 attributes");
    memset(long_value, 'x', sizeof long_value);
    cloudevent_init(&event);
    struct event_text value = {long_value, MF_EVENT_VALUE_BYTES_MAX};
    assert_int_equal(cloudevent_set(&event, "a", value, NULL), MF_OK);
    value.bytes++;
    assert_int_equal(cloudevent_set(&event, "a", value, &why), MF_EINVAL);
    assert_string_equal(why.text, "a: 4097 bytes; 4096 are allowed");
    value.bytes = 1;
    assert_int_equal(strlen(long_name), MF_EVENT_NAME_BYTES_MAX);
    assert_int_equal(cloudevent_set(&event, long_name, value, NULL), MF_OK);
    assert_int_equal(cloudevent_set(&event, "b" "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz01",
                                    value, NULL), MF_EINVAL);
}

static void depth_is_bounded(void **state)
{
    char deep[2 * MF_JSON_DEPTH_MAX + 3];
    (void)state;
    memset(deep, '[', MF_JSON_DEPTH_MAX);
    memset(deep + MF_JSON_DEPTH_MAX, ']', MF_JSON_DEPTH_MAX);
    assert_true(json_scan_whole(deep, 2 * MF_JSON_DEPTH_MAX));
    memset(deep, '[', MF_JSON_DEPTH_MAX + 1);
    memset(deep + MF_JSON_DEPTH_MAX + 1, ']', MF_JSON_DEPTH_MAX + 1);
    assert_false(json_scan_whole(deep, 2 * MF_JSON_DEPTH_MAX + 2));
    static const char good[] = " {\"a\":[{}, [], {\"b\":[1,2]}], \"c\":-0.5e+3} ";
    assert_true(json_scan_whole(good, sizeof good - 1));
    assert_false(json_scan_whole("[}", 2));
    assert_false(json_scan_whole("{\"a\":1,\"b\"}", 11));
    assert_false(json_scan_whole("", 0));
    assert_false(json_scan_whole("1 2", 3));
    assert_false(json_scan_whole("-", 1));
    assert_false(json_scan_whole("1e", 2));
    assert_false(json_scan_whole("tru", 3));
    assert_false(json_scan_whole("\"\\x\"", 4));
    assert_false(json_scan_whole("\"\\u12\"", 6));
}

static void modes_are_told_by_content_type(void **state)
{
    static const struct {
        const char *type;
        enum cloudevent_mode mode;
    } known[] = {
        {"application/json", CLOUDEVENT_PLAIN},
        {"", CLOUDEVENT_PLAIN},
        {"application/cloudevent", CLOUDEVENT_PLAIN},
        {"application/cloudevents+json", CLOUDEVENT_STRUCTURED},
        {"Application/CloudEvents+JSON ; charset=UTF-8", CLOUDEVENT_STRUCTURED},
        {"application/cloudevents-batch+json; charset=utf-8", CLOUDEVENT_BATCH},
        {"application/cloudevents", CLOUDEVENT_UNKNOWN},
        {"application/cloudevents+xml", CLOUDEVENT_UNKNOWN},
        {"application/cloudevents+jsonx", CLOUDEVENT_UNKNOWN},
        {"application/cloudevents-batch", CLOUDEVENT_UNKNOWN},
        {"application/cloudevents-batch+avro", CLOUDEVENT_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (cloudevent_mode_of(known[i].type, strlen(known[i].type)) != known[i].mode)
            fail_msg("%s", known[i].type);
}

static mf_err read_batch(const char *json, uint32_t *count, struct mf_why *why)
{
    struct cloudevent_batch batch;
    struct cloudevent event;
    (void)snprintf(text, sizeof text, "%s", json);
    why->text[0] = 0;
    mf_err err = cloudevent_batch_open(&batch, text, strlen(json), why);
    *count = 0;
    while (!err && (err = cloudevent_batch_next(&batch, &event, why)) == MF_OK) {
        char id[8];
        (void)snprintf(id, sizeof id, "%u", ++*count);
        expect(&event, "id", id);
    }
    return err;
}

#define ONE "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":[1]}"
#define TWO "{\"type\":\"t\",\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\"}"

static void batches_are_taken_one_by_one(void **state)
{
    static const struct {
        const char *json, *sentence;
        uint32_t count;
    } bad[] = {
        {"{}", "a batch is a JSON array of events", 0},
        {"[" ONE, "event 2: no JSON", 1},
        {"[" ONE " " TWO "]", "event 2: no JSON", 1},
        {"[" ONE ",]", "event 2: no JSON", 1},
        {"[" ONE ",5]", "event 2: an event is a JSON object", 1},
        {"[" ONE ",{}]", "event 2: specversion is missing", 1},
        {"[" ONE "]x", "something follows the batch", 1},
    };
    struct mf_why why;
    uint32_t count;
    (void)state;
    assert_int_equal(read_batch("[]", &count, &why), MF_ENOENT);
    assert_int_equal(count, 0);
    assert_int_equal(read_batch(" [ " ONE " ,\n" TWO " ] ", &count, &why), MF_ENOENT);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (read_batch(bad[i].json, &count, &why) != MF_EINVAL || !strstr(why.text, bad[i].sentence))
            fail_msg("%s: \"%s\", expected \"%s\"", bad[i].json, why.text, bad[i].sentence);
        assert_int_equal(count, bad[i].count);
    }
}

/* ---- headers ---- */

static uint8_t fields[MF_HEAD_BYTES_MAX];

static uint32_t make_fields(const char *const *pairs)
{
    struct field_writer writer;
    field_writer_init(&writer, fields, sizeof fields);
    field_put(&writer, MF_FIELD_METHOD, NULL, 0, "POST", 4);
    field_put(&writer, MF_FIELD_PATH, NULL, 0, "/", 1);
    for (; pairs[0]; pairs += 2)
        field_put(&writer, MF_FIELD_HEADER, pairs[0], strlen(pairs[0]), pairs[1], strlen(pairs[1]));
    assert_int_equal(writer.err, MF_OK);
    return writer.bytes;
}

static char room[MF_HEAD_BYTES_MAX];

static void headers_are_decoded_once(void **state)
{
    static const char *const pairs[] = {
        "CE-SpecVersion", "1.0", "ce-id", "\"a \\\"b\\\" %25\"", "ce-source", "/s", "ce-type", "t",
        "ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80%2525", "ce-raw", "gr\xc3\xbc\xc3\x9f",
        "ce-lone", "100% 5%4", "content-type", "text/plain", "ce-not-one", "x", "accept", "y", NULL};
    struct cloudevent event;
    struct mf_why why = {{0}};
    (void)state;
    uint32_t bytes = make_fields(pairs);
    assert_true(cloudevent_in_fields(fields, bytes, false));
    mf_err err = cloudevent_read(fields, bytes, false, room, &event, &why);
    if (err)
        fail_msg("%s", mf_why_text(&why, err));
    expect(&event, "id", "a \"b\" %");
    expect(&event, "subject", "Euro \xe2\x82\xac \xf0\x9f\x98\x80%25");
    expect(&event, "raw", "gr\xc3\xbc\xc3\x9f");
    expect(&event, "lone", "100% 5%4");
    expect(&event, "datacontenttype", "text/plain");
    assert_int_equal(event.count, 7);
}

static void mistakes_in_headers_are_named(void **state)
{
#define BASE "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s"
    static const struct {
        const char *pairs[14];
        const char *sentence;
    } bad[] = {
        {{BASE, NULL}, "type is missing"},
        {{"ce-id", "1", NULL}, "ce-specversion is missing"},
        {{"ce-specversion", "0.3", NULL}, "header ce-specversion: it is 1.0, once"},
        {{BASE, "ce-specversion", "1.0", NULL}, "header ce-specversion: it is 1.0, once"},
        {{BASE, "ce-type", "%ff", NULL}, "header ce-type: type is not UTF-8"},
        {{BASE, "ce-type", "\xfc", NULL}, "header ce-type: type is not UTF-8"},
        {{BASE, "ce-type", "a%0A", NULL}, "header ce-type: type is not UTF-8 without control"},
        {{BASE, "ce-type", "a%00", NULL}, "header ce-type: type is not UTF-8 without control"},
        {{BASE, "ce-type", "", NULL}, "header ce-type: type is empty"},
        {{BASE, "ce-id", "1", NULL}, "header ce-id: it stands there twice"},
        {{BASE, "ce-data", "1", NULL}, "header ce-data: an attribute's name"},
        {{BASE, "ce-datacontenttype", "a/b", NULL}, "that stands in Content-Type"},
        {{BASE, "content-type", "json", NULL}, "header content-type: datacontenttype is not a media type"},
        {{BASE, "ce-time", "now", NULL}, "header ce-time: time is not one of RFC 3339"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cloudevent event;
        struct mf_why why = {{0}};
        uint32_t bytes = make_fields(bad[i].pairs);
        if (cloudevent_read(fields, bytes, false, room, &event, &why) != MF_EINVAL ||
            !strstr(why.text, bad[i].sentence))
            fail_msg("%s: expected \"%s\"", why.text, bad[i].sentence);
    }
}

static void a_guest_reads_what_was_written(void **state)
{
    struct cloudevent event, again;
    struct field_writer writer;
    struct field_reader reader;
    struct field field;
    struct mf_why why = {{0}};
    (void)state;
    take("{" HEAD ",\"subject\":\"a b\\\"%\\u00fc\",\"data\":{\"n\":1}}", &event);
    field_writer_init(&writer, fields, sizeof fields);
    assert_int_equal(cloudevent_guest(&event, "call-1", 1500, &writer), MF_OK);
    static const char *const wanted[][2] = {
        {"", "t"}, {"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "/s"}, {"ce-type", "t"},
        {"ce-subject", "a%20b%22%25%C3%BC"}, {"content-type", "application/json"},
        {"x-call-id", "call-1"}, {"x-start-time", "1500"}, {"x-mayfly-attempt", "0000000000"}};
    field_reader_init(&reader, fields, writer.bytes, false);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(field_next(&reader, &field), MF_OK);
        assert_int_equal(field.name_bytes, strlen(wanted[i][0]));
        if (field.name_bytes)
            assert_memory_equal(field.name, wanted[i][0], field.name_bytes);
        assert_int_equal(field.value_bytes, strlen(wanted[i][1]));
        assert_memory_equal(field.value, wanted[i][1], field.value_bytes);
    }
    assert_int_equal(field_next(&reader, &field), MF_ENOENT);
    assert_int_equal(cloudevent_read(fields, writer.bytes, false, room, &again, &why), MF_OK);
    assert_int_equal(again.count, event.count);
    expect(&again, "subject", "a b\"%\xc3\xbc");
}

static void a_reply_becomes_json(void **state)
{
    static const struct {
        const char *type, *data, *json;
    } each[] = {
        {NULL, "", ""},
        {"application/json", "{\"a\": 1}", ",\"datacontenttype\":\"application/json\",\"data\":{\"a\": 1}"},
        {"application/json", "{\"a\": 1", ",\"datacontenttype\":\"application/json\",\"data_base64\":\"eyJhIjogMQ==\""},
        {"text/plain", "a\n\"\\\xc3\xbc", ",\"datacontenttype\":\"text/plain\",\"data\":\"a\\u000a\\\"\\\\\xc3\xbc\""},
        {"text/plain", "\xfc", ",\"datacontenttype\":\"text/plain\",\"data_base64\":\"/A==\""},
        {"image/svg+xml", "<a>", ",\"datacontenttype\":\"image/svg+xml\",\"data\":\"<a>\""},
        {"image/png", "abc", ",\"datacontenttype\":\"image/png\",\"data_base64\":\"YWJj\""},
        {NULL, "ab", ",\"data_base64\":\"YWI=\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        struct cloudevent event;
        struct mf_buf json = {0};
        char wanted[256];
        take("{" HEAD "}", &event);
        if (each[i].type) {
            struct event_text type = {each[i].type, strlen(each[i].type)};
            assert_int_equal(cloudevent_set(&event, "datacontenttype", type, NULL), MF_OK);
        }
        event.data = (const uint8_t *)each[i].data;
        event.data_bytes = strlen(each[i].data);
        assert_int_equal(cloudevent_write(&event, &json), MF_OK);
        (void)snprintf(wanted, sizeof wanted, "{" HEAD "%s}", each[i].json);
        assert_string_equal((char *)json.data, wanted);
        mf_buf_close(&json);
    }
}

static void ids_follow_from_their_parts(void **state)
{
    const struct event_text a[] = {{"a", 1}, {"bc", 2}}, b[] = {{"ab", 2}, {"c", 1}};
    char first[EVENT_ID_BYTES], second[EVENT_ID_BYTES], time[EVENT_TIME_BYTES];
    (void)state;
    event_id_derive(a, 2, first);
    event_id_derive(a, 2, second);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 32);
    event_id_derive(b, 2, second);
    assert_string_not_equal(first, second);
    assert_int_equal(event_time_text(1522949460007, time), 24);
    assert_string_equal(time, "2018-04-05T17:31:00.007Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specifications_example_is_read),
        cmocka_unit_test(data_stays_as_it_was_written),
        cmocka_unit_test(mistakes_in_json_are_named),
        cmocka_unit_test(attributes_have_one_spelling),
        cmocka_unit_test(their_number_and_size_is_bounded),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(modes_are_told_by_content_type),
        cmocka_unit_test(batches_are_taken_one_by_one),
        cmocka_unit_test(headers_are_decoded_once),
        cmocka_unit_test(mistakes_in_headers_are_named),
        cmocka_unit_test(a_guest_reads_what_was_written),
        cmocka_unit_test(a_reply_becomes_json),
        cmocka_unit_test(ids_follow_from_their_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
