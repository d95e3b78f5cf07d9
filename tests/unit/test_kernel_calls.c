/*
 * test_kernel_calls.c: kernel/README.md lists the system calls as the kernel's table
 * has them. With the argument `print` it writes the list as it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "kernel/linux/call.h"

static const char begin[] = "<!-- calls: begin -->\n", end[] = "<!-- calls: end -->\n";

static const struct {
    const char *name, *how, *remark;
    unsigned number;
} call[] = {
#define CALL(name, how, remark) {#name, #how, remark, LINUX_NR_##name},
    KERNEL_CALLS(CALL)
#undef CALL
};
#define CALLS (sizeof call / sizeof call[0])

static struct mf_buf list_of_calls(void)
{
    struct mf_buf list = {0};
    assert_int_equal(mf_buf_printf(&list, "| call | how far | remark |\n|---|---|---|\n"), MF_OK);
    for (size_t i = 0; i < CALLS; i++)
        assert_int_equal(mf_buf_printf(&list, "| %s | %s | %s |\n", call[i].name, call[i].how,
                                       call[i].remark),
                         MF_OK);
    return list;
}

static void readme_lists_the_table(void **state)
{
    static char text[65536];
    (void)state;
    FILE *file = fopen(KERNEL_README, "r");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[bytes] = 0;
    char *from = strstr(text, begin);
    assert_non_null(from);
    from += strlen(begin);
    char *to = strstr(from, end);
    assert_non_null(to);
    *to = 0;
    struct mf_buf list = list_of_calls();
    assert_string_equal(from, (const char *)list.data);
    mf_buf_close(&list);
}

static void each_call_stands_there_once(void **state)
{
    static bool seen[LINUX_NR_END];
    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        assert_false(seen[call[i].number]);
        seen[call[i].number] = true;
    }
}

static void partial_and_refused_calls_say_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        bool done = strcmp(call[i].how, "done") == 0;
        assert_true(done || strcmp(call[i].how, "partial") == 0 ||
                    strcmp(call[i].how, "refused") == 0);
        assert_true(done || call[i].remark[0]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readme_lists_the_table),
        cmocka_unit_test(each_call_stands_there_once),
        cmocka_unit_test(partial_and_refused_calls_say_why),
    };
    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        struct mf_buf list = list_of_calls();
        fputs((const char *)list.data, stdout);
        mf_buf_close(&list);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
