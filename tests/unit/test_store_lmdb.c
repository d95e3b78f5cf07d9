/*
 * test_store_lmdb.c: what only the store in files does: it outlives the process, grows,
 * fills its disk, meets files that are none.
 */
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_folder.h"
#include "store_rig.h"

static struct store_options options = {.directory = own_folder};
static struct rig rig;

#define OK(...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), MF_OK)
#define IS(err, ...) assert_int_equal(RIG(&rig, (__VA_ARGS__)), (err))
#define ASK rig_ask(&rig)

static void open_rig(void)
{
    struct mf_why why = {{0}};
    if (rig_open(&rig, &options, &why))
        fail_msg("%s", why.text);
}

/* In a process that ends without closing anything. */
static void in_a_process_that_dies(void (*body)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct queue_settings durable = {.durability = STORE_POWER_LOSS},
                                   loose = {.durability = STORE_PROCESS_CRASH};

static void fill_and_die(void)
{
    open_rig();
    for (int i = 0; i < 2; i++) {
        struct queue *queue = rig_queue(&rig, i ? "loose" : "durable", i ? &loose : &durable);
        struct store_bytes events[] = {{"taken", 5}, {"returned", 8}, {"dead", 4}, {"done", 4}, {"fresh", 5}};
        if (RIG(&rig, queue_append(queue, QUEUE_BULK, events, 5, ASK)) ||
            RIG(&rig, queue_take(queue, 4, SIZE_MAX, 60000, ASK)))
            _exit(1);
        uint64_t id[4];
        for (int e = 0; e < 4; e++)
            id[e] = rig.got.entries[e].id;
        if (RIG(&rig, queue_nack(queue, id[1], 1, 500, ASK)) ||
            RIG(&rig, queue_bury(queue, id[2], 1, rig_text("why"), ASK)) ||
            RIG(&rig, queue_ack(queue, id[3], 1, ASK)))
            _exit(2);
        struct space *space;
        const struct space_settings settings = {.durability = i ? STORE_PROCESS_CRASH : STORE_POWER_LOSS};
        if (space_get(rig.store, i ? "loose" : "durable", &settings, &space) ||
            RIG(&rig, space_set(space, rig_text("key"), rig_text("value"), 0, ASK)))
            _exit(3);
    }
}

static void a_killed_process_leaves_all_but_its_leases(void **state)
{
    (void)state;
    in_a_process_that_dies(fill_and_die);
    open_rig();
    for (int i = 0; i < 2; i++) {
        struct queue *queue = rig_queue(&rig, i ? "loose" : "durable", i ? &loose : &durable);
        const struct queue_entry *entry = rig_take(&rig, queue);
        assert_non_null(entry);
        assert_memory_equal(entry->event.data, "taken", 5);
        assert_int_equal(entry->attempts, 2); /* the time before counts */
        entry = rig_take(&rig, queue);
        assert_non_null(entry);
        assert_memory_equal(entry->event.data, "fresh", 5);
        assert_int_equal(entry->attempts, 1);
        assert_null(rig_take(&rig, queue));
        assert_int_equal(rig.got.due_ms, rig.now_ms + 500);
        rig.now_ms += 500;
        entry = rig_take(&rig, queue);
        assert_non_null(entry);
        assert_memory_equal(entry->event.data, "returned", 8);
        assert_int_equal(entry->attempts, 2);
        rig.now_ms -= 500;
        OK(queue_peek(queue, true, 0, 10, 100, ASK));
        assert_int_equal(rig.got.count, 1);
        assert_memory_equal(rig.got.entries[0].reason.data, "why", 3);
        queue_put(queue);
        struct space *space;
        const struct space_settings settings = {.durability = i ? STORE_PROCESS_CRASH : STORE_POWER_LOSS};
        assert_int_equal(space_get(rig.store, i ? "loose" : "durable", &settings, &space), MF_OK);
        OK(space_read(space, rig_text("key"), SIZE_MAX, ASK));
        space_put(space);
    }
    rig_close(&rig);
}

static void take_and_die(void)
{
    open_rig();
    if (!rig_take(&rig, rig_queue(&rig, "durable", &durable)))
        _exit(1);
}

/* An event that kills the node each time is seen for what it is. */
static void attempts_add_up_over_deaths(void **state)
{
    (void)state;
    open_rig();
    struct queue *queue = rig_queue(&rig, "durable", &durable);
    (void)rig_append(&rig, queue, "poison");
    queue_put(queue);
    rig_close(&rig);
    for (int i = 0; i < 4; i++)
        in_a_process_that_dies(take_and_die);
    open_rig();
    queue = rig_queue(&rig, "durable", &durable);
    const struct queue_entry *entry = rig_take(&rig, queue);
    assert_non_null(entry);
    assert_int_equal(entry->attempts, 5);
    queue_put(queue);
    rig_close(&rig);
}

static void the_file_grows_and_is_used_again(void **state)
{
    (void)state;
    static uint8_t large[1 << 20];
    struct store_bytes event = {large, sizeof large};
    struct stat stat_of;
    char path[64];
    open_rig();
    struct queue *queue = rig_queue(&rig, "durable", &durable);
    for (int i = 0; i < 40; i++)
        OK(queue_append(queue, QUEUE_BULK, &event, 1, ASK));
    (void)snprintf(path, sizeof path, "%s/power-loss.mdb", own_folder);
    assert_int_equal(stat(path, &stat_of), 0);
    off_t grown = stat_of.st_size;
    assert_true(grown > 40 << 20);
    OK(queue_purge(queue, false, 1000, ASK));
    for (int i = 0; i < 30; i++)
        OK(queue_append(queue, QUEUE_BULK, &event, 1, ASK));
    assert_int_equal(stat(path, &stat_of), 0);
    assert_true(stat_of.st_size < grown + (8 << 20));
    queue_put(queue);
    rig_close(&rig);
    open_rig(); /* larger than a new file's map */
    queue = rig_queue(&rig, "durable", &durable);
    OK(queue_stat(queue, ASK));
    assert_int_equal(rig.got.stat.count, 30);
    queue_put(queue);
    rig_close(&rig);
}

/* However fast they come, between two syncs too. */
static void what_comes_and_goes_takes_no_disk(void **state)
{
    (void)state;
    static const uint8_t small[200];
    struct store_bytes event = {small, sizeof small};
    struct stat stat_of;
    char path[64];
    open_rig();
    struct queue *queue = rig_queue(&rig, "loose", &loose);
    for (unsigned i = 0; i < 4000; i++) {
        OK(queue_append(queue, QUEUE_BULK, &event, 1, ASK));
        const struct queue_entry *entry = rig_take(&rig, queue);
        assert_non_null(entry);
        OK(queue_ack(queue, entry->id, 1, ASK));
    }
    (void)snprintf(path, sizeof path, "%s/process-crash.mdb", own_folder);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_in_range(stat_of.st_size, 1, 2 * MF_STORE_HELD_BYTES);
    queue_put(queue);
    rig_close(&rig);
}

/* An end needs the room that is kept back: it leaves no note there. */
static void end_without_a_note(struct queue *queue, enum store_durability durability)
{
    const struct queue_entry *entry = rig_take(&rig, queue);
    const struct store_note note = {.key = {1}, .text = rig_text("note")};
    struct space *space = rig_space(&rig, RIG_TENANT);
    assert_non_null(entry);
    OK(queue_ack_noted(queue, entry->id, 1, &note, ASK));
    assert_int_equal(RIG(&rig, space_note(space, durability, note.key, 0, ASK)), MF_ENOENT);
    space_put(space);
}

static void fill_to_the_bound(const struct queue_settings *settings)
{
    static uint8_t large[1 << 20];
    struct store_bytes event = {large, sizeof large}, small = {"x", 1};
    options.file_bytes_max = 24u << 20;
    open_rig();
    struct queue *queue = rig_queue(&rig, "full", settings);
    unsigned count = 0;
    mf_err err;
    while (!(err = RIG(&rig, queue_append(queue, QUEUE_BULK, &event, 1, ASK))))
        assert_true(++count < 30);
    assert_int_equal(err, MF_EFULL);
    OK(queue_stat(queue, ASK));
    assert_int_equal(rig.got.stat.count, count);
    end_without_a_note(queue, settings->durability);
    for (int i = 0; i < 50; i++) { /* as long as one likes */
        for (int taken = 0; taken < 3; taken++) {
            const struct queue_entry *entry = rig_take(&rig, queue);
            assert_non_null(entry);
            OK(queue_ack(queue, entry->id, 1, ASK));
        }
        unsigned again = 0;
        OK(queue_append(queue, QUEUE_BULK, &small, 1, ASK));
        while (!(err = RIG(&rig, queue_append(queue, QUEUE_BULK, &event, 1, ASK))))
            again++;
        assert_int_equal(err, MF_EFULL);
        assert_true(again >= 1);
    }
    queue_put(queue);
    rig_close(&rig);
    options.file_bytes_max = 0;
}

static void a_file_at_its_bound_refuses_and_takes_again(void **state)
{
    (void)state;
    fill_to_the_bound(&durable);
    fill_to_the_bound(&loose);
}

static unsigned answers_ok, answers_full, answers_other;

static void count_answer(void *context, const struct store_answer *answer)
{
    (void)context;
    *(answer->err == MF_OK ? &answers_ok : answer->err == MF_EFULL ? &answers_full : &answers_other) += 1;
}

#define NEED(number, fact)     \
    do {                       \
        if (!(fact))           \
            return (number);   \
    } while (0)

/* In a child, whose folder is a disk of twelve MiB. */
static int on_a_small_disk(void)
{
    static uint8_t large[100000];
    struct store_bytes event = {large, sizeof large};
    struct mf_why why = {{0}};
    char other[64];
    (void)snprintf(other, sizeof other, "%s/other", own_folder);
    int fd = open(other, O_WRONLY | O_CREAT, 0600);
    NEED(78, posix_fallocate(fd, 0, 3 << 20) == 0);
    NEED(1, rig_open(&rig, &options, &why) == MF_OK);
    struct queue *queue = rig_queue(&rig, "durable", &durable);
    uint32_t asked = 0, before = 0;
    while (answers_full == 0 && asked < 500) { /* many wait together */
        for (int i = 0; i < 10; i++, asked++) {
            struct store_ask ask = {.now_ms = 1000, .done = count_answer};
            NEED(2, queue_append(queue, QUEUE_BULK, &event, 1, &ask) == MF_OK);
        }
        while (answers_ok + answers_full + answers_other < asked)
            (void)uv_run(&rig.loop, UV_RUN_ONCE);
    }
    NEED(3, answers_full > 0 && answers_other == 0 && answers_ok > 20);
    before = answers_ok;
    NEED(4, RIG(&rig, queue_stat(queue, ASK)) == MF_OK && rig.got.stat.count == before);
    const struct queue_entry *entry = rig_take(&rig, queue); /* that needs no room */
    NEED(5, entry);
    NEED(6, RIG(&rig, queue_ack(queue, entry->id, 1, ASK)) == MF_OK); /* for that there is some */
    for (int i = 0; i < 12; i++) {
        NEED(7, (entry = rig_take(&rig, queue)));
        NEED(8, RIG(&rig, queue_ack(queue, entry->id, 1, ASK)) == MF_OK);
    }
    NEED(9, RIG(&rig, queue_append(queue, QUEUE_BULK, &event, 1, ASK)) == MF_OK); /* in their place */
    NEED(10, RIG(&rig, queue_stat(queue, ASK)) == MF_OK && rig.got.stat.count == before - 12);
    while (!RIG(&rig, queue_append(queue, QUEUE_BULK, &event, 1, ASK)))
        continue;
    NEED(11, rig.got.err == MF_EFULL && unlink(other) == 0 && close(fd) == 0);
    for (int i = 0; i < 15; i++) /* room comes from outside, too */
        NEED(12, RIG(&rig, queue_append(queue, QUEUE_BULK, &event, 1, ASK)) == MF_OK);
    queue_put(queue);
    rig_close(&rig);
    return 0;
}

static void a_full_disk_refuses_and_recovers(void **state)
{
    (void)state;
    own_folder_as_disk("12m", on_a_small_disk);
}

static void make_some(void)
{
    open_rig();
    struct queue *queue = rig_queue(&rig, "durable", &durable);
    for (int i = 0; i < 100; i++)
        (void)rig_append(&rig, queue, "0123456789012345678901234567890123456789");
    queue_put(queue);
    rig_close(&rig);
}

static void assert_refused(const char *words)
{
    struct mf_why why = {{0}};
    assert_int_equal(rig_open(&rig, &options, &why), MF_EFORMAT);
    if (!strstr(why.text, words) || !strstr(why.text, "moved away"))
        fail_msg("%s", why.text);
    (void)uv_loop_close(&rig.loop);
}

static void files_that_are_none_are_refused_with_a_reason(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/power-loss.mdb", own_folder);
    make_some();
    assert_int_equal(truncate(path, 8192), 0);
    assert_refused("power-loss.mdb");
    int fd = open(path, O_WRONLY | O_TRUNC);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(write(fd, "no LMDB ", 8), 8);
    (void)close(fd);
    assert_refused("power-loss.mdb");
    assert_int_equal(unlink(path), 0);
    open_rig(); /* and a new one is made */
    rig_close(&rig);
}

/* Bytes of events that a bad disk changed: each is told or passed over, none is believed. */
static void damaged_records_are_passed_over(void **state)
{
    (void)state;
    char path[64];
    static uint8_t file[4 << 20];
    (void)snprintf(path, sizeof path, "%s/power-loss.mdb", own_folder);
    make_some();
    int fd = open(path, O_RDWR);
    ssize_t bytes = pread(fd, file, sizeof file, 0);
    unsigned damaged = 0;
    for (ssize_t at = 0; at + 40 < bytes; at++)
        if (memcmp(file + at, "0123456789012345678901234567890123456789", 40) == 0 && ++damaged % 3 == 0)
            assert_int_equal(pwrite(fd, "X", 1, at + 5), 1);
    (void)close(fd);
    assert_true(damaged >= 100);
    open_rig();
    struct queue *queue = rig_queue(&rig, "durable", &durable);
    unsigned taken = 0;
    const struct queue_entry *entry;
    while ((entry = rig_take(&rig, queue))) {
        assert_memory_equal(entry->event.data, "0123456789012345678901234567890123456789", 40);
        taken++;
    }
    assert_true(taken >= 50 && taken < 100);
    OK(queue_purge(queue, false, 1000, ASK)); /* how to be rid of them */
    OK(queue_stat(queue, ASK));
    assert_int_equal(rig.got.stat.count, 0);
    queue_put(queue);
    rig_close(&rig);
}

/* A program that the node starts must not find the store among its descriptors. */
static void descriptors_are_not_inherited(void **state)
{
    (void)state;
    unsigned ours = 0;
    open_rig();
    for (int fd = 3; fd < 256; fd++) {
        char link[32], target[128] = "";
        (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        if (readlink(link, target, sizeof target - 1) <= 0 || strncmp(target, own_folder, strlen(own_folder)) != 0)
            continue;
        ours++;
        if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            fail_msg("%s", target);
    }
    assert_true(ours >= 6);
    rig_close(&rig);
}

static uint32_t take_many(struct queue *queue, uint32_t wanted)
{
    uint32_t taken = 0;
    do {
        OK(queue_take(queue, MF_QUEUE_BATCH_MAX, SIZE_MAX, 1000, ASK));
        taken += (uint32_t)rig.got.count;
    } while (rig.got.count && taken < wanted);
    return taken;
}

static void so_many_are_taken_at_once_and_no_more(void **state)
{
    (void)state;
    static struct store_bytes events[MF_QUEUE_BATCH_MAX];
    open_rig();
    struct queue *queue = rig_queue(&rig, "loose", &loose);
    for (size_t i = 0; i < MF_QUEUE_BATCH_MAX; i++)
        events[i] = (struct store_bytes){"x", 1};
    for (size_t i = 0; i < MF_STORE_TAKEN_MAX / MF_QUEUE_BATCH_MAX + 1; i++)
        OK(queue_append(queue, QUEUE_BULK, events, MF_QUEUE_BATCH_MAX, ASK));
    assert_int_equal(take_many(queue, MF_STORE_TAKEN_MAX), MF_STORE_TAKEN_MAX);
    IS(MF_EAGAIN, queue_take(queue, 1, SIZE_MAX, 1000, ASK));
    rig.now_ms += 1000; /* these can be taken again in their own slots */
    assert_int_equal(take_many(queue, 2000), 2 * MF_QUEUE_BATCH_MAX);
    assert_int_equal(rig.got.entries[0].attempts, 2);
    OK(queue_ack(queue, rig.got.entries[0].id, 2, ASK));
    queue_put(queue);
    rig_close(&rig);
}

static void an_idle_store_uses_no_processor(void **state)
{
    (void)state;
    struct timespec before, after;
    int64_t used_ns = INT64_MAX;
    open_rig();
    struct queue *queue = rig_queue(&rig, "loose", &loose);
    (void)rig_append(&rig, queue, "x");
    (void)usleep((MF_STORE_SYNC_MS + 300) * 1000); /* its sync is over */
    for (int i = 0; i < 20 && used_ns >= 2000000; i++) { /* its sync may be late */
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        (void)usleep(500000);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        used_ns = (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec;
    }
    assert_true(used_ns < 2000000);
    queue_put(queue);
    rig_close(&rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, own_folder_make, own_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_process_leaves_all_but_its_leases),
        TEST(attempts_add_up_over_deaths),
        TEST(the_file_grows_and_is_used_again),
        TEST(what_comes_and_goes_takes_no_disk),
        TEST(a_file_at_its_bound_refuses_and_takes_again),
        TEST(a_full_disk_refuses_and_recovers),
        TEST(files_that_are_none_are_refused_with_a_reason),
        TEST(damaged_records_are_passed_over),
        TEST(descriptors_are_not_inherited),
        TEST(so_many_are_taken_at_once_and_no_more),
        TEST(an_idle_store_uses_no_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
