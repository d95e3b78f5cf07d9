/* test_ip_text.c: addresses as people read them: as the C library writes them, and the examples of RFC 5952. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/freestanding/ip_text.h"

static void reads(const char *address, uint16_t port, const char *expected)
{
    uint8_t bytes[IP_BYTES];
    char text[IP_TEXT_BYTES];
    assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
    ip_text(bytes, port, text);
    assert_string_equal(text, expected);
}

static void as_the_rfc_says(void **state)
{
    (void)state;
    reads("::ffff:192.0.2.1", 80, "192.0.2.1:80");
    reads("::ffff:255.255.255.255", 65535, "255.255.255.255:65535");
    reads("::ffff:0.0.0.0", 0, "0.0.0.0:0");
    reads("::", 1, "[::]:1");
    reads("::1", 80, "[::1]:80");
    reads("2001:db8::", 80, "[2001:db8::]:80");
    reads("2001:0db8:0:0:0:0:2:1", 80, "[2001:db8::2:1]:80");
    reads("2001:db8:0:1:1:1:1:1", 80, "[2001:db8:0:1:1:1:1:1]:80"); /* one group alone stays */
    reads("2001:0:0:1:0:0:0:1", 80, "[2001:0:0:1::1]:80");          /* the longest          */
    reads("2001:db8:0:0:1:0:0:1", 80, "[2001:db8::1:0:0:1]:80");    /* the first            */
    reads("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

/* Each pattern of groups that are zero, and those that are not, short and long. */
static void as_the_c_library_does(void **state)
{
    (void)state;
    for (unsigned pattern = 1; pattern < 1u << 8; pattern++) {
        uint8_t bytes[IP_BYTES] = {0};
        char host[INET6_ADDRSTRLEN], expected[64], text[IP_TEXT_BYTES];
        for (unsigned i = 0; i < 8; i++)
            if (pattern & 1u << i) {
                bytes[2 * i] = (uint8_t)(i % 3 * 0x1f);
                bytes[2 * i + 1] = (uint8_t)(0xe0 >> i | 1);
            }
        if (!(pattern & 0x3f))
            continue; /* 4 within 6, in another way */
        assert_non_null(inet_ntop(AF_INET6, bytes, host, sizeof host));
        (void)snprintf(expected, sizeof expected, "[%s]:%u", host, pattern);
        ip_text(bytes, (uint16_t)pattern, text);
        assert_string_equal(text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_rfc_says),
        cmocka_unit_test(as_the_c_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
