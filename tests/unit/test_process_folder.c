/* test_process_folder.c: whose folder in /proc is opened, and what is in it after the end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/instance/process_folder.h"

static pid_t child(const char *name)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_NAME, name);
        (void)!write(ready[1], "", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void only_a_child_of_its_parent(void **state)
{
    (void)state;
    int folder;
    struct mf_why why = {{0}};
    pid_t pid = child("child");
    assert_int_equal(process_folder_open(pid, getpid(), &folder, &why), MF_OK);
    assert_true(folder >= 0);
    (void)close(folder);
    assert_int_equal(process_folder_open(pid, getppid(), &folder, &why), MF_EDEAD);
    assert_int_equal(folder, -1);
    assert_int_equal(process_folder_open(getpid(), getpid(), &folder, NULL), MF_EDEAD);
    end(pid);
    assert_int_equal(process_folder_open(pid, getpid(), &folder, NULL), MF_EDEAD);
    assert_int_equal(folder, -1);
}

static void a_name_does_not_forge_a_parent(void **state)
{
    (void)state;
    int folder;
    char name[16];
    pid_t liar = getppid();
    (void)snprintf(name, sizeof name, ") R %d ", (int)liar);
    pid_t pid = child(name);
    assert_int_equal(process_folder_open(pid, liar, &folder, NULL), MF_EDEAD);
    assert_int_equal(process_folder_open(pid, getpid(), &folder, NULL), MF_OK);
    (void)close(folder);
    end(pid);
}

static void after_its_end_nothing_opens_in_it(void **state)
{
    (void)state;
    int folder;
    pid_t pid = child("child");
    assert_int_equal(process_folder_open(pid, getpid(), &folder, NULL), MF_OK);
    int held = openat(folder, "pagemap", O_RDONLY | O_CLOEXEC);
    assert_true(held >= 0);
    (void)close(held);
    end(pid);
    assert_int_equal(openat(folder, "pagemap", O_RDONLY | O_CLOEXEC), -1);
    assert_int_equal(errno, ESRCH);
    (void)close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_child_of_its_parent),
        cmocka_unit_test(a_name_does_not_forge_a_parent),
        cmocka_unit_test(after_its_end_nothing_opens_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
