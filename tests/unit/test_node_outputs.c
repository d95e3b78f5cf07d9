/* test_node_outputs.c: a reply as an event for another function: ids, fields, hops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "node/delivery/envelope.h"
#include "node/delivery/output_event.h"
#include "node/events/cloudevent.h"
#include "node/instance/event.h"

#define NOW_NS (86400ull * 1000000000 + 5)

static uint8_t reply[MF_HEAD_BYTES_MAX], made[MF_HEAD_BYTES_MAX];
static struct field_writer writer;
static struct output_fields fields;
static const struct output_origin origin = {
    .function = "threshold", .call_id = "a-call", .call_id_bytes = 6, .hops = 3, .now_ns = NOW_NS};

static void begin(void)
{
    field_writer_init(&writer, reply, sizeof reply);
}

static void header(const char *name, const char *value)
{
    field_put(&writer, MF_FIELD_HEADER, name, strlen(name), value, strlen(value));
    assert_int_equal(writer.err, MF_OK);
}

static void make(void)
{
    assert_int_equal(output_fields_make(&origin, reply, writer.bytes, made, &fields), MF_OK);
}

/* The value of the only field of that kind and name; NULL: none. Two: a failure. */
static const char *value_of(enum mf_field_kind kind, const char *name)
{
    static char text[4][512];
    static unsigned at;
    struct field_reader reader;
    struct field field;
    char *found = NULL;
    mf_err err;
    field_reader_init(&reader, made, fields.bytes, false);
    while ((err = field_next(&reader, &field)) == MF_OK) {
        if (field.kind != kind || field.name_bytes != strlen(name) ||
            memcmp(field.name, name, field.name_bytes) != 0)
            continue;
        assert_null(found);
        found = text[at++ % 4];
        (void)snprintf(found, sizeof text[0], "%.*s", (int)field.value_bytes, field.value);
    }
    assert_int_equal(err, MF_ENOENT); /* every rule was kept */
    return found;
}

static const char *made_header(const char *name)
{
    const char *value = value_of(MF_FIELD_HEADER, name);
    return value ? value : "(none)";
}

static void ids_depend_on_all_three_and_on_nothing_else(void **state)
{
    (void)state;
    char id[4][OUTPUT_ID_BYTES + 1], again[OUTPUT_ID_BYTES + 1];
    output_id("call", 4, "one", "two", id[0]);
    output_id("call", 4, "one", "three", id[1]);
    output_id("call", 4, "onet", "wo", id[2]);
    output_id("calls", 5, "one", "two", id[3]);
    output_id("call!", 4, "one", "two", again);
    assert_string_equal(id[0], again);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(id[i], id[j]);
    assert_int_equal(strlen(id[0]), OUTPUT_ID_BYTES);
    /* BLAKE2b, 16 bytes, of "call\0one\0two\0": stored events outlive a node of this version. */
    assert_string_equal(id[0], "6c31f089b2ec24395acd6bc8cdf92782");
}

static void a_reply_without_headers(void **state)
{
    (void)state;
    begin();
    make();
    char id[OUTPUT_ID_BYTES + 1];
    output_id(origin.call_id, origin.call_id_bytes, origin.function, "alert", id);
    output_fields_name(&fields, id, made);
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "mayfly.reply");
    assert_string_equal(made_header("ce-type"), "mayfly.reply");
    assert_string_equal(made_header("ce-source"), "/functions/threshold");
    assert_string_equal(made_header("ce-specversion"), "1.0");
    assert_string_equal(made_header("ce-time"), "1970-01-02T00:00:00Z");
    assert_string_equal(made_header("ce-id"), id);
    assert_string_equal(made_header("x-call-id"), id);
    assert_string_equal(made_header("x-start-time"), "86400000000005");
    assert_string_equal(made_header(HOPS_HEADER), "3");
    assert_string_equal(made_header(CAUSE_HEADER), "a-call");
    assert_string_equal(made_header(ATTEMPT_HEADER), ATTEMPT_ROOM);
    assert_string_equal(made_header("content-type"), "(none)");
    assert_int_equal(output_hops(made, fields.bytes), 3);
}

static void what_a_reply_may_say_of_the_event(void **state)
{
    (void)state;
    begin();
    header("Content-Type", "text/x");
    header("ce-type", "co2.high");
    header("ce-subject", "kitchen");
    header("ce-webhook", "http://x/");
    header("ce-specversion", "forged");
    static const char *const not_passed[] = {"set-cookie", "x-call-id", HOPS_HEADER, CAUSE_HEADER,
                                             "x-start-time", ATTEMPT_HEADER, "ce"};
    for (size_t i = 0; i < sizeof not_passed / sizeof not_passed[0]; i++)
        header(not_passed[i], "forged");
    make();
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "co2.high");
    assert_string_equal(made_header("ce-type"), "co2.high");
    assert_string_equal(made_header("ce-subject"), "kitchen");
    assert_string_equal(made_header("ce-webhook"), "http://x/");
    assert_string_equal(made_header("content-type"), "text/x");
    assert_string_equal(made_header("ce-specversion"), "1.0");
    for (size_t i = 0; i < sizeof not_passed / sizeof not_passed[0]; i++)
        assert_string_not_equal(made_header(not_passed[i]), "forged");
}

/* Whatever it calls the event, the call has the id that follows from its cause. */
static void who_produces_an_event_names_it(void **state)
{
    (void)state;
    char id[OUTPUT_ID_BYTES + 1];
    output_id(origin.call_id, origin.call_id_bytes, origin.function, "alert", id);
    begin();
    header("ce-id", "reading-7");
    header("ce-source", "urn:kitchen");
    header("ce-time", "2020-02-03T04:05:06Z");
    make();
    output_fields_name(&fields, id, made);
    assert_string_equal(made_header("ce-id"), "reading-7");
    assert_string_equal(made_header("ce-source"), "urn:kitchen");
    assert_string_equal(made_header("ce-time"), "2020-02-03T04:05:06Z");
    assert_string_equal(made_header("x-call-id"), id);
    assert_string_equal(made_header(CAUSE_HEADER), "a-call");
}

static void what_is_no_attribute_is_not_taken(void **state)
{
    (void)state;
    char id[OUTPUT_ID_BYTES + 1];
    output_id(origin.call_id, origin.call_id_bytes, origin.function, "alert", id);
    begin();
    header("ce-id", "");
    header("ce-source", "");
    header("ce-time", "yesterday");
    make();
    output_fields_name(&fields, id, made);
    assert_string_equal(made_header("ce-id"), id);
    assert_string_equal(made_header("ce-source"), "/functions/threshold");
    assert_string_equal(made_header("ce-time"), "1970-01-02T00:00:00Z");
}

static void nobody_speaks_for_another_function(void **state)
{
    (void)state;
    static const char *const refused[] = {"/functions/alert", "/functions/threshold2", "/functions/", "/FUNCTIONS/alert",
                                          "%2Ffunctions/alert", "/%66unctions%2falert", "\"/functions/alert\"",
                                          "\"urn:x\""};
    static const char *const taken[] = {"/functions/threshold", "/functions/threshold/kitchen", "/functions/threshold#1",
                                        "/functionsx", "https://h/functions/alert", "%2", "/f%zz"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        begin();
        header("ce-source", refused[i]);
        make();
        assert_string_equal(made_header("ce-source"), "/functions/threshold");
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        begin();
        header("ce-source", taken[i]);
        make();
        assert_string_equal(made_header("ce-source"), taken[i]);
    }
}

static void a_reply_in_structured_mode(void **state)
{
    (void)state;
    char body[] = "{\"specversion\":\"1.0\",\"id\":\"r 1\",\"source\":\"urn:x\",\"type\":\"co2.high\","
                  "\"subject\":\"kitchen\",\"data\":{\"ppm\": 900}}";
    char wrong[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"urn:x\"}";
    static uint8_t unfolded[MF_HEAD_BYTES_MAX];
    struct cloudevent event;
    struct mf_why why = {{0}};
    uint32_t bytes;
    begin();
    header("content-type", "Application/CloudEvents+JSON; charset=utf-8");
    assert_true(output_is_folded(reply, writer.bytes));
    assert_int_equal(output_unfold(body, strlen(body), unfolded, &bytes, &event, &why), MF_OK);
    assert_int_equal(event.data_bytes, strlen("{\"ppm\": 900}"));
    assert_memory_equal(event.data, "{\"ppm\": 900}", event.data_bytes);
    assert_int_equal(output_fields_make(&origin, unfolded, bytes, made, &fields), MF_OK);
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "co2.high");
    assert_string_equal(made_header("ce-id"), "r%201");
    assert_string_equal(made_header("ce-source"), "urn:x");
    assert_string_equal(made_header("ce-subject"), "kitchen");
    assert_string_equal(made_header("content-type"), "application/json");
    assert_int_equal(output_unfold(wrong, strlen(wrong), unfolded, &bytes, &event, &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "type is missing"));
    static const char *const others[] = {"application/json", "application/cloudevents-batch+json", "application/cloudevents"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        begin();
        header("content-type", others[i]);
        assert_false(output_is_folded(reply, writer.bytes));
    }
}

static void an_empty_type_is_none(void **state)
{
    (void)state;
    begin();
    header("ce-type", "");
    make();
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "mayfly.reply");
}

/* As they will be read: %XX is one byte. */
static void encoded_values_are_judged_decoded(void **state)
{
    (void)state;
    enum { LETTERS = MF_EVENT_VALUE_BYTES_MAX / 3 + 1 };
    static char id[3 * LETTERS + 1], too_long[3 * (MF_EVENT_VALUE_BYTES_MAX + 1) + 1];
    for (size_t i = 0; i < LETTERS; i++)
        memcpy(id + 3 * i, "%41", 4);
    for (size_t i = 0; i <= MF_EVENT_VALUE_BYTES_MAX; i++)
        memcpy(too_long + 3 * i, "%41", 4);
    begin();
    header("ce-type", "co2%20high");
    header("ce-id", id);
    header("ce-source", "urn:%01");
    make();
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "co2 high");
    assert_string_equal(made_header("ce-type"), "co2%20high");
    assert_memory_equal(made_header("ce-id"), "%41%41", 6);
    assert_string_equal(made_header("ce-source"), "/functions/threshold"); /* a control character */
    begin();
    header("ce-type", "a%0Ab");
    header("ce-id", too_long);
    make();
    assert_string_equal(value_of(MF_FIELD_TYPE, ""), "mayfly.reply");
    assert_memory_equal(made_header("ce-id"), "00", 2); /* the output's, to be put there */
}

static void a_head_that_is_too_large(void **state)
{
    (void)state;
    char name[32];
    begin();
    for (unsigned i = 0; i < MF_FIELDS_MAX; i++) {
        (void)snprintf(name, sizeof name, "ce-x%u", i);
        header(name, "y");
    }
    assert_int_equal(output_fields_make(&origin, reply, writer.bytes, made, &fields), MF_ETOOBIG);
}

static void hops_of_events_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint32_t hops;
    } each[] = {{"0", 0}, {"7", 7}, {"32", 32}, {"", 0}, {"x9", 9}};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        begin();
        field_put(&writer, MF_FIELD_TYPE, NULL, 0, "t", 1);
        header(HOPS_HEADER, each[i].value);
        assert_int_equal(output_hops(reply, writer.bytes), each[i].hops);
    }
    begin();
    field_put(&writer, MF_FIELD_TYPE, NULL, 0, "t", 1);
    assert_int_equal(output_hops(reply, writer.bytes), 0);
    header(HOPS_HEADER, "99999999999999999999999");
    assert_true(output_hops(reply, writer.bytes) > MF_THEN_HOPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_depend_on_all_three_and_on_nothing_else),
        cmocka_unit_test(a_reply_without_headers),
        cmocka_unit_test(what_a_reply_may_say_of_the_event),
        cmocka_unit_test(who_produces_an_event_names_it),
        cmocka_unit_test(what_is_no_attribute_is_not_taken),
        cmocka_unit_test(nobody_speaks_for_another_function),
        cmocka_unit_test(a_reply_in_structured_mode),
        cmocka_unit_test(an_empty_type_is_none),
        cmocka_unit_test(encoded_values_are_judged_decoded),
        cmocka_unit_test(a_head_that_is_too_large),
        cmocka_unit_test(hops_of_events_of_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
