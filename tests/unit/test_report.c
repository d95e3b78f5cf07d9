/* test_report.c: a guest's words made fit for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "node/instance/report.h"

static void assert_becomes(const char *text, size_t bytes, const char *expected)
{
    struct mf_buf out = {0};
    assert_int_equal(report_add(&out, text, bytes, NULL), MF_OK);
    assert_string_equal(out.data ? (char *)out.data : "", expected);
    mf_buf_close(&out);
}

static void plain_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_becomes("", 0, "");
    assert_becomes("a line\tof ünïcode\n", 20, "a line\tof ünïcode\n");
}

static void control_characters_are_shown_not_obeyed(void **state)
{
    (void)state;
    assert_becomes("\x1b[31mred\x7f", 9, "\\x1b[31mred\\x7f");
    assert_becomes("a\0b", 3, "a\\x00b");
    assert_becomes("\r", 1, "\\x0d");
    assert_becomes("\xc2\x9b" "31m", 5, "\\xc2\x9b" "31m"); /* CSI as UTF-8: broken up */
    assert_becomes("\xc2", 1, "\xc2");
}

static void addresses_without_an_image_stay_plain(void **state)
{
    (void)state;
    assert_becomes("rip=0x401000 0x 0xg", 19, "rip=0x401000 0x 0xg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(control_characters_are_shown_not_obeyed),
        cmocka_unit_test(addresses_without_an_image_stay_plain),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
