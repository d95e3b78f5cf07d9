/*
 * test_node_touched.c: files of touched pages: a good one is taken, one with any rule of
 * abi/touched.h broken is refused with a sentence; what two samples have in common; the file
 * in the state directory; and what is seen of a process.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/channel.h"
#include "base/limits.h"
#include "image/touched.h"
#include "machine.h"
#include "node/instance/look.h"
#include "node/snapshots/touched.h"
#include "own_folder.h"

#define KERNEL_PAGE (MF_KERNEL_BASE / MF_PAGE_BYTES)
#define CHANNEL_PAGE ((uint32_t)((MF_WINDOW_MIN - MF_CHANNEL_BYTES) / MF_PAGE_BYTES))
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- one file --- */

static struct sample {
    struct mf_touched head;
    struct mf_touched_run run[MF_TOUCHED_RUNS_MAX + 1];
} sample;

static const struct mf_touched good_head = {.magic = MF_TOUCHED_MAGIC,
                                            .abi_version = MF_ABI_VERSION,
                                            .run_count = 3,
                                            .samples = MF_TOUCHED_SAMPLES,
                                            .window_bytes = MF_WINDOW_MIN};
static const struct mf_touched_run good_runs[3] = {
    {KERNEL_PAGE, 1}, {KERNEL_PAGE + 1, 2}, {CHANNEL_PAGE - 4, 4}};

static struct mf_why why;
static size_t sample_bytes;

static void make_good(void)
{
    memset(&sample, 0, sizeof sample);
    sample.head = good_head;
    memcpy(sample.run, good_runs, sizeof good_runs);
    sample_bytes = sizeof sample.head + sizeof good_runs;
}

static mf_err parse(struct touched *touched)
{
    why = (struct mf_why){{0}};
    return touched_parse(&sample, sample_bytes, touched, &why);
}

static void parse_takes_a_good_one(void **state)
{
    (void)state;
    struct touched touched;
    make_good();
    assert_int_equal(parse(&touched), MF_OK);
    assert_ptr_equal(touched.runs, sample.run);
    assert_int_equal(touched_pages(&touched), 7);
    sample.head.run_count = 0;
    sample_bytes = sizeof sample.head;
    assert_int_equal(parse(&touched), MF_OK);
    assert_int_equal(touched_pages(&touched), 0);
}

/* As many runs, or pages in one, as there may be; then one more. */
static void parse_holds_its_bounds(void **state)
{
    (void)state;
    struct touched touched;
    make_good();
    sample.head.window_bytes = MF_WINDOW_DEFAULT;
    for (uint32_t i = 0; i <= MF_TOUCHED_RUNS_MAX; i++)
        sample.run[i] = (struct mf_touched_run){KERNEL_PAGE + 2 * i, 1};
    sample.head.run_count = MF_TOUCHED_RUNS_MAX;
    sample_bytes = MF_TOUCHED_BYTES_MAX;
    assert_int_equal(parse(&touched), MF_OK);
    sample.head.run_count++;
    sample_bytes += sizeof sample.run[0];
    assert_int_equal(parse(&touched), MF_EFORMAT);
    sample.head.run_count = 1;
    sample_bytes = sizeof sample.head + sizeof sample.run[0];
    sample.run[0].pages = MF_TOUCHED_PAGES_MAX;
    assert_int_equal(parse(&touched), MF_OK);
    sample.run[0].pages++;
    assert_int_equal(parse(&touched), MF_EFORMAT);
}

#define REFUSED(name, change, sentence)                          \
    static void parse_refuses_##name(void **state)               \
    {                                                            \
        (void)state;                                             \
        struct touched touched;                                  \
        make_good();                                             \
        change;                                                  \
        assert_int_equal(parse(&touched), MF_EFORMAT);           \
        assert_null(touched.head);                               \
        if (!strstr(why.text, sentence))                         \
            fail_msg("\"%s\" lacks \"%s\"", why.text, sentence); \
    }

#define CASES(X)                                                                               \
    X(another_magic, sample.head.magic++, "not such a file")                                   \
    X(another_abi, sample.head.abi_version++, "ABI version")                                   \
    X(fewer_runs_than_bytes, sample.head.run_count--, "runs")                                  \
    X(more_runs_than_bytes, sample.head.run_count++, "runs")                                   \
    X(a_count_that_wraps, sample.head.run_count = 0x20000003u, "runs")                         \
    X(no_samples, sample.head.samples = 0, "samples")                                          \
    X(too_many_samples, sample.head.samples++, "samples")                                      \
    X(reserved_bits, sample.head.reserved = 1, "samples")                                      \
    X(a_window_too_small, sample.head.window_bytes -= MF_WINDOW_STEP, "window")                \
    X(a_window_too_large, sample.head.window_bytes = MF_WINDOW_MAX + MF_WINDOW_STEP, "window") \
    X(a_window_between_steps, sample.head.window_bytes++, "window")                            \
    X(a_run_below_the_kernel, sample.run[0].page--, "run 0")                                   \
    X(a_run_in_the_channel, sample.run[2].page++, "run 2")                                     \
    X(a_run_past_everything, sample.run[2].page = UINT32_MAX, "run 2")                         \
    X(a_run_of_nothing, sample.run[1].pages = 0, "run 1")                                      \
    X(runs_that_overlap, sample.run[0].pages = 2, "run 1")                                     \
    X(a_run_that_wraps, sample.run[2].pages = UINT32_MAX, "run 2")                             \
    X(runs_out_of_order, sample.run[1].page = KERNEL_PAGE, "run 1")
CASES(REFUSED)

static void parse_refuses_a_file_cut_off(void **state)
{
    (void)state;
    struct touched touched;
    make_good();
    for (size_t bytes = 0; bytes < sample_bytes; bytes++)
        assert_int_equal(touched_parse(&sample, bytes, &touched, &why), MF_EFORMAT);
}

static void what_two_have_in_common_is_touched_by_both(void **state)
{
    (void)state;
    static const struct mf_touched_run a[] = {{10, 5}, {20, 2}, {30, 10}, {50, 1}},
                                       b[] = {{5, 6}, {12, 1}, {14, 8}, {31, 2}, {38, 13}, {51, 9}},
                                       c[] = {{10, 1}, {12, 1}, {14, 1}, {20, 2},
                                              {31, 2}, {38, 2}, {50, 1}};
    struct mf_touched_run out[MF_TOUCHED_RUNS_MAX];
    assert_int_equal(touched_common(a, COUNT(a), b, COUNT(b), out), COUNT(c));
    assert_memory_equal(out, c, sizeof c);
    assert_int_equal(touched_common(b, COUNT(b), a, COUNT(a), out), COUNT(c));
    assert_memory_equal(out, c, sizeof c);
    assert_int_equal(touched_common(a, COUNT(a), a, COUNT(a), out), COUNT(a));
    assert_memory_equal(out, a, sizeof a);
    assert_int_equal(touched_common(a, COUNT(a), b, 0, out), 0);
}

/* --- in the state directory --- */

static int dir_fd;
static const uint8_t key[MF_SNAPSHOT_HASH_BYTES] = {0xab, 1, 2};
static char name[TOUCHED_NAME_BYTES];
static struct touched_origin origin;
static struct mf_touched_run many[MF_TOUCHED_WORTH];

static int open_world(void **state)
{
    (void)state;
    assert_int_equal(own_folder_make(state), 0);
    dir_fd = open(own_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir_fd >= 0);
    origin = (struct touched_origin){.window_bytes = MF_WINDOW_MIN, .snapshot = {7}};
    for (uint32_t i = 0; i < COUNT(many); i++)
        many[i] = (struct mf_touched_run){KERNEL_PAGE + 3 * i, 1};
    touched_name(key, name);
    return 0;
}

static int close_world(void **state)
{
    (void)close(dir_fd);
    return own_folder_remove(state);
}

static struct touched_facts check(void)
{
    struct touched_facts facts;
    touched_file_check(dir_fd, key, &origin, &facts);
    return facts;
}

static struct touched_facts add(const struct mf_touched_run *runs, uint32_t count)
{
    struct touched_facts facts;
    assert_int_equal(touched_file_add(dir_fd, key, &origin, runs, count, &facts, NULL), MF_OK);
    return facts;
}

static bool is_there(void)
{
    return faccessat(dir_fd, name, F_OK, 0) == 0;
}

static void a_name_is_its_keys_alone(void **state)
{
    (void)state;
    uint8_t back[MF_SNAPSHOT_HASH_BYTES];
    assert_true(touched_name_key(name, back));
    assert_memory_equal(back, key, sizeof key);
    name[0] = 'G';
    assert_false(touched_name_key(name, back));
    assert_false(touched_name_key("x.touched", back));
}

static void pages_are_known_after_two_samples(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(check().state, TOUCHED_WANTED);
    assert_int_equal(add(many, COUNT(many)).state, TOUCHED_WANTED);
    assert_int_equal(check().state, TOUCHED_WANTED);
    struct touched_facts facts = add(many, COUNT(many) - 1), again = check();
    assert_int_equal(facts.state, TOUCHED_FEW);
    assert_int_equal(facts.pages, MF_TOUCHED_WORTH - 1);
    assert_memory_equal(&again, &facts, sizeof facts);
    touched_file_remove(dir_fd, key);
    (void)add(many, COUNT(many));
    facts = add(many, COUNT(many));
    assert_int_equal(facts.state, TOUCHED_READY);
    assert_int_equal(touched_file_open(dir_fd, key, &facts.identity, &fd), MF_OK);
    (void)close(fd);
    /* More samples change the file only if they touched less, and then for good. */
    again = add(many, COUNT(many));
    assert_memory_equal(&again, &facts, sizeof facts);
    assert_int_equal(add(many, 1).state, TOUCHED_FEW);
    assert_int_equal(add(many, COUNT(many)).pages, 1);
    assert_int_equal(touched_file_open(dir_fd, key, &facts.identity, &fd), MF_EFORMAT);
}

static void a_changed_byte_is_noticed_and_the_file_goes(void **state)
{
    (void)state;
    const size_t bytes = sizeof(struct mf_touched) + sizeof many;
    for (size_t at = 0; at < bytes; at += 5) {
        uint8_t byte;
        int opened;
        (void)add(many, COUNT(many));
        struct touched_facts facts = add(many, COUNT(many));
        int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
        (void)close(fd);
        assert_int_equal(touched_file_open(dir_fd, key, &facts.identity, &opened), MF_EFORMAT);
        assert_int_equal(check().state, TOUCHED_WANTED);
        assert_false(is_there());
    }
}

static void one_cut_short_or_too_long_is_noticed(void **state)
{
    (void)state;
    static const off_t length[] = {0, 1, sizeof(struct mf_touched), 200, MF_TOUCHED_BYTES_MAX + 1,
                                   1 << 20};
    for (size_t i = 0; i < COUNT(length); i++) {
        (void)add(many, COUNT(many));
        int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, length[i]), 0);
        (void)close(fd);
        assert_int_equal(check().state, TOUCHED_WANTED);
        assert_false(is_there());
    }
}

static void one_of_another_snapshot_or_window_is_stale(void **state)
{
    (void)state;
    (void)add(many, COUNT(many));
    origin.snapshot[31] ^= 1;
    assert_int_equal(check().state, TOUCHED_WANTED);
    assert_false(is_there());
    (void)add(many, COUNT(many));
    origin.window_bytes += MF_WINDOW_STEP;
    /* A sample of the new one begins anew. */
    assert_int_equal(add(many, COUNT(many)).state, TOUCHED_WANTED);
    assert_int_equal(add(many, COUNT(many)).state, TOUCHED_READY);
}

static void a_link_a_pipe_or_a_folder_is_not_read(void **state)
{
    (void)state;
    assert_int_equal(symlinkat("/etc/passwd", dir_fd, name), 0);
    assert_int_equal(check().state, TOUCHED_WANTED);
    assert_false(is_there());
    assert_int_equal(mkfifoat(dir_fd, name, 0600), 0);
    assert_int_equal(check().state, TOUCHED_WANTED);
    assert_false(is_there());
    struct touched_facts facts;
    assert_int_equal(mkdirat(dir_fd, name, 0700), 0);
    assert_int_equal(check().state, TOUCHED_WANTED);
    assert_true(touched_file_add(dir_fd, key, &origin, many, 1, &facts, NULL) != MF_OK);
}

static void two_do_not_write_at_once(void **state)
{
    (void)state;
    char draft[sizeof ".tmp-" + TOUCHED_NAME_BYTES];
    struct touched_facts facts;
    (void)snprintf(draft, sizeof draft, ".tmp-%s", name);
    int fd = openat(dir_fd, draft, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(touched_file_add(dir_fd, key, &origin, many, 1, &facts, NULL), MF_EAGAIN);
    assert_false(is_there());
}

/* --- seen of a process --- */

#define AT(page) ((volatile uint8_t *)(uintptr_t)((uint64_t)(page) * MF_PAGE_BYTES))
#define FILE_PAGES 64u
#define OWN (KERNEL_PAGE + 1024)

/* As the process monitor has it: a file, private, and memory of its own. */
_Noreturn static void be_a_guest(int ready, int file)
{
    bool there = mmap((void *)(uintptr_t)AT(KERNEL_PAGE), FILE_PAGES * MF_PAGE_BYTES,
                      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, file,
                      0) == AT(KERNEL_PAGE) &&
                 mmap((void *)(uintptr_t)AT(OWN), 8 * MF_PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == AT(OWN);
    if (!there)
        _exit(77);
    *AT(KERNEL_PAGE + 3) = 1;       /* written: own */
    (void)*AT(KERNEL_PAGE + 35);    /* read: with its neighbours, a file's */
    (void)*AT(OWN);                 /* zeros that were only read */
    *AT(OWN + 2) = *AT(OWN + 3) = 1;
    (void)!write(ready, "r", 1);
    for (;;)
        (void)pause();
}

static void a_look_sees_what_was_written(void **state)
{
    (void)state;
    struct mf_touched_run runs[MF_TOUCHED_RUNS_MAX];
    uint32_t count = 0;
    int ends[2];
    char byte;
    int file = memfd_create("file", MFD_CLOEXEC);
    static const uint8_t content[FILE_PAGES * MF_PAGE_BYTES] = {1};
    assert_int_equal(write(file, content, sizeof content), sizeof content);
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        be_a_guest(ends[1], file);
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    mf_err err = look_touched(pid, getpid(), MF_SANDBOX_PROCESS, MF_WINDOW_MIN, runs, &count);
    uint32_t ignored;
    assert_int_equal(look_touched(pid, getppid(), MF_SANDBOX_PROCESS, MF_WINDOW_MIN, runs, &ignored),
                     MF_EDEAD); /* nobody else's child */
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    assert_int_equal(look_touched(pid, getpid(), MF_SANDBOX_PROCESS, MF_WINDOW_MIN, runs, &ignored),
                     MF_EDEAD);
    (void)close(ends[0]);
    (void)close(file);
    if (err == MF_EUNSUPPORTED)
        skip(); /* Linux before 6.7 */
    assert_int_equal(err, MF_OK);
    assert_int_equal(runs[0].page, KERNEL_PAGE + 3);
    assert_int_equal(runs[0].pages, 1);
    const struct mf_touched_run *last = &runs[1];
    if (!machine_shares_zeros()) { /* there what was read has become its own */
        assert_int_equal(last->page, OWN);
        assert_int_equal(last->pages, 1);
        last++;
    }
    assert_int_equal(count, last - runs + 1);
    assert_int_equal(last->page, OWN + 2);
    assert_int_equal(last->pages, 2);
}

int main(void)
{
#define TEST(name, change, sentence) cmocka_unit_test(parse_refuses_##name),
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_a_good_one),
        cmocka_unit_test(parse_holds_its_bounds),
        CASES(TEST) cmocka_unit_test(parse_refuses_a_file_cut_off),
        cmocka_unit_test(what_two_have_in_common_is_touched_by_both),
        IN_WORLD(a_name_is_its_keys_alone),
        IN_WORLD(pages_are_known_after_two_samples),
        IN_WORLD(a_changed_byte_is_noticed_and_the_file_goes),
        IN_WORLD(one_cut_short_or_too_long_is_noticed),
        IN_WORLD(one_of_another_snapshot_or_window_is_stale),
        IN_WORLD(a_link_a_pipe_or_a_folder_is_not_read),
        IN_WORLD(two_do_not_write_at_once),
        cmocka_unit_test(a_look_sees_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
