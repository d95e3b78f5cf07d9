/*
 * test_kvm_reset.c: instances that are rolled back after every event: what a guest leaves
 * anywhere is not there when the next one begins. Real spawner, real VMs; skipped (status
 * 77) without a usable /dev/kvm. Guests: the hostile kernel of tests/guests/raw, told to
 * leave marks everywhere and to look for them; a function with our kernel, frozen.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/boot.h"
#include "abi/cause.h"
#include "abi/hypercall.h"
#include "abi/snapshot.h"
#include "base/clock.h"
#include "base/limits.h"
#include "image/image.h"
#include "node/instance/freeze.h"
#include "node/instance/session.h"
#include "raw/marks.h"
#include "raw/orders.h"
#include "raw_image.h"
#include "rolled.h"

#define FAULT(cause) ((MF_CAUSE_STATUS + MF_CAUSE_##cause) << 8) /* as of waitpid */
#define RW (MF_PROT_READ | MF_PROT_WRITE)

static struct spawner spawner;
static const char *images;

static int open_image(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.mf", images, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s is not built", path);
    return fd;
}

/* Boot the image, wait until it has parked itself, read it out. */
static int freeze(int image_fd)
{
    struct session_host host;
    struct session session;
    struct image_file file;
    struct mf_why why = {{0}};
    const struct session_options options = {
        .sandbox = MF_SANDBOX_KVM, .image_fd = image_fd, .flags = MF_START_FREEZE};
    const uint64_t until_ns = mf_monotonic_ns() + PATIENCE_MS * MF_NS_PER_MS;
    assert_int_equal(session_host_open(MF_SPAWNER_PATH, &host, &why), MF_OK);
    assert_int_equal(session_open(&host, &options, &session, &why), MF_OK);
    while (!session.frozen && session.state != SESSION_ENDED && mf_monotonic_ns() < until_ns)
        session_step(&host, until_ns);
    assert_true(session.frozen);
    assert_int_equal(image_open(image_fd, false, &file, &why), MF_OK);
    const struct freeze_order order = {
        .pid = session.blank.pid,
        .parent = host.spawner.pid,
        .sandbox = MF_SANDBOX_KVM,
        .window_bytes = file.image.info.window_bytes,
        .image = &file.image,
        .ranges = (const struct mf_range *)(const void *)session.ranges.data,
        .range_count = (uint32_t)(session.ranges.bytes / sizeof(struct mf_range)),
    };
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    mf_err err = freeze_write(&order, fd, &why);
    if (err)
        fail_msg("freeze: %s", mf_why_text(&why, err));
    image_close(&file);
    session_close(&session);
    session_host_close(&host);
    return fd;
}

static void a_counter_in_a_global_shows_1_1_1(void **state)
{
    (void)state;
    struct rolled rolled;
    int image_fd = open_image("frozen"), snapshot_fd = freeze(image_fd);
    rolled_open(&rolled, &spawner, image_fd, snapshot_fd);
    for (int i = 0; i < 5; i++) {
        rolled_event(&rolled, "/count", NULL, 0);
        assert_int_equal(rolled.status, 200);
        assert_int_equal(rolled.body_bytes, 1);
        assert_int_equal(rolled.body[0], '1');
        if (getenv("RESET_VERBOSE"))
            print_message("pages %u, %.1f us\n", rolled.control->dirty_pages,
                          (double)rolled.control->reset_ns / 1e3);
    }
    rolled_close(&rolled);
    (void)close(snapshot_fd);
    (void)close(image_fd);
}

/* --- the hostile kernel --- */

/* What a snapshot may say of pages: each thing once. */
static const struct mf_range ranges[] = {
    {0x480, 16, RW}, {0x490, 8, MF_PROT_READ}, {0x498, 8, MF_PROT_NONE},
    {0x4a0, 0x40, RW}, {0x700, MF_RESET_PAGES_KEPT_MAX + 0x100, RW}};
static const struct mf_run runs[] = {
    {0x11c, 1, RW, MF_RUN_COPY},           /* the hostile kernel's data, RAW_SCRATCH */
    {0x401, 1, MF_PROT_READ, 0},           /* the program's text                     */
    {0x4a0, 4, RW, 0},
    {0x4b0, 4, RW, MF_RUN_COPY},
    {0x4c0, 2, MF_PROT_READ, 0},
    {0x4d0, 2, MF_PROT_NONE, MF_RUN_COPY},
};
#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

static int raw_fd, raw_snapshot_fd;
static uint64_t raw_window_bytes;

static int open_raw(void **state)
{
    (void)state;
    struct image_file file;
    struct mf_why why = {{0}};
    raw_fd = open_image("raw");
    if (image_open(raw_fd, false, &file, &why))
        return -1;
    raw_window_bytes = file.image.info.window_bytes;
    raw_snapshot_fd =
        rolled_snapshot(&file, raw_window_bytes, ranges, COUNT(ranges), runs, COUNT(runs));
    image_close(&file);
    return 0;
}

static int close_raw(void **state)
{
    (void)state;
    (void)close(raw_fd);
    (void)close(raw_snapshot_fd);
    return 0;
}

static void put_order(struct rolled *rolled, const struct order *order)
{
    rolled_put(rolled, "/", order, sizeof *order);
    rolled_go(rolled);
}

static void look(struct rolled *rolled, struct looked *looked)
{
    put_order(rolled, &(const struct order){.kind = ORDER_LOOK});
    rolled_reply(rolled);
    assert_int_equal(rolled->body_bytes, sizeof *looked);
    memcpy(looked, rolled->body, sizeof *looked);
}

static void roll(struct rolled *rolled)
{
    rolled_await_reset(rolled);
    rolled_renew(rolled);
}

static void same_as_first(const struct looked *first, const struct looked *now, const char *after)
{
    const uint64_t *a = (const uint64_t *)(const void *)first, *b = (const uint64_t *)(const void *)now;
    if (now->marks_in_memory)
        print_error("after %s: a mark at 0x%llx\n", after, (unsigned long long)now->first_mark);
    int differ = 0;
    for (size_t i = 0; i < sizeof *first / sizeof *a; i++)
        if (a[i] != b[i]) {
            print_error("after %s: word %zu of struct looked was 0x%llx and is 0x%llx\n", after, i,
                        (unsigned long long)a[i], (unsigned long long)b[i]);
            differ++;
        }
    assert_int_equal(differ, 0);
}

/* The marks, and the looking, are worth something: without a rollback in between, each
 * sort is found, and nothing looks the same. */
static void marks_are_found_where_nothing_is_rolled_back(void **state)
{
    (void)state;
    struct rolled rolled;
    struct looked first, now;
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    look(&rolled, &first);
    assert_int_equal(first.marks_in_memory, 0);
    assert_int_equal(first.marks_in_registers, 0);
    assert_int_equal(first.marks_in_vectors, 0);
    assert_int_equal(first.flags_of_boot & ~MF_BOOT_SEGMENTS, MF_BOOT_RESTORED | MF_BOOT_WAIT_RINGS);
    roll(&rolled);
    put_order(&rolled, &(const struct order){.kind = ORDER_MARK,
                                             .number = MARK_AND_ENTER,
                                             .address = 0x600000,
                                             .last = 0x700000});
    look(&rolled, &now);
    assert_true(now.marks_in_memory > 0x100000 / 8);
    assert_int_equal(now.marks_in_registers, 16);
    if (getenv("RESET_VERBOSE"))
        print_message("marks in vectors: %llu\n", (unsigned long long)now.marks_in_vectors);
    assert_true(now.marks_in_vectors >= 8 + 2 * 16); /* x87, SSE at least */
    assert_true(now.readable > first.readable && now.writable > first.writable);
    assert_true(now.memory_digest != first.memory_digest);
    assert_true(now.vectors_digest != first.vectors_digest);
    assert_true(now.gate_digest != first.gate_digest);
    assert_true(now.flags != first.flags);
    assert_true(now.fs_base != 0 && now.gs_base != 0);
    for (int i = 0; i < 6; i++) /* whatever a single step left in DR6, ring 3 does not see it */
        assert_int_equal(now.debug[i], ~0ull);
    for (int i = 0; i < 6; i++)
        if (i != 1 && i != 2) /* cs and ss have one value each */
            assert_true(now.selectors[i] != first.selectors[i]);
    rolled_close(&rolled);
}

/* What ORDER_MARK gets and gives away besides. */
static const struct {
    const char *what;
    uint64_t from, to;                 /* made writable */
    uint64_t discard_from, discard_to;
} leavings[] = {
    {"marks alone", 0, 0, 0, 0},
    {"marks after a protect", 0x402000, 0x403000, 0, 0},
    {"marks alone again", 0, 0, 0, 0},
    {"read-only pages discarded", 0, 0, 0x4c0000, 0x4c2000},
    {"every protection changed", MF_KERNEL_BASE, 0x500000, 0, 0},
    {"text made writable", 0x401000, 0x402000, 0, 0},
    {"pages of every sort discarded", 0x480000, 0x500000, 0x480000, 0x500000},
    {"a copied page discarded", 0x600000, 0x601000, 0x4b1000, 0x4b3000},
    {"what it got discarded", 0x600000, 0x700000, 0x600000, 0x680000},
    {"more pages than are kept", 0x500000, 0xf00000, 0, 0},
    {"everything, and discarded", 0x480000, 0xf00000, 0x400000, 0xf00000},
};

static void nothing_crosses_a_rollback(void **state)
{
    (void)state;
    struct rolled rolled;
    struct looked first, now;
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    look(&rolled, &first);
    roll(&rolled);
    look(&rolled, &now);
    same_as_first(&first, &now, "nothing");
    roll(&rolled);
    for (size_t i = 0; i < COUNT(leavings); i++) {
        put_order(&rolled, &(const struct order){
                               .kind = ORDER_MARK,
                               .number = MARK_AND_IDLE,
                               .address = leavings[i].from,
                               .last = leavings[i].to,
                               .argument = {leavings[i].discard_from, leavings[i].discard_to}});
        roll(&rolled); /* idle in the midst of an event: rolled back like any */
        if (getenv("RESET_VERBOSE"))
            print_message("%s: pages %u, %.1f us\n", leavings[i].what,
                          rolled.control->dirty_pages, (double)rolled.control->reset_ns / 1e3);
        look(&rolled, &now);
        same_as_first(&first, &now, leavings[i].what);
        roll(&rolled);
    }
    rolled_close(&rolled);
}

/* --- the protocol --- */

static void each_event_has_random_bytes_of_its_own(void **state)
{
    (void)state;
    enum { WORD = 16 };
    struct rolled rolled;
    uint8_t first[2 * WORD + 1];
    int image_fd = open_image("frozen"), snapshot_fd = freeze(image_fd);
    rolled_open(&rolled, &spawner, image_fd, snapshot_fd);
    rolled_event(&rolled, "/random", NULL, 0);
    memcpy(first, rolled.body, sizeof first);
    rolled_event(&rolled, "/random", NULL, 0);
    assert_memory_equal(first, rolled.body, WORD); /* heard before the freeze */
    assert_memory_not_equal(first + WORD + 1, rolled.body + WORD + 1, WORD);
    rolled_close(&rolled);
    (void)close(snapshot_fd);
    (void)close(image_fd);
}

static void generators_of_the_program_notice_a_rollback(void **state)
{
    (void)state;
    enum { EVENTS = 4, WORD = 16 }; /* generators.h: kept, wiped, by number, the number */
    struct rolled rolled;
    char seen[EVENTS][3 * (WORD + 1) + 8] = {{0}};
    int image_fd = open_image("frozen"), snapshot_fd = freeze(image_fd);
    rolled_open(&rolled, &spawner, image_fd, snapshot_fd);
    for (int i = 0; i < EVENTS; i++) {
        rolled_event(&rolled, "/generators", NULL, 0);
        assert_int_equal(rolled.status, 200);
        assert_in_range(rolled.body_bytes, 3 * (WORD + 1) + 1, sizeof seen[i] - 1);
        memcpy(seen[i], rolled.body, rolled.body_bytes);
        for (int k = 0; k < i; k++) {
            assert_memory_equal(seen[k], seen[i], WORD);
            for (int kind = 1; kind < 3; kind++)
                assert_memory_not_equal(seen[k] + kind * (WORD + 1), seen[i] + kind * (WORD + 1),
                                        WORD);
            assert_string_not_equal(seen[k] + 3 * (WORD + 1), seen[i] + 3 * (WORD + 1));
        }
    }
    rolled_close(&rolled);
    (void)close(snapshot_fd);
    (void)close(image_fd);
}

static void idle_without_an_event_is_rolled_back_and_stands_still(void **state)
{
    (void)state;
    struct rolled rolled;
    struct looked first, now;
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    for (uint32_t i = 1; i <= 3; i++) {
        rolled_go(&rolled);
        roll(&rolled);
        assert_int_equal(rolled.resets, i);
    }
    look(&rolled, &first);
    roll(&rolled);
    look(&rolled, &now);
    same_as_first(&first, &now, "idling");
    rolled_close(&rolled);
}

/* Between the rollback and `go`, whatever stands in its ring, whoever rings. */
static void nothing_runs_before_go(void **state)
{
    (void)state;
    struct rolled rolled;
    struct looked looked;
    const struct order order = {.kind = ORDER_LOOK};
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    look(&rolled, &looked);
    roll(&rolled);
    rolled_put(&rolled, "/", &order, sizeof order);
    channel_bell(&rolled.blank.channel);
    (void)usleep(20000);
    const struct mf_channel_head *head = (const void *)rolled.blank.channel.base;
    assert_int_equal(__atomic_load_n(&head->to_guest.head, __ATOMIC_ACQUIRE), 0);
    assert_int_equal(__atomic_load_n(&head->to_node.tail, __ATOMIC_ACQUIRE), 0);
    assert_int_equal(__atomic_load_n(&head->guest_sleeping, __ATOMIC_ACQUIRE), 0);
    rolled_go(&rolled);
    rolled_reply(&rolled);
    assert_int_equal(rolled.body_bytes, sizeof looked);
    rolled_close(&rolled);
}

static bool bell_rang(struct rolled *rolled, int patience_ms)
{
    uint64_t times = 0;
    struct pollfd ready = {.fd = rolled->blank.bell, .events = POLLIN};
    if (poll(&ready, 1, patience_ms) != 1)
        return false;
    assert_int_equal(read(rolled->blank.bell, &times, sizeof times), sizeof times);
    assert_int_equal(times, 1);
    return true;
}

/* MF_BOOT_WAIT_RINGS: for a reply at once; once for both, where the rollback is waited for, too;
 * not at all where the node is awake. */
static void idle_rings_for_the_guest(void **state)
{
    (void)state;
    struct rolled rolled;
    int image_fd = open_image("frozen"), snapshot_fd = freeze(image_fd);
    rolled_open(&rolled, &spawner, image_fd, snapshot_fd);
    for (uint32_t way = 0; way < 6; way++) {
        const bool asleep = way % 3 < 2, waited_for = way % 3 == 1;
        struct mf_channel_head *head = (void *)rolled.blank.channel.base;
        rolled_put(&rolled, "/count", NULL, 0);
        assert_true(!asleep || channel_sleep(&rolled.blank.channel));
        __atomic_store_n(&rolled.control->notify, waited_for, __ATOMIC_SEQ_CST);
        rolled_go(&rolled);
        assert_true(!asleep || bell_rang(&rolled, PATIENCE_MS));
        assert_int_equal(__atomic_load_n(&head->node_sleeping, __ATOMIC_SEQ_CST), 0);
        if (waited_for)
            assert_int_equal(__atomic_load_n(&rolled.control->resets, __ATOMIC_SEQ_CST), way + 1);
        for (int i = 0; i < PATIENCE_MS && rolled.control->resets == way; i++)
            (void)usleep(1000);
        assert_int_equal(rolled.control->resets, way + 1);
        assert_false(bell_rang(&rolled, 5));
        rolled_reply(&rolled);
        rolled.resets = way + 1;
        rolled_renew(&rolled);
    }
    rolled_close(&rolled);
    (void)close(snapshot_fd);
    (void)close(image_fd);
}

/* It is the node's to end one that does not. */
static void who_is_never_idle_is_never_rolled_back(void **state)
{
    (void)state;
    struct rolled rolled;
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    put_order(&rolled, &(const struct order){.kind = ORDER_SPIN});
    (void)usleep(20000);
    assert_int_equal(__atomic_load_n(&rolled.control->resets, __ATOMIC_SEQ_CST), 0);
    rolled_close(&rolled);
}

/* A hypercall's instruction that has more to write. Some KVMs make one exit of it, which is
 * no hypercall; under others it must not go on after the rollback. */
static void idle_by_a_string_of_writes_ends_it_or_is_the_end_of_it(void **state)
{
    (void)state;
    struct rolled rolled;
    struct looked first, now;
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    look(&rolled, &first);
    roll(&rolled);
    rolled.control->notify = 1; /* nobody runs */
    put_order(&rolled, &(const struct order){.kind = ORDER_MARK, .number = MARK_AND_STRING});
    struct pollfd ready[] = {{.fd = spawner.fd, .events = POLLIN},
                             {.fd = rolled.blank.bell, .events = POLLIN}};
    assert_true(poll(ready, 2, PATIENCE_MS) > 0);
    if (ready[0].revents) {
        assert_int_equal(rolled_end(&rolled), FAULT(PROTOCOL));
        return;
    }
    roll(&rolled);
    look(&rolled, &now);
    same_as_first(&first, &now, "a string of writes");
    rolled_close(&rolled);
}

/* A guest that takes three preempts and is idle, again and again (raw_preempt.S). */
static void preempts_do_not_cross_a_rollback(void **state)
{
    (void)state;
    extern const char raw_preempt_rolled[], raw_preempt_rolled_landing[];
    const struct raw_entries entries = {raw_preempt_rolled, NULL, raw_preempt_rolled_landing};
    struct rolled rolled;
    struct image_file file;
    struct mf_why why = {{0}};
    int image = raw_image_flagged(&entries, MF_IMAGE_LINUX);
    assert_int_equal(image_open(image, false, &file, &why), MF_OK);
    int snapshot = rolled_snapshot(&file, file.image.info.window_bytes, NULL, 0, NULL, 0);
    rolled_open(&rolled, &spawner, image, snapshot);
    for (uint32_t i = 1; i <= 5; i++) {
        rolled_go(&rolled);
        rolled_await_reset(&rolled);
        rolled_renew(&rolled);
        assert_int_equal(rolled.resets, i);
    }
    rolled_close(&rolled);
    image_close(&file);
    (void)close(snapshot);
    (void)close(image);
}

/* What a start with MF_START_RESET may come with instead of its pagemap. */
static void without_its_pagemap_nothing_starts(void **state)
{
    (void)state;
    struct rolled rolled;
    struct mf_why why = {{0}};
    rolled_open(&rolled, &spawner, raw_fd, raw_snapshot_fd);
    assert_int_equal(dup2(raw_fd, rolled.pagemap), rolled.pagemap);
    rolled_go(&rolled);
    assert_int_equal(rolled_end_why(&rolled, &why), FAULT(HOST));
    assert_non_null(strstr(why.text, "pagemap"));
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_in_a_global_shows_1_1_1),
        cmocka_unit_test(marks_are_found_where_nothing_is_rolled_back),
        cmocka_unit_test(nothing_crosses_a_rollback),
        cmocka_unit_test(each_event_has_random_bytes_of_its_own),
        cmocka_unit_test(generators_of_the_program_notice_a_rollback),
        cmocka_unit_test(idle_without_an_event_is_rolled_back_and_stands_still),
        cmocka_unit_test(nothing_runs_before_go),
        cmocka_unit_test(idle_rings_for_the_guest),
        cmocka_unit_test(who_is_never_idle_is_never_rolled_back),
        cmocka_unit_test(idle_by_a_string_of_writes_ends_it_or_is_the_end_of_it),
        cmocka_unit_test(preempts_do_not_cross_a_rollback),
        cmocka_unit_test(without_its_pagemap_nothing_starts),
    };
    return cmocka_run_group_tests(tests, open_raw, close_raw);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_kvm_reset IMAGES\n");
        return 2;
    }
    images = argv[1];
    return run_with_kvm(&spawner, all);
}
