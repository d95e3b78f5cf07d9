/*
 * test_store_crash.c: what was acknowledged is there, whatever was killed or cut, and when.
 * A child appends and says over a pipe what was answered; it is killed at any moment, or its
 * file is left as a power cut would leave it, and the store is opened again.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/store/lmdb_steady.h"
#include "power_cut.h"
#include "own_folder.h"
#include "store_rig.h"

#define ROUNDS 40
#define CUTS 100
#define IN_FLIGHT 32
#define EVENT_BYTES_MAX 9000u /* on pages of their own, too */

static char place[64];

static void run(const char *format, const char *one, const char *two)
{
    char command[256];
    (void)snprintf(command, sizeof command, format, one, two);
    assert_int_equal(system(command), 0);
}

static int make_place(void **state)
{
    if (own_folder_make(state) != 0)
        return -1;
    (void)snprintf(place, sizeof place, "%s/store", own_folder);
    run("mkdir %s%s", place, "");
    return 0;
}

/* An event tells its number, and its length and bytes follow from that. */
static size_t make_event(uint8_t *event, uint32_t number)
{
    size_t bytes = sizeof number + number * 2654435761u % (number % 7 ? 300 : EVENT_BYTES_MAX);
    memcpy(event, &number, sizeof number);
    for (size_t i = sizeof number; i < bytes; i++)
        event[i] = (uint8_t)(number + i);
    return bytes;
}

static bool is_event(struct store_bytes bytes, uint32_t *number)
{
    static uint8_t event[EVENT_BYTES_MAX + 8];
    if (bytes.bytes < sizeof *number)
        return false;
    memcpy(number, bytes.data, sizeof *number);
    return make_event(event, *number) == bytes.bytes && memcmp(event, bytes.data, bytes.bytes) == 0;
}

/* ---- a child that appends, takes and acknowledges without end ---- */

struct worker {
    struct rig rig;
    struct queue *queue;
    int out; /* numbers: appended; with ASKED: about to be acknowledged; with DONE: it is */
    uint32_t next, in_flight;
};
#define DONE 0x80000000u
#define ASKED 0x40000000u

struct one {
    struct worker *worker;
    uint32_t number;
};

static void say(struct worker *worker, uint32_t what)
{
    if (write(worker->out, &what, sizeof what) != sizeof what)
        _exit(1);
}

static void acknowledged(void *context, const struct store_answer *answer)
{
    struct one *one = context;
    one->worker->in_flight--;
    if (!answer->err)
        say(one->worker, one->number | DONE);
    free(one);
}

static void appended(void *context, const struct store_answer *answer)
{
    struct one *one = context;
    one->worker->in_flight--;
    if (answer->err)
        _exit(2);
    say(one->worker, one->number);
    free(one);
}

static struct one *make_one(struct worker *worker, uint32_t number)
{
    struct one *one = malloc(sizeof *one);
    if (!one)
        _exit(3);
    *one = (struct one){worker, number};
    worker->in_flight++;
    return one;
}

static void taken(void *context, const struct store_answer *answer)
{
    struct worker *worker = context;
    worker->in_flight--;
    for (size_t i = 0; i < answer->count; i++) {
        uint32_t number;
        if (!is_event(answer->entries[i].event, &number))
            _exit(4);
        say(worker, number | ASKED);
        struct store_ask ask = {.now_ms = worker->rig.now_ms, .done = acknowledged,
                                .context = make_one(worker, number)};
        if (queue_ack(worker->queue, answer->entries[i].id, answer->entries[i].attempts, &ask))
            _exit(5);
    }
}

static void append_one(struct worker *worker)
{
    static uint8_t event[EVENT_BYTES_MAX + 8];
    struct store_bytes bytes = {event, make_event(event, worker->next)};
    struct store_ask ask = {.now_ms = worker->rig.now_ms, .done = appended,
                            .context = make_one(worker, worker->next)};
    if (queue_append(worker->queue, worker->next % 3 ? QUEUE_BULK : QUEUE_URGENT, &bytes, 1, &ask))
        _exit(6);
    worker->next++;
}

static void take_some(struct worker *worker)
{
    struct store_ask ask = {.now_ms = worker->rig.now_ms, .done = taken, .context = worker};
    worker->in_flight++;
    if (queue_take(worker->queue, 8, SIZE_MAX, 1000, &ask))
        _exit(7);
}

static void open_worker(struct worker *worker, const char *directory, enum store_durability durability)
{
    struct mf_why why = {{0}};
    struct store_options options = {.directory = directory};
    if (rig_open(&worker->rig, &options, &why)) {
        fprintf(stderr, "%s\n", why.text);
        _exit(8);
    }
    worker->queue = rig_queue(&worker->rig, "q", &(struct queue_settings){.durability = durability});
}

static void work_until(struct worker *worker, uint32_t last)
{
    while (worker->next < last || worker->in_flight) {
        while (worker->next < last && worker->in_flight < IN_FLIGHT) {
            append_one(worker);
            if (worker->next % 16 == 0)
                take_some(worker);
        }
        (void)uv_run(&worker->rig.loop, UV_RUN_ONCE);
    }
}

static pid_t start_child(uint32_t first, enum store_durability durability, int *in)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static struct worker worker;
        (void)close(pipe_fd[0]);
        worker = (struct worker){.out = pipe_fd[1], .next = first};
        open_worker(&worker, place, durability);
        work_until(&worker, first + 20000);
        for (;;)
            (void)pause(); /* until it is killed */
    }
    (void)close(pipe_fd[1]);
    *in = pipe_fd[0];
    return pid;
}

/* ---- what there has to be ---- */

#define ROUND_NUMBERS 20000u /* each child has its own; of those it appends as many as it can */
#define NUMBERS_MAX (ROUNDS * ROUND_NUMBERS)
static uint8_t appended_to[NUMBERS_MAX], asked_of[NUMBERS_MAX], acknowledged_of[NUMBERS_MAX],
    seen[NUMBERS_MAX];

/* A child of a test says by its status what did not hold. */
static bool is_child;

static void must(bool fact)
{
    if (is_child && !fact)
        _exit(11);
    assert_true(fact);
}

/* Everything in the store, peeked; numbers in seen[]. */
static uint32_t look(const char *directory, enum store_durability durability)
{
    struct rig rig;
    struct mf_why why = {{0}};
    struct store_options options = {.directory = directory};
    uint64_t after = 0;
    uint32_t count = 0;
    memset(seen, 0, sizeof seen);
    if (rig_open(&rig, &options, &why))
        print_message("%s\n", why.text), must(false);
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.durability = durability});
    do {
        must(RIG(&rig, queue_peek(queue, false, after, 1000, SIZE_MAX, rig_ask(&rig))) == MF_OK);
        for (size_t i = 0; i < rig.got.count; i++) {
            uint32_t number = 0;
            must(is_event(rig.got.entries[i].event, &number));
            must(number < NUMBERS_MAX && !seen[number]);
            seen[number] = 1;
            after = rig.got.entries[i].id;
            count++;
        }
    } while (rig.got.more);
    must(RIG(&rig, queue_stat(queue, rig_ask(&rig))) == MF_OK);
    must(rig.got.stat.count == count);
    queue_put(queue);
    rig_close(&rig);
    return count;
}

/* Every append that was answered is there, unless its end had been asked for; what was
 * answered to have ended is not. All that the child said was heard. */
static void judge(uint32_t numbers, const char *when)
{
    for (uint32_t i = 0; i < numbers; i++) {
        if (appended_to[i] && !asked_of[i] && !seen[i])
            fail_msg("%s: %u was answered and is gone", when, i);
        if (acknowledged_of[i] && seen[i])
            fail_msg("%s: %u was done and is back", when, i);
    }
}

static void forget_all(void)
{
    memset(appended_to, 0, sizeof appended_to);
    memset(asked_of, 0, sizeof asked_of);
    memset(acknowledged_of, 0, sizeof acknowledged_of);
}

static void hear_one(uint32_t what, uint32_t *numbers)
{
    uint32_t number = what & ~(DONE | ASKED);
    assert_true(number < NUMBERS_MAX);
    *(what & DONE ? &acknowledged_of[number] : what & ASKED ? &asked_of[number] : &appended_to[number]) = 1;
    if (number >= *numbers)
        *numbers = number + 1;
}

/* What there is to hear at this moment. */
static void hear(int in, uint32_t *numbers)
{
    uint32_t what;
    struct pollfd ready = {.fd = in, .events = POLLIN};
    while (poll(&ready, 1, 0) == 1 && read(in, &what, sizeof what) == sizeof what)
        hear_one(what, numbers);
}

static void killed_at_any_moment(enum store_durability durability)
{
    uint32_t numbers = 0;
    uint32_t appends = 0;
    forget_all();
    for (int round = 0; round < ROUNDS; round++) {
        int in, status;
        pid_t pid = start_child((uint32_t)round * ROUND_NUMBERS, durability, &in);
        uint32_t first;
        assert_int_equal(read(in, &first, sizeof first), sizeof first); /* it is at work */
        hear_one(first, &numbers);
        (void)usleep((useconds_t)(rand() % 30000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        hear(in, &numbers);
        (void)close(in);
        (void)look(place, durability);
        judge(numbers, "kill");
    }
    for (uint32_t i = 0; i < numbers; i++)
        appends += appended_to[i];
    print_message("%u appends over %d kills\n", appends, ROUNDS);
}

static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
    (void)state;
    killed_at_any_moment(STORE_POWER_LOSS);
}

static void nor_in_the_file_that_need_not_survive_a_power_cut(void **state)
{
    (void)state;
    killed_at_any_moment(STORE_PROCESS_CRASH);
}

/* The file as the operating system has it, of a process that stands still in the midst. */
static void copies_taken_at_any_moment_are_whole(void **state)
{
    (void)state;
    uint32_t numbers = 0;
    int in;
    char copy[80];
    uint32_t what;
    forget_all();
    pid_t pid = start_child(0, STORE_POWER_LOSS, &in);
    (void)snprintf(copy, sizeof copy, "%s/copy", own_folder);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < rand() % 400 + 1; i++) {
            assert_int_equal(read(in, &what, sizeof what), sizeof what);
            hear_one(what, &numbers);
        }
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
        hear(in, &numbers);
        run("rm -rf %s && mkdir %s", copy, copy);
        run("cp %s/power-loss.mdb %s", place, copy);
        (void)look(copy, STORE_POWER_LOSS);
        judge(numbers, "copy");
        assert_int_equal(kill(pid, SIGCONT), 0);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(in);
}

/* ---- power cuts ---- */

/* Runs here, with every write noted; moments of what was answered. */
static size_t answered_at[NUMBERS_MAX];
static uint32_t answers;


static void note_answer(void *context, const struct store_answer *answer)
{
    assert_int_equal(answer->err, MF_OK);
    answered_at[(uintptr_t)context] = power_cut_now();
    answers++;
}

/* Appends only, so that everything answered has to be there. */
static void write_noted(const char *file, enum store_durability durability, uint32_t count,
                        bool with_pauses)
{
    static uint8_t event[EVENT_BYTES_MAX + 8];
    struct rig rig;
    struct mf_why why = {{0}};
    struct store_options options = {.directory = place};
    char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", place, file);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600); /* an inode to watch */
    assert_true(fd >= 0);
    (void)close(fd);
    power_cut_watch(path);
    answers = 0;
    assert_int_equal(rig_open(&rig, &options, &why), MF_OK);
    struct queue *queue = rig_queue(&rig, "q", &(struct queue_settings){.durability = durability});
    uint32_t asked = 0;
    while (answers < count) {
        for (int burst = rand() % 12; burst >= 0 && asked < count; burst--, asked++) {
            struct store_bytes bytes = {event, make_event(event, asked)};
            struct store_ask ask = {.now_ms = 1000, .done = note_answer, .context = (void *)(uintptr_t)asked};
            assert_int_equal(queue_append(queue, QUEUE_BULK, &bytes, 1, &ask), MF_OK);
        }
        if (with_pauses && asked % 40 == 0)
            (void)usleep((MF_STORE_SYNC_MS + 100) * 1000 / 4);
        (void)uv_run(&rig.loop, UV_RUN_ONCE);
    }
    queue_put(queue);
    rig_close(&rig);
    power_cut_unwatch();
}

/* Opens what is left in a child, which a broken file may kill; 0: all is well. */
static int look_in_child(const char *directory, enum store_durability durability, uint32_t count,
                         size_t moment)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        is_child = true;
        (void)look(directory, durability);
        for (uint32_t i = 0; i < count; i++)
            if (answered_at[i] <= moment && !seen[i])
                _exit(10);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void what_is_durable_survives_power_cuts(void **state)
{
    (void)state;
    const uint32_t count = 800;
    char left[80], file[112];
    write_noted("power-loss.mdb", STORE_POWER_LOSS, count, false);
    size_t end = power_cut_now();
    (void)snprintf(left, sizeof left, "%s/left", own_folder);
    (void)snprintf(file, sizeof file, "%s/power-loss.mdb", left);
    print_message("%zu writes and syncs, %d cuts\n", end, CUTS);
    size_t born = 0; /* before its first record, it is no file of ours and may be refused */
    for (uint32_t i = 0; i < count; i++)
        born = born == 0 || answered_at[i] < born ? answered_at[i] : born;
    for (unsigned cut = 0; cut < CUTS; cut++) {
        size_t moment = born + (size_t)rand() % (end - born + 1);
        run("rm -rf %s && mkdir %s", left, left);
        power_cut_leave(file, moment, cut);
        int failed = look_in_child(left, STORE_POWER_LOSS, count, moment);
        if (failed)
            fail_msg("cut %u at %zu: %d", cut, moment, failed);
    }
    power_cut_forget();
}

/* What was synced last is there, all of it; nothing is damaged. */
static void what_need_not_survive_a_power_cut_is_whole_after_one(void **state)
{
    (void)state;
    const uint32_t count = 400;
    char left[80], file[112], steady[128], boot[80];
    write_noted("process-crash.mdb", STORE_PROCESS_CRASH, count, true);
    size_t end = power_cut_now();
    (void)snprintf(left, sizeof left, "%s/left", own_folder);
    (void)snprintf(file, sizeof file, "%s/process-crash.mdb", left);
    (void)snprintf(steady, sizeof steady, "%s.steady", file);
    (void)snprintf(boot, sizeof boot, "%s/boot", own_folder);
    run("echo 01234567-0123-0123-0123-0123456789ab > %s%s", boot, "");
    lmdb_steady_boot_path = boot; /* booted */
    unsigned looked = 0;
    for (unsigned cut = 0; cut < CUTS; cut++) {
        size_t moment = (size_t)rand() % (end + 1);
        run("rm -rf %s && mkdir %s", left, left);
        power_cut_leave(file, moment, cut);
        if (!power_cut_leave_steady(steady, moment))
            continue;
        int failed = look_in_child(left, STORE_PROCESS_CRASH, 0, moment);
        if (failed)
            fail_msg("cut %u at %zu: %d", cut, moment, failed);
        looked++;
    }
    print_message("%zu writes and syncs, %u cuts\n", end, looked);
    assert_true(looked > CUTS / 2);
    run("rm -rf %s && mkdir %s", left, left);
    power_cut_leave(file, end, 1);
    assert_true(power_cut_leave_steady(steady, end));
    assert_int_equal(look_in_child(left, STORE_PROCESS_CRASH, count, end), 0); /* closed: synced */
    lmdb_steady_boot_path = "/proc/sys/kernel/random/boot_id";
    power_cut_forget();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, own_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_acknowledged_is_lost_by_a_kill),
        TEST(nor_in_the_file_that_need_not_survive_a_power_cut),
        TEST(copies_taken_at_any_moment_are_whole),
        TEST(what_is_durable_survives_power_cuts),
        TEST(what_need_not_survive_a_power_cut_is_whole_after_one),
    };
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    srand(seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
