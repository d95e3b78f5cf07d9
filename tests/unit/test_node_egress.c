/* What may be sent where, by name and by address; secrets in headers. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "abi/event.h"
#include "node/egress/allowed.h"
#include "node/egress/secret.h"

static enum address_kind kind_of(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_kind((struct sockaddr *)&v4, sizeof v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_kind((struct sockaddr *)&v6, sizeof v6);
}

static void addresses_are_of_a_kind(void **state)
{
    static const struct {
        enum address_kind kind;
        const char *text[16];
    } all[] = {
        {ADDRESS_PUBLIC, {"1.1.1.1", "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0",
                          "192.167.255.255", "223.255.255.255", "169.253.0.1", "2606:4700::1",
                          "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "100.63.255.255"}},
        {ADDRESS_PRIVATE, {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.1",
                           "100.64.0.0", "100.127.255.255", "198.19.255.255", "fc00::1", "fdff::",
                           "fec0::1", "::ffff:10.1.2.3", "64:ff9b::192.168.1.1", "2002:a00:1::",
                           "64:ff9b:1::8.8.8.8", "64:ff9b:1:a00:1::808:808"}},
        {ADDRESS_LOOPBACK, {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1",
                            "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
                            "::ffff:0:127.0.0.1"}},
        {ADDRESS_LINK_LOCAL, {"169.254.0.0", "169.254.169.254", "fe80::1", "febf::ffff",
                              "::ffff:169.254.169.254"}},
        {ADDRESS_NEVER, {"0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "240.0.0.1",
                         "255.255.255.255", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t k = 0; k < 16 && all[i].text[k]; k++)
            if (kind_of(all[i].text[k]) != all[i].kind)
                fail_msg("%s is %d", all[i].text[k], kind_of(all[i].text[k]));
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_int_equal(address_kind(&other, sizeof other), ADDRESS_NEVER);
    struct sockaddr_in cut = {.sin_family = AF_INET};
    assert_int_equal(address_kind((struct sockaddr *)&cut, 4), ADDRESS_NEVER);
}

static void what_is_ours_is_asked_of_the_kernel(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    char text[ADDRESS_TEXT_BYTES];
    (void)state;
    assert_int_equal(inet_pton(AF_INET, "127.8.9.10", &v4.sin_addr), 1);
    assert_true(address_is_local((struct sockaddr *)&v4, sizeof v4));
    assert_int_equal(address_port((struct sockaddr *)&v4, sizeof v4), 80);
    assert_string_equal(address_text((struct sockaddr *)&v4, sizeof v4, text), "127.8.9.10:80");
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr), 1); /* nobody's: RFC 5737 */
    assert_false(address_is_local((struct sockaddr *)&v4, sizeof v4));
    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_true(address_is_local(&other, sizeof other));
}

static void urls_are_written_in_one_way(void **state)
{
    static const struct {
        const char *from, *to;
    } all[] = {
        {"http://h", "http://h:80/"},
        {"HTTPS://Example.ORG/A?b#c", "https://example.org:443/A?b"},
        {"https://u:p@h:81?b", "https://h:81/?b"},
        {"http://a@b@h.x./", "http://h.x:80/"},
        {"http://[::0001]:8080/x", "http://[::1]:8080/x"},
        {"http://[::FFFF:127.0.0.1]", "http://[::ffff:127.0.0.1]:80/"},
        {"http://127.0.0.1:00080/", "http://127.0.0.1:80/"},
        {"http://h:/x/../y", "http://h:80/x/../y"},
        {"http://xn--bcher-kva.example", "http://xn--bcher-kva.example:80/"},
        {"http://under_score.h", "http://under_score.h:80/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct url url;
        struct mf_buf text = {0};
        assert_int_equal(url_parse(all[i].from, strlen(all[i].from), &url, NULL), MF_OK);
        assert_int_equal(url_write(&url, &text), MF_OK);
        assert_string_equal((const char *)text.data, all[i].to);
        mf_buf_close(&text);
    }
}

static void what_may_be_read_in_two_ways_is_no_url(void **state)
{
    static const char *const bad[] = {
        "", "h", "//h", "http:h", "http:/h", "ftp://h", "file:///etc/passwd", "gopher://h", "http://",
        "http:///x", "http://:80", "http://u@", "http://u@:1", "http://h /", "http://h/\x7f",
        "http://h/\xc3\xa4", "http://h/<x>", "http://h\n", "http://h\\@x", "http://2130706433/",
        "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/", "http://1/",
        "http://127.0.0.1.5/", "http://127.0.0.256/", "http://0x/", "http://a.0X1f/", "http://[::1", "http://::1/", "http://[::1]x/",
        "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[127.0.0.1]/", "http://[]/",
        "http://h:0/", "http://h:65536/", "http://h:-1/", "http://h:8x/", "http://h:1:2/",
        "http://a..b/", "http://.a/", "http://./", "http://h%2f/", "http://ｈ/", "http://h,x/", "http://*.h/",
        "http://u:p%40h:80@/"};
    char longest[4200] = "http://h/";
    (void)state;
    struct url url;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mf_why why = {{0}};
        if (url_parse(bad[i], strlen(bad[i]), &url, &why) != MF_EINVAL || !why.text[0])
            fail_msg("%s", bad[i]);
    }
    memset(longest + 9, 'x', sizeof longest - 9);
    assert_int_equal(url_parse(longest, 4096, &url, NULL), MF_OK);
    assert_int_equal(url_parse(longest, 4097, &url, NULL), MF_ETOOBIG);
    assert_int_equal(url_parse("http://h\0", 9, &url, NULL), MF_EINVAL);
    memset(longest + 7, 'x', 63);
    memcpy(longest + 70, "/", 2);
    assert_int_equal(url_parse(longest, 71, &url, NULL), MF_OK); /* a label of 63 bytes */
    longest[70] = 'x';
    assert_int_equal(url_parse(longest, 71, &url, NULL), MF_EINVAL);
}

static enum permission asked(enum reach reach, const char *entry, const char *text)
{
    const char *entries[] = {"other:1", entry};
    struct egress_rule rule = {reach, entries, entry ? 2 : 0};
    struct url url;
    if (url_parse(text, strlen(text), &url, NULL))
        fail_msg("%s is no URL", text);
    return egress_permits(&rule, &url);
}

static void entries_allow_what_they_name(void **state)
{
    static const struct {
        bool may;
        const char *entry, *url;
    } all[] = {
        {true, "h:80", "http://h/x"},           {true, "h:80", "http://H.:80"},
        {true, "H.:80", "http://h"},            {false, "h:80", "https://h"},
        {true, "h:443", "https://h"},           {true, "h:443", "http://h:443"},
        {false, "https://h:443", "http://h:443"}, {true, "https://h", "https://h"},
        {false, "https://h", "http://h"},       {true, "http://h", "http://h:80"},
        {false, "h", "http://h"},               {false, "h:80", "http://hh"},
        {false, "h:80", "http://h.x"},          {true, "*.x.org:443", "https://a.x.org"},
        {true, "*.x.org:443", "https://a.b.x.org"}, {false, "*.x.org:443", "https://x.org"},
        {false, "*.x.org:443", "https://ax.org"}, {false, "*.x.org:443", "https://a.x.org.evil"},
        {false, "*.x.org:443", "https://a.x.org:444"}, {false, "*:80", "http://h"},
        {false, "*.0.0.1:80", "http://127.0.0.1"}, {true, "[::1]:80", "http://[0::1]"},
        {false, "[::1]:80", "http://127.0.0.1"}, {false, "127.0.0.1:80", "http://localhost"},
        {true, "127.0.0.1:80", "http://127.0.0.1"},
        {false, "h:x", "http://h"},             {false, "", "http://h"},
        {false, "h:80:80", "http://h"},         {false, "u@h:80", "http://u@h"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum permission want = all[i].may ? PERMISSION_LISTED : PERMISSION_NONE;
        if (asked(REACH_LISTED, all[i].entry, all[i].url) != want)
            fail_msg("%s, %s", all[i].entry, all[i].url);
    }
    struct mf_why why = {{0}};
    assert_int_equal(allowed_entry_check("*.x.org:443", &why), MF_OK);
    assert_int_equal(allowed_entry_check("x.org", &why), MF_EINVAL);
    assert_non_null(strstr(why.text, "x.org"));
}

static void a_reach_is_of_addresses(void **state)
{
    (void)state;
    assert_int_equal(asked(REACH_LISTED, NULL, "http://h"), PERMISSION_NONE);
    assert_int_equal(asked(REACH_PUBLIC, NULL, "http://h"), PERMISSION_REACH);
    assert_int_equal(asked(REACH_PUBLIC, NULL, "http://8.8.8.8"), PERMISSION_REACH);
    assert_int_equal(asked(REACH_PUBLIC, NULL, "http://10.0.0.1"), PERMISSION_NONE);
    assert_int_equal(asked(REACH_ANY, NULL, "http://10.0.0.1"), PERMISSION_REACH);
    static const char *const never[] = {"http://127.0.0.1", "http://[::1]", "http://localhost",
                                        "http://169.254.169.254", "http://[::ffff:7f00:1]",
                                        "http://0.0.0.0", "http://[fe80::1]", "http://224.0.0.1"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        assert_int_equal(asked(REACH_PUBLIC, NULL, never[i]), PERMISSION_NONE);
        assert_int_equal(asked(REACH_ANY, NULL, never[i]), PERMISSION_NONE);
    }
    assert_int_equal(asked(REACH_PUBLIC, "127.0.0.1:80", "http://127.0.0.1"), PERMISSION_LISTED);
}

static bool at(enum reach reach, enum permission permission, const char *text, enum address_kind kind)
{
    struct egress_rule rule = {.reach = reach};
    struct url url;
    assert_int_equal(url_parse(text, strlen(text), &url, NULL), MF_OK);
    return egress_permits_address(&rule, permission, &url, kind);
}

static void a_name_that_leads_inside_is_stopped_at_its_address(void **state)
{
    (void)state;
    for (int kind = ADDRESS_PUBLIC; kind <= ADDRESS_NEVER; kind++) {
        enum address_kind k = (enum address_kind)kind;
        assert_int_equal(at(REACH_LISTED, PERMISSION_LISTED, "http://h", k),
                         k == ADDRESS_PUBLIC || k == ADDRESS_PRIVATE);
        assert_int_equal(at(REACH_LISTED, PERMISSION_LISTED, "http://localhost", k),
                         k == ADDRESS_LOOPBACK);
        assert_int_equal(at(REACH_LISTED, PERMISSION_LISTED, "http://a.localhost", k),
                         k == ADDRESS_PUBLIC || k == ADDRESS_PRIVATE);
        assert_int_equal(at(REACH_LISTED, PERMISSION_LISTED, "http://127.0.0.1", k),
                         k != ADDRESS_NEVER);
        assert_int_equal(at(REACH_PUBLIC, PERMISSION_REACH, "http://h", k), k == ADDRESS_PUBLIC);
        assert_int_equal(at(REACH_ANY, PERMISSION_REACH, "http://h", k),
                         k == ADDRESS_PUBLIC || k == ADDRESS_PRIVATE);
        assert_false(at(REACH_ANY, PERMISSION_NONE, "http://h", k));
    }
}

/* ---- secrets ---- */

static mf_err source(void *context, const char *name, size_t bytes, struct mf_buf *out,
                     struct mf_why *why)
{
    (void)context;
    static const struct {
        const char *name, *value;
    } all[] = {{"a", "first"}, {"b-2", "${secret:a}"}, {"crlf", "x\r\nEvil: 1"}, {"none", ""}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strlen(all[i].name) == bytes && memcmp(all[i].name, name, bytes) == 0)
            return mf_buf_add(out, all[i].value, strlen(all[i].value));
    return mf_why(why, MF_ENOENT, "there is no secret %.*s", (int)bytes, name);
}

static mf_err spliced(const char *text, const char *want, size_t count)
{
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    size_t found = 0;
    mf_err err = secret_splice(text, strlen(text), source, NULL, &out, &found, &why);
    if (err) {
        assert_true(why.text[0] != 0);
        assert_null(strstr(why.text, "Evil"));
        assert_null(out.data);
        return err;
    }
    assert_int_equal(found, count);
    assert_string_equal(out.data ? (const char *)out.data : "", want);
    secret_wipe(&out);
    return MF_OK;
}

static void secrets_take_their_places(void **state)
{
    (void)state;
    assert_int_equal(spliced("", "", 0), MF_OK);
    assert_int_equal(spliced("plain $ {secret:a} ${other:a}", "plain $ {secret:a} ${other:a}", 0), MF_OK);
    assert_int_equal(spliced("Bearer ${secret:a}", "Bearer first", 1), MF_OK);
    assert_int_equal(spliced("${secret:a}${secret:a}x", "firstfirstx", 2), MF_OK);
    assert_int_equal(spliced("${secret:b-2}", "${secret:a}", 1), MF_OK); /* not looked at again */
    assert_int_equal(spliced("<${secret:none}>", "<>", 1), MF_OK);
    static const char *const bad[] = {"${secret:a", "${secret:}", "${secret:../a}", "${secret:.a}",
                                      "${secret:a b}", "${secret:crlf}", "${secret:${secret:a}}", "${secret:"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (spliced(bad[i], "", 0) != MF_EINVAL)
            fail_msg("%s", bad[i]);
    assert_int_equal(spliced("${secret:nobody}", "", 0), MF_ENOENT);
}

static void a_value_with_its_secrets_has_the_bound_of_a_header(void **state)
{
    static char text[MF_FIELD_VALUE_MAX + 32];
    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + MF_FIELD_VALUE_MAX - 5, "${secret:a}", 12);
    struct mf_buf out = {0};
    size_t found;
    assert_int_equal(secret_splice(text, strlen(text), source, NULL, &out, &found, NULL), MF_OK);
    assert_int_equal(out.bytes, MF_FIELD_VALUE_MAX);
    secret_wipe(&out);
    memset(text, 'x', sizeof text);
    memcpy(text + MF_FIELD_VALUE_MAX - 4, "${secret:a}", 12);
    assert_int_equal(secret_splice(text, strlen(text), source, NULL, &out, &found, NULL), MF_ETOOBIG);
}

static void names_of_secrets_are_no_paths(void **state)
{
    char name[65];
    (void)state;
    memset(name, 'n', sizeof name);
    assert_true(secret_name_valid("A.b-c_9", 7));
    assert_true(secret_name_valid(name, 63));
    assert_false(secret_name_valid(name, 64));
    static const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(secret_name_valid(bad[i], strlen(bad[i])));
    struct mf_buf out = {0};
    struct mf_why why = {{0}};
    assert_int_equal(secret_read("", "a", 1, &out, &why), MF_ENOENT);
    assert_int_equal(secret_read("/tmp", "../etc/passwd", 13, &out, &why), MF_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_of_a_kind),
        cmocka_unit_test(what_is_ours_is_asked_of_the_kernel),
        cmocka_unit_test(urls_are_written_in_one_way),
        cmocka_unit_test(what_may_be_read_in_two_ways_is_no_url),
        cmocka_unit_test(entries_allow_what_they_name),
        cmocka_unit_test(a_reach_is_of_addresses),
        cmocka_unit_test(a_name_that_leads_inside_is_stopped_at_its_address),
        cmocka_unit_test(secrets_take_their_places),
        cmocka_unit_test(a_value_with_its_secrets_has_the_bound_of_a_header),
        cmocka_unit_test(names_of_secrets_are_no_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
