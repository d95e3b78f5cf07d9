/* test_sdk_reply.c: what a handler may say, and what happens when it says something else. The
 * reply is read back from standard output, where a function run by hand prints it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sdk/event.h"
#include "sdk/local.h"
#include "sdk/reply.h"

static struct mayfly_reply reply;
static int saved_stdout;
static FILE *taken;

static int take_output(void **state)
{
    (void)state;
    fflush(stdout);
    saved_stdout = dup(STDOUT_FILENO);
    taken = tmpfile();
    assert_non_null(taken);
    assert_true(dup2(fileno(taken), STDOUT_FILENO) >= 0);
    reply_open(&reply);
    return 0;
}

/* What was printed so far; the caller frees it. */
static char *output(size_t *bytes)
{
    fflush(stdout);
    off_t end = lseek(fileno(taken), 0, SEEK_END);
    char *text = calloc(1, (size_t)end + 1);
    assert_int_equal(pread(fileno(taken), text, (size_t)end, 0), end);
    *bytes = (size_t)end;
    return text;
}

static int give_output_back(void **state)
{
    (void)state;
    fflush(stdout);
    assert_true(dup2(saved_stdout, STDOUT_FILENO) >= 0);
    close(saved_stdout);
    fclose(taken);
    return 0;
}

static void expect(const char *text)
{
    size_t bytes;
    char *printed = output(&bytes);
    assert_string_equal(printed, text);
    free(printed);
}

/* The first call finds out that this is no library OS. */
static void learn_where_we_are(void)
{
    mayfly_log(MAYFLY_DEBUG, "a reply is tested");
}

static void an_answer_is_printed_at_the_end(void **state)
{
    (void)state;
    mayfly_answer(&reply, 201, "text/plain", "n=%d", 7);
    mayfly_puts(&reply, ", more");
    expect("");
    reply_end(&reply);
    assert_false(reply.fault_bytes);
    expect("n=7, more");
}

static void a_large_body_leaves_in_pieces_and_whole(void **state)
{
    (void)state;
    static char piece[5000];
    size_t wrote = 0, bytes;
    for (int i = 0; i < 40; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        mayfly_write(&reply, piece, sizeof piece);
        wrote += sizeof piece;
    }
    assert_true(reply.begun);
    char *all = output(&bytes);
    assert_true(bytes > 0 && bytes < wrote);
    free(all);
    reply_end(&reply);
    all = output(&bytes);
    assert_int_equal(bytes, wrote);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(all[i], 'a' + (int)(i / sizeof piece % 26));
    free(all);
}

static void a_printf_past_the_buffer_is_whole(void **state)
{
    (void)state;
    static char longer[3 * REPLY_BUFFER_BYTES];
    size_t bytes;
    memset(longer, 'x', sizeof longer - 1);
    mayfly_puts(&reply, "<");
    mayfly_printf(&reply, "%s>", longer);
    reply_end(&reply);
    char *all = output(&bytes);
    assert_int_equal(bytes, sizeof longer + 1);
    assert_int_equal(all[bytes - 1], '>');
    free(all);
}

static void head_after_the_body_began_fails_the_event(void **state)
{
    (void)state;
    static char piece[REPLY_BUFFER_BYTES + 1];
    mayfly_write(&reply, piece, sizeof piece);
    mayfly_set_status(&reply, 500);
    assert_non_null(strstr(reply.fault, "mayfly_set_status"));
    reply_end(&reply);
}

static void a_bad_header_fails_the_event_and_names_it(void **state)
{
    (void)state;
    mayfly_add_header(&reply, "x y", "1");
    mayfly_add_header(&reply, "also\n", "2");
    mayfly_puts(&reply, "never seen");
    reply_end(&reply);
    assert_non_null(strstr(reply.fault, "\"x y\""));
    expect("");
}

static void a_status_out_of_range_fails_the_event(void **state)
{
    (void)state;
    static const unsigned bad[] = {0, 100, 199, 600, 1000000};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reply_open(&reply);
        mayfly_set_status(&reply, bad[i]);
        assert_true(reply.fault_bytes > 0);
    }
    reply_open(&reply);
    mayfly_set_status(&reply, 200);
    mayfly_set_status(&reply, 599);
    assert_int_equal(reply.fault_bytes, 0);
}

static void a_body_past_the_limit_fails_the_event(void **state)
{
    (void)state;
    static char piece[1u << 20];
    for (int i = 0; i < 6; i++)
        mayfly_write(&reply, piece, sizeof piece);
    assert_int_equal(reply.fault_bytes, 0);
    mayfly_write(&reply, piece, 1);
    assert_non_null(strstr(reply.fault, "6 MiB"));
    reply_end(&reply);
}

static void failing_replaces_what_was_not_sent(void **state)
{
    (void)state;
    mayfly_puts(&reply, "half");
    mayfly_fail(&reply, "no %s", "disk");
    mayfly_fail(&reply, "the first one counts");
    reply_end(&reply);
    assert_string_equal(reply.fault, "no disk");
    expect("");
}

static void a_message_without_words_gets_some(void **state)
{
    (void)state;
    mayfly_fail(&reply, "%s", "");
    assert_true(reply.fault_bytes > 0);
}

static void a_message_too_long_is_cut(void **state)
{
    (void)state;
    static char longer[2 * MF_ERROR_BYTES_MAX];
    memset(longer, 'x', sizeof longer - 1);
    mayfly_fail(&reply, "%s", longer);
    assert_int_equal(reply.fault_bytes, MF_ERROR_BYTES_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, take_output, give_output_back)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_printed_at_the_end),
        TEST(a_large_body_leaves_in_pieces_and_whole),
        TEST(a_printf_past_the_buffer_is_whole),
        TEST(head_after_the_body_began_fails_the_event),
        TEST(a_bad_header_fails_the_event_and_names_it),
        TEST(a_status_out_of_range_fails_the_event),
        TEST(a_body_past_the_limit_fails_the_event),
        TEST(failing_replaces_what_was_not_sent),
        TEST(a_message_without_words_gets_some),
        TEST(a_message_too_long_is_cut),
    };
    learn_where_we_are();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
