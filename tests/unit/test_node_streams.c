/* test_node_streams.c: what a guest may say of streams, rule by rule; places where the node listens;
 * names. The node around it is tests/node/test_streams.py's. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/listen.h"
#include "node/egress/allowed.h"
#include "node/streams/names.h"
#include "node/streams/stream.h"

static struct stream_table table;
static struct stream *found;
static struct mf_why why;

static int start(void **state)
{
    (void)state;
    table = (struct stream_table){0};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stream_table_close(&table);
    return 0;
}

static mf_err says(enum mf_message type, uint64_t id, uint64_t arg, uint32_t bytes, bool end)
{
    const struct channel_message message = {
        .id = id, .type = type, .arg = arg, .data_bytes = bytes, .end = end};
    why.text[0] = 0;
    return stream_check(&table, &message, &found, &why);
}

static void refused(enum mf_message type, uint64_t id, uint64_t arg, uint32_t bytes, const char *words)
{
    assert_int_equal(says(type, id, arg, bytes, false), MF_EPROTO);
    if (!strstr(why.text, words))
        fail_msg("\"%s\", expected \"%s\"", why.text, words);
}

#define ADDRESS sizeof(struct mf_stream_address)

static void connect_has_an_id_of_the_guests_that_is_free(void **state)
{
    (void)state;
    struct stream one = {.id = 0};
    assert_int_equal(says(MF_MSG_CONNECT, 1, 0, ADDRESS, false), MF_OK);
    assert_null(found);
    assert_int_equal(stream_add_asked(&table, &one, 1), MF_OK);
    assert_ptr_equal(stream_find(&table, 1), &one);
    assert_true(one.connects);
    refused(MF_MSG_CONNECT, 1, 0, ADDRESS, "there already");
    refused(MF_MSG_CONNECT, 2, 0, ADDRESS, "not an id of the guest's");
    refused(MF_MSG_CONNECT, MF_STREAM_ID_MAX + 1, 0, ADDRESS, "not an id of the guest's");
    refused(MF_MSG_CONNECT, UINT64_MAX, 0, ADDRESS, "not an id of the guest's");
    refused(MF_MSG_CONNECT, 3, 0, ADDRESS - 1, "of address");
    assert_int_equal(says(MF_MSG_CONNECT, MF_STREAM_ID_MAX - 1, 0, ADDRESS, false), MF_OK);
    stream_remove(&table, &one);
    assert_int_equal(says(MF_MSG_CONNECT, 1, 0, ADDRESS, false), MF_OK);
}

static void what_is_not_there_may_not_be_spoken_of(void **state)
{
    (void)state;
    refused(MF_MSG_SENT, 1, 0, 1, "no such stream");
    refused(MF_MSG_CREDIT, 2, 1, 0, "no such stream");
    refused(MF_MSG_CLOSE, UINT64_MAX, 0, 0, "no such stream");
    struct stream one = {.id = 0};
    assert_int_equal(stream_add(&table, &one), MF_OK);
    assert_int_equal(one.id, 2);
    refused(MF_MSG_SENT, 4, 0, 1, "no such stream");
    refused(MF_MSG_OPEN, 2, 1, ADDRESS, "among streams");
    stream_remove(&table, &one);
    refused(MF_MSG_CLOSE, 2, 0, 0, "no such stream");
}

static void bytes_need_credit_and_an_open_direction(void **state)
{
    (void)state;
    struct stream one = {.id = 0};
    assert_int_equal(stream_add_asked(&table, &one, 1), MF_OK);
    refused(MF_MSG_SENT, 1, 0, 1, "before it was opened");
    refused(MF_MSG_CREDIT, 1, 1, 0, "credit");
    one.connects = false;
    assert_int_equal(says(MF_MSG_SENT, 1, 0, MF_STREAM_WINDOW, false), MF_OK);
    assert_ptr_equal(found, &one);
    refused(MF_MSG_SENT, 1, 0, 0, "neither bytes nor their end");
    one.to_node = 100;
    assert_int_equal(says(MF_MSG_SENT, 1, 0, 100, true), MF_OK);
    refused(MF_MSG_SENT, 1, 0, 101, "credit for 100");
    one.guest_ended = true;
    refused(MF_MSG_SENT, 1, 0, 0, "behind the end");
    assert_int_equal(says(MF_MSG_CREDIT, 1, 1, 0, false), MF_OK);
    one.guest_closed = true;
    refused(MF_MSG_CREDIT, 1, 1, 0, "behind its CLOSE");
    refused(MF_MSG_CLOSE, 1, 0, 0, "behind its CLOSE");
}

static void credit_has_a_bound(void **state)
{
    (void)state;
    struct stream one = {.id = 0};
    assert_int_equal(stream_add(&table, &one), MF_OK);
    assert_int_equal(says(MF_MSG_CREDIT, 2, MF_STREAM_CREDIT_MAX - MF_STREAM_WINDOW, 0, false), MF_OK);
    refused(MF_MSG_CREDIT, 2, MF_STREAM_CREDIT_MAX - MF_STREAM_WINDOW + 1, 0, "credit");
    refused(MF_MSG_CREDIT, 2, UINT64_MAX, 0, "credit");
}

static void what_we_have_closed_is_passed_over_but_counts(void **state)
{
    (void)state;
    struct stream one = {.id = 0};
    assert_int_equal(stream_add(&table, &one), MF_OK);
    one.node_closed = true;
    assert_int_equal(says(MF_MSG_SENT, 2, 0, 10, false), MF_ENOENT);
    assert_int_equal(says(MF_MSG_CREDIT, 2, 10, 0, false), MF_ENOENT);
    refused(MF_MSG_SENT, 2, 0, MF_STREAM_WINDOW + 1, "credit for");
    assert_int_equal(says(MF_MSG_CLOSE, 2, 0, 0, false), MF_OK);
}

static void as_many_as_there_may_be(void **state)
{
    (void)state;
    struct stream *all = calloc(2 * MF_STREAMS_MAX + 1, sizeof *all);
    assert_non_null(all);
    for (uint32_t i = 0; i < MF_STREAMS_MAX; i++) {
        assert_int_equal(stream_add(&table, &all[i]), MF_OK);
        assert_true(all[i].id % 2 == 0 && all[i].id > 0 && all[i].id <= MF_STREAM_ID_MAX);
    }
    assert_int_equal(stream_add(&table, &all[2 * MF_STREAMS_MAX]), MF_EFULL);
    for (uint32_t i = 0; i < MF_STREAMS_MAX; i++) {
        assert_int_equal(says(MF_MSG_CONNECT, 2 * i + 1, 0, ADDRESS, false), MF_OK);
        assert_int_equal(stream_add_asked(&table, &all[MF_STREAMS_MAX + i], 2 * i + 1), MF_OK);
    }
    refused(MF_MSG_CONNECT, 1, 0, ADDRESS, "already");
    stream_remove(&table, &all[77]);
    assert_int_equal(stream_add(&table, &all[2 * MF_STREAMS_MAX]), MF_OK); /* the one that is free */
    free(all);
}

static void addresses_go_there_and_back(void **state)
{
    (void)state;
    struct mf_stream_address v4 = {.address = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, .port = 80};
    struct mf_stream_address v6 = {.address = {0x20, 1, [15] = 1}, .port = 443}, back;
    struct sockaddr_storage address;
    socklen_t bytes;
    assert_int_equal(stream_address_decode(&v4, &address, &bytes), MF_OK);
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(bytes, sizeof(struct sockaddr_in));
    stream_address_encode(&address, &back);
    assert_memory_equal(&back, &v4, sizeof v4);
    assert_int_equal(stream_address_decode(&v6, &address, &bytes), MF_OK);
    assert_int_equal(address.ss_family, AF_INET6);
    stream_address_encode(&address, &back);
    assert_memory_equal(&back, &v6, sizeof v6);
    v4.port = 0;
    assert_int_equal(stream_address_decode(&v4, &address, &bytes), MF_EINVAL);
}

static void names_are_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "a b", "a/b", "a:1", "a\n",
                                      "..", "a..b", "%41"};
    char name[MF_NAME_LOOKUP_BYTES_MAX + 1], text[MF_NAME_LOOKUP_BYTES_MAX + 2];
    assert_int_equal(name_decode((const uint8_t *)"Db.Example.org", 14, name), MF_OK);
    assert_string_equal(name, "db.example.org");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (name_decode((const uint8_t *)bad[i], (uint32_t)strlen(bad[i]), name) != MF_EINVAL)
            fail_msg("\"%s\"", bad[i]);
    memset(text, 'a', sizeof text);
    assert_int_equal(name_decode((const uint8_t *)text, sizeof text, name), MF_EINVAL);
    assert_int_equal(name_decode((const uint8_t *)"a\0b", 3, name), MF_EINVAL);
}

static void an_entry_names_a_host_at_any_port(void **state)
{
    (void)state;
    static const char *const entries[] = {"db.example.org:5432", "*.below.org:1", "https://web.org"};
    const struct egress_rule rule = {.entries = entries, .count = 3};
    static const struct {
        const char *name;
        bool permitted;
    } names[] = {{"db.example.org", true}, {"a.below.org", true}, {"web.org", true}, {"below.org", false},
                 {"example.org", false}, {"xdb.example.org", false}, {"db.example.org.evil", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct host host = {.kind = HOST_NAME};
        memcpy(host.text, names[i].name, strlen(names[i].name) + 1);
        assert_int_equal(egress_permits_host(&rule, &host), names[i].permitted);
    }
}

static void a_place_to_listen_has_three_forms(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ":1", "a:1", "65536", "-1", "1.2.3:1", "1.2.3.4", "[::1]", "[::1]:",
                                      "::1:80", "80 ", " 80", "+80", "000080", "[]:80", "localhost:80",
                                      "1111111111111111111111111111111111111111111111111111111111111111:1"};
    struct sockaddr_storage address;
    struct sockaddr_in v4;
    socklen_t bytes;
    assert_int_equal(listen_parse("8081", &address, &bytes), MF_OK);
    memcpy(&v4, &address, sizeof v4);
    assert_int_equal(ntohs(v4.sin_port), 8081);
    assert_int_equal(ntohl(v4.sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(listen_parse("0.0.0.0:65535", &address, &bytes), MF_OK);
    memcpy(&v4, &address, sizeof v4);
    assert_int_equal(v4.sin_addr.s_addr, INADDR_ANY);
    assert_int_equal(listen_parse("[::]:0", &address, &bytes), MF_OK);
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(bytes, sizeof(struct sockaddr_in6));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (listen_parse(bad[i], &address, &bytes) != MF_EINVAL)
            fail_msg("\"%s\"", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connect_has_an_id_of_the_guests_that_is_free, start, stop),
        cmocka_unit_test_setup_teardown(what_is_not_there_may_not_be_spoken_of, start, stop),
        cmocka_unit_test_setup_teardown(bytes_need_credit_and_an_open_direction, start, stop),
        cmocka_unit_test_setup_teardown(credit_has_a_bound, start, stop),
        cmocka_unit_test_setup_teardown(what_we_have_closed_is_passed_over_but_counts, start, stop),
        cmocka_unit_test_setup_teardown(as_many_as_there_may_be, start, stop),
        cmocka_unit_test(addresses_go_there_and_back),
        cmocka_unit_test(names_are_names),
        cmocka_unit_test(an_entry_names_a_host_at_any_port),
        cmocka_unit_test(a_place_to_listen_has_three_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
