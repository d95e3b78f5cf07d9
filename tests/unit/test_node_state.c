/* test_node_state.c: the state directory: whole files or none, one owner, clear errors. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/functions/sandbox_choice.h"
#include "node/functions/state_dir.h"
#include "image/settings.h"

static char folder[] = "/tmp/mf-state-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/a/b", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
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
    assert_int_equal(chmod(folder, 0755), 0);
    (void)snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(mkdir(other, 0755), 0);
    assert_int_equal(state_dir_open(folder, &dir, &why), MF_EEXIST);
    assert_non_null(strstr(why.text, "other things"));
    assert_int_equal(stat(folder, &stat_of), 0);
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

static bool write_text(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* In a user namespace of one's own one is nobody, and may make no file, until the maps
 * are written (user_namespaces(7)). */
static bool be_root_of_the_namespace(uid_t uid, gid_t gid)
{
    char uid_map[32], gid_map[32];
    (void)snprintf(uid_map, sizeof uid_map, "0 %u 1", (unsigned)uid);
    (void)snprintf(gid_map, sizeof gid_map, "0 %u 1", (unsigned)gid);
    return write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", uid_map) && write_text("/proc/self/gid_map", gid_map);
}

/* In a child with a file system of eight pages. 77: cannot be made here. */
static int on_a_full_disk(void)
{
    static char much[65536];
    struct state_dir dir;
    struct mf_why why = {{0}};
    uid_t outside = geteuid();
    gid_t group = getegid();
    if (unshare(CLONE_NEWNS | (outside ? CLONE_NEWUSER : 0)) != 0 ||
        (outside && !be_root_of_the_namespace(outside, group)) ||
        mount("none", folder, "tmpfs", 0, "size=32k") != 0)
        return 77;
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
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(on_a_full_disk());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

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
