/* test_kernel_secret.c: secrets as files. */
#include <asm/fcntl.h>
#include <errno.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "abi/operation.h"
#include "kernel/fs/open.h"
#include "kernel/fs/secret.h"
#include "file_stubs.h"
#include "tree_rig.h"

static void secrets_are_asked_for_when_they_are_opened(void **state)
{
    (void)state;
    stub_secret = "sesame";
    expect_text(SECRET_PATH "/db", "sesame");
    expect_text("/run/secrets/db", "sesame");
    assert_int_equal(stub_wiped, stub_asked);
    stub_secret = "longer, now";
    assert_int_equal(stat_of("/run/secrets/db").bytes, strlen("longer, now"));
    assert_int_equal(stat_of(SECRET_PATH "/db").mode, S_IFREG | 0400);
    assert_string_equal(path_of("/run/secrets"), SECRET_PATH);
    assert_string_equal(path_of("/run/secrets/.."), "/var/openfaas");
    assert_string_equal(path_of("/var"), "/var");
    assert_string_equal(names_of("/var"), "openfaas ");
    assert_string_equal(names_of("/run"), "secrets ");
    assert_string_equal(names_of(SECRET_PATH), "");
    assert_int_equal(tree_make(SECRET_PATH "/new/x", S_IFREG | 0644, NULL), -ENOTDIR);
    stub_secret_error = MF_RESULT_NOT_FOUND;
    assert_int_equal(tree_make(SECRET_PATH "/new", S_IFREG | 0644, NULL), -EROFS);
    stub_secret_error = MF_RESULT_OK;
}

static void secrets_that_are_none_say_why(void **state)
{
    static const struct {
        uint32_t error;
        int expected;
    } answer[] = {{MF_RESULT_NOT_FOUND, -ENOENT}, {MF_RESULT_INVALID, -ENOENT},
                  {MF_RESULT_DENIED, -EACCES},    {MF_RESULT_TOO_LARGE, -EFBIG},
                  {MF_RESULT_UNAVAILABLE, -EIO},  {99, -EIO}};
    char name[sizeof SECRET_PATH + 1 + NAME_BYTES_MAX] = SECRET_PATH "/";
    (void)state;
    for (size_t i = 0; i < sizeof answer / sizeof answer[0]; i++) {
        stub_secret = "in words";
        stub_secret_error = answer[i].error;
        expect_error(SECRET_PATH "/none", 0, answer[i].expected);
        assert_string_equal(stub_said, "secret none: in words");
    }
    stub_secret_error = MF_RESULT_OK;
    stub_secret = NULL;
    expect_error(SECRET_PATH "/db", 0, -ENOENT);
    assert_non_null(strstr(stub_said, "secret db: asked for while no event"));
    unsigned asked = stub_asked;
    memset(name + strlen(name), 'n', SECRET_NAME_BYTES_MAX + 1);
    expect_error(name, 0, -ENOENT);
    assert_int_equal(stub_asked, asked); /* it can be none */
}

static void a_secret_that_is_closed_is_nowhere(void **state)
{
    (void)state;
    stub_secret = "sesame";
    size_t before = stub_heap_used;
    struct file *file = open_file(SECRET_PATH "/db", O_RDONLY);
    const char *content = open_opened(file)->content;
    assert_memory_equal(content, "sesame", 6);
    stub_watched = content;
    file_put(file);
    assert_true(stub_watched_was_wiped);
    assert_int_equal(stub_heap_used, before);
    size_t most = stub_heap_max;
    struct walked walked;
    assert_int_equal(tree_walk(SECRET_PATH "/db", 0, &walked), 0);
    stub_heap_max = stub_heap_used + sizeof(struct opened) + 4;
    assert_int_equal(open_place(&walked.place, &walked.folder, (struct name){"db", 2}, O_RDONLY, &file),
                     -ENOMEM);
    stub_heap_max = most;
    for (unsigned i = 0; i < SECRETS_MAX + 1; i++) {
        char name[64];
        stub_secret = "x";
        (void)snprintf(name, sizeof name, SECRET_PATH "/s%u", i);
        int error = tree_walk(name, 0, &walked);
        assert_true(error == 0 || (error == -ENOMEM && i >= SECRETS_MAX - 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_asked_for_when_they_are_opened),
        cmocka_unit_test(secrets_that_are_none_say_why),
        cmocka_unit_test(a_secret_that_is_closed_is_nowhere),
    };
    return cmocka_run_group_tests(tests, tree_open, NULL);
}
