/* test_base.c: errors, buffers, log lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

static void every_code_has_words(void **state)
{
    (void)state;
#define CHECK(nr, NAME, words) assert_string_equal(mf_err_words(MF_##NAME), words);
    MF_ERRORS(CHECK)
#undef CHECK
    assert_string_equal(mf_err_words(MF_OK), "no error");
}

static void errno_maps_to_the_nearest_code(void **state)
{
    (void)state;
    assert_int_equal(mf_err_from_errno(ENOENT), MF_ENOENT);
    assert_int_equal(mf_err_from_errno(ENOSPC), MF_EFULL);
    assert_int_equal(mf_err_from_errno(EXDEV), MF_EIO);
}

static void why_is_cut_at_its_end(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    char longer[MF_WHY_BYTES * 2];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(mf_why(&why, MF_EFORMAT, "%s", longer), MF_EFORMAT);
    assert_int_equal(strlen(why.text), MF_WHY_BYTES - 1);
}

static void why_without_text_gives_the_codes_words(void **state)
{
    (void)state;
    struct mf_why why = {{0}};
    assert_string_equal(mf_why_text(&why, MF_EFULL), mf_err_words(MF_EFULL));
    assert_string_equal(mf_why_text(NULL, MF_EFULL), mf_err_words(MF_EFULL));
}

static void buf_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct mf_buf buf = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(mf_buf_printf(&buf, "%03d", i), MF_OK);
    assert_int_equal(buf.bytes, 3000);
    assert_int_equal(buf.data[3000], 0);
    assert_memory_equal(buf.data + 2997, "999", 3);
    mf_buf_drop(&buf, 2997);
    assert_string_equal((char *)buf.data, "999");
    mf_buf_drop(&buf, 3);
    assert_int_equal(buf.bytes, 0);
    mf_buf_close(&buf);
    assert_null(buf.data);
}

static void buf_that_is_laid_out_is_given_in_steps(void **state)
{
    (void)state;
    static char part[100000];
    const size_t most = 6u << 20, step = 2u << 20;
    struct mf_buf buf = {0};
    memset(part, 'x', sizeof part);
    assert_int_equal(mf_buf_printf(&buf, "begun"), MF_OK);
    assert_int_equal(mf_buf_lay(&buf, most), MF_OK);
    assert_string_equal((char *)buf.data, "begun");
    const uint8_t *where = buf.data;
    for (size_t bytes = 5; bytes < most; bytes = buf.bytes) {
        size_t more = most - bytes < sizeof part ? most - bytes : sizeof part;
        size_t room = mf_buf_room_after(&buf, more);
        assert_true(room > bytes + more && room <= most + 1);
        assert_true(room % step == 0 || room == most + 1);
        assert_int_equal(mf_buf_add(&buf, part, more), MF_OK);
        assert_int_equal(buf.room, room);
        assert_ptr_equal(buf.data, where);
    }
    assert_int_equal(buf.bytes, most);
    assert_int_equal(buf.data[most], 0);
    assert_int_equal(mf_buf_add(&buf, part, 1), MF_OK); /* past it, as any other */
    assert_int_equal(buf.laid, 0);
    assert_true(buf.room > most + 1);
    assert_memory_equal(buf.data, "begunx", 6);
    assert_int_equal(buf.data[most], 'x');
    mf_buf_close(&buf);
    assert_int_equal(mf_buf_lay(&buf, 10), MF_OK); /* less than a step */
    assert_int_equal(buf.room, 11);
    mf_buf_close(&buf);
}

static void buf_refuses_a_size_that_overflows(void **state)
{
    (void)state;
    struct mf_buf buf = {0};
    assert_int_equal(mf_buf_add(&buf, "a", 1), MF_OK);
    assert_int_equal(mf_buf_add(&buf, "b", SIZE_MAX - 1), MF_ENOMEM);
    assert_int_equal(buf.bytes, 1);
    mf_buf_close(&buf);
}

static void buf_room_is_known_before_it_is_taken(void **state)
{
    (void)state;
    static const char piece[5000];
    struct mf_buf buf = {0};
    for (int i = 0; i < 2000; i++) {
        size_t room = mf_buf_room_after(&buf, sizeof piece);
        assert_int_equal(mf_buf_add(&buf, piece, sizeof piece), MF_OK);
        assert_int_equal(buf.room, room);
        assert_true(buf.bytes < (4u << 20) || room - buf.bytes <= buf.bytes / 4 + 1);
    }
    assert_int_equal(mf_buf_room_after(&buf, SIZE_MAX), SIZE_MAX);
    mf_buf_close(&buf);
}

static void a_log_line_stays_one_line(void **state)
{
    (void)state;
    int pipes[2], error = dup(STDERR_FILENO);
    char line[256] = "";
    assert_int_equal(pipe(pipes), 0);
    assert_true(error >= 0 && dup2(pipes[1], STDERR_FILENO) >= 0);
    mf_log(MF_LOG_ERROR, "api.failed", "path=%s", "/a\nforged\x1b[2J\x7f");
    assert_true(dup2(error, STDERR_FILENO) >= 0);
    ssize_t bytes = read(pipes[0], line, sizeof line - 1);
    assert_true(bytes > 0);
    assert_non_null(strstr(line, " error api.failed path=/a?forged?[2J?\n"));
    assert_ptr_equal(strchr(line, '\n'), line + bytes - 1);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    (void)close(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_words),
        cmocka_unit_test(errno_maps_to_the_nearest_code),
        cmocka_unit_test(why_is_cut_at_its_end),
        cmocka_unit_test(why_without_text_gives_the_codes_words),
        cmocka_unit_test(buf_grows_and_stays_terminated),
        cmocka_unit_test(a_log_line_stays_one_line),
        cmocka_unit_test(buf_that_is_laid_out_is_given_in_steps),
        cmocka_unit_test(buf_refuses_a_size_that_overflows),
        cmocka_unit_test(buf_room_is_known_before_it_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
