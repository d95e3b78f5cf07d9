/*
 * test_snapshot.c: the head of a snapshot file: a good one is taken, one with any rule of
 * abi/snapshot.h broken is refused with a sentence; and freeze_write() against processes
 * that are not what they should be.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/hypercall.h"
#include "image/snapshot.h"
#include "node/instance/freeze.h"

#define KERNEL_PAGE (MF_KERNEL_BASE / MF_PAGE_BYTES)
#define CHANNEL_PAGE ((uint32_t)((MF_WINDOW_MIN - MF_CHANNEL_BYTES) / MF_PAGE_BYTES))
#define PROGRAM_PAGE (MF_PROGRAM_BASE / MF_PAGE_BYTES)
#define READ_WRITE (MF_PROT_READ | MF_PROT_WRITE)
#define READ_EXECUTE (MF_PROT_READ | MF_PROT_EXECUTE)

/* Two ranges, two runs. */
static struct sample {
    struct mf_snapshot head;
    struct mf_range range[2];
    struct mf_run run[2];
} sample;

static const struct sample good = {
    .head = {.magic = MF_SNAPSHOT_MAGIC,
             .abi_version = MF_ABI_VERSION,
             .head_bytes = offsetof(struct sample, run) + sizeof sample.run,
             .window_bytes = MF_WINDOW_MIN,
             .file_bytes = (uint64_t)CHANNEL_PAGE * MF_PAGE_BYTES,
             .range_count = 2,
             .run_count = 2},
    .range = {{KERNEL_PAGE, 1, MF_PROT_READ}, {KERNEL_PAGE + 9, CHANNEL_PAGE - KERNEL_PAGE - 9, READ_WRITE}},
    .run = {{KERNEL_PAGE + 9, 1, READ_WRITE, MF_RUN_COPY}, {CHANNEL_PAGE - 2, 2, READ_WRITE, 0}},
};
_Static_assert(offsetof(struct sample, range) == sizeof(struct mf_snapshot) &&
                   offsetof(struct sample, run) == sizeof(struct mf_snapshot) + 24,
               "as in a file");

static struct mf_why why;

static mf_err parse(void)
{
    struct snapshot snapshot;
    why = (struct mf_why){{0}};
    return snapshot_parse(&sample, sizeof sample, sample.head.file_bytes, &snapshot, &why);
}

static void parse_takes_a_good_one(void **state)
{
    (void)state;
    struct snapshot snapshot;
    sample = good;
    assert_int_equal(snapshot_parse(&sample, sizeof sample, good.head.file_bytes, &snapshot, &why),
                     MF_OK);
    assert_ptr_equal(snapshot.ranges, sample.range);
    assert_ptr_equal(snapshot.runs, sample.run);
    assert_int_equal(snapshot_pages(&snapshot), 3);
}

static void parse_takes_an_empty_one(void **state)
{
    (void)state;
    sample = good;
    sample.head.range_count = sample.head.run_count = 0;
    sample.head.head_bytes = sizeof sample.head;
    sample.head.file_bytes = MF_KERNEL_BASE;
    assert_int_equal(parse(), MF_OK);
}

static bool executes(void)
{
    struct snapshot snapshot;
    assert_int_equal(snapshot_parse(&sample, sizeof sample, sample.head.file_bytes, &snapshot, &why),
                     MF_OK);
    assert_int_equal(snapshot_allowed(&snapshot, true, &why), MF_OK);
    assert_int_equal(snapshot_allowed(&snapshot, false, &why), snapshot.executes ? MF_EFORMAT : MF_OK);
    return snapshot.executes;
}

/* Whether it may be used is for whoever knows the function's settings. */
static void parse_tells_what_is_executable(void **state)
{
    (void)state;
    sample = good;
    assert_false(executes());
    sample.range[1].page = PROGRAM_PAGE;
    sample.range[1].pages = 1;
    sample.range[1].prot = READ_EXECUTE;
    assert_true(executes());
    sample.range[1].prot = READ_WRITE | MF_PROT_EXECUTE;
    assert_true(executes());
    sample.range[1].prot = READ_WRITE;
    assert_false(executes());
    sample.run[1].prot = READ_EXECUTE;
    assert_true(executes());
    sample.run[1].prot = READ_WRITE | MF_PROT_EXECUTE;
    assert_true(executes());
}

static void ranges_are_executable_with_jit_only(void **state)
{
    (void)state;
    for (uint32_t prot = 0; prot < 64; prot++) {
        const bool plain = prot == 0 || prot == 1 || prot == 3, execute = prot == 5 || prot == 7;
        const struct mf_range in_program = {PROGRAM_PAGE, 1, prot}, in_kernel = {PROGRAM_PAGE - 1, 2, prot};
        for (int jit = 0; jit < 2; jit++) {
            assert_int_equal(snapshot_check_ranges(&in_program, 1, MF_WINDOW_MIN, jit, &why) == MF_OK,
                             plain || (execute && jit));
            assert_int_equal(snapshot_check_ranges(&in_kernel, 1, MF_WINDOW_MIN, jit, &why) == MF_OK,
                             plain);
        }
    }
}

#define REFUSED(name, change, sentence)                       \
    static void parse_refuses_##name(void **state)            \
    {                                                         \
        (void)state;                                          \
        sample = good;                                        \
        change;                                               \
        assert_int_equal(parse(), MF_EFORMAT);                \
        if (!strstr(why.text, sentence))                      \
            fail_msg("\"%s\" lacks \"%s\"", why.text, sentence); \
    }

#define CASES(X)                                                                                  \
    X(another_magic, sample.head.magic++, "not one")                                              \
    X(another_abi, sample.head.abi_version--, "ABI version")                                      \
    X(a_window_too_small, sample.head.window_bytes -= MF_WINDOW_STEP, "window")                   \
    X(a_window_too_large, sample.head.window_bytes = MF_WINDOW_MAX + MF_WINDOW_STEP, "window")    \
    X(a_window_between_steps, sample.head.window_bytes += 1, "window")                            \
    X(too_many_ranges, sample.head.range_count = MF_SNAPSHOT_RANGES_MAX + 1, "ranges")            \
    X(too_many_runs, sample.head.run_count = UINT32_MAX, "runs")                                  \
    X(a_head_too_short, sample.head.head_bytes -= 4, "head of")                                   \
    X(a_head_too_long, sample.head.head_bytes += 16, "head of")                                   \
    X(a_head_past_what_was_read,                                                                  \
      (sample.head.run_count = 3, sample.head.head_bytes += sizeof(struct mf_run)), "head of")    \
    X(a_file_longer_than_its_runs, sample.head.file_bytes += MF_PAGE_BYTES, "runs end at")        \
    X(a_range_below_the_kernel, sample.range[0].page--, "range 0")                                \
    X(a_range_in_the_channel, sample.range[1].pages++, "range 1")                                 \
    X(a_range_that_wraps, sample.range[1].pages = UINT32_MAX, "range 1")                          \
    X(a_range_of_nothing, sample.range[0].pages = 0, "range 0")                                   \
    X(ranges_that_overlap, sample.range[0].pages = 10, "range 1")                                 \
    X(ranges_out_of_order, sample.range[0].page = KERNEL_PAGE + 20, "range 1")                    \
    X(an_executable_range_of_the_kernel, sample.range[0].prot = 5, "range 0")                     \
    X(a_range_only_to_execute, (sample.range[0] = (struct mf_range){PROGRAM_PAGE, 1, 4}), "range 0") \
    X(a_range_to_write_and_execute, (sample.range[0] = (struct mf_range){PROGRAM_PAGE, 1, 6}), "range 0") \
    X(a_range_only_to_write, sample.range[0].prot = MF_PROT_WRITE, "range 0")                     \
    X(a_run_below_the_kernel, sample.run[0].page = KERNEL_PAGE - 1, "run 0")                      \
    X(a_run_in_the_channel, sample.run[1].page++, "run 1")                                        \
    X(runs_that_overlap, sample.run[0].pages = CHANNEL_PAGE - KERNEL_PAGE - 9, "run 1")           \
    X(an_executable_run_of_the_kernel, sample.run[0].prot = 5, "run 0")                           \
    X(a_run_only_to_execute, sample.run[1].prot = 4, "run 1")                                     \
    X(a_run_with_more_bits, sample.run[1].prot = 9, "run 1")                                      \
    X(unknown_flags, sample.run[0].flags = 2, "run 0")
CASES(REFUSED)

static void parse_refuses_a_file_cut_off(void **state)
{
    (void)state;
    struct snapshot snapshot;
    sample = good;
    for (size_t bytes = 0; bytes < sizeof sample; bytes++)
        assert_int_equal(snapshot_parse(&sample, bytes, good.head.file_bytes, &snapshot, &why),
                         MF_EFORMAT);
    assert_int_equal(snapshot_parse(&sample, sizeof sample, good.head.file_bytes - 1, &snapshot,
                                    &why),
                     MF_EFORMAT);
    assert_non_null(strstr(why.text, "cut off"));
}

static mf_err freeze(pid_t pid, pid_t parent, const struct mf_range *ranges, uint32_t count)
{
    static const struct image image;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    const struct freeze_order order = {.pid = pid,
                                       .parent = parent,
                                       .sandbox = MF_SANDBOX_PROCESS,
                                       .window_bytes = MF_WINDOW_MIN,
                                       .image = &image,
                                       .ranges = ranges,
                                       .range_count = count};
    why = (struct mf_why){{0}};
    mf_err err = freeze_write(&order, fd, &why);
    (void)close(fd);
    return err;
}

static void freeze_reads_only_a_living_child_of_the_spawner(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    assert_int_equal(freeze(child, getpid(), NULL, 0), MF_OK);
    assert_int_equal(freeze(child, getppid(), NULL, 0), MF_EDEAD);
    assert_int_equal(freeze(getpid(), getpid(), NULL, 0), MF_EDEAD);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    assert_int_equal(freeze(child, getpid(), NULL, 0), MF_EDEAD);
}

static void freeze_refuses_ranges_that_protect_would_refuse(void **state)
{
    (void)state;
    const struct mf_range bad[] = {{KERNEL_PAGE - 1, 1, MF_PROT_READ},
                                   {KERNEL_PAGE, 1, 5},
                                   {PROGRAM_PAGE, 1, 5}, /* without jit */
                                   {CHANNEL_PAGE, 1, MF_PROT_READ},
                                   {KERNEL_PAGE, UINT32_MAX, MF_PROT_READ}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(freeze(getpid(), getppid(), &bad[i], 1), MF_EFORMAT);
}

int main(void)
{
#define TEST(name, change, sentence) cmocka_unit_test(parse_refuses_##name),
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_a_good_one),
        cmocka_unit_test(parse_takes_an_empty_one),
        cmocka_unit_test(parse_tells_what_is_executable),
        cmocka_unit_test(ranges_are_executable_with_jit_only),
        CASES(TEST) cmocka_unit_test(parse_refuses_a_file_cut_off),
        cmocka_unit_test(freeze_reads_only_a_living_child_of_the_spawner),
        cmocka_unit_test(freeze_refuses_ranges_that_protect_would_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
