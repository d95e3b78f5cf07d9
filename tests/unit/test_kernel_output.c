/* test_kernel_output.c: what a program prints becomes log records, of the event they belong to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "event_rig.h"
#include "kernel/event/output.h"

static void print(enum output_stream stream, const char *text)
{
    assert_int_equal(output_write(stream, (uint64_t)(uintptr_t)text, strlen(text)), 0);
}

static void output_becomes_lines_of_the_event_they_belong_to(void **state)
{
    (void)state;
    print(OUTPUT_STDOUT, "start\n\nand");
    print(OUTPUT_STDOUT, " on");
    take_all();
    assert_int_equal(got.logs, 1);
    assert_string_equal(got.log[0], "start");
    assert_int_equal(got.log_id[0], 0);
    invoke(9, "a");
    assert_int_equal(next(100), 0);
    print(OUTPUT_STDERR, "warned");
    print(OUTPUT_STDOUT, "told\nhalf");
    struct event_data log = run_of("recorded", 8);
    assert_int_equal(output_log(MF_LOG_ERROR, &log), 0);
    print(OUTPUT_STDERR, "last");
    assert_int_equal(reply(200, NULL, 0, MF_CALL_END), 0);
    take_all();
    static const char *const expected[] = {"start", "and on", "told", "half", "warned", "recorded",
                                           "last"};
    assert_int_equal(got.logs, 7);
    for (unsigned i = 0; i < 7; i++)
        assert_string_equal(got.log[i], expected[i]);
    assert_int_equal(got.log_id[1], 0); /* begun before the event */
    assert_int_equal(got.log_id[6], 9);
    assert_int_equal(got.log_level[2], MF_LOG_INFO);
    assert_int_equal(got.log_level[4], MF_LOG_WARN);
    assert_int_equal(got.log_level[5], MF_LOG_ERROR);
    assert_int_equal(got.id, 9); /* the reply came last */
    assert_int_equal(got.replies, 1);
}

static void a_flood_of_output_waits_for_the_node(void **state)
{
    static char long_line[10000];
    (void)state;
    memset(long_line, 'x', sizeof long_line);
    long_line[sizeof long_line - 1] = '\n';
    assert_true(channel_sleep(&node));
    node_turn = node_takes;
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(
            output_write(OUTPUT_STDERR, (uint64_t)(uintptr_t)long_line, sizeof long_line), 0);
    node_takes();
    assert_int_equal(got.logs, 1500); /* 4096, 4096 and the rest of each */
    assert_true(waits > 0 && waits < 200);
}

static void the_last_words_do_not_wait(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MF_RING_SLOTS; i++) {
        print(OUTPUT_STDOUT, "line\n");
    }
    print(OUTPUT_STDOUT, "no room for this one");
    event_flush_now();
    assert_int_equal(waits, 0);
    take_all();
    assert_int_equal(got.logs, MF_RING_SLOTS);
    print(OUTPUT_STDERR, "but for this one");
    event_flush_now();
    take_all();
    assert_int_equal(got.logs, MF_RING_SLOTS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_becomes_lines_of_the_event_they_belong_to),
        TEST(a_flood_of_output_waits_for_the_node),
        TEST(the_last_words_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
