/* test_node_state.c: the state directory: whole files or none, one owner, clear errors. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/functions/sandbox_choice.h"
#include "node/functions/state_dir.h"
#include "image/settings.h"
#include "own_folder.h"

static char path[64];

static int make_folder(void **state)
{
    assert_int_equal(own_folder_make(state), 0);
    (void)snprintf(path, sizeof path, "%s/a/b", own_folder);
    return 0;
}

static void is_made_private_with_its_parts(void **state)
{
    (void)state;
    struct state_dir dir;
    struct mf_why why = {{0}};
    struct stat stat;
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    assert_int_equal(fstat(dir.dir_fd, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0700);
    for (int i = 0; i < 3; i++)
        assert_int_equal(faccessat(dir.dir_fd, (const char *[]){"images", "functions", "logs"}[i],
                                   R_OK | W_OK, 0), 0);
    state_dir_close(&dir);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    assert_int_equal(fstat(dir.dir_fd, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, 0700);
    state_dir_close(&dir);
}

/* As --state /var/lib would be. */
static void a_shared_directory_with_other_things_is_left_alone(void **state)
{
    (void)state;
    struct state_dir dir;
    struct mf_why why = {{0}};
    struct stat stat_of;
    char other[sizeof path + 8];
    assert_int_equal(chmod(own_folder, 0755), 0);
    (void)snprintf(other, sizeof other, "%s/other", own_folder);
    assert_int_equal(mkdir(other, 0755), 0);
    assert_int_equal(state_dir_open(own_folder, &dir, &why), MF_EEXIST);
    assert_non_null(strstr(why.text, "other things"));
    assert_int_equal(stat(own_folder, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0755);
    assert_int_equal(state_dir_open(other, &dir, &why), MF_OK); /* empty: may become ours */
    state_dir_close(&dir);
    assert_int_equal(stat(other, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0700);
}

static void has_one_owner_at_a_time(void **state)
{
    (void)state;
    struct state_dir one, two;
    struct mf_why why = {{0}};
    assert_int_equal(state_dir_open(path, &one, &why), MF_OK);
    assert_int_equal(state_dir_open(path, &two, &why), MF_EEXIST);
    char expect[64];
    (void)snprintf(expect, sizeof expect, "process %d", (int)getpid());
    assert_non_null(strstr(why.text, expect));
    state_dir_close(&one);
    assert_int_equal(state_dir_open(path, &two, &why), MF_OK);
    state_dir_close(&two);
}

static void files_are_replaced_whole(void **state)
{
    (void)state;
    struct state_dir dir;
    struct mf_why why = {{0}};
    struct mf_buf got = {0};
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    assert_int_equal(state_write(dir.functions_fd, "x", "first", 5, &why), MF_OK);
    assert_int_equal(state_write(dir.functions_fd, "x", "2nd", 3, &why), MF_OK);
    assert_int_equal(state_read(dir.functions_fd, "x", 100, &got, &why), MF_OK);
    assert_int_equal(got.bytes, 3);
    assert_memory_equal(got.data, "2nd", 3);
    mf_buf_close(&got);
    assert_int_equal(state_read(dir.functions_fd, "x", 2, &got, &why), MF_ETOOBIG);
    mf_buf_close(&got);
    assert_int_equal(state_read(dir.functions_fd, "y", 100, &got, &why), MF_ENOENT);
    assert_int_equal(state_remove(dir.functions_fd, "x", &why), MF_OK);
    assert_int_equal(state_remove(dir.functions_fd, "x", &why), MF_OK);
    assert_int_equal(state_read(dir.functions_fd, "x", 100, &got, &why), MF_ENOENT);
    state_dir_close(&dir);
}

static void what_a_crash_left_is_swept_away(void **state)
{
    (void)state;
    struct state_dir dir;
    struct mf_why why = {{0}};
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    int fd = openat(dir.images_fd, ".tmp-upload-1", O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    state_dir_close(&dir);
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    assert_int_equal(faccessat(dir.images_fd, ".tmp-upload-1", F_OK, 0), -1);
    state_dir_close(&dir);
}

static void a_link_in_the_place_of_a_file_is_not_followed(void **state)
{
    (void)state;
    struct state_dir dir;
    struct mf_why why = {{0}};
    struct mf_buf got = {0};
    assert_int_equal(state_dir_open(path, &dir, &why), MF_OK);
    assert_int_equal(symlinkat("/etc/hostname", dir.functions_fd, "x"), 0);
    assert_int_not_equal(state_read(dir.functions_fd, "x", 1000, &got, &why), MF_OK);
    assert_int_equal(state_write(dir.functions_fd, "x", "own", 3, &why), MF_OK); /* replaces it */
    assert_int_equal(state_read(dir.functions_fd, "x", 1000, &got, &why), MF_OK);
    mf_buf_close(&got);
    state_dir_close(&dir);
}

/* In a child with a file system of eight pages. */
static int on_a_full_disk(void)
{
    static char much[65536];
    struct state_dir dir;
    struct mf_why why = {{0}};
    if (state_dir_open(path, &dir, &why) || state_write(dir.functions_fd, "x", "good", 4, &why))
        return 1;
    struct mf_buf got = {0};
    if (state_write(dir.functions_fd, "x", much, sizeof much, &why) != MF_EFULL)
        return 2;
    if (!strstr(why.text, "disk is full"))
        return 3;
    if (state_read(dir.functions_fd, "x", 100, &got, &why) || got.bytes != 4)
        return 4;
    if (faccessat(dir.functions_fd, ".tmp-x", F_OK, 0) == 0)
        return 5;
    mf_buf_close(&got);
    state_dir_close(&dir);
    return 0;
}

static void a_full_disk_is_said_and_keeps_the_old_file(void **state)
{
    (void)state;
    own_folder_as_disk("32k", on_a_full_disk);
}

#define A MF_SANDBOX_AUTO
#define P MF_SANDBOX_PROCESS
#define K MF_SANDBOX_KVM

static void the_better_sandbox_is_chosen_and_the_reason_kept(void **state)
{
    (void)state;
    static const struct {
        bool process, kvm;
        enum mf_sandbox wanted, least, chosen; /* chosen AUTO: refused */
        const char *word;
    } expect[] = {
        {true, true, A, A, K, "/dev/kvm"},    {true, false, A, A, P, "KVM-WHY"},
        {false, true, A, A, K, "/dev/kvm"},   {false, false, A, A, A, "PROCESS-WHY"},
        {true, true, P, A, P, "asks"},        {false, true, P, A, A, "PROCESS-WHY"},
        {true, false, K, A, A, "KVM-WHY"},    {true, true, P, K, A, "--min-sandbox"},
        {true, false, A, K, A, "KVM-WHY"},    {true, true, A, K, K, "--min-sandbox"},
        {true, true, A, P, K, "/dev/kvm"},    {true, true, P, P, P, "asks"},
    };
    for (size_t i = 0; i < sizeof expect / sizeof expect[0]; i++) {
        struct sandbox_support support = {.usable = {true, expect[i].process, expect[i].kvm},
                                          .why = {{""}, {"PROCESS-WHY"}, {"KVM-WHY"}}};
        enum mf_sandbox chosen;
        struct mf_why reason = {{0}};
        mf_err err = sandbox_choose(expect[i].wanted, expect[i].least, &support, &chosen, &reason);
        assert_int_equal(chosen, expect[i].chosen);
        assert_int_equal(err == MF_OK, expect[i].chosen != A);
        if (!strstr(reason.text, expect[i].word))
            fail_msg("%zu: %s", i, reason.text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, own_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_made_private_with_its_parts),
        TEST(a_shared_directory_with_other_things_is_left_alone),
        TEST(has_one_owner_at_a_time),
        TEST(files_are_replaced_whole),
        TEST(what_a_crash_left_is_swept_away),
        TEST(a_link_in_the_place_of_a_file_is_not_followed),
        TEST(a_full_disk_is_said_and_keeps_the_old_file),
        cmocka_unit_test(the_better_sandbox_is_chosen_and_the_reason_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
