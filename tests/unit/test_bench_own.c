/* test_bench_own.c: that a cold start cannot be fooled: copies of a program, each with data
 * of its own, and whether anybody maps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/bench.h"
#include "bench/child.h"
#include "bench/own_image.h"
#include "bench/residents.h"
#include "bench/scratch.h"
#include "image/image.h"
#include "image/pack.h"

static struct scratch folder;

static const char *in_folder(const char *name)
{
    static char path[SCRATCH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/%s", folder.path, name);
    return path;
}

static void write_text(const char *name, const void *data, size_t bytes)
{
    struct mf_buf content = {0};
    assert_int_equal(mf_buf_add(&content, data, bytes), MF_OK);
    assert_int_equal(pack_write_file(in_folder(name), &content, NULL), MF_OK);
    mf_buf_close(&content);
}

static int open_folder(void **state)
{
    (void)state;
    return scratch_open(&folder, NULL);
}

static int close_folder(void **state)
{
    (void)state;
    scratch_close(&folder);
    return 0;
}

static void copies_answer_differently_and_always_the_same(void **state)
{
    (void)state;
    struct own_data program = {.mark = OWN_MARK};
    struct own_image own;
    write_text("program", &program, sizeof program);
    assert_int_equal(own_image_open(&own, in_folder("program"), NULL), MF_OK);
    assert_true(own_image_answer(&own, 1, 7) == own_image_answer(&own, 1, 7));
    assert_true(own_image_answer(&own, 1, 7) != own_image_answer(&own, 2, 7));
    assert_true(own_image_answer(&own, 1, 7) != own_image_answer(&own, 1, 8));
    own_image_close(&own);
}

static void what_is_written_is_what_is_asked_for(void **state)
{
    (void)state;
    struct {
        char before[100];
        struct own_data own;
        char after[100];
    } program = {.before = "x", .own = {.mark = OWN_MARK}, .after = "y"};
    struct own_image own;
    struct mf_buf written = {0};
    struct own_data data;
    write_text("program", &program, sizeof program);
    assert_int_equal(own_image_open(&own, in_folder("program"), NULL), MF_OK);
    assert_int_equal(own_image_write(&own, 3, in_folder("copy"), NULL), MF_OK);
    assert_int_equal(access(in_folder("copy"), X_OK), 0);
    assert_int_equal(pack_read_file(in_folder("copy"), 1 << 20, &written, NULL), MF_OK);
    own_image_data(&own, 3, &data);
    assert_int_equal(written.bytes, sizeof program);
    assert_memory_equal(written.data + offsetof(__typeof__(program), own), &data, sizeof data);
    assert_memory_equal(written.data, program.before, sizeof program.before);
    assert_memory_equal(written.data + offsetof(__typeof__(program), after), program.after,
                        sizeof program.after);
    mf_buf_close(&written);
    own_image_close(&own);
}

static void a_copy_of_an_image_has_a_hash_of_its_own_that_holds(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct own_image own;
    uint8_t seen[2][MF_IMAGE_HASH_BYTES];
    assert_true(beside_us(BENCH_DISTINCT_IMAGE, path));
    assert_int_equal(own_image_open(&own, path, NULL), MF_OK);
    for (uint32_t copy = 0; copy < 2; copy++) {
        struct mf_buf written = {0};
        struct image image;
        assert_int_equal(own_image_write(&own, copy, in_folder("copy.mf"), NULL), MF_OK);
        assert_int_equal(pack_read_file(in_folder("copy.mf"), MF_IMAGE_BYTES_MAX, &written, NULL),
                         MF_OK);
        assert_int_equal(image_parse(written.data, written.bytes, &image, NULL), MF_OK);
        assert_int_equal(image_verify_hash(written.data, written.bytes, &image, NULL), MF_OK);
        memcpy(seen[copy], image.info.hash, sizeof seen[copy]);
        mf_buf_close(&written);
    }
    assert_memory_not_equal(seen[0], seen[1], sizeof seen[0]);
    own_image_close(&own);
}

static void a_program_without_one_place_for_data_is_refused(void **state)
{
    (void)state;
    struct own_data twice[2] = {{.mark = OWN_MARK}, {.mark = OWN_MARK}};
    struct own_image own;
    write_text("none", "nothing", 7);
    write_text("twice", twice, sizeof twice);
    write_text("short", twice, sizeof twice[0] - 1);
    assert_int_equal(own_image_open(&own, in_folder("none"), NULL), MF_EFORMAT);
    assert_int_equal(own_image_open(&own, in_folder("twice"), NULL), MF_EFORMAT);
    assert_int_equal(own_image_open(&own, in_folder("short"), NULL), MF_EFORMAT);
}

static void a_process_that_maps_a_file_of_the_folder_is_found(void **state)
{
    (void)state;
    struct residents residents = {0};
    struct mf_why why = {{0}};
    char page[4096] = "page";
    int pipe_fds[2];
    write_text("resident", page, sizeof page);
    assert_int_equal(residents_list(&residents, folder.path), MF_OK);
    assert_int_equal(residents_find(&residents, getpid(), &why), MF_OK);
    assert_int_equal(pipe(pipe_fds), 0);
    FILE *file = fopen(in_folder("resident"), "re");
    assert_non_null(file);
    pid_t child = fork();
    if (child == 0) {
        (void)mmap(NULL, sizeof page, PROT_READ, MAP_PRIVATE, fileno(file), 0);
        (void)!write(pipe_fds[1], "m", 1);
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(read(pipe_fds[0], page, 1), 1);
    assert_int_equal(residents_find(&residents, getpid(), &why), MF_EEXIST);
    assert_non_null(strstr(why.text, "resident"));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    fclose(file);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    residents_close(&residents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_answer_differently_and_always_the_same),
        cmocka_unit_test(what_is_written_is_what_is_asked_for),
        cmocka_unit_test(a_copy_of_an_image_has_a_hash_of_its_own_that_holds),
        cmocka_unit_test(a_program_without_one_place_for_data_is_refused),
        cmocka_unit_test(a_process_that_maps_a_file_of_the_folder_is_found),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
