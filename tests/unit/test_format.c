/* test_format.c: the trampoline's sentences are the C library's. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/process/trampoline/format.h"

__attribute__((format(printf, 1, 2))) static void same(const char *format, ...)
{
    char ours[64], theirs[64];
    va_list list;
    for (size_t room = 0; room <= sizeof ours; room += room < 8 ? 1 : 28) {
        memset(ours, 'x', sizeof ours);
        memset(theirs, 'x', sizeof theirs);
        va_start(list, format);
        int bytes = format_into(ours, room, format, list);
        va_end(list);
        va_start(list, format);
        assert_int_equal(bytes, vsnprintf(theirs, room, format, list));
        va_end(list);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

static void sentences_are_the_c_librarys(void **state)
{
    (void)state;
    same("nothing to put in, 100%%");
    same("%s and %s", "one", "");
    same("%d %d %d", 0, -7, INT32_MIN);
    same("%u %x 0x%x", UINT32_MAX, UINT32_MAX, 0u);
    same("%zu of 0x%zx", SIZE_MAX, SIZE_MAX);
    same("%llu 0x%llx", 18446744073709551615ull, 0x123456789abcdefull);
    same("%" PRIu64 " 0x%" PRIx64 " %" PRIu32, UINT64_MAX, UINT64_MAX, 5u);
    same("%lu %ld", 1ul << 40, -(1l << 40));
    same("%s: a sentence that is longer than what there is room for, so that it is cut", "snapshot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_are_the_c_librarys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
