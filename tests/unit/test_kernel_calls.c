/*
 * test_kernel_calls.c: kernel/README.md and docs/LINUX.md list the system calls as the
 * kernels' lists have them. With the argument `kernel` or `linux` it writes the list as it
 * should be.
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
#include "kernel/linux/calls_linux.h"
#include "kernel/linux/calls_one.h"

static const char begin[] = "<!-- calls: begin -->\n", end[] = "<!-- calls: end -->\n";

struct call {
    const char *name, *how, *remark;
    unsigned number;
};
#define CALL(name, how, remark) {#name, #how, remark, LINUX_NR_##name},
static const struct call kernel_call[] = {KERNEL_CALLS(CALL)};
static const struct call linux_call_of[] = {LINUX_CALLS(CALL)};
#undef CALL

static const struct list {
    const struct call *call;
    size_t count;
    const char *page;
} lists[] = {
    {kernel_call, sizeof kernel_call / sizeof *kernel_call, KERNEL_README},
    {linux_call_of, sizeof linux_call_of / sizeof *linux_call_of, LINUX_PAGE},
};
#define LISTS (sizeof lists / sizeof lists[0])

static struct mf_buf text_of(const struct list *list)
{
    struct mf_buf text = {0};
    assert_int_equal(mf_buf_printf(&text, "| call | how far | remark |\n|---|---|---|\n"), MF_OK);
    for (size_t i = 0; i < list->count; i++)
        assert_int_equal(mf_buf_printf(&text, "| %s | %s | %s |\n", list->call[i].name,
                                       list->call[i].how, list->call[i].remark),
                         MF_OK);
    return text;
}

static void pages_list_the_tables(void **state)
{
    static char text[1 << 20];
    (void)state;
    for (size_t i = 0; i < LISTS; i++) {
        FILE *file = fopen(lists[i].page, "r");
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
        struct mf_buf should = text_of(&lists[i]);
        assert_string_equal(from, (const char *)should.data);
        mf_buf_close(&should);
    }
}

static void each_call_stands_there_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < LISTS; i++) {
        bool seen[LINUX_NR_END] = {0};
        for (size_t k = 0; k < lists[i].count; k++) {
            assert_false(seen[lists[i].call[k].number]);
            seen[lists[i].call[k].number] = true;
        }
    }
}

static void partial_and_refused_calls_say_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < LISTS; i++)
        for (size_t k = 0; k < lists[i].count; k++) {
            const struct call *call = &lists[i].call[k];
            bool done = strcmp(call->how, "done") == 0;
            assert_true(done || strcmp(call->how, "partial") == 0 ||
                        strcmp(call->how, "refused") == 0);
            assert_true(done || call->remark[0]);
        }
}

/* What a C function may call, any Linux program may. */
static void the_larger_kernel_serves_all_that_the_other_does(void **state)
{
    bool served[LINUX_NR_END] = {0};
    (void)state;
    for (size_t k = 0; k < lists[1].count; k++)
        served[lists[1].call[k].number] = true;
    for (size_t k = 0; k < lists[0].count; k++)
        assert_true(served[lists[0].call[k].number]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_list_the_tables),
        cmocka_unit_test(each_call_stands_there_once),
        cmocka_unit_test(partial_and_refused_calls_say_why),
        cmocka_unit_test(the_larger_kernel_serves_all_that_the_other_does),
    };
    if (argc > 1) {
        struct mf_buf list = text_of(&lists[strcmp(argv[1], "linux") == 0]);
        fputs((const char *)list.data, stdout);
        mf_buf_close(&list);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
