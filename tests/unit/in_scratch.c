/* in_scratch.c: see in_scratch.h. */
#include "in_scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "abi/image.h"
#include "image/pack.h"

struct scratch scratch_of_test;

int open_scratch(void **state)
{
    (void)state;
    return scratch_open(&scratch_of_test, NULL);
}

int close_scratch(void **state)
{
    (void)state;
    scratch_close(&scratch_of_test);
    return 0;
}

const char *in_scratch(const char *name)
{
    static char path[SCRATCH_BYTES + 32];
    int printed = snprintf(path, sizeof path, "%s/%s", scratch_of_test.path, name);
    assert_in_range(printed, 1, sizeof path - 1);
    return path;
}

void write_file(const char *name, const void *data, size_t bytes)
{
    struct mf_buf content = {0};
    assert_int_equal(mf_buf_add(&content, data, bytes), MF_OK);
    assert_int_equal(pack_write_file(in_scratch(name), &content, NULL), MF_OK);
    mf_buf_close(&content);
}

struct mf_buf read_file(const char *name)
{
    struct mf_buf content = {0};
    assert_int_equal(pack_read_file(in_scratch(name), MF_IMAGE_BYTES_MAX, &content, NULL), MF_OK);
    return content;
}
