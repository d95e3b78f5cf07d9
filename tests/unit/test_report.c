/* test_report.c: a guest's words made fit for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "elf_sample.h"
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
    assert_becomes("\xc2\x9b" "31m", 5, "\\xc2\\x9b" "31m"); /* CSI as UTF-8 */
    assert_becomes("\x9b" "31m", 4, "\\x9b" "31m");            /* and of 8 bits */
    assert_becomes("\xc2", 1, "\\xc2");
    assert_becomes("\xe2\x82" "a\xff", 4, "\\xe2\\x82" "a\\xff");
    assert_becomes("\xe2\x82\xac", 3, "\xe2\x82\xac");
}

static void addresses_without_an_image_stay_plain(void **state)
{
    (void)state;
    assert_becomes("rip=0x401000 0x 0xg", 19, "rip=0x401000 0x 0xg");
}

/* Each name is a search in a table of the guest's making. */
static void only_so_many_addresses_of_a_line_get_names(void **state)
{
    (void)state;
    static const char address[] = "0x401006 ";
    struct mf_buf file = {0}, text = {0}, out = {0};
    sample_image(&file);
    struct image_file image = {.data = file.data, .bytes = file.bytes};
    assert_int_equal(image_parse(file.data, file.bytes, &image.image, NULL), MF_OK);
    for (unsigned i = 0; i < MF_LOG_NAMES_MAX + 3; i++)
        assert_int_equal(mf_buf_add(&text, address, sizeof address - 1), MF_OK);
    assert_int_equal(report_add(&out, (const char *)text.data, text.bytes, &image), MF_OK);
    unsigned names = 0;
    const char *at = (const char *)out.data;
    while ((at = strstr(at, " <_start+0x6>")) != NULL) {
        names++;
        at++;
    }
    assert_int_equal(names, MF_LOG_NAMES_MAX);
    assert_string_equal((char *)out.data + out.bytes - 18, "0x401006 0x401006 ");
    mf_buf_close(&file);
    mf_buf_close(&text);
    mf_buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(control_characters_are_shown_not_obeyed),
        cmocka_unit_test(only_so_many_addresses_of_a_line_get_names),
        cmocka_unit_test(addresses_without_an_image_stay_plain),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
