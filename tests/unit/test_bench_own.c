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
#include "image/image.h"
#include "in_scratch.h"

static void copies_answer_differently_and_always_the_same(void **state)
{
    (void)state;
    struct own_data program = {.mark = OWN_MARK};
    struct own_image own;
    write_file("program", &program, sizeof program);
    assert_int_equal(own_image_open(&own, in_scratch("program"), NULL), MF_OK);
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
    struct own_data data;
    write_file("program", &program, sizeof program);
    assert_int_equal(own_image_open(&own, in_scratch("program"), NULL), MF_OK);
    assert_int_equal(own_image_write(&own, 3, in_scratch("copy"), NULL), MF_OK);
    assert_int_equal(access(in_scratch("copy"), X_OK), 0);
    struct mf_buf written = read_file("copy");
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
        struct image image;
        assert_int_equal(own_image_write(&own, copy, in_scratch("copy.mf"), NULL), MF_OK);
        struct mf_buf written = read_file("copy.mf");
        assert_int_equal(image_parse(written.data, written.bytes, &image, NULL), MF_OK);
        assert_int_equal(image_verify_hash(written.data, written.bytes, &image, NULL), MF_OK);
        memcpy(seen[copy], image.info.hash, sizeof seen[copy]);
        mf_buf_close(&written);
    }
    assert_memory_not_equal(seen[0], seen[1], sizeof seen[0]);
    own_image_close(&own);
}

/* As an image has them whose root file system has the program, too. */
static void both_places_get_the_same_data(void **state)
{
    (void)state;
    const struct own_data twice[OWN_PLACES_MAX] = {{.mark = OWN_MARK}, {.mark = OWN_MARK}};
    struct own_image own;
    struct own_data data;
    write_file("twice", twice, sizeof twice);
    assert_int_equal(own_image_open(&own, in_scratch("twice"), NULL), MF_OK);
    assert_int_equal(own_image_write(&own, 5, in_scratch("copy"), NULL), MF_OK);
    struct mf_buf written = read_file("copy");
    own_image_data(&own, 5, &data);
    assert_int_equal(written.bytes, sizeof twice);
    for (size_t i = 0; i < OWN_PLACES_MAX; i++)
        assert_memory_equal(written.data + i * sizeof data, &data, sizeof data);
    mf_buf_close(&written);
    own_image_close(&own);
}

static void a_program_without_a_place_for_data_is_refused(void **state)
{
    (void)state;
    const struct own_data many[OWN_PLACES_MAX + 1] = {{.mark = OWN_MARK}, {.mark = OWN_MARK}, {.mark = OWN_MARK}};
    struct own_image own;
    write_file("none", "nothing", 7);
    write_file("many", many, sizeof many);
    write_file("short", many, sizeof many[0] - 1);
    assert_int_equal(own_image_open(&own, in_scratch("none"), NULL), MF_EFORMAT);
    assert_int_equal(own_image_open(&own, in_scratch("many"), NULL), MF_EFORMAT);
    assert_int_equal(own_image_open(&own, in_scratch("short"), NULL), MF_EFORMAT);
}

static void a_process_that_maps_a_file_of_the_folder_is_found(void **state)
{
    (void)state;
    struct residents residents = {0};
    struct mf_why why = {{0}};
    char page[4096] = "page";
    int pipe_fds[2];
    write_file("resident", page, sizeof page);
    assert_int_equal(residents_list(&residents, scratch_of_test.path), MF_OK);
    assert_int_equal(residents_find(&residents, getpid(), &why), MF_OK);
    assert_int_equal(pipe(pipe_fds), 0);
    FILE *file = fopen(in_scratch("resident"), "re");
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
        cmocka_unit_test(both_places_get_the_same_data),
        cmocka_unit_test(a_program_without_a_place_for_data_is_refused),
        cmocka_unit_test(a_process_that_maps_a_file_of_the_folder_is_found),
    };
    return cmocka_run_group_tests(tests, open_scratch, close_scratch);
}
