/* test_node_snapshots.c: snapshot files: names, checks, whole or not at all. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "node/snapshots/file.h"
#include "own_folder.h"
#include "snapshot_sample.h"

#define KILLS 40

static int dir_fd;
static struct snapshot_origin origin;
static uint8_t key[MF_SNAPSHOT_HASH_BYTES];
static char name[SNAPSHOT_NAME_BYTES];

static int open_world(void **state)
{
    (void)state;
    assert_int_equal(own_folder_make(state), 0);
    dir_fd = open(own_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
    origin = (struct snapshot_origin){.window_bytes = MF_WINDOW_DEFAULT, .features = 7,
                                      .env = "A=1\0B=2", .env_bytes = 8, .env_count = 2};
    memset(origin.image, 0x5a, sizeof origin.image);
    snapshot_key(&origin, key);
    snapshot_name(key, name);
    return 0;
}

static int close_world(void **state)
{
    (void)close(dir_fd);
    return own_folder_remove(state);
}

static void make(uint8_t content, struct snapshot_facts *facts)
{
    struct snapshot_draft draft;
    assert_int_equal(snapshot_draft_open(dir_fd, key, &draft, NULL), MF_OK);
    snapshot_sample_write(draft.fd, key, origin.image, content);
    assert_int_equal(snapshot_draft_sync(&draft, NULL), MF_OK);
    assert_int_equal(snapshot_draft_keep(&draft, facts, NULL), MF_OK);
    snapshot_draft_close(&draft);
}

static mf_err check(struct snapshot_facts *facts, struct mf_why *why)
{
    return snapshot_file_check(dir_fd, key, &origin, facts, why);
}

static void refused(const char *sentence)
{
    struct snapshot_facts facts;
    struct mf_why why = {{0}};
    assert_int_equal(check(&facts, &why), MF_EFORMAT);
    if (!strstr(why.text, sentence))
        fail_msg("\"%s\", expected \"%s\"", why.text, sentence);
}

static void everything_a_snapshot_depends_on_changes_its_key(void **state)
{
    (void)state;
    uint8_t other[MF_SNAPSHOT_HASH_BYTES];
    struct snapshot_origin changed[6] = {origin, origin, origin, origin, origin, origin};
    changed[0].image[31] ^= 1;
    changed[1].window_bytes += MF_WINDOW_STEP;
    changed[2].features++;
    changed[3].env = "A=1\0B=3";
    changed[4].env_bytes = 4;
    changed[5].env_count = 1;
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        snapshot_key(&changed[i], other);
        assert_memory_not_equal(other, key, sizeof key);
    }
    snapshot_key(&origin, other);
    assert_memory_equal(other, key, sizeof key);
}

static void a_name_is_its_keys_alone(void **state)
{
    (void)state;
    uint8_t back[MF_SNAPSHOT_HASH_BYTES];
    assert_true(snapshot_name_key(name, back));
    assert_memory_equal(back, key, sizeof key);
    assert_false(snapshot_name_key("x.snap", back));
    name[0] = 'G';
    assert_false(snapshot_name_key(name, back));
    snapshot_name(key, name);
    name[2 * MF_SNAPSHOT_HASH_BYTES + 1] = 'S';
    assert_false(snapshot_name_key(name, back));
}

static void what_was_kept_is_found_and_opened(void **state)
{
    (void)state;
    struct snapshot_facts kept, facts;
    uint64_t disk_bytes;
    int fd;
    assert_int_equal(check(&facts, NULL), MF_ENOENT);
    assert_false(snapshot_file_size(dir_fd, key, &disk_bytes));
    make(1, &kept);
    assert_int_equal(check(&facts, NULL), MF_OK);
    assert_memory_equal(&facts.identity, &kept.identity, sizeof kept.identity);
    assert_int_equal(facts.pages, 1);
    assert_true(snapshot_file_size(dir_fd, key, &disk_bytes));
    assert_int_equal(disk_bytes, facts.disk_bytes);
    assert_int_equal(snapshot_file_open(dir_fd, key, &facts.identity, &fd), MF_OK);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void a_draft_has_no_name_until_it_is_kept(void **state)
{
    (void)state;
    struct snapshot_draft draft;
    struct snapshot_facts facts;
    assert_int_equal(snapshot_draft_open(dir_fd, key, &draft, NULL), MF_OK);
    snapshot_sample_write(draft.fd, key, origin.image, 1);
    assert_int_equal(snapshot_draft_sync(&draft, NULL), MF_OK);
    assert_int_equal(check(&facts, NULL), MF_ENOENT);
    snapshot_draft_close(&draft);
    assert_int_equal(faccessat(dir_fd, draft.name, F_OK, 0), -1);
    assert_int_equal(check(&facts, NULL), MF_ENOENT);
}

static void a_draft_that_is_not_synced_cannot_be_kept(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct snapshot_draft draft;
        struct snapshot_facts facts;
        (void)close(STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        if (snapshot_draft_open(dir_fd, key, &draft, NULL))
            _exit(1);
        _exit(snapshot_draft_keep(&draft, &facts, NULL) ? 2 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void any_changed_byte_is_noticed(void **state)
{
    (void)state;
    static const off_t at[] = {0, 9, 40, 60, 100, 130, sizeof(struct mf_snapshot),
                               SAMPLE_PAGE * MF_PAGE_BYTES, SAMPLE_BYTES - 1};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        struct snapshot_facts facts, again;
        uint8_t byte;
        int opened;
        make(1, &facts);
        int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, &byte, 1, at[i]), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at[i]), 1);
        (void)close(fd);
        assert_int_equal(check(&again, NULL), MF_EFORMAT);
        assert_int_equal(snapshot_file_open(dir_fd, key, &facts.identity, &opened), MF_EFORMAT);
    }
}

static void one_cut_short_is_noticed(void **state)
{
    (void)state;
    static const off_t length[] = {0, 1, 100, MF_PAGE_BYTES, SAMPLE_BYTES - 1};
    for (size_t i = 0; i < sizeof length / sizeof length[0]; i++) {
        struct snapshot_facts facts;
        make(1, &facts);
        int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, length[i]), 0);
        (void)close(fd);
        refused("snapshot: ");
    }
}

static void one_of_something_else_is_noticed(void **state)
{
    (void)state;
    struct snapshot_facts facts;
    make(1, &facts);
    origin.image[0] ^= 1;
    refused("something else");
    origin.image[0] ^= 1;
    origin.window_bytes += MF_WINDOW_STEP;
    refused("something else");
    char other[SNAPSHOT_NAME_BYTES];
    snapshot_key(&origin, key);
    snapshot_name(key, other);
    assert_int_equal(renameat(dir_fd, name, dir_fd, other), 0);
    origin.window_bytes -= MF_WINDOW_STEP;
    refused("something else");
}

static void another_in_its_place_is_another(void **state)
{
    (void)state;
    struct snapshot_facts first, second;
    int fd;
    make(1, &first);
    make(2, &second);
    assert_int_equal(snapshot_file_open(dir_fd, key, &first.identity, &fd), MF_EFORMAT);
    assert_int_equal(snapshot_file_open(dir_fd, key, &second.identity, &fd), MF_OK);
    (void)close(fd);
    snapshot_file_remove(dir_fd, key);
    assert_int_equal(snapshot_file_open(dir_fd, key, &second.identity, &fd), MF_ENOENT);
}

static void a_link_or_a_pipe_is_not_opened(void **state)
{
    (void)state;
    struct snapshot_facts facts;
    assert_int_equal(symlinkat("/etc/passwd", dir_fd, name), 0);
    assert_true(check(&facts, NULL) != MF_OK);
    assert_int_equal(unlinkat(dir_fd, name, 0), 0);
    assert_int_equal(mkfifoat(dir_fd, name, 0600), 0);
    assert_int_equal(check(&facts, NULL), MF_EFORMAT);
}

/* Killed at some moment, again and again: under the name there is a whole file or none. */
static void a_kill_leaves_a_whole_file_or_none(void **state)
{
    (void)state;
    unsigned whole = 0;
    struct snapshot_facts facts;
    uint64_t began_ns = mf_monotonic_ns();
    make(1, &facts);
    const uint64_t takes_us = (mf_monotonic_ns() - began_ns) / MF_NS_PER_US; /* on this machine, now */
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            for (uint8_t content = 1;; content++) {
                make(content, &facts);
                snapshot_file_remove(dir_fd, key);
                make((uint8_t)~content, &facts);
            }
        (void)usleep((useconds_t)(i * 251 % (5000 + 8 * takes_us)));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        mf_err err = check(&facts, NULL);
        assert_true(err == MF_OK || err == MF_ENOENT);
        whole += err == MF_OK;
    }
    assert_true(whole > 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(everything_a_snapshot_depends_on_changes_its_key),
        TEST(a_name_is_its_keys_alone),
        TEST(what_was_kept_is_found_and_opened),
        TEST(a_draft_has_no_name_until_it_is_kept),
        TEST(a_draft_that_is_not_synced_cannot_be_kept),
        TEST(any_changed_byte_is_noticed),
        TEST(one_cut_short_is_noticed),
        TEST(one_of_something_else_is_noticed),
        TEST(another_in_its_place_is_another),
        TEST(a_link_or_a_pipe_is_not_opened),
        TEST(a_kill_leaves_a_whole_file_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
