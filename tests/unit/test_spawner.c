/*
 * test_spawner.c: the spawner itself: what it reports, what it refuses, and that nothing stays behind
 * whoever is killed. Blanks are test_blank.c's, what confines them test_confinement.c's.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw_guest.h"

#include "abi/layout.h"

static void both_sandboxes_are_reported(void **state)
{
    (void)state;
    struct sandbox_support support;
    spawner_support(&spawner, &support);
    if (!support.usable[MF_SANDBOX_PROCESS])
        fail_msg("%s", support.why[MF_SANDBOX_PROCESS].text);
    assert_true(support.usable[MF_SANDBOX_AUTO]);
    if (!support.usable[MF_SANDBOX_KVM])
        assert_true(strlen(support.why[MF_SANDBOX_KVM].text) > 10);
}

/* Nothing stays behind. */

static int open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

static void blanks_leave_no_descriptors(void **state)
{
    (void)state;
    static struct blank blank[32];
    static char text[PROC_TEXT_MAX];
    int before = open_descriptors();
    read_proc(spawner.pid, "status", text);
    unsigned long long spawner_before = field(text, "FDSize:", 10);
    for (int round = 0; round < 8; round++) {
        for (size_t i = 0; i < 32; i++)
            spawned(&spawner, i, MF_SANDBOX_PROCESS, &blank[i]);
        for (size_t i = 0; i < 32; i++) {
            blank_close(&blank[i]);
            assert_int_equal(ended(&spawner, &blank[i]), 0);
        }
    }
    assert_int_equal(open_descriptors(), before);
    read_proc(spawner.pid, "status", text);
    assert_int_equal(field(text, "FDSize:", 10), spawner_before);
}

static void closing_the_spawner_ends_all(void **state)
{
    (void)state;
    struct spawner own;
    struct blank unstarted, running;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    int first = pidfd(unstarted.pid), second = pidfd(running.pid);
    spawner_close(&own);
    assert_true(gone(first) && gone(second));
    blank_close(&unstarted);
    blank_close(&running);
    (void)close(first);
    (void)close(second);
}

static void a_killed_spawner_takes_all_along(void **state)
{
    (void)state;
    struct spawner own;
    struct blank unstarted, running;
    struct mf_spawn_packet packet;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    int first = pidfd(unstarted.pid), second = pidfd(running.pid);
    assert_int_equal(kill(own.pid, SIGKILL), 0);
    assert_true(gone(first) && gone(second));
    assert_true(readable(own.fd));
    assert_int_equal(spawner_read(&own, &packet), MF_EDEAD);
    spawner_close(&own);
    blank_close(&unstarted);
    blank_close(&running);
    (void)close(first);
    (void)close(second);
}

/* In a child, a node with a spawner, a blank and a guest; tells their pids. */
_Noreturn static void be_a_node(int report)
{
    struct spawner own;
    struct blank unstarted, running;
    spawner_of_build(&own);
    spawned(&own, 1, MF_SANDBOX_PROCESS, &unstarted);
    waiting_guest(&own, 2, &running);
    const pid_t pids[3] = {own.pid, unstarted.pid, running.pid};
    (void)!write(report, pids, sizeof pids);
    for (;;)
        (void)pause();
}

static void a_killed_node_takes_all_along(void **state)
{
    (void)state;
    int pipe_fd[2], fd[3];
    pid_t pids[3];
    assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
    pid_t node = fork();
    assert_true(node >= 0);
    if (node == 0)
        be_a_node(pipe_fd[1]);
    (void)close(pipe_fd[1]);
    assert_true(readable(pipe_fd[0]));
    assert_int_equal(read(pipe_fd[0], pids, sizeof pids), sizeof pids);
    for (int i = 0; i < 3; i++)
        fd[i] = pidfd(pids[i]);
    assert_int_equal(kill(node, SIGKILL), 0);
    assert_int_equal(waitpid(node, NULL, 0), node);
    for (int i = 0; i < 3; i++) {
        assert_true(gone(fd[i]));
        (void)close(fd[i]);
    }
    (void)close(pipe_fd[0]);
}

static void nonsense_ends_the_spawner_and_all_with_it(void **state)
{
    (void)state;
    static const struct mf_spawn_packet no_magic = {.type = MF_KILL},
                                        no_fds = {.magic = MF_SPAWN_MAGIC, .type = MF_SPAWN},
                                        no_type = {.magic = MF_SPAWN_MAGIC, .type = 99};
    const struct mf_spawn_packet *const nonsense[] = {&no_magic, &no_fds, &no_type};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        struct spawner own;
        struct blank blank;
        spawner_of_build(&own);
        waiting_guest(&own, 1, &blank);
        int fd = pidfd(blank.pid);
        assert_int_equal(send(own.fd, nonsense[i], sizeof **nonsense, 0), sizeof **nonsense);
        assert_true(gone(fd));
        (void)close(fd);
        spawner_close(&own);
        blank_close(&blank);
    }
}

static void an_unknown_sandbox_is_a_failed_spawn(void **state)
{
    (void)state;
    struct blank blank;
    struct mf_why why = {{0}};
    struct mf_spawn_packet packet;
    assert_int_equal(blank_open(&spawner, 12, (enum mf_sandbox)7, NULL, &blank, &why), MF_OK);
    next_packet(&spawner, &packet);
    assert_int_equal(packet.type, MF_SPAWN_FAILED);
    assert_int_equal(packet.id, 12);
    assert_non_null(strstr(packet.why.text, "sandbox"));
    blank_close(&blank);
}

static void a_blank_for_an_impossible_window_is_a_failed_spawn(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {MF_WINDOW_MIN - MF_WINDOW_STEP, MF_WINDOW_MAX + MF_WINDOW_STEP};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct blank blank;
        struct mf_why why = {{0}};
        struct mf_spawn_packet packet;
        const struct blank_fit fit = {.window_bytes = sizes[i]};
        assert_int_equal(blank_open(&spawner, 13, MF_SANDBOX_PROCESS, &fit, &blank, &why), MF_OK);
        next_packet(&spawner, &packet);
        assert_int_equal(packet.type, MF_SPAWN_FAILED);
        assert_non_null(strstr(packet.why.text, "MiB"));
        blank_close(&blank);
    }
}

static void a_spawner_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct spawner none;
    struct mf_why why = {{0}};
    assert_int_equal(spawner_open("/nowhere/mayfly-spawner", &none, &why), MF_ENOENT);
    assert_non_null(strstr(why.text, "/nowhere/mayfly-spawner"));
    assert_int_equal(none.fd, -1);
}

static void a_program_that_is_no_spawner_is_an_error(void **state)
{
    (void)state;
    struct spawner none;
    struct mf_why why = {{0}};
    assert_int_equal(spawner_open("/bin/true", &none, &why), MF_EDEAD);
}

static void copy_file(const char *from, const char *to)
{
    char block[4096];
    ssize_t got;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, block, sizeof block)) > 0)
        assert_int_equal(write(out, block, (size_t)got), got);
    (void)close(in);
    (void)close(out);
}

/* A user namespace may not be made in a chroot: the spawner must say so, not run. */
static void a_refused_namespace_is_a_refusal(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can chroot */
    char root[] = "/tmp/mayfly-chroot-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(mkdir("dev", 0700), 0);
    copy_file("/dev/null", "dev/null"); /* an empty file will do */
    copy_file(MF_SPAWNER_PATH, "mayfly-spawner");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct spawner own;
        struct mf_why why = {{0}};
        if (chroot(root) != 0 || spawner_open("/mayfly-spawner", &own, &why) != MF_EDENIED)
            _exit(1);
        _exit(strstr(why.text, "chroot") ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(unlink("mayfly-spawner") | unlink("dev/null") | rmdir("dev"), 0);
    assert_int_equal(chdir("/") | rmdir(root), 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sandboxes_are_reported),
        cmocka_unit_test(blanks_leave_no_descriptors),
        cmocka_unit_test(closing_the_spawner_ends_all),
        cmocka_unit_test(a_killed_spawner_takes_all_along),
        cmocka_unit_test(a_killed_node_takes_all_along),
        cmocka_unit_test(nonsense_ends_the_spawner_and_all_with_it),
        cmocka_unit_test(an_unknown_sandbox_is_a_failed_spawn),
        cmocka_unit_test(a_blank_for_an_impossible_window_is_a_failed_spawn),
        cmocka_unit_test(a_spawner_that_is_not_there_is_an_error),
        cmocka_unit_test(a_program_that_is_no_spawner_is_an_error),
        cmocka_unit_test(a_refused_namespace_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, open_spawner, close_spawner);
}
